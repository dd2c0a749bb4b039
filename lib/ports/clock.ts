/** Time. Correctness never depends on it being right (G17). */
import type { EpochMicros, EpochMillis } from '../core/time.ts';

export interface Clock {
  now(): EpochMillis;
  /** The same instant in µs; finer than `now` only where the system is. */
  nowMicros(): EpochMicros;
  /** Milliseconds of a clock that never jumps, for deadlines and timings only. */
  monotonicMillis(): number;
  /** Rejects with the signal's reason when aborted. */
  sleep(millis: number, signal?: AbortSignal): Promise<void>;
}

/** An instant by both clocks of a process. */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

export function instantOf(clock: Pick<Clock, 'now' | 'monotonicMillis'>): Instant {
  return { wall: clock.now(), monotonic: clock.monotonicMillis() };
}

/** Milliseconds since, by the clock that says more: the monotonic one may stand still while the machine sleeps. */
export function ageOf(clock: Pick<Clock, 'now' | 'monotonicMillis'>, instant: Instant): number {
  return Math.max(clock.now() - instant.wall, clock.monotonicMillis() - instant.monotonic);
}
