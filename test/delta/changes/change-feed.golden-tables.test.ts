/** The change feed of tables that Spark and delta-kernel wrote; counts as delta-rs's `load_cdf` answers them where it can read the table. */
import { describe, expect, it } from 'vitest';
import { valueAt, vectorNamed } from '../../../lib/core/batch.ts';
import { readChanges } from '../../../lib/delta/changes/change-feed.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { goldenTable, HAS_GOLDEN_TABLES } from '../golden-tables.ts';

const codec = openParquetCodec();

/** `version type: rows`, in the order they come. */
async function countsOf(name: string, range: { readonly fromVersion?: number; readonly toVersion?: number } = {}): Promise<readonly string[]> {
  const store = await goldenTable(`_without_expected/${name}`);
  const deps = { store, codec };
  const counts = new Map<string, number>();
  for await (const batch of readChanges(deps, { root: '', head: await loadSnapshot(deps, '') }, range)) {
    for (let i = 0; i < batch.rowCount; i += 1) {
      const key = `${String(valueAt(vectorNamed(batch, '_commit_version'), i))} ${String(valueAt(vectorNamed(batch, '_change_type'), i))}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return [...counts].map(([key, rows]) => `${key}: ${rows}`);
}

describe.skipIf(!HAS_GOLDEN_TABLES)('changes of tables Spark wrote', () => {
  it.each([
    ['cdf-table', ['0 insert: 10', '1 update_preimage: 3', '1 update_postimage: 3', '2 update_preimage: 3', '2 update_postimage: 3', '3 delete: 1']],
    ['cdf-table-data-change', ['0 insert: 10']],
    ['cdf-table-partitioned', ['0 insert: 6', '1 delete: 1', '1 update_preimage: 1', '1 update_postimage: 1', '2 delete: 3']],
    ['cdf-table-simple', ['0 insert: 10', '1 delete: 10', '2 insert: 5']],
    ['cdf-table-update-ops', ['0 insert: 10', '1 update_pre: 5', '2 update_post: 5']],
    ['cdf-table-with-dv', ['0 insert: 10', '1 delete: 2', '2 insert: 2', '3 delete: 4', '4 insert: 2', '5 delete: 1', '5 insert: 2', '6 insert: 1']],
  ])('%s', async (name, expected) => {
    expect(await countsOf(name)).toEqual(expected);
  });

  it('are those after fromVersion, up to toVersion', async () => {
    expect(await countsOf('cdf-table', { fromVersion: 1, toVersion: 2 })).toEqual(['2 update_preimage: 3', '2 update_postimage: 3']);
    expect(await countsOf('cdf-table', { fromVersion: 3 })).toEqual([]);
  });
});
