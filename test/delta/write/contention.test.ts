/** Writers of one table at once, in virtual time with the latencies of S3. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import { countingObjectStore } from '../../support/counting-store.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';
import { isLogEntry } from '../../support/table-turns.ts';
import { latentStore, virtualTime } from '../../support/virtual-time.ts';

const COMMITS = 20;

async function contend(writers: number, seed: number): Promise<{ readonly attempts: number; readonly dataPuts: number; readonly committed: number }> {
  const { deps, store } = await tableFixture();
  const time = virtualTime();
  const counting = countingObjectStore(store);
  let attempts = 0;
  let committed = 0;
  const write = async (writer: number): Promise<void> => {
    const random = new SeededRandom(seed * 1000 + writer);
    const table = await DeltaTable.open({ ...deps, clock: time.clock, random, store: latentStore(counting, time, random) }, T_ROOT);
    for (let i = 0; i < COMMITS; i += 1) {
      const { outcome } = await table.append(rowsBatch([`w${writer}`, i, 1n]));
      if (outcome.kind !== 'committed') throw new Error(outcome.kind);
      attempts += outcome.attempts;
      committed += 1;
    }
  };
  await time.run(Array.from({ length: writers }, async (_, writer) => write(writer)));
  const dataPuts = counting.requests.filter(({ kind, path }) => kind === 'PUT IF ABSENT' && !isLogEntry(path)).length;
  return { attempts: attempts / committed, dataPuts, committed };
}

describe('writers that append to one table', () => {
  it.each([
    { writers: 4, attemptsMax: 2 },
    { writers: 16, attemptsMax: 3.5 },
  ])('need at most $attemptsMax attempts a commit where there are $writers, and put each data file once', async ({ writers, attemptsMax }) => {
    const runs = await Promise.all([1, 2, 3].map(async (seed) => contend(writers, seed)));
    for (const { committed, dataPuts } of runs) expect({ committed, dataPuts }).toEqual({ committed: writers * COMMITS, dataPuts: writers * COMMITS });
    expect(runs.reduce((sum, { attempts }) => sum + attempts, 0) / runs.length).toBeLessThanOrEqual(attemptsMax);
  });
});
