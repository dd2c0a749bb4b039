/**
 * Offsets of payload layout 1 (storage.md §4): where each column of a record stands, computed once per schema.
 *
 * A record = null bitmap · fixed slots · end offsets of the variable columns · heap. The payload is a header and a record;
 * a struct is a record; an array of n elements is `u32 n` and a record of n columns of the element type; a map is an array
 * of `struct<key, value>`.
 */
import { LakefoldError } from '../core/errors.ts';
import { formatType, type ColumnType } from '../core/types.ts';

export const PAYLOAD_LAYOUT = 1;
/** Layout number and schema fingerprint. */
export const HEADER_BYTES = 9;

export type Slot =
  | { readonly kind: 'fixed'; readonly type: ColumnType; readonly offset: number; readonly width: number }
  | { readonly kind: 'variable'; readonly type: ColumnType; readonly index: number };

/** Offsets are relative to the start of the record. */
export interface RecordLayout {
  readonly slots: readonly Slot[];
  readonly bitmapBytes: number;
  readonly endsStart: number;
  readonly variableCount: number;
  readonly heapStart: number;
}

/** Bytes of a value's fixed slot; undefined for what lives in the heap. */
export function fixedWidth(type: ColumnType): number | undefined {
  switch (type.kind) {
    case 'boolean':
      return 1;
    case 'int':
    case 'float':
    case 'date':
      return 4;
    case 'bigint':
    case 'double':
    case 'timestamp':
    case 'timestampNtz':
      return 8;
    case 'decimal':
      return type.precision <= 18 ? 8 : 16;
    case 'vector':
      return 4 * type.length;
    case 'string':
    case 'binary':
    case 'array':
    case 'struct':
    case 'map':
      return undefined;
    case 'void':
      throw new LakefoldError('INTERNAL', `no payload form of ${formatType(type)}`);
  }
}

export function recordLayout(types: readonly ColumnType[]): RecordLayout {
  const bitmapBytes = bitmapLength(types.length);
  let offset = bitmapBytes;
  let variableCount = 0;
  const slots = types.map((type): Slot => {
    const width = fixedWidth(type);
    if (width === undefined) {
      variableCount += 1;
      return { kind: 'variable', type, index: variableCount - 1 };
    }
    offset += width;
    return { kind: 'fixed', type, offset: offset - width, width };
  });
  return { slots, bitmapBytes, endsStart: offset, variableCount, heapStart: offset + 4 * variableCount };
}

export function bitmapLength(columns: number): number {
  return (columns + 7) >> 3;
}

const structLayouts = new WeakMap<ColumnType, RecordLayout>();

/** The record of a struct's fields, made once per type object. */
export function structLayout(type: Extract<ColumnType, { kind: 'struct' }>): RecordLayout {
  let layout = structLayouts.get(type);
  if (layout === undefined) {
    layout = recordLayout(type.fields.map((field) => field.type));
    structLayouts.set(type, layout);
  }
  return layout;
}

const entryTypes = new WeakMap<ColumnType, Extract<ColumnType, { kind: 'struct' }>>();

/** A map's entries as structs of `key` and `value`. */
export function entryType(type: Extract<ColumnType, { kind: 'map' }>): Extract<ColumnType, { kind: 'struct' }> {
  let entry = entryTypes.get(type);
  if (entry === undefined) {
    entry = {
      kind: 'struct',
      fields: [
        { name: 'key', type: type.key },
        { name: 'value', type: type.value },
      ],
    };
    entryTypes.set(type, entry);
  }
  return entry;
}
