/**
 * Entity keys (storage.md §4): typed and length-prefixed parts in primary-key order, so that no two tuples share bytes.
 * Tags are per type family: widening a key column keeps its keys.
 */
import { concatBytes, decodeUtf8, utf8 } from './bytes.ts';
import type { Brand } from './brand.ts';
import { LakefoldError } from './errors.ts';
import { formatDecimal, formatType, type ColumnType, type Value } from './types.ts';

/** An encoded entity key, at most `KEY_BYTES_MAX` bytes. */
export type EntityKey = Brand<Uint8Array, 'EntityKey'>;

export const KEY_BYTES_MAX = 1000;
const GLOBAL_TAG = 7;
const TAGS: Readonly<Record<string, number>> = { int: 1, bigint: 1, decimal: 2, string: 3, binary: 4, date: 5, timestamp: 6 };

export function isKeyType(type: ColumnType): boolean {
  return type.kind in TAGS;
}

function isEntityKey(bytes: Uint8Array): bytes is EntityKey {
  return bytes.length > 0 && bytes.length <= KEY_BYTES_MAX;
}

/** Bytes read back from a store as a key. @throws LakefoldError CORRUPT_STORE when empty or beyond `KEY_BYTES_MAX` */
export function entityKey(bytes: Uint8Array): EntityKey {
  if (!isEntityKey(bytes)) throw new LakefoldError('CORRUPT_STORE', `expected an entity key of 1 to ${KEY_BYTES_MAX} bytes, found ${bytes.length}`);
  return bytes;
}

/**
 * Bytes of the key `values`, in primary-key order; none for a global entity.
 * @throws LakefoldError LIMIT_EXCEEDED (context.code KEY_TOO_LONG) beyond `KEY_BYTES_MAX`; INTERNAL for nulls and non-key types
 */
export function encodeKey(types: readonly ColumnType[], values: readonly Value[]): EntityKey {
  const bytes = types.length === 0 ? Uint8Array.of(GLOBAL_TAG) : concatBytes(types.map((type, i) => encodePart(type, values[i] ?? null)));
  if (!isEntityKey(bytes))
    throw new LakefoldError('LIMIT_EXCEEDED', `expected an entity key of at most ${KEY_BYTES_MAX} bytes, found ${bytes.length}`, {
      context: { code: 'KEY_TOO_LONG' },
    });
  return bytes;
}

/** The values of an encoded key. @throws LakefoldError CORRUPT_STORE when the bytes are not a key of these types */
export function decodeKey(types: readonly ColumnType[], key: Uint8Array): Value[] {
  if (types.length === 0) return [];
  const reader = { view: new DataView(key.buffer, key.byteOffset, key.byteLength), bytes: key, at: 0 };
  const values = types.map((type) => decodePart(type, reader));
  if (reader.at !== key.length) throw corrupt(types);
  return values;
}

function encodePart(type: ColumnType, value: Value): Uint8Array {
  const tag = TAGS[type.kind];
  if (tag === undefined || value === null) throw new LakefoldError('INTERNAL', `a ${formatType(type)} of ${String(value)} is no key part`);
  switch (tag) {
    case 1:
    case 6:
      return tagged(tag, ordered64(BigInt(Number.isInteger(value) || typeof value === 'bigint' ? (value as number | bigint) : 0)));
    case 5:
      return tagged(tag, ordered32(Number(value)));
    case 2:
      return prefixed(tag, utf8(formatDecimal(typeof value === 'bigint' ? value : 0n, type.kind === 'decimal' ? type.scale : 0)));
    case 3:
      return prefixed(tag, utf8(String(value)));
    default:
      return prefixed(tag, value instanceof Uint8Array ? value : new Uint8Array());
  }
}

interface KeyReader {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  at: number;
}

function decodePart(type: ColumnType, reader: KeyReader): Value {
  const tag = TAGS[type.kind];
  if (tag === undefined || reader.bytes[reader.at] !== tag) throw corrupt([type]);
  reader.at += 1;
  switch (tag) {
    case 1:
    case 6: {
      if (reader.at + 8 > reader.bytes.length) throw corrupt([type]);
      const value = BigInt.asIntN(64, reader.view.getBigUint64(reader.at) ^ (1n << 63n));
      reader.at += 8;
      return type.kind === 'int' ? Number(value) : value;
    }
    case 5: {
      if (reader.at + 4 > reader.bytes.length) throw corrupt([type]);
      const value = (reader.view.getUint32(reader.at) ^ 0x80000000) | 0;
      reader.at += 4;
      return value;
    }
    default: {
      const bytes = readPrefixed(reader, type);
      if (tag === 4) return bytes.slice();
      const text = decodeUtf8(bytes);
      if (text === undefined) throw corrupt([type]);
      return tag === 3 ? text : BigInt(text.replace('.', ''));
    }
  }
}

function readPrefixed(reader: KeyReader, type: ColumnType): Uint8Array {
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reader.bytes[reader.at];
    if (byte === undefined || shift > 21) throw corrupt([type]);
    reader.at += 1;
    length |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  const end = reader.at + length;
  if (end > reader.bytes.length) throw corrupt([type]);
  const bytes = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return bytes;
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(tag), bytes]);
}

function prefixed(tag: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(tag), varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** Big-endian with the sign bit flipped: bytes order as the numbers do. */
export function ordered64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value) ^ (1n << 63n));
  return bytes;
}

function ordered32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, (value ^ 0x80000000) >>> 0);
  return bytes;
}

function corrupt(types: readonly ColumnType[]): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `expected an encoded key of ${types.map(formatType).join(', ')}, found other bytes`);
}
