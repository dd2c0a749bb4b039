import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../../lib/core/bytes.ts';
import type { FileSource } from '../../../lib/ports/table-codec.ts';
import { readDeletionVector } from '../../../lib/delta/rows/deletion-vector.ts';
import { tombstoneKey } from '../../../lib/delta/snapshot/replay.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { parseStats } from '../../../lib/delta/statistics/stats.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { expectedFiles, goldenTable, HAS_GOLDEN_TABLES, tablesWithExpectedRows } from '../golden-tables.ts';

const codec = openParquetCodec();

const rowsOf = async (bytes: Uint8Array): Promise<number> => {
  const source: FileSource = { sizeBytes: bytes.length, read: async (start, end) => bytes.subarray(start, end), readAll: async () => bytes };
  return (await codec.describe(source)).rowCount;
};

/** What the log says is live: files, and rows by their footers less those deleted. */
async function liveRows(name: string): Promise<{ readonly version: number; readonly files: number; readonly rows: number; readonly statsAgree: boolean }> {
  const store = await goldenTable(name);
  const snapshot = await loadSnapshot({ store, codec }, '');
  let rows = 0;
  let statsAgree = true;
  for (const file of snapshot.files.values()) {
    const stored = await store.get(file.path);
    const physical = stored === undefined ? 0 : await rowsOf(stored.bytes);
    const { numRecords } = parseStats(file, snapshot.columns);
    statsAgree &&= numRecords === undefined || numRecords === physical;
    const deleted = file.deletionVector === undefined ? 0 : (await readDeletionVector({ store }, '', file.deletionVector)).length;
    rows += physical - deleted;
  }
  return { version: snapshot.version, files: snapshot.files.size, rows, statsAgree };
}

describe.skipIf(!HAS_GOLDEN_TABLES)('tables Spark wrote', () => {
  it.each(tablesWithExpectedRows())('%s has as many live rows as expected', async (name) => {
    const expected = await Promise.all(expectedFiles(name).map(rowsOf));
    expect(await liveRows(name)).toMatchObject({ rows: expected.reduce((sum, rows) => sum + rows, 0), statsAgree: true });
  });

  it.each([
    ['_without_expected/v2-checkpoints-json-with-sidecars', { version: 6, files: 101, rows: 1233 }],
    ['_without_expected/v2-checkpoints-parquet-without-sidecars', { version: 2, files: 3, rows: 11 }],
    ['_without_expected/v2-classic-checkpoint-json', { version: 1, files: 4, rows: 20 }],
    ['_without_expected/v2-json-sidecars-struct-stats-only', { version: 5, files: 5, rows: 5 }],
    ['_without_expected/v1-multi-part-struct-stats-only', { version: 5, files: 5, rows: 5 }],
    ['_without_expected/compacted-log-files-table', { version: 25, files: 2, rows: 5 }],
    ['_without_expected/with-short-dv', { version: 0, files: 2, rows: 7 }],
    ['_without_expected/table-with-dv-small', { version: 1, files: 1, rows: 8 }],
    ['_without_expected/cdf-table-with-dv', { version: 6, files: 1, rows: 10 }],
    ['_without_expected/type-widening', { version: 2, files: 2, rows: 2 }],
    ['_without_expected/void-column', { version: 0, files: 3, rows: 3 }],
  ])('%s is read by replay', async (name, expected) => {
    expect(await liveRows(name)).toMatchObject({ ...expected, statsAgree: true });
  });

  it.each([
    ['canonicalized-paths-normal-a', 'PATH_OUTSIDE_TABLE'],
    ['canonicalized-paths-normal-b', 'PATH_OUTSIDE_TABLE'],
    ['canonicalized-paths-special-a', 'PATH_OUTSIDE_TABLE'],
    ['deltalog-invalid-protocol-version', 'INVALID_PROTOCOL'],
    ['deltalog-state-reconstruction-from-checkpoint-missing-protocol', 'LOG_MISSING_PROTOCOL'],
    ['deltalog-state-reconstruction-without-metadata', 'LOG_MISSING_METADATA'],
    ['no-delta-log-folder', 'TABLE_NOT_FOUND'],
    ['versions-not-contiguous', 'LOG_GAP'],
  ])('%s is refused with %s', async (name, code) => {
    const store = await goldenTable(name);
    await expect(loadSnapshot({ store, codec }, '')).rejects.toMatchObject({ code });
  });

  it('at every version is the same with and without its checkpoint', async () => {
    for (const name of ['dv-partitioned-with-checkpoint', 'basic-with-inserts-deletes-checkpoint', 'multi-part-checkpoint', 'v2-checkpoint-json']) {
      const store = await goldenTable(name);
      const head = await loadSnapshot({ store, codec }, '');
      const keys = async (version: number): Promise<unknown> =>
        [...(await loadSnapshot({ store, codec }, '', { version })).files.values()].map((file) => tombstoneKey(file)).toSorted(compareUtf8);
      const checkpointed: unknown[] = [];
      for (let version = 0; version <= head.version; version += 1) checkpointed.push(await keys(version));
      for await (const { path } of store.list('_delta_log/')) if (path.includes('checkpoint')) await store.delete(path);
      const replayed: unknown[] = [];
      for (let version = 0; version <= head.version; version += 1) replayed.push(await keys(version));
      expect([name, checkpointed]).toEqual([name, replayed]);
    }
  });
});
