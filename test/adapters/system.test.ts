/** The system's clock, randomness and log, and the ones under control. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { JsonLog, silentLog } from '../../lib/adapters/system/log.ts';
import type { JsonLogOptions } from '../../lib/adapters/system/log.ts';
import { LakefoldError } from '../../lib/core/errors.ts';

function logTo(options: Partial<JsonLogOptions> = {}): { readonly log: JsonLog; readonly lines: string[] } {
  const lines: string[] = [];
  const log = new JsonLog({ sink: { write: (line: string) => lines.push(line) }, clock: new ManualClock({ startMillis: 1_750_000_000_123 }), ...options });
  return { log, lines };
}

describe('the JSON log', () => {
  it('writes one line an event, what happened first', () => {
    const { log, lines } = logTo({ fields: { service: 'publish' } });
    log.info('commit.succeeded', { table: 'delays', version: 7, durationMillis: 1.5 });
    expect(lines).toEqual([
      '{"time":"2025-06-15T15:06:40.123Z","level":"info","event":"commit.succeeded","service":"publish","table":"delays","version":7,"durationMillis":1.5}\n',
    ]);
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = logTo({ level: 'warn' });
    log.debug('a.b');
    log.info('a.b');
    log.warn('a.b');
    log.error('a.b');
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(['warn', 'error']);
    const debugging = logTo({ level: 'debug' });
    debugging.log.debug('a.b');
    expect(debugging.lines).toHaveLength(1);
  });

  it('writes errors with code and causes, bigints as text, and no bytes', () => {
    const { log, lines } = logTo();
    const error = new LakefoldError('STORE_UNAVAILABLE', 'could not read', { cause: new Error('socket hang up') });
    log.error('store.failed', { error, micros: 2n ** 60n, payload: new Uint8Array(12) });
    const event = JSON.parse(lines[0] ?? '');
    expect(event).toMatchObject({
      micros: '1152921504606846976',
      payload: '12 bytes',
      error: { name: 'LakefoldError', code: 'STORE_UNAVAILABLE', message: 'could not read', cause: { name: 'Error', message: 'socket hang up' } },
    });
    expect(event.error.stack).toContain('system.test.ts');
  });

  it('does not let a field pass for the event, nor an unwritable one stop the caller', () => {
    const { log, lines } = logTo();
    log.info('a.b', { event: 'x', level: 'y', time: 'z' });
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    log.info('c.d', { circle });
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { time: '2025-06-15T15:06:40.123Z', level: 'info', event: 'a.b' },
      { time: '2025-06-15T15:06:40.123Z', level: 'info', event: 'c.d', unwritable: expect.stringContaining('circular') },
    ]);
  });

  it('says nothing when silent', () => {
    expect(silentLog.error('a.b', { c: 1 })).toBeUndefined();
  });
});

describe('the system clock', () => {
  it('agrees with the wall clock and is finer than a millisecond', () => {
    const clock = new SystemClock();
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(50);
    const instants = new Set(Array.from({ length: 5000 }, () => clock.nowMicros()));
    expect([...instants].some((micros) => micros % 1000n !== 0n)).toBe(true);
    expect(instants.size).toBeGreaterThan(20);
  });
});

describe('the manual clock', () => {
  it('stands still until told, then wakes sleepers one by one, each at its instant', async () => {
    const clock = new ManualClock({ startMillis: 1000 });
    const events: string[] = [];
    const nap = async (name: string, ...naps: readonly number[]): Promise<void> => {
      for (const millis of naps) {
        await clock.sleep(millis);
        events.push(`${name} ${clock.now()}`);
      }
    };
    const all = Promise.all([nap('a', 30), nap('b', 10, 10, 10), nap('c', 30), nap('d', 25)]);
    await clock.advance(0);
    expect({ events: [...events], sleepers: clock.sleeperCount, now: clock.now() }).toEqual({ events: [], sleepers: 4, now: 1000 });
    await clock.advance(30);
    expect(events).toEqual(['b 1010', 'b 1020', 'd 1025', 'a 1030', 'c 1030', 'b 1030']);
    expect(clock.monotonicMillis()).toBe(30);
    await all;
  });

  it('skips sleeps when made to, moving the time by what was slept', async () => {
    const clock = new ManualClock({ startMillis: 0, sleeping: 'skip' });
    await Promise.all([clock.sleep(250.5), clock.sleep(1000)]);
    expect({ monotonic: clock.monotonicMillis(), now: clock.now(), micros: clock.nowMicros() }).toEqual({ monotonic: 1250.5, now: 1250, micros: 1_250_000n });
  });
});

describe('seeded randomness', () => {
  it('repeats for its seed and differs for another', () => {
    const draw = (seed: number): unknown[] => {
      const random = new SeededRandom(seed);
      return [random.unit(), random.bytes(4), random.uuid()];
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new SeededRandom(1).uuid()).toBe('a00087fb-f747-4cb8-adfe-747d23673f27');
  });
});
