/** Tables that other engines wrote have no finding, but where something is planted in them. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { goldenTable, HAS_GOLDEN_TABLES, tablesWithExpectedRows } from '../golden-tables.ts';

const codec = openParquetCodec();

/** What is known to be wrong with them: planted, or, of `crc-full`, a checksum of files that its commit does not add. */
const ODD: Readonly<Record<string, readonly string[]>> = {
  'corrupted-last-checkpoint-kernel': ['STALE_POINTER _delta_log/_last_checkpoint null'],
  'crc-full': ['CHECKSUM_DIFFERS _delta_log/00000000000000000000.crc 0'],
  'compacted-log-files-table': ['COMPACTION_OVERLAPS _delta_log/00000000000000000006.00000000000000000010.compacted.json 6'],
};

async function found(name: string): Promise<readonly string[]> {
  const { findings } = await verifyTable({ store: await goldenTable(name), codec, clock: new ManualClock() }, '');
  return findings.map(({ code, path, version }) => `${code} ${path} ${version}`);
}

describe.skipIf(!HAS_GOLDEN_TABLES)('tables Spark wrote', () => {
  it.each(tablesWithExpectedRows())('%s has no finding but what is known', async (name) => {
    expect(await found(name)).toEqual(ODD[name] ?? []);
  });

  it.each([
    'app-txn-checkpoint',
    'cdf-table',
    'cdf-table-with-dv',
    'crc-full',
    'mixed-nulls',
    'stats-writing-all-types',
    'table-with-dv-small',
    'timestamp-truncation-stats',
    'type-widening',
    'v1-multi-part-struct-stats-only',
    'v2-checkpoints-json-with-sidecars',
    'v2-checkpoints-parquet-without-sidecars',
    'v2-classic-checkpoint-json',
    'v2-json-sidecars-struct-stats-only',
    'void-column',
    'with-short-dv',
    'compacted-log-files-table',
  ])('%s has no finding but what is known', async (name) => {
    expect(await found(`_without_expected/${name}`)).toEqual(ODD[name] ?? []);
  });
});
