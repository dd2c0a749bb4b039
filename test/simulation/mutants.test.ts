/** A checker that cannot fail proves nothing: each planted fault is found, and the list says by which seed. */
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';
import { runSimulation } from './workers.ts';

const SCHEDULES_MAX = 1000;

describe('a fault planted in the protocol is found', () => {
  it.each(MUTANTS)('$name', { timeout: 300_000 }, async ({ name, breaks, from = 1, ...patch }) => {
    const report = await runSimulation({ from, schedules: SCHEDULES_MAX, workers: 1, patches: [patch], untilFirst: true });
    const [failure] = report.failures;
    console.log(`${name}; breaks ${breaks}; seed ${failure?.seed ?? 'none'}: ${failure?.violation.split('\n')[0]}`);
    expect(failure).toBeDefined();
  });
});
