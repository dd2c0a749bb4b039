/** Writes called at once on one table of one process: few entries, each write with its own outcome. */
import { describe, expect, it } from 'vitest';
import { LakefoldError } from '../../../lib/core/errors.ts';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { GROUP_LOG_BYTES_MAX, GROUP_WAITING_MAX, PROBE_BYTES_MAX } from '../../../lib/core/limits.ts';
import { serializeEntry } from '../../../lib/delta/actions/action-codec.ts';
import type { AddFile } from '../../../lib/delta/actions/actions.ts';
import { GroupCommitter, groupSize } from '../../../lib/delta/group/group-committer.ts';
import type { GroupMember } from '../../../lib/delta/group/group-member.ts';
import { rowReader } from '../../../lib/delta/group/group-rows.ts';
import { stageMember } from '../../../lib/delta/group/group-stage.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { KEY, NUMBER, pathsIn, rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';

const R = 1_750_000_000_000_000n;
const NONE = { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 };

describe('a group committer', () => {
  it('commits what is called while an entry is being written as the next entry', async () => {
    const { deps, table, rows } = await tableFixture();
    const committer = new GroupCommitter(deps, table);
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, i) => committer.write({ batch: rowsBatch([`k${i % 20}`, i, R + BigInt(i)]), what: { kind: 'upsert', keys: ['k'] } })),
    );
    expect(outcomes.every(({ kind }) => kind === 'committed')).toBe(true);
    expect(table.snapshot.version).toBeLessThanOrEqual(4);
    expect((await rows()).map(([, v]) => v)).toEqual(Array.from({ length: 20 }, (_, i) => 20 + i).toSorted((a, b) => (`k${a % 20}` < `k${b % 20}` ? -1 : 1)));
  });

  it('answers each write with its own version and counts, and a repeat with the first one', async () => {
    const { deps, table } = await tableFixture();
    const committer = new GroupCommitter(deps, table);
    const idempotency = { kind: 'request', key: 'once', bodyHash: 'f00d', windowMillis: 10 ** 9 } as const;
    const upsert = { kind: 'upsert', keys: ['k'] } as const;
    await table.append(rowsBatch(['a', 0, R]));
    const outcomes = await Promise.all([
      committer.write({ batch: rowsBatch(['first', 0, R]), what: upsert }),
      committer.write({ batch: rowsBatch(['a', 1, R - 1n], ['b', 1, R], ['b', 2, R]), what: upsert, idempotency }),
      committer.write({ batch: rowsBatch(['a', 1, R - 1n], ['b', 1, R], ['b', 2, R]), what: upsert, idempotency }),
      committer.write({ batch: rowsBatch(['b', 3, R + 1n]), what: upsert }),
    ]);
    expect(outcomes.map((outcome) => (outcome.kind === 'committed' ? [outcome.version, outcome.counts] : outcome))).toEqual([
      [2, { ...NONE, rowsInserted: 1 }],
      [3, { ...NONE, rowsInserted: 1, dedupedInBatch: 1, stale: 1 }],
      { kind: 'alreadyApplied', version: 3 },
      [3, { ...NONE, rowsUpdated: 1 }],
    ]);
  });

  it('refuses a poisoned write alone, before it joins a group', async () => {
    const { deps, table, rows } = await tableFixture();
    const committer = new GroupCommitter(deps, table);
    const other = batchOfRows([KEY, { name: 'nothing', type: { kind: 'int' }, nullable: true }], [['a', 1]]);
    const settled = await Promise.allSettled([
      committer.write({ batch: other, what: { kind: 'append' } }),
      committer.write({ batch: rowsBatch([null, 1, R]), what: { kind: 'append' } }),
      committer.write({ batch: rowsBatch(['b', 1, R]), what: { kind: 'append' } }),
    ]);
    expect(settled.map((one) => (one.status === 'fulfilled' ? one.value.kind : one.reason instanceof LakefoldError && one.reason.code))).toEqual([
      'SCHEMA_DRIFT',
      'CONSTRAINT_VIOLATED',
      'committed',
    ]);
    expect(await rows()).toEqual([['b', 1, R]]);
  });
});

describe('the order of grouped writes', () => {
  it('is the order of the calls, however long each takes to stage', async () => {
    const { deps, table, rows, store } = await tableFixture({ columns: [KEY, NUMBER] });
    let stagings = 0;
    const slowFirst: ObjectStore = {
      ...deps.store,
      location: store.location,
      get: store.get.bind(store),
      list: store.list.bind(store),
      createIfAbsent: async (path, bytes, options) => {
        stagings += 1;
        if (stagings === 1) await new Promise((resolve) => setImmediate(resolve));
        return store.createIfAbsent(path, bytes, options);
      },
    };
    const committer = new GroupCommitter({ ...deps, store: slowFirst }, table);
    const upsert = (v: number) => ({ batch: batchOfRows([KEY, NUMBER], [['a', v]]), what: { kind: 'upsert', keys: ['k'] } }) as const;
    await Promise.all([committer.write(upsert(1)), committer.write(upsert(2)), committer.write(upsert(3))]);
    expect(await rows()).toEqual([['a', 3]]);
  });
});

describe('writes that wait', () => {
  it('are refused beyond the bound, and taken again once others are answered', async () => {
    const { deps, table } = await tableFixture();
    const committer = new GroupCommitter(deps, table);
    const write = { batch: rowsBatch(['a', 1, R]), what: { kind: 'append' } } as const;
    const waiting = Array.from({ length: GROUP_WAITING_MAX }, () => committer.write(write));
    await expect(committer.write(write)).rejects.toMatchObject({ code: 'OVERLOADED', context: { limit: 'GROUP_WAITING_MAX' } });
    await Promise.all(waiting);
    expect((await committer.write(write)).kind).toBe('committed');
  });

  it('are refused alone with the reason when the table does not take them', async () => {
    const { deps, table, rows } = await tableFixture({ configuration: { 'delta.appendOnly': 'true' } });
    const committer = new GroupCommitter(deps, table);
    const write = (k: string, v: number) => committer.write({ batch: rowsBatch([k, v, R]), what: { kind: 'upsert', keys: ['k'] } });
    await write('a', 1);
    const settled = await Promise.allSettled([write('b', 1), write('a', 2), write('c', 1)]);
    expect(settled.map((one) => (one.status === 'fulfilled' ? one.value.kind : one.reason instanceof LakefoldError && one.reason.code))).toEqual([
      'committed',
      'CONSTRAINT_VIOLATED',
      'committed',
    ]);
    expect(await rows()).toEqual([
      ['a', 1, R],
      ['b', 1, R],
      ['c', 1, R],
    ]);
  });
});

/** Statistics by which the file takes so many bytes of an entry. */
function padded(add: AddFile, bytes: number): string {
  return 'x'.repeat(bytes - serializeEntry([{ ...add, stats: '' }]).length);
}

describe('the deletion vectors of a group', () => {
  it('lie in one file, those of the table and those of its own files', async () => {
    const { deps, table, store, rows } = await tableFixture();
    await table.append(rowsBatch(['a', 0, R], ['z', 0, R]));
    const upsert = { kind: 'upsert', keys: ['k'] } as const;
    const committer = new GroupCommitter(deps, table);
    await Promise.all([
      committer.write({ batch: rowsBatch(['y', 0, R]), what: upsert }),
      committer.write({ batch: rowsBatch(['b', 1, R], ['c', 1, R]), what: upsert }),
      committer.write({ batch: rowsBatch(['a', 2, R + 1n], ['b', 2, R + 1n]), what: upsert }),
    ]);
    expect((await pathsIn(store)).filter((path) => path.includes('/_dv/'))).toHaveLength(1);
    expect((await rows()).map(([k, v]) => [k, v])).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 1],
      ['y', 0],
      ['z', 0],
    ]);
  });
});

describe('a group whose plan is too large', () => {
  it('is halved until it is not, and a write that is too large alone is refused alone', async () => {
    const { deps, table, foreign, file, rows } = await tableFixture();
    for (const [key, size] of [
      ['a', PROBE_BYTES_MAX],
      ['b', PROBE_BYTES_MAX],
      ['c', PROBE_BYTES_MAX + 1],
    ] as const) {
      const { path } = await file(`huge-${key}`, rowsBatch([key, 0, R]));
      const stats = JSON.stringify({ numRecords: 1, minValues: { k: key }, maxValues: { k: key } });
      await foreign([{ add: { path, size, stats, partitionValues: {}, modificationTime: 1, dataChange: true } }]);
    }
    await table.refresh();
    const committer = new GroupCommitter(deps, table);
    const write = (k: string) => committer.write({ batch: rowsBatch([k, 1, R + 1n]), what: { kind: 'upsert', keys: ['k'] } });
    const settled = await Promise.allSettled([write('z'), write('a'), write('b'), write('c'), write('y')]);
    expect(settled.map((one) => (one.status === 'fulfilled' ? one.value.kind : one.reason instanceof LakefoldError && one.reason.code))).toEqual([
      'committed',
      'committed',
      'committed',
      'PLAN_TOO_LARGE',
      'committed',
    ]);
    expect((await rows()).map(([k, v]) => [k, v])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 0],
      ['y', 1],
      ['z', 1],
    ]);
  });

  it('is one that holds more identities than its budget', async () => {
    const { deps, table } = await tableFixture();
    const rows = ['a', 'b', 'c'].map((k): [string, number, bigint] => [k, 1, R]);
    const what = { kind: 'upsert', keys: ['k'] } as const;
    const { adds } = await stageMember(deps, { root: T_ROOT, snapshot: table.snapshot, id: 'a' }, { batch: rowsBatch(...rows), what });
    const at = { root: T_ROOT, snapshot: table.snapshot, identityColumns: ['k'] };
    const held = async (bytesMax: number): Promise<number> =>
      (await Promise.all(adds.map((add) => rowReader(deps, { bytesMax }).staged(at, add)))).flat().length;
    const [first] = await rowReader(deps).staged(at, adds[0] ?? ({} as AddFile));
    const bytes = 3 * (160 + (first?.identity?.length ?? 0));
    expect(await held(bytes)).toBe(3);
    await expect(held(bytes - 1)).rejects.toMatchObject({ code: 'PLAN_TOO_LARGE', context: { limit: 'GROUP_PLAN_BYTES_MAX', budget: bytes - 1 } });
  });
});

describe('a group', () => {
  it('ends before rows are known by other columns, and at its bounds', async () => {
    const { deps, table } = await tableFixture();
    const target = { root: T_ROOT, snapshot: table.snapshot };
    const byKey = await stageMember(deps, { ...target, id: 'a' }, { batch: rowsBatch(['a', 1, R]), what: { kind: 'upsert', keys: ['k'] } });
    const byValue = await stageMember(deps, { ...target, id: 'b' }, { batch: rowsBatch(['a', 1, R]), what: { kind: 'upsert', keys: ['v'] } });
    const append = await stageMember(deps, { ...target, id: 'c' }, { batch: rowsBatch(['a', 1, R]), what: { kind: 'append' } });
    expect([
      groupSize([append, byKey, append, byValue]),
      groupSize([append, append]),
      groupSize([{ ...append, rowCount: 999_999 }, append, append]),
      groupSize([{ ...append, rowCount: 2_000_000 }, append]),
      groupSize(Array.from({ length: 1500 }, () => append)),
    ]).toEqual([3, 2, 2, 1, 1000]);
  });

  it('brings at most four MiB of log, one write alone as much as it has', async () => {
    const { deps, table } = await tableFixture();
    const member = await stageMember(deps, { root: T_ROOT, snapshot: table.snapshot, id: 'a' }, { batch: rowsBatch(['a', 1, R]), what: { kind: 'append' } });
    const [add] = member.adds;
    const sized = (bytes: number): GroupMember => ({ ...member, adds: add === undefined ? [] : [{ ...add, stats: padded(add, bytes) }] });
    const half = GROUP_LOG_BYTES_MAX / 2;
    expect([groupSize([sized(half), sized(half)]), groupSize([sized(half), sized(half + 1)]), groupSize([sized(5 * half), sized(half)])]).toEqual([2, 1, 1]);
  });
});
