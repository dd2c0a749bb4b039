/** Repeats (semantics U9): the same key or sequence at once, after a restart, after its window, with another body, after a crash. */
import { describe, expect, it } from 'vitest';
import { MemoryOnlineStore } from '../../../lib/adapters/memory/online-store.ts';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { IDEMPOTENCY_WINDOW_MILLIS } from '../../../lib/core/limits.ts';
import type { Idempotency } from '../../../lib/delta/write/write-outcome.ts';
import { turningStore, turnsOf } from '../../support/table-turns.ts';
import { groupFixture } from '../../support/table-group-fixture.ts';
import { rowsBatch, tableFixture } from '../../support/table-fixture.ts';

const request = (key: string, bodyHash = 'body'): Idempotency => ({ kind: 'request', key, bodyHash, windowMillis: IDEMPOTENCY_WINDOW_MILLIS });
const sequence = (name: string, number: number): Idempotency => ({ kind: 'stream', name, sequence: number });

describe('a request key', () => {
  it('commits once from handles that send it at once, and tells all of them the same version', async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { store, open, rows, table } = await tableFixture();
      const random = new SeededRandom(seed);
      const turns = turnsOf(random);
      const versions: unknown[] = [];
      await turns.run(
        Array.from({ length: 5 }, async () => {
          const handle = await open(turningStore(store, turns, { random, faults: { lostAnswer: 0.2, lostRequest: 0 } }));
          const { outcome } = await handle.append(rowsBatch(['a', 1, 1n]), { idempotency: request('once') });
          versions.push(outcome.kind === 'committed' || outcome.kind === 'alreadyApplied' ? outcome.version : outcome);
        }),
      );
      expect([versions, await rows(), (await table.refresh()).version]).toEqual([[1, 1, 1, 1, 1], [['a', 1, 1n]], 1]);
    }
  });

  it('is known after a restart, from a checkpoint too, and to a handle that has not seen the commit', async () => {
    const { table, open } = await tableFixture();
    const behind = await open();
    await table.append(rowsBatch(['a', 1, 1n]), { idempotency: request('k') });
    await table.append(rowsBatch(['b', 1, 1n]));
    expect(await behind.append(rowsBatch(['a', 1, 1n]), { idempotency: request('k') })).toMatchObject({ outcome: { kind: 'alreadyApplied', version: 1 } });
    await table.checkpoint();
    expect(await (await open()).append(rowsBatch(['a', 1, 1n]), { idempotency: request('k') })).toMatchObject({
      outcome: { kind: 'alreadyApplied', version: 1 },
    });
    expect((await table.refresh()).version).toBe(2);
  });

  it('is forgotten after its window, not a millisecond before', async () => {
    const { table, clock } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]), { idempotency: request('k') });
    await clock.advance(IDEMPOTENCY_WINDOW_MILLIS - (clock.now() - table.snapshot.committedAt));
    expect(await table.append(rowsBatch(['a', 1, 1n]), { idempotency: request('k') })).toMatchObject({ outcome: { kind: 'alreadyApplied' } });
    await clock.advance(1);
    expect(await table.append(rowsBatch(['a', 1, 1n]), { idempotency: request('k') })).toMatchObject({ outcome: { kind: 'committed', version: 2 } });
  });

  it('is not remembered where there was nothing to commit', async () => {
    const { table } = await tableFixture();
    const what = { kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] } as const;
    expect(await table.delete(what, { idempotency: request('k') })).toMatchObject({ outcome: { kind: 'nothing' } });
    await table.append(rowsBatch(['a', 1, 1n]));
    expect(await table.delete(what, { idempotency: request('k') })).toMatchObject({ outcome: { kind: 'committed' } });
  });
});

describe('a stream', () => {
  it('takes each sequence once, refuses older ones for ever and keeps streams apart', async () => {
    const { table, clock, open } = await tableFixture();
    const send = async (name: string, number: number): Promise<string> =>
      (await (await open()).append(rowsBatch(['a', number, 1n]), { idempotency: sequence(name, number) })).outcome.kind;
    expect([await send('s', 3), await send('s', 3), await send('s', 2), await send('s', 4), await send('t', 1)]).toEqual([
      'committed',
      'alreadyApplied',
      'alreadyApplied',
      'committed',
      'committed',
    ]);
    await clock.advance(1000 * 24 * 3_600_000);
    await table.checkpoint();
    expect(await send('s', 4)).toBe('alreadyApplied');
  });
});

describe('a repeated ingestion', () => {
  it('answers the original commit and counts, online ones too, in either profile', async () => {
    for (const profile of ['merge-on-read', 'compatible'] as const) {
      const { ingest } = await groupFixture({ profile });
      await ingest([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]);
      const first = await ingest(
        [
          ['a', 4],
          ['d', 5],
          ['d', 6],
        ],
        { idempotency: request('k') },
      );
      await ingest([['z', 1]]);
      const repeat = await ingest(
        [
          ['a', 4],
          ['d', 5],
          ['d', 6],
        ],
        { idempotency: request('k') },
      );
      expect(first.commit).toMatchObject({ version: 2, rowsInserted: 1, rowsUpdated: 1, dedupedInBatch: 1, alreadyApplied: false });
      expect(repeat.commit).toEqual({ ...first.commit, alreadyApplied: true });
      expect(repeat.online).toEqual({ ...first.online, watermark: 3 });
    }
  });

  it("is refused where the key was another request's, and nothing is written", async () => {
    const { ingest, group } = await groupFixture();
    await ingest([['a', 1]], { idempotency: request('k', 'one') });
    await expect(ingest([['a', 2]], { idempotency: request('k', 'two') })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH', context: { version: 1 } });
    expect((await group.table.refresh()).version).toBe(1);
  });

  it('of a stream answers the commit that took the sequence, not whichever is newest', async () => {
    const { ingest } = await groupFixture();
    const first = await ingest(
      [
        ['a', 1],
        ['b', 2],
      ],
      { idempotency: sequence('s', 1) },
    );
    for (let i = 0; i < 20; i += 1) await ingest([[`x${i}`, i]]);
    const second = await ingest([['c', 1]], { idempotency: sequence('s', 7) });
    expect(
      (
        await ingest(
          [
            ['a', 1],
            ['b', 2],
          ],
          { idempotency: sequence('s', 1) },
        )
      ).commit,
    ).toEqual({ ...first.commit, alreadyApplied: true });
    expect((await ingest([['c', 1]], { idempotency: sequence('s', 7) })).commit).toEqual({ ...second.commit, alreadyApplied: true });
    expect((await ingest([['c', 1]], { idempotency: sequence('s', 5) })).commit).toMatchObject({ alreadyApplied: true, rowsInserted: 0, rowsUpdated: 0 });
  });

  it('publishes what a crash between commit and publish has left out', async () => {
    const online = new MemoryOnlineStore();
    const { ingest, reopen, onlineKeys } = await groupFixture({ online });
    await ingest([['a', 1]], { wait: 'commit', idempotency: request('k') });
    expect(await onlineKeys()).toEqual([]);
    const restarted = await reopen();
    expect(await restarted.ingest([['a', 1]], { idempotency: request('k') })).toMatchObject({
      commit: { version: 1, alreadyApplied: true },
      online: { state: 'applied', applied: 1, watermark: 1 },
    });
    expect(await onlineKeys()).toEqual(['a']);
  });
});
