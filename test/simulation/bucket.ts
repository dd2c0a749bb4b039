/** What is stored, with every call taking effect at one instant; whoever watches sees it happen. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly identity: string | undefined;
  /** Epoch ms of the store's own clock. */
  readonly modifiedAt: number;
  readonly etag: string;
}

export interface Watcher {
  created(path: string, stored: Stored, by: unknown): void;
  overwritten(path: string, stored: Stored, by: unknown): void;
  deleted(path: string, stored: Stored, by: unknown): void;
}

export class Bucket {
  readonly objects = new Map<string, Stored>();
  /** Keys in order; they are ASCII, so that the order of strings is that of bytes. */
  readonly #keys: string[] = [];
  readonly #now: () => number;
  readonly #watcher: Watcher;
  #writes = 0;

  constructor(now: () => number, watcher: Watcher) {
    this.#now = now;
    this.#watcher = watcher;
  }

  /** Creates the object where the path is free; whatever stands there is returned. */
  create(
    path: string,
    object: { readonly bytes: Uint8Array; readonly identity: string | undefined },
    by: unknown,
  ): { readonly isNew: boolean; readonly stored: Stored } {
    const found = this.objects.get(path);
    if (found !== undefined) return { isNew: false, stored: found };
    const stored = this.#put(path, object);
    this.#watcher.created(path, stored, by);
    return { isNew: true, stored };
  }

  overwrite(path: string, object: { readonly bytes: Uint8Array; readonly identity: string | undefined }, by: unknown): Stored {
    const stored = this.#put(path, object);
    this.#watcher.overwritten(path, stored, by);
    return stored;
  }

  delete(path: string, by: unknown): void {
    const found = this.objects.get(path);
    if (found === undefined) return;
    this.objects.delete(path);
    this.#keys.splice(this.#indexOf(path), 1);
    this.#watcher.deleted(path, found, by);
  }

  /** Up to `max` keys with the prefix after `after`, and whether there are more. */
  page(prefix: string, after: string | undefined, max: number): { readonly keys: readonly string[]; readonly isTruncated: boolean } {
    let index = this.#indexOf(after === undefined || after < prefix ? prefix : after);
    if (this.#keys[index] === after) index += 1;
    const keys: string[] = [];
    for (; keys.length < max; index += 1) {
      const key = this.#keys[index];
      if (key === undefined || !key.startsWith(prefix)) return { keys, isTruncated: false };
      keys.push(key);
    }
    return { keys, isTruncated: this.#keys[index]?.startsWith(prefix) === true };
  }

  #put(path: string, { bytes, identity }: { readonly bytes: Uint8Array; readonly identity: string | undefined }): Stored {
    this.#writes += 1;
    if (!this.objects.has(path)) this.#keys.splice(this.#indexOf(path), 0, path);
    const stored: Stored = { bytes, identity, modifiedAt: this.#now(), etag: `"${this.#writes}"` };
    this.objects.set(path, stored);
    return stored;
  }

  /** Index of the first key that is not less than `text`. */
  #indexOf(text: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
