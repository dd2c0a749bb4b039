/** Clock, randomness and log for tests of the fold and of lookups: everything moves only when the test says so. */
import { epochMicros, epochMillis } from '../../lib/core/time.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Log, LogFields } from '../../lib/ports/log.ts';
import type { Random } from '../../lib/ports/random.ts';

export interface TestClock extends Clock {
  readonly set: (micros: bigint) => void;
}

/** Sleeping moves it on. */
export function testClock(startMicros = 0n): TestClock {
  let now = startMicros;
  return {
    now: () => epochMillis(Number(now / 1000n)),
    nowMicros: () => epochMicros(now),
    monotonicMillis: () => Number(now) / 1000,
    sleep: async (millis) => {
      now += BigInt(Math.round(millis * 1000));
    },
    set: (micros) => {
      now = micros;
    },
  };
}

/** Repeats for a seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { unit, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(unit() * 256)), uuid: () => '00000000-0000-4000-8000-000000000000' };
}

export interface RecordedLog extends Log {
  readonly lines: { readonly level: string; readonly event: string; readonly fields: LogFields }[];
}

export function recordedLog(): RecordedLog {
  const lines: RecordedLog['lines'] = [];
  const at =
    (level: string) =>
    (event: string, fields: LogFields = {}) => {
      lines.push({ level, event, fields });
    };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
