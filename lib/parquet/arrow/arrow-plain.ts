/**
 * Arrow's younger layouts (64-bit offsets, views) as the ones the decoder knows, and every buffer held against the length it is
 * said to have: what a sender wrote is believed nothing.
 */
import { Binary, DataType, Field, List, makeData, Utf8, type Data } from 'apache-arrow';
import { concatBytes } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';

const VIEW_BYTES = 16;
/** A view of this many bytes or fewer holds them itself. */
const INLINE_BYTES_MAX = 12;
const OFFSET_MAX = 2 ** 31 - 1;

/** The same values in 32-bit layouts without views, children included. @throws LakefoldError FILE_CORRUPT where buffers and lengths contradict each other */
export function plainData(data: Data, path: string): Data {
  checkCount(data, path);
  const { type } = data;
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return ofViews(data, path);
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    const valueOffsets = narrowOffsets(data, bytesOf(data).length, path);
    const parts = { length: data.length, ...nullsOf(data), valueOffsets, data: bytesOf(data) };
    return DataType.isLargeUtf8(type) ? makeData({ ...parts, type: new Utf8() }) : makeData({ ...parts, type: new Binary() });
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    checkOffsets(data, bytesOf(data).length, path);
    return data;
  }
  return isContainer(type) ? nested(data, path) : checkedWidth(data, path);
}

function isContainer(type: DataType): boolean {
  return DataType.isStruct(type) || DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type) || DataType.isMap(type);
}

function nested(data: Data, path: string): Data {
  const { type } = data;
  const children = data.children.map((child, i) => plainData(child, `${path}.${type.children?.[i]?.name ?? i}`));
  const [only] = children;
  if (DataType.isStruct(type)) {
    if (children.some((child) => child.length < data.length)) throw contradiction(path, 'a struct longer than its fields');
    return replaceChildren(data, children);
  }
  if (only === undefined) throw contradiction(path, 'a list without its items');
  if (DataType.isFixedSizeList(type)) {
    if (type.listSize * data.length > only.length) throw contradiction(path, 'a list longer than its items');
    return replaceChildren(data, children);
  }
  if (DataType.isLargeList(type)) {
    const valueOffsets = narrowOffsets(data, only.length, path);
    return makeData({ type: new List(new Field('element', only.type, true)), length: data.length, ...nullsOf(data), valueOffsets, child: only });
  }
  checkOffsets(data, only.length, path);
  return replaceChildren(data, children);
}

function replaceChildren(data: Data, children: Data[]): Data {
  return children.every((child, i) => child === data.children[i]) ? data : data.clone(data.type, data.offset, data.length, data.nullCount, undefined, children);
}

function nullsOf(data: Data): { readonly nullCount: number; readonly nullBitmap: Uint8Array } {
  return { nullCount: data.nullCount, nullBitmap: data.nullBitmap };
}

function bytesOf(data: Data): Uint8Array {
  return data.values ?? new Uint8Array();
}

function checkCount(data: Data, path: string): void {
  if (!Number.isSafeInteger(data.length) || data.length < 0) throw contradiction(path, `${data.length} values`);
  if (data.nullCount > 0 && !DataType.isNull(data.type) && (data.nullBitmap?.length ?? 0) * 8 < data.length)
    throw contradiction(path, 'nulls without a bitmap of them');
}

function checkOffsets(data: Data, end: number, path: string): void {
  if (data.length === 0) return;
  const offsets: ArrayLike<number> = data.valueOffsets ?? [];
  if (offsets.length < data.length + 1) throw contradiction(path, `${offsets.length} offsets for ${data.length} values`);
  let last = offsets[0] ?? 0;
  if (last < 0) throw contradiction(path, `an offset of ${last}`);
  for (let i = 1; i <= data.length; i += 1) {
    const next = offsets[i] ?? 0;
    if (next < last) throw contradiction(path, `an offset of ${next} after ${last}`);
    last = next;
  }
  if (last > end) throw contradiction(path, `an offset of ${last} in ${end}`);
}

function narrowOffsets(data: Data, end: number, path: string): Int32Array {
  const stored: ArrayLike<bigint> = data.valueOffsets ?? [];
  const narrow = new Int32Array(data.length + 1);
  if (data.length > 0 && stored.length < data.length + 1) throw contradiction(path, `${stored.length} offsets for ${data.length} values`);
  let last = 0;
  for (let i = 0; i <= data.length && data.length > 0; i += 1) {
    const next = Number(stored[i] ?? 0n);
    if (next < last || next > Math.min(end, OFFSET_MAX)) throw contradiction(path, `an offset of ${next} after ${last} in ${end}`);
    narrow[i] = next;
    last = next;
  }
  return narrow;
}

/** Text or bytes by view: 4 bytes of length, then the bytes themselves or 4 of prefix, the number of a buffer and an offset in it. */
function ofViews(data: Data, path: string): Data {
  const views = bytesOf(data);
  if (views.length < data.length * VIEW_BYTES) throw contradiction(path, `${views.length} bytes of views for ${data.length} values`);
  const view = new DataView(views.buffer, views.byteOffset, views.byteLength);
  const pieces: Uint8Array[] = [];
  const valueOffsets = new Int32Array(data.length + 1);
  let total = 0;
  for (let row = 0; row < data.length; row += 1) {
    if (data.getValid(row)) {
      const piece = pieceOf(data, { view, views, at: row * VIEW_BYTES }, path);
      total += piece.length;
      if (total > OFFSET_MAX) throw contradiction(path, `more than ${OFFSET_MAX} bytes in one batch`);
      pieces.push(piece);
    }
    valueOffsets[row + 1] = total;
  }
  const parts = { length: data.length, ...nullsOf(data), valueOffsets, data: concatBytes(pieces) };
  return DataType.isUtf8View(data.type) ? makeData({ ...parts, type: new Utf8() }) : makeData({ ...parts, type: new Binary() });
}

function pieceOf(data: Data, { view, views, at }: { readonly view: DataView; readonly views: Uint8Array; readonly at: number }, path: string): Uint8Array {
  const length = view.getInt32(at, true);
  if (length < 0) throw contradiction(path, `a view of ${length} bytes`);
  if (length <= INLINE_BYTES_MAX) return views.subarray(at + 4, at + 4 + length);
  const buffer: Uint8Array | undefined = data.variadicBuffers[view.getInt32(at + 8, true)];
  const start = view.getInt32(at + 12, true);
  if (buffer === undefined || start < 0 || start + length > buffer.length) throw contradiction(path, 'a view of bytes that are not there');
  return buffer.subarray(start, start + length);
}

/** Values of a fixed width: as many as the length says. */
function checkedWidth(data: Data, path: string): Data {
  const { type, length } = data;
  if (DataType.isNull(type) || length === 0) return data;
  const stored: { readonly length: number } = data.values ?? [];
  const slots = DataType.isBool(type)
    ? Math.ceil(length / 8)
    : DataType.isFixedSizeBinary(type)
      ? length * type.byteWidth
      : DataType.isDecimal(type)
        ? length * 4
        : length;
  if (stored.length < slots) throw contradiction(path, `${stored.length} stored for ${length} values`);
  return data;
}

function contradiction(path: string, found: string): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected column ${path} of an Arrow file to be as long as it says, found ${found}`, { context: { column: path } });
}
