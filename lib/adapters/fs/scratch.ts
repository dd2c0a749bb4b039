/** Scratch as files of one folder; what is there under a name stays until the folder goes. */
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, toHex, utf8 } from '../../core/bytes.ts';
import type { Scratch } from '../../ports/scratch.ts';

/** A scratch in `directory`, made where missing. */
export function openScratch(directory: string): Scratch {
  const held = new Map<string, Promise<string>>();
  const fetch = async (name: string, load: () => Promise<Uint8Array>): Promise<string> => {
    const path = join(directory, `${toHex(sha256(utf8(name))).slice(0, 40)}.parquet`);
    if ((await stat(path).catch(() => undefined)) !== undefined) return path;
    await mkdir(directory, { recursive: true });
    // Renamed into place, so that a copy cut short by a crash is never taken for the file.
    await writeFile(`${path}.part`, await load());
    await rename(`${path}.part`, path);
    return path;
  };
  return {
    hold: (name, load) => {
      const known = held.get(name) ?? fetch(name, load);
      held.set(name, known);
      known.catch(() => held.delete(name));
      return known;
    },
    collect: async (fill) => {
      await mkdir(directory, { recursive: true });
      const folder = await mkdtemp(join(directory, 'written-'));
      try {
        const path = join(folder, 'rows');
        await fill(path);
        return await readFile(path);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
