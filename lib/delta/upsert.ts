/**
 * Upserts without reading the table (delta.md): one row per identity, the one received last (semantics §0).
 *
 * Files are candidates by event-time range, then key ranges; of a candidate only key, event-time and receipt columns are
 * read. Rows found are taken out and the new ones added in one commit; a row that lost to one already there is not added.
 */
import { type Batch, takeRows, valueAt, vectorNamed } from '../core/batch.ts';
import { rowDigest } from '../core/canonical.ts';
import { compareBytes } from '../core/bytes.ts';
import { INGESTED_AT } from '../core/names.ts';
import type { Column, Value } from '../core/types.ts';
import type { Action, AddFile } from './actions.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from './deps.ts';
import { dvUniqueId } from './deletion-vector.ts';
import { compareValues, type Filter } from './filter.ts';
import { filesInPartitions, partitionTest } from './pruning.ts';
import { boundsOf, readFile, selectColumns } from './read.ts';
import { hasDeletionVectors } from './protocol.ts';
import { planRemovals, withDeletionVector, writeDeletionVectors } from './removals.ts';
import { identityOver, type IdentityOf } from './row-identity.ts';
import type { Snapshot } from './snapshot-state.ts';
import { stagedConflict, type StagedFile, stageRows } from './stage.ts';

export interface UpsertRows {
  readonly batch: Batch;
  readonly keys: readonly string[];
  /** Part of the identity where the table has one. */
  readonly eventTime: string | undefined;
}

/** A row of the table that shares its identity with row `row` of the batch. */
interface Match {
  readonly path: string;
  readonly position: number;
  readonly row: number;
  readonly isNewer: boolean;
}

/**
 * A planner of the upsert for `commitWrite`: deduplicates and stages once, probes each file once.
 * Returns the rows as they stand in the commit's files, for the fold.
 */
export function upsertPlanner(
  deps: DeltaDeps,
  target: { readonly root: string; readonly txnId: string },
  rows: UpsertRows,
): {
  readonly plan: (snapshot: Snapshot) => Promise<PlannedWrite>;
  /** Rows the last plan adds. */
  readonly added: () => Batch;
} {
  const identityColumns = rows.eventTime === undefined ? rows.keys : [...rows.keys, rows.eventTime];
  const { batch, deduped } = lastPerIdentity(rows.batch, identityColumns);
  const wanted = indexByIdentity(identityOver(batch, identityColumns), batch.rowCount);
  const probed = new Map<string, readonly Match[]>();
  let staged: readonly StagedFile[] | undefined;
  let stagedOn: Snapshot | undefined;
  let ordinal = 0;
  let added = batch;

  const plan = async (snapshot: Snapshot): Promise<PlannedWrite> => {
    const fault = schemaConflict(batch, snapshot) ?? stagedConflict(stagedOn ?? snapshot, snapshot);
    if (fault !== undefined) return { kind: 'conflict', reason: fault };
    stagedOn ??= snapshot;
    const stage = async (kept: Batch): Promise<readonly StagedFile[]> => {
      const files = await stageRows(deps, { ...target, snapshot, sortBy: identityColumns, dataChange: true, ordinal }, kept);
      ordinal += files.length;
      return files;
    };
    staged ??= await stage(batch);
    const matches: Match[] = [];
    for (const file of candidates(snapshot, { batch, identityColumns })) {
      const key = `${file.path}\0${file.deletionVector === undefined ? '' : dvUniqueId(file.deletionVector)}`;
      const known = probed.get(key) ?? (await probe(deps, { root: target.root, snapshot, file }, { batch, identityColumns, wanted }));
      probed.set(key, known);
      matches.push(...known);
    }
    const stale = new Set(matches.filter((match) => match.isNewer).map((match) => match.row));
    const replaced = matches.filter((match) => !stale.has(match.row));
    const updated = new Set(replaced.map((match) => match.row));
    const removals = groupPositions(replaced);
    const kept =
      stale.size === 0
        ? batch
        : takeRows(
            batch,
            Uint32Array.from({ length: batch.rowCount }, (_, i) => i).filter((i) => !stale.has(i)),
          );
    const adds = await withoutStale(deps, { target, snapshot, staged, stale }, () => stage(kept));
    const taken = await planRemovals(deps, { ...target, snapshot, sortBy: identityColumns, ordinal }, removals);
    ordinal += taken.filter((action) => action.kind === 'add').length;
    added = kept;
    const newest = newestReceipt(kept);
    // Rows without receipts replace greater ones: no merge by U1.
    const fold = taken.length > 0 && holdsReceipts(snapshot) && !areReceived(batch) ? 'edit' : 'merge';
    return {
      kind: 'write',
      actions: [...taken, ...adds],
      fold: kept.rowCount === 0 && taken.length === 0 ? 'none' : fold,
      operation: 'MERGE',
      isBlindAppend: false,
      changeKeys: identityColumns,
      operationParameters: mergeParameters(identityColumns),
      counts: { rowsInserted: kept.rowCount - updated.size, rowsUpdated: updated.size, rowsDeleted: 0, dedupedInBatch: deduped, stale: stale.size },
      ...(newest === undefined ? {} : { ingestedAt: newest }),
    };
  };
  return { plan, added: () => added };
}

function mergeParameters(identityColumns: readonly string[]): Readonly<Record<string, string>> {
  return {
    predicate: JSON.stringify(identityColumns.map((name) => `target.${name} = source.${name}`)),
    matchedPredicates: '[{"actionType":"update"}]',
    notMatchedPredicates: '[{"actionType":"insert"}]',
  };
}

/** Why rows of these columns can't be written to the snapshot; undefined when they can. */
export function schemaConflict(batch: Batch, snapshot: Snapshot): string | undefined {
  for (const column of batch.columns) {
    const known = snapshot.columns.find((candidate) => candidate.name === column.name);
    if (known === undefined) return `the table has no column ${column.name}`;
    if (known.type.kind !== column.type.kind && !(known.type.kind === 'array' && column.type.kind === 'vector'))
      return `column ${column.name} is ${known.type.kind} in the table, ${column.type.kind} in the rows`;
  }
  return undefined;
}

/** Newest receipt of the rows, µs; undefined where they carry none. */
export function newestReceipt(batch: Batch): bigint | undefined {
  const vector = batch.vectors[batch.columns.findIndex((column) => column.name === INGESTED_AT)];
  if (vector === undefined || !(vector.values instanceof BigInt64Array) || batch.rowCount === 0) return undefined;
  return vector.values.reduce((newest, value) => (value > newest ? value : newest));
}

/** The last row of each identity, and how many others there were. */
export function lastPerIdentity(batch: Batch, columns: readonly string[]): { readonly batch: Batch; readonly deduped: number } {
  const last = indexByIdentity(identityOver(batch, columns), batch.rowCount);
  if (last.size === batch.rowCount) return { batch, deduped: 0 };
  const kept = Uint32Array.from(last.values()).sort();
  return { batch: takeRows(batch, kept), deduped: batch.rowCount - kept.length };
}

function indexByIdentity(identityOf: IdentityOf, rowCount: number): Map<string, number> {
  const index = new Map<string, number>();
  for (let i = 0; i < rowCount; i += 1) index.set(identityOf(i) ?? `\0${i}`, i);
  return index;
}

/** Files that may hold a row of one of the batch's identities. */
export function candidates(snapshot: Snapshot, rows: { readonly batch: Batch; readonly identityColumns: readonly string[] }): readonly AddFile[] {
  if (rows.batch.rowCount === 0) return [];
  const vectors = rows.identityColumns.map((name) => ({ name, vector: vectorNamed(rows.batch, name) }));
  const ranges = vectors.map(({ name, vector }) => ({ name, vector, ...rangeOf(vector) }));
  return [...filesInPartitions(snapshot.files, partitionTest(snapshot, withinRanges(ranges)))].filter((file) => {
    const bounds = ranges.map((range) => ({ range, bounds: boundsOf(snapshot, file, range.name) }));
    const meets = bounds.every(
      ({ range: { low, high }, bounds: { min, max } }) =>
        isKnown(low) && isKnown(high) && !(isKnown(min) && compareValues(high, min) < 0) && !(isKnown(max) && compareValues(low, max) > 0),
    );
    if (!meets) return false;
    for (let i = 0; i < rows.batch.rowCount; i += 1) {
      const inside = bounds.every(({ range, bounds: { min, max } }) => {
        const value = valueAt(range.vector, i);
        return value !== null && !(isKnown(min) && compareValues(value, min) < 0) && !(isKnown(max) && compareValues(value, max) > 0);
      });
      if (inside) return true;
    }
    return false;
  });
}

function withinRanges(ranges: readonly { readonly name: string; readonly low: Value | undefined; readonly high: Value | undefined }[]): Filter {
  return {
    kind: 'and',
    filters: ranges.flatMap(({ name, low, high }): Filter[] => [
      { kind: 'compare', column: name, op: '>=', value: low ?? null },
      { kind: 'compare', column: name, op: '<=', value: high ?? null },
    ]),
  };
}

function isKnown(value: Value | undefined): value is Exclude<Value, null> {
  return value !== undefined && value !== null;
}

/** Nulls left out: no two rows share a null. */
function rangeOf(vector: Batch['vectors'][number]): { readonly low: Value; readonly high: Value } {
  let low: Value = null;
  let high: Value = null;
  for (let i = 0; i < vector.length; i += 1) {
    const value = valueAt(vector, i);
    if (value === null) continue;
    if (low === null || compareValues(value, low) < 0) low = value;
    if (high === null || compareValues(value, high) > 0) high = value;
  }
  return { low, high };
}

async function probe(
  deps: DeltaDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly file: AddFile },
  rows: { readonly batch: Batch; readonly identityColumns: readonly string[]; readonly wanted: ReadonlyMap<string, number> },
): Promise<readonly Match[]> {
  const hasReceipts = holdsReceipts(target.snapshot) && areReceived(rows.batch);
  const columns = selectColumns(target.snapshot, hasReceipts ? [...rows.identityColumns, INGESTED_AT] : rows.identityColumns);
  const matches: Match[] = [];
  const ties: { readonly position: number; readonly row: number }[] = [];
  const ours = hasReceipts ? vectorNamed(rows.batch, INGESTED_AT) : undefined;
  for await (const { batch, positions } of readFile(deps, target, { columns })) {
    const identityOf = identityOver(batch, rows.identityColumns);
    const theirs = hasReceipts ? vectorNamed(batch, INGESTED_AT) : undefined;
    for (let i = 0; i < batch.rowCount; i += 1) {
      const identity = identityOf(i);
      const row = identity === undefined ? undefined : rows.wanted.get(identity);
      if (row === undefined) continue;
      const position = positions[i] ?? 0;
      const order = theirs === undefined || ours === undefined ? -1 : compareValues(valueAt(theirs, i), valueAt(ours, row));
      if (order === 0) ties.push({ position, row });
      else matches.push({ path: target.file.path, position, row, isNewer: order > 0 });
    }
  }
  return ties.length === 0 ? matches : [...matches, ...(await breakTies(deps, target, { batch: rows.batch, ties }))];
}

// Equal receipts: the greater content wins, so that the outcome never depends on which commit came first.
async function breakTies(
  deps: DeltaDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly file: AddFile },
  { batch, ties }: { readonly batch: Batch; readonly ties: readonly { readonly position: number; readonly row: number }[] },
): Promise<readonly Match[]> {
  const contentColumns = target.snapshot.columns.filter((column) => column.name !== INGESTED_AT);
  const byPosition = new Map(ties.map((tie) => [tie.position, tie.row]));
  const matches: Match[] = [];
  for await (const file of readFile(deps, target, { columns: contentColumns })) {
    for (let i = 0; i < file.batch.rowCount; i += 1) {
      const position = file.positions[i] ?? 0;
      const row = byPosition.get(position);
      if (row === undefined) continue;
      const order = compareBytes(contentDigest(file.batch, i, contentColumns), contentDigest(batch, row, contentColumns));
      matches.push({ path: target.file.path, position, row, isNewer: order > 0 });
    }
  }
  return matches;
}

/** Digest of a row without its receipt, over `columns` in their order; the batch's own order unless given. */
export function contentDigest(batch: Batch, index: number, columns: readonly Column[] = batch.columns.filter(({ name }) => name !== INGESTED_AT)): Uint8Array {
  return rowDigest(
    columns,
    columns.map(({ name }) => {
      const vector = batch.vectors[batch.columns.findIndex((column) => column.name === name)];
      return vector === undefined ? null : valueAt(vector, index);
    }),
  );
}

function holdsReceipts(snapshot: Snapshot): boolean {
  return snapshot.columns.some((column) => column.name === INGESTED_AT);
}

/** Whether every row of the batch has a receipt; of those that have none the later commit wins. */
export function areReceived(batch: Batch): boolean {
  const vector = batch.vectors[batch.columns.findIndex((column) => column.name === INGESTED_AT)];
  return vector !== undefined && !(vector.nulls?.includes(1) ?? false);
}

function groupPositions(matches: readonly Match[]): Map<string, number[]> {
  const removals = new Map<string, number[]>();
  for (const { path, position } of matches) {
    const positions = removals.get(path);
    if (positions === undefined) removals.set(path, [position]);
    else positions.push(position);
  }
  return removals;
}

// Losers stand in the staged file already; they are marked deleted on it, or the file is written again where the table has no deletion vectors.
async function withoutStale(
  deps: DeltaDeps,
  context: {
    readonly target: { readonly root: string; readonly txnId: string };
    readonly snapshot: Snapshot;
    readonly staged: readonly StagedFile[];
    readonly stale: ReadonlySet<number>;
  },
  restage: () => Promise<readonly StagedFile[]>,
): Promise<readonly Action[]> {
  const { staged, stale, snapshot, target } = context;
  if (stale.size === 0) return staged.map(({ add }) => add);
  if (!hasDeletionVectors(snapshot)) return (await restage()).map(({ add }) => add);
  const files = staged.map(({ add, sources }) => ({ add, sources, losers: [...sources.keys()].filter((position) => stale.has(sources[position] ?? -1)) }));
  const live = files.filter(({ sources, losers }) => losers.length < sources.length);
  const marked = live.filter(({ losers }) => losers.length > 0);
  const descriptors = await writeDeletionVectors(
    deps,
    target,
    marked.map(({ losers }) => losers),
  );
  return live.map((file) => {
    const descriptor = descriptors[marked.indexOf(file)];
    return descriptor === undefined ? file.add : withDeletionVector(file.add, descriptor);
  });
}
