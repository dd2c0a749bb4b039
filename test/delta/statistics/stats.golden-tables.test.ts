import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../lib/core/batch.ts';
import { instant } from '../../../lib/core/time.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { TableColumn } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { collectStats, mayContain, parseStats } from '../../../lib/delta/statistics/stats.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { goldenTable, HAS_GOLDEN_TABLES } from '../golden-tables.ts';

const codec = openParquetCodec();

async function rowsOf(bytes: Uint8Array, columns: readonly TableColumn[]): Promise<Batch> {
  const source = { sizeBytes: bytes.length, read: async (start: number, end: number) => bytes.subarray(start, end), readAll: async () => bytes };
  for await (const { batch } of codec.decode(source, { columns: columns.map((column) => ({ ...column, type: column.physicalType ?? column.type })) }))
    return { ...batch, columns };
  throw new Error('no rows');
}

describe.skipIf(!HAS_GOLDEN_TABLES)('statistics of tables Spark wrote', () => {
  it.each([
    '_without_expected/stats-writing-all-types',
    '_without_expected/void-column',
    'basic-decimal-table',
    'data-skipping-partition-and-data-column',
    'parquet-all-types',
  ])('%s: our statistics of its rows are its statistics, byte for byte', async (name) => {
    const store = await goldenTable(name);
    const { files, columns, metadata } = await loadSnapshot({ store, codec }, '');
    const stored = columns.filter((column) => !metadata.partitionColumns.includes(column.name));
    const ours: unknown[] = [];
    for (const file of files.values()) {
      const object = await store.get(file.path);
      ours.push(collectStats(await rowsOf(object?.bytes ?? new Uint8Array(), stored), stored, { tightBounds: false }));
    }
    expect(ours).toEqual([...files.values()].map((file) => file.stats));
  });

  it('timestamp-truncation-stats: a file is not ruled out by the flooring of its bounds', async () => {
    const store = await goldenTable('_without_expected/timestamp-truncation-stats');
    const { files, columns } = await loadSnapshot({ store, codec }, '');
    const column = columns.find(({ name }) => name === 'ts_col');
    if (column === undefined) throw new Error('no ts_col');
    for (const file of files.values()) {
      const stats = parseStats(file, columns);
      const batch = await rowsOf((await store.get(file.path))?.bytes ?? new Uint8Array(), columns);
      const values = batch.vectors[columns.indexOf(column)]?.values ?? [];
      for (const value of values)
        if (typeof value === 'bigint') expect([file.path, value, mayContain(stats, column, value, value)]).toEqual([file.path, value, true]);
      expect(mayContain(stats, column, instant('2200-01-01T00:00:00Z'), undefined)).toBe(false);
    }
  });
});
