/** What every `ObjectStore` does, as data: the suite registers the cases, and broken stores are shown to fail them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareUtf8, utf8 } from '../../lib/core/bytes.ts';
import { mapConcurrent } from '../../lib/core/concurrency.ts';
import { objectPath } from '../../lib/core/path.ts';
import type { ListOptions, ObjectInfo, ObjectStore } from '../../lib/ports/object-store.ts';

export interface ObjectStoreUnderTest {
  /** Empty, and nobody else's. */
  readonly store: ObjectStore;
  close(): Promise<void>;
}

export interface ObjectStoreCase {
  readonly name: string;
  run(store: ObjectStore): Promise<void>;
}

export interface ObjectStoreSuite {
  readonly name: string;
  make(): Promise<ObjectStoreUnderTest>;
  /** Names of cases a vendor's imitation can't pass, each with the reason; one that passes after all is a failure, so that the list stays true. */
  readonly deviations?: Readonly<Record<string, string>>;
}

/** Registers every case against fresh stores. */
export function describeObjectStore(suite: ObjectStoreSuite): void {
  describe(`object store contract: ${suite.name}`, () => {
    let current: ObjectStoreUnderTest;
    beforeEach(async () => {
      current = await suite.make();
    });
    afterEach(async () => {
      await current.close();
    });
    for (const { name, run } of objectStoreCases) {
      const reason = suite.deviations?.[name];
      if (reason === undefined) it(name, () => run(current.store));
      else it.fails(`${name} (does not: ${reason})`, () => run(current.store));
    }
  });
}

const BIG_BYTES = 6_000_000;
const RACERS = 32;
/** One more than two pages of S3's thousand. */
const MANY = 2001;

const text = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : new TextDecoder().decode(bytes));

async function put(store: ObjectStore, path: string, content = path): Promise<string> {
  const outcome = await store.createIfAbsent(objectPath(path), utf8(content), { identity: `put-${path}` });
  if (outcome.kind !== 'created') throw new Error(`expected to create ${path}, found ${outcome.kind}`);
  return outcome.etag;
}

async function read(store: ObjectStore, path: string): Promise<string | undefined> {
  return text((await store.get(objectPath(path)))?.bytes);
}

async function infos(store: ObjectStore, prefix: string, options?: ListOptions): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of store.list(prefix, options)) found.push(info);
  return found;
}

async function paths(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  return (await infos(store, prefix, startAfter === undefined ? {} : { startAfter })).map((info) => info.path);
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31 + (i >>> 8)) & 255;
  return bytes;
}

/** Spaces, what URLs and XML escape, and code points whose UTF-16 order is not their UTF-8 order. */
const ODD_PATHS = [
  'odd/ leading and  inner spaces ',
  'odd/%20',
  'odd/%2520 literal',
  'odd/+plus+',
  'odd/a&b<c>d"e\'f',
  'odd/a=1/b=x%3Dy/part.parquet',
  'odd/back\\slash',
  'odd/colon:semi;comma,',
  'odd/crlf\r\nend',
  'odd/hash#question?',
  'odd/tab\tend',
  'odd/tilde~!@$^*()[]{}|`',
  'odd/u\u0301 combining',
  'odd/\u00fc',
  'odd/\u4e2d\u6587',
  'odd/\ufffd',
  'odd/\ud83d\ude00',
];

/** The cases, in the order they run. */
export const objectStoreCases: readonly ObjectStoreCase[] = [
  {
    name: 'knows nothing of what was never written',
    run: async (store) => {
      await put(store, 'folder/there');
      for (const path of ['absent', 'folder', 'folder/ther', 'folder/there/below', 'other/there'].map(objectPath)) {
        expect(await store.get(path)).toBeUndefined();
        expect(await store.head(path)).toBeUndefined();
        expect(await store.get(path, { range: { last: 4 } })).toBeUndefined();
      }
      expect(await paths(store, 'absent')).toEqual([]);
    },
  },
  {
    name: 'gives back what was created, with the same facts from create, get, head and list',
    run: async (store) => {
      const path = objectPath('a/b/c.json');
      const bytes = pattern(1000);
      const outcome = await store.createIfAbsent(path, bytes, { identity: 'one' });
      const got = await store.get(path);
      const head = await store.head(path);
      expect(outcome).toEqual({ kind: 'created', etag: expect.stringMatching(/./) });
      expect(head).toEqual({ path, sizeBytes: 1000, modifiedAt: expect.any(Number), etag: outcome.kind === 'created' ? outcome.etag : '' });
      expect(Number.isSafeInteger(head?.modifiedAt)).toBe(true);
      expect(got).toEqual({ ...head, bytes });
      expect(await infos(store, 'a/b/')).toEqual([head]);
    },
  },
  {
    name: 'says created when the same write is repeated',
    run: async (store) => {
      const path = objectPath('log/0.json');
      const first = await store.createIfAbsent(path, utf8('first'), { identity: 'one' });
      expect(await store.createIfAbsent(path, utf8('first'), { identity: 'one' })).toEqual(first);
      expect(first.kind).toBe('created');
      expect(await read(store, path)).toBe('first');
    },
  },
  {
    name: 'says exists to another write and leaves the object as it is',
    run: async (store) => {
      const path = objectPath('log/0.json');
      const etag = await put(store, path, 'first');
      expect(await store.createIfAbsent(path, utf8('second'), { identity: 'two' })).toEqual({ kind: 'exists' });
      expect(await store.createIfAbsent(path, utf8('other'), { identity: 'same length' })).toEqual({ kind: 'exists' });
      expect(await store.get(path)).toMatchObject({ etag, bytes: utf8('first') });
    },
  },
  {
    name: `lets exactly one of ${RACERS} concurrent creates win`,
    run: async (store) => {
      for (const path of ['race/0.json', 'race/1.json'].map(objectPath)) {
        const racers = Array.from({ length: RACERS }, (_, index) => `racer ${String(index).padStart(2, '0')}`);
        const outcomes = await Promise.all(racers.map((racer) => store.createIfAbsent(path, utf8(racer), { identity: racer })));
        const winners = racers.filter((_, index) => outcomes[index]?.kind === 'created');
        expect(outcomes.filter((outcome) => outcome.kind === 'exists')).toHaveLength(RACERS - 1);
        expect(winners).toEqual([await read(store, path)]);
      }
    },
  },
  {
    name: 'says created to every one of many concurrent tries of one write',
    run: async (store) => {
      const path = objectPath('race/same.json');
      const outcomes = await Promise.all(Array.from({ length: 12 }, () => store.createIfAbsent(path, utf8('one'), { identity: 'one' })));
      expect(new Set(outcomes.map((outcome) => outcome.kind))).toEqual(new Set(['created']));
      expect(await read(store, path)).toBe('one');
    },
  },
  {
    name: 'holds an empty object',
    run: async (store) => {
      const path = objectPath('empty');
      expect(await store.createIfAbsent(path, new Uint8Array(), { identity: 'one' })).toMatchObject({ kind: 'created' });
      expect(await store.get(path)).toMatchObject({ sizeBytes: 0, bytes: new Uint8Array() });
      expect(await store.get(path, { range: { last: 8 } })).toMatchObject({ sizeBytes: 0, bytes: new Uint8Array() });
      expect(await store.get(path, { range: { start: 0, end: 8 } })).toMatchObject({ sizeBytes: 0, bytes: new Uint8Array() });
      expect(await store.createIfAbsent(path, new Uint8Array(), { identity: 'one' })).toMatchObject({ kind: 'created' });
      expect(await store.createIfAbsent(path, utf8('x'), { identity: 'two' })).toEqual({ kind: 'exists' });
      expect((await infos(store, 'empty')).map((info) => info.sizeBytes)).toEqual([0]);
    },
  },
  {
    name: 'holds an object of 6 MB, whole and by ranges',
    run: async (store) => {
      const path = objectPath('big.parquet');
      const bytes = pattern(BIG_BYTES);
      expect(await store.createIfAbsent(path, bytes, { identity: 'big' })).toMatchObject({ kind: 'created' });
      const got = await store.get(path);
      expect(got?.sizeBytes).toBe(BIG_BYTES);
      expect(Buffer.compare(got?.bytes ?? new Uint8Array(), bytes)).toBe(0);
      const middle = await store.get(path, { range: { start: 3_000_000, end: 5_000_001 } });
      expect(Buffer.compare(middle?.bytes ?? new Uint8Array(), bytes.subarray(3_000_000, 5_000_001))).toBe(0);
      expect(await store.createIfAbsent(path, bytes, { identity: 'big' })).toMatchObject({ kind: 'created' });
      const other = bytes.slice();
      other[BIG_BYTES - 1] = (other[BIG_BYTES - 1] ?? 0) ^ 1;
      expect(await store.createIfAbsent(path, other, { identity: 'other' })).toEqual({ kind: 'exists' });
    },
  },
  {
    name: 'reads half-open ranges and last bytes, and leaves out what lies outside',
    run: async (store) => {
      const path = objectPath('digits');
      await put(store, path, '0123456789');
      const ranges: [Parameters<ObjectStore['get']>[1], string][] = [
        [{ range: { start: 0, end: 3 } }, '012'],
        [{ range: { start: 4, end: 5 } }, '4'],
        [{ range: { start: 9, end: 10 } }, '9'],
        [{ range: { start: 0, end: 10 } }, '0123456789'],
        [{ range: { start: 7, end: 999 } }, '789'],
        [{ range: { start: 10, end: 12 } }, ''],
        [{ range: { start: 50, end: 60 } }, ''],
        [{ range: { start: 5, end: 5 } }, ''],
        [{ range: { last: 1 } }, '9'],
        [{ range: { last: 4 } }, '6789'],
        [{ range: { last: 10 } }, '0123456789'],
        [{ range: { last: 400 } }, '0123456789'],
        [{ range: { last: 0 } }, ''],
      ];
      for (const [options, expected] of ranges) {
        const got = await store.get(path, options);
        expect([options, text(got?.bytes)]).toEqual([options, expected]);
        expect(got).toMatchObject({ path, sizeBytes: 10 });
      }
    },
  },
  {
    name: 'refuses ranges that are none',
    run: async (store) => {
      const path = objectPath('digits');
      await put(store, path, '0123456789');
      for (const range of [{ start: -1, end: 3 }, { start: 4, end: 3 }, { start: 0.5, end: 3 }, { start: 0, end: Number.NaN }, { last: -1 }, { last: 1.5 }]) {
        await expect(store.get(path, { range })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
    },
  },
  {
    name: 'overwrites whether or not something was there, under a new etag',
    run: async (store) => {
      const path = objectPath('log/_last_checkpoint');
      await store.overwrite(path, utf8('{"version":10}'));
      const first = await store.get(path);
      await store.overwrite(path, utf8('{"version":20}'));
      const second = await store.get(path);
      expect([text(first?.bytes), text(second?.bytes)]).toEqual(['{"version":10}', '{"version":20}']);
      expect(second?.etag).not.toBe(first?.etag);
      expect(await paths(store, 'log/')).toEqual(['log/_last_checkpoint']);
      expect(await store.createIfAbsent(path, utf8('mine'), { identity: 'mine' })).toEqual({ kind: 'exists' });
    },
  },
  {
    name: 'replaces only the object that still has the etag, and knows its own replacement again',
    run: async (store) => {
      const path = objectPath('log/7.json');
      const etag = await put(store, path, 'with a name in it');
      const replaced = await store.replaceIfMatch(path, utf8('erased'), { identity: 'erase', ifMatch: etag });
      expect(replaced).toEqual({ kind: 'replaced', etag: (await store.head(path))?.etag });
      expect(await store.replaceIfMatch(path, utf8('erased'), { identity: 'erase', ifMatch: etag })).toEqual(replaced);
      expect(await store.replaceIfMatch(path, utf8('too late'), { identity: 'late', ifMatch: etag })).toEqual({ kind: 'changed' });
      expect(await read(store, path)).toBe('erased');
      expect(await store.replaceIfMatch(objectPath('log/8.json'), utf8('new'), { identity: 'new', ifMatch: etag })).toEqual({ kind: 'changed' });
      expect(await paths(store, 'log/')).toEqual(['log/7.json']);
    },
  },
  {
    name: 'lets exactly one of 16 concurrent replacements of one etag win',
    run: async (store) => {
      const path = objectPath('log/7.json');
      const ifMatch = await put(store, path, 'before');
      const racers = Array.from({ length: 16 }, (_, index) => `racer ${index}`);
      const outcomes = await Promise.all(racers.map((racer) => store.replaceIfMatch(path, utf8(racer), { identity: racer, ifMatch })));
      expect(outcomes.filter((outcome) => outcome.kind === 'changed')).toHaveLength(15);
      expect(racers.filter((_, index) => outcomes[index]?.kind === 'replaced')).toEqual([await read(store, path)]);
    },
  },
  {
    name: 'deletes, and succeeds in deleting what is not there',
    run: async (store) => {
      const path = objectPath('a/b');
      await put(store, 'a/b', 'first');
      await put(store, 'a/c');
      await store.delete(path);
      await store.delete(path);
      await store.delete(objectPath('never/there'));
      await store.delete(objectPath('a'));
      await store.delete(objectPath('a/c/below'));
      expect(await store.get(path)).toBeUndefined();
      expect(await paths(store, '')).toEqual(['a/c']);
      expect(await store.createIfAbsent(path, utf8('second'), { identity: 'two' })).toMatchObject({ kind: 'created' });
      expect(await paths(store, '')).toEqual(['a/b', 'a/c']);
    },
  },
  {
    name: 'lists in the order of UTF-8 bytes of whole paths',
    run: async (store) => {
      // A folder sorts as its name with '/', between '.' and '0'; the emoji is the greater code point and the lesser UTF-16.
      const sorted = [
        'a!',
        'a-b',
        'a-b/c',
        'a.b',
        'a.b.c/d',
        'a/',
        'a/b',
        'a/b/c',
        'a0',
        'ab',
        'a\u00e9',
        'a\uffee',
        'a\ud83d\ude00/x',
        'a\ud83d\ude01',
      ].filter((path) => !path.endsWith('/') && path !== 'a-b' && path !== 'a/b');
      for (const path of [...sorted].reverse()) await put(store, path);
      expect(await paths(store, '')).toEqual(sorted);
      expect(await paths(store, 'a/')).toEqual(['a/b/c']);
    },
  },
  {
    name: `lists ${MANY} objects in order, across pages and from any place`,
    run: async (store) => {
      const all = Array.from({ length: MANY }, (_, index) => `many/${String(index).padStart(5, '0')}.json`);
      await mapConcurrent(all, { concurrencyMax: 16 }, (path) => put(store, path, ''));
      await put(store, 'manz/behind');
      expect(await paths(store, 'many/')).toEqual(all);
      expect(await paths(store, '')).toEqual([...all, 'manz/behind']);
      for (const from of [0, 999, 1000, 1500, MANY - 1]) expect(await paths(store, 'many/', all[from])).toEqual(all.slice(from + 1));
      const firstThree: string[] = [];
      for await (const info of store.list('many/')) {
        firstThree.push(info.path);
        if (firstThree.length === 3) break;
      }
      expect(firstThree).toEqual(all.slice(0, 3));
    },
  },
  {
    name: 'takes prefixes that end anywhere in a path',
    run: async (store) => {
      const all = ['log/00010.checkpoint.parquet', 'log/00010.json', 'log/00011.json', 'log2/00010.json', 'lo/x'];
      for (const path of all) await put(store, path);
      expect(await paths(store, 'log/00010.')).toEqual(['log/00010.checkpoint.parquet', 'log/00010.json']);
      expect(await paths(store, 'log/0001')).toEqual(['log/00010.checkpoint.parquet', 'log/00010.json', 'log/00011.json']);
      expect(await paths(store, 'log')).toEqual(['log/00010.checkpoint.parquet', 'log/00010.json', 'log/00011.json', 'log2/00010.json']);
      expect(await paths(store, 'lo')).toEqual([...all].sort(compareUtf8));
      expect(await paths(store, 'log/00011.json')).toEqual(['log/00011.json']);
      expect(await paths(store, 'log/00011.json/')).toEqual([]);
      expect(await paths(store, '/log')).toEqual([]);
      expect(await paths(store, '../')).toEqual([]);
    },
  },
  {
    name: 'starts a listing after any text, whether or not such an object exists',
    run: async (store) => {
      const all = ['a/b/1', 'a/b/2', 'a/b.c', 'a/c/1', 'b/1'].sort(compareUtf8);
      for (const path of all) await put(store, path);
      for (const startAfter of [
        '',
        'a',
        'a/',
        'a/b',
        'a/b.',
        'a/b.c',
        'a/b/',
        'a/b/1',
        'a/b/1/x',
        'a/b/19',
        'a/b/3',
        'a/b0',
        'a/c/1',
        'b',
        'b/1',
        'z',
        '\uffff',
      ]) {
        for (const prefix of ['', 'a/', 'a/b', 'a/b/', 'b/']) {
          const expected = all.filter((path) => path.startsWith(prefix) && compareUtf8(path, startAfter) > 0);
          expect([prefix, startAfter, await paths(store, prefix, startAfter)]).toEqual([prefix, startAfter, expected]);
        }
      }
    },
  },
  {
    name: 'keeps odd paths exactly as they are',
    run: async (store) => {
      for (const path of ODD_PATHS) await put(store, path);
      const sorted = [...ODD_PATHS].sort(compareUtf8);
      expect(await paths(store, 'odd/')).toEqual(sorted);
      for (const path of ODD_PATHS) {
        expect([path, await read(store, path)]).toEqual([path, path]);
        expect(await paths(store, path)).toEqual([path]);
      }
      for (const path of ODD_PATHS) await store.delete(objectPath(path));
      expect(await paths(store, '')).toEqual([]);
    },
  },
  {
    name: 'starts a listing after odd paths',
    run: async (store) => {
      for (const path of ODD_PATHS) await put(store, path);
      const sorted = [...ODD_PATHS].sort(compareUtf8);
      for (const [index, path] of sorted.entries()) expect([path, await paths(store, 'odd/', path)]).toEqual([path, sorted.slice(index + 1)]);
    },
  },
  {
    name: 'knows a write again whatever its identity looks like',
    run: async (store) => {
      for (const [index, identity] of ['01J9Z3', 'a b/c%20+d', 'gr\u00fc\u00df \ud83d\ude00', 'line\nbreak', ''].entries()) {
        const path = objectPath(`identity/${index}`);
        const first = await store.createIfAbsent(path, utf8(`by ${identity}`), { identity });
        expect(first.kind).toBe('created');
        expect(await store.createIfAbsent(path, utf8(`by ${identity}`), { identity })).toEqual(first);
        expect(await store.createIfAbsent(path, utf8('by another'), { identity: `${identity}x` })).toEqual({ kind: 'exists' });
      }
    },
  },
  {
    name: 'shares no bytes with its callers',
    run: async (store) => {
      const path = objectPath('mine');
      const bytes = utf8('original');
      await store.createIfAbsent(path, bytes, { identity: 'one' });
      bytes.fill(0);
      const got = await store.get(path);
      expect(text(got?.bytes)).toBe('original');
      got?.bytes.fill(0);
      expect(await read(store, path)).toBe('original');
      const replacement = utf8('replaced');
      await store.overwrite(path, replacement);
      replacement.fill(0);
      (await store.get(path, { range: { start: 0, end: 4 } }))?.bytes.fill(0);
      expect(await read(store, path)).toBe('replaced');
    },
  },
  {
    name: 'does nothing once the signal is aborted',
    run: async (store) => {
      const path = objectPath('aborted');
      const kept = objectPath('kept');
      const ifMatch = await put(store, kept);
      const signal = AbortSignal.abort(new Error('deadline'));
      const calls = [
        () => store.createIfAbsent(path, utf8('x'), { identity: 'one', signal }),
        () => store.overwrite(path, utf8('x'), { signal }),
        () => store.delete(kept, { signal }),
        () => store.replaceIfMatch(kept, utf8('x'), { identity: 'one', ifMatch, signal }),
        () => store.get(kept, { signal }),
        () => store.head(kept, { signal }),
        () => infos(store, '', { signal }),
      ];
      for (const call of calls) await expect(call()).rejects.toThrow('deadline');
      expect(await paths(store, '')).toEqual(['kept']);
      expect(await read(store, kept)).toBe('kept');
    },
  },
];
