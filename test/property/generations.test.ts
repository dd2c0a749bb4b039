/** Online values loaded anew, repaired and cleared while they are written and read (U11, T4): they end as the table's newest rows, and no reader goes back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import { runGenerations } from '../support/generations-world.ts';

describe('load generations', () => {
  it('end equal to the newest row per key, whoever dies at whatever request, and every reader sees what was the newest (U11, T4)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), async (seed) => {
        expect(await runGenerations({ seed, online: new MemoryOnlineStore(), project: 'demo' })).toEqual([]);
      }),
      { numRuns: 16, endOnFailure: true },
    );
  });

  it('do so on LMDB', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lakefold-generations-'));
    const online = openLmdbOnlineStore({ directory });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), async (seed) => {
        run += 1;
        expect(await runGenerations({ seed, online, project: `demo_${run}` })).toEqual([]);
      }),
      { numRuns: 4, endOnFailure: true },
    );
    await online.close();
    await rm(directory, { recursive: true });
  });
});
