/** Batches to Arrow's IPC form, built from typed arrays: no value of a numeric column is touched one by one. */
import type { Batch, CodedTexts, Vector } from '../../core/batch.ts';
import { storageOf, vectorOf } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { formatType, type Column, type ColumnType, type Value } from '../../core/types.ts';
import { schemaMessageOf } from './arrow-schema.ts';
import { arrowStream, type ArrowNode } from './arrow-stream.ts';

/** Strings are joined this many at a time, so that no joined text nears the longest string a JavaScript engine makes. */
const JOIN_STRINGS = 16_384;
/** Arrow's list and string offsets are int32. */
const OFFSET_MAX = 2 ** 31 - 1;

const encoder = new TextEncoder();

const NO_BYTES = new Uint8Array();
const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/**
 * The batch as an Arrow IPC stream of one record batch; columns of type void are left out, as Delta wants it.
 * `firstRow` is what its first row is called in an error.
 * @throws LakefoldError INTERNAL when a column that is not nullable has a null
 */
export function arrowStreamOf(batch: Batch, firstRow = 0): Uint8Array {
  return streamOf(schemaOf(batch.columns), batch, firstRow);
}

/**
 * The same as a stream of as many record batches as come, each made when it is asked for: the first chunk is the schema, the last the end.
 * @throws LakefoldError as `arrowStreamOf`
 */
export async function* arrowChunks(columns: readonly Column[], batches: AsyncIterable<Batch>): AsyncIterable<Uint8Array> {
  yield schemaOf(columns);
  let firstRow = 0;
  for await (const batch of batches) {
    yield streamOf(NO_BYTES, { ...batch, columns }, firstRow).subarray(0, -END_OF_STREAM.length);
    firstRow += batch.rowCount;
  }
  yield END_OF_STREAM;
}

function schemaOf(columns: readonly Column[]): Uint8Array {
  return schemaMessageOf(columns.filter((column) => column.type.kind !== 'void'));
}

/** The schema as given, one record batch and the end of the stream. */
function streamOf(schema: Uint8Array, batch: Batch, firstRow: number): Uint8Array {
  const vectors = batch.columns.flatMap((column, i) => (column.type.kind === 'void' ? [] : [checkedVector(batch, { column, i, firstRow })]));
  return arrowStream(schema, { rowCount: batch.rowCount, columns: vectors.map(nodeOf) });
}

function checkedVector(batch: Batch, { column, i, firstRow }: { readonly column: Column; readonly i: number; readonly firstRow: number }): Vector {
  const vector = batch.vectors[i];
  if (vector === undefined || vector.length !== batch.rowCount)
    throw new LakefoldError('INTERNAL', `expected ${batch.rowCount} values of column ${column.name}, found ${vector?.length ?? 'none'}`);
  if (!column.nullable) refuseNulls(column, vector, firstRow);
  return vector;
}

function refuseNulls(column: Column, vector: Vector, firstRow: number): void {
  const row = vector.nulls?.indexOf(1) ?? -1;
  const plain = Array.isArray(vector.values) ? vector.values.indexOf(null) : -1;
  const first = Math.max(row, plain);
  if (first >= 0)
    throw new LakefoldError('INTERNAL', `expected a value in every row of column ${column.name}, found none in row ${firstRow + first}`, {
      context: { column: column.name, row: firstRow + first },
    });
}

function nodeOf(vector: Vector): ArrowNode {
  const { length } = vector;
  const storage = storageOf(vector.type);
  // Numbers in a plain array are allowed to no producer, but cost nothing to take.
  const { values, coded } = vector;
  if (storage !== 'values' && !ArrayBuffer.isView(values)) return nodeOf(vectorOf(vector.type, presentValues(vector)));
  if (coded !== undefined && vector.nulls === undefined) return codedNode(coded);
  const validity = storage === 'values' ? validityOfValues(plainValues(vector), vector.nulls) : bitmapOfNulls(vector.nulls, length);
  if (storage === 'u8') return arrowNode({ length, validity, values: bitmapOfBooleans(vector) });
  if (ArrayBuffer.isView(values)) return arrowNode({ length, validity, values: values.subarray(0, length) });
  const present = presentValues(vector);
  switch (vector.type.kind) {
    case 'string':
      return arrowNode({ length, validity, ...joinStrings(present) });
    case 'binary':
      return arrowNode({ length, validity, ...joinBytes(present) });
    case 'decimal':
      return arrowNode({ length, validity, values: decimalWords(present) });
    case 'array':
      return listNode(vector.type.element, { present, validity });
    case 'vector':
      return listNode({ kind: 'float' }, { present, validity });
    case 'struct': {
      const { fields } = vector.type;
      const children = fields.map((field, position) =>
        nodeOf(
          vectorOf(
            field.type,
            present.map((value) => (Array.isArray(value) ? (value[position] ?? null) : null)),
          ),
        ),
      );
      return arrowNode({ length, validity, children });
    }
    case 'map':
      return mapNode(vector.type, { present, validity });
    default:
      throw new LakefoldError('INTERNAL', `no Arrow form of ${formatType(vector.type)}`);
  }
}

interface NodeParts {
  readonly length: number;
  readonly validity: Validity;
  readonly offsets?: Int32Array;
  readonly values?: ArrayBufferView;
  readonly children?: readonly ArrowNode[];
}

function arrowNode({ length, validity, offsets, values, children = [] }: NodeParts): ArrowNode {
  const buffers: ArrayBufferView[] = [validity.bitmap ?? NO_BYTES];
  if (offsets !== undefined) buffers.push(offsets);
  if (values !== undefined) buffers.push(values);
  return { length, nullCount: validity.count, buffers, children };
}

function presentValues(vector: Vector): readonly Value[] {
  const values = plainValues(vector);
  return vector.nulls === undefined ? values : values.map((value, i) => (vector.nulls?.[i] === 1 ? null : value));
}

function plainValues(vector: Vector): readonly Value[] {
  return Array.isArray(vector.values) ? vector.values : Array.from<Value>(vector.values);
}

interface Validity {
  readonly bitmap: Uint8Array | undefined;
  readonly count: number;
}

const PRESENT: Validity = { bitmap: undefined, count: 0 };

function bitmapOfNulls(nulls: Uint8Array | undefined, length: number): Validity {
  if (nulls === undefined) return PRESENT;
  const bitmap = new Uint8Array(Math.ceil(length / 8));
  let count = 0;
  for (let i = 0; i < length; i += 1) {
    if (nulls[i] === 1) count += 1;
    else bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7));
  }
  return count === 0 ? { bitmap: undefined, count } : { bitmap, count };
}

function validityOfValues(values: readonly Value[], nulls: Uint8Array | undefined): Validity {
  let marked = nulls;
  if (values.includes(null)) {
    marked = nulls === undefined ? new Uint8Array(values.length) : nulls.slice(0, values.length);
    for (let i = 0; i < values.length; i += 1) if (values[i] === null) marked[i] = 1;
  }
  return bitmapOfNulls(marked, values.length);
}

function bitmapOfBooleans(vector: Vector): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(vector.length / 8));
  for (let i = 0; i < vector.length; i += 1) {
    const value = vector.values[i];
    if (value === 1 || value === true) bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7));
  }
  return bitmap;
}

/** Every word is turned into bytes once, and copied for each row. */
function codedNode({ codes, words }: CodedTexts): ArrowNode {
  const { length } = codes;
  const { offsets: ends, values: bytes } = joinStrings(words);
  const offsets = new Int32Array(length + 1);
  const bitmap = new Uint8Array(Math.ceil(length / 8));
  let [total, count] = [0, 0];
  for (let i = 0; i < length; i += 1) {
    const code = codes[i] ?? -1;
    if (code < 0) count += 1;
    else {
      bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7));
      total += (ends[code + 1] ?? 0) - (ends[code] ?? 0);
    }
    if (total > OFFSET_MAX) throw tooMuchText();
    offsets[i + 1] = total;
  }
  const values = new Uint8Array(total);
  for (let i = 0; i < length; i += 1) {
    const code = codes[i] ?? -1;
    let at = offsets[i] ?? 0;
    for (let from = code < 0 ? 0 : (ends[code] ?? 0), end = code < 0 ? 0 : (ends[code + 1] ?? 0); from < end; from += 1) values[at++] = bytes[from] ?? 0;
  }
  return arrowNode({ length, validity: count === 0 ? PRESENT : { bitmap, count }, offsets, values });
}

function tooMuchText(): LakefoldError {
  return new LakefoldError('LIMIT_EXCEEDED', `expected at most ${OFFSET_MAX} bytes of text in one column of one file, found more`);
}

/** Lengths come from the characters where all are ASCII, else from counting the bytes of each. */
function joinStrings(values: readonly Value[]): { readonly offsets: Int32Array; readonly values: Uint8Array } {
  const offsets = new Int32Array(values.length + 1);
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let start = 0; start < values.length; start += JOIN_STRINGS) {
    const slice = values.slice(start, start + JOIN_STRINGS);
    const text = slice.join('');
    const bytes = encoder.encode(text);
    if (total + bytes.length > OFFSET_MAX) throw tooMuchText();
    const isAscii = bytes.length === text.length;
    let end = total;
    for (let i = 0; i < slice.length; i += 1) {
      const value = slice[i];
      if (typeof value === 'string') end += isAscii ? value.length : utf8Length(value);
      offsets[start + i + 1] = end;
    }
    total += bytes.length;
    if (end !== total) throw new LakefoldError('INTERNAL', 'expected strings without lone surrogates, found one');
    parts.push(bytes);
  }
  return { offsets, values: concatBytes(parts, total) };
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // A surrogate pair is two units and four bytes, so each half adds one.
    length += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return length;
}

function joinBytes(values: readonly Value[]): { readonly offsets: Int32Array; readonly values: Uint8Array } {
  const offsets = new Int32Array(values.length + 1);
  const parts: Uint8Array[] = [];
  let total = 0;
  values.forEach((value, i) => {
    if (value instanceof Uint8Array) {
      parts.push(value);
      total += value.length;
    }
    if (total > OFFSET_MAX) throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${OFFSET_MAX} bytes in one column of one file, found more`);
    offsets[i + 1] = total;
  });
  return { offsets, values: concatBytes(parts, total) };
}

function concatBytes(parts: readonly Uint8Array[], total: number): Uint8Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Two's complement of 128 bits, little-endian, as Arrow's four words a value. */
function decimalWords(values: readonly Value[]): Uint32Array {
  const halves = new BigInt64Array(values.length * 2);
  values.forEach((value, i) => {
    if (typeof value !== 'bigint') return;
    halves[i * 2] = BigInt.asIntN(64, value);
    halves[i * 2 + 1] = value >> 64n;
  });
  return new Uint32Array(halves.buffer);
}

interface Present {
  readonly present: readonly Value[];
  readonly validity: Validity;
}

function flatten(values: readonly Value[]): { readonly offsets: Int32Array; readonly items: readonly Value[] } {
  const offsets = new Int32Array(values.length + 1);
  const items: Value[] = [];
  values.forEach((value, i) => {
    if (Array.isArray(value)) for (const item of value) items.push(item);
    offsets[i + 1] = items.length;
  });
  return { offsets, items };
}

function listNode(element: ColumnType, { present, validity }: Present): ArrowNode {
  const { offsets, items } = flatten(present);
  return arrowNode({ length: present.length, validity, offsets, children: [nodeOf(vectorOf(element, items))] });
}

function mapNode(map: { readonly key: ColumnType; readonly value: ColumnType }, { present, validity }: Present): ArrowNode {
  const { offsets, items } = flatten(present);
  const keys = items.map((entry) => (Array.isArray(entry) ? (entry[0] ?? null) : null));
  if (keys.includes(null)) throw new LakefoldError('INTERNAL', 'expected a key in every entry of a map, found none');
  const values = items.map((entry) => (Array.isArray(entry) ? (entry[1] ?? null) : null));
  const entries = arrowNode({
    length: items.length,
    validity: PRESENT,
    children: [nodeOf(vectorOf(map.key, keys)), nodeOf(vectorOf(map.value, values))],
  });
  return arrowNode({ length: present.length, validity, offsets, children: [entries] });
}
