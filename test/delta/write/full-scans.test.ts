/** Full scans: the next small files are on their way while one is decoded, a bounded few of them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SCAN_FILES_AHEAD_MAX } from '../../../lib/core/limits.ts';
import { readRows } from '../../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const FILES = 20;

/** Passes reads on and tells how many were begun, by path, in order. */
function watched(store: ObjectStore, begun: string[]): ObjectStore {
  return {
    ...store,
    location: store.location,
    get: (path, options) => {
      begun.push(path);
      return store.get(path, options);
    },
  };
}

describe('a full scan', () => {
  let fixture: TableFixture;
  let snapshot: Snapshot;

  beforeAll(async () => {
    fixture = await tableFixture();
    const adds: object[] = [];
    for (let i = 0; i < FILES; i += 1) {
      const { path, size } = await fixture.file(`f${i}.ndjson`, rowsBatch([`k${i}`, i, null]));
      adds.push({ add: { path, size, partitionValues: {}, modificationTime: 0, dataChange: true } });
    }
    await fixture.foreign(adds);
    snapshot = await loadSnapshot(fixture.deps, T_ROOT);
  });

  it('fetches each small file in one request, at most so many ahead of the one it is at', async () => {
    const begun: string[] = [];
    const ahead: number[] = [];
    for await (const batch of readRows({ ...fixture.deps, store: watched(fixture.store, begun) }, { root: T_ROOT, snapshot })) {
      ahead.push(begun.length);
      expect(batch.rowCount).toBe(1);
    }
    expect(ahead).toEqual(Array.from({ length: FILES }, (_, i) => Math.min(FILES, i + 1 + SCAN_FILES_AHEAD_MAX)));
    expect(new Set(begun).size).toBe(FILES);
  });

  it('fetches nothing ahead where a limit may be met before', async () => {
    const begun: string[] = [];
    const scan = readRows({ ...fixture.deps, store: watched(fixture.store, begun) }, { root: T_ROOT, snapshot }, { limit: 2 });
    let rows = 0;
    for await (const batch of scan) rows += batch.rowCount;
    expect([rows, begun.length]).toEqual([2, 2]);
  });

  it('leaves no failure of a file it never came to unhandled, and meets that of one it comes to', async () => {
    const failing: ObjectStore = {
      ...watched(fixture.store, []),
      get: async (path) => (path.endsWith('/f0.ndjson') ? fixture.store.get(path) : Promise.reject(new Error(`no ${path}`))),
    };
    const deps = { ...fixture.deps, store: failing };
    const first = { ...snapshot, files: new Map([...snapshot.files].toSorted(([, a], [, b]) => (a.path < b.path ? -1 : 1))) } as Snapshot;
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      for await (const batch of readRows(deps, { root: T_ROOT, snapshot: first })) if (batch.rowCount > 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unhandled).toEqual([]);
    const whole = async (): Promise<void> => {
      for await (const batch of readRows(deps, { root: T_ROOT, snapshot: first })) void batch;
    };
    await expect(whole()).rejects.toThrow('no ');
  });
});
