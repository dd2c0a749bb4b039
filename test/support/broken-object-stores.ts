/** Object stores that are wrong in one way each, beside the case of the contract that must notice. */
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { objectPath } from '../../lib/core/path.ts';
import type { ObjectPath } from '../../lib/core/path.ts';
import type { ByteRange, ObjectInfo, ObjectStore } from '../../lib/ports/object-store.ts';
import { tickingClock } from './object-store-ports.ts';
import { wrappedStore } from './wrapped-store.ts';

export interface BrokenObjectStore {
  readonly name: string;
  /** The name of the case, or how it begins. */
  readonly caughtBy: string;
  make(): ObjectStore;
}

function broken(name: string, caughtBy: string, change: (inner: ObjectStore) => Partial<ObjectStore>): BrokenObjectStore {
  return {
    name,
    caughtBy,
    make: () => {
      const inner = new MemoryObjectStore({ clock: tickingClock() });
      return wrappedStore(inner, change(inner));
    },
  };
}

async function collect(listing: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const infos: ObjectInfo[] = [];
  for await (const info of listing) infos.push(info);
  return infos;
}

/** Lists as the good store does, then changes the answer. */
function relisted(inner: ObjectStore, change: (infos: ObjectInfo[]) => readonly ObjectInfo[]): Partial<ObjectStore> {
  return {
    list: async function* (prefix, options) {
      yield* change(await collect(inner.list(prefix, options)));
    },
  };
}

function reranged(inner: ObjectStore, change: (range: ByteRange) => ByteRange): Partial<ObjectStore> {
  return { get: (path, options = {}) => inner.get(path, options.range === undefined ? options : { ...options, range: change(options.range) }) };
}

function renamed(inner: ObjectStore, rename: (path: ObjectPath) => string): Partial<ObjectStore> {
  const to = (path: ObjectPath): ObjectPath => objectPath(rename(path));
  return {
    get: (path, options) => inner.get(to(path), options),
    head: (path, options) => inner.head(to(path), options),
    createIfAbsent: (path, bytes, options) => inner.createIfAbsent(to(path), bytes, options),
    delete: (path, options) => inner.delete(to(path), options),
  };
}

const created = async (inner: ObjectStore, path: ObjectPath): Promise<{ readonly kind: 'created'; readonly etag: string }> => ({
  kind: 'created',
  etag: (await inner.head(path))?.etag ?? '',
});

/** Every way in which a store has been, or could be, wrong. */
export const brokenObjectStores: readonly BrokenObjectStore[] = [
  broken('puts without the condition', 'says exists to another write', (inner) => ({
    createIfAbsent: async (path, bytes) => {
      await inner.overwrite(path, bytes);
      return created(inner, path);
    },
  })),
  broken('says created though the path was taken', 'says exists to another write', (inner) => ({
    createIfAbsent: async (path, bytes, options) => {
      await inner.createIfAbsent(path, bytes, options);
      return created(inner, path);
    },
  })),
  broken("calls its own earlier write another's", 'says created when the same write is repeated', (inner) => ({
    createIfAbsent: async (path, bytes, options) => ((await inner.head(path)) === undefined ? inner.createIfAbsent(path, bytes, options) : { kind: 'exists' }),
  })),
  broken('looks first and writes later', 'lets exactly one of 32 concurrent creates win', (inner) => ({
    createIfAbsent: async (path, bytes) => {
      if ((await inner.head(path)) !== undefined) return { kind: 'exists' };
      await inner.overwrite(path, bytes);
      return created(inner, path);
    },
  })),
  broken('lets nobody win a race', 'lets exactly one of 32 concurrent creates win', (inner) => {
    const tries = new Map<string, number>();
    return {
      createIfAbsent: async (path, bytes, options) => {
        tries.set(path, (tries.get(path) ?? 0) + 1);
        await Promise.resolve();
        return tries.get(path) === 1 ? inner.createIfAbsent(path, bytes, options) : { kind: 'exists' };
      },
    };
  }),
  broken("takes a concurrent try of the same write for another's", 'says created to every one of many concurrent tries', (inner) => {
    const underWay = new Set<string>();
    return {
      createIfAbsent: async (path, bytes, options) => {
        if (underWay.has(path)) return { kind: 'exists' };
        underWay.add(path);
        await Promise.resolve();
        underWay.delete(path);
        return inner.createIfAbsent(path, bytes, options);
      },
    };
  }),
  broken('does not know an identity again that no header can hold', 'knows a write again whatever its identity', (inner) => ({
    createIfAbsent: async (path, bytes, options) =>
      /^[\x20-\x7e]*$/.test(options.identity) || (await inner.head(path)) === undefined ? inner.createIfAbsent(path, bytes, options) : { kind: 'exists' },
  })),
  broken('replaces whatever is there', 'replaces only the object that still has the etag', (inner) => ({
    replaceIfMatch: async (path, bytes) => {
      await inner.overwrite(path, bytes);
      return { kind: 'replaced', etag: (await inner.head(path))?.etag ?? '' };
    },
  })),
  broken('loses updates between the look and the replacement', 'lets exactly one of 16 concurrent replacements', (inner) => ({
    replaceIfMatch: async (path, bytes, options) => {
      if ((await inner.head(path))?.etag !== options.ifMatch) return { kind: 'changed' };
      await inner.overwrite(path, bytes);
      return { kind: 'replaced', etag: (await inner.head(path))?.etag ?? '' };
    },
  })),
  broken("calls its own replacement another's", 'replaces only the object that still has the etag', (inner) => ({
    replaceIfMatch: async (path, bytes, options) =>
      (await inner.head(path))?.etag === options.ifMatch ? inner.replaceIfMatch(path, bytes, options) : { kind: 'changed' },
  })),
  broken('overwrites only what is absent', 'overwrites whether or not', (inner) => ({
    overwrite: async (path, bytes) => {
      await inner.createIfAbsent(path, bytes, { identity: 'overwrite' });
    },
  })),
  broken('has one etag for everything', 'overwrites whether or not', (inner) => ({
    get: async (path, options) => {
      const got = await inner.get(path, options);
      return got === undefined ? undefined : { ...got, etag: 'same' };
    },
  })),
  broken('stops a listing after a page', 'lists 2001 objects', (inner) => relisted(inner, (infos) => infos.slice(0, 1000))),
  broken('repeats an object where pages meet', 'lists 2001 objects', (inner) =>
    relisted(inner, (infos) => infos.flatMap((info, index) => (index === 999 ? [info, info] : [info]))),
  ),
  broken('skips an object where pages meet', 'lists 2001 objects', (inner) => relisted(inner, (infos) => infos.filter((_, index) => index !== 1000))),
  broken('lists backwards', 'lists in the order of UTF-8 bytes', (inner) => relisted(inner, (infos) => infos.reverse())),
  broken('lists in the order of UTF-16', 'lists in the order of UTF-8 bytes', (inner) =>
    relisted(inner, (infos) => infos.sort((a, b) => (a.path < b.path ? -1 : 1))),
  ),
  broken('lists folder by folder', 'lists in the order of UTF-8 bytes', (inner) => {
    const key = (info: ObjectInfo): string => info.path.replaceAll('/', '\u0001');
    return relisted(inner, (infos) => infos.sort((a, b) => (key(a) < key(b) ? -1 : 1)));
  }),
  broken('takes prefixes for folders', 'takes prefixes that end anywhere', (inner) => ({
    list: (prefix, options) => inner.list(prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`, options),
  })),
  broken('starts at, not after', 'starts a listing after any text', (inner) => ({
    list: async function* (prefix, options = {}) {
      const { startAfter } = options;
      for await (const info of inner.list(prefix)) if (startAfter === undefined || info.path >= startAfter) yield info;
    },
  })),
  broken('takes every path for an object when it starts after a folder', 'starts a listing after any text', (inner) => ({
    list: (prefix, options = {}) =>
      inner.list(prefix, options.startAfter === undefined ? options : { ...options, startAfter: options.startAfter.replace(/\/$/, '0') }),
  })),
  broken('compares encoded paths with the text to start after', 'starts a listing after odd paths', (inner) => ({
    list: async function* (prefix, options = {}) {
      const { startAfter } = options;
      for await (const info of inner.list(prefix)) if (startAfter === undefined || encodeURIComponent(info.path) > startAfter) yield info;
    },
  })),
  broken('reads one byte too many', 'reads half-open ranges', (inner) =>
    reranged(inner, (range) => ('last' in range ? range : { start: range.start, end: range.end + 1 })),
  ),
  broken('reads the first bytes for the last', 'reads half-open ranges', (inner) =>
    reranged(inner, (range) => ('last' in range ? { start: 0, end: range.last } : range)),
  ),
  broken('refuses a range behind the end', 'reads half-open ranges', (inner) => ({
    get: async (path, options = {}) => {
      const size = (await inner.head(path))?.sizeBytes ?? 0;
      if (options.range !== undefined && 'start' in options.range && options.range.start >= size) throw new RangeError('416');
      return inner.get(path, options);
    },
  })),
  broken("gives the size of the range as the object's", 'reads half-open ranges', (inner) => ({
    get: async (path, options) => {
      const got = await inner.get(path, options);
      return got === undefined ? undefined : { ...got, sizeBytes: got.bytes.length };
    },
  })),
  broken('takes any range', 'refuses ranges that are none', (inner) => ({ get: (path) => inner.get(path) })),
  broken("keeps the caller's array", 'shares no bytes', (inner) => {
    const kept = new Map<string, Uint8Array>();
    return {
      createIfAbsent: async (path, bytes, options) => {
        kept.set(path, bytes);
        return inner.createIfAbsent(path, bytes, options);
      },
      get: async (path, options) => {
        const got = await inner.get(path, options);
        return got === undefined ? undefined : { ...got, bytes: kept.get(path)?.slice() ?? got.bytes };
      },
    };
  }),
  broken('hands out its own array', 'shares no bytes', (inner) => {
    const cache = new Map<string, Uint8Array>();
    return {
      get: async (path, options) => {
        const got = await inner.get(path, options);
        if (got === undefined) return undefined;
        const bytes = cache.get(path) ?? got.bytes;
        cache.set(path, bytes);
        return { ...got, bytes };
      },
    };
  }),
  broken('takes an empty object for none', 'holds an empty object', (inner) => ({
    get: async (path, options) => {
      const got = await inner.get(path, options);
      return got?.sizeBytes === 0 ? undefined : got;
    },
  })),
  broken('cuts objects at 5 MiB', 'holds an object of 6 MB', (inner) => ({
    createIfAbsent: (path, bytes, options) => inner.createIfAbsent(path, bytes.subarray(0, 5 * 1024 * 1024), options),
  })),
  broken('fails to delete what is not there', 'deletes, and succeeds', (inner) => ({
    delete: async (path) => {
      if ((await inner.head(path)) === undefined) throw new Error('no such object');
      await inner.delete(path);
    },
  })),
  broken('deletes a folder with all in it', 'deletes, and succeeds', (inner) => ({
    delete: async (path) => {
      await inner.delete(path);
      for (const info of await collect(inner.list(`${path}/`))) await inner.delete(info.path);
    },
  })),
  broken('finds an object below an object', 'knows nothing of what was never written', (inner) => ({
    get: async (path, options) => (await inner.get(path, options)) ?? inner.get(objectPath(path.split('/').slice(0, 2).join('/')), options),
  })),
  broken('decodes percent signs', 'keeps odd paths', (inner) => renamed(inner, (path) => path.replaceAll('%20', ' '))),
  broken('takes plus for a space', 'keeps odd paths', (inner) => renamed(inner, (path) => path.replaceAll('+', ' '))),
  broken('normalises unicode', 'keeps odd paths', (inner) => renamed(inner, (path) => path.normalize('NFC'))),
  broken('works on after an abort', 'does nothing once the signal is aborted', (inner) => ({
    overwrite: (path, bytes) => inner.overwrite(path, bytes),
  })),
  broken('tells another size in listings', 'gives back what was created', (inner) =>
    relisted(inner, (infos) => infos.map((info) => ({ ...info, sizeBytes: info.sizeBytes + 1 }))),
  ),
];
