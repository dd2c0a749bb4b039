/**
 * An LMDB environment as Lakefold uses it: a folder shared by any number of processes.
 *
 * Writes are synchronous transactions. `lmdb`'s asynchronous ones hand their callback from a thread of its own to the
 * event loop and hang for ever where that hand-over is not available, and its `flushed` covers asynchronous writes only.
 * A synchronous commit without `overlappingSync` is plain LMDB: written and synced to disk before it returns or anybody sees it.
 */
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import { LakefoldError } from '../../core/errors.ts';

export type BinaryDatabase = Database<Uint8Array, Uint8Array>;

/** Named databases of one environment. */
const DATABASES_MAX = 4;
/** Processes and threads that may read at once. */
const READERS_MAX = 512;

/** Opens or creates the environment in the folder `path`; slots and locks of processes that died are reclaimed. @throws LakefoldError STORE_UNAVAILABLE */
export function openEnvironment(path: string): RootDatabase<Uint8Array, Uint8Array> {
  return guarded(path, 'open', () => {
    const root = open<Uint8Array, Uint8Array>({
      path,
      noSubdir: false,
      maxDbs: DATABASES_MAX,
      maxReaders: READERS_MAX,
      overlappingSync: false,
      keyEncoding: 'binary',
      encoding: 'binary',
    });
    root.readerCheck();
    return root;
  });
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
