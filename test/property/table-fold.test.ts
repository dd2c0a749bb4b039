/** The fold over real tables: whatever writers, other engines and publishers do at once, it ends as the table's newest rows (semantics §2). */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';
import type { TableShape } from '../support/table-model.ts';
import { runPublishers } from '../support/table-publishers.ts';

const shapes: fc.Arbitrary<TableShape> = fc.record({
  profile: fc.constantFrom('merge-on-read', 'compatible'),
  hasEventTime: fc.boolean(),
  partitionBy: fc.constantFrom<TableShape['partitionBy']>([], ['p'], ['k']),
});

describe('the fold of a real table', () => {
  let directory: string;
  let lmdb: OnlineStore;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lakefold-table-fold-'));
    lmdb = openLmdbOnlineStore({ directory });
  });
  afterAll(async () => {
    await lmdb.close();
    await rm(directory, { recursive: true });
  });

  it('ends equal to the newest row per key at the head, receipts adding up (U1, U2, U6, U7, U8, U9)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), shapes, async (seed, shape) => {
        expect(await runPublishers({ seed, shape, online: new MemoryOnlineStore() })).toEqual([]);
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });

  it('does so on LMDB', async () => {
    let generation = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), shapes, async (seed, shape) => {
        generation += 1;
        expect(await runPublishers({ seed, shape, online: lmdb, generation })).toEqual([]);
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
});
