/**
 * Columns of rows: the form in which rows travel between codecs, the Delta layer, the fold and the engine.
 *
 * A vector keeps numbers in typed arrays and everything else in a plain array; `nulls[i] === 1` marks an absent value,
 * whose slot in a typed array is zero. `nulls` is left out where nothing is absent.
 */
import { LakefoldError } from './errors.ts';
import type { Column, ColumnType, Value } from './types.ts';

export type VectorValues = Uint8Array | Int32Array | BigInt64Array | Float32Array | Float64Array | readonly Value[];

export interface Vector {
  readonly type: ColumnType;
  readonly length: number;
  readonly values: VectorValues;
  readonly nulls?: Uint8Array;
  /** Of a column of texts, where many are alike: the same values by number. */
  readonly coded?: CodedTexts;
}

/** Value i is `words[codes[i]]`, null where its code is -1. No two words are equal; some may have no row. */
export interface CodedTexts {
  readonly codes: Int32Array;
  readonly words: readonly string[];
}

/** A vector of texts given by number. */
export function codedVector(type: ColumnType, coded: CodedTexts): Vector {
  const { codes, words } = coded;
  const values: Value[] = [];
  for (let i = 0; i < codes.length; i += 1) values.push(words[codes[i] ?? -1] ?? null);
  return { type, length: codes.length, values, coded };
}

/** `vectors[i]` holds `columns[i]`; all have `rowCount` values. */
export interface Batch {
  readonly columns: readonly Column[];
  readonly vectors: readonly Vector[];
  readonly rowCount: number;
}

/** A row by column position. */
export type Row = readonly Value[];

/** Which typed array a type is kept in; `values` = a plain array. */
export function storageOf(type: ColumnType): 'u8' | 'i32' | 'i64' | 'f32' | 'f64' | 'values' {
  switch (type.kind) {
    case 'boolean':
      return 'u8';
    case 'int':
    case 'date':
      return 'i32';
    case 'bigint':
    case 'timestamp':
    case 'timestampNtz':
      return 'i64';
    case 'float':
      return 'f32';
    case 'double':
      return 'f64';
    default:
      return 'values';
  }
}

export function isNullAt(vector: Vector, index: number): boolean {
  if (vector.nulls !== undefined && vector.nulls[index] === 1) return true;
  return Array.isArray(vector.values) && vector.values[index] === null;
}

/** The value at `index` in the form of types.ts. */
export function valueAt(vector: Vector, index: number): Value {
  if (vector.nulls !== undefined && vector.nulls[index] === 1) return null;
  const value: Value | undefined = vector.values[index];
  if (value === undefined) return null;
  return vector.type.kind === 'boolean' && typeof value === 'number' ? value === 1 : value;
}

/** A vector of `values`, absent ones `null`. */
export function vectorOf(type: ColumnType, values: readonly Value[]): Vector {
  const builder = vectorBuilder(type, values.length);
  for (const value of values) builder.push(value);
  return builder.finish();
}

export interface VectorBuilder {
  readonly push: (value: Value) => void;
  readonly finish: () => Vector;
}

/** Collects values one by one; `capacity` is a hint, it grows as needed. */
export function vectorBuilder(type: ColumnType, capacity = 1024): VectorBuilder {
  const storage = storageOf(type);
  if (storage === 'values') {
    const values: Value[] = [];
    return {
      push: (value) => {
        values.push(value);
      },
      finish: () => ({ type, length: values.length, values }),
    };
  }
  let typed = newStorage(storage, Math.max(1, capacity));
  let nulls: Uint8Array | undefined;
  let length = 0;
  const grow = (): void => {
    const larger = newStorage(storage, typed.length * 2);
    if (larger instanceof BigInt64Array && typed instanceof BigInt64Array) larger.set(typed);
    else if (!(larger instanceof BigInt64Array) && !(typed instanceof BigInt64Array)) larger.set(typed);
    typed = larger;
    if (nulls !== undefined) {
      const largerNulls = new Uint8Array(typed.length);
      largerNulls.set(nulls);
      nulls = largerNulls;
    }
  };
  const push = (value: Value): void => {
    if (length === typed.length) grow();
    if (value === null) {
      nulls ??= new Uint8Array(typed.length);
      nulls[length] = 1;
    } else if (typed instanceof BigInt64Array) {
      typed[length] = typeof value === 'bigint' ? value : BigInt(Number(value));
    } else {
      typed[length] = Number(value);
    }
    length += 1;
  };
  return { push, finish: () => ({ type, length, values: typed.subarray(0, length), ...(nulls === undefined ? {} : { nulls: nulls.subarray(0, length) }) }) };
}

/** A batch of rows given by position; every row has as many values as there are columns. */
export function batchOfRows(columns: readonly Column[], rows: readonly Row[]): Batch {
  const vectors = columns.map((column, position) => {
    const builder = vectorBuilder(column.type, rows.length);
    for (const row of rows) builder.push(row[position] ?? null);
    return builder.finish();
  });
  return { columns, vectors, rowCount: rows.length };
}

export function rowAt(batch: Batch, index: number): Value[] {
  return batch.vectors.map((vector) => valueAt(vector, index));
}

export function rowsOf(batch: Batch): Value[][] {
  return Array.from({ length: batch.rowCount }, (_, index) => rowAt(batch, index));
}

/** The vector of the named column; undefined when the batch has none. */
export function findVector(batch: Batch, name: string): Vector | undefined {
  return batch.vectors[batch.columns.findIndex((column) => column.name === name)];
}

/** The vector of the named column. @throws LakefoldError INTERNAL when the batch has none */
export function vectorNamed(batch: Batch, name: string): Vector {
  const vector = findVector(batch, name);
  if (vector === undefined) throw new LakefoldError('INTERNAL', `expected a column ${name}, found ${batch.columns.map((column) => column.name).join(', ')}`);
  return vector;
}

/** The rows at `indices`, in that order; the batch itself where that is all of them as they stand. */
export function takeRows(batch: Batch, indices: ArrayLike<number>): Batch {
  if (isEveryRow(batch, indices)) return batch;
  return { columns: batch.columns, vectors: batch.vectors.map((vector) => takeVector(vector, indices)), rowCount: indices.length };
}

function isEveryRow(batch: Batch, indices: ArrayLike<number>): boolean {
  if (indices.length !== batch.rowCount) return false;
  for (let i = 0; i < indices.length; i += 1) if (indices[i] !== i) return false;
  return true;
}

/** The rows `[start, end)`; typed arrays are shared, not copied. */
export function sliceRows(batch: Batch, start: number, end: number): Batch {
  if (start === 0 && end === batch.rowCount) return batch;
  return { columns: batch.columns, vectors: batch.vectors.map((vector) => sliceVector(vector, start, end)), rowCount: end - start };
}

function sliceVector({ type, values, nulls, coded }: Vector, start: number, end: number): Vector {
  const kept = ArrayBuffer.isView(values) ? values.subarray(start, end) : values.slice(start, end);
  const marked = nulls?.subarray(start, end);
  return {
    type,
    length: end - start,
    values: kept,
    ...(marked?.includes(1) === true ? { nulls: marked } : {}),
    ...(coded === undefined ? {} : { coded: { codes: coded.codes.subarray(start, end), words: coded.words } }),
  };
}

function takeVector(vector: Vector, indices: ArrayLike<number>): Vector {
  const { length } = indices;
  if (vector.coded !== undefined && vector.nulls === undefined) {
    const codes = new Int32Array(length);
    for (let i = 0; i < length; i += 1) codes[i] = vector.coded.codes[indices[i] ?? 0] ?? -1;
    return codedVector(vector.type, { codes, words: vector.coded.words });
  }
  const storage = storageOf(vector.type);
  const nulls = vector.nulls === undefined ? undefined : new Uint8Array(length);
  if (nulls !== undefined) for (let i = 0; i < length; i += 1) nulls[i] = vector.nulls?.[indices[i] ?? 0] ?? 0;
  const withNulls = nulls === undefined ? {} : { nulls };
  if (storage === 'values') {
    const values: Value[] = [];
    for (let i = 0; i < length; i += 1) values.push(vector.values[indices[i] ?? 0] ?? null);
    return { type: vector.type, length, values, ...withNulls };
  }
  const typed = newStorage(storage, length);
  if (typed instanceof BigInt64Array) {
    for (let i = 0; i < length; i += 1) {
      const value = vector.values[indices[i] ?? 0];
      typed[i] = typeof value === 'bigint' ? value : 0n;
    }
  } else {
    for (let i = 0; i < length; i += 1) typed[i] = Number(vector.values[indices[i] ?? 0] ?? 0);
  }
  return { type: vector.type, length, values: typed, ...withNulls };
}

/** Rows of all batches in order; all must have the same columns. */
export function concatBatches(columns: readonly Column[], batches: readonly Batch[]): Batch {
  if (batches.length === 1 && batches[0] !== undefined) return batches[0];
  const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  const vectors = columns.map((column, position) => {
    const parts = batches.map((batch) => {
      const vector = batch.vectors[position];
      if (vector === undefined) throw new LakefoldError('INTERNAL', `a batch lacks column ${column.name}`);
      return vector;
    });
    return concatVectors(column.type, parts, rowCount);
  });
  return { columns, vectors, rowCount };
}

function concatVectors(type: ColumnType, parts: readonly Vector[], rowCount: number): Vector {
  const words = parts[0]?.coded?.words;
  if (words !== undefined && parts.every(({ coded, nulls }) => coded?.words === words && nulls === undefined)) {
    const codes = new Int32Array(rowCount);
    let filled = 0;
    for (const { coded } of parts) {
      if (coded !== undefined) codes.set(coded.codes, filled);
      filled += coded?.codes.length ?? 0;
    }
    return codedVector(type, { codes, words });
  }
  const storage = storageOf(type);
  const typed = storage === 'values' ? undefined : newStorage(storage, rowCount);
  const plain: Value[] = [];
  let nulls: Uint8Array | undefined;
  let at = 0;
  for (const part of parts) {
    if (typed !== undefined && !setValues(typed, part.values, at)) return vectorOf(type, parts.flatMap(valuesOf));
    if (typed === undefined) for (let i = 0; i < part.length; i += 1) plain.push(valueAt(part, i));
    if (typed !== undefined && part.nulls !== undefined) {
      nulls ??= new Uint8Array(rowCount);
      nulls.set(part.nulls.subarray(0, part.length), at);
    }
    at += part.length;
  }
  return { type, length: rowCount, values: typed ?? plain, ...(nulls === undefined ? {} : { nulls }) };
}

/** False where the values are kept in another form. */
function setValues(into: Exclude<VectorValues, readonly Value[]>, values: VectorValues, at: number): boolean {
  if (!ArrayBuffer.isView(values)) return false;
  if (into instanceof BigInt64Array) {
    if (!(values instanceof BigInt64Array)) return false;
    into.set(values, at);
    return true;
  }
  if (values instanceof BigInt64Array) return false;
  into.set(values, at);
  return true;
}

function valuesOf(vector: Vector): Value[] {
  return Array.from({ length: vector.length }, (_, i) => valueAt(vector, i));
}

function newStorage(storage: 'u8' | 'i32' | 'i64' | 'f32' | 'f64', length: number): Uint8Array | Int32Array | BigInt64Array | Float32Array | Float64Array {
  switch (storage) {
    case 'u8':
      return new Uint8Array(length);
    case 'i32':
      return new Int32Array(length);
    case 'i64':
      return new BigInt64Array(length);
    case 'f32':
      return new Float32Array(length);
    case 'f64':
      return new Float64Array(length);
  }
}
