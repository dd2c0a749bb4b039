/** A store on S3 and DynamoDB, as a deployment has it. */
import { resolve } from 'node:path';
import { createDynamoDbClient } from '../adapters/aws/dynamodb-calls.ts';
import { DynamoDbControl } from '../adapters/aws/dynamodb-control.ts';
import { DynamoDbOnlineStore } from '../adapters/aws/dynamodb-online-store.ts';
import type { Log } from '../ports/log.ts';
import type { FunctionTable } from '../registry/collect-definitions.ts';
import { checkLocation } from '../registry/location.ts';
import { serviceSettings, type LakeBucket, type LakeTables } from './aws-service.ts';
import { backgroundWork } from './background-work.ts';
import { lazyEngine } from './lazy-engine.ts';
import { openLocalSource } from './local-source.ts';
import { type OpenStore, wireStore } from './open-store.ts';
import { s3TableDeps } from './s3-table.ts';

export interface AwsOptions {
  readonly s3: LakeBucket;
  readonly dynamodb: LakeTables;
  /** On-demand functions; views that have one which is not here answer FUNCTION_MISMATCH. */
  readonly functions?: FunctionTable;
  /** Silent unless given. */
  readonly log?: Log;
}

/** Opens the store; bucket and tables must be there. @throws LakefoldError UNSUPPORTED_FORMAT, STORE_UNAVAILABLE */
export async function openAws(options: AwsOptions): Promise<OpenStore> {
  const table = s3TableDeps(options.s3, options.log);
  await checkLocation(table);
  const client = createDynamoDbClient(serviceSettings(options.dynamodb));
  const dynamodb = { client, clock: table.clock, random: table.random };
  const online = new DynamoDbOnlineStore(dynamodb, { table: options.dynamodb.onlineTable });
  const control = new DynamoDbControl(dynamodb, { table: options.dynamodb.controlTable });
  const background = backgroundWork(table.log);
  const { engine, scratch } = lazyEngine();
  const parts = {
    ...table,
    online,
    control,
    background,
    engine,
    scratch,
    functions: options.functions ?? new Map(),
    openSource: (source: string) => openLocalSource(source, { cwd: resolve('.') }),
  };
  return wireStore(parts, async () => {
    await background.settled();
    await engine.close();
    await online.close();
    await control.close();
    client.destroy();
    table.store.close();
  });
}
