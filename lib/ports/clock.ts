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
