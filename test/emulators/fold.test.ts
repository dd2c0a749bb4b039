/** The fold property on DynamoDB. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDynamoDbClient } from '../../lib/adapters/aws/dynamodb-calls.ts';
import { DynamoDbOnlineStore } from '../../lib/adapters/aws/dynamodb-online-store.ts';
import { ensureOnlineTable } from '../../lib/adapters/aws/dynamodb-tables.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { SystemRandom } from '../../lib/adapters/system/random.ts';
import { generationOf, runHistory } from '../support/fold-chaos.ts';
import { FOLD_TABLE } from '../support/fold-table.ts';

const ENDPOINT = process.env['LAKEFOLD_TEST_DYNAMODB_LOCAL'] ?? '';

describe.skipIf(ENDPOINT === '')('the fold on DynamoDB Local (semantics §2)', () => {
  const random = new SystemRandom();
  const client = createDynamoDbClient({ endpoint: ENDPOINT, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  const deps = { client, clock: new SystemClock(), random };
  const table = `fold-${random.uuid()}`;
  const store = new DynamoDbOnlineStore(deps, { table });
  let generation = 0;
  beforeAll(() => ensureOnlineTable(deps, table));
  afterAll(() => client.destroy());

  it('ends equal to the newest row per key at the head (U1, U3, U6, U7)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0 }), async (seed) => {
        generation += 1;
        expect(await runHistory({ seed, store, table: generationOf(FOLD_TABLE, generation), commitsMax: 6 })).toEqual([]);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });
});
