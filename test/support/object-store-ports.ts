/** Clock and randomness for tests of object stores: repeatable, and sleeping costs no time. */
import { epochMillis, microsOfMillis } from '../../lib/core/time.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Random } from '../../lib/ports/random.ts';

const START_MILLIS = 1_750_000_000_000;

export interface TickingClock extends Clock {
  /** Milliseconds asked for, in order. */
  readonly sleeps: number[];
}

/** A clock that moves only by sleeping, and by 1 ms with every look at it. */
export function tickingClock(): TickingClock {
  const sleeps: number[] = [];
  let elapsed = 0;
  return {
    sleeps,
    now: () => epochMillis(START_MILLIS + (elapsed += 1)),
    nowMicros: () => microsOfMillis(START_MILLIS + (elapsed += 1)),
    monotonicMillis: () => (elapsed += 1),
    sleep: async (millis, signal) => {
      signal?.throwIfAborted();
      sleeps.push(millis);
      elapsed += Math.ceil(millis);
    },
  };
}

/** The same sequence for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(unit() * 256));
  const hex = (length: number): string => Array.from(bytes(length), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { unit, bytes, uuid: () => `${hex(4)}-${hex(2)}-4${hex(2).slice(1)}-8${hex(2).slice(1)}-${hex(6)}` };
}
