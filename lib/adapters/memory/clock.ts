/** Time that moves only when told to: for tests and simulation. */
import { epochMillis, microsOfMillis } from '../../core/time.ts';
import type { EpochMicros, EpochMillis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';

export interface ManualClockOptions {
  /** Wall time at the start, ms; 2025-06-15T15:06:40Z unless given. */
  readonly startMillis?: number;
  /** `wait`: a sleeper waits for `advance`. `skip`: sleeping moves the time by itself, at once. `wait` unless given. */
  readonly sleeping?: 'wait' | 'skip';
}

interface Sleeper {
  readonly dueMillis: number;
  readonly wake: () => void;
}

const START_MILLIS = 1_750_000_000_000;

/** A `Clock` under control; sleepers wake in the order they are due, those due together in the order they fell asleep. */
export class ManualClock implements Clock {
  readonly #startMillis: number;
  readonly #skips: boolean;
  #elapsedMillis = 0;
  #sleepers: Sleeper[] = [];

  constructor(options: ManualClockOptions = {}) {
    this.#startMillis = epochMillis(options.startMillis ?? START_MILLIS);
    this.#skips = options.sleeping === 'skip';
  }

  /** How many wait. */
  get sleeperCount(): number {
    return this.#sleepers.length;
  }

  now(): EpochMillis {
    return epochMillis(this.#startMillis + Math.floor(this.#elapsedMillis));
  }

  nowMicros(): EpochMicros {
    return microsOfMillis(this.now());
  }

  monotonicMillis(): number {
    return this.#elapsedMillis;
  }

  async sleep(millis: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const dueMillis = this.#elapsedMillis + Math.max(0, millis);
    if (this.#skips) {
      this.#elapsedMillis = dueMillis;
      return;
    }
    if (millis <= 0) return;
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        dueMillis,
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves the time on, waking each sleeper at its instant; what a sleeper does next, up to its next real wait, is done before the next one wakes. */
  async advance(millis: number): Promise<void> {
    const target = this.#elapsedMillis + millis;
    await settle();
    for (let next = this.#nextDue(target); next !== undefined; next = this.#nextDue(target)) {
      this.#sleepers.splice(this.#sleepers.indexOf(next), 1);
      this.#elapsedMillis = Math.max(this.#elapsedMillis, next.dueMillis);
      next.wake();
      await settle();
    }
    this.#elapsedMillis = target;
  }

  #nextDue(target: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) if (sleeper.dueMillis <= target && (first === undefined || sleeper.dueMillis < first.dueMillis)) first = sleeper;
    return first;
  }
}

/** Until no promise can go on by itself. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
