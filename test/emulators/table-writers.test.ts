/** Eight writers of everything beside a compactor and a vacuum, on an S3 of its own: the table is what a serial replay in commit order gives. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { SystemRandom } from '../../lib/adapters/system/random.ts';
import { openParquetCodec } from '../support/embedded.ts';
import { runMixedWriters } from '../support/mixed-writers.ts';
import { createBucket, openS3ForTest, type OpenedS3 } from '../support/s3-for-test.ts';

const ENDPOINT = process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '';
const WRITERS = 8;
const OPERATIONS = 50;
const MILLIS_MAX = 600_000;

describe.skipIf(ENDPOINT === '')('writers of mixed operations on S3', () => {
  let stores: OpenedS3[];
  beforeAll(async () => {
    const target = await createBucket(ENDPOINT);
    // A client each, as in processes of their own, on one prefix.
    stores = await Promise.all(Array.from({ length: WRITERS + 3 }, () => openS3ForTest(target, { prefix: 'mixed' })));
  });
  afterAll(async () => {
    for (const { close } of stores) await close();
  });

  it(
    'leave at every version what their operations say',
    async () => {
      const codec = openParquetCodec();
      const free = [...stores];
      const report = await runMixedWriters({
        seed: 11,
        shape: { profile: 'merge-on-read', hasEventTime: true, partitionBy: [] },
        writers: WRITERS,
        operations: OPERATIONS,
        open: () => {
          const opened = free.pop();
          if (opened === undefined) throw new Error('more were opened than there are');
          return { store: opened.store, codec, clock: new SystemClock(), random: new SystemRandom(), log: silentLog, engineInfo: 'lakefold/test' };
        },
      });
      expect(report.faults).toEqual([]);
      expect([report.vacuumed, report.expired].map((count) => count > 0)).toEqual([true, true]);
      for (const kind of ['append', 'upsert', 'deleteKeys', 'deleteWhere', 'overwrite', 'overwriteWhere', 'update', 'restore', 'optimize', 'alter'])
        expect(report.committed[kind] ?? 0, kind).toBeGreaterThan(0);
    },
    MILLIS_MAX,
  );
});
