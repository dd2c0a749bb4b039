/**
 * Bounds of a stored column against ranges of values. Both become comparable keys: numbers as number or bigint, text and
 * bytes as bytes. Pure.
 */
import { compareBytes, utf8 } from '../core/bytes.ts';
import type { ColumnType, Value } from '../core/types.ts';
import type { ValueRange } from '../ports/table-codec.ts';
import { FIXED_LEN_BYTE_ARRAY, type SchemaNode } from './footer.ts';
import { columnsOfSchema } from './parquet-types.ts';
import { structAt } from './thrift.ts';

export type BoundKey = number | bigint | Uint8Array;

/** Bounds as stored, to a key: the lower one may come out lower than any value, the upper one higher, never the other way. */
export type BoundReader = (bytes: Uint8Array, side: 'min' | 'max') => BoundKey | undefined;

/** Closed; an end that is undefined is open. Ascending and disjoint where in a list. */
export interface KeyRange {
  readonly low: BoundKey | undefined;
  readonly high: BoundKey | undefined;
}

const INT32 = 1;
const INT64 = 2;
const FLOAT = 4;
const DOUBLE = 5;
const BYTE_ARRAY = 6;
const MICROS_PER_DAY = 86_400_000_000n;
/** Of the LogicalType union: timestamp, and of its unit: milliseconds, microseconds, nanoseconds. */
const TIMESTAMP = 8;
const [MILLIS, MICROS, NANOS] = [1, 2, 3];

/** Of a column asked for as `type`; undefined where its stored bounds mean nothing to us. */
export function boundReader(node: SchemaNode, type: ColumnType): BoundReader | undefined {
  if (node.physicalType === undefined || node.repetition === 'repeated') return undefined;
  const stored = storedType(node);
  if (stored === undefined) return undefined;
  switch (type.kind) {
    case 'string':
    case 'binary':
      return (stored.kind === 'string' || stored.kind === 'binary') && [BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY].includes(node.physicalType)
        ? (bytes) => bytes
        : undefined;
    case 'boolean':
      return stored.kind === 'boolean' ? (bytes) => bytes[0] : undefined;
    case 'date':
      return stored.kind === 'date' ? integerReader(node) : undefined;
    case 'int':
    case 'bigint':
      return stored.kind === 'int' || stored.kind === 'bigint' ? integerReader(node) : undefined;
    case 'float':
    case 'double':
      if (stored.kind === 'int') return integerReader(node);
      return stored.kind === 'float' || stored.kind === 'double' ? floatReader(node) : undefined;
    case 'decimal':
      return decimalReader(node, stored, type.scale);
    case 'timestamp':
    case 'timestampNtz':
      return instantReader(node, stored);
    default:
      return undefined;
  }
}

function storedType(node: SchemaNode): ColumnType | undefined {
  try {
    return columnsOfSchema([node])[0]?.type;
  } catch {
    return undefined;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Signed alone: unsigned bounds are ordered otherwise, and are rare. */
function integerReader(node: SchemaNode): BoundReader | undefined {
  const stored = storedType(node)?.kind;
  if (node.physicalType === INT32) return stored === 'bigint' ? undefined : (bytes) => (bytes.length === 4 ? viewOf(bytes).getInt32(0, true) : undefined);
  return node.physicalType === INT64 ? (bytes) => (bytes.length === 8 ? viewOf(bytes).getBigInt64(0, true) : undefined) : undefined;
}

function floatReader(node: SchemaNode): BoundReader {
  return (bytes) => {
    const isWide = node.physicalType === DOUBLE;
    if (bytes.length !== (isWide ? 8 : 4) || (!isWide && node.physicalType !== FLOAT)) return undefined;
    const value = isWide ? viewOf(bytes).getFloat64(0, true) : viewOf(bytes).getFloat32(0, true);
    return Number.isNaN(value) ? undefined : value;
  };
}

function decimalReader(node: SchemaNode, stored: ColumnType, scale: number): BoundReader | undefined {
  const isInteger = stored.kind === 'int' || (stored.kind === 'bigint' && node.physicalType === INT64);
  if (stored.kind !== 'decimal' && !isInteger) return undefined;
  // An unsigned 64-bit integer is read as a decimal of 20 digits, its bounds as signed they are not.
  if (stored.kind === 'decimal' && stored.precision === 20 && node.physicalType === INT64) return undefined;
  const storedScale = stored.kind === 'decimal' ? stored.scale : 0;
  if (storedScale > scale) return undefined;
  const factor = 10n ** BigInt(scale - storedScale);
  return (bytes) => {
    const value = unscaled(bytes, node.physicalType);
    return value === undefined ? undefined : value * factor;
  };
}

function unscaled(bytes: Uint8Array, physicalType: number | undefined): bigint | undefined {
  if (physicalType === INT32) return bytes.length === 4 ? BigInt(viewOf(bytes).getInt32(0, true)) : undefined;
  if (physicalType === INT64) return bytes.length === 8 ? viewOf(bytes).getBigInt64(0, true) : undefined;
  if (bytes.length === 0 || bytes.length > 32) return undefined;
  return BigInt.asIntN(
    bytes.length * 8,
    bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n),
  );
}

function instantReader(node: SchemaNode, stored: ColumnType): BoundReader | undefined {
  if (stored.kind === 'date') return (bytes) => (bytes.length === 4 ? BigInt(viewOf(bytes).getInt32(0, true)) * MICROS_PER_DAY : undefined);
  if (node.physicalType !== INT64 || (stored.kind !== 'timestamp' && stored.kind !== 'timestampNtz')) return undefined;
  const unit = unitOf(node);
  if (unit === undefined) return undefined;
  return (bytes, side) => {
    if (bytes.length !== 8) return undefined;
    const value = viewOf(bytes).getBigInt64(0, true);
    if (unit === 'micros') return value;
    if (unit === 'millis') return value * 1000n;
    // Division rounds towards zero; a microsecond off to the safe side costs nothing.
    return value / 1000n + (side === 'min' ? -1n : 1n);
  };
}

function unitOf(node: SchemaNode): 'millis' | 'micros' | 'nanos' | undefined {
  const logical = structAt(node.element, 10);
  const timestamp = logical === undefined ? undefined : structAt(logical, TIMESTAMP);
  const unit = timestamp === undefined ? undefined : structAt(timestamp, 2);
  if (unit?.has(MILLIS) === true) return 'millis';
  if (unit?.has(MICROS) === true) return 'micros';
  if (unit?.has(NANOS) === true) return 'nanos';
  const converted = node.element.get(6)?.value;
  return converted === 9 ? 'millis' : converted === 10 ? 'micros' : undefined;
}

function compareKeys(a: BoundKey, b: BoundKey): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The ranges as keys, in order and without overlaps; undefined where one can't be told from everything. */
export function keyRanges(ranges: readonly ValueRange[], type: ColumnType): readonly KeyRange[] | undefined {
  const isFloating = type.kind === 'float' || type.kind === 'double';
  const keyed: KeyRange[] = [];
  for (const range of ranges) {
    const low = range.low === undefined ? undefined : keyOf(range.low);
    const high = range.high === undefined ? undefined : keyOf(range.high);
    if ((range.low !== undefined && low === undefined) || (range.high !== undefined && high === undefined)) return undefined;
    // Bounds leave NaN out, which is above all numbers.
    if (isFloating && high === undefined) return undefined;
    if (low !== undefined && high !== undefined && compareKeys(low, high) > 0) continue;
    keyed.push({ low, high });
  }
  keyed.sort((a, b) => (a.low === undefined ? (b.low === undefined ? 0 : -1) : b.low === undefined ? 1 : compareKeys(a.low, b.low)));
  const merged: KeyRange[] = [];
  for (const range of keyed) {
    const last = merged.at(-1);
    const isApart = last === undefined || (last.high !== undefined && range.low !== undefined && compareKeys(range.low, last.high) > 0);
    if (isApart) merged.push(range);
    else if (last.high !== undefined && (range.high === undefined || compareKeys(range.high, last.high) > 0))
      merged[merged.length - 1] = { low: last.low, high: range.high };
  }
  return merged;
}

/** Undefined for NaN and for values without order. */
export function keyOf(value: Value): BoundKey | undefined {
  if (typeof value === 'string') return utf8(value);
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  return typeof value === 'bigint' || value instanceof Uint8Array ? value : undefined;
}

/** Whether a value in `[min, max]`, either end unknown, may be in one of the ranges. */
export function mayMeet(ranges: readonly KeyRange[], min: BoundKey | undefined, max: BoundKey | undefined): boolean {
  // The first range that does not end below `min` is the only one to look at: later ones begin higher.
  let from = 0;
  let to = ranges.length;
  while (min !== undefined && from < to) {
    const middle = (from + to) >> 1;
    const high = ranges[middle]?.high;
    if (high !== undefined && compareKeys(high, min) < 0) from = middle + 1;
    else to = middle;
  }
  const range = ranges[from];
  return range !== undefined && (max === undefined || range.low === undefined || compareKeys(range.low, max) <= 0);
}
