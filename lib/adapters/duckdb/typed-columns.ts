/**
 * Columns of DuckDB's chunks as typed arrays, a chunk at a time. `@duckdb/node-api` hands out values one by one; its vectors of fixed
 * width keep them in a typed array of their own, and that is copied where it is what this expects to find. Anything else goes value by value.
 */
import { DuckDBTypeId, type DuckDBType, type DuckDBValue, type DuckDBVector } from '@duckdb/node-api';
import { type Vector, vectorBuilder, valueAt } from '../../core/batch.ts';
import type { ColumnType } from '../../core/types.ts';
import { fromDuck, toDuck } from './duckdb-types.ts';

type Typed = Int32Array | BigInt64Array | Float32Array | Float64Array;

/** DuckDB's vector size. */
export const CHUNK_ROWS = 2048;

/** A column of a result as it comes. */
export interface ResultColumn {
  readonly append: (chunk: DuckDBVector, rows: number) => void;
  readonly finish: () => Vector;
}

/** @throws LakefoldError LIMIT_EXCEEDED, UNSUPPORTED_OPERATION when a value has no form here */
export function resultColumn(type: ColumnType, of: { readonly name: string; readonly duckType: DuckDBType }): ResultColumn {
  const typed = typedStorage(of.duckType);
  if (typed !== undefined) return typedColumn(type, typed);
  const builder = vectorBuilder(type);
  return {
    append: (chunk, rows) => {
      for (let row = 0; row < rows; row += 1) builder.push(fromDuck(chunk.getItem(row), of.name));
    },
    finish: builder.finish,
  };
}

/** Fills a chunk's vector with values `[start, start + rows)` of a column. */
export function fillVector(
  target: DuckDBVector,
  { type, source }: { readonly type: ColumnType; readonly source: Vector },
  at: { readonly start: number; readonly rows: number },
): void {
  const items = typedItems(target);
  const values = isTyped(source.values) ? source.values : undefined;
  if (items !== undefined && values !== undefined && copyInto(items, 0, values.subarray(at.start, at.start + at.rows))) {
    for (let row = 0; row < at.rows; row += 1) if (source.nulls?.[at.start + row] === 1) setItem(target, row, null);
  } else {
    for (let row = 0; row < at.rows; row += 1) setItem(target, row, toDuck(type, valueAt(source, at.start + row)));
  }
  target.flush();
}

function setItem(target: DuckDBVector, row: number, value: DuckDBValue): void {
  target.setItem(row, value);
}

function typedColumn(type: ColumnType, newValues: (length: number) => Typed): ResultColumn {
  let values = newValues(CHUNK_ROWS);
  let nulls: Uint8Array | undefined;
  let length = 0;
  const grow = (rows: number): void => {
    if (rows <= values.length) return;
    const larger = newValues(Math.max(rows, values.length * 2));
    copyInto(larger, 0, values);
    values = larger;
    if (nulls !== undefined) nulls = withRoom(nulls, larger.length);
  };
  const setNull = (row: number): void => {
    nulls ??= new Uint8Array(values.length);
    nulls[row] = 1;
    // Under a null DuckDB leaves whatever was there.
    const width = values.BYTES_PER_ELEMENT;
    new Uint8Array(values.buffer, row * width, width).fill(0);
  };
  return {
    append: (chunk, rows) => {
      grow(length + rows);
      const items = typedItems(chunk);
      const validity = validityBytes(chunk, rows);
      if (items === undefined || validity === undefined || !copyInto(values, length, items.subarray(0, rows))) {
        for (let row = 0; row < rows; row += 1) putItem({ values, at: length + row, item: chunk.getItem(row) }, setNull);
      } else if (validity !== 'all') {
        for (let row = 0; row < rows; row += 1) if ((((validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 0) setNull(length + row);
      }
      length += rows;
    },
    finish: () => ({ type, length, values: values.subarray(0, length), ...(nulls === undefined ? {} : { nulls: nulls.subarray(0, length) }) }),
  };
}

function withRoom(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

function putItem({ values, at, item }: { readonly values: Typed; readonly at: number; readonly item: DuckDBValue }, setNull: (row: number) => void): void {
  const value = fromDuck(item, '');
  if (value === null) setNull(at);
  else if (values instanceof BigInt64Array) values[at] = BigInt(value as bigint);
  else values[at] = Number(value);
}

/** Types of which DuckDB's numbers are ours. */
function typedStorage(type: DuckDBType): ((length: number) => Typed) | undefined {
  switch (type.typeId) {
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.DATE:
      return (length) => new Int32Array(length);
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return (length) => new BigInt64Array(length);
    case DuckDBTypeId.FLOAT:
      return (length) => new Float32Array(length);
    case DuckDBTypeId.DOUBLE:
      return (length) => new Float64Array(length);
    default:
      return undefined;
  }
}

function typedItems(vector: DuckDBVector): Typed | undefined {
  const items: unknown = Reflect.get(vector, 'items');
  return isTyped(items) ? items : undefined;
}

function isTyped(values: unknown): values is Typed {
  return values instanceof BigInt64Array || values instanceof Float64Array || values instanceof Int32Array || values instanceof Float32Array;
}

/** False, and nothing done, where they are not of one kind. */
function copyInto(target: Typed, at: number, source: Typed): boolean {
  if (target instanceof BigInt64Array) {
    if (source instanceof BigInt64Array) target.set(source, at);
    return source instanceof BigInt64Array;
  }
  if (source instanceof BigInt64Array || source.constructor !== target.constructor) return false;
  target.set(source, at);
  return true;
}

/** A bit a row, set where there is a value; `all` where every row has one; undefined where they are not found. */
function validityBytes(vector: DuckDBVector, rows: number): Uint8Array | 'all' | undefined {
  const validity: unknown = Reflect.get(vector, 'validity');
  if (typeof validity !== 'object' || validity === null) return undefined;
  const data: unknown = Reflect.get(validity, 'data');
  if (data === null) return 'all';
  if (!(data instanceof BigUint64Array) || data.length * 64 < rows || Reflect.get(validity, 'offset') !== 0) return undefined;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
