/** The seal of a Parquet file: a remark in its footer with the CRC-32 of every byte of the file but its own eight digits. */
import { LakefoldError } from '../core/errors.ts';
import { positionBehind, SEAL, sealAt, sealStateAt, UNSEALED, type SealState } from '../core/seal.ts';
import { concatBytes, utf8 } from '../core/bytes.ts';

/** What a file to be sealed is written with, behind its other remarks. */
export const SEAL_REMARK: Readonly<Record<string, string>> = { [SEAL]: UNSEALED };

/** Thrift's header of a text that is the next field of its struct. */
const NEXT_TEXT = 0x18;
const MARK = concatBytes([Uint8Array.of(NEXT_TEXT, SEAL.length), utf8(SEAL), Uint8Array.of(NEXT_TEXT, UNSEALED.length)]);
/** Looked for this near the end: behind the remarks stand the writer's name and three bytes a column. Where the footer begins says a byte that may have changed. */
const TAIL_BYTES = 1024 * 1024;

/** The file with its seal set. */
export function sealParquet(file: Uint8Array): Uint8Array {
  const at = markPosition(file);
  if (at === undefined) throw new LakefoldError('INTERNAL', `expected the remark ${SEAL} in a file to be sealed, found none`);
  return sealAt(file, at);
}

/** Whether the bytes are those that were sealed. */
export function checkParquetSeal(file: Uint8Array): SealState {
  const at = markPosition(file);
  return at === undefined ? 'absent' : sealStateAt(file, at);
}

function markPosition(file: Uint8Array): number | undefined {
  return positionBehind(file, MARK, { start: Math.max(0, file.length - TAIL_BYTES), end: file.length });
}
