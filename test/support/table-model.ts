/** A table as the list of its versions' rows, and what each operation does to them (semantics §0): naive on purpose. */
import { batchOfRows, type Batch, rowsOf } from '../../lib/core/batch.ts';
import { rowDigest } from '../../lib/core/canonical.ts';
import { compareBytes } from '../../lib/core/bytes.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import type { Filter } from '../../lib/delta/filter/filter.ts';
import type { WriteCounts } from '../../lib/delta/write/write-outcome.ts';

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

/** What a table may have beside its profile. */
export type TableOption = 'changeFeed' | 'inCommitTimestamp' | 'v2Checkpoints' | 'columnMapping';

export interface TableShape {
  readonly profile: 'merge-on-read' | 'compatible';
  readonly hasEventTime: boolean;
  readonly partitionBy: readonly ('k' | 'p')[];
  readonly options?: readonly TableOption[];
}

/** What the columns of a version are called, which column mapping lets change. */
export interface Layout {
  readonly v: 'v' | 'w';
  readonly p: 'p' | 'q';
  /** The version that added `x`; undefined where there is none. */
  readonly extra: number | undefined;
}

export const FIRST_LAYOUT: Layout = { v: 'v', p: 'p', extra: undefined };

const KEY: Column = { name: 'k', type: { kind: 'string' }, nullable: false };
const TIME: Column = { name: 'e', type: { kind: 'timestamp' }, nullable: false };
const PART: Column = { name: 'p', type: { kind: 'string' }, nullable: true };
const NUMBER: Column = { name: 'v', type: { kind: 'int' }, nullable: true };
const EXTRA: Column = { name: 'x', type: { kind: 'int' }, nullable: true };
const RECEIVED: Column = { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: true };

/** Columns of a table, `x` only after it was added. */
export function columnsOf(shape: TableShape, options: { readonly withExtra?: boolean; readonly names?: Pick<Layout, 'v' | 'p'> } = {}): readonly Column[] {
  const { names = FIRST_LAYOUT, withExtra = false } = options;
  const data = [
    { ...PART, name: names.p },
    { ...NUMBER, name: names.v },
  ];
  return [KEY, ...(shape.hasEventTime ? [TIME] : []), ...data, ...(withExtra ? [EXTRA] : []), RECEIVED];
}

const PROPERTIES: Readonly<Record<TableOption, readonly [string, string]>> = {
  changeFeed: ['delta.enableChangeDataFeed', 'true'],
  inCommitTimestamp: ['delta.enableInCommitTimestamps', 'true'],
  v2Checkpoints: ['delta.checkpointPolicy', 'v2'],
  columnMapping: ['delta.columnMapping.mode', 'name'],
};

export function configurationOf({ options = [] }: TableShape): Readonly<Record<string, string>> {
  return Object.fromEntries(options.map((option) => PROPERTIES[option]));
}

function valueOf(row: ModelRow, name: string): Value {
  switch (name) {
    case 'k':
      return row.k;
    case 'e':
      return row.e;
    case 'p':
    case 'q':
      return row.p;
    case 'v':
    case 'w':
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
    const { k, e, p = named['q'], v = named['w'], _ingested_at: r } = named;
    return {
      k: String(k),
      e: typeof e === 'bigint' ? e : null,
      p: typeof p === 'string' ? p : null,
      v: numberOf(v),
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
function compareRows(a: ModelRow, b: ModelRow, layout: Layout): number {
  if (a.r !== b.r) return a.r < b.r ? -1 : 1;
  return compareBytes(digestOf(a, layout), digestOf(b, layout));
}

function digestOf(row: ModelRow, { p, v }: Layout): Uint8Array {
  const columns = [KEY, TIME, { ...PART, name: p }, { ...NUMBER, name: v }, EXTRA];
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
  /** Packs, or lays rows by their values: sorted, or along a Z curve. */
  | { readonly kind: 'optimize'; readonly order?: 'clusterBy' | 'zOrder'; readonly targetBytes?: number }
  | { readonly kind: 'alter' | 'checkpoint' }
  | { readonly kind: 'rename'; readonly column: 'p' | 'v'; readonly to: Layout['p' | 'v'] }
  /** Takes `x` away. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'foreign'; readonly removed: readonly ModelRow[]; readonly added: readonly ModelRow[] };

export interface ModelStep {
  readonly rows: readonly ModelRow[];
  /** Absent where the operation does not state them exactly. */
  readonly counts?: WriteCounts;
  readonly notFound: number;
}

const NONE: WriteCounts = { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 };

/** What the columns are called after `op`, which made `version`. */
export function layoutAfter(layout: Layout, op: TableOp, version: number): Layout {
  switch (op.kind) {
    case 'alter':
      return layout.extra === undefined ? { ...layout, extra: version } : layout;
    case 'rename':
      return { ...layout, [op.column]: op.to };
    case 'drop':
      return { ...layout, extra: undefined };
    default:
      return layout;
  }
}

/** Rows of a version as they stand under another's columns. */
export function underLayout(rows: readonly ModelRow[], from: Layout, to: Layout): readonly ModelRow[] {
  return from.extra === to.extra ? rows : rows.map((row) => ({ ...row, x: null }));
}

/** What `op` makes of the newest of `versions`; `layouts` is of each, where they differ. */
export function applyOp(versions: readonly (readonly ModelRow[])[], op: TableOp, layouts: readonly Layout[] = []): ModelStep {
  const rows = versions.at(-1) ?? [];
  const layout = layouts.at(-1) ?? FIRST_LAYOUT;
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
      return upserted(rows, op.rows, layout);
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
      return { rows: underLayout(versions[op.version] ?? [], layouts[op.version] ?? FIRST_LAYOUT, layout), notFound: 0 };
    case 'drop':
      return { rows: rows.map((row) => ({ ...row, x: null })), counts: NONE, notFound: 0 };
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

function upserted(before: readonly ModelRow[], received: readonly ModelRow[], layout: Layout): ModelStep {
  const last = new Map<string, ModelRow>();
  for (const row of received) last.set(identityOf(row), row);
  let rows = [...before];
  let [inserted, updated, stale] = [0, 0, 0];
  for (const row of last.values()) {
    const same = before.filter((other) => identityOf(other) === identityOf(row));
    if (same.some((other) => compareRows(other, row, layout) > 0)) {
      stale += 1;
      continue;
    }
    if (same.length > 0) updated += 1;
    else inserted += 1;
    rows = [...rows.filter((other) => !same.includes(other)), row];
  }
  return { rows, counts: { ...NONE, rowsInserted: inserted, rowsUpdated: updated, dedupedInBatch: received.length - last.size, stale }, notFound: 0 };
}
