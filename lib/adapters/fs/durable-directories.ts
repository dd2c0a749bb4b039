/** Directories whose names survive a power cut, and shared syncs of them. */
import { errnoOf } from './file-system.ts';
import type { FileSystem } from './file-system.ts';

/** Directories remembered; beyond it they are synced again, which is slow but right. */
const REMEMBERED_MAX = 10_000;

interface SyncTurns {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

export class DurableDirectories {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #prepared = new Map<string, Promise<void>>();
  readonly #syncs = new Map<string, SyncTurns>();

  constructor(fs: FileSystem, root: string) {
    this.#fs = fs;
    this.#root = root;
  }

  /**
   * Makes the directory and those above it where missing, and syncs the name of each.
   *
   * A directory found there is synced once too: whoever made it may have died, or may not yet have come, to doing so.
   */
  async prepare(directory: string): Promise<void> {
    const known = this.#prepared.get(directory);
    if (known !== undefined) return known;
    if (this.#prepared.size >= REMEMBERED_MAX) this.#prepared.clear();
    const work = directory === this.#root ? this.#prepareRoot(directory) : this.#prepareInside(directory);
    this.#prepared.set(directory, work);
    try {
      await work;
    } catch (error) {
      this.forget(directory);
      throw error;
    }
  }

  /** Somebody removed the directory, perhaps with those above it. */
  forget(directory: string): void {
    for (let at = directory; this.#prepared.delete(at) && at !== this.#root;) at = parentOf(at);
  }

  /** Syncs the names in the directory. Callers that come while a sync runs share the next one. */
  async sync(directory: string): Promise<void> {
    const turns = this.#syncs.get(directory);
    if (turns === undefined) {
      const running = this.#fs.syncDirectory(directory);
      const mine: SyncTurns = { running, next: undefined };
      this.#syncs.set(directory, mine);
      try {
        await running;
      } finally {
        if (mine.next === undefined && this.#syncs.get(directory) === mine) this.#syncs.delete(directory);
      }
      return;
    }
    turns.next ??= this.#syncAfter(directory, turns);
    return turns.next;
  }

  async #syncAfter(directory: string, before: SyncTurns): Promise<void> {
    await before.running.catch(() => undefined);
    this.#syncs.delete(directory);
    return this.sync(directory);
  }

  async #prepareInside(directory: string): Promise<void> {
    const parent = parentOf(directory);
    await this.prepare(parent);
    await this.#make(directory);
    await this.sync(parent);
  }

  async #prepareRoot(directory: string): Promise<void> {
    const parent = parentOf(directory);
    try {
      await this.#make(directory);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || parent === directory) throw error;
      await this.#prepareRoot(parent);
      await this.#make(directory);
    }
    try {
      await this.sync(parent);
    } catch (error) {
      // The folder above the location may belong to someone else; then it was not made by us.
      if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw error;
    }
  }

  async #make(directory: string): Promise<void> {
    try {
      await this.#fs.makeDirectory(directory);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

/** `/` for a name at the top. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}
