/** The rules' line in the closing report: a change that turns nothing red, or was not made, fails the run and says how to repeat it. */
import { describe, expect, it } from 'vitest';

interface Ring {
  countChanges(
    report: object | undefined,
    run: { exitCode: number; sample: number },
  ): { ring: { detail: string }; counts: { passed: number; failed: number; notes: string[] } };
}

const modulePath: string = new URL('./rules.mjs', import.meta.url).href;
const { countChanges }: Ring = await import(modulePath);

const RED = { rule: 'P1', promise: 'rows in order', fault: null };

describe('the ring of the rules', () => {
  it('counts every change as a test', () => {
    const { ring, counts } = countChanges({ seed: 's', results: [RED, RED] }, { exitCode: 0, sample: 2 });
    expect(ring.detail).toBe('2 changes by seed s');
    expect(counts).toMatchObject({ passed: 2, failed: 0, notes: [] });
  });

  it('fails for a change that turns nothing red, and names rule and seed', () => {
    const { counts } = countChanges({ seed: 's', results: [RED, { ...RED, fault: 'stays green with the change' }] }, { exitCode: 1, sample: 2 });
    expect(counts).toMatchObject({ passed: 1, failed: 1, notes: ['rule P1, rows in order: stays green with the change (seed s)'] });
  });

  it('fails where fewer changes were made than asked for', () => {
    expect(countChanges({ seed: 's', results: [RED] }, { exitCode: 0, sample: 2 }).counts).toMatchObject({ passed: 1, failed: 1 });
    expect(countChanges(undefined, { exitCode: 124, sample: 2 }).counts).toMatchObject({
      passed: 0,
      failed: 1,
      notes: ['the rules ended with 124 after 0 of 2 changes'],
    });
  });
});
