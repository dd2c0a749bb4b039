/** Tables whose commits state their own time. */
import { describe, expect, it } from 'vitest';
import { decodeUtf8 } from '../../../lib/core/bytes.ts';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';

const ENABLED = { configuration: { 'delta.enableInCommitTimestamps': 'true' } };

describe('a table with in-commit timestamps', () => {
  it('has one on the first line of every commit, each after the one before, whatever the clock says', async () => {
    const { table, store, clock } = await tableFixture(ENABLED);
    const first = clock.now();
    await table.append(rowsBatch(['a', 1, 1n]));
    await table.append(rowsBatch(['b', 1, 1n]));
    const times: unknown[] = [];
    for (const version of [0, 1, 2]) {
      const [line = ''] = (decodeUtf8((await store.get(commitPath(T_ROOT, version)))?.bytes ?? new Uint8Array()) ?? '').split('\n');
      times.push((JSON.parse(line) as { readonly commitInfo: { readonly inCommitTimestamp: number } }).commitInfo.inCommitTimestamp);
    }
    expect(times).toEqual([first, first + 1, first + 2]);
    expect(table.snapshot.committedAt).toBe(first + 2);
    expect(table.snapshot.protocol.writerFeatures).toContain('inCommitTimestamp');
  });

  it('stays ascending for the writer that lost a race', async () => {
    const { table, open, clock } = await tableFixture(ENABLED);
    const other = await open();
    for (let i = 0; i < 50; i += 1) await table.append(rowsBatch(['a', i, 1n]));
    expect(table.snapshot.committedAt).toBeGreaterThan(clock.now());
    await other.append(rowsBatch(['b', 1, 1n]));
    expect(other.snapshot).toMatchObject({ version: 51, committedAt: table.snapshot.committedAt + 1 });
  });
});
