/** Compactions that another engine wrote, overlapping, and with more than one action a key, the newest first. */
import { describe, expect, it } from 'vitest';
import { commitPath, compactionPath } from '../../../lib/delta/snapshot/log-path.ts';
import { liveRowCount } from '../../../lib/delta/statistics/live-rows.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { goldenTable, HAS_GOLDEN_TABLES } from '../golden-tables.ts';

const codec = openParquetCodec();
const NAME = '_without_expected/compacted-log-files-table';

async function facts(store: ObjectStore): Promise<readonly [version: number, files: readonly string[], rows: number]> {
  const snapshot = await loadSnapshot({ store, codec }, '');
  return [snapshot.version, [...snapshot.files.keys()].toSorted(), await liveRowCount({ store, codec }, '', snapshot)];
}

describe.skipIf(!HAS_GOLDEN_TABLES)('a table compacted by another engine', () => {
  it('has the five rows of its commits', async () => {
    expect(await facts(await goldenTable(NAME))).toEqual([25, expect.anything(), 5]);
  });

  it('has the same files where commits that a compaction covers are missing', async () => {
    const store = await goldenTable(NAME);
    const whole = await facts(store);
    for (let version = 6; version <= 10; version += 1) await store.delete(commitPath('', version));
    expect(await facts(store)).toEqual(whole);
    await store.delete(compactionPath('', 6, 15));
    expect(await facts(store)).toEqual(whole);
  });
});
