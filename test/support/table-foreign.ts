/** Commits as another engine makes them: no tags, no receipts, statistics only sometimes. */
import { utf8 } from '../../lib/core/bytes.ts';
import { stringifyJson } from '../../lib/core/json.ts';
import { joinPath } from '../../lib/core/path.ts';
import type { AddFile } from '../../lib/delta/actions/actions.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { encodeLogPath } from '../../lib/delta/actions/file-path.ts';
import { commitPath } from '../../lib/delta/snapshot/log-path.ts';
import { readFile } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../lib/delta/snapshot/snapshot-state.ts';
import { hasInCommitTimestamps } from '../../lib/delta/schema/table-properties.ts';
import { collectStats } from '../../lib/delta/statistics/stats.ts';
import { batchOf, rowsOfBatch, type ModelRow } from './table-model.ts';
import { batchOfRows, rowsOf, type Batch } from '../../lib/core/batch.ts';
import { partitionDirectory, serializePartitionValue } from '../../lib/delta/filter/partition-values.ts';

export interface ForeignCommit {
  readonly version: number;
  readonly removed: readonly ModelRow[];
  readonly added: readonly ModelRow[];
}

export interface ForeignChange {
  readonly rows: readonly ModelRow[];
  /** `none`: only rows are added. `file`: a live file goes. `rewrite`: a live file is written again without some rows. */
  readonly removes: 'none' | 'file' | 'rewrite';
}

interface Place {
  readonly root: string;
  readonly snapshot: Snapshot;
}

/** Commits at the head, again until it wins. */
export async function commitForeign(deps: DeltaDeps, root: string, change: ForeignChange): Promise<ForeignCommit> {
  for (;;) {
    const snapshot = await loadSnapshot(deps, root);
    const place = { root, snapshot };
    const files = [...snapshot.files.values()];
    const victim = change.removes === 'none' ? undefined : files[Math.floor(deps.random.unit() * files.length)];
    const before = victim === undefined ? [] : await rowsOfFile(deps, place, victim);
    const kept = change.removes === 'rewrite' ? before.filter(() => deps.random.unit() < 0.5) : [];
    const staged = await stage(deps, place, [...change.rows, ...kept]);
    const timestamp = Math.max(deps.clock.now(), snapshot.committedAt + 1);
    const stated = hasInCommitTimestamps(snapshot.metadata) ? { inCommitTimestamp: timestamp } : {};
    const actions: unknown[] = [
      { commitInfo: { timestamp: deps.clock.now(), ...stated, operation: 'MERGE', engineInfo: 'another/1.0', operationMetrics: {} } },
    ];
    if (victim !== undefined) actions.push({ remove: removeOf(deps, victim) });
    for (const { add } of staged) actions.push({ add });
    const version = snapshot.version + 1;
    const bytes = utf8(actions.map((action) => `${stringifyJson(action)}\n`).join(''));
    const outcome = await deps.store.createIfAbsent(commitPath(root, version), bytes, { identity: deps.random.uuid() });
    if (outcome.kind === 'created') return { version, removed: before, added: staged.flatMap(({ rows }) => rows) };
    if (outcome.kind === 'unknown') throw new Error('a foreign writer takes no faults');
  }
}

async function rowsOfFile(deps: DeltaDeps, place: Place, file: AddFile): Promise<ModelRow[]> {
  const rows: ModelRow[] = [];
  for await (const { batch } of readFile(deps, { ...place, file }, { columns: place.snapshot.columns })) rows.push(...rowsOfBatch(batch));
  return rows;
}

// Protocol: size and partition values of a remove are optional; a writer may leave them out.
function removeOf(deps: DeltaDeps, file: AddFile): object {
  const extended = deps.random.unit() < 0.5 ? { extendedFileMetadata: true, partitionValues: file.partitionValues, size: file.size } : {};
  const vector = file.deletionVector === undefined ? {} : { deletionVector: file.deletionVector };
  return { path: encodeLogPath(file.path), deletionTimestamp: deps.clock.now(), dataChange: true, ...extended, ...vector };
}

/** A row kept from a file of ours keeps its receipt; new rows have none. Both may lie in one file. */
async function stage(
  deps: DeltaDeps,
  { root, snapshot }: Place,
  rows: readonly ModelRow[],
): Promise<{ readonly add: object; readonly rows: readonly ModelRow[] }[]> {
  const partitionColumns = snapshot.columns.filter(({ name }) => snapshot.metadata.partitionColumns.includes(name));
  const groups = new Map<string, ModelRow[]>();
  for (const row of rows) {
    const key = JSON.stringify(partitionColumns.map(({ name }) => (name === 'k' ? row.k : row.p)));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const staged: { readonly add: object; readonly rows: readonly ModelRow[] }[] = [];
  for (const [key, group] of groups) {
    const values: (string | null)[] = JSON.parse(key);
    const modificationTime = deps.clock.now();
    const stored = snapshot.columns.filter((column) => !partitionColumns.includes(column));
    const batch = withoutReceipts(batchOf(stored, group), group);
    const bytes = await deps.codec.encode(batch);
    const path = joinPath(partitionDirectory(partitionColumns, values), `foreign-${deps.random.uuid()}.${deps.codec.extension}`);
    const created = await deps.store.createIfAbsent(joinPath(root, path), bytes, { identity: deps.random.uuid() });
    if (created.kind !== 'created') throw new Error('a foreign writer takes no faults');
    const stats = deps.random.unit() < 0.7 ? { stats: collectStats(batch, stored) } : {};
    const partitionValues = Object.fromEntries(partitionColumns.map(({ name, type }, i) => [name, serializePartitionValue(type, values[i] ?? null)]));
    staged.push({
      add: { path: encodeLogPath(path), partitionValues, size: bytes.length, modificationTime, dataChange: true, ...stats },
      rows: group.map((row) => (row.r === -1n ? { ...row, r: BigInt(modificationTime) * 1000n } : row)),
    });
  }
  return staged;
}

function withoutReceipts(batch: Batch, rows: readonly ModelRow[]): Batch {
  const position = batch.columns.findIndex(({ name }) => name === '_ingested_at');
  return batchOfRows(
    batch.columns,
    rowsOf(batch).map((values, i) => values.with(position, rows[i]?.r === -1n ? null : (values[position] ?? null))),
  );
}
