import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publish } from '../../lib/online/publish.ts';
import { runHistory, type PublishOnce } from '../support/fold-chaos.ts';
import { randomOrderPublisher } from '../support/fold-publishers.ts';
import { ALL_RULES, modelOnlineStore, type StoreRules } from '../support/fold-store.ts';

const CORRECT = randomOrderPublisher({ mergeWaitsForEdits: true, editWaitsItsTurn: true });

/** First seed whose history ends wrong, of the seeds below `seedsMax`. */
async function firstWrong(input: { readonly rules: StoreRules; readonly publisher: PublishOnce; readonly seedsMax: number }): Promise<number | undefined> {
  for (let seed = 0; seed < input.seedsMax; seed += 1) {
    const faults = await runHistory({ seed, store: modelOnlineStore(input.rules), publisher: input.publisher });
    if (faults.length > 0) return seed;
  }
  return undefined;
}

describe('the fold (semantics §2)', () => {
  it('ends equal to the newest row per key at the head, whatever three publishers do (U1, U3, U6, U7)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0 }), async (seed) => {
        expect(await runHistory({ seed, store: modelOnlineStore() })).toEqual([]);
      }),
      { numRuns: 300, endOnFailure: true },
    );
  });

  it('ends equal when commits are applied in any order U6 allows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0 }), async (seed) => {
        expect(await runHistory({ seed, store: modelOnlineStore(), publisher: CORRECT })).toEqual([]);
      }),
      { numRuns: 300, endOnFailure: true },
    );
  });

  const storeRules = Object.keys(ALL_RULES) as (keyof StoreRules)[];
  for (const rule of storeRules) {
    it(`turns red without the rule ${rule} (U1, U7)`, async () => {
      expect(await firstWrong({ rules: { ...ALL_RULES, [rule]: false }, publisher: CORRECT, seedsMax: 10_000 })).toBeTypeOf('number');
    });
  }

  it('turns red when a merge does not wait for the edits before it (U6)', async () => {
    expect(
      await firstWrong({ rules: ALL_RULES, publisher: randomOrderPublisher({ mergeWaitsForEdits: false, editWaitsItsTurn: true }), seedsMax: 3000 }),
    ).toBeTypeOf('number');
  });

  it('turns red when an edit does not wait for its turn (U6)', async () => {
    expect(
      await firstWrong({ rules: ALL_RULES, publisher: randomOrderPublisher({ mergeWaitsForEdits: true, editWaitsItsTurn: false }), seedsMax: 3000 }),
    ).toBeTypeOf('number');
  });

  it('is noticed with the real publisher too: a store without order loses newer rows (U1)', async () => {
    expect(await firstWrong({ rules: { ...ALL_RULES, mergeOrder: false }, publisher: publish, seedsMax: 500 })).toBeTypeOf('number');
  });
});
