/** A server's routes as a vector needs them. */
import { isJsonObject, parseJson, type Json, type JsonObject } from '../../lib/core/json.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import type { Client } from '../client.ts';
import { text } from '../render.ts';
import type { Driver, EditSettings } from './driver.ts';

/** What a lookup is asked to tell beside the values. */
export const LOOKUP_METADATA: JsonObject = { names: true, statuses: true, eventTimes: true };
const TRAINING_WAIT_SECONDS = 600;

/** Works in a project that is there. */
export function httpDriver(client: Client, project: string): Driver {
  const base = `/v1/projects/${project}`;
  const groupPath = (group: string): string => `${base}/feature-groups/${group}/versions/1`;
  const viewPath = (view: string): string => `${base}/feature-views/${view}/versions/1`;
  const post = async (
    path: string,
    json: JsonObject,
    options: { readonly query?: Readonly<Record<string, string | number | undefined>>; readonly idempotencyKey?: string | undefined } = {},
  ): Promise<JsonObject> => {
    const headers = options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey };
    return (await client.json({ method: 'POST', path, json, headers, ...(options.query === undefined ? {} : { query: options.query }) })).body;
  };
  const edit = (path: string, json: JsonObject, { wait, idempotencyKey, operation }: EditSettings & { readonly operation?: string }): Promise<JsonObject> =>
    post(path, json, { query: { operation, wait }, idempotencyKey });
  return {
    define: async ({ groups, view }) => {
      for (const group of groups) await post(`${base}/feature-groups`, group);
      await post(`${base}/feature-views`, view);
    },
    write: (rows, settings) => edit(`${groupPath(settings.group)}/rows`, { rows }, settings),
    remove: (keys, settings) => edit(`${groupPath(settings.group)}/rows:delete`, { keys }, settings),
    restore: (toVersion, settings) => edit(`${groupPath(settings.group)}:restore`, { toVersion }, { ...settings, idempotencyKey: undefined }),
    publish: (group) => post(`${groupPath(group)}:publish`, {}),
    resend: notByRoute,
    read: async (group, asOf) => {
      const answer = await client.request({
        method: 'POST',
        path: `${groupPath(group)}/read`,
        accept: 'application/x-ndjson',
        json: asOf === undefined ? {} : { asOf: { version: asOf } },
      });
      return parseLines(await answer.text());
    },
    lookUp: (view, entries) => post(`${viewPath(view)}/vectors`, { entries, metadata: LOOKUP_METADATA, options: { consistent: true } }),
    train: async ({ view, body }) => {
      const manifest = await post(`${viewPath(view)}/training-datasets`, body, { query: { wait: TRAINING_WAIT_SECONDS } });
      const data = await client.request({
        method: 'GET',
        path: `${viewPath(view)}/training-datasets/${text(manifest['trainingDataset'])}/data`,
        accept: 'application/x-ndjson',
      });
      return { manifest, rows: parseLines(await data.text()) };
    },
    close: async () => undefined,
  };
}

/** Rows of an NDJSON text. @throws LakefoldError MALFORMED_JSON */
export function parseLines(lines: string): readonly JsonObject[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const row: Json = parseJson(line);
      if (!isJsonObject(row)) throw new LakefoldError('MALFORMED_JSON', `expected an object a line, found ${line.slice(0, 80)}`);
      return row;
    });
}

async function notByRoute(): Promise<void> {
  throw new LakefoldError('UNSUPPORTED_OPERATION', 'expected a vector that runs in the library only: no route repeats the online writes of a commit');
}
