/**
 * Erasure of entities and records (semantics D3), step by step. How far it came is kept as a job without the keys: whoever asks for
 * the same erasure again goes on where it stopped, and every step may be repeated.
 */
import { utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, stringifyJson } from '../../core/json.ts';
import { type EntityKey, encodeKey } from '../../core/keys.ts';
import { joinPath } from '../../core/path.ts';
import { formatMillis } from '../../core/time.ts';
import type { Value } from '../../core/types.ts';
import { ulid } from '../../core/ulid.ts';
import type { DeleteWhat } from '../../delta/write/delete-rows.ts';
import { forgetEveryDead } from '../../delta/group/group-inbox.ts';
import { commitPath } from '../../delta/snapshot/log-path.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FeatureDeps } from '../deps.ts';
import { settleGenerations } from '../publish/generations.ts';
import { type Job, type JobRecord, newJob, readJobs, saveJob } from '../jobs.ts';
import { groupName, identityColumns, type OpenGroup } from '../open-group.ts';
import { publishGroup } from '../publish/publish-group.ts';
import { openQuarantine } from '../quality/quarantine.ts';
import { type ErasedDataset, eraseDatasets } from './erase-datasets.ts';
import { digestKeys, hashDigests, registerErased } from './erased-keys.ts';
import { type EndedHistory, endTableHistory, purgeTableHistory } from './erase-table.ts';

export interface EraseRequest extends RequestOptions {
  readonly what: Extract<DeleteWhat, { kind: 'keys' }>;
  readonly reason: string;
  /** Of the project: their training datasets are searched. */
  readonly views: readonly FeatureViewDefinition[];
}

/** What was erased, and from when on nothing of it is left. */
export interface ErasureCertificate {
  readonly certificateId: string;
  /** Over keyed digests: it tells erasures of the same keys, and no key. */
  readonly keysHash: string;
  readonly keys: number;
  readonly rowsErased: number;
  readonly filesRewritten: number;
  readonly commitVersion: number;
  readonly historyEndsAt: number;
  readonly backupsExpireAt: string | null;
  readonly trainingDatasets: readonly ErasedDataset[];
  readonly reason: string;
  readonly completedAt: string;
}

const STEPS = 7;
/** Everything of a quarantine goes: its rows are kept as they were received, whatever is wrong with their keys. */
const EVERY_ROW: DeleteWhat = { kind: 'where', filter: { kind: 'and', filters: [] } };

/**
 * Erases, and answers the finished job with its certificate.
 * @throws LakefoldError what storage and commits throw; the same request again goes on
 */
export async function eraseRows(deps: FeatureDeps, group: OpenGroup, request: EraseRequest): Promise<Job & { readonly result: ErasureCertificate }> {
  const digests = await digestKeys(deps, group, request.what.sets);
  const keysHash = hashDigests(digests);
  let record = (await unfinished(deps, group, keysHash)) ?? (await start(deps, group, keysHash));
  const step = async (done: number, memo: object = {}): Promise<void> => {
    record = { job: { ...record.job, progress: { ...record.job.progress, done } }, memo: { ...record.memo, ...memo } };
    await saveJob(deps, group.project, record);
  };
  const certificateId = textIn(record, 'certificateId');
  await registerErased(deps.control, group, { digests, erasedAt: BigInt(textIn(record, 'erasedAt')) });
  const sortBy = identityColumns(group).map(({ name }) => name);
  const ended =
    endedIn(record) ?? (await endTableHistory(deps, group.table, request.what, { sortBy, key: certificateId, bodyHash: keysHash, ...signalOf(request) }));
  if (endedIn(record) === undefined) await step(1, { ended: { ...ended } });
  if (group.definition.onlineEnabled) await publishGroup(deps, group);
  await step(2);
  const trainingDatasets = [...datasetsIn(record)];
  for (const dataset of await eraseDatasets(deps, { group, views: request.views, keys: entitiesOf(group, request.what) })) trainingDatasets.push(dataset);
  await step(3, { trainingDatasets: trainingDatasets.map((dataset) => ({ ...dataset })) });
  // By the store's own clock, as everything beside the table is dated: ours may be behind.
  const endedAt = (await deps.store.head(commitPath(group.table.root, ended.version)))?.modifiedAt ?? ended.committedAt;
  await eraseBeside(deps, group, { key: certificateId, bodyHash: keysHash, endedAt, ...signalOf(request) });
  await step(4);
  await purgeTableHistory(deps, group.table, request.what, ended.version);
  await group.table.refresh();
  await step(5);
  await forgetOnline(deps, group, request.what);
  await deps.control.scrub?.();
  await deps.store.sweep?.();
  await purgeVersions(deps, group);
  await step(6);
  const now = deps.clock.now();
  const certificate: ErasureCertificate = {
    certificateId,
    keysHash,
    keys: digests.length,
    rowsErased: ended.rowsErased,
    filesRewritten: ended.filesRewritten,
    commitVersion: ended.version,
    historyEndsAt: ended.version,
    backupsExpireAt: await backupsExpireAt(deps, now),
    trainingDatasets,
    reason: request.reason,
    completedAt: formatMillis(now),
  };
  await deps.store.overwrite(joinPath(group.table.root, '_lakefold/erasures', `${certificateId}.json`), utf8(stringifyJson({ format: 1, ...certificate })));
  const job = {
    ...record.job,
    state: 'SUCCEEDED' as const,
    progress: { ...record.job.progress, done: STEPS },
    finishedAt: formatMillis(now),
    result: certificate,
  };
  await saveJob(deps, group.project, { job, memo: record.memo });
  deps.log.info('rows.erased', { group: groupName(group.definition), certificateId, keys: digests.length, rows: ended.rowsErased, version: ended.version });
  return job;
}

async function start(deps: FeatureDeps, group: OpenGroup, keysHash: string): Promise<JobRecord> {
  const job = newJob(deps, { type: 'erase', progress: { done: 0, total: STEPS, unit: 'steps' } });
  const certificateId = `er_${ulid(deps.clock.now(), deps.random.bytes(16))}`;
  const memo = { group: groupName(group.definition), keysHash, certificateId, erasedAt: deps.clock.nowMicros().toString() };
  await saveJob(deps, group.project, { job, memo });
  return { job, memo };
}

async function unfinished(deps: FeatureDeps, group: OpenGroup, keysHash: string): Promise<JobRecord | undefined> {
  for await (const record of readJobs(deps, group.project)) {
    const { job, memo } = record;
    if (job.type === 'erase' && job.state === 'RUNNING' && memo['keysHash'] === keysHash && memo['group'] === groupName(group.definition)) return record;
  }
  return undefined;
}

function textIn({ memo }: JobRecord, member: string): string {
  const text = memo[member];
  if (typeof text === 'string') return text;
  throw new LakefoldError('CORRUPT_STORE', `expected ${member} in the memo of an erasure, found none`);
}

function endedIn({ memo }: JobRecord): EndedHistory | undefined {
  const ended = memo['ended'] ?? null;
  if (!isJsonObject(ended)) return undefined;
  const number = (name: string): number => Number(ended[name]);
  return { rowsErased: number('rowsErased'), filesRewritten: number('filesRewritten'), version: number('version'), committedAt: number('committedAt') };
}

/** Those that an earlier try was through with. */
function datasetsIn({ memo }: JobRecord): readonly ErasedDataset[] {
  const datasets = memo['trainingDatasets'] ?? null;
  return Array.isArray(datasets) ? (datasets as unknown as readonly ErasedDataset[]) : [];
}

/** Reports and statistics name values, and so do writes that were refused; of before the erasure none stays. What was set aside goes too. */
async function eraseBeside(
  deps: FeatureDeps,
  group: OpenGroup,
  erase: RequestOptions & { readonly key: string; readonly bodyHash: string; readonly endedAt: number },
): Promise<void> {
  const { root } = group.table;
  for (const folder of ['_lakefold/reports', '_lakefold/statistics']) {
    for await (const { path, modifiedAt } of deps.store.list(`${joinPath(root, folder)}/`)) if (modifiedAt <= erase.endedAt) await deps.store.delete(path);
  }
  // They last a day, and nothing tells whose rows they hold.
  for await (const { path, modifiedAt } of deps.store.list(`${group.project}/_uploads/`)) if (modifiedAt <= erase.endedAt) await deps.store.delete(path);
  const { name, version } = group.definition;
  await forgetEveryDead(deps.control, `${group.project}/${name}/${version}`);
  const quarantine = await openQuarantine(deps, group);
  if (quarantine === undefined) return;
  const ended = await endTableHistory(deps, quarantine, EVERY_ROW, { sortBy: [], key: erase.key, bodyHash: erase.bodyHash, ...signalOf(erase) });
  await purgeTableHistory(deps, quarantine, EVERY_ROW, ended.version);
}

async function forgetOnline(deps: FeatureDeps, group: OpenGroup, what: EraseRequest['what']): Promise<void> {
  const types = group.keyColumns.map(({ type }) => type);
  const keys = entitiesOf(group, what).map((values): EntityKey => encodeKey(types, values));
  if (group.definition.onlineEnabled) {
    // Replaced generations, and loads that began before the erasure, hold what was erased.
    const { onlineTable } = await settleGenerations(deps, group);
    await deps.online.forget(onlineTable, keys);
  }
  await deps.online.scrub?.();
}

/** What a versioned bucket keeps behind the objects that were replaced or deleted here. */
async function purgeVersions({ store }: FeatureDeps, { project, table }: OpenGroup): Promise<void> {
  for (const folder of [table.root, `${project}/training-datasets`, `${project}/_uploads`]) await store.purgeVersions?.(`${folder}/`);
}

/** Backups of the stores can't be erased from; they expire. */
async function backupsExpireAt({ online, control }: FeatureDeps, now: number): Promise<string | null> {
  const kept = [await online.backupsKeptMillis?.(), await control.backupsKeptMillis?.()].filter((millis) => millis !== undefined);
  return kept.length === 0 ? null : formatMillis(now + Math.max(...kept));
}

function entitiesOf(group: OpenGroup, { sets }: EraseRequest['what']): readonly (readonly Value[])[] {
  return sets.flatMap(({ rows }) => rows.map((row) => row.slice(0, group.keyColumns.length)));
}

function signalOf({ signal }: RequestOptions): RequestOptions {
  return signal === undefined ? {} : { signal };
}
