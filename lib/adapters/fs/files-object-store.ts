/**
 * Objects as files below a folder. A name appears by `link()`, so an object is there whole or not at all, among all
 * processes of one machine; what was acknowledged survives a power cut. Network file systems are not supported.
 */
import * as nodePath from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolveByteRange } from '../../core/byte-range.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { ObjectPath } from '../../core/path.ts';
import { epochMillis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  ByteRange,
  CreateOptions,
  CreateOutcome,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  ReplaceOutcome,
  RequestOptions,
  StoredObject,
} from '../../ports/object-store.ts';
import type { Random } from '../../ports/random.ts';
import { DurableDirectories, parentOf } from './durable-directories.ts';
import { errnoOf } from './file-system.ts';
import type { FileStat, FileSystem } from './file-system.ts';
import { holdsBytes } from './holds-bytes.ts';
import { isAbsence, translateFsError } from './fs-errors.ts';
import { listFiles } from './list-files.ts';
import { lockedReplace } from './locked-replace.ts';
import { prepareLocation, sweepAbandoned } from './prepare-location.ts';
import { isTemporaryPath, uniqueTemporaryName } from './temporary-name.ts';

export interface FilesObjectStoreOptions {
  readonly fs: FileSystem;
  /** Made where missing; a relative one starts at the working directory. */
  readonly directory: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'bytes'>;
  /** `beforeWriting`: reading leaves the folder, which may be nobody's to write, as it is. `whenOpened` unless given. */
  readonly prepare?: 'whenOpened' | 'beforeWriting';
}

/** An object store whose objects are local files. */
export interface FilesObjectStore extends ObjectStore {
  localPath(path: ObjectPath): string;
}

/**
 * Opens the store: makes the folder (or does so before it first writes), proves that it has hard links, and removes temporary files older than a day.
 * @throws LakefoldError UNSUPPORTED_FILESYSTEM without hard links, STORE_UNAVAILABLE when the folder can't be written
 */
export async function openFilesObjectStore(options: FilesObjectStoreOptions): Promise<FilesObjectStore> {
  const root = nodePath.resolve(options.directory);
  const directories = new DurableDirectories(options.fs, root);
  const prepare = async (): Promise<void> => {
    try {
      await directories.prepare(root);
      await prepareLocation(options, root);
    } catch (error) {
      throw translateFsError(error, 'open the location', root);
    }
  };
  if (options.prepare === 'beforeWriting') return new LocalFiles(options, root, { directories, prepare });
  await prepare();
  return new LocalFiles(options, root, { directories, prepare: async () => undefined });
}

interface Staged {
  readonly temporary: string;
  readonly target: string;
  readonly directory: string;
  readonly stat: FileStat;
}

class LocalFiles implements FilesObjectStore {
  readonly location: string;
  readonly #options: FilesObjectStoreOptions;
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #directories: DurableDirectories;
  readonly #prepare: () => Promise<void>;
  #prepared: Promise<void> | undefined;

  constructor(options: FilesObjectStoreOptions, root: string, parts: { readonly directories: DurableDirectories; readonly prepare: () => Promise<void> }) {
    this.location = pathToFileURL(root).href;
    this.#options = options;
    this.#fs = options.fs;
    this.#root = root;
    this.#directories = parts.directories;
    this.#prepare = parts.prepare;
  }

  localPath(path: ObjectPath): string {
    return `${this.#root}/${path}`;
  }

  async get(path: ObjectPath, options: RequestOptions & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    options.signal?.throwIfAborted();
    if (options.range !== undefined) resolveByteRange(options.range, 0);
    return this.#absentAsUndefined('read', path, async () => {
      const file = await this.#fs.open(this.localPath(path));
      try {
        const stat = await file.stat();
        if (stat.kind !== 'file') return undefined;
        const { start, end } = resolveByteRange(options.range ?? { start: 0, end: stat.sizeBytes }, stat.sizeBytes);
        return { ...infoOf(path, stat), bytes: await file.read(start, end - start) };
      } finally {
        await file.close();
      }
    });
  }

  async head(path: ObjectPath, options: RequestOptions = {}): Promise<ObjectInfo | undefined> {
    options.signal?.throwIfAborted();
    return this.#absentAsUndefined('look at', path, async () => {
      const stat = await this.#fs.look(this.localPath(path));
      return stat?.kind === 'file' ? infoOf(path, stat) : undefined;
    });
  }

  async createIfAbsent(path: ObjectPath, bytes: Uint8Array, options: CreateOptions): Promise<CreateOutcome> {
    return this.#create(path, bytes, options);
  }

  /** The object's own sync runs beside whatever `after` waits for: on one disk two syncs at a time take little longer than one. */
  async createIfAbsentAfter(path: ObjectPath, bytes: Uint8Array, options: CreateOptions & { readonly after: Promise<unknown> }): Promise<CreateOutcome> {
    // It may fail before it is waited for, or never be, where the path is taken.
    options.after.catch(() => undefined);
    return this.#create(path, bytes, options);
  }

  async #create(path: ObjectPath, bytes: Uint8Array, options: CreateOptions & { readonly after?: Promise<unknown> }): Promise<CreateOutcome> {
    options.signal?.throwIfAborted();
    return this.#writing('create', path, async () => {
      // A stat is cheaper than the sync of a file that could never be linked: losing a race is common.
      const found = await this.head(path);
      if (found !== undefined) return this.#compareFound(path, bytes);
      const staged = await this.#stage(path, bytes);
      try {
        await options.after;
        options.signal?.throwIfAborted();
        try {
          await this.#fs.link(staged.temporary, staged.target);
        } catch (error) {
          if (errnoOf(error) === 'EEXIST') return await this.#compareFound(path, bytes);
          throw error;
        }
      } finally {
        await this.#discard(staged.temporary);
      }
      // After the temporary name is gone, so that one sync of the folder makes both changes durable.
      return this.#acknowledged(staged.directory, { kind: 'created', etag: etagOf(staged.stat) });
    });
  }

  async replaceIfMatch(path: ObjectPath, bytes: Uint8Array, options: CreateOptions & { readonly ifMatch: string }): Promise<ReplaceOutcome> {
    options.signal?.throwIfAborted();
    return this.#writing('replace', path, async () => {
      const found = await this.head(path);
      if (found === undefined) return { kind: 'changed' };
      if (found.etag !== options.ifMatch) return this.#compareReplaced(path, bytes, found);
      const staged = await this.#stage(path, bytes);
      try {
        const outcome = await lockedReplace(this.#fs, staged, async () => (await this.head(path))?.etag === options.ifMatch);
        if (outcome.kind === 'replaced') return await this.#acknowledged(staged.directory, { kind: 'replaced', etag: etagOf(staged.stat) });
        if (outcome.kind === 'busy')
          return { kind: 'unknown', cause: new LakefoldError('STORE_UNAVAILABLE', `another process is replacing ${JSON.stringify(path)}`) };
        const current = await this.head(path);
        return current === undefined ? { kind: 'changed' } : await this.#compareReplaced(path, bytes, current);
      } finally {
        await this.#discard(staged.temporary);
      }
    });
  }

  async overwrite(path: ObjectPath, bytes: Uint8Array, options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await this.#writing('overwrite', path, async () => {
      const staged = await this.#stage(path, bytes);
      try {
        options.signal?.throwIfAborted();
        await this.#fs.rename(staged.temporary, staged.target);
      } catch (error) {
        await this.#discard(staged.temporary);
        throw error;
      }
      await this.#directories.sync(staged.directory);
    });
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    try {
      for await (const { path, stat } of listFiles(this.#fs, this.#root, { ...options, prefix })) yield infoOf(path, stat);
    } catch (error) {
      throw translateFsError(error, 'list', prefix);
    }
  }

  async delete(path: ObjectPath, options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await this.#ready();
    const target = this.localPath(path);
    await this.#absentAsUndefined('delete', path, async () => {
      try {
        await this.#fs.unlink(target);
      } catch (error) {
        // A folder is no object, so there is nothing to delete; some systems say EPERM for it.
        if (errnoOf(error) === 'EISDIR' || (errnoOf(error) === 'EPERM' && (await this.#fs.stat(target)).kind === 'directory')) return undefined;
        // Whoever removed the name may have died before it was synced.
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
      await this.#directories.sync(parentOf(target));
      return undefined;
    });
  }

  /** Bytes on disk under a temporary name in the target's folder. */
  async #stage(path: ObjectPath, bytes: Uint8Array): Promise<Staged> {
    const target = this.localPath(path);
    const directory = parentOf(target);
    const temporary = `${directory}/${uniqueTemporaryName(this.#options)}`;
    await this.#directories.prepare(directory);
    try {
      return { temporary, target, directory, stat: await this.#writeSynced(temporary, bytes) };
    } catch (error) {
      await this.#discard(temporary);
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    // Somebody removed the folder since it was made.
    this.#directories.forget(directory);
    await this.#directories.prepare(directory);
    try {
      return { temporary, target, directory, stat: await this.#writeSynced(temporary, bytes) };
    } catch (error) {
      await this.#discard(temporary);
      throw error;
    }
  }

  async #writeSynced(path: string, bytes: Uint8Array): Promise<FileStat> {
    const file = await this.#fs.create(path);
    try {
      await file.write(bytes);
      await file.sync();
      return await file.stat();
    } finally {
      await file.close();
    }
  }

  /** The name is there for all to see; only its durability is open, and a repeat settles that. */
  async #acknowledged<Outcome extends { readonly kind: string }>(
    directory: string,
    outcome: Outcome,
  ): Promise<Outcome | { readonly kind: 'unknown'; readonly cause: unknown }> {
    try {
      await this.#directories.sync(directory);
      return outcome;
    } catch (error) {
      return { kind: 'unknown', cause: translateFsError(error, 'sync', directory) };
    }
  }

  /** Local files carry no identity: the same bytes are the same write. */
  async #compareFound(path: ObjectPath, bytes: Uint8Array): Promise<CreateOutcome> {
    const target = this.localPath(path);
    const stat = await holdsBytes(this.#fs, target, bytes);
    if (stat === undefined) return { kind: 'exists' };
    // The try that made the name may have ended before it was synced.
    return this.#acknowledged(parentOf(target), { kind: 'created', etag: etagOf(stat) });
  }

  async #compareReplaced(path: ObjectPath, bytes: Uint8Array, found: ObjectInfo): Promise<ReplaceOutcome> {
    const target = this.localPath(path);
    if (found.sizeBytes !== bytes.length) return { kind: 'changed' };
    const stat = await holdsBytes(this.#fs, target, bytes);
    return stat === undefined ? { kind: 'changed' } : this.#acknowledged(parentOf(target), { kind: 'replaced', etag: etagOf(stat) });
  }

  async sweep(): Promise<void> {
    await this.#ready();
    await sweepAbandoned(this.#fs, this.#root);
  }

  /** What can't be removed now is removed by an open a day later. */
  async #discard(temporary: string): Promise<void> {
    await this.#fs.unlink(temporary).catch(() => undefined);
  }

  async #writing<Result>(action: string, path: ObjectPath, run: () => Promise<Result>): Promise<Result> {
    if (isTemporaryPath(path))
      throw new LakefoldError('INVALID_ARGUMENT', `expected a path without parts that begin with '.tmp-', found ${JSON.stringify(path)}`, {
        context: { path },
      });
    await this.#ready();
    try {
      return await run();
    } catch (error) {
      throw translateFsError(error, action, path);
    }
  }

  async #ready(): Promise<void> {
    this.#prepared ??= this.#prepare();
    try {
      await this.#prepared;
    } catch (error) {
      this.#prepared = undefined;
      throw error;
    }
  }

  async #absentAsUndefined<Result>(action: string, path: ObjectPath, run: () => Promise<Result | undefined>): Promise<Result | undefined> {
    if (isTemporaryPath(path)) return undefined;
    try {
      return await run();
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw translateFsError(error, action, path);
    }
  }
}

function infoOf(path: ObjectPath, stat: FileStat): ObjectInfo {
  return { path, sizeBytes: stat.sizeBytes, modifiedAt: epochMillis(stat.modifiedMillis), etag: etagOf(stat) };
}

function etagOf(stat: FileStat): string {
  return `"${stat.tag}-${stat.sizeBytes.toString(36)}"`;
}
