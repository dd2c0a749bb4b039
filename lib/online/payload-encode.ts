/** Writing payload layout 1: values to bytes, floats bit for bit where they come from columns. */
import { isNullAt, valueAt, type Vector } from '../core/batch.ts';
import { utf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { raiseBetween } from '../core/raise.ts';
import { formatType, typesEqual, type ColumnType, type Value } from '../core/types.ts';
import { bitmapLength, entryType, fixedWidth, HEADER_BYTES, structLayout, type RecordLayout, type Slot } from './payload-layout.ts';

/** Writes the slot of row `index`; the value is present. */
type SlotWriter = (view: DataView, offset: number, index: number) => void;

/** One column of a payload, bound to the vector its values come from. */
interface BoundColumn {
  readonly slot: Slot;
  readonly isNull: (index: number) => boolean;
  readonly write: SlotWriter;
  readonly heap: (index: number) => Uint8Array;
}

/**
 * Payloads of the rows of a batch: `vectors[i]` holds column i, absent where the batch lacks it (null). A narrower vector
 * is raised; one of another type is refused.
 * @throws LakefoldError INTERNAL for a vector that cannot be raised to its column
 */
export function bindPayloads(header: Uint8Array, layout: RecordLayout, vectors: readonly (Vector | undefined)[]): (index: number) => Uint8Array {
  const columns = layout.slots.map((slot, position) => bindColumn(slot, vectors[position]));
  const pieces: Uint8Array[] = [];
  return (index) => {
    let heapBytes = 0;
    for (const column of columns) {
      if (column.slot.kind === 'fixed') continue;
      const piece = column.isNull(index) ? EMPTY : column.heap(index);
      pieces[column.slot.index] = piece;
      heapBytes += piece.length;
    }
    const bytes = new Uint8Array(HEADER_BYTES + layout.heapStart + heapBytes);
    bytes.set(header);
    const view = new DataView(bytes.buffer);
    for (let position = 0; position < columns.length; position += 1) {
      const column = columns[position];
      if (column === undefined) continue;
      if (column.isNull(index)) markNull(bytes, HEADER_BYTES, position);
      else if (column.slot.kind === 'fixed') column.write(view, HEADER_BYTES + column.slot.offset, index);
    }
    if (layout.variableCount > 0) writeHeap(bytes, view, { base: HEADER_BYTES, layout, pieces });
    return bytes;
  };
}

const EMPTY = new Uint8Array();
const never = (): Uint8Array => EMPTY;

function bindColumn(slot: Slot, vector: Vector | undefined): BoundColumn {
  if (vector === undefined) return { slot, isNull: () => true, write: () => undefined, heap: never };
  const { nulls, values } = vector;
  // An array of values marks absence by null itself; typed arrays only by `nulls`.
  const isNull = Array.isArray(values) ? (index: number) => isNullAt(vector, index) : nulls === undefined ? () => false : (index: number) => nulls[index] === 1;
  if (slot.kind === 'variable') {
    if (!typesEqual(vector.type, slot.type)) throw mismatch(slot.type, vector.type);
    return { slot, isNull, write: () => undefined, heap: (index) => encodeHeapValue(slot.type, valueAt(vector, index)) };
  }
  return { slot, isNull, write: slotWriter(slot.type, vector), heap: never };
}

function slotWriter(type: ColumnType, vector: Vector): SlotWriter {
  const { values } = vector;
  if (typesEqual(type, vector.type)) {
    // Bits are copied as integers: passing a NaN through a number may change its payload.
    if (values instanceof Float64Array || values instanceof BigInt64Array) {
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
      return (view, offset, index) => {
        view.setUint32(offset, words[2 * index] ?? 0, true);
        view.setUint32(offset + 4, words[2 * index + 1] ?? 0, true);
      };
    }
    if (values instanceof Float32Array || values instanceof Int32Array) {
      const words = new Int32Array(values.buffer, values.byteOffset, values.length);
      return (view, offset, index) => view.setInt32(offset, words[index] ?? 0, true);
    }
    if (values instanceof Uint8Array) return (view, offset, index) => view.setUint8(offset, values[index] ?? 0);
  }
  const raise = raiseBetween(vector.type, type);
  if (raise === undefined) throw mismatch(type, vector.type);
  return (view, offset, index) => writeFixed(view, offset, { type, value: raise(valueAt(vector, index)) });
}

function writeFixed(view: DataView, offset: number, item: { readonly type: ColumnType; readonly value: Value }): void {
  const { type, value } = item;
  switch (type.kind) {
    case 'boolean':
      return view.setUint8(offset, value === true ? 1 : 0);
    case 'int':
    case 'date':
      return view.setInt32(offset, Number(value), true);
    case 'float':
      return view.setFloat32(offset, Number(value), true);
    case 'double':
      return view.setFloat64(offset, Number(value), true);
    case 'bigint':
    case 'timestamp':
    case 'timestampNtz':
      return view.setBigInt64(offset, bigintOf(value), true);
    case 'decimal': {
      const unscaled = bigintOf(value);
      view.setBigInt64(offset, BigInt.asIntN(64, unscaled), true);
      if (type.precision > 18) view.setBigInt64(offset + 8, unscaled >> 64n, true);
      return;
    }
    case 'vector': {
      const items = listOf(value);
      if (items.length !== type.length) throw new LakefoldError('INTERNAL', `expected ${type.length} elements of ${formatType(type)}, found ${items.length}`);
      items.forEach((element, i) => view.setFloat32(offset + 4 * i, Number(element), true));
      return;
    }
    default:
      throw mismatch(type, type);
  }
}

function encodeHeapValue(type: ColumnType, value: Value): Uint8Array {
  switch (type.kind) {
    case 'string':
      return utf8(String(value));
    case 'binary':
      return value instanceof Uint8Array ? value : EMPTY;
    case 'array':
      return encodeArray(type.element, listOf(value));
    case 'map':
      return encodeArray(entryType(type), listOf(value));
    case 'struct':
      return encodeRecord(structLayout(type), listOf(value));
    default:
      throw mismatch(type, type);
  }
}

function encodeRecord(layout: RecordLayout, values: readonly Value[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  layout.slots.forEach((slot, position) => {
    if (slot.kind === 'variable') pieces[slot.index] = heapPiece(slot.type, values[position] ?? null);
  });
  const bytes = new Uint8Array(layout.heapStart + totalBytes(pieces));
  const view = new DataView(bytes.buffer);
  layout.slots.forEach((slot, position) => {
    const value = values[position] ?? null;
    if (value === null) markNull(bytes, 0, position);
    else if (slot.kind === 'fixed') writeFixed(view, slot.offset, { type: slot.type, value });
  });
  writeHeap(bytes, view, { base: 0, layout, pieces });
  return bytes;
}

/** `u32 count` and a record of `count` columns, its offsets by arithmetic. */
function encodeArray(element: ColumnType, items: readonly Value[]): Uint8Array {
  const width = fixedWidth(element);
  const pieces = width === undefined ? items.map((item) => heapPiece(element, item)) : [];
  const slotsStart = 4 + bitmapLength(items.length);
  const heapStart = slotsStart + (width ?? 4) * items.length;
  const bytes = new Uint8Array(heapStart + totalBytes(pieces));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, items.length, true);
  items.forEach((value, i) => {
    if (value === null) markNull(bytes, 4, i);
    else if (width !== undefined) writeFixed(view, slotsStart + width * i, { type: element, value });
  });
  writePieces(bytes, view, { endsStart: slotsStart, heapStart, pieces });
  return bytes;
}

function heapPiece(type: ColumnType, value: Value): Uint8Array {
  return value === null ? EMPTY : encodeHeapValue(type, value);
}

function writeHeap(
  bytes: Uint8Array,
  view: DataView,
  record: { readonly base: number; readonly layout: RecordLayout; readonly pieces: readonly Uint8Array[] },
): void {
  const { base, layout, pieces } = record;
  writePieces(bytes, view, { endsStart: base + layout.endsStart, heapStart: base + layout.heapStart, pieces });
}

function writePieces(
  bytes: Uint8Array,
  view: DataView,
  heap: { readonly endsStart: number; readonly heapStart: number; readonly pieces: readonly Uint8Array[] },
): void {
  let end = 0;
  heap.pieces.forEach((piece, i) => {
    bytes.set(piece, heap.heapStart + end);
    end += piece.length;
    view.setUint32(heap.endsStart + 4 * i, end, true);
  });
}

function markNull(bytes: Uint8Array, base: number, position: number): void {
  const at = base + (position >> 3);
  bytes[at] = (bytes[at] ?? 0) | (1 << (position & 7));
}

function totalBytes(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function bigintOf(value: Value): bigint {
  return typeof value === 'bigint' ? value : BigInt(Number(value));
}

function listOf(value: Value): readonly Value[] {
  if (!Array.isArray(value)) throw new LakefoldError('INTERNAL', `expected a list of values, found a ${typeof value}`);
  return value as readonly Value[];
}

function mismatch(expected: ColumnType, found: ColumnType): LakefoldError {
  return new LakefoldError('INTERNAL', `expected values of ${formatType(expected)} for an online payload, found ${formatType(found)}`);
}
