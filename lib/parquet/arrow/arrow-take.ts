/** Some rows of an Arrow column as a column: buffers copied stretch by stretch, no value is made. */
import { DataType, type Data } from 'apache-arrow';
import type { RowRange, RowRanges } from '../../core/row-ranges.ts';
import type { ArrowNode } from './arrow-stream.ts';
import { bitOf } from './arrow-values.ts';

/** Stretches of more words are copied at once rather than one by one. */
const COPIED_MIN = 16;
const NO_BYTES = new Uint8Array();

/** The rows of `rows`, `count` of them; undefined for a type that is not laid out in the usual buffers. */
export function takeArrow(data: Data, rows: RowRanges, count: number): ArrowNode | undefined {
  if (data.offset !== 0) return undefined;
  const { type } = data;
  const validity = takeValidity(data, rows, count);
  const node = (buffers: readonly ArrayBufferView[], children: readonly ArrowNode[] = []): ArrowNode => ({
    length: count,
    nullCount: validity.nullCount,
    buffers: [validity.bitmap, ...buffers],
    children,
  });
  if (DataType.isBool(type)) return node([takeBits(data.values, rows, count)]);
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    const { offsets, inner } = takeOffsets(data.valueOffsets, rows, count);
    return node([offsets, takeWords(data.values, { rows: inner, width: 1, count: offsets[count] ?? 0 })]);
  }
  if (DataType.isList(type) || DataType.isMap(type)) {
    const { offsets, inner } = takeOffsets(data.valueOffsets, rows, count);
    const children = takeChildren(data, inner, offsets[count] ?? 0);
    return children === undefined ? undefined : node([offsets], children);
  }
  if (DataType.isStruct(type)) {
    const children = takeChildren(data, rows, count);
    return children === undefined ? undefined : node([], children);
  }
  const width = widthOf(type);
  return width === undefined || !ArrayBuffer.isView(data.values) ? undefined : node([takeFixed(data.values, { rows, width, count })]);
}

function takeChildren(data: Data, rows: RowRanges, count: number): readonly ArrowNode[] | undefined {
  const children = data.children.map((child) => takeArrow(child, rows, count));
  const known = children.filter((child) => child !== undefined);
  return known.length === children.length ? known : undefined;
}

/** Bytes of a value of fixed width. */
function widthOf(type: DataType): number | undefined {
  if (DataType.isInt(type)) return type.bitWidth / 8;
  if (DataType.isFloat(type)) return 2 << type.precision;
  if (DataType.isDecimal(type)) return type.bitWidth / 8;
  if (DataType.isFixedSizeBinary(type)) return type.byteWidth;
  if (DataType.isDate(type)) return type.unit === 0 ? 4 : 8;
  return DataType.isTimestamp(type) ? 8 : undefined;
}

interface Wanted {
  readonly rows: RowRanges;
  /** Of a row, in items of the array that is taken from. */
  readonly width: number;
  readonly count: number;
}

/** By words of four bytes where the values are of as many: a number read as one could come out as another NaN. */
function takeFixed(values: ArrayBufferView, { rows, width, count }: Wanted): ArrayBufferView {
  const isWords = width % 4 === 0 && values.byteOffset % 4 === 0;
  return isWords
    ? takeWords(new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2), { rows, width: width >> 2, count })
    : takeWords(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), { rows, width, count });
}

function takeWords(values: Int32Array | Uint8Array, { rows, width, count }: Wanted): Int32Array | Uint8Array {
  const taken = values instanceof Int32Array ? new Int32Array(count * width) : new Uint8Array(count * width);
  let at = 0;
  for (const { start, end } of rows) {
    const [from, to] = [start * width, end * width];
    if (to - from > COPIED_MIN) taken.set(values.subarray(from, to), at);
    else for (let i = from; i < to; i += 1) taken[at + i - from] = values[i] ?? 0;
    at += to - from;
  }
  return taken;
}

function takeBits(bits: Uint8Array, rows: RowRanges, count: number): Uint8Array {
  const taken = new Uint8Array((count + 7) >> 3);
  let at = 0;
  for (const { start, end } of rows) {
    for (let i = start; i < end; i += 1, at += 1) taken[at >> 3] = (taken[at >> 3] ?? 0) | (bitOf(bits, i) << (at & 7));
  }
  return taken;
}

function takeValidity(data: Data, rows: RowRanges, count: number): { readonly bitmap: Uint8Array; readonly nullCount: number } {
  if (data.nullCount === 0) return { bitmap: NO_BYTES, nullCount: 0 };
  const bitmap = takeBits(data.nullBitmap, rows, count);
  let present = 0;
  for (const byte of bitmap) for (let rest = byte; rest !== 0; rest &= rest - 1) present += 1;
  return present === count ? { bitmap: NO_BYTES, nullCount: 0 } : { bitmap, nullCount: count - present };
}

/** Offsets from zero, and the stretches of what they point into. */
function takeOffsets(offsets: Int32Array, rows: RowRanges, count: number): { readonly offsets: Int32Array; readonly inner: RowRanges } {
  const taken = new Int32Array(count + 1);
  const inner: RowRange[] = [];
  let at = 0;
  let total = 0;
  for (const { start, end } of rows) {
    const [from, to] = [offsets[start] ?? 0, offsets[end] ?? 0];
    for (let i = start; i < end; i += 1) {
      at += 1;
      taken[at] = total + (offsets[i + 1] ?? 0) - from;
    }
    if (to > from) inner.push({ start: from, end: to });
    total += to - from;
  }
  return { offsets: taken, inner };
}
