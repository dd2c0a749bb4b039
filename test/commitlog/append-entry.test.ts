import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { appendEntry, type AppendOutcome, type AttemptPlan, type CommitLogDeps, type Winner } from '../../lib/commitlog/append-entry.ts';
import { decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import { COMMIT_ATTEMPTS_MAX, COMMIT_BACKOFF_MAX_MILLIS, COMMIT_TIME_MAX_MILLIS, PLAN_AGE_MAX_MILLIS } from '../../lib/core/limits.ts';
import { objectPath } from '../../lib/core/path.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { recordedLog } from '../support/fold-ports.ts';
import { turningStore, turnsOf } from '../support/table-turns.ts';
import { wrappedStore } from '../support/wrapped-store.ts';

const pathOf = (version: number): ReturnType<typeof objectPath> => objectPath(`log/${String(version).padStart(20, '0')}.json`);

function setUp(): {
  readonly clock: ManualClock;
  readonly store: MemoryObjectStore;
  readonly log: ReturnType<typeof recordedLog>;
  readonly deps: (store?: ObjectStore) => CommitLogDeps;
} {
  const clock = new ManualClock({ sleeping: 'skip' });
  const store = new MemoryObjectStore({ clock });
  const log = recordedLog();
  return { clock, store, log, deps: (other = store) => ({ store: other, clock, random: new SeededRandom(7), log }) };
}

async function fill(store: ObjectStore, versions: number): Promise<void> {
  for (let version = 0; version < versions; version += 1) await store.createIfAbsent(pathOf(version), utf8(`theirs ${version}`), { identity: `t${version}` });
}

/** Writes its name and the version it is planned for, and notes what it was told. */
function planner(name: string): {
  readonly seen: { readonly version: number; readonly winners: readonly string[] }[];
  readonly plan: (version: number, winners: readonly Winner[]) => Promise<AttemptPlan<string>>;
} {
  const seen: { readonly version: number; readonly winners: readonly string[] }[] = [];
  return {
    seen,
    plan: async (version, winners) => {
      seen.push({ version, winners: winners.map((winner) => `${winner.version}: ${decodeUtf8(winner.bytes)}`) });
      return { kind: 'write', bytes: utf8(`${name} ${version}`), value: `${name} at ${version}` };
    },
  };
}

async function textOf(store: ObjectStore, version: number): Promise<string | undefined> {
  const object = await store.get(pathOf(version));
  return object === undefined ? undefined : decodeUtf8(object.bytes);
}

describe('appending an entry', () => {
  it('takes the next version with one request where nobody was quicker', async () => {
    const { store, deps } = setUp();
    const calls: string[] = [];
    const counted = wrappedStore(store, {
      get: (path) => {
        calls.push(`get ${path}`);
        return store.get(path);
      },
      head: (path) => {
        calls.push(`head ${path}`);
        return store.head(path);
      },
      createIfAbsent: (path, bytes, options) => {
        calls.push(`create ${path}`);
        return store.createIfAbsent(path, bytes, options);
      },
    });
    const { plan } = planner('ours');
    expect(await appendEntry(deps(counted), { txnId: 'a', base: -1, pathOf, plan })).toEqual({
      kind: 'committed',
      version: 0,
      value: 'ours at 0',
      attempts: 1,
    });
    expect(calls).toEqual([`create ${pathOf(0)}`]);
  });

  it('plans again on all that won, read in windows, and takes the version after them', async () => {
    const { store, deps } = setUp();
    await fill(store, 11);
    const { seen, plan } = planner('ours');
    expect(await appendEntry(deps(), { txnId: 'a', base: 1, pathOf, plan })).toEqual({ kind: 'committed', version: 11, value: 'ours at 11', attempts: 2 });
    expect(seen).toEqual([
      { version: 2, winners: [] },
      { version: 11, winners: Array.from({ length: 9 }, (_, i) => `${i + 2}: theirs ${i + 2}`) },
    ]);
    expect(await textOf(store, 11)).toBe('ours 11');
  });

  it('tells a plan only the winners it has not seen', async () => {
    const { store, deps } = setUp();
    await fill(store, 1);
    let losses = 0;
    // Somebody takes each version just before us, three times.
    const racing = wrappedStore(store, {
      createIfAbsent: async (path, bytes, options) => {
        if (losses < 3) await store.createIfAbsent(path, utf8(`racer ${losses}`), { identity: `r${losses}` });
        losses += 1;
        return store.createIfAbsent(path, bytes, options);
      },
    });
    const { seen, plan } = planner('ours');
    expect(await appendEntry(deps(racing), { txnId: 'a', base: 0, pathOf, plan })).toMatchObject({ kind: 'committed', version: 4, attempts: 4 });
    expect(seen).toEqual([
      { version: 1, winners: [] },
      { version: 2, winners: ['1: racer 0'] },
      { version: 3, winners: ['2: racer 1'] },
      { version: 4, winners: ['3: racer 2'] },
    ]);
  });

  it('takes no gap between entries read at once for the end of a window', async () => {
    const { store, deps } = setUp();
    await fill(store, 3);
    // 2 is read before it is there, 3 after: what is read together is not one moment.
    const tearing = wrappedStore(store, { get: async (path) => (path === pathOf(2) ? undefined : store.get(path)) });
    const { seen, plan } = planner('ours');
    await expect(appendEntry(deps(tearing), { txnId: 'a', base: 0, pathOf, plan, attemptsMax: 2 })).resolves.toMatchObject({
      kind: 'conflict',
      reason: 'contention',
    });
    expect(seen.at(-1)).toEqual({ version: 2, winners: ['1: theirs 1'] });
  });

  it('looks again for the entry that took its version where the store does not show it yet', async () => {
    const { store, deps } = setUp();
    await fill(store, 2);
    let hidden = 4;
    const slow = wrappedStore(store, {
      get: async (path) => {
        if (path !== pathOf(1) || hidden === 0) return store.get(path);
        hidden -= 2;
        return undefined;
      },
    });
    expect(await appendEntry(deps(slow), { txnId: 'a', base: 0, pathOf, plan: planner('ours').plan })).toMatchObject({ kind: 'committed', version: 2 });
    expect(hidden).toBe(0);
  });

  it('stops without a write where the plan says so, at once or after a loss', async () => {
    const { store, deps } = setUp();
    await fill(store, 2);
    expect(await appendEntry(deps(), { txnId: 'a', base: 1, pathOf, plan: async () => ({ kind: 'stop', value: 'there already' }) })).toEqual({
      kind: 'stopped',
      value: 'there already',
    });
    const plan = async (version: number, winners: readonly Winner[]): Promise<AttemptPlan<string>> =>
      winners.length === 0 ? { kind: 'write', bytes: utf8('x'), value: '' } : { kind: 'stop', value: `seen at ${version}` };
    expect(await appendEntry(deps(), { txnId: 'a', base: 0, pathOf, plan })).toEqual({ kind: 'stopped', value: 'seen at 2' });
    expect(await textOf(store, 2)).toBeUndefined();
  });

  it('names the winner a plan conflicts with', async () => {
    const { store, deps } = setUp();
    await fill(store, 3);
    const plan = async (_: number, winners: readonly Winner[]): Promise<AttemptPlan<string>> =>
      winners.length === 0 ? { kind: 'write', bytes: utf8('x'), value: '' } : { kind: 'conflict', reason: 'columns' };
    expect(await appendEntry(deps(), { txnId: 'a', base: 0, pathOf, plan })).toEqual({ kind: 'conflict', winner: 2, reason: 'columns' });
  });
});

describe('an answer that is lost', () => {
  it('is committed once where the entry had landed', async () => {
    const { store, deps } = setUp();
    let isFirst = true;
    const losing = wrappedStore(store, {
      createIfAbsent: async (path, bytes, options) => {
        const outcome = await store.createIfAbsent(path, bytes, options);
        if (!isFirst) return outcome;
        isFirst = false;
        return { kind: 'unknown', cause: new Error('reset') };
      },
    });
    const { seen, plan } = planner('ours');
    expect(await appendEntry(deps(losing), { txnId: 'a', base: -1, pathOf, plan })).toEqual({ kind: 'committed', version: 0, value: 'ours at 0', attempts: 1 });
    expect(seen).toHaveLength(1);
    expect(await textOf(store, 1)).toBeUndefined();
  });

  it('is a loss where another took the version meanwhile', async () => {
    const { store, deps } = setUp();
    let isFirst = true;
    const losing = wrappedStore(store, {
      createIfAbsent: async (path, bytes, options) => {
        if (!isFirst) return store.createIfAbsent(path, bytes, options);
        isFirst = false;
        await store.createIfAbsent(path, utf8('theirs'), { identity: 't' });
        return { kind: 'unknown', cause: new Error('reset') };
      },
    });
    expect(await appendEntry(deps(losing), { txnId: 'a', base: -1, pathOf, plan: planner('ours').plan })).toMatchObject({
      kind: 'committed',
      version: 1,
      attempts: 2,
    });
    expect([await textOf(store, 0), await textOf(store, 1)]).toEqual(['theirs', 'ours 1']);
  });

  it('is asked for four times with the same bytes at the same version, then reported, never tried elsewhere', async () => {
    const { deps, log } = setUp();
    const tries: string[] = [];
    const dark = wrappedStore(setUp().store, {
      createIfAbsent: async (path, bytes, { identity }) => {
        tries.push(`${path} ${decodeUtf8(bytes)} ${identity}`);
        return { kind: 'unknown', cause: new Error('timeout') };
      },
    });
    expect(await appendEntry(deps(dark), { txnId: 'a', base: 4, pathOf, plan: planner('ours').plan })).toEqual({ kind: 'unknown', version: 5, txnId: 'a' });
    expect(tries).toEqual(Array.from({ length: 4 }, () => `${pathOf(5)} ours 5 a`));
    expect(log.lines).toEqual([{ level: 'warn', event: 'commit.outcome_unknown', fields: { path: pathOf(5), txnId: 'a' } }]);
  });
});

describe('the fence', () => {
  const local = (store: ObjectStore): ObjectStore => wrappedStore(store, { localPath: (path) => `/somewhere/${path}` });

  it('voids a local write whose log was cleaned away below it', async () => {
    const { store, deps } = setUp();
    await fill(store, 3);
    const slept = wrappedStore(local(store), {
      localPath: (path) => path,
      createIfAbsent: async (path, bytes, options) => {
        await store.delete(pathOf(2));
        return store.createIfAbsent(path, bytes, options);
      },
    });
    await expect(appendEntry(deps(slept), { txnId: 'a', base: 2, pathOf, plan: planner('ours').plan })).rejects.toMatchObject({
      code: 'WRITER_FENCED',
      context: { path: pathOf(3) },
    });
  });

  it('lets a local write through where the entry before it stands, and the first of a log', async () => {
    const { store, deps } = setUp();
    expect(await appendEntry(deps(local(store)), { txnId: 'a', base: -1, pathOf, plan: planner('ours').plan })).toMatchObject({
      kind: 'committed',
      version: 0,
    });
    expect(await appendEntry(deps(local(store)), { txnId: 'b', base: 0, pathOf, plan: planner('ours').plan })).toMatchObject({ kind: 'committed', version: 1 });
  });

  it('stops a writer whose winner has left the log', async () => {
    const { store, deps } = setUp();
    const cleaned = wrappedStore(store, { createIfAbsent: async () => ({ kind: 'exists' }) });
    await expect(appendEntry(deps(cleaned), { txnId: 'a', base: 5, pathOf, plan: planner('ours').plan })).rejects.toMatchObject({ code: 'WRITER_FENCED' });
  });
});

describe('an entry whose files are still being written', () => {
  const named =
    (after: Promise<unknown>) =>
    async (version: number): Promise<AttemptPlan<string>> => ({
      kind: 'write',
      bytes: utf8(`ours ${version}`),
      value: `ours at ${version}`,
      after,
    });

  /** With a store that makes an entry ready meanwhile, and with one that does not. */
  const stores = (store: ObjectStore): readonly ObjectStore[] => [
    store,
    wrappedStore(store, {
      createIfAbsentAfter: async (path, bytes, { after, ...options }) => {
        await after;
        return store.createIfAbsent(path, bytes, options);
      },
    }),
  ];

  it('appears once they are', async () => {
    for (const pick of [0, 1]) {
      const { store, deps } = setUp();
      let finish: () => void = () => undefined;
      const after = new Promise<void>((resolve) => (finish = resolve));
      const appended = appendEntry(deps(stores(store)[pick]), { txnId: 'a', base: -1, pathOf, plan: named(after) });
      await new Promise((resolve) => setImmediate(resolve));
      expect(await textOf(store, 0)).toBeUndefined();
      finish();
      expect(await appended).toMatchObject({ kind: 'committed', version: 0 });
      expect(await textOf(store, 0)).toBe('ours 0');
    }
  });

  it('appears no sooner where the store answered for the first try without waiting', async () => {
    const { store, deps } = setUp();
    let finish: () => void = () => undefined;
    const after = new Promise<void>((resolve) => (finish = resolve));
    const hasty = wrappedStore(store, { createIfAbsentAfter: () => Promise.resolve({ kind: 'unknown', cause: new Error('lost') }) });
    const appended = appendEntry(deps(hasty), { txnId: 'a', base: -1, pathOf, plan: named(after) });
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(await textOf(store, 0)).toBeUndefined();
    finish();
    expect(await appended).toMatchObject({ kind: 'committed', version: 0 });
  });

  it('never appears where one of them fails, whose error it ends with', async () => {
    for (const pick of [0, 1]) {
      const { store, deps } = setUp();
      const fault = new Error('disk full');
      await expect(appendEntry(deps(stores(store)[pick]), { txnId: 'a', base: -1, pathOf, plan: named(Promise.reject(fault)) })).rejects.toBe(fault);
      expect(await textOf(store, 0)).toBeUndefined();
    }
  });

  it('is fenced where the writer slept while they were written: they may have been taken for garbage', async () => {
    for (const pick of [0, 1]) {
      const { store, clock, deps } = setUp();
      const slept = Promise.resolve().then(() => clock.advance(PLAN_AGE_MAX_MILLIS + 1));
      await expect(appendEntry(deps(stores(store)[pick]), { txnId: 'a', base: -1, pathOf, plan: named(slept) })).rejects.toMatchObject({
        code: 'WRITER_FENCED',
        context: { path: pathOf(0) },
      });
      expect(await textOf(store, 0)).toBeUndefined();
    }
  });
});

describe('attempts', () => {
  /** Always beaten by one. */
  function contended(store: ObjectStore): ObjectStore {
    let racer = 0;
    return wrappedStore(store, {
      createIfAbsent: async (path, bytes, options) => {
        racer += 1;
        await store.createIfAbsent(path, utf8(`racer ${racer}`), { identity: `r${racer}` });
        return store.createIfAbsent(path, bytes, options);
      },
    });
  }

  it('end as a conflict once as many are lost as were allowed', async () => {
    const { store, deps } = setUp();
    expect(await appendEntry(deps(contended(store)), { txnId: 'a', base: -1, pathOf, plan: planner('ours').plan, attemptsMax: 5 })).toEqual({
      kind: 'conflict',
      winner: 4,
      reason: 'contention',
    });
    const unlimited = planner('ours');
    expect(await appendEntry(deps(contended(setUp().store)), { txnId: 'a', base: -1, pathOf, plan: unlimited.plan })).toEqual({
      kind: 'conflict',
      winner: COMMIT_ATTEMPTS_MAX - 1,
      reason: 'contention',
    });
    expect(unlimited.seen).toHaveLength(COMMIT_ATTEMPTS_MAX);
  });

  it('end as a conflict once the time is up', async () => {
    const { clock, store, deps } = setUp();
    const slow = contended(store);
    const { seen, plan } = planner('ours');
    const slowPlan = async (version: number, winners: readonly Winner[]): Promise<AttemptPlan<string>> => {
      await clock.advance(COMMIT_TIME_MAX_MILLIS / 2 + 1);
      return plan(version, winners);
    };
    expect(await appendEntry(deps(slow), { txnId: 'a', base: -1, pathOf, plan: slowPlan })).toMatchObject({ kind: 'conflict', reason: 'contention' });
    expect(seen).toHaveLength(2);
  });

  it('wait between tries by the clock, with jitter from the random port and a bound', async () => {
    const { store, log } = setUp();
    const slept: number[] = [];
    const clock = new ManualClock({ sleeping: 'skip' });
    const sleeping = Object.assign(Object.create(clock), {
      now: () => clock.now(),
      monotonicMillis: () => 0,
      sleep: async (millis: number) => {
        slept.push(millis);
      },
    });
    let unit = 0;
    const units = [0.5, 1, 0.25, 1, 1, 1, 1, 1, 1, 1];
    const random = Object.assign(new SeededRandom(1), { unit: () => units[unit++] ?? 1 });
    await appendEntry({ store: contended(store), clock: sleeping, random, log }, { txnId: 'a', base: -1, pathOf, plan: planner('ours').plan, attemptsMax: 11 });
    expect(slept).toEqual([5, 20, 10, 80, 160, 320, 640, COMMIT_BACKOFF_MAX_MILLIS, COMMIT_BACKOFF_MAX_MILLIS, COMMIT_BACKOFF_MAX_MILLIS]);
  });

  it('end with the reason of the signal once it is aborted', async () => {
    const { store, deps } = setUp();
    const controller = new AbortController();
    const { seen, plan } = planner('ours');
    const aborting = async (version: number, winners: readonly Winner[]): Promise<AttemptPlan<string>> => {
      if (seen.length === 1) controller.abort(new Error('gone'));
      return plan(version, winners);
    };
    await expect(appendEntry(deps(contended(store)), { txnId: 'a', base: -1, pathOf, plan: aborting, signal: controller.signal })).rejects.toThrow('gone');
    expect(seen).toHaveLength(2);
  });
});

describe('32 appenders at once', () => {
  it('each commit exactly once, without a gap, answers lost or not', async () => {
    for (const seed of [1, 2, 3]) {
      const { clock, store, log } = setUp();
      const random = new SeededRandom(seed);
      const turns = turnsOf(random);
      const outcomes: AppendOutcome<string>[] = [];
      await turns.run(
        Array.from({ length: 32 }, async (_, i) => {
          const shared = turningStore(store, turns, { random, faults: { lostAnswer: 0, lostRequest: 0 } });
          const losing = wrappedStore(shared, {
            createIfAbsent: async (path, bytes, options) => {
              const outcome = await shared.createIfAbsent(path, bytes, options);
              return outcome.kind === 'created' && random.unit() < 0.3 ? { kind: 'unknown', cause: new Error('reset') } : outcome;
            },
          });
          outcomes.push(
            await appendEntry(
              { store: losing, clock, random: new SeededRandom(i), log },
              { txnId: `w${i}`, base: -1, pathOf, plan: planner(`w${i}`).plan, attemptsMax: 1000 },
            ),
          );
        }),
      );
      const texts: (string | undefined)[] = [];
      for await (const { path } of store.list('log/')) texts.push(decodeUtf8((await store.get(path))?.bytes ?? new Uint8Array()));
      expect(texts.map((text) => text?.split(' ')[1])).toEqual(Array.from({ length: 32 }, (_, i) => String(i)));
      expect(new Set(texts.map((text) => text?.split(' ')[0])).size).toBe(32);
      for (const outcome of outcomes) if (outcome.kind === 'committed') expect(texts[outcome.version]).toBe(outcome.value.replace(' at ', ' '));
    }
  });
});
