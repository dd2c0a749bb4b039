/**
 * Processes and the way between them and the store: every request takes time, may fail before, after or long after its
 * effect, and is answered only to a process that still lives. A crash runs no `finally`: promises of a dead process
 * never settle.
 */
import type { EpochMicros, EpochMillis } from '../../lib/core/time.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Bucket } from './bucket.ts';
import type { Dice } from './dice.ts';
import { DAY, HOUR, MINUTE, SECOND, type Knobs } from './knobs.ts';
import type { Attempt, Oracle } from './oracle.ts';
import type { Scheduler } from './scheduler.ts';
import type { Services } from './simulated-services.ts';
import type { Trace } from './trace.ts';

/** Epoch ms at which every schedule begins. */
export const START_MILLIS = 1_750_000_000_000;
/** A request in flight for longer than this is refused by the store: its signature is too old. */
const LATE_MAX = 14 * MINUTE;

const CUT_MAX = 6 * SECOND;
/** A day and what a log is kept beyond it; and longer than any table's log and files are. */
const LONG_SLEEPS: readonly [number, number] = [30 * HOUR, 12 * DAY];
/** The longest sleep of an actor that falls asleep after a number of answers, ms. */
export const SLEEP_MAX = LONG_SLEEPS[1];

export type FaultKind =
  | 'before'
  | 'after'
  | 'late'
  | 'contended'
  | 'throttled'
  | 'cut'
  | 'slow'
  | 'page'
  | 'body'
  | 'crash'
  | 'freeze'
  | 'clock'
  | 'pointer'
  | 'foreign'
  | 'expiry';

export interface World {
  readonly knobs: Knobs;
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  readonly bucket: Bucket;
  readonly oracle: Oracle;
  readonly trace: Trace;
  readonly services: Services;
  readonly faults: Map<FaultKind, number>;
  requests: number;
  /** No new faults from here on. */
  isCalm: boolean;
}

export function countFault(world: World, kind: FaultKind): void {
  world.faults.set(kind, (world.faults.get(kind) ?? 0) + 1);
}

/** One incarnation of an actor: from its start to its crash. */
export class Process {
  isAlive = true;
  frozenUntil = 0;
  /** Answers after which it freezes once, whatever the dice say. */
  freezeAfter = Number.POSITIVE_INFINITY;
  requests = 0;
  /** Its way to the store is gone until then, ms from the start. */
  cutUntil = 0;
  attempt: Attempt | undefined;
  readonly name: string;
  readonly world: World;
  readonly #onCrash: () => void;

  constructor(world: World, name: string, onCrash: () => void) {
    this.world = world;
    this.name = name;
    this.#onCrash = onCrash;
  }

  /** Runs `run` in the process after `millis`, unless it died; later, if it freezes. */
  deliver(millis: number, run: () => void): void {
    this.world.scheduler.after(millis, () => this.#arrive(run));
  }

  #arrive(run: () => void): void {
    const { world } = this;
    if (!this.isAlive) return;
    const { now } = world.scheduler;
    if (now < this.frozenUntil) {
      this.deliver(this.frozenUntil - now, run);
      return;
    }
    this.freezeAfter -= 1;
    if (this.freezeAfter <= 0 || (!world.isCalm && world.dice.chance(world.knobs.freeze))) {
      const pause = this.freezeAfter <= 0 ? world.dice.pick(LONG_SLEEPS) : world.knobs.freezeMillis * world.dice.unit();
      this.freezeAfter = Number.POSITIVE_INFINITY;
      this.frozenUntil = now + pause;
      countFault(world, 'freeze');
      world.trace.note(now, this.name, 'freezes');
      this.deliver(pause, run);
      return;
    }
    if (!world.isCalm && world.dice.chance(world.knobs.crash)) {
      this.kill();
      return;
    }
    run();
  }

  kill(): void {
    this.isAlive = false;
    countFault(this.world, 'crash');
    this.world.trace.note(this.world.scheduler.now, this.name, 'crashes');
    this.#onCrash();
  }
}

/** The clock of one process: off by a constant, and it may jump. */
export class ProcessClock implements Clock {
  readonly #process: Process;
  #skew: number;

  constructor(process: Process) {
    this.#process = process;
    const { dice, knobs } = process.world;
    this.#skew = Math.floor((dice.unit() * 2 - 1) * knobs.skew);
    if (this.#skew !== 0) countFault(process.world, 'clock');
  }

  now(): EpochMillis {
    const { world } = this.#process;
    if (!world.isCalm && world.knobs.skew > 0 && world.dice.chance(0.002)) this.#skew = Math.floor((world.dice.unit() * 2 - 1) * world.knobs.skew);
    return (START_MILLIS + Math.floor(world.scheduler.now) + this.#skew) as EpochMillis;
  }

  nowMicros(): EpochMicros {
    return (BigInt(this.now()) * 1000n) as EpochMicros;
  }

  monotonicMillis(): number {
    return this.#process.world.scheduler.now;
  }

  sleep(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.#process.deliver(millis, resolve);
    });
  }
}

/** A request as the way to the store sees it. */
export interface Request<T> {
  readonly verb: string;
  readonly path: string;
  /** The effect and the answer; may throw an answer that is an error. */
  readonly apply: () => T;
  readonly isConditional?: boolean;
  readonly errorOf: (fault: NetworkFault) => unknown;
}

/** `unsent`, `contended` and `throttled`: nothing was done. `lost`: nobody knows. */
export type NetworkFault = 'unsent' | 'lost' | 'contended' | 'throttled';

export function request<T>(process: Process, spec: Request<T>): Promise<T> {
  const { world } = process;
  world.requests += 1;
  process.requests += 1;
  const { dice, knobs, scheduler } = world;
  const there = knobs.latency * (0.2 + dice.unit());
  const fault = world.isCalm ? 'none' : (drawCut(process, spec) ?? drawFault(world, spec.isConditional === true));
  if (fault !== 'none') countFault(world, fault);
  const note = (what: string): void => world.trace.note(scheduler.now, process.name, `${spec.verb} ${what}`, spec.path);
  return new Promise<T>((resolve, reject) => {
    const applied = (what: string): (() => void) => {
      try {
        const answer = spec.apply();
        note(what);
        return () => resolve(answer);
      } catch (error) {
        note(`${what}, refused`);
        return () => reject(error as Error);
      }
    };
    const failed = (kind: NetworkFault, delay: number): void => process.deliver(delay, () => reject(spec.errorOf(kind) as Error));
    switch (fault) {
      case 'before':
        note('is lost');
        return failed(dice.chance(0.3) ? 'unsent' : 'lost', there);
      case 'contended':
      case 'throttled':
        note(`is ${fault}`);
        return failed(fault, there);
      case 'after':
        return scheduler.after(there, () => {
          applied('done, answer lost');
          failed('lost', there);
        });
      case 'late': {
        const patience = 3 * SECOND + dice.unit() * 7 * SECOND;
        scheduler.after(dice.chance(0.5) ? patience * 2 * dice.unit() : dice.unit() * LATE_MAX, () => applied('done late'));
        return failed('lost', patience);
      }
      default: {
        const slow = fault === 'slow' ? (1 + 9 * dice.unit()) * SECOND : 0;
        return scheduler.after(there + slow * dice.unit(), () => process.deliver(there + slow * dice.unit(), applied('done')));
      }
    }
  });
}

/** A process may lose its way to the store as it asks for an entry of the log: then it can't tell what became of it. */
function drawCut(process: Process, { verb, path }: Pick<Request<unknown>, 'verb' | 'path'>): 'before' | 'after' | undefined {
  const { dice, knobs, scheduler } = process.world;
  if (scheduler.now >= process.cutUntil) {
    const isEntry = (verb === 'PUT' || verb === 'CREATE') && path.includes('/_delta_log/');
    if (!isEntry || !dice.chance(knobs.cut)) return undefined;
    process.cutUntil = scheduler.now + dice.unit() * CUT_MAX;
    countFault(process.world, 'cut');
  }
  return dice.chance(0.5) ? 'before' : 'after';
}

function drawFault(world: World, isConditional: boolean): 'none' | 'before' | 'after' | 'late' | 'contended' | 'throttled' | 'slow' {
  const { knobs, dice, scheduler } = world;
  for (const { kind, from, to } of knobs.bursts) {
    if (scheduler.now < from || scheduler.now >= to) continue;
    if (kind === 'throttle' && dice.chance(0.7)) return 'throttled';
    if (kind === 'outage' && dice.chance(0.8)) return dice.chance(0.7) ? 'before' : 'after';
  }
  let luck = dice.unit();
  const falls = (rate: number): boolean => (luck -= rate) < 0;
  if (falls(knobs.before)) return 'before';
  if (falls(knobs.after)) return 'after';
  if (falls(knobs.late)) return 'late';
  if (falls(knobs.slow)) return 'slow';
  return isConditional && falls(knobs.contended) ? 'contended' : 'none';
}
