/** One schedule: a table, its actors, their faults, and what the oracle says. */
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import type { EpochMillis } from '../../lib/core/time.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';
import { maintainer, openTable, persist, reader, readVersion, startActor, writer, type Actor, type ScriptStep, type Stage } from './actors.ts';
import { Bucket } from './bucket.ts';
import { Dice } from './dice.ts';
import { DAY, HOUR, knobsOf, MINUTE, SECOND } from './knobs.ts';
import { grouper, type Call, type Wave } from './grouper.ts';
import { committer, producer, settleInbox, type Acknowledged } from './inbox.ts';
import { columnsOf, type Op, type SimRow } from './model.ts';
import { countFault, SLEEP_MAX, START_MILLIS, type FaultKind, type World } from './network.ts';
import { ROOT } from './log-lines.ts';
import { DISTURBER, Oracle, type Attempt } from './oracle.ts';
import { type Drain, runEvents, Scheduler } from './scheduler.ts';
import { Trace } from './trace.ts';

export interface ScheduleOptions {
  readonly seed: number;
  readonly codecs: { readonly ndjson: TableCodec; readonly parquet: TableCodec };
  readonly trace: 'hash' | 'tail' | 'all';
  readonly drain: Drain;
}

export interface ScheduleResult {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly hash: string;
  readonly lines: readonly string[];
  readonly events: number;
  readonly requests: number;
  readonly commits: number;
  readonly actors: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
}

/** Events of one schedule; more is a storm or a livelock. */
const EVENTS_MAX = 60_000;
/** Requests of one schedule; more is a storm. */
const REQUESTS_MAX = 12_000;
/** What a faultless store may take to let everybody finish, ms, beside the longest sleep. */
const CALM_MAX = 12 * HOUR;

export async function runSchedule(options: ScheduleOptions): Promise<ScheduleResult> {
  const knobs = knobsOf(options.seed);
  const dice = new Dice(options.seed);
  const scheduler = new Scheduler(dice);
  const now = (): number => START_MILLIS + Math.floor(scheduler.now);
  const oracle = new Oracle(knobs, now);
  const bucket = new Bucket(now, oracle);
  oracle.bucket = bucket;
  const queue = new MemoryQueue({ clock: { now: () => now() as EpochMillis } });
  const services = { control: new MemoryControl(), queue, putAt: new Map<string, number>(), rungAt: -1 };
  const world: World = { knobs, dice, scheduler, bucket, oracle, trace: new Trace(options.trace), faults: new Map(), services, requests: 0, isCalm: true };
  const codec = options.codecs[knobs.codec];
  await play(world, codec, { drain: options.drain, actors: [creator()], limit: HOUR });
  world.isCalm = false;
  const acknowledged: Acknowledged[] = [];
  const actors = cast(world, acknowledged);
  const calmAt = scheduler.now + (knobs.epochs.at(-1) ?? 0) + 2 * MINUTE;
  scheduler.after(calmAt - scheduler.now, () => {
    world.isCalm = true;
  });
  disturb(world);
  const limit = calmAt + knobs.freezeMillis + SLEEP_MAX + CALM_MAX;
  await play(world, codec, { drain: options.drain, actors, limit });
  world.isCalm = true;
  if (oracle.violation === undefined)
    await play(world, codec, { drain: options.drain, actors: [closer(world, acknowledged)], limit: scheduler.now + 60 * DAY });
  return {
    seed: options.seed,
    violation: oracle.violation,
    hash: world.trace.hash,
    lines: world.trace.lines,
    events: scheduler.events,
    requests: world.requests,
    commits: oracle.commits.length,
    actors: actors.length,
    faults: world.faults,
  };
}

/** Runs the actors to the end of their scripts. */
async function play(
  world: World,
  codec: TableCodec,
  scene: { readonly drain: Drain; readonly actors: readonly Actor[]; readonly limit: number },
): Promise<void> {
  const { oracle, scheduler } = world;
  let left = scene.actors.length;
  for (const actor of scene.actors) {
    startActor(world, codec, actor, () => {
      left -= 1;
    });
  }
  const isDone = (): boolean => {
    if (scheduler.now > scene.limit)
      oracle.fail(`liveness: ${left} actors are not done ${((scheduler.now - scene.limit) / HOUR).toFixed(1)} h after the limit`);
    if (scheduler.events > EVENTS_MAX || world.requests > REQUESTS_MAX) oracle.fail(`liveness: ${scheduler.events} events, ${world.requests} requests`);
    return left === 0 || oracle.violation !== undefined;
  };
  await runEvents(scheduler, { drain: scene.drain, isDone });
  if (left > 0) oracle.fail(`liveness: nothing is left to happen, and ${left} actors wait`);
}

function creator(): Actor {
  return {
    name: 'creator',
    run: async ({ world, process, deps }) => {
      const attempt: Attempt = { who: process.name, op: { kind: 'create' }, key: undefined, startedAt: 0, ackedBefore: 0, headBefore: -1 };
      process.attempt = attempt;
      const columns = columnsOf(world.knobs.hasEventTime);
      const hours = world.knobs.retentionMillis / HOUR;
      await DeltaTable.create(deps, ROOT, {
        columns,
        partitionBy: [],
        profile: world.knobs.profile,
        configuration: {
          'delta.deletedFileRetentionDuration': `interval ${hours} hours`,
          'delta.logRetentionDuration': `interval ${world.knobs.logRetentionMillis / HOUR} hours`,
          'delta.checkpointInterval': String(world.knobs.checkpointEvery),
        },
      });
      process.attempt = undefined;
    },
  };
}

/** Reads all of it once more when everything is quiet, and lets a last vacuum take what nobody needs. */
function closer(world: World, acknowledged: readonly Acknowledged[]): Actor {
  return {
    name: 'closer',
    run: async (stage) => {
      const { oracle, dice } = world;
      if (world.knobs.hasInbox) await settleInbox(stage, acknowledged);
      const table = await openTable(stage);
      if (table.snapshot.version !== oracle.head) oracle.fail(`G7: at the end the newest version is read as ${table.snapshot.version}, it is ${oracle.head}`);
      await readVersion(stage, table.snapshot);
      const version = dice.int(0, oracle.head);
      if (dice.chance(0.5) && !oracle.isExpired(version)) await readVersion(stage, await table.at({ version }));
      if (!dice.chance(0.3)) return;
      // What a queued write staged is left for 15 days.
      await stage.deps.clock.sleep(Math.max(DAY, world.knobs.retentionMillis) + 16 * DAY);
      await table.vacuum({ retentionMillis: world.knobs.retentionMillis, dryRun: false, force: true, scope: 'full' });
      oracle.checkOrphans();
      await readVersion(stage, await table.refresh());
    },
  };
}

/** The actors of a schedule. */
function cast(world: World, acknowledged: Acknowledged[]): readonly Actor[] {
  const { dice, knobs, oracle } = world;
  const script = scripts(world);
  const shared = script.steps('d', 3, 1);
  const later = shared.map((step) => ({ ...step, at: step.at + dice.pick([0, 5 * SECOND, 40 * HOUR]) }));
  const times = (share: number, delay = 0): number[] => knobs.epochs.filter(() => dice.chance(share)).map((epoch) => epoch + delay + dice.unit() * 4 * SECOND);
  const vacuums = times(0.5);
  // One that falls asleep between its first questions: what is committed meanwhile is newer than all it knows.
  const sleepsThrough = dice.chance(0.3) ? dice.int(0, 1) : undefined;
  let vacuumed = 0;
  const compact = (stage: Stage, table: DeltaTable): Promise<unknown> => optimize(stage, table);
  const checkpoint = (stage: Stage, table: DeltaTable): Promise<unknown> => checkpointWhenDue(stage, table);
  return [
    writer('writer-1', script.steps('a', dice.int(3, 5), 0.4)),
    writer('writer-2', script.steps('b', dice.int(3, 4), 0.4)),
    ...grouped(),
    writer('deliverer-1', shared),
    writer('deliverer-2', later),
    writer('restorer', dice.chance(0.4) ? script.restores(vacuums) : []),
    writer('sleeper', script.steps('s', 2, 0.5), dice.chance(0.8) ? { freezeAfter: dice.int(1, 8) } : {}),
    maintainer('compactor-1', times(0.5), compact),
    maintainer('compactor-2', times(0.5), compact),
    maintainer('checkpointer-1', times(0.7, SECOND), checkpoint),
    maintainer('logkeeper', times(0.8, SECOND), (_, table) => table.maintainLog(dice.chance(0.3) ? { rest: 'compact' } : {})),
    maintainer('vacuum', vacuums, (stage, table) => {
      if (sleepsThrough === vacuumed) stage.process.freezeAfter = dice.int(1, 6);
      vacuumed += 1;
      const scope = dice.chance(0.5) ? 'full' : 'log';
      return table.vacuum({ retentionMillis: knobs.retentionMillis, dryRun: false, force: true, scope });
    }),
    reader('reader-1', times(0.6)),
    reader('reader-2', times(0.5)),
  ];
  function grouped(): readonly Actor[] {
    const waves = script.waves(dice.int(1, 2));
    if (!knobs.hasInbox) return [grouper('grouper', waves, dice.chance(0.2) ? { freezeAfter: dice.int(4, 12) } : {})];
    const woken = times(0.8, SECOND);
    // By the same doorbells: one of the two finds the lease taken.
    const wokenToo = woken.map((at) => at + dice.unit() * 10 * knobs.latency);
    return [producer('producer', waves, acknowledged), committer('committer-1', woken), committer('committer-2', wokenToo)];
  }
  function optimize(stage: Stage, table: DeltaTable): Promise<unknown> {
    const op: Op = { kind: 'optimize' };
    const attempt: Attempt = {
      who: stage.process.name,
      op,
      key: undefined,
      startedAt: world.scheduler.now,
      ackedBefore: oracle.acked,
      headBefore: oracle.head,
    };
    stage.process.attempt = attempt;
    return table.optimize({ sortBy: ['k'] }).then((outcome) => {
      if (outcome.kind === 'committed') oracle.checkAcked(attempt, outcome.version, undefined);
      if (outcome.kind === 'conflict' || outcome.kind === 'nothing') oracle.checkAbsent(attempt, `that optimize is ${outcome.kind}`);
    });
  }
  async function checkpointWhenDue(stage: Stage, table: DeltaTable): Promise<void> {
    const { version, checkpointVersion } = await persist(stage, () => table.refresh());
    if (version - (checkpointVersion ?? 0) >= knobs.checkpointEvery) await table.checkpoint();
  }
}

/** Makes scripts of random operations; rows are numbered over all of them. */
function scripts({ dice, knobs, oracle }: World): {
  readonly steps: (name: string, count: number, keyed: number) => ScriptStep[];
  readonly waves: (count: number) => Wave[];
  /** Of an early version, while a vacuum runs. */
  readonly restores: (vacuums: readonly number[]) => ScriptStep[];
} {
  let ids = 0;
  const rowOf = (): SimRow => {
    ids += 1;
    const e = knobs.hasEventTime ? BigInt(START_MILLIS) * 1000n + BigInt(dice.int(0, 2)) * 86_400_000_000n : null;
    return { id: ids, k: `k${dice.int(1, knobs.keys)}`, e, r: BigInt(START_MILLIS) * 1000n + BigInt(dice.int(0, 20) * 1_000_000 + ids) };
  };
  const rows = (max: number): SimRow[] => Array.from({ length: dice.int(1, max) }, rowOf);
  const opOf = (): Op => {
    const choice = dice.unit();
    if (choice < 0.38) return { kind: 'upsert', rows: rows(4) };
    if (choice < 0.6) return { kind: 'append', rows: rows(3) };
    if (choice < 0.65) return update();
    if (choice < 0.7) {
      const from = dice.int(Math.max(1, ids - 5), ids + 1);
      const replacing = rows(3);
      return { kind: 'overwriteWhere', from, to: ids + 1, rows: replacing };
    }
    if (choice < 0.8) return { kind: 'deleteKeys', keys: [`k${dice.int(1, knobs.keys)}`] };
    if (choice < 0.88) {
      const from = dice.int(1, Math.max(1, ids));
      return { kind: 'deleteWhere', from, to: from + dice.int(1, 6) };
    }
    if (choice < 0.93) return { kind: 'overwrite', rows: rows(3) };
    if (choice < 0.96) return { kind: 'restore', version: dice.int(0, Math.max(0, oracle.head)) };
    return choice < 0.98 ? { kind: 'addColumn', name: `c${(ids += 1)}` } : { kind: 'alter' };
  };
  const update = (): Op => {
    const live = oracle.states.at(-1) ?? [];
    const id = live[dice.int(0, Math.max(0, live.length - 1))];
    const row = id === undefined ? undefined : oracle.rows.get(id);
    if (id === undefined || row === undefined) return { kind: 'append', rows: rows(1) };
    return { kind: 'update', id, rows: [{ ...rowOf(), k: row.k, e: row.e }] };
  };
  return {
    waves: (count) =>
      Array.from({ length: count }, (_, wave): Wave => {
        const at = dice.pick([0, ...knobs.epochs]) + dice.unit() * 3 * SECOND;
        const calls = Array.from({ length: dice.int(2, 4) }, (_, i): Call => {
          const kind = dice.chance(0.6) ? 'upsert' : 'append';
          return { key: `g${wave}.${i}`, isTwice: dice.chance(0.15), op: () => ({ kind, rows: rows(2) }) };
        });
        return { at, calls };
      }).toSorted((a, b) => a.at - b.at),
    restores: (vacuums) =>
      vacuums.slice(-1).map((at) => ({
        at: at - knobs.latency * 3 * dice.unit(),
        op: () => ({ kind: 'restore', version: Math.min(dice.int(1, 3), Math.max(0, oracle.head)) }),
      })),
    steps: (name, count, keyed) =>
      Array.from({ length: count }, (_, i): ScriptStep => {
        let op: Op | undefined;
        const at = dice.pick([0, ...knobs.epochs]) + dice.unit() * 3 * SECOND;
        return { at, op: () => (op ??= opOf()), ...(dice.chance(keyed) ? { key: `${name}${i}` } : {}) };
      }).toSorted((a, b) => a.at - b.at),
  };
}

/** Foreign objects in the log's folder, and a pointer that lies. */
function disturb(world: World): void {
  const { dice, knobs, scheduler, bucket, oracle } = world;
  const log = `${ROOT}/_delta_log/`;
  const number = (version: number, width = 20): string => String(version).padStart(width, '0');
  const foreign = [
    () => `${log}${number(dice.int(0, 30))}.json.tmp-${dice.int(1, 9)}`,
    () => `${log}.${number(dice.int(0, 30))}.json.crc`,
    () => `${log}${number(dice.int(0, 30), 19)}.json`,
    () => `${log}${number(dice.int(0, 30))}.checkpoint.0000000001.0000000002.parquet`,
    () => `${log}_staged_commits/${number(dice.int(0, 30))}.json`,
    () => `${ROOT}/_temporary/0/x.parquet`,
  ] as const;
  for (const epoch of knobs.epochs) {
    if (dice.chance(0.6)) {
      scheduler.after(epoch + dice.unit() * 3 * SECOND, () => {
        bucket.create(dice.pick(foreign)(), { bytes: utf8('{}\n'), identity: undefined }, undefined);
        countFault(world, 'foreign');
      });
    }
    if (dice.chance(0.5)) {
      scheduler.after(epoch + dice.unit() * 3 * SECOND, () => {
        const lies = ['', '{', '{"version":"x"}', `{"version":${dice.int(0, oracle.head)}}`, `{"version":${oracle.head + 5},"size":1}`] as const;
        bucket.overwrite(`${log}_last_checkpoint`, { bytes: utf8(dice.pick([lies[0], ...lies])), identity: undefined }, DISTURBER);
        countFault(world, 'pointer');
      });
    }
  }
}
