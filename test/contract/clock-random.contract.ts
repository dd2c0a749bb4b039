/** What every `Clock` and every `Random` does, as data. */
import { expect } from 'vitest';
import { toHex } from '../../lib/core/bytes.ts';
import { isEpochMillis } from '../../lib/core/time.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Random } from '../../lib/ports/random.ts';
import { describeContract } from '../support/contract-suite.ts';
import type { ContractCase, ContractSuite } from '../support/contract-suite.ts';

export interface ClockSubject {
  readonly clock: Clock;
  /** Resolves when at least so much has passed on the clock. */
  pass(millis: number): Promise<void>;
}

const LOOKS = 2000;
const NAP_MILLIS = 6;
const DRAWS = 20_000;

const clockCases: readonly ContractCase<ClockSubject>[] = [
  {
    name: 'tells whole milliseconds, and the same instant in microseconds',
    run: async ({ clock }) => {
      const before = clock.now();
      const micros = clock.nowMicros();
      const after = clock.now();
      expect(isEpochMillis(before)).toBe(true);
      expect(micros).toBeGreaterThanOrEqual(BigInt(before) * 1000n);
      expect(micros).toBeLessThan(BigInt(after + 1) * 1000n);
    },
  },
  {
    name: 'never goes backwards',
    run: async ({ clock, pass }) => {
      let last = { micros: clock.nowMicros(), millis: clock.now(), monotonic: clock.monotonicMillis() };
      for (let i = 0; i < LOOKS; i += 1) {
        if (i === LOOKS / 2) await pass(NAP_MILLIS);
        const next = { micros: clock.nowMicros(), millis: clock.now(), monotonic: clock.monotonicMillis() };
        if (next.micros < last.micros || next.millis < last.millis || next.monotonic < last.monotonic) throw new Error(`went back after ${last.micros}`);
        last = next;
      }
    },
  },
  {
    name: 'moves by what passes',
    run: async ({ clock, pass }) => {
      const start = { micros: clock.nowMicros(), monotonic: clock.monotonicMillis() };
      await pass(NAP_MILLIS);
      expect(clock.monotonicMillis() - start.monotonic).toBeGreaterThanOrEqual(NAP_MILLIS);
      expect(clock.nowMicros() - start.micros).toBeGreaterThanOrEqual(BigInt((NAP_MILLIS - 1) * 1000));
    },
  },
  {
    name: 'sleeps no less than asked, and wakes in the order due',
    run: async ({ clock, pass }) => {
      const start = clock.monotonicMillis();
      const woken: number[] = [];
      const sleeps = [3 * NAP_MILLIS, NAP_MILLIS, 2 * NAP_MILLIS].map(async (millis) => {
        await clock.sleep(millis);
        woken.push(millis);
        expect(clock.monotonicMillis() - start).toBeGreaterThanOrEqual(millis);
      });
      await pass(4 * NAP_MILLIS);
      await Promise.all(sleeps);
      expect(woken).toEqual([NAP_MILLIS, 2 * NAP_MILLIS, 3 * NAP_MILLIS]);
    },
  },
  {
    name: 'does not sleep for nothing or less',
    run: async ({ clock }) => {
      await clock.sleep(0);
      await clock.sleep(-5);
      expect(clock.monotonicMillis()).toBeGreaterThanOrEqual(0);
    },
  },
  {
    name: 'wakes a sleeper with the reason its signal was aborted for, also before it slept',
    run: async ({ clock }) => {
      const reason = new Error('closing');
      const controller = new AbortController();
      const asleep = clock.sleep(3_600_000, controller.signal);
      controller.abort(reason);
      await expect(asleep).rejects.toBe(reason);
      await expect(clock.sleep(3_600_000, controller.signal)).rejects.toBe(reason);
    },
  },
];

const randomCases: readonly ContractCase<Random>[] = [
  {
    name: 'draws from [0, 1) evenly',
    run: async (random) => {
      const tenths = Array.from({ length: 10 }, () => 0);
      for (let i = 0; i < DRAWS; i += 1) {
        const unit = random.unit();
        if (!(unit >= 0 && unit < 1)) throw new Error(`drew ${unit}`);
        const tenth = Math.floor(unit * 10);
        tenths[tenth] = (tenths[tenth] ?? 0) + 1;
      }
      // Eight standard deviations: never by chance.
      for (const count of tenths) expect(Math.abs(count - DRAWS / 10)).toBeLessThan(8 * Math.sqrt(DRAWS * 0.09));
    },
  },
  {
    name: 'fills bytes of any length with every value',
    run: async (random) => {
      expect([0, 1, 16, 1000].map((length) => random.bytes(length).length)).toEqual([0, 1, 16, 1000]);
      expect(new Set(random.bytes(20_000)).size).toBe(256);
      expect(toHex(random.bytes(16))).not.toBe(toHex(random.bytes(16)));
    },
  },
  {
    name: 'makes version 4 UUIDs, each another',
    run: async (random) => {
      const uuids = Array.from({ length: 500 }, () => random.uuid());
      for (const uuid of uuids) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(new Set(uuids).size).toBe(uuids.length);
    },
  },
];

export function describeClock(suite: ContractSuite<ClockSubject>): void {
  describeContract('clock', clockCases, suite);
}

export function describeRandom(suite: ContractSuite<Random>): void {
  describeContract('random', randomCases, suite);
}
