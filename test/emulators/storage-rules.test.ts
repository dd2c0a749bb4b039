/** The rules that touch storage, on S3 and DynamoDB. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { DynamoDbControl } from '../../lib/adapters/aws/dynamodb-control.ts';
import { DynamoDbOnlineStore } from '../../lib/adapters/aws/dynamodb-online-store.ts';
import { describeStorageRules } from '../contract/storage-rules.contract.ts';
import { memoryParts, openApi } from '../support/api.ts';
import { createTables, type DynamoDbTarget } from '../support/dynamodb-for-test.ts';
import { createBucket, openS3ForTest, type S3Target } from '../support/s3-for-test.ts';

const S3 = process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '';
const DYNAMODB = process.env['LAKEFOLD_TEST_LOCALSTACK_DYNAMODB'] ?? '';

describe.skipIf(S3 === '' || DYNAMODB === '')('on LocalStack', () => {
  let bucket: S3Target;
  let tables: DynamoDbTarget;
  beforeAll(async () => {
    bucket = await createBucket(S3);
    tables = await createTables(DYNAMODB);
  });
  afterAll(() => tables.deps.client.destroy());

  describeStorageRules({
    name: 'S3 and DynamoDB',
    make: async () => {
      const parts = memoryParts();
      const s3 = await openS3ForTest(bucket);
      const { deps, onlineTable, controlTable } = tables;
      const online = new DynamoDbOnlineStore(deps, { table: onlineTable });
      const api = await openApi({ ...parts, store: s3.store, online, control: new DynamoDbControl(deps, { table: controlTable }) });
      const close = async (): Promise<void> => {
        await Promise.all(parts.later);
        await api.close();
        await s3.close();
      };
      return { subject: { api, project: `p${randomBytes(6).toString('hex')}` }, close };
    },
  });
});
