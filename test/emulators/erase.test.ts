/** Erasure on S3 and DynamoDB, held against every version of every object of a versioned bucket and every item of both tables, as they lie. */
import { Buffer } from 'node:buffer';
import { type AttributeValue, type DynamoDBClient, PutItemCommand, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectVersionsCommand, type ListObjectVersionsCommandOutput, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DynamoDbControl } from '../../lib/adapters/aws/dynamodb-control.ts';
import { DynamoDbOnlineStore } from '../../lib/adapters/aws/dynamodb-online-store.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { joinPath } from '../../lib/core/path.ts';
import { type Api, memoryParts, openApi, rowsOf } from '../support/api.ts';
import { createTables, type DynamoDbTarget } from '../support/dynamodb-for-test.ts';
import {
  definePeople,
  erasePeople,
  fillWithPeople,
  needlesOf,
  PEOPLE,
  PEOPLE_EVENTS,
  PEOPLE_PLACES,
  placesWithout,
  plantPeople,
  somebody,
} from '../support/erased-people.ts';
import { type Kept, placesHolding } from '../support/erased-scan.ts';
import { createBucket, emulatorSettings, type OpenedS3, openS3ForTest, type S3Target } from '../support/s3-for-test.ts';

const MINISTACK = process.env['LAKEFOLD_TEST_MINISTACK'] ?? '';
const DYNAMODB_LOCAL = process.env['LAKEFOLD_TEST_DYNAMODB_LOCAL'] ?? '';
const EMULATORS = [
  { name: 'LocalStack', s3: process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '', dynamodb: process.env['LAKEFOLD_TEST_LOCALSTACK_DYNAMODB'] ?? '' },
  { name: DYNAMODB_LOCAL === '' ? 'MiniStack' : 'MiniStack and DynamoDB Local', s3: MINISTACK, dynamodb: DYNAMODB_LOCAL === '' ? MINISTACK : DYNAMODB_LOCAL },
];
/** Fewer than in the embedded store: each is a request of its own in every commit. */
const KEYS = 25;

/** Every version of every object, the old ones named so. */
async function* versionsOf(client: S3Client, Bucket: string): AsyncIterable<Kept> {
  let marker: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const page: ListObjectVersionsCommandOutput = await client.send(new ListObjectVersionsCommand({ Bucket, ...marker }));
    for (const { Key = '', VersionId = '', IsLatest } of page.Versions ?? []) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
      yield { name: IsLatest === true ? Key : `noncurrent:${Key}`, bytes: (await Body?.transformToByteArray()) ?? new Uint8Array() };
    }
    marker = page.IsTruncated === true ? { KeyMarker: page.NextKeyMarker ?? '', VersionIdMarker: page.NextVersionIdMarker ?? '' } : undefined;
  }
}

/** Every item of a table, by its partition. */
async function* itemsOf(client: DynamoDBClient, TableName: string): AsyncIterable<Kept> {
  let start: Record<string, AttributeValue> | undefined;
  do {
    const page: ScanCommandOutput = await client.send(
      new ScanCommand({ TableName, ConsistentRead: true, ...(start === undefined ? {} : { ExclusiveStartKey: start }) }),
    );
    for (const item of page.Items ?? []) {
      const values = Object.values(item).map(({ S, B }) => Buffer.from(S ?? B ?? ''));
      yield { name: `${TableName.slice(0, 7)}:${item['p']?.S ?? ''}`, bytes: Buffer.concat(values) };
    }
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
}

describe.each(EMULATORS)('an erasure on $name', ({ s3, dynamodb }) => {
  const skips = s3 === '' || dynamodb === '';
  let bucket: S3Target;
  let opened: OpenedS3;
  let tables: DynamoDbTarget;
  let client: S3Client;
  let api: Api<
    Omit<ReturnType<typeof memoryParts>, 'store' | 'online' | 'control'> & { store: OpenedS3['store']; online: DynamoDbOnlineStore; control: DynamoDbControl }
  >;

  beforeAll(async () => {
    if (skips) return;
    bucket = await createBucket(s3);
    client = new S3Client(emulatorSettings(s3));
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket.bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    opened = await openS3ForTest(bucket, { prefix: 'lake' });
    tables = await createTables(dynamodb);
    const { deps, onlineTable, controlTable } = tables;
    const online = new DynamoDbOnlineStore(deps, { table: onlineTable });
    api = await openApi({ ...memoryParts(), store: opened.store, online, control: new DynamoDbControl(deps, { table: controlTable }) });
    await api.post('/v1/projects', { name: 'demo' });
    await definePeople(api);
  });
  afterAll(async () => {
    if (skips) return;
    await api.close();
    await opened.close();
    tables.deps.client.destroy();
    client.destroy();
  });

  it.skipIf(skips)('leaves no byte of keys and their values in any version of any object, nor in any item', async () => {
    const gone = Array.from({ length: KEYS }, () => somebody(api.parts.random));
    const kept = Array.from({ length: 5 }, () => somebody(api.parts.random));
    const { deps, onlineTable, controlTable } = tables;
    const scan = (people: typeof gone): Promise<readonly string[]> =>
      placesHolding([versionsOf(client, bucket.bucket), itemsOf(deps.client, onlineTable), itemsOf(deps.client, controlTable)], needlesOf(people));
    await fillWithPeople(api, { gone, kept });
    await plantPeople(api, gone);
    // Written over and deleted: nothing lists what lies behind their keys.
    for (const folder of ['demo/training-datasets/coded/1/1', 'demo/feature-groups/people/1']) {
      const at = joinPath(folder, 'note.txt');
      await opened.store.overwrite(at, utf8(gone[0]?.note ?? ''));
      await opened.store.overwrite(at, new Uint8Array());
      await opened.store.delete(at);
    }
    const places = [...PEOPLE_PLACES, /^noncurrent:lake\/demo\/training-datasets/, /^noncurrent:lake\/demo\/feature-groups/, /^online-:demo\/people\/1\/1\//];
    expect(placesWithout(await scan(gone), [...places, /^control:transforms/, /^control:dead/])).toEqual([]);

    expect(await erasePeople(api, gone)).toMatchObject({ status: 202, body: { job: { state: 'SUCCEEDED', result: { keys: KEYS, backupsExpireAt: null } } } });
    expect(await scan(gone)).toEqual([]);
    expect(await scan(kept)).not.toEqual([]);
    expect(rowsOf(await api.post(`${PEOPLE}/read`, {}))).toHaveLength(kept.length * PEOPLE_EVENTS);

    const planted = { p: { S: 'demo/people/1/1/00' }, k: { B: Buffer.from(gone[1]?.person ?? '') } };
    await deps.client.send(new PutItemCommand({ TableName: onlineTable, Item: planted }));
    expect(await scan(gone)).toEqual(['online-:demo/people/1/1/00']);
  });
});
