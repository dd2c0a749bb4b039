/** The machine's clock. */
import { epochMicros, millisOfMicros } from '../../core/time.ts';
import type { EpochMicros, EpochMillis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';

/** How far the fine clock may be from the system's before it is set again, ms: suspends and corrected clocks, not jitter. */
const DRIFT_MAX_MILLIS = 20;
/** `setTimeout` takes no more and fires at once beyond it. */
const TIMER_MAX_MILLIS = 2_147_483_647;

/** Microseconds from the high-resolution timer, tied to the system's wall clock; within one process it never goes backwards. */
export class SystemClock implements Clock {
  #originMillis = performance.timeOrigin;
  #last = 0n;

  now(): EpochMillis {
    return millisOfMicros(this.nowMicros());
  }

  nowMicros(): EpochMicros {
    const elapsed = performance.now();
    const wall = Date.now();
    // `Date.now` is floored to 1 ms, so half a millisecond is the middle of what it may mean.
    if (Math.abs(this.#originMillis + elapsed - wall) > DRIFT_MAX_MILLIS) this.#originMillis = wall + 0.5 - elapsed;
    const micros = BigInt(Math.floor((this.#originMillis + elapsed) * 1000));
    if (micros > this.#last) this.#last = micros;
    return epochMicros(this.#last);
  }

  monotonicMillis(): number {
    return performance.now();
  }

  async sleep(millis: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const until = performance.now() + millis;
    for (let left = millis; left > 0; left = until - performance.now()) await sleepOnce(Math.min(left, TIMER_MAX_MILLIS), signal);
  }
}

function sleepOnce(millis: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, Math.ceil(millis));
    signal?.addEventListener('abort', abort, { once: true });
  });
}
