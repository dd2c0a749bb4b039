/** The tables the DynamoDB adapters use, for emulators and local work; on AWS the infrastructure makes them. */
import { CreateTableCommand, DescribeTableCommand, ResourceInUseException } from '@aws-sdk/client-dynamodb';
import type { ScalarAttributeType } from '@aws-sdk/client-dynamodb';
import { LakefoldError } from '../../core/errors.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { DynamoDbDeps } from './dynamodb-calls.ts';
import { abortable } from './dynamodb-calls.ts';

/** Looks at a table under way, and the pause between them, ms. */
const LOOKS_MAX = 300;
const LOOK_PAUSE_MILLIS = 100;

/** Makes an on-demand table `online` (keys `p` S, `k` B) unless it is there, and waits until it can be used. @throws LakefoldError STORE_UNAVAILABLE after 30 s */
export function ensureOnlineTable(deps: Pick<DynamoDbDeps, 'client' | 'clock'>, table: string, options: RequestOptions = {}): Promise<void> {
  return ensureTable(deps, { table, sortKey: 'k', sortType: 'B' }, options);
}

/** Makes an on-demand table `control` (keys `p` S, `s` S) unless it is there, and waits until it can be used. @throws LakefoldError STORE_UNAVAILABLE after 30 s */
export function ensureControlTable(deps: Pick<DynamoDbDeps, 'client' | 'clock'>, table: string, options: RequestOptions = {}): Promise<void> {
  return ensureTable(deps, { table, sortKey: 's', sortType: 'S' }, options);
}

async function ensureTable(
  deps: Pick<DynamoDbDeps, 'client' | 'clock'>,
  wanted: { readonly table: string; readonly sortKey: string; readonly sortType: ScalarAttributeType },
  options: RequestOptions,
): Promise<void> {
  const request = {
    TableName: wanted.table,
    BillingMode: 'PAY_PER_REQUEST' as const,
    AttributeDefinitions: [
      { AttributeName: 'p', AttributeType: 'S' as const },
      { AttributeName: wanted.sortKey, AttributeType: wanted.sortType },
    ],
    KeySchema: [
      { AttributeName: 'p', KeyType: 'HASH' as const },
      { AttributeName: wanted.sortKey, KeyType: 'RANGE' as const },
    ],
  };
  try {
    await deps.client.send(new CreateTableCommand(request), abortable(options));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const { Table } = await deps.client.send(new DescribeTableCommand({ TableName: wanted.table }), abortable(options));
    if (Table?.TableStatus === 'ACTIVE') return;
    await deps.clock.sleep(LOOK_PAUSE_MILLIS, options.signal);
  }
  throw new LakefoldError(
    'STORE_UNAVAILABLE',
    `expected table ${wanted.table} to become active, found it still being made after ${(LOOKS_MAX * LOOK_PAUSE_MILLIS) / 1000} s`,
  );
}
