/**
 * Thrift's compact protocol as a generic tree: enough to read a Parquet footer and to write one back changed.
 *
 * Every count and depth is bounded by the bytes at hand, so a broken footer ends in an error, not in memory.
 */
import { LakefoldError } from '../core/errors.ts';
import { PARQUET_FOOTER_MEMORY_BYTES_MAX } from '../core/limits.ts';

/** Wire types of the compact protocol. */
const BOOL_TRUE = 1;
const BOOL_FALSE = 2;
const I8 = 3;
export const I16 = 4;
export const I32 = 5;
export const I64 = 6;
const DOUBLE = 7;
export const BINARY = 8;
export const LIST = 9;
const SET = 10;
const MAP = 11;
export const STRUCT = 12;

/** Footers of the field nest at most six deep. */
const DEPTH_MAX = 32;
/** What a struct and a value of any kind take in memory, about, bytes: a byte of a footer may be either. */
const STRUCT_BYTES = 180;
const VALUE_BYTES = 50;

interface ThriftList {
  readonly elementType: number;
  readonly items: readonly ThriftValue[];
}
export type ThriftStruct = ReadonlyMap<number, ThriftField>;
export type ThriftValue = boolean | number | Uint8Array | ThriftList | ThriftStruct;
export interface ThriftField {
  readonly type: number;
  readonly value: ThriftValue;
}

/** The struct at the start of `bytes`. @throws LakefoldError FILE_CORRUPT */
export function readThriftStruct(bytes: Uint8Array): ThriftStruct {
  return readThriftPrefix(bytes).struct;
}

/** The same, and how many bytes it took. @throws LakefoldError FILE_CORRUPT */
export function readThriftPrefix(bytes: Uint8Array): { readonly struct: ThriftStruct; readonly length: number } {
  const reader = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0, left: PARQUET_FOOTER_MEMORY_BYTES_MAX };
  const struct = readStruct(reader, 0);
  return { struct, length: reader.at };
}

export function writeThriftStruct(struct: ThriftStruct): Uint8Array {
  const out: ThriftWriter = { bytes: new Uint8Array(1024), at: 0 };
  writeStruct(out, struct);
  return out.bytes.slice(0, out.at);
}

export function structOf(value: ThriftValue | undefined): ThriftStruct | undefined {
  return value instanceof Map ? value : undefined;
}

/** Items of the list in field `id`; none where the field is absent or no list. */
export function listAt(struct: ThriftStruct, id: number): readonly ThriftValue[] {
  const value = struct.get(id)?.value;
  return typeof value === 'object' && 'items' in value ? value.items : [];
}

export function numberAt(struct: ThriftStruct, id: number): number | undefined {
  const value = struct.get(id)?.value;
  return typeof value === 'number' ? value : undefined;
}

export function bytesAt(struct: ThriftStruct, id: number): Uint8Array | undefined {
  const value = struct.get(id)?.value;
  return value instanceof Uint8Array ? value : undefined;
}

export function structAt(struct: ThriftStruct, id: number): ThriftStruct | undefined {
  return structOf(struct.get(id)?.value);
}

/** The struct with some fields replaced (`undefined` = left out). Field order follows the ids, as the delta encoding wants. */
export function withFields(struct: ThriftStruct, changes: Readonly<Record<number, ThriftField | undefined>>): ThriftStruct {
  const fields = new Map(struct);
  for (const [id, field] of Object.entries(changes)) {
    if (field === undefined) fields.delete(Number(id));
    else fields.set(Number(id), field);
  }
  return new Map([...fields].toSorted(([a], [b]) => a - b));
}

interface ThriftReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  /** Bytes of memory that may still be taken. */
  left: number;
}

function charge(reader: ThriftReader, bytes: number): void {
  reader.left -= bytes;
  if (reader.left < 0)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected a Parquet footer of at most ${PARQUET_FOOTER_MEMORY_BYTES_MAX} bytes in memory, found more`, {
      context: { limit: 'PARQUET_FOOTER_MEMORY_BYTES_MAX' },
    });
}

function corrupt(reader: ThriftReader, what: string): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected ${what} at offset ${reader.at} of the Parquet footer, found something else`);
}

function readByte(reader: ThriftReader): number {
  const byte = reader.bytes[reader.at];
  if (byte === undefined) throw corrupt(reader, 'more bytes');
  reader.at += 1;
  return byte;
}

/** Unsigned LEB128; sizes and offsets beyond 2^53 are corrupt in any file that exists. */
function readVarint(reader: ThriftReader): number {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 10; i += 1) {
    const byte = readByte(reader);
    value += (byte & 127) * factor;
    if (byte < 128) return value;
    factor *= 128;
  }
  throw corrupt(reader, 'an integer');
}

function readZigzag(reader: ThriftReader): number {
  const value = readVarint(reader);
  if (!Number.isSafeInteger(value)) throw corrupt(reader, 'an integer below 2^53');
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function readStruct(reader: ThriftReader, depth: number): ThriftStruct {
  if (depth > DEPTH_MAX) throw corrupt(reader, `nesting of at most ${DEPTH_MAX}`);
  charge(reader, STRUCT_BYTES);
  const fields = new Map<number, ThriftField>();
  let id = 0;
  for (;;) {
    const header = readByte(reader);
    const type = header & 15;
    if (type === 0) return fields;
    id = header >> 4 === 0 ? readZigzag(reader) : id + (header >> 4);
    fields.set(id, type <= BOOL_FALSE ? { type: BOOL_TRUE, value: type === BOOL_TRUE } : { type, value: readValue(reader, type, depth + 1) });
  }
}

function readValue(reader: ThriftReader, type: number, depth: number): ThriftValue {
  charge(reader, VALUE_BYTES);
  switch (type) {
    case BOOL_TRUE:
    case BOOL_FALSE:
      return readByte(reader) === 1;
    case I8:
      return (readByte(reader) << 24) >> 24;
    case I16:
    case I32:
    case I64:
      return readZigzag(reader);
    case DOUBLE: {
      if (reader.at + 8 > reader.bytes.length) throw corrupt(reader, 'a double');
      reader.at += 8;
      return reader.view.getFloat64(reader.at - 8, true);
    }
    case BINARY: {
      const length = readVarint(reader);
      if (length > reader.bytes.length - reader.at) throw corrupt(reader, `${length} bytes`);
      reader.at += length;
      return reader.bytes.subarray(reader.at - length, reader.at);
    }
    case LIST:
    case SET:
      return readList(reader, depth);
    case MAP:
      return readMap(reader, depth);
    case STRUCT:
      return readStruct(reader, depth);
    default:
      throw corrupt(reader, 'a known type');
  }
}

function readList(reader: ThriftReader, depth: number): ThriftList {
  const header = readByte(reader);
  const length = header >> 4 === 15 ? readVarint(reader) : header >> 4;
  if (length > reader.bytes.length - reader.at || depth > DEPTH_MAX) throw corrupt(reader, `a list of ${length}`);
  const elementType = header & 15;
  const items: ThriftValue[] = [];
  for (let i = 0; i < length; i += 1) items.push(readValue(reader, elementType, depth + 1));
  return { elementType, items };
}

/** Parquet's footer has no maps; one is skipped over and comes back empty. */
function readMap(reader: ThriftReader, depth: number): ThriftList {
  const length = readVarint(reader);
  if (length > reader.bytes.length - reader.at || depth > DEPTH_MAX) throw corrupt(reader, `a map of ${length}`);
  const types = length === 0 ? 0 : readByte(reader);
  for (let i = 0; i < length; i += 1) {
    readValue(reader, types >> 4, depth + 1);
    readValue(reader, types & 15, depth + 1);
  }
  return { elementType: STRUCT, items: [] };
}

interface ThriftWriter {
  bytes: Uint8Array;
  at: number;
}

function reserve(out: ThriftWriter, count: number): void {
  if (out.at + count <= out.bytes.length) return;
  const larger = new Uint8Array(Math.max(out.bytes.length * 2, out.at + count));
  larger.set(out.bytes);
  out.bytes = larger;
}

function writeByte(out: ThriftWriter, byte: number): void {
  reserve(out, 1);
  out.bytes[out.at] = byte;
  out.at += 1;
}

function writeVarint(out: ThriftWriter, value: number): void {
  let rest = value;
  while (rest >= 128) {
    writeByte(out, (rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  writeByte(out, rest);
}

function writeStruct(out: ThriftWriter, struct: ThriftStruct): void {
  let previous = 0;
  for (const [id, field] of struct) {
    // A map inside the footer came back as an empty list of structs; its field is left out rather than retyped.
    if (field.type === MAP) continue;
    const type = field.type === BOOL_TRUE && field.value === false ? BOOL_FALSE : field.type;
    const delta = id - previous;
    if (delta > 0 && delta < 16) writeByte(out, (delta << 4) | type);
    else {
      writeByte(out, type);
      writeVarint(out, id >= 0 ? id * 2 : -id * 2 - 1);
    }
    previous = id;
    if (field.type !== BOOL_TRUE) writeValue(out, field.type, field.value);
  }
  writeByte(out, 0);
}

function writeValue(out: ThriftWriter, type: number, value: ThriftValue): void {
  if (typeof value === 'boolean') writeByte(out, value ? 1 : 2);
  else if (typeof value === 'number') {
    if (type === I8) writeByte(out, value & 255);
    else if (type === DOUBLE) {
      reserve(out, 8);
      new DataView(out.bytes.buffer).setFloat64(out.at, value, true);
      out.at += 8;
    } else writeVarint(out, value >= 0 ? value * 2 : -value * 2 - 1);
  } else if (value instanceof Uint8Array) {
    writeVarint(out, value.length);
    reserve(out, value.length);
    out.bytes.set(value, out.at);
    out.at += value.length;
  } else if ('items' in value) {
    if (value.items.length < 15) writeByte(out, (value.items.length << 4) | value.elementType);
    else {
      writeByte(out, 0xf0 | value.elementType);
      writeVarint(out, value.items.length);
    }
    for (const item of value.items) writeValue(out, value.elementType, item);
  } else writeStruct(out, value);
}
