/** Versions whose files a vacuum took: read, restored or asked for their changes they are as they were, or expired; never another answer. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../../lib/core/batch.ts';
import { isLakefoldError } from '../../../lib/core/errors.ts';
import { objectPath } from '../../../lib/core/path.ts';
import type { DeltaTable } from '../../../lib/delta/table.ts';
import { makeHistory } from '../../support/table-days.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { batchOf, columnsOf, type TableShape } from '../../support/table-model.ts';

const DAY = 24 * 3_600_000;
const BY_KEY = { keys: ['k'] };

/** Sorted rows, or the code. */
async function answerOf(read: () => AsyncIterable<Parameters<typeof rowsOf>[0]>): Promise<unknown> {
  const rows: string[] = [];
  try {
    for await (const batch of read()) rows.push(...rowsOf(batch).map(String));
  } catch (error) {
    if (!isLakefoldError(error)) throw error;
    return error.code;
  }
  return rows.toSorted();
}

const rowsAt = (table: DeltaTable, version: number): Promise<unknown> => answerOf(() => table.read({ asOf: { version } }));
const changesAt = (table: DeltaTable, version: number): Promise<unknown> => answerOf(() => table.changes({ fromVersion: version - 1, toVersion: version }));

async function restoredAt({ open, rows }: TableFixture, version: number): Promise<unknown> {
  try {
    await (await open()).restore({ version });
  } catch (error) {
    if (!isLakefoldError(error)) throw error;
    return error.code;
  }
  return (await rows()).map(String);
}

describe('a version after a vacuum', () => {
  it('answers as before or has expired, to each who asks, whether or not their handle knows of the newest version', async () => {
    const cases = fc.record({
      seed: fc.integer({ min: 0, max: 2 ** 30 }),
      profile: fc.constantFrom<TableShape['profile']>('merge-on-read', 'compatible'),
      changeFeed: fc.boolean(),
      scope: fc.constantFrom('log' as const, 'full' as const),
      days: fc.constantFrom(1, 2, 5),
    });
    const counts = { equal: 0, expired: 0 };
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, profile, changeFeed, scope, days }) => {
        const shape: TableShape = { profile, partitionBy: [], hasEventTime: true };
        const configuration = {
          'delta.deletedFileRetentionDuration': 'interval 4 days',
          ...(changeFeed ? { 'delta.enableChangeDataFeed': 'true' } : {}),
        };
        const fixture = await tableFixture({ columns: columnsOf(shape), profile, configuration });
        await makeHistory(fixture, { seed, shape });
        const [warm, stale] = [await fixture.open(), await fixture.open()];
        const head = warm.snapshot.version;
        const versions = Array.from({ length: head }, (_, i) => i + 1);
        const rows: unknown[] = [];
        const changes: unknown[] = [];
        for (const version of versions) {
          rows.push(await rowsAt(warm, version));
          changes.push(await changesAt(warm, version));
        }
        // What these handles know as live is so no more.
        const other = await fixture.open();
        await other.overwrite(rowsBatchOf(shape));
        await fixture.clock.advance(days * DAY);
        await other.vacuum({ retentionMillis: 4 * DAY, force: true, dryRun: false, scope });
        const compare = (found: unknown, expected: unknown): void => {
          counts[found === 'HISTORY_EXPIRED' ? 'expired' : 'equal'] += 1;
          if (found !== 'HISTORY_EXPIRED') expect(found).toEqual(expected);
        };
        for (const [i, version] of versions.entries()) {
          compare(await rowsAt(warm, version), rows[i]);
          compare(await changesAt(stale, version), changes[i]);
        }
        for (const [i, version] of versions.entries()) compare(await restoredAt(fixture, version), rows[i]);
      }),
      { numRuns: 15, endOnFailure: true },
    );
    expect([counts.equal > 20, counts.expired > 20]).toEqual([true, true]);
  });
});

function rowsBatchOf(shape: TableShape) {
  return batchOf(columnsOf(shape), [{ k: 'last', e: shape.hasEventTime ? 1n : null, p: null, v: 1, x: null, r: 1n }]);
}

describe('a file that is live and not there', () => {
  it('has not expired: data or deletion vector, the answer says that it is missing', async () => {
    for (const lost of ['part-', '_dv/']) {
      const { table, store } = await tableFixture();
      await table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n]));
      await table.upsert(rowsBatch(['a', 2, 2n]), BY_KEY);
      const path = (await pathsIn(store, `${T_ROOT}/${lost}`))[0] ?? '';
      await store.delete(objectPath(path));
      expect([await changesAt(table, 2), await rowsAt(table, 2)]).toEqual(['FILE_MISSING', 'FILE_MISSING']);
    }
  });
});
