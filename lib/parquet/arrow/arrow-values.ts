/** Single values out of Arrow's buffers: strings, bytes, decimals, instants. */
import { DataType, DateUnit, TimeUnit, Type, type Data } from 'apache-arrow';
import { codedVector, type Vector } from '../../core/batch.ts';
import { decodeUtf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { formatType, type ColumnType, type Value } from '../../core/types.ts';
import type { TextCoder } from '../text-coder.ts';

/** Where in the file a vector comes from; without `firstRow` (inside lists and maps) positions are not rows and go unnamed. */
export interface DecodePlace {
  readonly column: string;
  readonly firstRow: number | undefined;
  /** Of the column, where the same texts are met again in later batches. */
  readonly coder?: TextCoder | undefined;
}

type Fault = 'TYPE_MISMATCH' | 'OUT_OF_RANGE' | 'TIMESTAMP_PRECISION';

/** Strings decoded together. A substring keeps the whole text it was cut from alive, so texts are kept short. */
const TEXT_BLOCK = 256;
const MICROS_PER_DAY = 86_400_000_000n;
/** The Julian day of 1970-01-01. */
const JULIAN_EPOCH_DAY = 2_440_588n;

export function bitOf(bits: Uint8Array, index: number): 0 | 1 {
  return ((bits[index >> 3] ?? 0) >> (index & 7)) & 1 ? 1 : 0;
}

/** One byte a row, 1 = absent; undefined when nothing is absent. */
export function nullsOf(data: Data): Uint8Array | undefined {
  if (data.nullCount === 0) return undefined;
  const bits: Uint8Array = data.nullBitmap;
  const nulls = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 1) nulls[i] = 1 - bitOf(bits, data.offset + i);
  return nulls;
}

export function mismatch(place: DecodePlace, type: ColumnType, found: DataType): LakefoldError {
  return faultAt(place, undefined, { fault: 'TYPE_MISMATCH', expected: formatType(type), found: Type[found.typeId] ?? 'another type' });
}

export function outOfRange(place: DecodePlace, index: number, value: { readonly type: ColumnType; readonly found: string }): LakefoldError {
  return faultAt(place, index, { fault: 'OUT_OF_RANGE', expected: `a value a ${formatType(value.type)} holds exactly`, found: value.found });
}

function faultAt(
  place: DecodePlace,
  index: number | undefined,
  what: { readonly fault: Fault; readonly expected: string; readonly found: string },
): LakefoldError {
  const row = index === undefined || place.firstRow === undefined ? undefined : place.firstRow + index;
  const where = row === undefined ? '' : ` in row ${row}`;
  return new LakefoldError('FILE_CORRUPT', `expected ${what.expected} in column ${place.column}${where}, found ${what.found}`, {
    context: { column: place.column, ...(row === undefined ? {} : { row }), ...what },
  });
}

export function stringVector(data: Data, { type, nulls }: Wanted, place: DecodePlace): Vector {
  if (!DataType.isUtf8(data.type) && !DataType.isBinary(data.type)) throw mismatch(place, type, data.type);
  const offsets: Int32Array = data.valueOffsets;
  const bytes: Uint8Array = data.values;
  const coded = place.coder?.code({ offsets, bytes, nulls, length: data.length });
  return coded === undefined ? { type, length: data.length, values: stringValues(data, nulls, place) } : codedVector(type, coded);
}

function stringValues(data: Data, nulls: Uint8Array | undefined, place: DecodePlace): Value[] {
  const offsets: Int32Array = data.valueOffsets;
  const bytes: Uint8Array = data.values;
  const values: Value[] = [];
  for (let start = 0; start < data.length; start += TEXT_BLOCK) {
    const end = Math.min(start + TEXT_BLOCK, data.length);
    const base = offsets[start] ?? 0;
    const block = bytes.subarray(base, offsets[end] ?? 0);
    const text = decodeUtf8(block);
    const isAscii = text?.length === block.length;
    for (let i = start; i < end; i += 1) {
      const from = offsets[i] ?? 0;
      const to = offsets[i + 1] ?? 0;
      if (nulls?.[i] === 1) values.push(null);
      else if (isAscii) values.push(text.slice(from - base, to - base));
      else {
        const value = decodeUtf8(bytes.subarray(from, to));
        if (value === undefined) throw faultAt(place, i, { fault: 'TYPE_MISMATCH', expected: 'text in UTF-8', found: 'other bytes' });
        values.push(value);
      }
    }
  }
  return values;
}

/** Copies, so that one value does not keep the whole file in memory. */
export function bytesValues(data: Data, nulls: Uint8Array | undefined, place: DecodePlace): Value[] {
  const bytes: Uint8Array = data.values;
  const values: Value[] = [];
  if (DataType.isFixedSizeBinary(data.type)) {
    const width = data.type.byteWidth;
    for (let i = 0; i < data.length; i += 1) values.push(nulls?.[i] === 1 ? null : bytes.slice(i * width, (i + 1) * width));
    return values;
  }
  if (!DataType.isBinary(data.type) && !DataType.isUtf8(data.type)) throw mismatch(place, { kind: 'binary' }, data.type);
  const offsets: Int32Array = data.valueOffsets;
  for (let i = 0; i < data.length; i += 1) values.push(nulls?.[i] === 1 ? null : bytes.slice(offsets[i] ?? 0, offsets[i + 1] ?? 0));
  return values;
}

interface Wanted<T extends ColumnType = ColumnType> {
  readonly type: T;
  readonly nulls: Uint8Array | undefined;
}

/** Decimals of any stored precision and of no greater scale; integers count as scale 0. */
export function decimalValues(data: Data, wanted: Wanted<ColumnType & { readonly kind: 'decimal' }>, place: DecodePlace): Value[] {
  const { type, nulls } = wanted;
  const storedScale = DataType.isDecimal(data.type) ? data.type.scale : 0;
  const isKnown = (DataType.isDecimal(data.type) && data.type.bitWidth === 128) || DataType.isInt(data.type);
  if (!isKnown || storedScale > type.scale) throw mismatch(place, type, data.type);
  const factor = 10n ** BigInt(type.scale - storedScale);
  const limit = 10n ** BigInt(type.precision);
  const read = DataType.isInt(data.type) ? (i: number) => BigInt(data.values[i]) : int128Reader(data);
  const values: Value[] = [];
  for (let i = 0; i < data.length; i += 1) {
    if (nulls?.[i] === 1) {
      values.push(null);
      continue;
    }
    const value = read(i) * factor;
    if (value >= limit || value <= -limit) throw outOfRange(place, i, { type, found: `${value} e-${type.scale}` });
    values.push(value);
  }
  return values;
}

function int128Reader(data: Data): (index: number) => bigint {
  const words: Uint32Array = data.values;
  const halves = new BigInt64Array(words.buffer, words.byteOffset, words.length / 2);
  return (i) => {
    const low = halves[i * 2] ?? 0n;
    const high = halves[i * 2 + 1] ?? 0n;
    return high === low >> 63n ? low : (high << 64n) | BigInt.asUintN(64, low);
  };
}

/** Microseconds from any unit Parquet has, INT96 included; nanoseconds only when nothing is lost. */
export function microsValues(data: Data, wanted: Wanted, place: DecodePlace): BigInt64Array {
  const { type, nulls } = wanted;
  const { length } = data;
  if (DataType.isFixedSizeBinary(data.type) && data.type.byteWidth === 12) return int96Values(data, nulls, place);
  if (DataType.isDate(data.type) && data.type.unit === DateUnit.DAY && type.kind === 'timestampNtz') {
    return BigInt64Array.from({ length }, (_, i) => BigInt(data.values[i]) * MICROS_PER_DAY);
  }
  if (!DataType.isTimestamp(data.type)) throw mismatch(place, type, data.type);
  const stored: BigInt64Array = data.values;
  switch (data.type.unit) {
    case TimeUnit.MICROSECOND:
      return stored.subarray(0, length);
    case TimeUnit.NANOSECOND:
      return BigInt64Array.from({ length }, (_, i) => (nulls?.[i] === 1 ? 0n : microsOfNanos(stored[i] ?? 0n, i, place)));
    default: {
      const factor = data.type.unit === TimeUnit.MILLISECOND ? 1000n : 1_000_000n;
      return BigInt64Array.from({ length }, (_, i) => {
        const micros = nulls?.[i] === 1 ? 0n : (stored[i] ?? 0n) * factor;
        if (BigInt.asIntN(64, micros) !== micros) throw outOfRange(place, i, { type, found: `${stored[i]} ms` });
        return micros;
      });
    }
  }
}

function microsOfNanos(nanos: bigint, index: number, place: DecodePlace): bigint {
  if (nanos % 1000n !== 0n) throw faultAt(place, index, { fault: 'TIMESTAMP_PRECISION', expected: 'whole microseconds', found: `${nanos} ns` });
  return nanos / 1000n;
}

/** Nanoseconds of the day (8 bytes) and Julian day (4 bytes), both little-endian. */
function int96Values(data: Data, nulls: Uint8Array | undefined, place: DecodePlace): BigInt64Array {
  const bytes: Uint8Array = data.values;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return BigInt64Array.from({ length: data.length }, (_, i) => {
    if (nulls?.[i] === 1) return 0n;
    const day = BigInt(view.getInt32(i * 12 + 8, true)) - JULIAN_EPOCH_DAY;
    return day * MICROS_PER_DAY + microsOfNanos(view.getBigInt64(i * 12, true), i, place);
  });
}
