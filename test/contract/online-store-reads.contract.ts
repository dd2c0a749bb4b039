/** Cases of the online store contract: batch reads (S6) and scans. */
import { expect } from 'vitest';
import { toHex } from '../../lib/core/bytes.ts';
import type { OnlineItem, OnlineStore, OnlineTable } from '../../lib/ports/online-store.ts';
import type { ContractCase } from '../support/contract-suite.ts';
import { deletedItem, editOf, itemOf, keyOf, rowOf, tableOf, watermarkOf } from '../support/online-rows.ts';
import type { OnlineStoreSubject } from './online-store-subject.ts';

const MANY = 250;
/** More than a thousand entries and more than a megabyte: over a page of any store. */
const SCANNED_ROWS = 1100;
const SCANNED_PAYLOAD_BYTES = 1500;

async function scanned(store: OnlineStore, table: OnlineTable): Promise<Map<string, OnlineItem>> {
  const items = new Map<string, OnlineItem>();
  for await (const { key, item } of store.scan(table)) {
    if (items.has(toHex(key))) throw new Error(`scanned ${toHex(key)} twice`);
    items.set(toHex(key), item);
  }
  return items;
}

export const onlineReadCases: readonly ContractCase<OnlineStoreSubject>[] = [
  {
    name: 'S6 reads 250 keys, some of them twice, aligned with what was asked, in three requests',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const names = Array.from({ length: MANY }, (_, i) => `k${i}`);
      await store.merge(
        table,
        names.filter((_, i) => i % 2 === 0).map((name) => rowOf(name, { eventTime: Number(name.slice(1)), commit: 1 })),
      );
      const asked = [...names, ...names.slice(0, 60), 'k0', 'k0'];
      const { items, storeRequests } = await store.read({ items: asked.map((name) => ({ table, key: keyOf(name) })), watermarks: [] }, { consistent: true });
      const expected = asked.map((name) => {
        const i = Number(name.slice(1));
        return i % 2 === 0 ? { kind: 'item', item: itemOf({ eventTime: i, commit: 1 }) } : { kind: 'absent' };
      });
      expect(items).toEqual(expected);
      expect(storeRequests).toBe(3);
    },
  },
  {
    name: 'S6 reads several tables and their watermarks in one request',
    run: async ({ store, project }) => {
      const delays = tableOf(project, { featureGroup: 'delays' });
      const routes = tableOf(project, { featureGroup: 'routes', shards: 1 });
      const empty = tableOf(project, { featureGroup: 'empty' });
      await store.merge(delays, [rowOf('a', { eventTime: 1, commit: 1 })]);
      await store.merge(routes, [rowOf('a', { eventTime: 2, commit: 2 })]);
      await store.edit(routes, [editOf('gone', 2)]);
      await store.moveWatermark(delays, { expected: undefined, next: watermarkOf(1, [3, 4]) });
      const items = [delays, routes, empty].map((table) => ({ table, key: keyOf('a') }));
      const answer = await store.read({ items: [...items, { table: routes, key: keyOf('gone') }], watermarks: [delays, routes, delays] }, { consistent: true });
      expect(answer).toEqual({
        items: [
          { kind: 'item', item: itemOf({ eventTime: 1, commit: 1 }) },
          { kind: 'item', item: itemOf({ eventTime: 2, commit: 2 }) },
          { kind: 'absent' },
          { kind: 'item', item: deletedItem(2) },
        ],
        watermarks: [watermarkOf(1, [3, 4]), undefined, watermarkOf(1, [3, 4])],
        storeRequests: 1,
      });
    },
  },
  {
    name: 'S6 counts 100 different keys, watermarks among them, as one request, 101 as two and none as none',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const items = Array.from({ length: 100 }, (_, i) => ({ table, key: keyOf(`k${i}`) }));
      const count = async (keys: typeof items, watermarks: readonly OnlineTable[]): Promise<number> =>
        (await store.read({ items: keys, watermarks })).storeRequests;
      expect(await count([...items, ...items], [])).toBe(1);
      expect(await count(items.slice(1), [table, table])).toBe(1);
      expect(await count(items, [table])).toBe(2);
      expect(await count([], [])).toBe(0);
    },
  },
  {
    name: 'keeps generations, versions and groups apart, also where one name begins as another',
    run: async ({ store, project }) => {
      const tables = [
        tableOf(project),
        tableOf(project, { generation: 2 }),
        tableOf(project, { generation: 11 }),
        tableOf(project, { version: 11 }),
        tableOf(project, { featureGroup: 'delays2' }),
        tableOf(`${project}x`),
      ];
      for (const [i, table] of tables.entries()) await store.merge(table, [rowOf('a', { eventTime: i, commit: i })]);
      for (const [i, table] of tables.entries()) await store.moveWatermark(table, { expected: undefined, next: watermarkOf(i) });
      const { items, watermarks } = await store.read({ items: tables.map((table) => ({ table, key: keyOf('a') })), watermarks: tables }, { consistent: true });
      expect(items).toEqual(tables.map((_, i) => ({ kind: 'item', item: itemOf({ eventTime: i, commit: i }) })));
      expect(watermarks).toEqual(tables.map((_, i) => watermarkOf(i)));
      for (const [i, table] of tables.entries())
        expect(await scanned(store, table)).toEqual(new Map([[toHex(keyOf('a')), itemOf({ eventTime: i, commit: i })]]));
    },
  },
  {
    name: 'scans every item of a table once, deleted marks included and the watermark not, over more than a page',
    run: async ({ store, project }) => {
      const table = tableOf(project, { shards: 1 });
      const payload = new Uint8Array(SCANNED_PAYLOAD_BYTES).fill(7);
      const names = Array.from({ length: SCANNED_ROWS }, (_, i) => `k${i}`);
      await store.merge(
        table,
        names.map((name) => rowOf(name, { eventTime: 1, commit: 1 }, { payload })),
      );
      await store.edit(table, [editOf('gone', 2)]);
      await store.moveWatermark(table, { expected: undefined, next: watermarkOf(2) });
      const expected = new Map(names.map((name) => [toHex(keyOf(name)), itemOf({ eventTime: 1, commit: 1 }, { payload })]));
      expected.set(toHex(keyOf('gone')), deletedItem(2));
      expect(await scanned(store, table)).toEqual(expected);
    },
  },
  {
    name: 'scans every shard, and an empty table as nothing',
    run: async ({ store, project }) => {
      const table = tableOf(project, { shards: 16 });
      const names = Array.from({ length: 64 }, (_, i) => `k${i}`);
      await store.merge(
        table,
        names.map((name) => rowOf(name, { eventTime: 1, commit: 1 })),
      );
      expect([...(await scanned(store, table)).keys()].sort()).toEqual(names.map((name) => toHex(keyOf(name))).sort());
      expect(await scanned(store, tableOf(project, { featureGroup: 'empty' }))).toEqual(new Map());
    },
  },
];
