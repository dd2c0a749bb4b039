/**
 * Seals: the first line of what we write into the log carries the CRC-32 of the whole object, its own digits taken as
 * zeros. JSON gives no hint of a changed byte, and a changed path or partition value would read as other rows.
 *
 * Objects of other engines have none; they are taken at their word.
 */
import { utf8 } from '../core/bytes.ts';
import { crc32, hex32 } from '../core/crc32.ts';

/** The member that holds the seal. */
export const SEAL = 'lakefold.crc32';
/** What stands in the member until the seal is set. */
export const UNSEALED = '00000000';

// No JSON string holds this text unescaped, so only the member itself matches.
const MEMBER = utf8(`"${SEAL}":"`);
const ZEROS = utf8(UNSEALED);
const NEWLINE = 0x0a;

/** The same bytes with the seal set, where the first line has the member. */
export function seal(bytes: Uint8Array): Uint8Array {
  const at = sealPosition(bytes);
  if (at === undefined) return bytes;
  const sealed = bytes.slice();
  sealed.set(ZEROS, at);
  sealed.set(utf8(hex32(crc32(sealed))), at);
  return sealed;
}

export type SealState = 'intact' | 'broken' | 'absent';

/** Whether the bytes are those that were sealed. */
export function checkSeal(bytes: Uint8Array): SealState {
  const at = sealPosition(bytes);
  if (at === undefined) return 'absent';
  const after = at + ZEROS.length;
  const expected = hex32(crc32(bytes.subarray(after), crc32(ZEROS, crc32(bytes.subarray(0, at)))));
  return utf8(expected).every((digit, i) => digit === bytes[at + i]) ? 'intact' : 'broken';
}

function sealPosition(bytes: Uint8Array): number | undefined {
  const newline = bytes.indexOf(NEWLINE);
  const end = (newline === -1 ? bytes.length : newline) - MEMBER.length;
  const [first = 0] = MEMBER;
  for (let at = bytes.indexOf(first); at !== -1 && at <= end; at = bytes.indexOf(first, at + 1)) {
    if (MEMBER.every((byte, i) => bytes[at + i] === byte)) return at + MEMBER.length;
  }
  return undefined;
}
