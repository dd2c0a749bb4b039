/** The `lakefold` command as a vector needs it: every call is a command line run in this process on one embedded store. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { parseLines } from '../../cli/conformance/http-driver.ts';
import type { Driver, EditSettings } from '../../cli/conformance/driver.ts';
import { text as shown } from '../../cli/render.ts';
import { run } from '../../cli/run.ts';
import { isErrorCode, LakefoldError, type Fault } from '../../lib/core/errors.ts';
import { isJsonObject, type JsonObject, parseJson, stringifyJson } from '../../lib/core/json.ts';

const EMBEDDED = ['--location', 'store'];

/** Works in `directory`, which holds the files that commands read and write, and the store unless `place`, options of every command, names another. */
export async function cliDriver(directory: string, place: readonly string[] = EMBEDDED): Promise<Driver> {
  await mkdir(directory, { recursive: true });
  let files = 0;
  const file = async (extension: string, content: string): Promise<string> => {
    files += 1;
    const name = `${files}.${extension}`;
    await writeFile(join(directory, name), content);
    return name;
  };
  const lakefold = async (...words: readonly string[]): Promise<string> => command(directory, [...words, ...place]);
  const answer = async (...words: readonly string[]): Promise<JsonObject> => objectOf(await lakefold(...words));
  const edit = ({ wait, idempotencyKey }: EditSettings): readonly string[] => [
    ...(wait === undefined ? [] : ['--wait', wait]),
    ...(idempotencyKey === undefined ? [] : ['--idempotency-key', idempotencyKey]),
  ];
  return {
    define: async ({ groups, view }) =>
      void (await lakefold('apply', '--yes', '--config', await file('json', stringifyJson({ featureGroups: groups, featureViews: [view] })))),
    write: async (rows, settings) =>
      answer('fg', 'ingest', `${settings.group}/1`, '--file', await file('ndjson', linesOf(rows)), '--operation', settings.operation, ...edit(settings)),
    remove: async (keys, settings) => answer('fg', 'delete-rows', `${settings.group}/1`, '--file', await file('ndjson', linesOf(keys)), ...edit(settings)),
    restore: (toVersion, { group, wait }) => answer('fg', 'restore', `${group}/1`, '--to', String(toVersion), ...(wait === undefined ? [] : ['--wait', wait])),
    publish: (group) => answer('fg', 'publish', `${group}/1`),
    resend: () => Promise.reject(new Error('no command repeats the online writes of a commit')),
    read: async (group, asOf) => parseLines(await lakefold('fg', 'read', `${group}/1`, ...(asOf === undefined ? [] : ['--as-of', String(asOf)]))),
    lookUp: async (view, entries) => {
      const lines = parseLines(await lakefold('fv', 'batch', `${view}/1`, '--file', await file('ndjson', linesOf(entries))));
      const [only] = entries;
      const single =
        only === undefined || entries.length > 1
          ? undefined
          : await answer('fv', 'get', `${view}/1`, ...Object.entries(only).map(([name, value]) => `${name}=${shown(value)}`));
      return lookupOf(lines, single);
    },
    train: async ({ view, body }) => {
      const { spine, pins, onInvalidRow, knownAsOf } = body;
      const rows = isJsonObject(spine) && Array.isArray(spine['rows']) ? spine['rows'].filter(isJsonObject) : [];
      files += 1;
      const out = `dataset-${files}`;
      const manifest = await answer(
        'td',
        'create',
        `${view}/1`,
        '--spine',
        await file('ndjson', linesOf(rows)),
        '--out',
        out,
        '--format',
        'ndjson',
        '--diagnostics',
        ...(isJsonObject(pins) ? Object.entries(pins).flatMap(([group, version]) => ['--pin', `${group}=${shown(version)}`]) : []),
        ...(typeof onInvalidRow === 'string' ? ['--on-invalid-row', onInvalidRow] : []),
        ...(typeof knownAsOf === 'string' ? ['--known-as-of', knownAsOf] : []),
      );
      return { manifest, rows: parseLines(await readFile(join(directory, out, 'data/part-00000.ndjson'), 'utf8')) };
    },
    close: async () => undefined,
  };
}

/** Stdout of a command that succeeds. @throws LakefoldError what the problem document on stderr's last line says */
async function command(directory: string, words: readonly string[]): Promise<string> {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 1 << 24 }), new PassThrough({ highWaterMark: 1 << 24 })];
  const exitCode = await run([...words, '--json', '--quiet'], {
    stdin: PassThrough.from([]),
    stdout,
    stderr,
    env: {},
    cwd: directory,
    signal: () => new AbortController().signal,
  });
  stdout.end();
  stderr.end();
  const [printed, said] = await Promise.all([text(stdout), text(stderr)]);
  if (exitCode === 0) return printed;
  if (printed !== '') throw new Error(`expected an empty stdout of a command that failed, found ${printed.slice(0, 200)}`);
  throw problemOf(said.trimEnd().split('\n').at(-1) ?? '');
}

function problemOf(line: string): Error {
  const problem = parseJson(line);
  const code = isJsonObject(problem) ? problem['code'] : undefined;
  if (!isJsonObject(problem) || typeof code !== 'string' || !isErrorCode(code)) return new Error(`expected a problem document, found ${line}`);
  const faults = Array.isArray(problem['errors']) ? problem['errors'].filter(isJsonObject) : [];
  return new LakefoldError(code, shown(problem['detail']), {
    errors: faults.map((fault): Fault => ({ code: shown(fault['code']), message: shown(fault['message']) })),
  });
}

/** The lines of `fv batch` as the route answers them; `single` is what `fv get` says of the only entry, which must be the same. */
function lookupOf(lines: readonly JsonObject[], single: JsonObject | undefined): JsonObject {
  const valuesOf = (line: JsonObject, member: string): readonly unknown[] => Object.values(isJsonObject(line[member]) ? line[member] : {});
  const [line] = lines;
  const metadata = single === undefined || !isJsonObject(single['metadata']) ? {} : single['metadata'];
  if (single !== undefined && line !== undefined) {
    const [got, looped] = [
      [single['features'], metadata['statuses'], single['status']],
      [valuesOf(line, 'features'), valuesOf(line, 'statuses'), line['status']],
    ].map(stringifyJson);
    if (got !== looped) throw new Error(`expected fv get and fv batch to agree, found ${got} and ${looped}`);
  }
  return objectOf(
    stringifyJson({
      features: lines.map((each) => valuesOf(each, 'features')),
      status: lines.map((each) => each['status']),
      metadata: {
        statuses: lines.map((each) => valuesOf(each, 'statuses')),
        ...(single === undefined ? {} : { eventTimes: [metadata['eventTimes'] ?? null] }),
      },
    }),
  );
}

function linesOf(rows: readonly JsonObject[]): string {
  return rows.map((row) => `${stringifyJson(row)}\n`).join('');
}

function objectOf(json: string): JsonObject {
  const value = parseJson(json);
  if (!isJsonObject(value)) throw new Error(`expected a JSON object, found ${json.slice(0, 200)}`);
  return value;
}
