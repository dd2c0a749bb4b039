/** The DynamoDB adapters on three imitations of DynamoDB. */
import { randomUUID } from 'node:crypto';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DynamoDbControl } from '../../lib/adapters/aws/dynamodb-control.ts';
import { createDynamoDbClient } from '../../lib/adapters/aws/dynamodb-calls.ts';
import { itemKeyOf, watermarkKeyOf } from '../../lib/adapters/aws/dynamodb-online-items.ts';
import { DynamoDbOnlineStore } from '../../lib/adapters/aws/dynamodb-online-store.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { describeControl } from '../contract/control.contract.ts';
import { describeOnlineStore } from '../contract/online-store.contract.ts';
import { DYNAMODB_LOCAL_DEVIATIONS, MINISTACK_DYNAMODB_DEVIATIONS } from '../support/dynamodb-deviations.ts';
import { createTables, dynamoDbSettings } from '../support/dynamodb-for-test.ts';
import type { DynamoDbTarget } from '../support/dynamodb-for-test.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { deletedItem, editOf, itemAt, itemOf, keyOf, orderOf, rowOf, tableOf, watermarkOf } from '../support/online-rows.ts';

const EMULATORS = [
  { name: 'DynamoDB Local', endpoint: process.env['LAKEFOLD_TEST_DYNAMODB_LOCAL'] ?? '', deviations: DYNAMODB_LOCAL_DEVIATIONS },
  { name: 'LocalStack', endpoint: process.env['LAKEFOLD_TEST_LOCALSTACK_DYNAMODB'] ?? '', deviations: DYNAMODB_LOCAL_DEVIATIONS },
  { name: 'MiniStack', endpoint: process.env['LAKEFOLD_TEST_MINISTACK'] ?? '', deviations: MINISTACK_DYNAMODB_DEVIATIONS },
];

for (const { name, endpoint, deviations } of EMULATORS) {
  describe.skipIf(endpoint === '')(`DynamoDB on ${name}`, () => {
    let target: DynamoDbTarget;
    beforeAll(async () => {
      target = await createTables(endpoint);
    });
    afterAll(() => target.deps.client.destroy());

    describeOnlineStore({
      name,
      deviations: deviations.online,
      make: async () => ({ subject: { store: onlineStoreOf(target), project: projectName() }, close: async () => undefined }),
    });

    describeControl({
      name,
      deviations: deviations.control,
      make: async () => ({
        subject: { control: new DynamoDbControl(target.deps, { table: target.controlTable }), scope: randomUUID() },
        close: async () => undefined,
      }),
    });

    describe('stored attributes', () => {
      const attributesOf = async (key: ReturnType<typeof itemKeyOf>) =>
        (await target.deps.client.send(new GetItemCommand({ TableName: target.onlineTable, Key: { ...key }, ConsistentRead: true }))).Item;

      it('are those of the layout for a row, a deleted mark and a watermark', async () => {
        const table = tableOf(projectName(), { shards: 1 });
        const store = onlineStoreOf(target);
        const p = `${table.project}/delays/1/1`;
        await store.edit(table, [editOf('a', 2, 1), editOf('gone', 2)]);
        await store.merge(table, [rowOf('a', { eventTime: 5, commit: 3 }, { expiresAt: 9 })]);
        await store.moveWatermark(table, { expected: undefined, next: watermarkOf(3, [5]) });
        expect(await attributesOf(itemKeyOf(table, keyOf('a')))).toEqual({
          p: { S: `${p}/00` },
          k: { B: keyOf('a') },
          o: { B: orderOf(5) },
          c: { N: '3' },
          f: { N: '2' },
          v: { B: utf8('e=5') },
          x: { N: '9' },
        });
        expect(await attributesOf(itemKeyOf(table, keyOf('gone')))).toEqual({
          p: { S: `${p}/00` },
          k: { B: keyOf('gone') },
          c: { N: '2' },
          f: { N: '2' },
          d: { N: '1' },
        });
        expect(await attributesOf(watermarkKeyOf(table))).toEqual({
          p: { S: `${p}/w` },
          k: { B: Uint8Array.of(0) },
          n: { N: '3' },
          a: { NS: ['5'] },
          t: { N: '1750000000003' },
          m: { S: 'table-a' },
        });
      });
    });

    describe('when an answer is lost after the write landed', () => {
      let proxy: FaultProxy;
      let behind: DynamoDbTarget;
      beforeAll(async () => {
        proxy = await startFaultProxy(endpoint);
        behind = { ...target, deps: { ...target.deps, client: createDynamoDbClient(dynamoDbSettings(proxy.endpoint)) } };
      });
      afterAll(async () => {
        behind.deps.client.destroy();
        await proxy.close();
      });
      const loseAnswer = (): void => proxy.script('POST', [{ kind: 'drop-answer' }]);

      it('a merge is applied (U2)', async () => {
        const table = tableOf(projectName());
        loseAnswer();
        expect(await onlineStoreOf(behind).merge(table, [rowOf('a', { eventTime: 1, commit: 1 })])).toEqual(['applied']);
        expect(await itemAt(onlineStoreOf(target), table, 'a')).toEqual(itemOf({ eventTime: 1, commit: 1 }));
      });

      it('an edit is applied (U7)', async () => {
        const table = tableOf(projectName());
        loseAnswer();
        expect(await onlineStoreOf(behind).edit(table, [editOf('a', 4)])).toEqual(['applied']);
        expect(await itemAt(onlineStoreOf(target), table, 'a')).toEqual(deletedItem(4));
      });

      it('a watermark is moved (U6)', async () => {
        const table = tableOf(projectName());
        for (const move of [
          { expected: undefined, next: watermarkOf(1, [3]) },
          { expected: watermarkOf(1, [3]), next: watermarkOf(3) },
        ]) {
          loseAnswer();
          expect(await onlineStoreOf(behind).moveWatermark(table, move)).toBe(true);
          expect(await onlineStoreOf(target).watermark(table, { consistent: true })).toEqual(move.next);
        }
      });

      it('a conditional put and a conditional delete have succeeded', async () => {
        const control = new DynamoDbControl(behind.deps, { table: target.controlTable });
        const record = { partition: randomUUID(), sort: 'k', bytes: utf8('mine') };
        loseAnswer();
        expect(await control.put(record, { condition: { kind: 'absent' } })).toEqual({ ...record, revision: 1 });
        loseAnswer();
        expect(await control.put(record, { condition: { kind: 'revision', revision: 1 } })).toEqual({ ...record, revision: 2 });
        loseAnswer();
        expect(await control.delete(record.partition, record.sort, { condition: { kind: 'revision', revision: 2 } })).toBe(true);
      });
    });
  });
}

function onlineStoreOf(target: DynamoDbTarget): DynamoDbOnlineStore {
  return new DynamoDbOnlineStore(target.deps, { table: target.onlineTable, readTimeMaxMillis: 30_000, writeTimeMaxMillis: 30_000 });
}

function projectName(): string {
  return `p${randomUUID().replaceAll('-', '')}`;
}
