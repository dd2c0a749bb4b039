/** Whether a file holds certain bytes. */
import { bytesEqual } from '../../core/bytes.ts';
import { isAbsence } from './fs-errors.ts';
import type { FileStat, FileSystem } from './file-system.ts';

/** Bytes read at a time, so that comparing a large file needs no second copy of it. */
const PIECE_BYTES = 1024 * 1024;

/** The file's stat when it holds exactly `bytes`, undefined when it holds others or is not there. */
export async function holdsBytes(fs: FileSystem, path: string, bytes: Uint8Array): Promise<FileStat | undefined> {
  try {
    const file = await fs.open(path);
    try {
      const stat = await file.stat();
      if (stat.kind !== 'file' || stat.sizeBytes !== bytes.length) return undefined;
      for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
        const piece = bytes.subarray(offset, offset + PIECE_BYTES);
        if (!bytesEqual(await file.read(offset, piece.length), piece)) return undefined;
      }
      return stat;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
