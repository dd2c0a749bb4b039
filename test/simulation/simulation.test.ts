/** Production code on simulated ports: nothing may be lost, doubled, torn or stale, whatever fails (guarantees.md). */
import { describe, expect, it } from 'vitest';
import { runSimulation } from './workers.ts';

const SCHEDULES = 1000;
/** That once found a fault, of the product or of the oracle (decision 0035 tells of the product's). */
const TELLING_SEEDS = [2156, 6856, 7686, 16_386, 42_533, 99_596];

describe('the table protocol under simulation', () => {
  it(`keeps its guarantees in ${SCHEDULES} schedules`, { timeout: 600_000 }, async () => {
    const report = await runSimulation({ from: 1, schedules: SCHEDULES, workers: 2 });
    expect(report.failures.map(({ seed, violation, lines }) => `seed ${seed}: ${violation}\n${lines.join('\n')}`)).toEqual([]);
    expect(report.schedules).toBe(SCHEDULES);
    expect(report.counted).toBeGreaterThan(SCHEDULES * 0.8);
  });

  it('keeps them in schedules that once found a fault', { timeout: 120_000 }, async () => {
    const found: unknown[] = [];
    for (const from of TELLING_SEEDS) found.push(...(await runSimulation({ from, schedules: 1, workers: 1 })).failures);
    expect(found).toEqual([]);
  });

  it('is the same schedule for the same seed, wherever microtasks are drained', { timeout: 120_000 }, async () => {
    const options = { from: 1, schedules: 8, workers: 1 };
    const [first, again, portable] = [await runSimulation(options), await runSimulation(options), await runSimulation({ ...options, drain: 'immediate' })];
    expect([again.hash, portable.hash]).toEqual([first.hash, first.hash]);
  });
});
