/**
 * A model of the online store in which every condition of U1 and U7 can be switched off, to show that the fold property
 * notices. With all rules on it is a correct store.
 */
import { compareBytes, toHex } from '../../lib/core/bytes.ts';
import type { EntityKey } from '../../lib/core/keys.ts';
import { decideHeal, loadedItem } from '../../lib/ports/online-rules.ts';
import type { OnlineEdit, OnlineItem, OnlineRead, OnlineRow, OnlineStore, OnlineTable, OnlineWrite, Watermark } from '../../lib/ports/online-store.ts';

export interface StoreRules {
  /** U1: `f absent OR f < :c` */
  readonly mergeFence: boolean;
  /** U1: `o < :o` */
  readonly mergeOrder: boolean;
  /** U1: `d present OR …` */
  readonly mergeOverDeleted: boolean;
  /** U1: UpdateItem, not PutItem: the fence stays. */
  readonly mergeKeepsFence: boolean;
  /** U7: `f absent OR f < :v` */
  readonly editFence: boolean;
  /** U7: `c absent OR c <= :v` */
  readonly editCommit: boolean;
  /** U7: `f = v` */
  readonly editSetsFence: boolean;
  /** U7: `REMOVE o` from a deleted mark. */
  readonly deleteDropsOrder: boolean;
}

export const ALL_RULES: StoreRules = {
  mergeFence: true,
  mergeOrder: true,
  mergeOverDeleted: true,
  mergeKeepsFence: true,
  editFence: true,
  editCommit: true,
  editSetsFence: true,
  deleteDropsOrder: true,
};

interface Cell extends OnlineItem {
  readonly key: EntityKey;
}

export function modelOnlineStore(rules: StoreRules = ALL_RULES): OnlineStore {
  const cells = new Map<string, Cell>();
  const watermarks = new Map<string, Watermark>();
  const tableId = (table: OnlineTable): string => `${table.project}/${table.featureGroup}/${table.version}/${table.generation}`;
  const address = (table: OnlineTable, key: EntityKey): string => `${tableId(table)}/${toHex(key)}`;

  const merge = (table: OnlineTable, row: OnlineRow): OnlineWrite => {
    const at = address(table, row.key);
    const held = cells.get(at);
    if (held !== undefined) {
      const fenceOk = !rules.mergeFence || held.fence === undefined || held.fence < row.commit;
      const older = held.order === undefined || compareBytes(held.order, row.order) < 0;
      const orderOk = !rules.mergeOrder || (held.deleted ? rules.mergeOverDeleted && (rules.deleteDropsOrder || older) : older);
      if (!fenceOk || !orderOk) return held.order !== undefined && !held.deleted && compareBytes(held.order, row.order) === 0 ? 'duplicate' : 'stale';
    }
    const fence = rules.mergeKeepsFence ? held?.fence : undefined;
    cells.set(at, {
      key: row.key,
      order: row.order,
      commit: row.commit,
      deleted: false,
      payload: row.payload,
      ...(fence === undefined ? {} : { fence }),
      ...(row.expiresAt === undefined ? {} : { expiresAt: row.expiresAt }),
    });
    return 'applied';
  };

  const edit = (table: OnlineTable, { key, version, row }: OnlineEdit): OnlineWrite => {
    const at = address(table, key);
    const held = cells.get(at);
    const fenceOk = !rules.editFence || held?.fence === undefined || held.fence < version;
    const commitOk = !rules.editCommit || held === undefined || held.commit <= version;
    if (!fenceOk || !commitOk) return held?.commit === version ? 'duplicate' : 'stale';
    const fence = rules.editSetsFence ? { fence: version } : held?.fence === undefined ? {} : { fence: held.fence };
    if (row === undefined)
      cells.set(at, { key, commit: version, ...fence, deleted: true, ...(rules.deleteDropsOrder || held?.order === undefined ? {} : { order: held.order }) });
    else
      cells.set(at, {
        key,
        commit: version,
        ...fence,
        deleted: false,
        order: row.order,
        payload: row.payload,
        ...(row.expiresAt === undefined ? {} : { expiresAt: row.expiresAt }),
      });
    return 'applied';
  };

  return {
    read: async ({ items, watermarks: tables }) => ({
      items: items.map(({ table, key }): OnlineRead => {
        const item = cells.get(address(table, key));
        return item === undefined ? { kind: 'absent' } : { kind: 'item', item };
      }),
      watermarks: tables.map((table) => watermarks.get(tableId(table))),
      storeRequests: Math.ceil((new Set(items.map(({ table, key }) => address(table, key))).size + tables.length) / 100),
    }),
    merge: async (table, rows) => rows.map((row) => merge(table, row)),
    edit: async (table, edits) => edits.map((each) => edit(table, each)),
    load: async (table, rows) => {
      for (const row of rows) cells.set(address(table, row.key), { key: row.key, ...loadedItem(row) });
    },
    heal: async (table, heals) =>
      heals.map((heal) => {
        const decision = decideHeal(cells.get(address(table, heal.key)), heal);
        if (decision.kind === 'applied') cells.set(address(table, heal.key), { key: heal.key, ...decision.item });
        return decision.kind;
      }),
    clear: async (table, { itemsMax }) => {
      const held = [...cells.keys()].filter((at) => at.startsWith(`${tableId(table)}/`));
      for (const at of held.slice(0, itemsMax)) cells.delete(at);
      return held.length <= itemsMax;
    },
    watermark: async (table) => watermarks.get(tableId(table)),
    moveWatermark: async (table, { expected, next }) => {
      const held = watermarks.get(tableId(table));
      if (JSON.stringify(held) !== JSON.stringify(expected)) return false;
      watermarks.set(tableId(table), next);
      return true;
    },
    forget: async (table, keys) => {
      for (const key of keys) if (cells.get(address(table, key))?.deleted === true) cells.delete(address(table, key));
    },
    scan: async function* (table) {
      for (const [at, cell] of cells) if (at.startsWith(`${tableId(table)}/`)) yield { key: cell.key, item: cell };
    },
    close: async () => {},
  };
}
