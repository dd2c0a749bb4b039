/**
 * Finds the rows of a table that share an identity with a row of a batch: all that an upsert or a delete by key reads.
 *
 * Files are candidates by event-time range, then key ranges. A file's rows never change, so each is read once however
 * often the plan is made: what deletion vectors hide is sorted out afterwards.
 */
import { type Batch, type Vector, valueAt, vectorNamed } from '../../core/batch.ts';
import { INGESTED_AT } from '../../core/names.ts';
import type { Value } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import type { ReadSet } from '../write/conflict.ts';
import { readDeletionVector } from './deletion-vector.ts';
import type { DeltaDeps } from '../deps.ts';
import { extremes } from '../statistics/extremes.ts';
import { compareValues, type Filter } from '../filter/filter.ts';
import { type IdentityLookup, indexIdentities } from '../snapshot/identity-index.ts';
import { checkProbeBudget, sizeOf } from '../write/plan-budget.ts';
import { filesInPartitions, partitionTest } from '../filter/pruning.ts';
import { boundsOf, readFile, selectColumns } from './read.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

export interface ProbeRows {
  readonly batch: Batch;
  /** Non-empty; the event time, where it is part, last. */
  readonly identityColumns: readonly string[];
  /** Whether the receipts of rows found are wanted; the table has them. */
  readonly withReceipts: boolean;
  /** Rows found at most; `PROBE_ROWS_MAX` unless given. */
  readonly rowsMax?: number;
}

/** Live rows of one file: row `rows[i]` of the batch has the identity of the row at physical position `positions[i]`. */
export interface FoundRows {
  readonly file: AddFile;
  readonly positions: Uint32Array;
  readonly rows: Uint32Array;
  /** µs; undefined where they were not asked for. */
  readonly receipts: BigInt64Array | undefined;
  /** Positions its deletion vector hides already. */
  readonly deleted: Uint32Array;
}

export interface Prober {
  /** By path. `changed`: the only paths that may differ from the last call's snapshot, whose columns were the same. */
  readonly find: (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<ReadonlyMap<string, FoundRows>>;
  /** What the last call depends on. */
  readonly reads: () => ReadSet;
}

type Physical = Omit<FoundRows, 'file' | 'deleted'>;

const NO_POSITIONS = new Uint32Array();
const NO_BOUNDS = { min: undefined, max: undefined };

/** @throws LakefoldError from `find`: PLAN_TOO_LARGE with `sql`, FILE_MISSING, FILE_CORRUPT */
export function createProber(deps: DeltaDeps, root: string, rows: ProbeRows, sql: (snapshot: Snapshot) => string): Prober {
  const mayHold = candidateTest(rows);
  let index: IdentityLookup | undefined;
  const where = pageFilter(rows);
  const physical = new Map<string, Physical>();
  let columns: Snapshot['columns'] | undefined;
  let suspects = new Map<string, AddFile>();
  let found: ReadonlyMap<string, FoundRows> = new Map();

  const scan = async (snapshot: Snapshot, file: AddFile, hold: (rows: number) => void): Promise<Physical> => {
    const withReceipts = rows.withReceipts && holdsReceipts(snapshot);
    const names = withReceipts ? [...rows.identityColumns, INGESTED_AT] : rows.identityColumns;
    const positions: number[] = [];
    const matched: number[] = [];
    const receipts: bigint[] = [];
    const options = { columns: selectColumns(snapshot, names), includeDeleted: 'yes', ...(where === undefined ? {} : { where }) } as const;
    for await (const part of readFile(deps, { root, snapshot, file }, options)) {
      const theirs = !withReceipts ? undefined : vectorNamed(part.batch, INGESTED_AT);
      index ??= indexIdentities(rows.batch, rows.identityColumns);
      const hits = index(part.batch);
      for (let i = 0; i < hits.length; i += 1) {
        const row = hits[i] ?? -1;
        if (row < 0) continue;
        positions.push(part.positions[i] ?? 0);
        matched.push(row);
        const receipt = theirs === undefined ? null : valueAt(theirs, i);
        receipts.push(typeof receipt === 'bigint' ? receipt : 0n);
      }
      hold(positions.length);
    }
    return {
      positions: Uint32Array.from(positions),
      rows: Uint32Array.from(matched),
      receipts: withReceipts ? BigInt64Array.from(receipts) : undefined,
    };
  };

  const find = async (snapshot: Snapshot, changed?: ReadonlySet<string>): Promise<ReadonlyMap<string, FoundRows>> => {
    if (columns !== snapshot.columns) physical.clear();
    suspects = changed === undefined || columns !== snapshot.columns ? candidates(snapshot, rows, mayHold) : narrowed(suspects, { snapshot, changed, mayHold });
    columns = snapshot.columns;
    const refusal = (): string => sql(snapshot);
    const unread = [...suspects.values()].filter((file) => !physical.has(fileKey(file)));
    let rowsFound = 0;
    const hold = (more: number): void => checkProbeBudget(sizeOf(unread, rowsFound + more), refusal, rows.rowsMax);
    hold(0);
    const live = new Map<string, FoundRows>();
    for (const [path, file] of suspects) {
      const known = physical.get(fileKey(file)) ?? (await scan(snapshot, file, hold));
      physical.set(fileKey(file), known);
      if (known.positions.length === 0) continue;
      const deleted = file.deletionVector === undefined ? NO_POSITIONS : await readDeletionVector(deps, root, file.deletionVector);
      const rest = withoutPositions(known, deleted);
      rowsFound += rest.positions.length;
      hold(0);
      if (rest.positions.length > 0) live.set(path, { ...rest, file, deleted });
    }
    found = live;
    return live;
  };
  return { find, reads: () => ({ found: new Set(found.keys()), mayHold }) };
}

export function holdsReceipts(snapshot: Snapshot): boolean {
  return snapshot.columns.some((column) => column.name === INGESTED_AT);
}

/** Names what stands in a file for good; a re-added one may say another time, which receipts are read by. */
export function fileKey(file: AddFile): string {
  return `${file.path}\0${file.modificationTime}`;
}

/** Live files that may hold a row of one of the batch's identities. */
export function candidateFiles(snapshot: Snapshot, rows: Pick<ProbeRows, 'batch' | 'identityColumns'>): readonly AddFile[] {
  return [...candidates(snapshot, rows, candidateTest(rows)).values()];
}

function candidates(snapshot: Snapshot, rows: Pick<ProbeRows, 'batch' | 'identityColumns'>, mayHold: ReadSet['mayHold']): Map<string, AddFile> {
  const files = new Map<string, AddFile>();
  const test = partitionTest(snapshot, rangeFilter(rows));
  for (const file of filesInPartitions(snapshot.files, test, (each) => mayHold(snapshot, each))) files.set(file.path, file);
  return files;
}

/** What every row of the batch passes. */
function rangeFilter({ batch, identityColumns }: Pick<ProbeRows, 'batch' | 'identityColumns'>): Filter {
  const filters = identityColumns.flatMap((column): Filter[] => {
    const vector = vectorNamed(batch, column);
    let { low, high } = quickRange(vector);
    for (let i = low === null ? 0 : batch.rowCount; i < batch.rowCount; i += 1) {
      const value = valueAt(vector, i);
      if (value === null) continue;
      if (low === null || compareValues(value, low) < 0) low = value;
      if (high === null || compareValues(value, high) > 0) high = value;
    }
    return [
      { kind: 'compare', column, op: '>=', value: low },
      { kind: 'compare', column, op: '<=', value: high },
    ];
  });
  return { kind: 'and', filters };
}

/** Of types without NaN, whose bounds are their least and greatest value; nulls where that is not known. */
function quickRange(vector: Vector): { readonly low: Value; readonly high: Value } {
  const { kind } = vector.type;
  if (kind === 'float' || kind === 'double') return { low: null, high: null };
  const { min = null, max = null } = extremes(vector.type, vector);
  return { low: min, high: max };
}

/** Candidates of the next snapshot, of those before. */
export function narrowed(
  before: ReadonlyMap<string, AddFile>,
  { snapshot, changed, mayHold }: { readonly snapshot: Snapshot; readonly changed: ReadonlySet<string>; readonly mayHold: ReadSet['mayHold'] },
): Map<string, AddFile> {
  const files = new Map(before);
  for (const path of changed) {
    files.delete(path);
    const file = snapshot.files.get(path);
    if (file !== undefined && mayHold(snapshot, file)) files.set(path, file);
  }
  return files;
}

function withoutPositions(found: Physical, deleted: Uint32Array): Physical {
  if (deleted.length === 0) return found;
  const gone = new Set(deleted);
  const kept = [...found.positions.keys()].filter((i) => !gone.has(found.positions[i] ?? -1));
  return {
    positions: Uint32Array.from(kept, (i) => found.positions[i] ?? 0),
    rows: Uint32Array.from(kept, (i) => found.rows[i] ?? 0),
    receipts: found.receipts === undefined ? undefined : BigInt64Array.from(kept, (i) => found.receipts?.[i] ?? 0n),
  };
}

/** Rows of a batch above which hardly a page of a file is without one of their keys, so that asking for each costs more than it saves. */
const PAGE_FILTER_ROWS_MAX = 1000;

/** By which pages of a file are left unread: some value of each identity column. */
function pageFilter({ batch, identityColumns }: ProbeRows): Filter | undefined {
  if (batch.rowCount > PAGE_FILTER_ROWS_MAX) return undefined;
  const filters = identityColumns.map((column): Filter => {
    const vector = vectorNamed(batch, column);
    return { kind: 'in', column, values: [...new Set(Array.from({ length: batch.rowCount }, (_, i) => valueAt(vector, i)))] };
  });
  return { kind: 'and', filters };
}

/** Whether a file may hold a row of one of the batch's identities: false only where its statistics rule out each of them. */
function candidateTest({ batch, identityColumns }: Pick<ProbeRows, 'batch' | 'identityColumns'>): ReadSet['mayHold'] {
  const vectors = identityColumns.map((name) => ({ name, vector: vectorNamed(batch, name) }));
  const leading = vectors.at(-1);
  if (leading === undefined) return () => true;
  // Of a table without files nobody asks.
  let sorted: Uint32Array | undefined;
  return (snapshot, file) => {
    sorted ??= sortedRows(leading.vector, batch.rowCount);
    const order = sorted;
    if (order.length === 0) return false;
    const bounds = vectors.map(({ name, vector }) => {
      const { min, max, mayHaveNaN } = boundsOf(snapshot, file, name);
      // Writers leave NaN out of their bounds, and NaN is the greatest value there is.
      return { vector, min, max: mayHaveNaN ? undefined : max };
    });
    const { min, max } = bounds.at(-1) ?? NO_BOUNDS;
    const valueOf = (i: number): Value => valueAt(leading.vector, order[i] ?? 0);
    const from = isKnown(min) ? lowerBound(order.length, (i) => compareValues(valueOf(i), min) >= 0) : 0;
    const to = isKnown(max) ? lowerBound(order.length, (i) => compareValues(valueOf(i), max) > 0) : order.length;
    for (let i = from; i < to; i += 1) if (bounds.every((bound) => isInside(valueAt(bound.vector, order[i] ?? 0), bound))) return true;
    return false;
  };
}

function isInside(value: Value, { min, max }: { readonly min: Value | undefined; readonly max: Value | undefined }): boolean {
  return value !== null && !(isKnown(min) && compareValues(value, min) < 0) && !(isKnown(max) && compareValues(value, max) > 0);
}

/** Rows whose value is not null, in its order: no two rows share a null. */
function sortedRows(vector: Vector, rowCount: number): Uint32Array {
  const rows: number[] = [];
  for (let i = 0; i < rowCount; i += 1) if (valueAt(vector, i) !== null) rows.push(i);
  return Uint32Array.from(rows.sort((a, b) => compareValues(valueAt(vector, a), valueAt(vector, b))));
}

/** The first index from which on `holds`; `count` where it never does. */
function lowerBound(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isKnown(value: Value | undefined): value is Exclude<Value, null> {
  return value !== undefined && value !== null;
}
