/** `_last_checkpoint` is a hint: whatever it says, a version that is there can be read. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { lastCheckpointPath } from '../../lib/delta/log-path.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../support/table-fixture.ts';

describe('a pointer to a checkpoint that is not there', () => {
  it.each([0, 1, 2, 3, 4, 9])('hides no version: it says %i', async (pointed) => {
    const { table, store, rows } = await tableFixture();
    for (let i = 1; i <= 5; i += 1) await table.append(rowsBatch([`k${i}`, i, 1n]));
    await table.checkpoint();
    await store.overwrite(lastCheckpointPath(T_ROOT), utf8(`{"version":${pointed},"size":1}`));
    const counts: number[] = [];
    for (let version = 0; version <= 5; version += 1) counts.push((await rows({ asOf: { version } })).length);
    expect(counts).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
