/**
 * Arrow to vectors of the asked types: what the file stores is widened where that is exact and refused where it is not.
 */
import { DataType, DateUnit, type Data } from 'apache-arrow';
import { valueAt, vectorOf, type Vector } from '../../core/batch.ts';
import type { ColumnType, Value } from '../../core/types.ts';
import { bitOf, bytesValues, decimalValues, microsValues, mismatch, nullsOf, outOfRange, stringVector, type DecodePlace } from './arrow-values.ts';

/**
 * The values of `data` as `type`.
 * @throws LakefoldError FILE_CORRUPT, its context telling column, row and fault: TYPE_MISMATCH, OUT_OF_RANGE, TIMESTAMP_PRECISION
 */
export function vectorOfArrow(data: Data, type: ColumnType, place: DecodePlace): Vector {
  const { length } = data;
  if (DataType.isNull(data.type)) return nullVector(type, length);
  const nulls = nullsOf(data);
  const withNulls = nulls === undefined ? {} : { nulls };
  switch (type.kind) {
    case 'boolean': {
      if (!DataType.isBool(data.type)) throw mismatch(place, type, data.type);
      return { type, length, values: booleanValues(data, nulls), ...withNulls };
    }
    case 'int':
    case 'date':
      return { type, length, values: cleared(int32Values(data, type, place), nulls), ...withNulls };
    case 'bigint':
      return { type, length, values: cleared(int64Values(data, nulls, place), nulls), ...withNulls };
    case 'timestamp':
    case 'timestampNtz':
      return { type, length, values: cleared(microsValues(data, { type, nulls }, place), nulls), ...withNulls };
    case 'float':
      return { type, length, values: cleared(floatValues(data, nulls, place), nulls), ...withNulls };
    case 'double':
      return { type, length, values: cleared(doubleValues(data, place), nulls), ...withNulls };
    case 'decimal':
      return { type, length, values: decimalValues(data, { type, nulls }, place) };
    case 'string':
      return stringVector(data, { type, nulls }, place);
    case 'binary':
      return { type, length, values: bytesValues(data, nulls, place) };
    case 'array':
      return { type, length, values: listValues(data, type.element, { nulls, place, type }) };
    case 'vector':
      return { type, length, values: listValues(data, { kind: 'float' }, { nulls, place, type }) };
    case 'struct':
      return { type, length, values: structValues(data, type, { nulls, place, type }) };
    case 'map':
      return { type, length, values: mapValues(data, type, { nulls, place, type }) };
    case 'void':
      return nullVector(type, length);
  }
}

/** A column of nulls: what a file without the column has of it. */
export function nullVector(type: ColumnType, length: number): Vector {
  return vectorOf(
    type,
    Array.from({ length }, () => null),
  );
}

function booleanValues(data: Data, nulls: Uint8Array | undefined): Uint8Array {
  const bits: Uint8Array = data.values;
  const values = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 1) values[i] = nulls?.[i] === 1 ? 0 : bitOf(bits, data.offset + i);
  return values;
}

/** Slots of absent values hold what the reader left there; batches promise zero. */
function cleared<T extends Int32Array | BigInt64Array | Float32Array | Float64Array>(values: T, nulls: Uint8Array | undefined): T {
  if (nulls === undefined) return values;
  if (values instanceof BigInt64Array) {
    for (let i = 0; i < values.length; i += 1) if (nulls[i] === 1) values[i] = 0n;
  } else {
    for (let i = 0; i < values.length; i += 1) if (nulls[i] === 1) values[i] = 0;
  }
  return values;
}

function int32Values(data: Data, type: ColumnType, place: DecodePlace): Int32Array {
  const { values, length } = data;
  if (type.kind === 'date') {
    if (DataType.isDate(data.type) && data.type.unit === DateUnit.DAY && values instanceof Int32Array) return values.subarray(0, length);
    throw mismatch(place, type, data.type);
  }
  if (!DataType.isInt(data.type)) throw mismatch(place, type, data.type);
  if (values instanceof Int32Array) return values.subarray(0, length);
  if (values instanceof Int8Array || values instanceof Int16Array || values instanceof Uint8Array || values instanceof Uint16Array)
    return Int32Array.from(values.subarray(0, length));
  const result = new Int32Array(length);
  for (let i = 0; i < length; i += 1) {
    const value = Number(values[i]);
    result[i] = value;
    if (result[i] !== value && data.getValid(i)) throw outOfRange(place, i, { type, found: String(values[i]) });
  }
  return result;
}

function int64Values(data: Data, nulls: Uint8Array | undefined, place: DecodePlace): BigInt64Array {
  const { values, length } = data;
  const type: ColumnType = { kind: 'bigint' };
  if (!DataType.isInt(data.type)) throw mismatch(place, type, data.type);
  if (values instanceof BigInt64Array) return values.subarray(0, length);
  const result = new BigInt64Array(length);
  for (let i = 0; i < length; i += 1) {
    const value = BigInt(values[i]);
    if (nulls?.[i] === 1) continue;
    if (value > 9_223_372_036_854_775_807n) throw outOfRange(place, i, { type, found: value.toString() });
    result[i] = value;
  }
  return result;
}

function floatValues(data: Data, nulls: Uint8Array | undefined, place: DecodePlace): Float32Array {
  const { values, length } = data;
  if (values instanceof Float32Array) return values.subarray(0, length);
  if (!(values instanceof Float64Array)) throw mismatch(place, { kind: 'float' }, data.type);
  const result = Float32Array.from(values.subarray(0, length));
  for (let i = 0; i < length; i += 1) {
    if (nulls?.[i] !== 1 && !Object.is(result[i], values[i])) throw outOfRange(place, i, { type: { kind: 'float' }, found: String(values[i]) });
  }
  return result;
}

function doubleValues(data: Data, place: DecodePlace): Float64Array {
  const { values, length } = data;
  if (values instanceof Float64Array) return values.subarray(0, length);
  const isNarrowInteger = DataType.isInt(data.type) && data.type.bitWidth <= 32;
  if (values instanceof Float32Array || isNarrowInteger) return Float64Array.from(values.subarray(0, length));
  throw mismatch(place, { kind: 'double' }, data.type);
}

interface NestedPlace {
  readonly nulls: Uint8Array | undefined;
  readonly place: DecodePlace;
  readonly type: ColumnType;
}

function childPlace(place: DecodePlace, name: string): DecodePlace {
  return { column: `${place.column}.${name}`, firstRow: undefined };
}

function listValues(data: Data, element: ColumnType, { nulls, place, type }: NestedPlace): Value[] {
  const [child] = data.children;
  if (!(DataType.isList(data.type) || DataType.isFixedSizeList(data.type)) || child === undefined) throw mismatch(place, type, data.type);
  const items = vectorOfArrow(child, element, childPlace(place, 'element'));
  const offsets: Int32Array | undefined = data.valueOffsets;
  const size = DataType.isFixedSizeList(data.type) ? data.type.listSize : 0;
  return rangesOf(data.length, nulls, (i) => {
    const end = offsets?.[i + 1] ?? (i + 1) * size;
    const list: Value[] = [];
    for (let at = offsets?.[i] ?? i * size; at < end; at += 1) list.push(valueAt(items, at));
    return list;
  });
}

function structValues(data: Data, struct: ColumnType & { readonly kind: 'struct' }, { nulls, place }: NestedPlace): Value[] {
  if (!DataType.isStruct(data.type)) throw mismatch(place, struct, data.type);
  const names = data.type.children.map((field) => field.name);
  const fields = struct.fields.map((field) => {
    const child = data.children[names.indexOf(field.name)];
    return child === undefined ? nullVector(field.type, data.length) : vectorOfArrow(child, field.type, childPlace(place, field.name));
  });
  return rangesOf(data.length, nulls, (i) => fields.map((field) => valueAt(field, i)));
}

function mapValues(data: Data, map: ColumnType & { readonly kind: 'map' }, { nulls, place }: NestedPlace): Value[] {
  const [entries] = data.children;
  const [keys, values] = entries?.children ?? [];
  if (!DataType.isMap(data.type) || keys === undefined || values === undefined) throw mismatch(place, map, data.type);
  const keyVector = vectorOfArrow(keys, map.key, childPlace(place, 'key'));
  const valueVector = vectorOfArrow(values, map.value, childPlace(place, 'value'));
  const offsets: Int32Array = data.valueOffsets;
  return rangesOf(data.length, nulls, (i) => {
    const list: Value[] = [];
    for (let at = offsets[i] ?? 0; at < (offsets[i + 1] ?? 0); at += 1) list.push([valueAt(keyVector, at), valueAt(valueVector, at)]);
    return list;
  });
}

function rangesOf(length: number, nulls: Uint8Array | undefined, value: (index: number) => Value): Value[] {
  const values: Value[] = [];
  for (let i = 0; i < length; i += 1) values.push(nulls?.[i] === 1 ? null : value(i));
  return values;
}
