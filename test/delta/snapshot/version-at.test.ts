/** Which version an instant means: by a few probes what reading every commit says. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { isLakefoldError } from '../../../lib/core/errors.ts';
import type { CommitInfo } from '../../../lib/delta/actions/actions.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { commitPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { listLog } from '../../../lib/delta/snapshot/log-segment.ts';
import { applyCommit, loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { commitTime, resolveVersion } from '../../../lib/delta/snapshot/time-travel.ts';
import { allCommitTimes } from '../../../lib/delta/snapshot/version-at.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { add, emptyLog, METADATA, ownCommit, PROTOCOL, writeCommit, writeLog, type LogFixture } from '../log-support.ts';

interface Written {
  readonly by: 'us' | 'spark' | 'nobody' | 'in-commit';
  readonly fileTime: number;
  /** Of ours: how long after the version before at least. */
  readonly ahead: number;
}

/** A log as its writers leave it: ours is later than what came before, others' file times are what they are. */
async function logOf(commits: readonly Written[]): Promise<LogFixture> {
  const log = emptyLog();
  let previous: number | undefined;
  for (const [version, { by, fileTime, ahead }] of commits.entries()) {
    log.setNow(fileTime);
    const later = (previous ?? 0) + ahead;
    const infos: Readonly<Record<Written['by'], CommitInfo | undefined>> = {
      us: ownCommit(later),
      spark: { kind: 'commitInfo', timestamp: 1, engineInfo: 'Apache-Spark/3.5.0' },
      nobody: undefined,
      'in-commit': { kind: 'commitInfo', inCommitTimestamp: later, timestamp: 5, engineInfo: 'Apache-Spark/4.0.0' },
    };
    const info = infos[by];
    await writeCommit(log.store, version, [...(info === undefined ? [] : [info]), ...(version === 0 ? [PROTOCOL, METADATA] : []), add(`f${version}`)]);
    previous = commitTime(info, fileTime, previous);
  }
  return log;
}

async function answer(find: () => Promise<{ readonly version: number; readonly committedAt: number }>): Promise<unknown> {
  try {
    const { version, committedAt } = await find();
    return [version, committedAt];
  } catch (error) {
    return isLakefoldError(error) ? [error.code, error.context] : error;
  }
}

const written: fc.Arbitrary<Written> = fc.record({
  by: fc.constantFrom('us', 'us', 'spark', 'nobody', 'in-commit'),
  fileTime: fc.integer({ min: 1, max: 60 }),
  ahead: fc.integer({ min: 1, max: 9 }),
});

describe('the version at an instant', () => {
  it('is what reading every commit says, whoever wrote them, also of a log whose beginning is gone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(written, { minLength: 1, maxLength: 14 }),
        fc.option(fc.record({ at: fc.nat(13), keep: fc.nat(2) }), { nil: undefined }),
        fc.array(fc.integer({ min: -1, max: 160 }), { minLength: 4, maxLength: 4 }),
        async (commits, cleaned, instants) => {
          const log = await logOf(commits);
          const kept = cleaned === undefined ? 0 : Math.min(cleaned.at, commits.length - 1);
          if (kept > 0) {
            await writeCheckpoint(log, 't', await loadSnapshot(log, 't', { version: kept }));
            for (let version = 0; version < kept - (cleaned?.keep ?? 0); version += 1) await log.store.delete(commitPath('t', version));
          }
          for (const instant of instants) {
            const all = await answer(async () => resolveVersion(await allCommitTimes({ store: log.store, root: 't' }, await listLog(log.store, 't')), instant));
            expect(await answer(() => loadSnapshot(log, 't', { instant }))).toEqual(all);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  describe('while log clean-up takes away what a listing named', () => {
    const VERSIONS = 9;
    const CHECKPOINT = 5;

    /** The answer as of `instant` where the commits below the checkpoint go before request number `at`, and how many requests it took. */
    async function answerAround(instant: number, pointer: 'pointer' | 'none', at: number): Promise<{ readonly told: unknown; readonly requests: number }> {
      const log = emptyLog();
      log.setNow(50_000);
      await writeLog(log.store, VERSIONS);
      await writeCheckpoint(log, 't', await loadSnapshot(log, 't', { version: CHECKPOINT }));
      if (pointer === 'none') await log.store.delete(lastCheckpointPath('t'));
      let requests = 0;
      const cleaning = async (): Promise<void> => {
        if (requests === at) for (let version = 0; version < CHECKPOINT; version += 1) await log.store.delete(commitPath('t', version));
        requests += 1;
      };
      const store: ObjectStore = {
        ...log.store,
        get: async (path, options) => {
          await cleaning();
          return log.store.get(path, options);
        },
        list: async function* (prefix, options) {
          await cleaning();
          yield* log.store.list(prefix, options);
        },
      };
      const told = (await answer(() => loadSnapshot({ ...log, store }, 't', { instant }))) as readonly unknown[];
      // A version that expired after it was found is refused by its number, not by the instant.
      return { told: told[0] === 'HISTORY_EXPIRED' ? told[0] : told, requests };
    }

    it.each(['pointer', 'none'] as const)('is that of before or after it, whichever request it comes before (%s)', async (pointer) => {
      const wrong: unknown[] = [];
      for (const instant of [9_999, 10_000, 10_005, 10_020, 10_040, 10_049, 10_050, 10_065, 10_080]) {
        const { told: before, requests } = await answerAround(instant, pointer, Number.POSITIVE_INFINITY);
        const { told: after } = await answerAround(instant, pointer, 0);
        for (let at = 1; at < requests; at += 1) {
          const { told } = await answerAround(instant, pointer, at);
          if (![before, after].some((each) => isDeepStrictEqual(each, told))) wrong.push({ instant, at, told, before, after });
        }
      }
      expect(wrong).toEqual([]);
    });
  });

  it('is not misled by a pointer to a version that is not there yet', async () => {
    const log = emptyLog();
    for (let version = 0; version < 4; version += 1)
      await writeCommit(log.store, version, [ownCommit(10 * (version + 1)), ...(version === 0 ? [PROTOCOL, METADATA] : [])]);
    log.setNow(5);
    await log.store.overwrite(lastCheckpointPath('t'), utf8('{"version":9,"size":1}'));
    const { version, committedAt } = await loadSnapshot(log, 't', { instant: 35 });
    expect([version, committedAt]).toEqual([2, 30]);
  });

  it('reads every commit where the probes contradict each other, as a broken writer may leave them', async () => {
    const log = emptyLog();
    for (const [version, millis] of [100, 90, 80, 70, 60, 50, 300].entries())
      await writeCommit(log.store, version, [ownCommit(millis), ...(version === 0 ? [PROTOCOL, METADATA] : [])]);
    const found: unknown[] = [];
    for (const instant of [75, 103, 299]) found.push(await answer(() => loadSnapshot(log, 't', { instant })));
    const times = await allCommitTimes({ store: log.store, root: 't' }, await listLog(log.store, 't'));
    expect(found).toEqual(await Promise.all([75, 103, 299].map((instant) => answer(async () => resolveVersion(times, instant)))));
    expect(found[1]).toEqual([3, 103]);
  });
});

describe('requests in a table of 10,000 versions', () => {
  const VERSIONS = 10_000;

  /** `fileTime`: of the files of a version. */
  async function manyVersions(fileTime: (version: number) => number): Promise<LogFixture> {
    const log = emptyLog();
    log.setNow(fileTime(0));
    await writeCommit(log.store, 0, [ownCommit(10_000), PROTOCOL, METADATA]);
    let snapshot = await loadSnapshot(log, 't');
    for (let version = 1; version < VERSIONS; version += 1) {
      const actions = [ownCommit(10_000 + 10 * version), { kind: 'txn', appId: 'stream', version } as const];
      log.setNow(fileTime(version));
      await writeCommit(log.store, version, actions);
      snapshot = applyCommit(snapshot, { version, actions });
      if (version % 10 === 0) await writeCheckpoint(log, 't', snapshot);
    }
    return log;
  }

  const requestsOf = async ({ store: { calls } }: LogFixture, load: () => Promise<unknown>): Promise<{ readonly lists: number; readonly gets: number }> => {
    calls.length = 0;
    await load();
    const count = (kind: string): number => calls.filter((call) => call.startsWith(kind)).length;
    return { lists: count('list'), gets: count('get') };
  };

  it('are bounded: open, as of a version, as of an instant', async () => {
    const log = await manyVersions((version) => 10_001 + 10 * version);
    const requests = (load: () => Promise<unknown>): ReturnType<typeof requestsOf> => requestsOf(log, load);
    // The pointer, the checkpoint, and the nine commits behind it.
    expect(await requests(() => loadSnapshot(log, 't'))).toEqual({ lists: 1, gets: 11 });
    expect(await requests(() => loadSnapshot(log, 't', { version: 4321 }))).toEqual({ lists: 1, gets: 3 });
    expect(await requests(() => loadSnapshot(log, 't', { version: 7 }))).toEqual({ lists: 1, gets: 9 });
    // Of an instant: where the files have about that time two probes, one of them of a commit that is read anyway.
    const asOf: unknown[] = [];
    for (const version of [0, 9, 4999, 5000, 5003, 8888, 9989, 9990, 9998, 9999]) {
      const instant = 10_000 + 10 * version + 5;
      asOf.push([version, await requests(() => loadSnapshot(log, 't', { instant }))]);
      const loaded = await loadSnapshot(log, 't', { instant });
      expect([loaded.version, loaded.committedAt]).toEqual([version, 10_000 + 10 * version]);
    }
    expect(asOf).toEqual([
      [0, { lists: 2, gets: 3 }],
      [9, { lists: 2, gets: 12 }],
      [4999, { lists: 2, gets: 12 }],
      [5000, { lists: 2, gets: 4 }],
      [5003, { lists: 2, gets: 6 }],
      [8888, { lists: 2, gets: 11 }],
      [9989, { lists: 2, gets: 12 }],
      [9990, { lists: 1, gets: 4 }],
      [9998, { lists: 1, gets: 11 }],
      [9999, { lists: 1, gets: 11 }],
    ]);
  }, 60_000);

  it.each([
    ['all of one time, as those of a copy', (): number => 200_000],
    ['of times before all commits', (): number => 1],
    ['of times that stood still and then leapt', (version: number): number => (version < 9000 ? 10_001 : 10_001 + 10 * version)],
  ])(
    'are those of a search by halves where the files are %s',
    async (_, fileTime) => {
      const log = await manyVersions(fileTime);
      for (const version of [9, 4999, 8888, 9998]) {
        const instant = 10_000 + 10 * version + 5;
        const { lists, gets } = await requestsOf(log, async () => expect((await loadSnapshot(log, 't', { instant })).version).toBe(version));
        expect(lists).toBeLessThanOrEqual(6);
        // The eleven of the newest version, a search around the wrong place and one of all.
        expect(gets).toBeLessThanOrEqual(11 + 16 + Math.ceil(Math.log2(VERSIONS)));
      }
    },
    60_000,
  );
});
