/** `--out F`: rows or files written beside their name and renamed into place, so that a file that is there is whole. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../lib/core/bytes.ts';
import { writeTo } from './terminal.ts';

export interface WrittenFile {
  readonly bytes: number;
  readonly newlines: number;
  /** `sha256:` and 64 hex digits. */
  readonly sha256: string;
}

/** Writes what comes to `path`, making its folder; nothing of that name is touched before everything came. */
export async function writeFileFrom(path: string, chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void = () => undefined): Promise<WrittenFile> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.part`;
  const stream = createWriteStream(partial);
  const end = finished(stream);
  end.catch(() => undefined);
  const hash = sha256.create();
  let bytes = 0;
  let newlines = 0;
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      for (const byte of chunk) if (byte === 0x0a) newlines += 1;
      await writeTo(stream, chunk);
      onBytes(bytes);
    }
    stream.end();
    await end;
    await rename(partial, path);
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    throw error;
  }
  return { bytes, newlines, sha256: `sha256:${toHex(hash.digest())}` };
}
