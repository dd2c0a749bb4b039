/** Writers that contend for one table, in virtual time: what group commit asks of the store, and how far it is ahead of the loop without it. */
import { describe, expect, it } from 'vitest';
import { runGroupCommit, runListLoop } from '../../bench/contention.ts';

describe('64 writers that commit as a group', () => {
  const run = { writers: 64, writesEach: 20, seed: 3 };

  it('ask for at most 1.2 requests a write, and land at least 16 writes a version', async () => {
    const { requestsPerWrite, versions } = await runGroupCommit(run);
    expect(requestsPerWrite).toBeLessThanOrEqual(1.2);
    expect(versions).toBeLessThanOrEqual((run.writers * run.writesEach) / 16);
  });

  it('are many times ahead of writers that list, read every winner and try again', async () => {
    const [group, loop] = [await runGroupCommit(run), await runListLoop(run)];
    expect(group.writesPerSecond / loop.writesPerSecond).toBeGreaterThan(19);
    expect(loop.requestsPerWrite).toBeGreaterThan(50);
  });
});
