/** What a single table in a folder of this machine needs. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '../adapters/fs/node-file-system.ts';
import { openFilesObjectStore } from '../adapters/fs/files-object-store.ts';
import { SystemClock } from '../adapters/system/clock.ts';
import { silentLog } from '../adapters/system/log.ts';
import { SystemRandom } from '../adapters/system/random.ts';
import { ENGINE_INFO } from '../core/engine-info.ts';
import type { DeltaDeps } from '../delta/deps.ts';
import type { Log } from '../ports/log.ts';
import { lazyParquetCodec } from './lazy-codec.ts';

/** Everything but the store. */
export function localTableParts(log: Log = silentLog): Omit<DeltaDeps, 'store'> {
  return { codec: lazyParquetCodec(), clock: new SystemClock(), random: new SystemRandom(), log, engineInfo: ENGINE_INFO };
}

/** The folder is made where missing; `open`, of a table that is there, writes nothing until something is written. @throws LakefoldError UNSUPPORTED_FILESYSTEM, STORE_UNAVAILABLE */
export async function localTableDeps(directory: string, log?: Log, purpose: 'open' | 'create' = 'create'): Promise<DeltaDeps> {
  const parts = localTableParts(log);
  const prepare = purpose === 'open' ? 'beforeWriting' : 'whenOpened';
  return { ...parts, store: await openFilesObjectStore({ fs: nodeFileSystem, directory, clock: parts.clock, random: parts.random, prepare }) };
}

/** True when the folder has a Delta log. */
export async function hasDeltaLog(directory: string): Promise<boolean> {
  return (await stat(join(directory, '_delta_log')).catch(() => undefined))?.isDirectory() === true;
}
