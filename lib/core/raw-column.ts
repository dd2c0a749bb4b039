/**
 * Columns as a file has them: bytes and offsets, no object a value. For tables of which a row is looked at rarely.
 *
 * `valid` has a bit a row, least significant first, 1 = present; left out where every row is.
 */
import { decodeUtf8 } from './bytes.ts';

interface RawBase {
  readonly length: number;
  readonly valid?: Uint8Array;
}

/** Row i is `bytes[offsets[i], offsets[i + 1])`, UTF-8 unless the file lied. */
export interface RawText extends RawBase {
  readonly kind: 'text';
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

export interface RawNumbers extends RawBase {
  readonly kind: 'numbers';
  readonly values: Int8Array | Int16Array | Int32Array | Uint32Array | BigInt64Array;
}

/** A bit a row, as in `valid`. */
export interface RawBooleans extends RawBase {
  readonly kind: 'booleans';
  readonly bits: Uint8Array;
}

export interface RawStruct extends RawBase {
  readonly kind: 'struct';
  readonly fields: ReadonlyMap<string, RawColumn>;
}

/** Row i has the items `[offsets[i], offsets[i + 1])`. */
export interface RawList extends RawBase {
  readonly kind: 'list';
  readonly offsets: Int32Array;
  readonly items: RawColumn;
}

/** As a list of entries. */
export interface RawMap extends RawBase {
  readonly kind: 'map';
  readonly offsets: Int32Array;
  readonly keys: RawColumn;
  readonly values: RawColumn;
}

export type RawColumn = RawText | RawNumbers | RawBooleans | RawStruct | RawList | RawMap;

export function isPresent(column: RawBase, row: number): boolean {
  return column.valid === undefined || bitAt(column.valid, row);
}

/** The whole number at `row`, which may be too great for a double to be exact. */
export function numberAtRow(column: RawNumbers, row: number): number {
  return Number(column.values[row] ?? 0);
}

/** What JSON would say of the value: text, number, boolean, list, object; `undefined` for text that is not UTF-8. */
export function plainValueAt(column: RawColumn, row: number): unknown {
  if (!isPresent(column, row)) return null;
  switch (column.kind) {
    case 'text':
      return decodeUtf8(column.bytes.subarray(column.offsets[row] ?? 0, column.offsets[row + 1] ?? 0));
    case 'numbers':
      return column.values[row] ?? null;
    case 'booleans':
      return bitAt(column.bits, row);
    case 'struct':
      return Object.fromEntries([...column.fields].map(([name, field]) => [name, plainValueAt(field, row)]));
    case 'list':
      return rangeOf(column, row).map((at) => plainValueAt(column.items, at));
    case 'map':
      return Object.fromEntries(rangeOf(column, row).map((at) => [String(plainValueAt(column.keys, at)), plainValueAt(column.values, at)]));
  }
}

function rangeOf({ offsets }: { readonly offsets: Int32Array }, row: number): number[] {
  const start = offsets[row] ?? 0;
  return Array.from({ length: (offsets[row + 1] ?? 0) - start }, (_, i) => start + i);
}

export function bitAt(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}
