/** `_last_checkpoint` is a hint: whatever it says, a version that is there can be read. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { checkpointPath, commitPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';

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

describe('a readable file that is no checkpoint, in the place of one', () => {
  it.each([
    ['the older checkpoint and the entries after it', true],
    ['the entries', false],
  ])('is done without: %s tell the same', async (_, hasOlder) => {
    const { table, store, rows, file } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    if (hasOlder) await table.checkpoint();
    await table.append(rowsBatch(['b', 2, 2n]));
    const before = await rows();
    await file(checkpointPath('', 2), rowsBatch(['lie', 9, 9n]));
    await store.overwrite(lastCheckpointPath(T_ROOT), utf8('{"version":2,"size":1}'));
    if (hasOlder) for (const version of [0, 1]) await store.delete(commitPath(T_ROOT, version));
    expect(await rows()).toEqual(before);
  });

  it('is refused as a corrupt checkpoint where nothing else tells', async () => {
    const { table, store, rows, file } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    await file(checkpointPath('', 1), rowsBatch(['lie', 9, 9n]));
    await store.delete(commitPath(T_ROOT, 0));
    await expect(rows()).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT', context: { version: 1 } });
  });
});
