/** Folds what queue messages tell of: new log entries, coalesced by table, and a sweep of everything. */
import type { SQSBatchResponse } from 'aws-lambda';
import { isJsonObject, type Json, parseJson } from '../../lib/core/json.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { publishTable } from '../../lib/features/publish/publish-group.ts';
import { listProjects } from '../../lib/registry/location.ts';

export interface PublisherDeps extends FeatureDeps {
  readonly projects: Projects;
  /** Key prefix of the lake in its bucket, without slashes at its ends. */
  readonly prefix: string;
}

/** A feature group's table, as its log's keys name it. */
interface TableName {
  readonly project: string;
  readonly name: string;
  readonly version: number;
}

/** What a message asks for; undefined for events that concern no group's log. */
function tableOfMessage(body: Json, prefix: string): TableName | 'sweep' | undefined {
  if (!isJsonObject(body)) return undefined;
  if (body['detail-type'] === 'Scheduled Event') return 'sweep';
  const detail = body['detail'];
  const object = isJsonObject(detail) ? detail['object'] : undefined;
  const key = isJsonObject(object) ? object['key'] : undefined;
  if (typeof key !== 'string' || !key.startsWith(prefix === '' ? '' : `${prefix}/`)) return undefined;
  const match = /^([^/]+)\/feature-groups\/([^/]+)\/(\d+)\/_delta_log\/\d{20}\.json$/.exec(key.slice(prefix === '' ? 0 : prefix.length + 1));
  return match === null ? undefined : { project: match[1] ?? '', name: match[2] ?? '', version: Number(match[3]) };
}

/** What is read of an SQS event. */
export interface QueueEvent {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[];
}

/** A handler of the queue's batches: each table is published once; messages of a table that failed come again. */
export function createPublisher(deps: PublisherDeps): (event: QueueEvent) => Promise<SQSBatchResponse> {
  return async (event) => {
    const messages = new Map<string, { readonly table: TableName | 'sweep'; readonly ids: string[] }>();
    for (const record of event.Records) {
      const table = tableOfMessage(parseBody(record.body), deps.prefix);
      if (table === undefined) continue;
      const key = table === 'sweep' ? 'sweep' : tableKey(table);
      const known = messages.get(key);
      if (known === undefined) messages.set(key, { table, ids: [record.messageId] });
      else known.ids.push(record.messageId);
    }
    const failed: string[] = [];
    for (const { table, ids } of messages.values()) if (!(await publishAll(deps, table))) failed.push(...ids);
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

// A table that can't be published never keeps the others waiting.
async function publishAll(deps: PublisherDeps, asked: TableName | 'sweep'): Promise<boolean> {
  let succeeded = true;
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      succeeded = false;
      deps.log.error('publish.failed', { table: what, error });
    }
  };
  let tables: readonly TableName[] = asked === 'sweep' ? [] : [asked];
  if (asked === 'sweep')
    await attempt('sweep', async () => {
      tables = await everyTable(deps);
    });
  for (const table of tables)
    await attempt(tableKey(table), async () => publishTable(deps, await deps.projects.group(table.project, table.name, table.version)));
  return succeeded;
}

function tableKey({ project, name, version }: TableName): string {
  return `${project}/${name}/${version}`;
}

async function everyTable(deps: PublisherDeps): Promise<readonly TableName[]> {
  const tables: TableName[] = [];
  for (const project of await listProjects(deps)) {
    const { state } = await deps.projects.registry(project);
    for (const { definition, status } of state.featureGroups)
      if (status !== 'DELETED') tables.push({ project, name: definition.name, version: definition.version });
  }
  return tables;
}

function parseBody(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    // A message nobody can read would come back until it is dead; the sweep finds whatever it meant.
    return null;
  }
}
