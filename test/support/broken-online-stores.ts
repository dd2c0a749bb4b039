/** Online stores that are wrong on purpose: each is caught by a case of the contract. */
import { bytesEqual, compareBytes } from '../../lib/core/bytes.ts';
import { decideEdit, decideMerge } from '../../lib/ports/online-rules.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import type { OnlineRules } from '../../lib/adapters/memory/online-store.ts';
import type { OnlineStoreSubject } from '../contract/online-store-subject.ts';
import type { OnlineItem, OnlineRow, OnlineStore, OnlineTable, OnlineWrite, Watermark } from '../../lib/ports/online-store.ts';
import type { BrokenAdapter } from './contract-suite.ts';

type Overrides = (good: OnlineStore) => Partial<OnlineStore>;

/** All of a store but what `overrides` replaces. */
function changed(good: OnlineStore, overrides: Overrides): OnlineStore {
  return {
    read: (request, options) => good.read(request, options),
    merge: (table, rows, options) => good.merge(table, rows, options),
    edit: (table, edits, options) => good.edit(table, edits, options),
    watermark: (table, options) => good.watermark(table, options),
    moveWatermark: (table, move, options) => good.moveWatermark(table, move, options),
    load: (table, rows, options) => good.load(table, rows, options),
    heal: (table, heals, options) => good.heal(table, heals, options),
    clear: (table, options) => good.clear(table, options),
    forget: (table, keys, options) => good.forget(table, keys, options),
    scan: (table, options) => good.scan(table, options),
    close: () => good.close(),
    ...overrides(good),
  };
}

function broken(name: string, caughtBy: readonly string[], overrides: Overrides): BrokenAdapter<OnlineStoreSubject> {
  return { name, caughtBy, make: () => ({ store: changed(new MemoryOnlineStore(), overrides), project: 'demo' }) };
}

function misruled(name: string, caughtBy: readonly string[], rules: Partial<OnlineRules>): BrokenAdapter<OnlineStoreSubject> {
  return { name, caughtBy, make: () => ({ store: new MemoryOnlineStore({ rules }), project: 'demo' }) };
}

/** A merge that asks `isAllowed` in place of U1. */
function mergeIf(isAllowed: (stored: OnlineItem | undefined, row: OnlineRow) => boolean): Partial<OnlineRules> {
  return {
    decideMerge: (stored, row) => {
      if (!isAllowed(stored, row)) return { kind: 'stale' };
      const decision = decideMerge(undefined, row);
      return decision.kind === 'applied' && stored?.fence !== undefined ? { kind: 'applied', item: { ...decision.item, fence: stored.fence } } : decision;
    },
  };
}

const isOlder = (stored: OnlineItem, row: OnlineRow): boolean => stored.order === undefined || compareBytes(stored.order, row.order) < 0;

const misruledStores: readonly BrokenAdapter<OnlineStoreSubject>[] = [
  misruled(
    'puts without a condition',
    ['U1 replaces an older row', 'ends at the newest row', 'does as the model does'],
    mergeIf(() => true),
  ),
  misruled(
    'compares commits where it should compare order',
    ['U1 lets a late row of an earlier commit win'],
    mergeIf((stored, row) => stored === undefined || stored.commit < row.commit),
  ),
  misruled(
    'takes order bytes for signed',
    ['U1 compares order as unsigned bytes'],
    mergeIf((stored, row) => stored === undefined || stored.deleted || compareSigned(stored.order, row.order) < 0),
  ),
  misruled(
    'ignores the fence',
    ['U1 the fence keeps out the commits', 'fold vectors'],
    mergeIf((stored, row) => stored === undefined || stored.deleted || isOlder(stored, row)),
  ),
  misruled('lets the commit of the fence through', ['U1 the fence keeps out the commits'], {
    decideMerge: (stored, row) =>
      stored?.fence === row.commit
        ? { kind: 'applied', item: { order: row.order, commit: row.commit, fence: stored.fence, deleted: false, payload: row.payload } }
        : decideMerge(stored, row),
  }),
  misruled('puts a whole item where it should update one, so that the fence is lost', ['U1 the fence stays', 'fold vectors'], {
    decideMerge: (stored, row) => {
      const decision = decideMerge(stored, row);
      return decision.kind === 'applied' ? { kind: 'applied', item: withoutFence(decision.item) } : decision;
    },
  }),
  misruled('lets a deleted mark keep the order of the row before', ['U1 takes any order over a deleted mark'], {
    decideEdit: (stored, edit) => {
      const decision = decideEdit(stored, edit);
      return decision.kind === 'applied' && edit.row === undefined && stored?.order !== undefined
        ? { kind: 'applied', item: { ...decision.item, order: stored.order, deleted: false } }
        : decision;
    },
  }),
  misruled('does not clear the deleted mark', ['U1 takes any order over a deleted mark'], {
    decideMerge: (stored, row) => {
      const decision = decideMerge(stored, row);
      return decision.kind === 'applied' && stored?.deleted === true ? { kind: 'applied', item: { ...decision.item, deleted: true } } : decision;
    },
  }),
  misruled('keeps the expiry of the row before', ['U1 drops the expiry'], {
    decideMerge: (stored, row) => {
      const decision = decideMerge(stored, row);
      return decision.kind === 'applied' && stored?.expiresAt !== undefined
        ? { kind: 'applied', item: { expiresAt: stored.expiresAt, ...decision.item } }
        : decision;
    },
  }),
  misruled('calls every refusal stale', ['U2 calls a row that is there already', 'U2 answers for each row'], {
    decideMerge: (stored, row) => notDuplicate(decideMerge(stored, row)),
  }),
  misruled('calls every refusal a duplicate', ['U2 calls what a deleted mark keeps out'], {
    decideMerge: (stored, row) => {
      const decision = decideMerge(stored, row);
      return decision.kind === 'stale' ? { kind: 'duplicate' } : decision;
    },
  }),
  misruled('lets edits obey the order of rows', ['U7 writes what an edit leaves'], {
    decideEdit: (stored, edit) =>
      edit.row !== undefined && stored?.order !== undefined && compareBytes(stored.order, edit.row.order) > 0 ? { kind: 'stale' } : decideEdit(stored, edit),
  }),
  misruled('leaves the payload beside a deleted mark', ['U7 leaves a mark without order'], {
    decideEdit: (stored, edit) => {
      const decision = decideEdit(stored, edit);
      return decision.kind === 'applied' && edit.row === undefined && stored?.payload !== undefined
        ? { kind: 'applied', item: { ...decision.item, payload: stored.payload } }
        : decision;
    },
  }),
  misruled('leaves the mark on a key that an edit brings back', ['U7 brings a deleted key back'], {
    decideEdit: (stored, edit) => {
      const decision = decideEdit(stored, edit);
      return decision.kind === 'applied' && stored?.deleted === true ? { kind: 'applied', item: { ...decision.item, deleted: true } } : decision;
    },
  }),
  misruled('edits over later commits', ['U7 refuses an edit after a later commit'], {
    decideEdit: (stored, edit) => decideEdit(stored === undefined ? undefined : { ...stored, commit: 0 }, edit),
  }),
  misruled('edits over later edits', ['U7 refuses an edit after a later edit'], { decideEdit: (_stored, edit) => decideEdit(undefined, edit) }),
  misruled('applies an edit again', ['U7 calls an edit that is repeated'], {
    decideEdit: (stored, edit) => (stored?.fence === edit.version ? decideEdit(undefined, edit) : decideEdit(stored, edit)),
  }),
];

const mishandlingStores: readonly BrokenAdapter<OnlineStoreSubject>[] = [
  broken('reads, then writes, so that racing writers overwrite each other', ['ends at the newest row'], (good) => ({
    merge: async (table, rows) => Promise.all(rows.map((row) => mergeUnlocked(good, table, row))),
  })),
  broken('writes nothing as one row', ['writes nothing for nothing'], (good) => ({
    merge: async (table, rows, options) => (rows.length === 0 ? ['applied'] : good.merge(table, rows, options)),
  })),
  broken('writes only the first row of a call', ['U2 answers for each row', 'scans every shard'], (good) => ({
    merge: async (table, rows, options) => [...(await good.merge(table, rows.slice(0, 1), options)), ...rows.slice(1).map((): OnlineWrite => 'applied')],
  })),
  broken('cuts payloads to 64 KB', ['keeps a payload of 300 KB'], (good) => ({
    merge: (table, rows, options) =>
      good.merge(
        table,
        rows.map((row) => ({ ...row, payload: row.payload.slice(0, 65_536) })),
        options,
      ),
  })),
  broken('keeps expiry in 32 bits', ['keeps expiry to the second'], (good) => ({
    read: async (request, options) => {
      const answer = await good.read(request, options);
      return {
        ...answer,
        items: answer.items.map((read) =>
          read.kind === 'item'
            ? { kind: 'item', item: JSON.parse(JSON.stringify(read.item), (name, value: unknown) => (name === 'expiresAt' ? Number(value) | 0 : value)) }
            : read,
        ),
      };
    },
  })),
  broken('drops the expiry', ['U1 writes the row of an absent key whole'], (good) => ({
    merge: (table, rows, options) =>
      good.merge(
        table,
        rows.map(({ key, order, commit, payload }) => ({ key, order, commit, payload })),
        options,
      ),
  })),
  { name: 'holds on to the bytes of its caller', caughtBy: ['keeps bytes as they were'], make: () => ({ store: sharingStore(), project: 'demo' }) },
  broken('does not look at signals', ['rejects with the reason of a signal'], (good) => ({ merge: (table, rows) => good.merge(table, rows) })),
  broken('says absent of what it failed to read, beyond the first hundred', ['S6 reads 250 keys'], (good) => ({
    read: async (request, options) => {
      const answer = await good.read(request, options);
      return { ...answer, items: answer.items.map((read, i) => (i < 100 ? read : { kind: 'absent' })) };
    },
  })),
  broken('answers in the order of keys read, without the repeated ones', ['S6 reads 250 keys'], (good) => ({
    read: async (request, options) => {
      const distinct = request.items.filter(({ key }, i) => request.items.findIndex((other) => bytesEqual(other.key, key)) === i);
      return good.read({ ...request, items: distinct }, options);
    },
  })),
  broken('reads each table in a request of its own', ['S6 reads several tables'], (good) => ({
    read: async (request, options) => ({ ...(await good.read(request, options)), storeRequests: new Set(request.items.map(({ table }) => table)).size }),
  })),
  broken('asks for watermarks apart', ['S6 counts 100 different keys'], (good) => ({
    read: async (request, options) => {
      const answer = await good.read(request, options);
      return { ...answer, storeRequests: answer.storeRequests + request.watermarks.length };
    },
  })),
  broken('forgets the generation', ['keeps generations, versions and groups apart'], (good) => ({
    merge: (table, rows, options) => good.merge({ ...table, generation: 1 }, rows, options),
    read: (request, options) => good.read({ ...request, items: request.items.map((item) => ({ ...item, table: { ...item.table, generation: 1 } })) }, options),
  })),
  broken('stops a scan after a page', ['scans every item of a table once'], (good) => ({
    scan: async function* (table, options) {
      let left = 1000;
      for await (const entry of good.scan(table, options)) {
        if (left === 0) return;
        left -= 1;
        yield entry;
      }
    },
  })),
  broken('leaves deleted marks out of a scan', ['scans every item of a table once'], (good) => ({
    scan: async function* (table, options) {
      for await (const entry of good.scan(table, options)) if (!entry.item.deleted) yield entry;
    },
  })),
];

const careless: readonly BrokenAdapter<OnlineStoreSubject>[] = [
  broken('loads by merging', ['U11 loads rows over whatever is there'], (good) => ({
    load: async (table, rows, options) => void (await good.merge(table, rows, options)),
  })),
  broken('loads the first batch only', ['U11 loads 130 rows'], (good) => ({ load: (table, rows, options) => good.load(table, rows.slice(0, 25), options) })),
  broken('clears everything at once', ['U11 clears a generation bit by bit'], (good) => ({ clear: (table) => good.clear(table, { itemsMax: 1_000_000 }) })),
  broken('is done with clearing before it is', ['U11 clears a generation bit by bit'], (good) => ({
    clear: async (table, options) => {
      await good.clear(table, options);
      return true;
    },
  })),
  broken('heals whatever it finds', ['heals an item that is still as it was seen', 'heals a missing item only'], (good) => ({
    heal: async (table, heals, options) => {
      const { items } = await good.read({ items: heals.map(({ key }) => ({ table, key })), watermarks: [] });
      return good.heal(
        table,
        heals.map(({ seen: _, ...heal }, i) => ({ ...heal, seen: items[i]?.kind === 'item' ? items[i].item : undefined })),
        options,
      );
    },
  })),
  broken('heals as edits are written', ['heals an item that is still as it was seen', 'heals a missing item only'], (good) => ({
    heal: (table, heals, options) => good.edit(table, heals, options),
  })),
];

const waywardWatermarks: readonly BrokenAdapter<OnlineStoreSubject>[] = [
  moving('moves the watermark without looking', ['U6 has no watermark until', 'U6 moves only from where', 'U6 moves to another table'], (stored) => stored),
  moving('compares versions only', ['U6 moves only from where', 'U6 tells no versions ahead'], (stored, expected) =>
    stored?.version === expected?.version ? stored : expected,
  ),
  moving('does not compare tables', ['U6 moves only from where'], (stored, expected) =>
    stored !== undefined && expected !== undefined && stored.tableId !== expected.tableId ? stored : expected,
  ),
  broken('loses an update of the watermark when two read before either writes', ['U6 lets one of many movers'], (good) => ({
    moveWatermark: async (table, move) => {
      const stored = await good.watermark(table);
      await new Promise((resolve) => setImmediate(resolve));
      if (stored?.version !== move.expected?.version) return false;
      return good.moveWatermark(table, { ...move, expected: await good.watermark(table) });
    },
  })),
  broken('keeps the versions ahead as they came', ['U6 keeps 64 versions ahead'], (good) => ({
    moveWatermark: async (table, move, options) => {
      const kept = { ...move, next: { ...move.next, ahead: move.next.ahead.slice(0, 64) } };
      return good.moveWatermark(table, kept, options);
    },
  })),
  broken('keeps the watermark where an item could be', ['keeps the watermark and an item'], (good) => ({
    merge: async (table, rows, options) => (rows.some(({ key }) => key.length === 1) ? rows.map((): OnlineWrite => 'stale') : good.merge(table, rows, options)),
  })),
];

export const brokenOnlineStores: readonly BrokenAdapter<OnlineStoreSubject>[] = [...misruledStores, ...mishandlingStores, ...careless, ...waywardWatermarks];

/** A store that moves the watermark from wherever `from` says. */
function moving(
  name: string,
  caughtBy: readonly string[],
  from: (stored: Watermark | undefined, expected: Watermark | undefined) => Watermark | undefined,
): BrokenAdapter<OnlineStoreSubject> {
  return broken(name, caughtBy, (good) => ({
    moveWatermark: async (table, move, options) => good.moveWatermark(table, { ...move, expected: from(await good.watermark(table), move.expected) }, options),
  }));
}

async function mergeUnlocked(good: OnlineStore, table: OnlineTable, row: OnlineRow): Promise<OnlineWrite> {
  const { items } = await good.read({ items: [{ table, key: row.key }], watermarks: [] });
  const [read] = items;
  await new Promise((resolve) => setImmediate(resolve));
  if (read?.kind === 'item' && !isOlder(read.item, row)) return 'stale';
  await good.edit(table, [{ key: row.key, version: Number.MAX_SAFE_INTEGER - 1 }]);
  await good.merge(table, [{ ...row, commit: Number.MAX_SAFE_INTEGER }]);
  return 'applied';
}

/** One that keeps rows as they were handed in. */
function sharingStore(): OnlineStore {
  const rows: OnlineRow[] = [];
  return changed(new MemoryOnlineStore(), () => ({
    merge: async (_table, added) => {
      rows.push(...added);
      return added.map((): OnlineWrite => 'applied');
    },
    read: async (request) => ({
      items: request.items.map(({ key }) => {
        const row = rows.find((candidate) => bytesEqual(candidate.key, key));
        return row === undefined ? { kind: 'absent' } : { kind: 'item', item: { order: row.order, commit: row.commit, deleted: false, payload: row.payload } };
      }),
      watermarks: [],
      storeRequests: 1,
    }),
  }));
}

function compareSigned(a: Uint8Array | undefined, b: Uint8Array): number {
  const [left, right] = [Int8Array.from(a ?? []), Int8Array.from(b)];
  const at = left.findIndex((byte, i) => byte !== right[i]);
  return (left[at] ?? 0) - (right[at] ?? 0);
}

function withoutFence(item: OnlineItem): OnlineItem {
  const { fence: _, ...rest } = item;
  return rest;
}

function notDuplicate(decision: ReturnType<typeof decideMerge>): ReturnType<typeof decideMerge> {
  return decision.kind === 'duplicate' ? { kind: 'stale' } : decision;
}
