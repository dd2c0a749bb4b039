/** Writers that contend for one table, in virtual time: what group commit asks of the store, and how far it is ahead of the loop without it. */
import { describe, expect, it } from 'vitest';
import { type Contention, type ContentionReport, ROUND_TRIP_MILLIS, runGroupCommit, runListLoop } from '../../../bench/contention.ts';
import { medianOf } from '../../../bench/report.ts';

const SEEDS = [1, 2, 3];

/** Runs are the same every time: each is made once. */
const RUNS = new Map<string, readonly ContentionReport[]>();

async function overSeeds(run: (contention: Contention) => Promise<ContentionReport>, writers: number, figure: keyof ContentionReport): Promise<number> {
  const key = `${run.name} ${writers}`;
  const reports = RUNS.get(key) ?? (await runAll(run, writers));
  RUNS.set(key, reports);
  return medianOf(reports.map((report) => report[figure]));
}

async function runAll(run: (contention: Contention) => Promise<ContentionReport>, writers: number): Promise<readonly ContentionReport[]> {
  const reports: ContentionReport[] = [];
  for (const seed of SEEDS) reports.push(await run({ writers, writesEach: 20, seed }));
  return reports;
}

describe('writers that commit as a group', () => {
  it('ask for a file, a look at it and an entry when one is alone, and for next to nothing but files when they are many', async () => {
    expect(await overSeeds(runGroupCommit, 1, 'requestsPerWrite')).toBeLessThanOrEqual(3.35);
    expect(await overSeeds(runGroupCommit, 16, 'requestsPerWrite')).toBeLessThanOrEqual(1.2);
    expect(await overSeeds(runGroupCommit, 64, 'requestsPerWrite')).toBeLessThanOrEqual(1.1);
  });

  it('land at least twelve writes an entry when they are sixteen, and 24 when they are 64', async () => {
    expect((16 * 20) / (await overSeeds(runGroupCommit, 16, 'versions'))).toBeGreaterThanOrEqual(12);
    expect((64 * 20) / (await overSeeds(runGroupCommit, 64, 'versions'))).toBeGreaterThanOrEqual(24);
  });

  it('are answered within six round trips in 99 of 100 cases', async () => {
    for (const writers of [1, 16, 64]) expect(await overSeeds(runGroupCommit, writers, 'p99Millis')).toBeLessThanOrEqual(6 * ROUND_TRIP_MILLIS);
  });

  it('are 25 times ahead of writers that list, read every winner and try again, when they are 64', async () => {
    const [group, loop] = [await overSeeds(runGroupCommit, 64, 'writesPerSecond'), await overSeeds(runListLoop, 64, 'writesPerSecond')];
    expect(group / loop).toBeGreaterThanOrEqual(25);
    expect(await overSeeds(runListLoop, 64, 'requestsPerWrite')).toBeGreaterThan(50);
  });
});
