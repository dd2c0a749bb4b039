/** A table as the list of its versions' rows, and what each operation does to them (semantics §0): naive on purpose. */
import { batchOfRows, type Batch, rowsOf } from '../../lib/core/batch.ts';
import { rowDigest } from '../../lib/core/canonical.ts';
import { compareBytes } from '../../lib/core/bytes.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import type { Filter } from '../../lib/delta/filter.ts';
import type { WriteCounts } from '../../lib/delta/write-outcome.ts';

export interface ModelRow {
  readonly k: string;
  /** µs; null where the table has no event time. */
  readonly e: bigint | null;
  readonly p: string | null;
  readonly v: number | null;
  readonly x: number | null;
  /** `_ingested_at`, µs. */
  readonly r: bigint;
}

export interface TableShape {
  readonly profile: 'merge-on-read' | 'compatible';
  readonly hasEventTime: boolean;
  readonly partitionBy: readonly ('k' | 'p')[];
}

const KEY: Column = { name: 'k', type: { kind: 'string' }, nullable: false };
const TIME: Column = { name: 'e', type: { kind: 'timestamp' }, nullable: false };
const PART: Column = { name: 'p', type: { kind: 'string' }, nullable: true };
const NUMBER: Column = { name: 'v', type: { kind: 'int' }, nullable: true };
const EXTRA: Column = { name: 'x', type: { kind: 'int' }, nullable: true };
const RECEIVED: Column = { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: true };

/** Columns of a table, `x` only after it was added. */
export function columnsOf(shape: TableShape, options: { readonly withExtra?: boolean } = {}): readonly Column[] {
  return [KEY, ...(shape.hasEventTime ? [TIME] : []), PART, NUMBER, ...(options.withExtra === true ? [EXTRA] : []), RECEIVED];
}

function valueOf(row: ModelRow, name: string): Value {
  switch (name) {
    case 'k':
      return row.k;
    case 'e':
      return row.e;
    case 'p':
      return row.p;
    case 'v':
      return row.v;
    case 'x':
      return row.x;
    default:
      return row.r;
  }
}

/** `columns` in any order. */
export function batchOf(columns: readonly Column[], rows: readonly ModelRow[]): Batch {
  return batchOfRows(
    columns,
    rows.map((row) => columns.map(({ name }) => valueOf(row, name))),
  );
}

export function rowsOfBatch(batch: Batch): ModelRow[] {
  return rowsOf(batch).map((values) => {
    const named = Object.fromEntries(batch.columns.map(({ name }, i) => [name, values[i] ?? null]));
    const numberOf = (value: Value | undefined): number | null => (typeof value === 'number' ? value : null);
    const { k, e, p, _ingested_at: r } = named;
    return {
      k: String(k),
      e: typeof e === 'bigint' ? e : null,
      p: typeof p === 'string' ? p : null,
      v: numberOf(named['v']),
      x: numberOf(named['x']),
      r: typeof r === 'bigint' ? r : -1n,
    };
  });
}

/** Equal for equal rows; sorted lists of these are equal for equal tables. */
function textOf(row: ModelRow): string {
  return `${row.k} e=${row.e} p=${row.p} v=${row.v} x=${row.x} r=${row.r}`;
}

export function textsOf(rows: readonly ModelRow[]): string[] {
  return rows.map(textOf).toSorted();
}

function identityOf(row: ModelRow): string {
  return `${row.k}@${row.e}`;
}

/** The order of semantics §0 among rows of one identity. */
function compareRows(a: ModelRow, b: ModelRow): number {
  if (a.r !== b.r) return a.r < b.r ? -1 : 1;
  return compareBytes(digestOf(a), digestOf(b));
}

function digestOf(row: ModelRow): Uint8Array {
  const columns = [KEY, TIME, PART, NUMBER, EXTRA];
  return rowDigest(
    columns,
    columns.map(({ name }) => valueOf(row, name)),
  );
}

export interface KeyMatch {
  readonly k: string;
  readonly e?: bigint;
}

/** A filter and what it says of a row. */
export interface ModelFilter {
  readonly filter: Filter;
  readonly passes: (row: ModelRow) => boolean;
}

export type TableOp =
  | { readonly kind: 'append' | 'upsert' | 'overwrite'; readonly rows: readonly ModelRow[] }
  | { readonly kind: 'overwriteWhere'; readonly where: ModelFilter; readonly rows: readonly ModelRow[] }
  /** Sets `v`, and the receipt with it. */
  | { readonly kind: 'update'; readonly where: ModelFilter; readonly v: number | null; readonly r: bigint }
  | { readonly kind: 'deleteKeys'; readonly keys: readonly KeyMatch[] }
  | { readonly kind: 'deleteWhere'; readonly where: ModelFilter }
  | { readonly kind: 'restore'; readonly version: number }
  | { readonly kind: 'optimize' | 'alter' | 'checkpoint' }
  | { readonly kind: 'foreign'; readonly removed: readonly ModelRow[]; readonly added: readonly ModelRow[] };

export interface ModelStep {
  readonly rows: readonly ModelRow[];
  /** Absent where the operation does not state them exactly. */
  readonly counts?: WriteCounts;
  readonly notFound: number;
}

const NONE: WriteCounts = { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 };

/** What `op` makes of the newest of `versions`. */
export function applyOp(versions: readonly (readonly ModelRow[])[], op: TableOp): ModelStep {
  const rows = versions.at(-1) ?? [];
  switch (op.kind) {
    case 'append':
      return { rows: [...rows, ...op.rows], counts: { ...NONE, rowsInserted: op.rows.length }, notFound: 0 };
    case 'overwrite':
      return { rows: op.rows, counts: { ...NONE, rowsInserted: op.rows.length, rowsDeleted: rows.length }, notFound: 0 };
    case 'overwriteWhere': {
      const left = rows.filter((row) => !op.where.passes(row));
      return { rows: [...left, ...op.rows], counts: { ...NONE, rowsInserted: op.rows.length, rowsDeleted: rows.length - left.length }, notFound: 0 };
    }
    case 'update': {
      const passing = rows.filter(op.where.passes);
      const changed = rows.map((row) => (passing.includes(row) ? { ...row, v: op.v, r: op.r } : row));
      return { rows: changed, counts: { ...NONE, rowsUpdated: passing.length }, notFound: 0 };
    }
    case 'upsert':
      return upserted(rows, op.rows);
    case 'deleteKeys': {
      const left = rows.filter((row) => !op.keys.some((key) => matches(row, key)));
      const asked = new Map(op.keys.map((key) => [`${key.k}@${key.e}`, key]));
      const notFound = [...asked.values()].filter((key) => !rows.some((row) => matches(row, key))).length;
      return { rows: left, counts: { ...NONE, rowsDeleted: rows.length - left.length }, notFound };
    }
    case 'deleteWhere': {
      const left = rows.filter((row) => !op.where.passes(row));
      return { rows: left, counts: { ...NONE, rowsDeleted: rows.length - left.length }, notFound: 0 };
    }
    case 'restore':
      return { rows: versions[op.version] ?? [], notFound: 0 };
    case 'foreign': {
      const left = [...rows];
      for (const gone of op.removed)
        left.splice(
          left.findIndex((row) => textOf(row) === textOf(gone)),
          1,
        );
      return { rows: [...left, ...op.added], notFound: 0 };
    }
    default:
      return { rows, counts: NONE, notFound: 0 };
  }
}

function matches(row: ModelRow, key: KeyMatch): boolean {
  return row.k === key.k && (key.e === undefined || row.e === key.e);
}

function upserted(before: readonly ModelRow[], received: readonly ModelRow[]): ModelStep {
  const last = new Map<string, ModelRow>();
  for (const row of received) last.set(identityOf(row), row);
  let rows = [...before];
  let [inserted, updated, stale] = [0, 0, 0];
  for (const row of last.values()) {
    const same = before.filter((other) => identityOf(other) === identityOf(row));
    if (same.some((other) => compareRows(other, row) > 0)) {
      stale += 1;
      continue;
    }
    if (same.length > 0) updated += 1;
    else inserted += 1;
    rows = [...rows.filter((other) => !same.includes(other)), row];
  }
  return { rows, counts: { ...NONE, rowsInserted: inserted, rowsUpdated: updated, dedupedInBatch: received.length - last.size, stale }, notFound: 0 };
}
