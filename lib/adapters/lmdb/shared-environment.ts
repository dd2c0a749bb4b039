/** One LMDB environment among all that use it in this process: when its file is replaced, every one of them goes on in the new one. */
import { resolve } from 'node:path';
import type { RootDatabase } from 'lmdb';
import { type BinaryDatabase, openDatabase, openEnvironment, replaceEnvironment } from './environment.ts';

interface Held {
  root: RootDatabase<Uint8Array, Uint8Array>;
  readonly databases: Map<string, BinaryDatabase>;
  users: number;
}

/** By folder. What LMDB opens twice in a process is one environment to it as well. */
const environments = new Map<string, Held>();

/** A user's hold on the environment in a folder. */
export class SharedEnvironment {
  readonly #path: string;
  readonly #held: Held;

  /** Opens the environment, or joins those who have. @throws LakefoldError STORE_UNAVAILABLE */
  constructor(path: string) {
    this.#path = resolve(path);
    const held = environments.get(this.#path) ?? { root: openEnvironment(this.#path), databases: new Map(), users: 0 };
    environments.set(this.#path, held);
    this.#held = held;
    held.users += 1;
  }

  /** The named database, made where missing. To be asked for at each use: the file below may have been replaced. */
  database(name: string): BinaryDatabase {
    const { root, databases } = this.#held;
    const open = databases.get(name) ?? openDatabase(root, name);
    databases.set(name, open);
    return open;
  }

  /**
   * LMDB neither clears freed pages nor the gaps of those in use: what is live in `names`, which are all there are, is copied into a
   * new file that takes the old one's place.
   * @throws LakefoldError STORE_UNAVAILABLE while another process has the environment open
   */
  async scrub(names: readonly string[]): Promise<void> {
    const { root } = this.#held;
    this.#held.root = replaceEnvironment({ path: this.#path, root, names });
    this.#held.databases.clear();
    await root.close();
  }

  async close(): Promise<void> {
    this.#held.users -= 1;
    if (this.#held.users > 0) return;
    environments.delete(this.#path);
    await this.#held.root.close();
  }
}
