import { describe, expect, it } from 'vitest';
import { onlineReceipt, zeroCounts, type FoldCounts } from '../../lib/online/fold-counts.ts';
import { compileFoldGroup } from '../../lib/online/fold-group.ts';
import type { FoldSource } from '../../lib/online/fold-source.ts';
import { planPass, publish, type PublishInput } from '../../lib/online/publish.ts';
import { epochMillis } from '../../lib/core/time.ts';
import type { OnlineItem, OnlineStore, Watermark } from '../../lib/ports/online-store.ts';
import { recordedLog, seededRandom, testClock } from '../support/fold-ports.ts';
import { modelOnlineStore } from '../support/fold-store.ts';
import { FOLD_TABLE, foldGroupOf, keyOf, modelTable, orderOfModel, type ModelRow, type ModelTable } from '../support/fold-table.ts';

const DAY = 86_400_000_000n;
let received = 0n;
const row = (key: string, eventTime: number | bigint, value = 0): ModelRow => {
  received += 1n;
  return { key, eventTime: BigInt(eventTime), ingestedAt: received, value };
};
const counts = (given: Partial<FoldCounts>): FoldCounts => ({ ...zeroCounts(), ...given });

function world(
  options: { readonly table?: ModelTable; readonly store?: OnlineStore; readonly ttl?: string; readonly maxFutureSkew?: string; readonly now?: bigint } = {},
) {
  const table = options.table ?? modelTable();
  const store = options.store ?? modelOnlineStore();
  const group = foldGroupOf({
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    ...(options.maxFutureSkew === undefined ? {} : { maxFutureSkew: options.maxFutureSkew }),
  });
  const log = recordedLog();
  const deps = { online: store, clock: testClock(options.now ?? 0n), random: seededRandom(1), log };
  return {
    table,
    store,
    group,
    log,
    deps,
    publish: (input: Partial<PublishInput> = {}) => publish(deps, { table: FOLD_TABLE, source: table, group, ...input }),
    item: async (key: string): Promise<OnlineItem | undefined> => {
      const [read] = (await store.read({ items: [{ table: FOLD_TABLE, key: keyOf(key) }], watermarks: [] })).items;
      return read?.kind === 'item' ? read.item : undefined;
    },
    watermark: () => store.watermark(FOLD_TABLE, { consistent: true }),
  };
}

type World = ReturnType<typeof world>;

async function eventTimeOnline({ item }: World, key: string): Promise<bigint | undefined> {
  const held = await item(key);
  return held?.order === undefined || held.deleted ? undefined : new DataView(held.order.buffer, held.order.byteOffset).getBigUint64(0) - (1n << 63n);
}

/** A store whose merges wait until the test lets them go. */
function heldBack(inner: OnlineStore): { readonly store: OnlineStore; readonly release: () => Promise<void> } {
  const held: (() => Promise<unknown>)[] = [];
  return {
    store: {
      ...inner,
      merge: async (table, rows) => {
        held.push(() => inner.merge(table, rows));
        return rows.map(() => 'failed' as const);
      },
    },
    release: async () => {
      for (const write of held.splice(0)) await write();
    },
  };
}

describe('fold vectors (semantics §2)', () => {
  it('v1 e=2, v2 delete a, v3 upsert e=1 → e=1', async () => {
    const w = world();
    w.table.upsert([row('a', 2)]);
    await w.publish();
    w.table.delete({ key: 'a' });
    w.table.upsert([row('a', 1)]);
    await w.publish();
    expect(await eventTimeOnline(w, 'a')).toBe(1n);
  });

  it('v1 e=4, v2 delete, v3 e=1, then the request of v1 lands late → e=1 (U1, U7)', async () => {
    const w = world();
    const held = heldBack(w.store);
    w.table.upsert([row('a', 4)]);
    await publish({ ...w.deps, online: held.store }, { table: FOLD_TABLE, source: w.table, group: w.group });
    w.table.delete({ key: 'a' });
    w.table.upsert([row('a', 1)]);
    await w.publish();
    await held.release();
    expect(await eventTimeOnline(w, 'a')).toBe(1n);
  });

  it('v1 e=3, v2 delete of e=3, v3 e=1, published as 1, 3, 2 → e=1 (U6)', async () => {
    const w = world();
    w.table.upsert([row('a', 3)]);
    await w.publish();
    w.table.delete({ key: 'a', eventTime: 3n });
    const third = w.table.upsert([row('a', 1)]);
    expect(await w.publish({ known: third })).toMatchObject({ kind: 'published', to: 3 });
    await w.publish({ to: 2 });
    expect(await eventTimeOnline(w, 'a')).toBe(1n);
  });

  it('v1 e=5, v2 e=7, v3 delete e=7, v4 e=6 → e=6', async () => {
    const w = world();
    w.table.upsert([row('a', 5)]);
    w.table.upsert([row('a', 7)]);
    w.table.delete({ key: 'a', eventTime: 7n });
    w.table.upsert([row('a', 6)]);
    await w.publish();
    expect(await eventTimeOnline(w, 'a')).toBe(6n);
  });

  it('append: received 1 commits after received 2 → the one received last, though it came first', async () => {
    const w = world();
    const [early, late] = [row('a', 9, 1), row('a', 9, 2)];
    w.table.append([late]);
    w.table.append([early]);
    await w.publish();
    expect((await w.item('a'))?.order).toEqual(orderOfModel(late));
  });
});

describe('publish', () => {
  it('writes order, commit, payload and expiry of the newest row per key only (U1, U3, T3)', async () => {
    const w = world({ ttl: 'P7D', now: DAY });
    const newest = row('a', 1_500_000, 42);
    const commit = w.table.append([row('a', 7), newest, row('a', 8), row('b', 3)]);
    expect(await w.publish()).toEqual({
      kind: 'published',
      from: -1,
      to: 1,
      counts: counts({ superseded: 2, applied: 2 }),
      commits: new Map([[commit.version, counts({ superseded: 2, applied: 2 })]]),
    });
    expect(await w.item('a')).toMatchObject({ order: orderOfModel(newest), commit: 1, deleted: false, expiresAt: 2 + 14 * 86_400 });
    expect(await w.watermark()).toEqual({ version: 1, ahead: [], committedAt: 1001, tableId: 'table-1' });
  });

  it('folds a group without event time by when rows were received (U4)', async () => {
    const w = world();
    const group = compileFoldGroup({ keyColumns: w.group.keyColumns, features: w.group.features, fingerprint: w.group.fingerprint });
    const first = row('a', 9, 1);
    const last = row('a', 1, 2);
    w.table.append([last, first]);
    await publish(w.deps, { table: FOLD_TABLE, source: w.table, group });
    const order = (await w.item('a'))?.order ?? new Uint8Array();
    expect([new DataView(order.buffer, order.byteOffset).getBigUint64(0), new DataView(order.buffer, order.byteOffset).getBigUint64(8)]).toEqual([
      1n << 63n,
      (1n << 63n) + last.ingestedAt,
    ]);
  });

  it('counts a row that a newer record keeps out as stale, and one it finds there as duplicate (U2)', async () => {
    const w = world();
    w.table.append([row('a', 5), row('b', 5)]);
    await w.publish();
    w.table.append([row('a', 4), row('b', 6), row('b', 5)]);
    expect(await w.publish()).toMatchObject({ counts: counts({ applied: 1, superseded: 1, stale: 1 }) });
    const forgotten: OnlineStore = { ...w.store, watermark: async () => undefined, moveWatermark: async () => true };
    const again = await publish({ ...w.deps, online: forgotten }, { table: FOLD_TABLE, source: w.table, group: w.group });
    expect(again.kind === 'published' && again.commits).toEqual(
      new Map([
        [1, counts({ stale: 1, duplicate: 1 })],
        [2, counts({ duplicate: 1, superseded: 1, stale: 1 })],
      ]),
    );
  });

  it('keeps rows expired on arrival out and counts them (T5)', async () => {
    const w = world({ ttl: 'P7D', now: 10n * DAY });
    w.table.append([row('old', 3n * DAY - 1n), row('edge', 3n * DAY)]);
    expect(await w.publish()).toMatchObject({ counts: counts({ applied: 1, expired: 1 }) });
    expect(await w.item('old')).toBeUndefined();
    expect(await eventTimeOnline(w, 'edge')).toBe(3n * DAY);
  });

  it('skips rows without key or event time, counts them invalid and goes on (U13)', async () => {
    const w = world();
    w.table.foreign({ removed: [], added: [{ ...row('x', 1), key: null }, { ...row('y', 1), eventTime: null }, row('a', 1), row('k'.repeat(1001), 1)] });
    expect(await w.publish()).toMatchObject({ to: 1, counts: counts({ applied: 1, invalid: 3 }) });
    expect(w.log.lines.filter((line) => line.level === 'warn')).toEqual([
      {
        level: 'warn',
        event: 'fold.invalid_rows_skipped',
        fields: { project: 'demo', featureGroup: 'airport_delays', featureGroupVersion: 1, version: 1, rows: 3 },
      },
    ]);
  });

  it('folds a row beyond now + maxFutureSkew and raises the alarm (U12, U13)', async () => {
    const w = world({ maxFutureSkew: 'PT5M', now: 0n });
    w.table.foreign({ removed: [], added: [row('a', 300_000_001)] });
    expect(await w.publish()).toMatchObject({ counts: counts({ applied: 1 }) });
    expect(w.log.lines.map((line) => line.event)).toContain('fold.future_event_time_found');
  });

  it('leaves a deleted mark with its fence, without order, payload and expiry (U7, D2)', async () => {
    const w = world();
    w.table.append([row('a', 1)]);
    w.table.delete({ key: 'a' });
    expect(await w.publish()).toMatchObject({ counts: counts({ applied: 1, deleted: 1 }) });
    expect(await w.item('a')).toMatchObject({ commit: 2, fence: 2, deleted: true });
    expect(Object.keys((await w.item('a')) ?? {}).toSorted()).toEqual(['commit', 'deleted', 'fence', 'key']);
  });

  it('gives a key touched by an edit the newest row left at that version, not at the head (U7)', async () => {
    const w = world();
    w.table.append([row('a', 1), row('a', 2), row('a', 3)]);
    w.table.delete({ key: 'a', eventTime: 3n });
    w.table.append([row('a', 9)]);
    await w.publish({ to: 2 });
    expect(await eventTimeOnline(w, 'a')).toBe(2n);
    expect(await w.item('a')).toMatchObject({ commit: 2, fence: 2 });
  });

  it('writes a deleted mark where only an expired row is left, so that its fence is never collected (T3, U7)', async () => {
    const w = world({ ttl: 'P1D', now: 10n * DAY });
    w.table.append([row('a', DAY), row('a', 10n * DAY)]);
    w.table.delete({ key: 'a', eventTime: 10n * DAY });
    await w.publish();
    expect(await w.item('a')).toMatchObject({ deleted: true, fence: 2 });
    expect((await w.item('a'))?.expiresAt).toBeUndefined();
  });

  it('counts the rows an overwrite adds (U2)', async () => {
    const w = world();
    w.table.append([row('a', 1), row('b', 1)]);
    const commit = w.table.overwrite([row('a', 2), row('a', 3), row('c', 1)]);
    expect(commit.kind).toBe('edit');
    const result = await w.publish();
    expect(result.kind === 'published' && result.commits.get(2)).toEqual(counts({ superseded: 1, applied: 2, deleted: 1 }));
  });

  it('publishes nothing for commits without rows but moves past them (U8)', async () => {
    const w = world();
    w.table.foreign({ removed: [], added: [] });
    w.table.foreign({ removed: [], added: [] });
    expect(await w.publish()).toMatchObject({ from: -1, to: 2, counts: zeroCounts() });
  });

  it('does not move the watermark past rows that were not written, nor past those they hid (U2, U6)', async () => {
    const inner = modelOnlineStore();
    let refuses = true;
    const store: OnlineStore = {
      ...inner,
      merge: async (table, rows) =>
        (
          await Promise.all(rows.map(async (each) => (refuses && each.key.length === keyOf('bb').length ? ['failed' as const] : inner.merge(table, [each]))))
        ).flat(),
    };
    const w = world({ store });
    w.table.append([row('a', 1)]);
    w.table.append([row('bb', 1)]);
    w.table.append([row('a', 2), row('bb', 2)]);
    const first = await w.publish();
    expect(first).toMatchObject({ to: 1 });
    expect(first.kind === 'published' && first.counts.failed).toBe(1);
    refuses = false;
    expect(await w.publish()).toMatchObject({ from: 1, to: 3, counts: counts({ applied: 1, duplicate: 1, stale: 1 }) });
  });

  it('writes nothing when the items are those of another table', async () => {
    const w = world();
    await w.publish();
    const other = modelTable('table-2');
    expect(await w.publish({ source: other })).toEqual({ kind: 'notOurs', found: 'table-1' });
  });

  it('refuses a source that leaves a commit out', async () => {
    const w = world();
    w.table.append([row('a', 1)]);
    w.table.append([row('a', 2)]);
    const gap: FoldSource = { ...w.table, commits: async (after, to) => (await w.table.commits(after, to)).filter((commit) => commit.version !== 1) };
    await expect(w.publish({ source: gap })).rejects.toMatchObject({ code: 'LOG_GAP', context: { version: 1 } });
  });
});

describe('publish of the commit just made', () => {
  it('reads neither log nor files when the watermark is right below it', async () => {
    const w = world();
    w.table.append([row('a', 1)]);
    await w.publish();
    const known = w.table.append([row('a', 2)]);
    const before = w.table.reads();
    const unread: FoldSource = {
      tableId: w.table.tableId,
      head: () => {
        throw new Error('head read');
      },
      commits: () => {
        throw new Error('log read');
      },
      allRowsAt: () => {
        throw new Error('files read');
      },
      rowsAt: () => {
        throw new Error('files read');
      },
    };
    expect(await w.publish({ source: unread, known })).toMatchObject({ from: 1, to: 2, counts: counts({ applied: 1 }) });
    expect(w.table.reads()).toEqual({ commits: before.commits, rows: before.rows + 1 });
  });

  it('shows its rows ahead of a gap that another publisher has yet to close (U6)', async () => {
    const w = world();
    await w.publish();
    w.table.append([row('b', 1)]);
    const known = w.table.append([row('a', 2)]);
    const seen: Watermark[] = [];
    const store: OnlineStore = {
      ...w.store,
      moveWatermark: async (table, move) => {
        seen.push(move.next);
        return w.store.moveWatermark(table, move);
      },
    };
    await publish({ ...w.deps, online: store }, { table: FOLD_TABLE, source: w.table, group: w.group, known });
    expect(seen.map(({ version, ahead }) => ({ version, ahead }))).toEqual([
      { version: 0, ahead: [2] },
      { version: 2, ahead: [] },
    ]);
  });

  it('does not go ahead of an edit (U6)', async () => {
    const w = world();
    w.table.append([row('a', 3)]);
    await w.publish();
    w.table.delete({ key: 'a' });
    const known = w.table.append([row('a', 2)]);
    const seen: Watermark[] = [];
    const store: OnlineStore = {
      ...w.store,
      moveWatermark: async (table, move) => {
        seen.push(move.next);
        return w.store.moveWatermark(table, move);
      },
    };
    await publish({ ...w.deps, online: store }, { table: FOLD_TABLE, source: w.table, group: w.group, known });
    expect(seen.map(({ version, ahead }) => ({ version, ahead }))).toEqual([
      { version: 2, ahead: [] },
      { version: 3, ahead: [] },
    ]);
    expect(await eventTimeOnline(w, 'a')).toBe(2n);
  });

  it('counts a commit that another publisher was quicker with by what the store holds (U2, U9)', async () => {
    const w = world();
    const known = w.table.append([row('a', 2), row('a', 1), row('b', 1)]);
    w.table.append([row('b', 5)]);
    await w.publish();
    const result = await w.publish({ known });
    const found = result.kind === 'published' ? result.commits.get(known.version) : undefined;
    expect(found).toEqual(counts({ superseded: 1, duplicate: 1, stale: 1 }));
    expect(onlineReceipt(found ?? zeroCounts(), { version: known.version, watermark: 2 })).toEqual({
      state: 'applied',
      watermark: 2,
      superseded: 1,
      applied: 1,
      stale: 1,
      expired: 0,
      failed: 0,
    });
  });

  it('joins a publisher that moved the watermark first (U6)', async () => {
    const w = world();
    await w.publish();
    w.table.append([row('b', 1)]);
    w.table.append([row('a', 1)]);
    let raced = false;
    const store: OnlineStore = {
      ...w.store,
      moveWatermark: async (table, move) => {
        if (!raced) {
          raced = true;
          await w.store.moveWatermark(table, { expected: move.expected, next: { version: 1, ahead: [], committedAt: epochMillis(1001), tableId: 'table-1' } });
        }
        return w.store.moveWatermark(table, move);
      },
    };
    expect(await publish({ ...w.deps, online: store }, { table: FOLD_TABLE, source: w.table, group: w.group })).toMatchObject({ from: 0, to: 2 });
    expect(await w.watermark()).toEqual({ version: 2, ahead: [], committedAt: 1002, tableId: 'table-1' });
  });
});

describe('planPass', () => {
  const none = (version: number) => ({ kind: 'none' as const, version, committedAt: version });
  const empty = async function* () {};
  const merge = (version: number) => ({ kind: 'merge' as const, version, committedAt: version, rows: empty });
  const edit = (version: number) => ({ kind: 'edit' as const, version, committedAt: version, rows: empty, removed: empty });

  it('takes merges up to the first edit, without those applied ahead (U6)', () => {
    const commits = [merge(5), none(6), merge(7), merge(8), edit(9), merge(10)];
    expect(planPass({ version: 4, ahead: [7] }, commits)).toEqual({ kind: 'merges', commits: [commits[0], commits[3]], covered: [6, 7] });
  });

  it('takes an edit only when it is next, and then alone (U6)', () => {
    const commits = [edit(5), merge(6)];
    expect(planPass({ version: 4, ahead: [] }, commits)).toEqual({ kind: 'edit', commit: commits[0] });
  });
});
