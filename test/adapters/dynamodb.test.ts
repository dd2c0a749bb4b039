/** The DynamoDB adapters where the store throttles, answers in part, or not at all. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DynamoDbControl } from '../../lib/adapters/aws/dynamodb-control.ts';
import { createDynamoDbClient } from '../../lib/adapters/aws/dynamodb-calls.ts';
import { DynamoDbOnlineStore } from '../../lib/adapters/aws/dynamodb-online-store.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { toBase64, utf8 } from '../../lib/core/bytes.ts';
import { isJsonObject } from '../../lib/core/json.ts';
import type { Json, JsonObject } from '../../lib/core/json.ts';
import { ONLINE_WRITE_CONCURRENCY } from '../../lib/core/limits.ts';
import { startDynamoDbStub, stubError } from '../support/dynamodb-stub.ts';
import type { DynamoDbStub, StubAnswer, StubCall } from '../support/dynamodb-stub.ts';
import { dynamoDbSettings } from '../support/dynamodb-for-test.ts';
import { editOf, keyOf, orderOf, rowOf, tableOf, watermarkOf } from '../support/online-rows.ts';

const READ_TIME_MILLIS = 500;
const WRITE_TIME_MILLIS = 1000;
const table = tableOf('demo', { shards: 1 });
const row = rowOf('a', { eventTime: 5, commit: 3 });

let stub: DynamoDbStub;
let client: DynamoDBClient;
let clock: ManualClock;
let store: DynamoDbOnlineStore;

beforeAll(async () => {
  stub = await startDynamoDbStub();
  client = createDynamoDbClient(dynamoDbSettings(stub.endpoint));
});
afterAll(async () => {
  client.destroy();
  await stub.close();
});
beforeEach(() => {
  clock = new ManualClock({ sleeping: 'skip' });
  store = new DynamoDbOnlineStore(
    { client, clock, random: new SeededRandom(5) },
    { table: 'online', readTimeMaxMillis: READ_TIME_MILLIS, writeTimeMaxMillis: WRITE_TIME_MILLIS },
  );
});

function keysOf(call: StubCall): readonly JsonObject[] {
  const items = call.request['RequestItems'];
  const asked = isJsonObject(items) ? items['online'] : undefined;
  const keys = isJsonObject(asked) ? asked['Keys'] : undefined;
  return Array.isArray(keys) ? keys.filter((key: Json): key is JsonObject => isJsonObject(key)) : [];
}

const stored = (key: JsonObject): JsonObject => ({ ...key, o: { B: toBase64(orderOf(1)) }, c: { N: '1' }, v: { B: toBase64(utf8('x')) } });
const answer = (found: readonly JsonObject[], unprocessed: readonly JsonObject[] = []): StubAnswer => ({
  body: { Responses: { online: found.map(stored) }, UnprocessedKeys: unprocessed.length === 0 ? {} : { online: { Keys: unprocessed } } },
});
const requestOf = (count: number) => ({ items: Array.from({ length: count }, (_, i) => ({ table, key: keyOf(`k${i}`) })), watermarks: [] });
const refused = (item: JsonObject): StubAnswer => stubError('ConditionalCheckFailedException', { Item: item });
const itemWith = (attributes: JsonObject): JsonObject => ({
  p: { S: 'demo/delays/1/1/00' },
  k: { B: toBase64(row.key) },
  c: { N: '3' },
  o: { B: toBase64(row.order) },
  v: { B: toBase64(row.payload) },
  ...attributes,
});

describe('reading from DynamoDB (S6)', () => {
  it('asks again for what was left unprocessed, and for nothing else', async () => {
    stub.respond((call, i) => (i === 0 ? answer(keysOf(call).slice(0, 40), keysOf(call).slice(40)) : answer(keysOf(call))));
    const { items, storeRequests } = await store.read(requestOf(100));
    expect(items.map(({ kind }) => kind)).toEqual(Array.from({ length: 100 }, () => 'item'));
    expect(storeRequests).toBe(2);
    expect(stub.calls.map((call) => keysOf(call).length)).toEqual([100, 60]);
  });

  it('says failed, never absent, of what is still unprocessed at the deadline', async () => {
    stub.respond((call) => answer(keysOf(call).slice(0, 1), keysOf(call).slice(1)));
    const { items } = await store.read(requestOf(3));
    expect(items.map(({ kind }) => kind)).toEqual(['item', 'item', 'item']);
    stub.respond((call) => answer([], keysOf(call)));
    const starved = await store.read({ ...requestOf(2), watermarks: [table] });
    expect(starved.items).toEqual([
      { kind: 'failed', cause: expect.objectContaining({ code: 'STORE_THROTTLED' }) },
      { kind: 'failed', cause: expect.objectContaining({ code: 'STORE_THROTTLED' }) },
    ]);
    expect(starved.watermarks).toEqual(['failed']);
    expect(clock.monotonicMillis()).toBeLessThanOrEqual(2 * READ_TIME_MILLIS);
    expect(starved.storeRequests).toBe(stub.calls.length);
  });

  it('fails the keys of one request that is throttled without those of the others', async () => {
    stub.respond((call) => (keysOf(call).length === 100 ? stubError('ProvisionedThroughputExceededException') : answer(keysOf(call))));
    const { items } = await store.read(requestOf(130));
    expect(items.slice(0, 100).every(({ kind }) => kind === 'failed')).toBe(true);
    expect(items.slice(100).every(({ kind }) => kind === 'item')).toBe(true);
  });

  it('asks again after throttling, an inner fault of the store and a lost connection', async () => {
    const faults = [stubError('ThrottlingException'), stubError('InternalServerError', {}, 500), { drop: true }] as const;
    stub.respond((call, i) => faults[i] ?? answer(keysOf(call)));
    const { items, storeRequests } = await store.read(requestOf(1));
    expect(items.map(({ kind }) => kind)).toEqual(['item']);
    expect(storeRequests).toBe(4);
  });

  it('does not ask again what was refused', async () => {
    stub.respond(() => stubError('ResourceNotFoundException'));
    const { items, storeRequests } = await store.read(requestOf(1));
    expect(items).toEqual([{ kind: 'failed', cause: expect.objectContaining({ code: 'STORE_UNAVAILABLE' }) }]);
    expect(storeRequests).toBe(1);
    await expect(store.watermark(table)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      context: { table: 'online', fault: 'ResourceNotFoundException', storeStatus: 400 },
    });
  });

  it('reads strongly when asked to, watermarks included, and else not', async () => {
    stub.respond((call) => answer(keysOf(call)));
    const isConsistent = (): readonly unknown[] =>
      stub.calls.map(({ request }) =>
        isJsonObject(request['RequestItems']) && isJsonObject(request['RequestItems']['online'])
          ? request['RequestItems']['online']['ConsistentRead']
          : undefined,
      );
    await store.read(requestOf(2), { consistent: true });
    await store.read(requestOf(2));
    expect(isConsistent()).toEqual([true, undefined]);
  });

  it('scans page after page, repeating a page that was throttled', async () => {
    const key = (name: string): JsonObject => ({ p: { S: 'demo/delays/1/1/00' }, k: { B: toBase64(keyOf(name)) } });
    const pages: readonly StubAnswer[] = [
      { body: { Items: [stored(key('a'))], LastEvaluatedKey: key('a') } },
      stubError('ThrottlingException'),
      { body: { Items: [], LastEvaluatedKey: key('b') } },
      { body: { Items: [stored(key('c'))] } },
    ];
    stub.respond((_call, i) => pages[i] ?? stubError('ValidationException'));
    const keys: Uint8Array[] = [];
    for await (const entry of store.scan(table)) keys.push(entry.key);
    expect(keys).toEqual([keyOf('a'), keyOf('c')]);
    expect(stub.calls.map(({ request }) => request['ExclusiveStartKey'])).toEqual([undefined, key('a'), key('a'), key('b')]);
  });
});

describe('writing to DynamoDB', () => {
  it('tells from the item that refused a row whether it is that row (U2)', async () => {
    const others = [
      itemWith({}),
      itemWith({ c: { N: '9' } }),
      itemWith({ o: { B: toBase64(orderOf(6)) } }),
      itemWith({ f: { N: '4' } }),
      { ...itemWith({ d: { N: '1' } }), o: undefined, v: undefined },
    ];
    for (const [i, expected] of (['duplicate', 'duplicate', 'stale', 'duplicate', 'stale'] as const).entries()) {
      stub.respond(() => stubError('ConditionalCheckFailedException', { Item: JSON.parse(JSON.stringify(others[i])) }));
      expect(await store.merge(table, [row])).toEqual([expected]);
    }
  });

  it('calls its own row applied after an answer was lost, and another commit’s equal row a duplicate', async () => {
    stub.respond((_call, i) => (i === 0 ? { drop: true } : refused(itemWith({}))));
    expect(await store.merge(table, [row])).toEqual(['applied']);
    stub.respond((_call, i) => (i === 0 ? { drop: true } : refused(itemWith({ c: { N: '2' } }))));
    expect(await store.merge(table, [row])).toEqual(['duplicate']);
    stub.respond((_call, i) => (i === 0 ? stubError('ThrottlingException') : refused(itemWith({}))));
    expect(await store.merge(table, [row])).toEqual(['duplicate']);
    stub.respond((_call, i) => (i === 0 ? { drop: true } : refused(itemWith({ c: { N: '3' }, f: { N: '3' } }))));
    expect(await store.edit(table, [editOf('a', 3, 5)])).toEqual(['applied']);
  });

  it('calls a lost move of the watermark made when it stands where the move led, and else lost', async () => {
    const item = (n: number): JsonObject => ({
      p: { S: 'demo/delays/1/1/w' },
      k: { B: 'AA==' },
      n: { N: String(n) },
      t: { N: '1750000000000' },
      m: { S: 'table-a' },
    });
    const move = { expected: watermarkOf(4), next: watermarkOf(5) };
    stub.respond((_call, i) => (i === 0 ? { drop: true } : refused(item(5))));
    expect(await store.moveWatermark(table, move)).toBe(true);
    stub.respond((_call, i) => (i === 0 ? { drop: true } : refused(item(6))));
    expect(await store.moveWatermark(table, move)).toBe(false);
    stub.respond(() => refused(item(5)));
    expect(await store.moveWatermark(table, move)).toBe(false);
  });

  it('says failed of a row that was throttled until its deadline, and goes on with the others', async () => {
    const throttled = rowOf('b', { eventTime: 1, commit: 1 });
    stub.respond(({ request }) => (JSON.stringify(request['Key']).includes(toBase64(throttled.key)) ? stubError('ThrottlingException') : { body: {} }));
    expect(await store.merge(table, [row, throttled, rowOf('c', { eventTime: 1, commit: 1 })])).toEqual(['applied', 'failed', 'applied']);
    expect(clock.monotonicMillis()).toBeLessThanOrEqual(WRITE_TIME_MILLIS);
  });

  it('throws what the store refuses for good', async () => {
    stub.respond(() => stubError('ValidationException'));
    await expect(store.merge(table, [row])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', context: { fault: 'ValidationException' } });
    expect(stub.calls).toHaveLength(1);
  });

  it('writes a bounded number of rows at once', async () => {
    let open = 0;
    let most = 0;
    const counting = createDynamoDbClient(dynamoDbSettings(stub.endpoint));
    counting.middlewareStack.add(
      (next) => async (args) => {
        most = Math.max(most, (open += 1));
        try {
          return await next(args);
        } finally {
          open -= 1;
        }
      },
      { step: 'initialize' },
    );
    stub.respond(() => ({ body: {} }));
    const rows = Array.from({ length: 5 * ONLINE_WRITE_CONCURRENCY }, (_, i) => rowOf(`k${i}`, { eventTime: 1, commit: 1 }));
    await new DynamoDbOnlineStore({ client: counting, clock, random: new SeededRandom(1) }, { table: 'online' }).merge(table, rows);
    counting.destroy();
    expect(most).toBe(ONLINE_WRITE_CONCURRENCY);
  });
});

describe('control records in DynamoDB', () => {
  it('knows its own record after a lost answer, and not another’s of the same bytes', async () => {
    const control = new DynamoDbControl({ client, clock, random: new SeededRandom(9) }, { table: 'control' });
    const record = { partition: 'lease/a', sort: 'l', bytes: utf8('same') };
    const storedBy = (writer: Json): JsonObject => ({ p: { S: 'lease/a' }, s: { S: 'l' }, b: { B: toBase64(record.bytes) }, r: { N: '1' }, w: { S: writer } });
    const writerOf = ({ request }: StubCall): Json => {
      const values = request['ExpressionAttributeValues'];
      const writer = isJsonObject(values) ? values[':w'] : undefined;
      return isJsonObject(writer) ? (writer['S'] ?? null) : null;
    };
    stub.respond((call, i) => (i === 0 ? { drop: true } : refused(storedBy(writerOf(call)))));
    expect(await control.put(record, { condition: { kind: 'absent' } })).toEqual({ ...record, revision: 1 });
    stub.respond((_call, i) => (i === 0 ? { drop: true } : refused(storedBy('another'))));
    expect(await control.put(record, { condition: { kind: 'absent' } })).toBeUndefined();
  });
});
