/** Cases of the online store contract: the watermark moves by compare-and-set (U6). */
import { expect } from 'vitest';
import { entityKey } from '../../lib/core/keys.ts';
import { epochMillis } from '../../lib/core/time.ts';
import type { ContractCase } from '../support/contract-suite.ts';
import { itemOf, rowOf, tableOf, watermarkOf } from '../support/online-rows.ts';
import type { OnlineStoreSubject } from './online-store-subject.ts';

const RACERS = 32;
const AHEAD_MAX = 64;

export const onlineWatermarkCases: readonly ContractCase<OnlineStoreSubject>[] = [
  {
    name: 'U6 has no watermark until the first move, which only one may make',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      expect(await store.watermark(table, { consistent: true })).toBeUndefined();
      expect(await store.moveWatermark(table, { expected: watermarkOf(0), next: watermarkOf(1) })).toBe(false);
      expect(await store.moveWatermark(table, { expected: undefined, next: watermarkOf(0, [2, 5]) })).toBe(true);
      expect(await store.moveWatermark(table, { expected: undefined, next: watermarkOf(7) })).toBe(false);
      expect(await store.watermark(table, { consistent: true })).toEqual(watermarkOf(0, [2, 5]));
    },
  },
  {
    name: 'U6 moves only from where the mover saw it: version, versions ahead and table',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const at = watermarkOf(4, [6, 8]);
      await store.moveWatermark(table, { expected: undefined, next: at });
      const others = [
        watermarkOf(3, [6, 8]),
        watermarkOf(5, [6, 8]),
        watermarkOf(4),
        watermarkOf(4, [6]),
        watermarkOf(4, [6, 9]),
        watermarkOf(4, [6, 8, 9]),
        watermarkOf(4, [6, 8], 'table-b'),
      ];
      for (const expected of others) expect(await store.moveWatermark(table, { expected, next: watermarkOf(9) })).toBe(false);
      expect(await store.watermark(table, { consistent: true })).toEqual(at);
      expect(await store.moveWatermark(table, { expected: { ...at, committedAt: epochMillis(1) }, next: watermarkOf(9) })).toBe(true);
    },
  },
  {
    name: 'U6 tells no versions ahead from some, both ways',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.moveWatermark(table, { expected: undefined, next: watermarkOf(1) });
      expect(await store.moveWatermark(table, { expected: watermarkOf(1, [3]), next: watermarkOf(3) })).toBe(false);
      expect(await store.moveWatermark(table, { expected: watermarkOf(1), next: watermarkOf(1, [3]) })).toBe(true);
      expect(await store.moveWatermark(table, { expected: watermarkOf(1), next: watermarkOf(2) })).toBe(false);
      expect(await store.moveWatermark(table, { expected: watermarkOf(1, [3]), next: watermarkOf(3) })).toBe(true);
      expect(await store.watermark(table, { consistent: true })).toEqual(watermarkOf(3));
    },
  },
  {
    name: 'U6 keeps 64 versions ahead as a set, in order, and refuses more',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const ahead = Array.from({ length: AHEAD_MAX }, (_, i) => 3 + 2 * i);
      await store.moveWatermark(table, { expected: undefined, next: watermarkOf(1, [...ahead].reverse()) });
      expect(await store.watermark(table, { consistent: true })).toEqual(watermarkOf(1, ahead));
      await expect(store.moveWatermark(table, { expected: watermarkOf(1, ahead), next: watermarkOf(1, [...ahead, 2]) })).rejects.toMatchObject({
        code: 'INTERNAL',
      });
      const shuffled = [...ahead.slice(30), ...ahead.slice(0, 30)];
      expect(await store.moveWatermark(table, { expected: watermarkOf(1, shuffled), next: watermarkOf(2) })).toBe(true);
    },
  },
  {
    name: 'U6 lets one of many movers at once win',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const starts = [undefined, watermarkOf(0), watermarkOf(1, [3])];
      for (const [round, expected] of starts.entries()) {
        if (round > 0) await store.moveWatermark(table, { expected: await store.watermark(table, { consistent: true }), next: expected ?? watermarkOf(0) });
        const targets = Array.from({ length: RACERS }, (_, i) => watermarkOf(10 + i, [100 + round]));
        const won = await Promise.all(targets.map((next) => store.moveWatermark(table, { expected, next })));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await store.watermark(table, { consistent: true })).toEqual(targets[won.indexOf(true)]);
      }
    },
  },
  {
    name: 'U6 moves to another table by the same condition',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.moveWatermark(table, { expected: undefined, next: watermarkOf(7) });
      expect(await store.moveWatermark(table, { expected: watermarkOf(7), next: watermarkOf(0, [], 'table-b') })).toBe(true);
      expect(await store.moveWatermark(table, { expected: watermarkOf(7), next: watermarkOf(8) })).toBe(false);
      expect(await store.watermark(table, { consistent: true })).toEqual(watermarkOf(0, [], 'table-b'));
    },
  },
  {
    name: 'keeps the watermark and an item under the same bytes apart',
    run: async ({ store, project }) => {
      const table = tableOf(project, { shards: 1 });
      const key = entityKey(Uint8Array.of(0));
      await store.moveWatermark(table, { expected: undefined, next: watermarkOf(3) });
      expect(await store.merge(table, [{ ...rowOf('a', { eventTime: 1, commit: 1 }), key }])).toEqual(['applied']);
      const { items, watermarks } = await store.read({ items: [{ table, key }], watermarks: [table] }, { consistent: true });
      expect({ items, watermarks }).toEqual({ items: [{ kind: 'item', item: itemOf({ eventTime: 1, commit: 1 }) }], watermarks: [watermarkOf(3)] });
    },
  },
];
