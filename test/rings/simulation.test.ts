/** The simulation's line in the closing report: 5,000 schedules are a test, and fewer schedules than promised are said. */
import { describe, expect, it } from 'vitest';

interface Ring {
  countChunks(
    report: object | undefined,
    run: { exitCode: number; promised: number },
  ): { ring: { detail: string }; counts: { passed: number; failed: number; notes: string[] } };
}

const modulePath: string = new URL('./simulation.mjs', import.meta.url).href;
const { countChunks }: Ring = await import(modulePath);

describe('the ring of the simulation', () => {
  it('counts every 5,000 schedules as a test', () => {
    const chunks = [
      { from: 1, failures: [] },
      { from: 5001, failures: ['simulation seed 5003: G3'] },
    ];
    const { counts } = countChunks({ schedules: 10_000, counted: 9_900, chunks }, { exitCode: 1, promised: 9_900 });
    expect(counts).toMatchObject({ passed: 1, failed: 1, notes: ['simulation seed 5003: G3'] });
  });

  it('says that fewer than promised count, and fails', () => {
    const { ring, counts } = countChunks({ schedules: 5000, counted: 4990, chunks: [{ from: 1, failures: [] }] }, { exitCode: 0, promised: 5000 });
    expect(ring.detail).toBe('5000 schedules, 4990 of them with 8 actors, 300 requests and 5 kinds of fault, FEWER than the 5000 promised');
    expect(counts).toMatchObject({ passed: 1, failed: 1, notes: ['the simulation ran 4990 schedules that count, 5000 are promised'] });
  });

  it('counts a run without a report as failed', () => {
    expect(countChunks(undefined, { exitCode: 124, promised: 10 }).counts).toMatchObject({ passed: 0, failed: 1 });
  });
});
