/** Whole numbers in LMDB keys and values: 8 bytes big-endian, two's complement, within ±2^53. */
import { LakefoldError } from '../../core/errors.ts';

const WORD = 2 ** 32;

export function writeInt64(bytes: Uint8Array, offset: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const high = Math.floor(value / WORD);
  view.setInt32(offset, high);
  view.setUint32(offset + 4, value - high * WORD);
}

/** @throws LakefoldError CORRUPT_STORE where the bytes end early or the number is not exact */
export function readInt64(bytes: Uint8Array, offset: number): number {
  if (offset + 8 > bytes.length) throw corrupt(`8 bytes at ${offset}`, `${bytes.length} in all`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = view.getInt32(offset) * WORD + view.getUint32(offset + 4);
  if (!Number.isSafeInteger(value)) throw corrupt('a whole number within 2^53', String(value));
  return value;
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
