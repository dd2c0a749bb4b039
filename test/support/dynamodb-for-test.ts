/** DynamoDB tables for tests, on an emulator or a stub. */
import { randomUUID } from 'node:crypto';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { createDynamoDbClient } from '../../lib/adapters/aws/dynamodb-calls.ts';
import type { DynamoDbDeps } from '../../lib/adapters/aws/dynamodb-calls.ts';
import { ensureControlTable, ensureOnlineTable } from '../../lib/adapters/aws/dynamodb-tables.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { SystemRandom } from '../../lib/adapters/system/random.ts';

/** Emulators on two busy cores take their time. */
const ANSWER_MAX_MILLIS = 20_000;

export interface DynamoDbTarget {
  readonly deps: DynamoDbDeps & { readonly clock: SystemClock; readonly random: SystemRandom };
  readonly onlineTable: string;
  readonly controlTable: string;
}

export function dynamoDbSettings(endpoint: string): DynamoDBClientConfig {
  return {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestHandler: { requestTimeout: ANSWER_MAX_MILLIS },
  };
}

/** New tables. Closing the client is the caller's. */
export async function createTables(endpoint: string): Promise<DynamoDbTarget> {
  const deps = { client: createDynamoDbClient(dynamoDbSettings(endpoint)), clock: new SystemClock(), random: new SystemRandom() };
  const target = { deps, onlineTable: `online-${randomUUID()}`, controlTable: `control-${randomUUID()}` };
  await ensureOnlineTable(deps, target.onlineTable);
  await ensureControlTable(deps, target.controlTable);
  return target;
}
