/** A writer on local files that stops at any call, and a disk that keeps what it likes of what was not synced: the table reads. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { openFilesObjectStore } from '../../../lib/adapters/fs/files-object-store.ts';
import type { FileSystem } from '../../../lib/adapters/fs/file-system.ts';
import { silentLog } from '../../../lib/adapters/system/log.ts';
import { batchOfRows, rowsOf, type Batch } from '../../../lib/core/batch.ts';
import type { DeltaDeps } from '../../../lib/delta/deps.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import { createNdjsonCodec } from '../../../lib/parquet/ndjson-codec.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { PageCacheFileSystem, type PowerCut } from '../../support/page-cache-fs.ts';
import { recordingFileSystem, type Interruption } from '../../support/recording-fs.ts';
import { KEY, NUMBER, RECEIVED, T_ROOT } from '../../support/table-fixture.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const COLUMNS = [KEY, NUMBER, RECEIVED];
const CUTS: readonly PowerCut[] = [true, false].flatMap((name) =>
  [true, false].map((contents) => ({ name: `names ${name}, contents ${contents}`, keepsName: () => name, keepsContents: () => contents })),
);

async function depsOn(fs: FileSystem, { seed, change }: { readonly seed: number; readonly change: (store: ObjectStore) => ObjectStore }): Promise<DeltaDeps> {
  const clock = new ManualClock({ sleeping: 'skip' });
  const random = new SeededRandom(seed);
  const store = change(await openFilesObjectStore({ fs, directory: '/', clock, random }));
  return { store, codec: createNdjsonCodec(), clock, random, log: silentLog, engineInfo: 'lakefold/test' };
}

const row = (key: string): Batch => batchOfRows(COLUMNS, [[key, 1, 1n]]);

/** The table before the writer comes, and the writer's two writes, as far as it gets. */
async function writeUntil(disk: PageCacheFileSystem, interruption: Interruption | undefined, change: (store: ObjectStore) => ObjectStore): Promise<string[]> {
  const { fs, stopped, calls } = recordingFileSystem(disk, interruption);
  const acknowledged: string[] = [];
  const life = (async () => {
    const table = await DeltaTable.open(await depsOn(fs, { seed: 2, change }), T_ROOT);
    for (const key of ['append', 'upsert']) {
      await (key === 'append' ? table.append(row(key)) : table.upsert(row(key), { keys: ['k'] }));
      acknowledged.push(key);
    }
  })();
  await Promise.race([life, stopped]);
  return interruption === undefined ? calls.map(({ text }) => text) : acknowledged;
}

async function keysOn(disk: PageCacheFileSystem): Promise<string[]> {
  const table = await DeltaTable.open(await depsOn(disk, { seed: 3, change: (store) => store }), T_ROOT);
  const keys: string[] = [];
  for await (const batch of table.read()) keys.push(...rowsOf(batch).map(([key]) => String(key)));
  return keys.toSorted();
}

/** What was wrong, in words, after a stop at each call and each power cut. */
async function replayAll(change: (store: ObjectStore) => ObjectStore): Promise<string[]> {
  const freshTable = async (): Promise<PageCacheFileSystem> => {
    const disk = new PageCacheFileSystem();
    const deps = await depsOn(disk, { seed: 1, change: (store) => store });
    const { table } = await DeltaTable.create(deps, T_ROOT, { columns: COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} });
    await table.append(row('before'));
    return disk;
  };
  const { length } = await writeUntil(await freshTable(), undefined, change);
  const faults: string[] = [];
  for (let call = 0; call < length; call += 1) {
    const disk = await freshTable();
    const acknowledged = await writeUntil(disk, { kind: 'stop', call, when: 'after' }, change);
    for (const cut of CUTS) {
      const found = await keysOn(disk.afterPowerCut(cut)).catch((error: unknown) => [String(error)]);
      const possible = [acknowledged, [...acknowledged, 'append'], ['append', 'upsert']].map((keys) => [...new Set(['before', ...keys])].toSorted().join());
      if (!possible.includes(found.join())) faults.push(`stopped after call ${call}, ${cut.name}: found ${found.join()}`);
    }
  }
  return faults;
}

/** Data files take their time, entries do not. */
function slowFiles(store: ObjectStore): ObjectStore {
  return wrappedStore(store, {
    localPath: (path) => store.localPath?.(path) ?? path,
    createIfAbsent: async (path, bytes, options) => {
      for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
      return store.createIfAbsent(path, bytes, options);
    },
    createIfAbsentAfter: async (path, bytes, options) => (await store.createIfAbsentAfter?.(path, bytes, options)) ?? { kind: 'exists' },
  });
}

describe('a writer on local files that dies', () => {
  for (const [name, change] of [
    ['is as quick with them as with entries', (store: ObjectStore) => store],
    ['is slow with them', slowFiles],
  ] as const) {
    it(`leaves every acknowledged row, and no entry without its file, where the disk ${name}`, async () => {
      expect(await replayAll(change)).toEqual([]);
    });
  }

  it('is shown by this replay to leave entries without their files where an entry does not wait for them', async () => {
    const hasty = (store: ObjectStore): ObjectStore => ({
      ...slowFiles(store),
      createIfAbsentAfter: (path, bytes, { identity }) => store.createIfAbsent(path, bytes, { identity }),
    });
    expect(await replayAll(hasty)).not.toEqual([]);
  });
});
