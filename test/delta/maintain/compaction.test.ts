/** Log compactions: one object for ten, and the table is the same with them as without. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { parseActions } from '../../../lib/delta/actions/action-codec.ts';
import type { Action } from '../../../lib/delta/actions/actions.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { parseCompaction, planCompactions, reconcile, serializeCompaction, writeCompaction } from '../../../lib/delta/maintain/compaction.ts';
import { commitPath, compactionPath } from '../../../lib/delta/snapshot/log-path.ts';
import { listLog } from '../../../lib/delta/snapshot/log-segment.ts';
import { loadSnapshot, refreshSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { makeHistory } from '../../support/table-days.ts';
import { T_ROOT, tableFixture } from '../../support/table-fixture.ts';
import { columnsOf, type TableShape } from '../../support/table-model.ts';
import { add, emptyLog, METADATA, ownCommit, PROTOCOL, remove, vector, writeCommit, writeLog, type LogFixture } from '../log-support.ts';

const ENGINE = 'lakefold/test';
const state = (snapshot: Snapshot): unknown => ({
  version: snapshot.version,
  committedAt: snapshot.committedAt,
  protocol: snapshot.protocol,
  metadata: snapshot.metadata,
  files: [...snapshot.files].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  tombstones: [...snapshot.tombstones].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  txns: [...snapshot.txns].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  domains: [...snapshot.domains].toSorted(([a], [b]) => (a < b ? -1 : 1)),
});

/** `versions` commits, a checkpoint at 10, and these compactions. */
async function log(versions: number, ranges: readonly (readonly [number, number])[]): Promise<LogFixture> {
  const fixture = emptyLog();
  await writeLog(fixture.store, versions);
  await writeCheckpoint(fixture, 't', await loadSnapshot(fixture, 't', { version: 10 }));
  for (const [from, to] of ranges) await writeCompaction({ ...fixture, engineInfo: ENGINE }, 't', { from, to });
  fixture.store.calls.length = 0;
  return fixture;
}

const jsonReads = (fixture: LogFixture): string[] =>
  fixture.store.calls.filter((call) => call.startsWith('get ') && call.endsWith('.json') && !call.includes('00010.json'));

describe('what several commits come to', () => {
  it('is one action a key, the newest, removals and removed domains included', () => {
    const entries: { readonly version: number; readonly actions: readonly Action[] }[] = [
      {
        version: 1,
        actions: [
          ownCommit(1),
          add('a'),
          add('b'),
          { kind: 'txn', appId: 'x', version: 1 },
          { kind: 'domainMetadata', domain: 'd', configuration: '1', removed: false },
        ],
      },
      {
        version: 2,
        actions: [
          ownCommit(2),
          add('a', { deletionVector: vector('1') }),
          remove('a'),
          METADATA,
          { kind: 'cdc', path: add('c').path, partitionValues: {}, size: 1 },
        ],
      },
      {
        version: 3,
        actions: [
          ownCommit(3),
          remove('b'),
          add('b'),
          { kind: 'txn', appId: 'x', version: 2 },
          { kind: 'domainMetadata', domain: 'd', configuration: '', removed: true },
          PROTOCOL,
        ],
      },
    ];
    expect(reconcile(entries)).toEqual([
      PROTOCOL,
      METADATA,
      { kind: 'txn', appId: 'x', version: 2 },
      { kind: 'domainMetadata', domain: 'd', configuration: '', removed: true },
      remove('a'),
      add('b'),
      add('a', { deletionVector: vector('1') }),
    ]);
  });

  it('is written behind a line that other engines ignore', () => {
    const bytes = serializeCompaction(
      [
        { version: 4, actions: [ownCommit(40), add('a')] },
        { version: 5, actions: [{ kind: 'commitInfo', timestamp: 50 }, remove('a')] },
      ],
      ENGINE,
    );
    expect(parseActions(bytes, { path: 'p', version: 5 })).toEqual([remove('a')]);
    expect(parseCompaction(bytes, { from: 4, to: 5 }, { path: 'p', version: 5 })).toEqual({
      ours: true,
      entry: { version: 5, actions: [remove('a')], compacted: { from: 4, times: [40, null] } },
    });
  });

  it('takes the first action of a key from another engine, which may list the newest first', () => {
    const bytes = utf8('{"remove":{"path":"a","deletionTimestamp":5}}\n{"add":{"path":"a","size":10,"modificationTime":1}}\n{"commitInfo":{}}\n');
    expect(parseCompaction(bytes, { from: 1, to: 2 }, { path: 'p', version: 2 })).toEqual({
      ours: false,
      entry: { version: 2, actions: [remove('a')], compacted: { from: 1, times: [null, null] } },
    });
  });
});

describe('planning compactions', () => {
  const plan = async (fixture: LogFixture, rest?: 'compact'): Promise<unknown> => {
    const listing = await listLog(fixture.store, 't');
    return planCompactions(listing, Math.max(...listing.commits.keys()), rest === undefined ? {} : { rest });
  };

  it('takes ten commits at a time behind the checkpoint and the last compaction, and the rest when asked', async () => {
    expect(await plan(await log(20, []))).toEqual([]);
    expect(await plan(await log(21, []))).toEqual([{ from: 11, to: 20 }]);
    expect(await plan(await log(45, [[11, 20]]))).toEqual([
      { from: 21, to: 30 },
      { from: 31, to: 40 },
    ]);
    expect(
      await plan(
        await log(45, [
          [11, 20],
          [21, 30],
        ]),
        'compact',
      ),
    ).toEqual([
      { from: 31, to: 40 },
      { from: 41, to: 44 },
    ]);
    expect(await plan(await log(12, []), 'compact')).toEqual([]);
  });

  it('leaves commits alone that are too large to hold together', async () => {
    const fixture = await log(21, []);
    await writeCommit(fixture.store, 15, [
      ownCommit(10_150),
      { kind: 'domainMetadata', domain: 'd', configuration: 'x'.repeat(33 * 1024 * 1024), removed: false },
    ]);
    expect(await plan(fixture)).toEqual([]);
  });
});

describe('reading a compacted log', () => {
  it('fetches one object for the commits behind the checkpoint', async () => {
    const fixture = await log(20, [[11, 19]]);
    const snapshot = await loadSnapshot(fixture, 't');
    expect(jsonReads(fixture)).toEqual([`get ${compactionPath('t', 11, 19)}`]);
    expect(state(snapshot)).toEqual(state(await loadSnapshot(await log(20, []), 't')));
  });

  it('refreshes by it, and reads a version inside of it from commits', async () => {
    const fixture = await log(25, [[11, 20]]);
    const old = await loadSnapshot(fixture, 't', { version: 10 });
    const inside = await loadSnapshot(fixture, 't', { version: 15 });
    fixture.store.calls.length = 0;
    expect(state(await refreshSnapshot(fixture, 't', old))).toEqual(state(await loadSnapshot(await log(25, []), 't')));
    expect(jsonReads(fixture)).toEqual(
      [compactionPath('t', 11, 20), ...[21, 22, 23, 24].map((version) => commitPath('t', version))].map((path) => `get ${path}`),
    );
    expect(state(inside)).toEqual(state(await loadSnapshot(await log(25, []), 't', { version: 15 })));
  });

  it('reads the commits instead of one that was changed, or that another engine wrote', async () => {
    const fixture = await log(20, [[11, 19]]);
    const expected = state(await loadSnapshot(await log(20, []), 't'));
    const path = compactionPath('t', 11, 19);
    const bytes = (await fixture.store.get(path))?.bytes ?? new Uint8Array();
    for (const text of [new TextDecoder().decode(bytes).replace('"f15"', '"fXX"'), '{"add":{"path":"lie","size":1,"modificationTime":1}}\n', '{"add', '']) {
      await fixture.store.overwrite(path, utf8(text));
      expect(state(await loadSnapshot(fixture, 't'))).toEqual(expected);
    }
  });

  it('does with one where commits are missing, unless it was changed', async () => {
    const fixture = await log(20, [[11, 19]]);
    const expected = state(await loadSnapshot(fixture, 't'));
    await fixture.store.delete(commitPath('t', 15));
    expect(state(await loadSnapshot(fixture, 't'))).toEqual(expected);
    const path = compactionPath('t', 11, 19);
    const text = new TextDecoder().decode((await fixture.store.get(path))?.bytes);
    await fixture.store.overwrite(path, utf8(text.replace('"f15"', '"fXX"')));
    await expect(loadSnapshot(fixture, 't')).rejects.toMatchObject({ code: 'LOG_CORRUPT', context: { version: 19, path } });
  });

  it('gives the state and the commit time of every version of any history, compacted anywhere', async () => {
    const cases = fc.record({
      seed: fc.integer({ min: 0, max: 2 ** 30 }),
      profile: fc.constantFrom<TableShape['profile']>('merge-on-read', 'compatible'),
      cuts: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, profile, cuts }) => {
        const shape: TableShape = { profile, partitionBy: [], hasEventTime: true };
        const fixture = await tableFixture({ columns: columnsOf(shape), profile });
        await makeHistory(fixture, { seed, shape, gapDays: 0.1 });
        const head = (await fixture.table.refresh()).version;
        const before = await Promise.all(Array.from({ length: head + 1 }, async (_, version) => state(await loadSnapshot(fixture.deps, T_ROOT, { version }))));
        const ends = [...cuts.filter((cut) => cut < head).toSorted((a, b) => a - b), head];
        for (const [i, to] of ends.entries()) {
          const from = (ends[i - 1] ?? -1) + 1;
          if (from < to) await writeCompaction(fixture.deps, T_ROOT, { from, to });
        }
        for (const [version, was] of before.entries()) expect(state(await loadSnapshot(fixture.deps, T_ROOT, { version }))).toEqual(was);
      }),
      { numRuns: 40 },
    );
  });
});
