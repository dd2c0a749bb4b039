/** Objects in memory: for tests, simulation and throw-away work. Nothing outlives the process. */
import { resolveByteRange } from '../../core/byte-range.ts';
import { bytesEqual, compareUtf8 } from '../../core/bytes.ts';
import type { ObjectPath } from '../../core/path.ts';
import type { EpochMillis } from '../../core/time.ts';
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

interface Entry {
  readonly bytes: Uint8Array;
  readonly identity: string | undefined;
  readonly modifiedAt: EpochMillis;
  readonly etag: string;
}

export interface MemoryObjectStoreOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Told apart in `location` only. */
  readonly name?: string;
}

/** An `ObjectStore` whose every call is atomic; bytes are copied on the way in and out. */
export class MemoryObjectStore implements ObjectStore {
  readonly location: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #entries = new Map<ObjectPath, Entry>();
  /** The keys of `#entries` in UTF-8 order. */
  readonly #paths: ObjectPath[] = [];
  #writes = 0;

  constructor(options: MemoryObjectStoreOptions) {
    this.location = `memory://${options.name ?? 'store'}`;
    this.#clock = options.clock;
  }

  async get(path: ObjectPath, options: RequestOptions & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    options.signal?.throwIfAborted();
    const entry = this.#entries.get(path);
    if (entry === undefined) return undefined;
    const range = resolveByteRange(options.range ?? { start: 0, end: entry.bytes.length }, entry.bytes.length);
    return { ...infoOf(path, entry), bytes: entry.bytes.slice(range.start, range.end) };
  }

  async head(path: ObjectPath, options: RequestOptions = {}): Promise<ObjectInfo | undefined> {
    options.signal?.throwIfAborted();
    const entry = this.#entries.get(path);
    return entry === undefined ? undefined : infoOf(path, entry);
  }

  async createIfAbsent(path: ObjectPath, bytes: Uint8Array, options: CreateOptions): Promise<CreateOutcome> {
    options.signal?.throwIfAborted();
    const found = this.#entries.get(path);
    if (found === undefined) return { kind: 'created', etag: this.#put(path, bytes, options.identity) };
    return found.identity === options.identity && bytesEqual(found.bytes, bytes) ? { kind: 'created', etag: found.etag } : { kind: 'exists' };
  }

  async replaceIfMatch(path: ObjectPath, bytes: Uint8Array, options: CreateOptions & { readonly ifMatch: string }): Promise<ReplaceOutcome> {
    options.signal?.throwIfAborted();
    const found = this.#entries.get(path);
    if (found === undefined) return { kind: 'changed' };
    if (found.etag === options.ifMatch) return { kind: 'replaced', etag: this.#put(path, bytes, options.identity) };
    return found.identity === options.identity && bytesEqual(found.bytes, bytes) ? { kind: 'replaced', etag: found.etag } : { kind: 'changed' };
  }

  async overwrite(path: ObjectPath, bytes: Uint8Array, options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#put(path, bytes, undefined);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const { startAfter } = options;
    const from = startAfter !== undefined && compareUtf8(startAfter, prefix) >= 0 ? this.#indexAfter(startAfter) : this.#indexOf(prefix);
    let to = from;
    while (this.#paths[to]?.startsWith(prefix) === true) to += 1;
    for (const path of this.#paths.slice(from, to)) {
      options.signal?.throwIfAborted();
      const entry = this.#entries.get(path);
      if (entry !== undefined) yield infoOf(path, entry);
    }
  }

  async delete(path: ObjectPath, options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#entries.delete(path)) this.#paths.splice(this.#indexOf(path), 1);
  }

  #put(path: ObjectPath, bytes: Uint8Array, identity: string | undefined): string {
    if (!this.#entries.has(path)) this.#paths.splice(this.#indexOf(path), 0, path);
    this.#writes += 1;
    const etag = `"${this.#writes}"`;
    this.#entries.set(path, { bytes: bytes.slice(), identity, modifiedAt: this.#clock.now(), etag });
    return etag;
  }

  /** Index of the first path that is not less than `text`. */
  #indexOf(text: string): number {
    let low = 0;
    let high = this.#paths.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(this.#paths[middle] ?? '', text) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexAfter(text: string): number {
    const index = this.#indexOf(text);
    return this.#paths[index] === text ? index + 1 : index;
  }
}

function infoOf(path: ObjectPath, entry: Entry): ObjectInfo {
  return { path, sizeBytes: entry.bytes.length, modifiedAt: entry.modifiedAt, etag: entry.etag };
}
