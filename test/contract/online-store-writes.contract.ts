/** Cases of the online store contract: merges (U1), edits (U7) and how refusals are told (U2). */
import fc from 'fast-check';
import { expect } from 'vitest';
import { entityKey } from '../../lib/core/keys.ts';
import { epochSeconds } from '../../lib/core/time.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import type { OnlineEdit, OnlineItem, OnlineRow, OnlineStore, OnlineTable } from '../../lib/ports/online-store.ts';
import type { ContractCase } from '../support/contract-suite.ts';
import { deletedItem, editOf, itemAt, itemOf, keyOf, orderOf, rowOf, tableOf } from '../support/online-rows.ts';
import type { OnlineStoreSubject } from './online-store-subject.ts';

const RACERS = 32;
const BIG_PAYLOAD_BYTES = 300 * 1024;
const KEY_BYTES_MAX = 1000;

type Step = { readonly kind: 'merge'; readonly row: OnlineRow } | { readonly kind: 'edit'; readonly edit: OnlineEdit };

const NAMES = ['a', 'b'];
const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({ name: fc.constantFrom(...NAMES), eventTime: fc.integer({ min: -2, max: 3 }), commit: fc.integer({ min: 0, max: 6 }), expires: fc.boolean() })
    .map(({ name, eventTime, commit, expires }): Step => ({ kind: 'merge', row: rowOf(name, { eventTime, commit }, expires ? { expiresAt: 7 } : {}) })),
  fc
    .record({ name: fc.constantFrom(...NAMES), version: fc.integer({ min: 0, max: 6 }), left: fc.option(fc.integer({ min: -2, max: 3 }), { nil: undefined }) })
    .map(({ name, version, left }): Step => ({ kind: 'edit', edit: editOf(name, version, left) })),
);

function apply(store: OnlineStore, table: OnlineTable, step: Step): Promise<readonly string[]> {
  return step.kind === 'merge' ? store.merge(table, [step.row]) : store.edit(table, [step.edit]);
}

async function play(
  store: OnlineStore,
  table: OnlineTable,
  steps: readonly Step[],
): Promise<{ readonly outcomes: string[]; readonly items: (OnlineItem | undefined)[] }> {
  const outcomes: string[] = [];
  for (const step of steps) outcomes.push(...(await apply(store, table, step)));
  const items: (OnlineItem | undefined)[] = [];
  for (const name of NAMES) items.push(await itemAt(store, table, name));
  return { outcomes, items };
}

const merge = (name: string, eventTime: number, commit: number): Step => ({ kind: 'merge', row: rowOf(name, { eventTime, commit }) });
const edit = (name: string, version: number, left?: number): Step => ({ kind: 'edit', edit: editOf(name, version, left) });

export const onlineWriteCases: readonly ContractCase<OnlineStoreSubject>[] = [
  {
    name: 'U1 writes the row of an absent key whole, expiry included',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      expect(await store.merge(table, [rowOf('a', { eventTime: 5, commit: 3 }, { expiresAt: 1_760_000_000 })])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 5, commit: 3 }, { expiresAt: 1_760_000_000 }));
    },
  },
  {
    name: 'U1 replaces an older row and tells it from one that is stale',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 5, commit: 1 })]);
      expect(await store.merge(table, [rowOf('a', { eventTime: 6, commit: 3 })])).toEqual(['applied']);
      expect(await store.merge(table, [rowOf('a', { eventTime: 4, commit: 9 })])).toEqual(['stale']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 6, commit: 3 }));
    },
  },
  {
    name: 'U1 lets a late row of an earlier commit win by its order alone',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 5, commit: 6 })]);
      expect(await store.merge(table, [rowOf('a', { eventTime: 7, commit: 2 })])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 7, commit: 2 }));
    },
  },
  {
    name: 'U1 compares order as unsigned bytes, down to the last',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const low = orderOf(-1);
      const high = orderOf(0);
      const higher = Uint8Array.from(high, (byte, i) => (i === 23 ? 255 : byte));
      await store.merge(table, [{ ...rowOf('a', { eventTime: 0, commit: 1 }), order: low }]);
      expect(await store.merge(table, [{ ...rowOf('a', { eventTime: 0, commit: 2 }), order: high }])).toEqual(['applied']);
      expect(await store.merge(table, [{ ...rowOf('a', { eventTime: 0, commit: 3 }), order: higher }])).toEqual(['applied']);
      expect(await store.merge(table, [{ ...rowOf('a', { eventTime: 0, commit: 4 }), order: high }])).toEqual(['stale']);
    },
  },
  {
    name: 'U1 drops the expiry of the row before',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 1, commit: 1 }, { expiresAt: 1_760_000_000 })]);
      await store.merge(table, [rowOf('a', { eventTime: 2, commit: 2 })]);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 2, commit: 2 }));
    },
  },
  {
    name: 'U1 the fence keeps out the commits up to it, however new their rows, and no later one',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.edit(table, [editOf('a', 5, 1)]);
      expect(await store.merge(table, [rowOf('a', { eventTime: 9, commit: 4 })])).toEqual(['stale']);
      expect(await store.merge(table, [rowOf('a', { eventTime: 9, commit: 5 })])).toEqual(['stale']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 1, commit: 5, fence: 5 }));
      expect(await store.merge(table, [rowOf('a', { eventTime: 9, commit: 6 })])).toEqual(['applied']);
    },
  },
  {
    name: 'U1 the fence stays when a merge writes over it',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.edit(table, [editOf('a', 3, 1)]);
      await store.merge(table, [rowOf('a', { eventTime: 2, commit: 4 })]);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 2, commit: 4, fence: 3 }));
      expect(await store.merge(table, [rowOf('a', { eventTime: 8, commit: 2 })])).toEqual(['stale']);
    },
  },
  {
    name: 'U1 takes any order over a deleted mark, and clears the mark',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 9, commit: 1 })]);
      await store.edit(table, [editOf('a', 2)]);
      expect(await store.merge(table, [rowOf('a', { eventTime: -5, commit: 3 })])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: -5, commit: 3, fence: 2 }));
      // The mark is gone, so order counts again.
      expect(await store.merge(table, [rowOf('a', { eventTime: -6, commit: 4 })])).toEqual(['stale']);
    },
  },
  {
    name: 'U2 calls a row that is there already a duplicate, whichever commit or edit put it there',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 5, commit: 3 })]);
      expect(await store.merge(table, [rowOf('a', { eventTime: 5, commit: 3 })])).toEqual(['duplicate']);
      expect(await store.merge(table, [rowOf('a', { eventTime: 5, commit: 4 })])).toEqual(['duplicate']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 5, commit: 3 }));
      await store.edit(table, [editOf('a', 7, 5)]);
      expect(await store.merge(table, [rowOf('a', { eventTime: 5, commit: 3 })])).toEqual(['duplicate']);
    },
  },
  {
    name: 'U2 calls what a deleted mark keeps out stale',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 5, commit: 1 })]);
      await store.edit(table, [editOf('a', 2)]);
      expect(await store.merge(table, [rowOf('a', { eventTime: 5, commit: 1 })])).toEqual(['stale']);
      expect(await itemAt(store, table, 'a')).toEqual(deletedItem(2));
    },
  },
  {
    name: 'U2 answers for each row of a call, in order',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('b', { eventTime: 5, commit: 1 }), rowOf('c', { eventTime: 5, commit: 1 })]);
      const rows = [
        rowOf('a', { eventTime: 1, commit: 2 }),
        rowOf('b', { eventTime: 5, commit: 2 }),
        rowOf('c', { eventTime: 4, commit: 2 }),
        rowOf('d', { eventTime: 1, commit: 2 }),
      ];
      expect(await store.merge(table, rows)).toEqual(['applied', 'duplicate', 'stale', 'applied']);
      expect(await store.edit(table, [editOf('a', 1), editOf('b', 3), editOf('d', 2, 1)])).toEqual(['stale', 'applied', 'applied']);
    },
  },
  {
    name: 'writes nothing for nothing',
    run: async ({ store, project }) => {
      expect(await store.merge(tableOf(project), [])).toEqual([]);
      expect(await store.edit(tableOf(project), [])).toEqual([]);
    },
  },
  {
    name: 'U7 writes what an edit leaves, though it is older, under its own version and fence',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 7, commit: 2 }, { expiresAt: 9 })]);
      expect(await store.edit(table, [editOf('a', 3, 5)])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 5, commit: 3, fence: 3 }));
      expect(await store.edit(table, [editOf('a', 4, 6, { expiresAt: 11 })])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 6, commit: 4, fence: 4 }, { expiresAt: 11 }));
    },
  },
  {
    name: 'U7 leaves a mark without order, payload and expiry where nothing is left',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 7, commit: 2 }, { expiresAt: 9 })]);
      expect(await store.edit(table, [editOf('a', 3), editOf('never written', 3)])).toEqual(['applied', 'applied']);
      expect(await itemAt(store, table, 'a')).toEqual(deletedItem(3));
      expect(await itemAt(store, table, 'never written')).toEqual(deletedItem(3));
    },
  },
  {
    name: 'U7 brings a deleted key back without its mark',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.edit(table, [editOf('a', 3)]);
      expect(await store.edit(table, [editOf('a', 4, 2)])).toEqual(['applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 2, commit: 4, fence: 4 }));
    },
  },
  {
    name: 'U7 refuses an edit after a later commit, and not after its own version',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [rowOf('a', { eventTime: 7, commit: 5 }), rowOf('b', { eventTime: 7, commit: 5 })]);
      expect(await store.edit(table, [editOf('a', 4), editOf('b', 5)])).toEqual(['stale', 'applied']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 7, commit: 5 }));
      expect(await itemAt(store, table, 'b')).toEqual(deletedItem(5));
    },
  },
  {
    name: 'U7 refuses an edit after a later edit',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.edit(table, [editOf('a', 8, 1)]);
      expect(await store.edit(table, [editOf('a', 7)])).toEqual(['stale']);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 1, commit: 8, fence: 8 }));
    },
  },
  {
    name: 'U7 calls an edit that is repeated a duplicate until something later holds the key',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.edit(table, [editOf('a', 3, 1), editOf('b', 3)]);
      expect(await store.edit(table, [editOf('a', 3, 1), editOf('b', 3)])).toEqual(['duplicate', 'duplicate']);
      await store.merge(table, [rowOf('a', { eventTime: 2, commit: 4 }), rowOf('b', { eventTime: 2, commit: 4 })]);
      expect(await store.edit(table, [editOf('a', 3, 1), editOf('b', 3)])).toEqual(['stale', 'stale']);
      expect(await itemAt(store, table, 'b')).toEqual(itemOf({ eventTime: 2, commit: 4, fence: 3 }));
    },
  },
  {
    name: 'fold vectors: late, repeated and reordered writes end at the newest row of the head',
    run: async ({ store, project }) => {
      const vectors: readonly { readonly steps: readonly Step[]; readonly end: OnlineItem }[] = [
        { steps: [merge('a', 2, 1), edit('a', 2), merge('a', 1, 3)], end: itemOf({ eventTime: 1, commit: 3, fence: 2 }) },
        { steps: [edit('a', 2), merge('a', 1, 3), merge('a', 4, 1)], end: itemOf({ eventTime: 1, commit: 3, fence: 2 }) },
        { steps: [merge('a', 3, 1), edit('a', 2), merge('a', 1, 3), edit('a', 2), merge('a', 3, 1)], end: itemOf({ eventTime: 1, commit: 3, fence: 2 }) },
        {
          steps: [merge('a', 5, 1), merge('a', 7, 2), edit('a', 3, 5), merge('a', 6, 4), merge('a', 7, 2)],
          end: itemOf({ eventTime: 6, commit: 4, fence: 3 }),
        },
      ];
      for (const [i, { steps, end }] of vectors.entries()) {
        const table = tableOf(project, { featureGroup: `vector_${i}` });
        expect((await play(store, table, steps)).items[0]).toEqual(end);
      }
    },
  },
  {
    name: 'ends at the newest row when many writers race for a key',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const order = Array.from({ length: RACERS }, (_, i) => (i * 7) % RACERS);
      const outcomes = await Promise.all(order.map((eventTime) => store.merge(table, [rowOf('a', { eventTime, commit: eventTime })])));
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: RACERS - 1, commit: RACERS - 1 }));
      expect(outcomes[order.indexOf(RACERS - 1)]).toEqual(['applied']);
    },
  },
  {
    name: 'keeps a payload of 300 KB, an empty one and a key of 1000 bytes',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const payload = Uint8Array.from({ length: BIG_PAYLOAD_BYTES }, (_, i) => i % 251);
      const key = entityKey(Uint8Array.from({ length: KEY_BYTES_MAX }, (_, i) => 255 - (i % 256)));
      await store.merge(table, [
        { ...rowOf('big', { eventTime: 1, commit: 1 }), payload },
        { ...rowOf('empty', { eventTime: 1, commit: 1 }), payload: new Uint8Array() },
        { ...rowOf('long', { eventTime: 1, commit: 1 }), key },
      ]);
      const { items } = await store.read(
        {
          items: [
            { table, key: keyOf('big') },
            { table, key: keyOf('empty') },
            { table, key },
          ],
          watermarks: [],
        },
        { consistent: true },
      );
      expect(items).toEqual([
        { kind: 'item', item: itemOf({ eventTime: 1, commit: 1 }, { payload }) },
        { kind: 'item', item: itemOf({ eventTime: 1, commit: 1 }, { payload: new Uint8Array() }) },
        { kind: 'item', item: itemOf({ eventTime: 1, commit: 1 }) },
      ]);
    },
  },
  {
    name: 'keeps bytes as they were when handed in or out',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const row = rowOf('a', { eventTime: 1, commit: 1 });
      await store.merge(table, [row]);
      row.payload.fill(0);
      row.order.fill(0);
      const handedOut = await itemAt(store, table, 'a');
      expect(handedOut).toEqual(itemOf({ eventTime: 1, commit: 1 }));
      handedOut?.payload?.fill(0);
      expect(await itemAt(store, table, 'a')).toEqual(itemOf({ eventTime: 1, commit: 1 }));
    },
  },
  {
    name: 'keeps expiry to the second, beyond 2^31',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      await store.merge(table, [{ ...rowOf('a', { eventTime: 1, commit: 1 }), expiresAt: epochSeconds(253_402_300_799) }]);
      expect((await itemAt(store, table, 'a'))?.expiresAt).toBe(253_402_300_799);
    },
  },
  {
    name: 'rejects with the reason of a signal that is aborted, and writes nothing',
    run: async ({ store, project }) => {
      const table = tableOf(project);
      const reason = new Error('no longer wanted');
      const signal = AbortSignal.abort(reason);
      await expect(store.merge(table, [rowOf('a', { eventTime: 1, commit: 1 })], { signal })).rejects.toBe(reason);
      await expect(store.edit(table, [editOf('a', 1)], { signal })).rejects.toBe(reason);
      await expect(store.read({ items: [{ table, key: keyOf('a') }], watermarks: [] }, { signal })).rejects.toBe(reason);
      expect(await itemAt(store, table, 'a')).toBeUndefined();
    },
  },
  {
    name: 'does as the model does, whatever the sequence of merges and edits',
    run: async ({ store, project }) => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(arbitraryStep, { maxLength: 14 }), async (steps) => {
          const table = tableOf(project, { featureGroup: `run_${(run += 1)}` });
          expect(await play(store, table, steps)).toEqual(await play(new MemoryOnlineStore(), table, steps));
        }),
        { numRuns: 40 },
      );
    },
  },
];
