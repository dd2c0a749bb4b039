/** Reading payload layout 1: a column straight from its bytes, no other column touched. */
import { decodeUtf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { formatType, type ColumnType, type Value } from '../core/types.ts';
import { bitmapLength, entryType, fixedWidth, structLayout, type RecordLayout } from './payload-layout.ts';

/** Bytes of one record and the view over them. */
export interface RecordBytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly base: number;
  /** End of the record, exclusive. */
  readonly end: number;
}

/**
 * Throws when the record is shorter than its fixed part or its heap does not end where the bytes do.
 * @throws LakefoldError CORRUPT_STORE
 */
export function checkRecord(layout: RecordLayout, record: RecordBytes): void {
  const heapStart = record.base + layout.heapStart;
  const heapBytes = heapStart > record.end || layout.variableCount === 0 ? 0 : record.view.getUint32(heapStart - 4, true);
  if (heapStart + heapBytes !== record.end)
    throw corrupt(`expected a record of ${heapStart + heapBytes - record.base} bytes, found ${record.end - record.base}`);
}

/** The value of the column at `position`; the record has passed `checkRecord`. @throws LakefoldError CORRUPT_STORE */
export function readColumn(layout: RecordLayout, record: RecordBytes, position: number): Value {
  const slot = layout.slots[position];
  if (slot === undefined) throw new LakefoldError('INTERNAL', `expected a column position below ${layout.slots.length}, found ${position}`);
  if (isMarkedNull(record.bytes, record.base, position)) return null;
  if (slot.kind === 'fixed') return readFixed(slot.type, record.view, record.base + slot.offset);
  return readVariable(slot.type, record, { endsStart: record.base + layout.endsStart, heapStart: record.base + layout.heapStart, index: slot.index });
}

function readFixed(type: ColumnType, view: DataView, offset: number): Value {
  switch (type.kind) {
    case 'boolean':
      return view.getUint8(offset) === 1;
    case 'int':
    case 'date':
      return view.getInt32(offset, true);
    case 'float':
      return view.getFloat32(offset, true);
    case 'double':
      return view.getFloat64(offset, true);
    case 'bigint':
    case 'timestamp':
    case 'timestampNtz':
      return view.getBigInt64(offset, true);
    case 'decimal':
      return type.precision <= 18 ? view.getBigInt64(offset, true) : (view.getBigInt64(offset + 8, true) << 64n) | view.getBigUint64(offset, true);
    case 'vector': {
      const values: number[] = [];
      for (let i = 0; i < type.length; i += 1) values.push(view.getFloat32(offset + 4 * i, true));
      return values;
    }
    default:
      throw new LakefoldError('INTERNAL', `no fixed slot of ${formatType(type)}`);
  }
}

function readVariable(type: ColumnType, record: RecordBytes, heap: { readonly endsStart: number; readonly heapStart: number; readonly index: number }): Value {
  const { view } = record;
  const from = heap.index === 0 ? 0 : view.getUint32(heap.endsStart + 4 * (heap.index - 1), true);
  const to = view.getUint32(heap.endsStart + 4 * heap.index, true);
  const start = heap.heapStart + from;
  const end = heap.heapStart + to;
  if (from > to || end > record.end) throw corrupt(`expected heap bytes within ${record.end}, found ${start} to ${end}`);
  switch (type.kind) {
    case 'string': {
      const text = decodeUtf8(record.bytes.subarray(start, end));
      if (text === undefined) throw corrupt('expected UTF-8, found other bytes');
      return text;
    }
    case 'binary':
      return record.bytes.slice(start, end);
    case 'struct':
      return readStruct(type, { ...record, base: start, end });
    case 'array':
      return readArray(type.element, { ...record, base: start, end });
    case 'map':
      return readArray(entryType(type), { ...record, base: start, end });
    default:
      throw new LakefoldError('INTERNAL', `no heap form of ${formatType(type)}`);
  }
}

function readStruct(type: Extract<ColumnType, { kind: 'struct' }>, record: RecordBytes): Value[] {
  const layout = structLayout(type);
  checkRecord(layout, record);
  return layout.slots.map((_, position) => readColumn(layout, record, position));
}

function readArray(element: ColumnType, record: RecordBytes): Value[] {
  const { view, base } = record;
  const count = base + 4 > record.end ? 0 : view.getUint32(base, true);
  const width = fixedWidth(element);
  const slotsStart = base + 4 + bitmapLength(count);
  const heapStart = slotsStart + (width ?? 4) * count;
  if (heapStart > record.end) throw corrupt(`expected an array of ${count} elements, found ${record.end - base} bytes`);
  const values: Value[] = [];
  for (let i = 0; i < count; i += 1) {
    if (isMarkedNull(record.bytes, base + 4, i)) values.push(null);
    else
      values.push(
        width === undefined ? readVariable(element, record, { endsStart: slotsStart, heapStart, index: i }) : readFixed(element, view, slotsStart + width * i),
      );
  }
  return values;
}

function isMarkedNull(bytes: Uint8Array, base: number, position: number): boolean {
  return (((bytes[base + (position >> 3)] ?? 0) >> (position & 7)) & 1) === 1;
}

function corrupt(message: string): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `${message} in an online payload`);
}
