/** Pages of one listing are answered at different times: log clean-up between them leaves a gap that is none. */
import { describe, expect, it } from 'vitest';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { loadSnapshot, refreshSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const R = 1_750_000_000_000_000n;

/** A store whose first listings show no version 1. */
function forgetting(store: ObjectStore, listings: number): { readonly store: ObjectStore; readonly lists: () => number } {
  let lists = 0;
  return {
    lists: () => lists,
    store: wrappedStore(store, {
      list: async function* list(prefix, options) {
        lists += 1;
        const isWhole = lists > listings;
        for await (const info of store.list(prefix, options)) if (isWhole || !info.path.endsWith('1.json')) yield info;
      },
    }),
  };
}

describe('loading a snapshot', () => {
  it('lists once more where a listing has a gap', async () => {
    const { deps, table } = await tableFixture();
    for (let i = 0; i < 2; i += 1) await table.append(rowsBatch([`k${i}`, i, R]));
    const { store, lists } = forgetting(deps.store, 1);
    expect([(await loadSnapshot({ ...deps, store }, T_ROOT)).version, lists()]).toEqual([2, 2]);
  });

  it('says that a commit is missing where the second listing misses it too', async () => {
    const { deps, table } = await tableFixture();
    for (let i = 0; i < 2; i += 1) await table.append(rowsBatch([`k${i}`, i, R]));
    const { store, lists } = forgetting(deps.store, 9);
    await expect(loadSnapshot({ ...deps, store }, T_ROOT)).rejects.toMatchObject({ code: 'LOG_GAP' });
    expect(lists()).toBe(2);
  });
});

describe('refreshing a snapshot', () => {
  it('loads the table anew where a commit is taken by log clean-up after it was listed', async () => {
    const { deps, table } = await tableFixture();
    const old = table.snapshot;
    for (let i = 0; i < 3; i += 1) await table.append(rowsBatch([`k${i}`, i, R]));
    await table.checkpoint();
    const store = wrappedStore(deps.store, { get: async (path, options) => (path === commitPath(T_ROOT, 1) ? undefined : deps.store.get(path, options)) });
    const { version, checkpointVersion, files } = await refreshSnapshot({ ...deps, store }, T_ROOT, old);
    expect([version, checkpointVersion, files.size]).toEqual([3, 3, 3]);
  });
});
