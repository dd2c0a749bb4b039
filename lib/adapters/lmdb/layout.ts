/** Whole numbers in LMDB keys and values: 8 bytes big-endian, two's complement, within ±2^53. */
import { LakefoldError } from '../../core/errors.ts';

const WORD = 2 ** 32;

export function writeInt64(bytes: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / WORD);
  writeWord(bytes, offset, high);
  writeWord(bytes, offset + 4, value - high * WORD);
}

/** @throws LakefoldError CORRUPT_STORE where the bytes end early or the number is not exact */
export function readInt64(bytes: Uint8Array, offset: number): number {
  if (offset + 8 > bytes.length) throw corrupt(`8 bytes at ${offset}`, `${bytes.length} in all`);
  const value = readWord(bytes, offset) * WORD + (readWord(bytes, offset + 4) >>> 0);
  if (!Number.isSafeInteger(value)) throw corrupt('a whole number within 2^53', String(value));
  return value;
}

// By hand: a `DataView` per number costs more than the rest of reading an item.
function writeWord(bytes: Uint8Array, offset: number, word: number): void {
  bytes[offset] = word >>> 24;
  bytes[offset + 1] = word >>> 16;
  bytes[offset + 2] = word >>> 8;
  bytes[offset + 3] = word;
}

function readWord(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0);
}

export function corrupt(expected: string, found: string): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `expected ${expected} in an LMDB value, found ${found}`);
}

/** @throws LakefoldError UNSUPPORTED_FORMAT for a layout number above `known`, CORRUPT_STORE for none */
export function checkLayout(bytes: Uint8Array, known: number): void {
  const found = bytes[0];
  if (found === known) return;
  if (found !== undefined && found > known) throw new LakefoldError('UNSUPPORTED_FORMAT', `expected an LMDB value of layout ${known} or less, found ${found}`);
  throw corrupt(`layout ${known}`, String(found));
}
