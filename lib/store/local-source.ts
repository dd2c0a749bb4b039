/** Files of this machine as spines and row sources. */
import { open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LakefoldError } from '../core/errors.ts';
import type { FileSource } from '../ports/table-codec.ts';

/** Opens a path or `file:` URL; `within` refuses whatever lies outside that folder. @throws LakefoldError INVALID_ARGUMENT */
export async function openLocalSource(source: string, options: { readonly cwd: string; readonly within?: string }): Promise<FileSource> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source) && !source.startsWith('file:')) throw invalid(source, 'a local file: other sources need a deployment');
  const path = source.startsWith('file:') ? fileURLToPath(source) : resolve(options.cwd, source);
  const real = await realpath(path).catch(() => undefined);
  const info = real === undefined ? undefined : await stat(real);
  if (real === undefined || info?.isFile() !== true) throw invalid(source, 'a file that is there');
  if (options.within !== undefined && !isInside(real, await realpath(options.within)))
    throw invalid(source, 'a file below the folder this server was started in');
  return fileSource(real, info.size);
}

/** A local file read piece by piece. */
export function fileSource(path: string, sizeBytes: number): FileSource {
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    const file = await open(path, 'r');
    try {
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await file.close();
    }
  };
  return { sizeBytes, read, readAll: () => read(0, sizeBytes) };
}

function isInside(path: string, directory: string): boolean {
  const rest = relative(directory, path);
  return rest !== '' && !rest.startsWith('..') && !isAbsolute(rest);
}

function invalid(source: string, expected: string): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} as source, found ${JSON.stringify(source)}`, { context: { field: 'source' } });
}
