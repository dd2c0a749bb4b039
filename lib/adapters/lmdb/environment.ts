/**
 * An LMDB environment as Lakefold uses it: a folder shared by any number of processes.
 *
 * Writes are synchronous transactions. `lmdb`'s asynchronous ones hand their callback from a thread of its own to the
 * event loop and hang for ever where that hand-over is not available, and its `flushed` covers asynchronous writes only.
 * A synchronous commit without `overlappingSync` is plain LMDB: written and synced to disk before it returns or anybody sees it.
 */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import { LakefoldError } from '../../core/errors.ts';

export type BinaryDatabase = Database<Uint8Array, Uint8Array>;

/** Named databases of one environment. */
const DATABASES_MAX = 4;
/** Processes and threads that may read at once. */
const READERS_MAX = 512;

const OPTIONS = {
  noSubdir: false,
  maxDbs: DATABASES_MAX,
  maxReaders: READERS_MAX,
  overlappingSync: false,
  keyEncoding: 'binary',
  encoding: 'binary',
} as const;
/** Folder of a copy being made, beside the file whose place it takes. */
const SCRUBBED = 'scrubbed';

/** Opens or creates the environment in the folder `path`; slots and locks of processes that died are reclaimed. @throws LakefoldError STORE_UNAVAILABLE */
export function openEnvironment(path: string): RootDatabase<Uint8Array, Uint8Array> {
  return guarded(path, 'open', () => {
    const root = open<Uint8Array, Uint8Array>({
      ...OPTIONS,
      path,
    });
    root.readerCheck();
    return root;
  });
}

/**
 * Copies the entries of the databases `names` into a new file that takes the old one's place, and opens it; the old environment is
 * the caller's to close. All of it happens between two turns of the event loop, so that this process misses no write.
 * @throws LakefoldError STORE_UNAVAILABLE while another process has the environment open: it would go on in the old file
 */
export function replaceEnvironment(old: {
  readonly path: string;
  readonly root: RootDatabase<Uint8Array, Uint8Array>;
  readonly names: readonly string[];
}): RootDatabase<Uint8Array, Uint8Array> {
  const { path, root, names } = old;
  return guarded(path, 'scrub', () => {
    const others = otherReaders(root.readerList());
    if (others.length > 0)
      throw new LakefoldError('STORE_UNAVAILABLE', `expected no other process with ${path} open, found ${others.join(', ')}: end it, and repeat`, {
        context: { processes: others },
      });
    const directory = join(path, SCRUBBED);
    rmSync(directory, { recursive: true, force: true });
    copyDatabases(root, { directory, names });
    renameSync(join(directory, 'data.mdb'), join(path, 'data.mdb'));
    rmSync(directory, { recursive: true, force: true });
    // It belongs to the old file; an environment opened on the new one makes its own.
    rmSync(join(path, 'lock.mdb'), { force: true });
    return openEnvironment(path);
  });
}

function copyDatabases(old: RootDatabase<Uint8Array, Uint8Array>, to: { readonly directory: string; readonly names: readonly string[] }): void {
  // Memory that is not cleared would carry what this process held before into the gaps of pages.
  const root = open<Uint8Array, Uint8Array>({ ...OPTIONS, path: to.directory, noMemInit: false });
  for (const name of to.names) {
    const from = openDatabase(old, name);
    const database = openDatabase(root, name);
    from.resetReadTxn();
    database.transactionSync(() => {
      for (const { key, value } of from.getRange({})) database.putSync(plainBytes(key), plainBytes(value));
    });
  }
  // Written and synced by then; nothing waits for the handle.
  void root.close();
}

/** Ids of processes in LMDB's list of readers, this one left out. */
function otherReaders(list: string): readonly number[] {
  const ids = list.split('\n').flatMap((line) => {
    const id = /^\s*(\d+)\s/.exec(line)?.[1];
    return id === undefined ? [] : [Number(id)];
  });
  return [...new Set(ids)].filter((id) => id !== process.pid);
}

export function openDatabase(root: RootDatabase<Uint8Array, Uint8Array>, name: string): BinaryDatabase {
  return guarded(name, 'open', () => root.openDB<Uint8Array, Uint8Array>({ name, keyEncoding: 'binary', encoding: 'binary' }));
}

/** Runs `work` alone among all writers of all processes: all of its writes, or on a throw none, on disk when this returns. */
export function inWriteTransaction<Result>(database: BinaryDatabase, work: () => Result): Result {
  return guarded('a database', 'write', () => database.transactionSync(work));
}

/** The value of a key, in bytes the caller may keep. */
export function readValue(database: BinaryDatabase, key: Uint8Array): Uint8Array | undefined {
  try {
    return database.getBinary(key);
  } catch (error) {
    throw translated(error, 'read', 'a database');
  }
}

/** The same bytes without the methods that make `Buffer` slice where `Uint8Array` copies. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function guarded<Result>(what: string, action: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw translated(error, action, what);
  }
}

function translated(error: unknown, action: string, what: string): LakefoldError {
  if (error instanceof LakefoldError) return error;
  return new LakefoldError('STORE_UNAVAILABLE', `could not ${action} ${what} of LMDB: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
