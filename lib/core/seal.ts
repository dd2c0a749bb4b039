/**
 * Seals: what we write carries the CRC-32 of the whole object, its own digits taken as zeros. Neither JSON nor Parquet
 * gives a hint of a changed byte, and a changed path or partition value would read as other rows.
 *
 * Objects of other engines have none; they are taken at their word. A mark with one changed byte is still ours: without
 * that, the one change a seal does not cover would be one to itself.
 */
import { utf8 } from './bytes.ts';
import { crc32, hex32 } from './crc32.ts';

/** The member, or the remark in a footer, that holds the seal. */
export const SEAL = 'lakefold.crc32';
/** What stands there until the seal is set. */
export const UNSEALED = '00000000';

export type SealState = 'intact' | 'broken' | 'absent';

// No JSON string holds this text unescaped, so only the member itself matches.
const MEMBER = utf8(`"${SEAL}":"`);
const ZEROS = utf8(UNSEALED);
const NEWLINE = 0x0a;

/** JSON: the same bytes with the seal set, where the first line has the member. */
export function seal(bytes: Uint8Array): Uint8Array {
  const at = memberPosition(bytes);
  return at === undefined ? bytes : sealAt(bytes, at);
}

/** JSON: whether the bytes are those that were sealed. */
export function checkSeal(bytes: Uint8Array): SealState {
  const at = memberPosition(bytes);
  return at === undefined ? 'absent' : sealStateAt(bytes, at);
}

/** The same bytes with the digits at `at` set. */
export function sealAt(bytes: Uint8Array, at: number): Uint8Array {
  const sealed = bytes.slice();
  sealed.set(ZEROS, at);
  sealed.set(utf8(hex32(crc32(sealed))), at);
  return sealed;
}

/** `at` as `positionBehind` found it. */
export function sealStateAt(bytes: Uint8Array, at: number): 'intact' | 'broken' {
  const after = at + ZEROS.length;
  const expected = hex32(crc32(bytes.subarray(after), crc32(ZEROS, crc32(bytes.subarray(0, at)))));
  return utf8(expected).every((digit, i) => digit === bytes[at + i]) ? 'intact' : 'broken';
}

/** Where the mark ends within `[start, end)`, at most one byte of it being another. */
export function positionBehind(bytes: Uint8Array, mark: Uint8Array, { start, end }: { readonly start: number; readonly end: number }): number | undefined {
  // One changed byte leaves one half as it was.
  const middle = mark.length >> 1;
  for (const [from, to] of [
    [0, middle],
    [middle, mark.length],
  ] as const) {
    const half = mark.subarray(from, to);
    const [first = 0] = half;
    for (let at = bytes.indexOf(first, start + from); at !== -1 && at - from + mark.length <= end; at = bytes.indexOf(first, at + 1)) {
      if (half.every((byte, i) => bytes[at + i] === byte) && differences(bytes, mark, at - from) <= 1) return at - from + mark.length;
    }
  }
  return undefined;
}

function differences(bytes: Uint8Array, mark: Uint8Array, at: number): number {
  return mark.reduce((count, byte, i) => count + (bytes[at + i] === byte ? 0 : 1), 0);
}

function memberPosition(bytes: Uint8Array): number | undefined {
  const newline = bytes.indexOf(NEWLINE);
  return positionBehind(bytes, MEMBER, { start: 0, end: newline === -1 ? bytes.length : newline });
}
