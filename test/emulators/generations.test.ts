/** Load generations on DynamoDB: batch writes, clearing and healing beside writers, readers and processes that die. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDynamoDbClient } from '../../lib/adapters/aws/dynamodb-calls.ts';
import { DynamoDbOnlineStore } from '../../lib/adapters/aws/dynamodb-online-store.ts';
import { ensureOnlineTable } from '../../lib/adapters/aws/dynamodb-tables.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { SystemRandom } from '../../lib/adapters/system/random.ts';
import { runGenerations } from '../support/generations-world.ts';

const ENDPOINT = process.env['LAKEFOLD_TEST_DYNAMODB_LOCAL'] ?? '';

describe.skipIf(ENDPOINT === '')('load generations on DynamoDB Local (U11)', () => {
  const random = new SystemRandom();
  const client = createDynamoDbClient({ endpoint: ENDPOINT, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  const deps = { client, clock: new SystemClock(), random };
  const table = `generations-${random.uuid()}`;
  beforeAll(() => ensureOnlineTable(deps, table));
  afterAll(() => client.destroy());

  it.each([1, 2, 3])('end equal to the newest row per key, and no reader goes back: history %i', async (seed) => {
    expect(await runGenerations({ seed, online: new DynamoDbOnlineStore(deps, { table }), project: `demo_${seed}` })).toEqual([]);
  });
});
