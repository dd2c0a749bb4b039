/** Cases of the online store contract: loading a generation (U11), clearing one, and healing items that are wrong. */
import { expect } from 'vitest';
import type { OnlineStore, OnlineTable } from '../../lib/ports/online-store.ts';
import type { ContractCase } from '../support/contract-suite.ts';
import { deletedItem, editOf, itemAt, itemOf, keyOf, rowOf, tableOf, watermarkOf } from '../support/online-rows.ts';
import type { OnlineStoreSubject } from './online-store-subject.ts';

async function keysIn(store: OnlineStore, table: OnlineTable): Promise<number> {
  let count = 0;
  for await (const _ of store.scan(table)) count += 1;
  return count;
}

export const onlineLoadCases: readonly ContractCase<OnlineStoreSubject>[] = [
  {
    name: 'U11 loads rows over whatever is there, without fence, expiry included',
    run: async ({ store, project }) => {
      const table = tableOf(project, { generation: 2 });
      await store.edit(table, [editOf('a', 9, 9)]);
      await store.load(table, [rowOf('a', { eventTime: 5, commit: 3 }, { expiresAt: 1_760_000_000 }), rowOf('b', { eventTime: 1, commit: 3 })]);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 5, commit: 3 }, { expiresAt: 1_760_000_000 }));
      expect(await itemAt(store, table, 'b')).toEqual(itemOf({ eventTime: 1, commit: 3 }));
      await store.load(table, []);
    },
  },
  {
    name: 'U11 loads 130 rows into one generation and into no other, and merges and edits go on from there',
    run: async ({ store, project }) => {
      const table = tableOf(project, { generation: 2 });
      await store.load(
        table,
        Array.from({ length: 130 }, (_, i) => rowOf(`k${i}`, { eventTime: 5, commit: 3 })),
      );
      expect([await keysIn(store, table), await keysIn(store, tableOf(project))]).toEqual([130, 0]);
      expect(await store.merge(table, [rowOf('k0', { eventTime: 4, commit: 4 }), rowOf('k1', { eventTime: 6, commit: 4 })])).toEqual(['stale', 'applied']);
      expect(await store.edit(table, [editOf('k2', 4)])).toEqual(['applied']);
    },
  },
  {
    name: 'U11 clears a generation bit by bit, its watermark and the others left alone',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const other = tableOf(project, { generation: 11 });
      const names = Array.from({ length: 30 }, (_, i) => `k${i}`);
      for (const each of [table, other])
        await store.load(
          each,
          names.map((name) => rowOf(name, { eventTime: 5, commit: 3 })),
        );
      await store.edit(table, [editOf('k0', 4)]);
      await store.moveWatermark(table, { expected: undefined, next: watermarkOf(4) });
      expect(await store.clear(table, { itemsMax: 20 })).toBe(false);
      expect(await keysIn(store, table)).toBe(10);
      while (!(await store.clear(table, { itemsMax: 20 })));
      expect([await keysIn(store, table), await keysIn(store, other)]).toEqual([0, 30]);
      expect(await store.watermark(table, { consistent: true })).toEqual(watermarkOf(4));
      expect(await store.clear(table, { itemsMax: 20 })).toBe(true);
    },
  },
  {
    name: 'heals an item that is still as it was seen, and no other',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 9, commit: 3 }, { expiresAt: 7 })]);
      const seen = await itemAt(store, table, 'a');
      await store.merge(table, [rowOf('a', { eventTime: 10, commit: 4 })]);
      expect(await store.heal(table, [{ ...editOf('a', 5, 2), seen }])).toEqual(['stale']);
      expect(await store.heal(table, [{ ...editOf('a', 5, 2), seen: await itemAt(store, table, 'a') }])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 2, commit: 5, fence: 5 }));
      expect(await store.heal(table, [{ ...editOf('a', 5), seen: await itemAt(store, table, 'a') }])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(deletedItem(5));
      expect(await store.heal(table, [{ ...editOf('a', 6, 1), seen: await itemAt(store, table, 'a') }])).toEqual(['applied']);
    },
  },
  {
    name: 'heals a missing item only while it is missing, and tells each of a call apart',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 9, commit: 3 })]);
      const heals = [
        { ...editOf('a', 5, 2), seen: undefined },
        { ...editOf('b', 5, 2), seen: undefined },
        { ...editOf('c', 5, 2), seen: itemOf({ eventTime: 9, commit: 3 }) },
      ];
      expect(await store.heal(table, heals)).toEqual(['stale', 'applied', 'stale']);
      expect(await itemAt(store, table, 'b')).toEqual(itemOf({ eventTime: 2, commit: 5, fence: 5 }));
      const { items } = await store.read({ items: [{ table, key: keyOf('c') }], watermarks: [] }, { consistent: true });
      expect(items).toEqual([{ kind: 'absent' }]);
    },
  },
];
