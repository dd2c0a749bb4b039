/** What a single table in a folder of this machine needs. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFileSystem } from '../adapters/fs/node-file-system.ts';
import { openFilesObjectStore } from '../adapters/fs/files-object-store.ts';
import { SystemClock } from '../adapters/system/clock.ts';
import { silentLog } from '../adapters/system/log.ts';
import { SystemRandom } from '../adapters/system/random.ts';
import { startNativeSha256 } from '../adapters/system/sha256.ts';
import { ENGINE_INFO } from '../core/engine-info.ts';
import { LakefoldError } from '../core/errors.ts';
import type { DeltaDeps } from '../delta/deps.ts';
import type { Log } from '../ports/log.ts';
import { lazyParquetCodec } from './lazy-codec.ts';

/** Everything but the store. */
export function localTableParts(log: Log = silentLog): Omit<DeltaDeps, 'store'> {
  return { codec: lazyParquetCodec(), clock: new SystemClock(), random: new SystemRandom(), log, engineInfo: ENGINE_INFO, startSha256: startNativeSha256 };
}

/** The folder is made where missing; `open`, of a table that is there, writes nothing until something is written. @throws LakefoldError UNSUPPORTED_FILESYSTEM, STORE_UNAVAILABLE */
export async function localTableDeps(directory: string, log?: Log, purpose: 'open' | 'create' = 'create'): Promise<DeltaDeps> {
  const parts = localTableParts(log);
  const prepare = purpose === 'open' ? 'beforeWriting' : 'whenOpened';
  return { ...parts, store: await openFilesObjectStore({ fs: nodeFileSystem, directory, clock: parts.clock, random: parts.random, prepare }) };
}

/** The folder that a path or a `file:` URL names. @throws LakefoldError INVALID_ARGUMENT for a URL of another machine */
export function localFolder(path: string): string {
  if (!path.startsWith('file:')) return path;
  try {
    return fileURLToPath(path);
  } catch (cause) {
    throw new LakefoldError('INVALID_ARGUMENT', `expected a file: URL of this machine, found ${JSON.stringify(path)}`, { cause, context: { path } });
  }
}

/** True when the folder has a Delta log. */
export async function hasDeltaLog(directory: string): Promise<boolean> {
  return (await stat(join(directory, '_delta_log')).catch(() => undefined))?.isDirectory() === true;
}
