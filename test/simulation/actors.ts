/** Who takes part: each actor is a script that starts again after a crash, from the step it was at. */
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { isLakefoldError, type LakefoldError } from '../../lib/core/errors.ts';
import type { Value } from '../../lib/core/types.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import type { Filter } from '../../lib/delta/filter/filter.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import type { Snapshot } from '../../lib/delta/snapshot/snapshot-state.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOptions, WriteOutcome } from '../../lib/delta/write/write-outcome.ts';
import type { Log } from '../../lib/ports/log.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';
import { HOUR, SECOND } from './knobs.ts';
import { batchOf, idsOf, type Op } from './model.ts';
import { Process, ProcessClock, type World } from './network.ts';
import { ROOT } from './log-lines.ts';
import { KEY_WINDOW, type Attempt } from './oracle.ts';
import { simulatedS3 } from './simulated-s3.ts';
import { simulatedStore } from './simulated-store.ts';

/** A step of a script: when, and what. */
export interface ScriptStep {
  readonly at: number;
  readonly key?: string;
  /** Made when the step begins, the same for all deliveries of one request. */
  readonly op: () => Op;
}

export interface Actor {
  readonly name: string;
  /** Answers after which its first process freezes for longer than the log keeps young commits. */
  readonly freezeAfter?: number;
  run(stage: Stage): Promise<void>;
}

/** What a process of an actor has. */
export interface Stage {
  readonly world: World;
  readonly process: Process;
  readonly deps: DeltaDeps;
  sleepUntil(at: number): Promise<void>;
}

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
/** Tries of one step; enough for any storm a schedule holds. */
const TRIES_MAX = 200;

/** Starts an actor, and starts it again whenever it crashes; `done` when its script is at its end. */
export function startActor(world: World, codec: TableCodec, actor: Actor, done: () => void): void {
  let incarnation = 0;
  const start = (): void => {
    incarnation += 1;
    const process = new Process(world, `${actor.name}#${incarnation}`, () => {
      world.scheduler.after(world.dice.unit() * 10 * SECOND, start);
    });
    if (incarnation === 1 && actor.freezeAfter !== undefined) process.freezeAfter = actor.freezeAfter;
    const clock = new ProcessClock(process);
    const random = new SeededRandom(world.dice.seed());
    const store = world.knobs.store === 's3' ? simulatedS3(process, { clock, random }) : simulatedStore(process);
    const stage: Stage = {
      world,
      process,
      deps: { store, codec, clock, random, log: silent, engineInfo: 'lakefold/simulated' },
      sleepUntil: (at) => clock.sleep(Math.max(0, at - world.scheduler.now)),
    };
    actor.run(stage).then(done, (error: unknown) => {
      if (process.isAlive) world.oracle.fail(`${process.name} ended with ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    });
  };
  start();
}

/** Opens the table, however often it takes. */
export async function openTable(stage: Stage): Promise<DeltaTable> {
  return persist(stage, () => DeltaTable.open(stage.deps, ROOT));
}

/** Repeats what may be repeated until it succeeds. */
export async function persist<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  const { world } = stage;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isStoreFault(error)) throw error;
      if (attempt >= TRIES_MAX) throw new Error(`still failing after ${attempt} tries`, { cause: error });
      await stage.deps.clock.sleep(world.dice.unit() * Math.min(5 * SECOND, 100 * 2 ** attempt));
    }
  }
}

function isStoreFault(error: unknown): boolean {
  return isLakefoldError(error, 'STORE_UNAVAILABLE') || isLakefoldError(error, 'STORE_THROTTLED');
}

/** Writes the steps in order. A step with a key is delivered until it is known to be done; one without is tried once. */
export function writer(name: string, steps: readonly ScriptStep[], options: { readonly freezeAfter?: number } = {}): Actor {
  let next = 0;
  return {
    name,
    ...options,
    run: async (stage) => {
      let table: DeltaTable | undefined;
      for (let step = steps[next]; step !== undefined; step = steps[next]) {
        await stage.sleepUntil(step.at);
        table ??= await openTable(stage);
        if (step.key === undefined) next += 1;
        const isDone = await tryStep(stage, table, step);
        if (step.key === undefined) continue;
        if (isDone) next += 1;
        else await stage.deps.clock.sleep(stage.world.dice.unit() * SECOND);
      }
    },
  };
}

/** One delivery; true when its outcome is settled. */
async function tryStep(stage: Stage, table: DeltaTable, step: ScriptStep): Promise<boolean> {
  const { world, process } = stage;
  const { oracle } = world;
  const op = step.op();
  if ('rows' in op) for (const row of op.rows) oracle.rows.set(row.id, row);
  const attempt: Attempt = { who: process.name, op, key: step.key, startedAt: world.scheduler.now, ackedBefore: oracle.acked, headBefore: oracle.head };
  process.attempt = attempt;
  world.trace.note(world.scheduler.now, process.name, `begins ${op.kind}`, step.key ?? '');
  try {
    const outcome = await perform(stage, table, { op, key: step.key });
    world.trace.note(world.scheduler.now, process.name, `${op.kind} is ${outcome.kind}`, 'version' in outcome ? String(outcome.version) : '');
    return judgeOutcome(stage, attempt, outcome);
  } catch (error) {
    world.trace.note(world.scheduler.now, process.name, `${op.kind} fails`, isLakefoldError(error) ? error.code : String(error));
    return judgeError(stage, { attempt, error });
  } finally {
    process.attempt = undefined;
  }
}

async function perform(stage: Stage, table: DeltaTable, { op, key }: { readonly op: Op; readonly key: string | undefined }): Promise<WriteOutcome> {
  const { hasEventTime } = stage.world.knobs;
  const options: WriteOptions = key === undefined ? {} : { idempotency: { kind: 'request', key, bodyHash: 'same', windowMillis: KEY_WINDOW } };
  const sortBy = hasEventTime ? ['k', 'e'] : ['k'];
  switch (op.kind) {
    case 'append':
      return (await table.append(batchOf(hasEventTime, op.rows), { ...options, sortBy })).outcome;
    case 'overwrite':
      return (await table.overwrite(batchOf(hasEventTime, op.rows), { ...options, sortBy })).outcome;
    case 'upsert':
      return (await table.upsert(batchOf(hasEventTime, op.rows), { ...options, keys: ['k'], ...(hasEventTime ? { eventTime: 'e' } : {}) })).outcome;
    case 'deleteKeys':
      return (await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: op.keys.map((k) => [k]) }] }, { ...options, sortBy })).outcome;
    case 'deleteWhere':
      return (await table.delete({ kind: 'where', filter: valuesBetween(op.from, op.to) }, { ...options, sortBy })).outcome;
    case 'overwriteWhere':
      return (await table.overwrite(batchOf(hasEventTime, op.rows), { ...options, sortBy, where: valuesBetween(op.from, op.to) })).outcome;
    case 'update': {
      const [{ id, r }] = op.rows;
      const set = new Map<string, Value>([
        ['v', id],
        ['_ingested_at', r],
      ]);
      return table.update({ filter: { kind: 'compare', column: 'v', op: '=', value: op.id }, set }, { ...options, sortBy });
    }
    case 'addColumn':
      return table.alterSchema({ kind: 'addColumns', columns: [{ name: op.name, type: { kind: 'string' }, nullable: true }] }, options);
    case 'restore':
      return table.restore({ version: op.version }, options);
    case 'optimize':
      return table.optimize({ ...options, sortBy });
    case 'group':
    case 'alter':
    case 'create':
      return table.alter({ columns: table.snapshot.columns, configuration: { note: stage.process.name } }, options);
  }
}

function valuesBetween(from: number, to: number): Filter {
  return {
    kind: 'and',
    filters: [
      { kind: 'compare', column: 'v', op: '>=', value: from },
      { kind: 'compare', column: 'v', op: '<', value: to },
    ],
  };
}

function judgeOutcome(stage: Stage, attempt: Attempt, outcome: WriteOutcome): boolean {
  const { oracle } = stage.world;
  switch (outcome.kind) {
    case 'committed': {
      const { rowsInserted, rowsUpdated, rowsDeleted, stale } = outcome.counts;
      oracle.checkAcked(attempt, outcome.version, [rowsInserted, rowsUpdated, rowsDeleted, stale]);
      return true;
    }
    case 'alreadyApplied':
      oracle.checkAcked(attempt, outcome.version, undefined);
      return true;
    case 'nothing':
      oracle.checkNothing(attempt);
      return true;
    case 'conflict':
      oracle.checkAbsent(attempt, `of a conflict (${outcome.reason})`);
      return false;
    case 'unknown':
      return false;
  }
}

/** What a write may fail with on a store that fails; true when trying again makes no sense. */
export function judgeError(stage: Stage, { attempt, error }: { readonly attempt: Attempt; readonly error: unknown }): boolean {
  const { oracle, scheduler } = stage.world;
  if (isStoreFault(error)) return false;
  const slept = scheduler.now - attempt.startedAt;
  if (isLakefoldError(error, 'WRITER_FENCED') && slept > HOUR / 2) {
    oracle.checkAbsent(attempt, 'that it was fenced');
    return false;
  }
  if (isSleptOver(stage, attempt.startedAt, error)) return false;
  if (
    attempt.op.kind === 'restore' &&
    (isLakefoldError(error, 'HISTORY_EXPIRED') || isLakefoldError(error, 'FILE_MISSING')) &&
    (oracle.isExpired(attempt.op.version) || oracle.isExpiring(attempt.op.version))
  ) {
    oracle.checkAbsent(attempt, 'that the version has expired');
    return true;
  }
  // The request is forgotten after its window, the column is not.
  if (attempt.op.kind === 'addColumn' && attempt.key !== undefined && isLakefoldError(error, 'INVALID_ARGUMENT') && oracle.isForgotten(attempt.key))
    return true;
  throw error;
}

/** Reads now and then: the newest version warm, the newest version afresh, an earlier version. */
export function reader(name: string, times: readonly number[]): Actor {
  let next = 0;
  return {
    name,
    run: async (stage) => {
      let table: DeltaTable | undefined;
      for (let at = times[next]; at !== undefined; at = times[next]) {
        await stage.sleepUntil(at);
        next += 1;
        const { oracle, dice } = stage.world;
        const acked = oracle.acked;
        if (table === undefined || dice.chance(0.15)) table = await openTable(stage);
        else await persist(stage, () => (table as DeltaTable).refresh());
        const { snapshot } = table;
        if (snapshot.version < acked)
          oracle.fail(`G7: ${stage.process.name} was shown version ${snapshot.version} as the newest; ${acked} was acknowledged before`);
        await readVersion(stage, snapshot);
        const luck = dice.unit();
        const earlier = dice.int(0, Math.max(0, snapshot.version));
        if (luck < 0.2) await travel(stage, table, earlier);
        else if (luck < 0.3) await travelTo(stage, table, earlier);
        else if (luck < 0.45) await readChanges(stage, table, { from: Math.max(earlier, snapshot.version - CHANGES_MAX), to: snapshot.version });
      }
    },
  };
}

/** Reads a version and holds it against the model; a version whose objects have expired may fail, by the documented codes. */
export async function readVersion(stage: Stage, snapshot: Snapshot): Promise<void> {
  const { oracle } = stage.world;
  try {
    const ids = await persist(stage, async () => {
      const read: number[] = [];
      for await (const batch of readRows(stage.deps, { root: ROOT, snapshot }, { columns: ['v'] })) read.push(...idsOf(batch));
      return read;
    });
    oracle.checkRead(stage.process.name, snapshot.version, ids);
    stage.world.trace.note(stage.world.scheduler.now, stage.process.name, `reads version ${snapshot.version}`);
  } catch (error) {
    if (!isExpiry(error) || !oracle.isExpired(snapshot.version)) throw error;
  }
}

async function travel(stage: Stage, table: DeltaTable, version: number): Promise<void> {
  try {
    await readVersion(stage, await persist(stage, () => table.at({ version })));
  } catch (error) {
    if (!isExpiry(error) || !stage.world.oracle.isExpired(version)) throw error;
  }
}

/** By the time of a version, or a while later. */
async function travelTo(stage: Stage, table: DeltaTable, version: number): Promise<void> {
  const { oracle, dice } = stage.world;
  const instant = (oracle.commits[version]?.committedAt ?? 0) + dice.pick([0, 0, SECOND]);
  const headBefore = oracle.head;
  try {
    const snapshot = await persist(stage, () => table.at({ instant }));
    oracle.checkInstant(stage.process.name, snapshot.version, { instant, headBefore });
    await readVersion(stage, snapshot);
  } catch (error) {
    if (!isExpiry(error) || !oracle.isExpired(version)) throw error;
  }
}

/** Versions whose changes are read at once. */
const CHANGES_MAX = 3;

async function readChanges(stage: Stage, table: DeltaTable, { from, to }: { readonly from: number; readonly to: number }): Promise<void> {
  const { oracle } = stage.world;
  const keys = stage.world.knobs.hasEventTime ? ['k', 'e'] : ['k'];
  try {
    const changes = await persist(stage, async () => {
      const read = Array.from({ length: to - from }, () => ({ came: [] as number[], went: [] as number[] }));
      for await (const batch of table.changes({ fromVersion: from, toVersion: to, keys, columns: ['v'] })) {
        const valuesOf = (name: string): readonly unknown[] =>
          Array.from(batch.vectors[batch.columns.findIndex((column) => column.name === name)]?.values ?? []);
        const [versions, types] = [valuesOf('_commit_version'), valuesOf('_change_type')];
        for (const [i, id] of idsOf(batch).entries()) {
          const { came, went } = read[Number(versions[i]) - from - 1] ?? { came: [], went: [] };
          (types[i] === 'insert' || types[i] === 'update_postimage' ? came : went).push(id);
        }
      }
      return read;
    });
    for (const [i, each] of changes.entries()) oracle.checkChanges(stage.process.name, from + 1 + i, each);
  } catch (error) {
    const isGone = Array.from({ length: to - from + 1 }, (_, i) => from + i).some((version) => oracle.isExpired(version));
    if (!isExpiry(error) || !isGone) throw error;
  }
}

/** Whether a file was deleted, as it may be, while a process that asks for it now was asleep. */
export function isSleptOver({ world }: Stage, startedAt: number, error: unknown): boolean {
  return world.scheduler.now - startedAt > HOUR && isMissing(error) && world.oracle.wasDeleted(pathOf(error));
}

function isMissing(error: unknown): error is LakefoldError {
  return isLakefoldError(error, 'FILE_MISSING') || isLakefoldError(error, 'DELETION_VECTOR_CORRUPT');
}

/** The missing object's path in the store, however the error names it. */
function pathOf(error: LakefoldError): string {
  const path = String(error.context['path']);
  return path.startsWith(`${ROOT}/`) ? path : `${ROOT}/${path}`;
}

function isExpiry(error: unknown): boolean {
  return isLakefoldError(error, 'HISTORY_EXPIRED') || isLakefoldError(error, 'FILE_MISSING') || isLakefoldError(error, 'DELETION_VECTOR_CORRUPT');
}

/** Does something to the table at each of the times; what the store refuses is left for the next time. */
export function maintainer(name: string, times: readonly number[], work: (stage: Stage, table: DeltaTable) => Promise<unknown>): Actor {
  let next = 0;
  return {
    name,
    run: async (stage) => {
      let table: DeltaTable | undefined;
      for (let at = times[next]; at !== undefined; at = times[next]) {
        await stage.sleepUntil(at);
        next += 1;
        table ??= await openTable(stage);
        const startedAt = stage.world.scheduler.now;
        try {
          await work(stage, table);
          stage.world.trace.note(stage.world.scheduler.now, stage.process.name, 'is done');
        } catch (error) {
          const isFenced = stage.world.scheduler.now - startedAt > HOUR && isLakefoldError(error, 'WRITER_FENCED');
          if (!isFenced && !isSleptOver(stage, startedAt, error) && !isStoreFault(error)) throw error;
        }
      }
    },
  };
}
