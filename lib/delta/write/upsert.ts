/**
 * Upserts without reading the table (delta.md): one row per identity, the one received last (semantics §0).
 *
 * Files are candidates by event-time range, then key ranges; of a candidate only key, event-time and receipt columns are
 * read. Rows found are taken out and the new ones added in one commit; a row that lost to one already there is not added.
 */
import { type Batch, takeRows, valueAt, vectorNamed, findVector } from '../../core/batch.ts';
import { rowDigest } from '../../core/canonical.ts';
import { compareBytes } from '../../core/bytes.ts';
import { INGESTED_AT } from '../../core/names.ts';
import type { Column } from '../../core/types.ts';
import type { Action, AddFile } from '../actions/actions.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from '../deps.ts';
import { extremes } from '../statistics/extremes.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { lastOfEachIdentity } from '../snapshot/identity-index.ts';
import { createProber, type FoundRows, holdsReceipts } from '../rows/probe.ts';
import { hasDeletionVectors } from '../actions/protocol.ts';
import { readFile } from '../rows/read.ts';
import { planRemovals, type Removals, type Rewrites, withDeletionVector, writeDeletionVectors } from './removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { sparkSqlOf } from '../sql/spark-sql.ts';
import { stagedConflict, type StagedFile, stageRows } from './stage.ts';
import { NO_ROWS } from './write-outcome.ts';

export interface UpsertRows {
  readonly batch: Batch;
  readonly keys: readonly string[];
  /** Part of the identity where the table has one. */
  readonly eventTime?: string | undefined;
  /** Rows that lost to others of the batch before they came here; they count as deduped. */
  readonly dedupedBefore?: number;
}

/**
 * A planner of the upsert for `commitWrite`: deduplicates and stages once, probes each file once.
 * Returns the rows as they stand in the commit's files, for the fold. No rows are nothing to commit; rows that all lost are a commit without files.
 * @throws LakefoldError from `plan`: PLAN_TOO_LARGE
 */
export function upsertPlanner(
  deps: DeltaDeps,
  target: { readonly root: string; readonly txnId: string },
  rows: UpsertRows,
): {
  readonly plan: (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<PlannedWrite>;
  /** Rows the last plan adds. */
  readonly added: () => Batch;
} {
  const identityColumns = rows.eventTime === undefined ? rows.keys : [...rows.keys, rows.eventTime];
  const { batch, deduped } = lastPerIdentity(rows.batch, identityColumns);
  const isReceived = areReceived(batch);
  const refusal = (snapshot: Snapshot): string => mergeSql(deps, { root: target.root, snapshot }, { batch, identityColumns });
  const prober = createProber(deps, target.root, { batch, identityColumns, withReceipts: isReceived }, refusal);
  const contest = createContest(deps, target.root, batch);
  const rewrites: Rewrites = new Map();
  let staged: readonly StagedFile[] | undefined;
  let stagedOn: Snapshot | undefined;
  let ordinal = 0;
  let added = batch;
  const pending: Promise<void>[] = [];

  const plan = async (snapshot: Snapshot, changed?: ReadonlySet<string>): Promise<PlannedWrite> => {
    if (rows.batch.rowCount === 0) return { kind: 'nothing', counts: NO_ROWS };
    const fault = schemaConflict(batch, snapshot) ?? stagedConflict(stagedOn ?? snapshot, snapshot);
    if (fault !== undefined) return { kind: 'conflict', reason: fault };
    stagedOn ??= snapshot;
    // Before anything is staged, which a refusal would leave behind.
    const found = await prober.find(snapshot, changed);
    const stage = async (kept: Batch): Promise<readonly StagedFile[]> => {
      // Where rows are replaced more can fail, and what is under way would outlive it.
      const under = found.size === 0 ? { pending } : {};
      const files = await stageRows(deps, { ...target, ...under, snapshot, sortBy: identityColumns, dataChange: true, ordinal }, kept);
      ordinal += files.length;
      return files;
    };
    staged ??= await stage(batch);
    const { stale, updated, removals } = await contest(snapshot, found);
    const kept = rowsBeside(batch, stale);
    const adds = await withoutStale(deps, { target, snapshot, staged, stale }, () => stage(kept));
    const deleted = new Map([...found].map(([path, rowsFound]) => [path, rowsFound.deleted]));
    const removal = { ...target, snapshot, sortBy: identityColumns, ordinal, deleted, rewrites, refusal: () => refusal(snapshot) };
    const taken = await planRemovals(deps, removal, removals);
    ordinal += taken.filter((action) => action.kind === 'add').length;
    added = kept;
    const newest = newestReceipt(kept);
    // Rows without receipts replace greater ones: no merge by U1.
    const fold = taken.length > 0 && holdsReceipts(snapshot) && !isReceived ? 'edit' : 'merge';
    return {
      kind: 'write',
      actions: [...taken, ...adds],
      fold: kept.rowCount === 0 && taken.length === 0 ? 'none' : fold,
      operation: 'MERGE',
      isBlindAppend: false,
      staging: Promise.all(pending),
      changeKeys: identityColumns,
      operationParameters: mergeParameters(identityColumns),
      counts: {
        rowsInserted: kept.rowCount - updated,
        rowsUpdated: updated,
        rowsDeleted: 0,
        dedupedInBatch: deduped + (rows.dedupedBefore ?? 0),
        stale: stale.size,
      },
      basis: { kind: 'upsert', reads: prober.reads() },
      ...(newest === undefined ? {} : { ingestedAt: newest }),
    };
  };
  return { plan, added: () => added };
}

function mergeSql(
  deps: DeltaDeps,
  { root, snapshot }: { readonly root: string; readonly snapshot: Snapshot },
  { batch, identityColumns }: { readonly batch: Batch; readonly identityColumns: readonly string[] },
): string {
  const given = batch.columns.map(({ name }) => name);
  const receipt = areReceived(batch) && holdsReceipts(snapshot) ? INGESTED_AT : undefined;
  const table = { location: tableLocationOf(deps.store.location, root), columns: snapshot.columns };
  return sparkSqlOf(table, { kind: 'upsert', identity: identityColumns, given, receipt });
}

function rowsBeside(batch: Batch, stale: ReadonlySet<number>): Batch {
  if (stale.size === 0) return batch;
  const rows = Uint32Array.from({ length: batch.rowCount }, (_, i) => i);
  return takeRows(
    batch,
    rows.filter((i) => !stale.has(i)),
  );
}

function mergeParameters(identityColumns: readonly string[]): Readonly<Record<string, string>> {
  return {
    predicate: JSON.stringify(identityColumns.map((name) => `target.${name} = source.${name}`)),
    matchedPredicates: '[{"actionType":"update"}]',
    notMatchedPredicates: '[{"actionType":"insert"}]',
  };
}

interface ContestResult {
  /** Rows of the batch that lose to one already there. */
  readonly stale: ReadonlySet<number>;
  /** How many rows of the batch replace another. */
  readonly updated: number;
  readonly removals: Removals;
}

/** Who wins each identity that both the table and the batch have; contents are compared once a file. */
function createContest(deps: DeltaDeps, root: string, batch: Batch): (snapshot: Snapshot, found: ReadonlyMap<string, FoundRows>) => Promise<ContestResult> {
  const ours = areReceived(batch) ? vectorNamed(batch, INGESTED_AT).values : undefined;
  const broken = new Map<string, Map<number, boolean>>();
  return async (snapshot, found) => {
    const stale = new Set<number>();
    for (const [path, { file, positions, rows, receipts }] of found) {
      if (receipts === undefined || !(ours instanceof BigInt64Array)) continue;
      const known = broken.get(path) ?? new Map<number, boolean>();
      broken.set(path, known);
      const ties = new Map<number, number>();
      for (let i = 0; i < positions.length; i += 1) {
        const row = rows[i] ?? 0;
        const position = positions[i] ?? 0;
        const [theirs, own] = [receipts[i] ?? 0n, ours[row] ?? 0n];
        if (theirs > own || (theirs === own && known.get(position) === true)) stale.add(row);
        else if (theirs === own && !known.has(position)) ties.set(position, row);
      }
      if (ties.size === 0) continue;
      for (const [position, isNewer] of await breakTies(deps, { root, snapshot, file }, { batch, ties })) {
        known.set(position, isNewer);
        if (isNewer) stale.add(ties.get(position) ?? 0);
      }
    }
    const updated = new Set<number>();
    const removals = new Map<string, number[]>();
    for (const [path, { positions, rows }] of found) {
      const taken: number[] = [];
      for (let i = 0; i < positions.length; i += 1) {
        const row = rows[i] ?? 0;
        if (stale.has(row)) continue;
        updated.add(row);
        taken.push(positions[i] ?? 0);
      }
      if (taken.length > 0) removals.set(path, taken);
    }
    return { stale, updated: updated.size, removals };
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
  const vector = findVector(batch, INGESTED_AT);
  if (vector === undefined || !(vector.values instanceof BigInt64Array)) return undefined;
  const { max } = extremes(vector.type, { values: vector.values, length: batch.rowCount });
  return typeof max === 'bigint' ? max : undefined;
}

/** The last row of each identity, and how many others there were. */
export function lastPerIdentity(batch: Batch, columns: readonly string[]): { readonly batch: Batch; readonly deduped: number } {
  const kept = lastOfEachIdentity(batch, columns);
  return kept.length === batch.rowCount ? { batch, deduped: 0 } : { batch: takeRows(batch, kept), deduped: batch.rowCount - kept.length };
}

// Equal receipts: the greater content wins, so that the outcome never depends on which commit came first.
async function breakTies(
  deps: DeltaDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly file: AddFile },
  { batch, ties }: { readonly batch: Batch; readonly ties: ReadonlyMap<number, number> },
): Promise<ReadonlyMap<number, boolean>> {
  const contentColumns = target.snapshot.columns.filter((column) => column.name !== INGESTED_AT);
  const isNewer = new Map<number, boolean>();
  for await (const part of readFile(deps, target, { columns: contentColumns })) {
    for (let i = 0; i < part.batch.rowCount; i += 1) {
      const position = part.positions[i] ?? 0;
      const row = ties.get(position);
      if (row === undefined) continue;
      const order = compareBytes(contentDigest(part.batch, i, contentColumns), contentDigest(batch, row, contentColumns));
      isNewer.set(position, order > 0);
    }
  }
  return isNewer;
}

/** Digest of a row without its receipt, over `columns` in their order; the batch's own order unless given. */
export function contentDigest(batch: Batch, index: number, columns: readonly Column[] = batch.columns.filter(({ name }) => name !== INGESTED_AT)): Uint8Array {
  return rowDigest(
    columns,
    columns.map(({ name }) => {
      const vector = findVector(batch, name);
      return vector === undefined ? null : valueAt(vector, index);
    }),
  );
}

/** Whether every row of the batch has a receipt; of those that have none the later commit wins. */
export function areReceived(batch: Batch): boolean {
  const vector = findVector(batch, INGESTED_AT);
  return vector !== undefined && !(vector.nulls?.includes(1) ?? false);
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
