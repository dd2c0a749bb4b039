/** A table as the list of its versions' rows, and what each operation does to them (semantics §0): naive on purpose. */
import { batchOfRows, type Batch } from '../../lib/core/batch.ts';
import type { Column } from '../../lib/core/types.ts';

/** A row is known by `id`, which is the value of column `v` and never given twice. */
export interface SimRow {
  readonly id: number;
  readonly k: string;
  /** Event time, µs; null in tables without one. */
  readonly e: bigint | null;
  /** Receipt, µs; no two rows share one. */
  readonly r: bigint;
}

export type Op =
  | { readonly kind: 'append' | 'upsert' | 'overwrite'; readonly rows: readonly SimRow[] }
  | { readonly kind: 'deleteKeys'; readonly keys: readonly string[] }
  /** Rows whose `v` is in `[from, to)`. */
  | { readonly kind: 'deleteWhere'; readonly from: number; readonly to: number }
  /** Rows whose `v` is in `[from, to)`, for these, whose own are too. */
  | { readonly kind: 'overwriteWhere'; readonly from: number; readonly to: number; readonly rows: readonly SimRow[] }
  /** Gives the row `id` the `v` and the receipt of the one here, which is otherwise the same. */
  | { readonly kind: 'update'; readonly id: number; readonly rows: readonly [SimRow] }
  | { readonly kind: 'restore'; readonly version: number }
  | { readonly kind: 'addColumn'; readonly name: string }
  /** What its requests say, one after the other. */
  | { readonly kind: 'group' }
  | { readonly kind: 'create' | 'optimize' | 'alter' };

export interface Step {
  readonly ids: readonly number[];
  /** Rows taken out and put in, each as often as it was; undefined where only the difference is told: a restore brings back files. */
  readonly changes?: Changes;
  /** Inserted, updated, deleted, stale; undefined where they are not told exactly. */
  readonly counts?: readonly [number, number, number, number];
}

export interface Changes {
  readonly came: readonly number[];
  readonly went: readonly number[];
}

const KEY: Column = { name: 'k', type: { kind: 'string' }, nullable: false };
const TIME: Column = { name: 'e', type: { kind: 'timestamp' }, nullable: false };
const VALUE: Column = { name: 'v', type: { kind: 'int' }, nullable: true };
const RECEIVED: Column = { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: true };

export function columnsOf(hasEventTime: boolean): readonly Column[] {
  return hasEventTime ? [KEY, TIME, VALUE, RECEIVED] : [KEY, VALUE, RECEIVED];
}

export function batchOf(hasEventTime: boolean, rows: readonly SimRow[]): Batch {
  return batchOfRows(
    columnsOf(hasEventTime),
    rows.map(({ k, e, id, r }) => (hasEventTime ? [k, e, id, r] : [k, id, r])),
  );
}

/** Ids of a batch read with column `v` alone, or whole. */
export function idsOf(batch: Batch): number[] {
  const position = batch.columns.findIndex(({ name }) => name === 'v');
  return Array.from(batch.vectors[position]?.values ?? [], Number);
}

/** What `op` makes of the newest of `versions`; every row was told by its `id` before. */
export function applyOp(rows: ReadonlyMap<number, SimRow>, versions: readonly (readonly number[])[], op: Op): Step {
  const ids = versions.at(-1) ?? [];
  switch (op.kind) {
    case 'append':
      return replaced(ids, { isGone: () => false, by: op.rows, countsOf: () => [op.rows.length, 0, 0, 0] });
    case 'overwrite':
      return replaced(ids, { isGone: () => true, by: op.rows, countsOf: (gone) => [op.rows.length, 0, gone, 0] });
    case 'upsert':
      return upserted(rows, ids, op.rows);
    case 'deleteKeys':
      return replaced(ids, { isGone: (id) => op.keys.includes(rows.get(id)?.k ?? ''), by: [], countsOf: (gone) => [0, 0, gone, 0] });
    case 'deleteWhere':
      return replaced(ids, { isGone: (id) => id >= op.from && id < op.to, by: [], countsOf: (gone) => [0, 0, gone, 0] });
    case 'overwriteWhere':
      return replaced(ids, { isGone: (id) => id >= op.from && id < op.to, by: op.rows, countsOf: (gone) => [op.rows.length, 0, gone, 0] });
    case 'update': {
      // An append that was repeated after its window left the row there twice.
      const by = ids.flatMap((id) => (id === op.id ? op.rows : []));
      return replaced(ids, { isGone: (id) => id === op.id, by, countsOf: (gone) => [0, gone, 0, 0] });
    }
    case 'restore':
      return { ids: versions[op.version] ?? [] };
    default:
      return { ids, changes: { came: [], went: [] } };
  }
}

interface Replacement {
  readonly isGone: (id: number) => boolean;
  readonly by: readonly Pick<SimRow, 'id'>[];
  readonly countsOf: (gone: number) => readonly [number, number, number, number];
}

function replaced(before: readonly number[], { isGone, by, countsOf }: Replacement): Step {
  const came = by.map(({ id }) => id);
  const went = before.filter(isGone);
  return { ids: [...before.filter((id) => !isGone(id)), ...came], changes: { came, went }, counts: countsOf(went.length) };
}

/** `ids` without those of `others`, each as often as it stands there. */
export function minus(ids: readonly number[], others: readonly number[]): readonly number[] {
  const left = new Map<number, number>();
  for (const id of others) left.set(id, (left.get(id) ?? 0) + 1);
  return ids.filter((id) => {
    const count = left.get(id) ?? 0;
    if (count > 0) left.set(id, count - 1);
    return count === 0;
  });
}

/** What two steps, one after the other, are as one: what the first put in and the second took out was never there. */
export function together(first: Changes, second: Changes): Changes {
  return {
    came: [...minus(first.came, second.went), ...second.came],
    went: [...first.went, ...minus(second.went, first.came)],
  };
}

function upserted(rows: ReadonlyMap<number, SimRow>, before: readonly number[], received: readonly SimRow[]): Step {
  const identityOf = (row: SimRow): string => `${row.k}@${row.e}`;
  const last = new Map<string, SimRow>();
  for (const row of received) last.set(identityOf(row), row);
  let [inserted, updated, stale] = [0, 0, 0];
  const gone = new Set<number>();
  const added: SimRow[] = [];
  for (const [identity, row] of last) {
    const same = before.flatMap((id) => {
      const other = rows.get(id);
      return other !== undefined && identityOf(other) === identity ? [other] : [];
    });
    if (same.some((other) => other.r > row.r)) {
      stale += 1;
      continue;
    }
    if (same.length > 0) updated += 1;
    else inserted += 1;
    for (const other of same) gone.add(other.id);
    added.push(row);
  }
  return replaced(before, { isGone: (id) => gone.has(id), by: added, countsOf: () => [inserted, updated, 0, stale] });
}

/** Equal for equal lists of rows, whatever their order. */
export function textOf(ids: readonly number[]): string {
  return [...ids].sort((a, b) => a - b).join(' ');
}
