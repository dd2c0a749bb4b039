/** The fold property on the stores people run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';
import { generationOf, runHistory } from '../support/fold-chaos.ts';
import { randomOrderPublisher } from '../support/fold-publishers.ts';
import { FOLD_TABLE } from '../support/fold-table.ts';

const anyOrder = randomOrderPublisher({ mergeWaitsForEdits: true, editWaitsItsTurn: true });

describe('the fold on the memory store (semantics §2)', () => {
  it('ends equal to the newest row per key at the head (U1, U3, U6, U7)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0 }), fc.boolean(), async (seed, isAnyOrder) => {
        expect(await runHistory({ seed, store: new MemoryOnlineStore(), ...(isAnyOrder ? { publisher: anyOrder } : {}) })).toEqual([]);
      }),
      { numRuns: 300, endOnFailure: true },
    );
  });
});

describe('the fold on LMDB (semantics §2)', () => {
  let directory: string;
  let store: OnlineStore;
  let generation = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lakefold-fold-'));
    store = openLmdbOnlineStore({ directory });
  });
  afterAll(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });

  it('ends equal to the newest row per key at the head (U1, U3, U6, U7)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0 }), async (seed) => {
        generation += 1;
        expect(await runHistory({ seed, store, table: generationOf(FOLD_TABLE, generation), commitsMax: 6 })).toEqual([]);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });
});
