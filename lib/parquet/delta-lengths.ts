/** The lengths that DELTA_BYTE_ARRAY stores: of what each text shares with the one before, and of what it adds. */
import { LakefoldError } from '../core/errors.ts';
import type { Leaf } from './repack/chunk-check.ts';
import type { PageHeader } from './page-headers.ts';

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Bytes of all texts of an unpacked page together. @throws LakefoldError FILE_CORRUPT */
export function deltaTextBytes(unpacked: Uint8Array, { leaf, page }: { readonly leaf: Leaf; readonly page: PageHeader }): number {
  const cursor: Cursor = { bytes: unpacked, at: 0 };
  if (page.type === 0) {
    // Levels of a page V1 stand before its values, each after its length.
    if (leaf.isRepeated) skipLevels(cursor);
    if (leaf.isOptional) skipLevels(cursor);
  }
  const shared = sumOfDeltas(cursor, page.valueCount);
  return shared + sumOfDeltas(cursor, page.valueCount);
}

function skipLevels(cursor: Cursor): void {
  const { bytes, at } = cursor;
  if (at + 4 > bytes.length) throw corrupt();
  cursor.at += 4 + new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
}

/** DELTA_BINARY_PACKED; the cursor ends behind it. */
function sumOfDeltas(cursor: Cursor, countMax: number): number {
  const blockSize = readVarint(cursor);
  const miniblocks = readVarint(cursor);
  const count = readVarint(cursor);
  let value = readZigzag(cursor);
  const perMiniblock = blockSize / miniblocks;
  if (count > countMax || !Number.isSafeInteger(perMiniblock) || perMiniblock === 0 || perMiniblock % 32 !== 0 || miniblocks > cursor.bytes.length)
    throw corrupt();
  if (count === 0) return 0;
  let sum = checked(value);
  for (let left = count - 1; left > 0;) {
    const minDelta = readZigzag(cursor);
    const widths = cursor.bytes.subarray(cursor.at, cursor.at + miniblocks);
    cursor.at += miniblocks;
    for (const width of widths) {
      if (left <= 0) break;
      const end = cursor.at + (perMiniblock / 8) * width;
      if (width > 32 || end > cursor.bytes.length) throw corrupt();
      for (let i = 0; i < perMiniblock && left > 0; i += 1, left -= 1) {
        value += minDelta + readBits(cursor, i * width, width);
        sum += checked(value);
      }
      cursor.at = end;
    }
    if (widths.length < miniblocks) throw corrupt();
  }
  return sum;
}

function checked(length: number): number {
  if (length < 0 || length > 2_147_483_647) throw corrupt();
  return length;
}

function readBits({ bytes, at }: Cursor, from: number, width: number): number {
  let value = 0;
  for (let got = 0; got < width;) {
    const bit = from + got;
    const taken = Math.min(width - got, 8 - (bit & 7));
    value += (((bytes[at + (bit >> 3)] ?? 0) >> (bit & 7)) & ((1 << taken) - 1)) * 2 ** got;
    got += taken;
  }
  return value;
}

function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let i = 0; i < 8; i += 1) {
    const byte = cursor.bytes[cursor.at];
    if (byte === undefined) break;
    cursor.at += 1;
    value += (byte & 127) * 128 ** i;
    if (byte < 128 && Number.isSafeInteger(value)) return value;
  }
  throw corrupt();
}

function readZigzag(cursor: Cursor): number {
  const value = readVarint(cursor);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function corrupt(): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', 'expected lengths of texts in a page, found other bytes');
}
