/**
 * Online writes that come too late. A publisher that slept through an erasure may write a row the log no longer has: the mark that
 * would have refused it went with its key (semantics D3). It has then lost the watermark to whoever published past it, and takes the
 * row back.
 */
import { batchOfRows } from '../../core/batch.ts';
import { toHex } from '../../core/bytes.ts';
import { decodeKey, type EntityKey } from '../../core/keys.ts';
import { erasureOf } from '../../delta/erase/erasure.ts';
import type { Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import { applyEdit } from '../../online/fold.ts';
import { onlineTableName } from '../../ports/online-rules.ts';
import type { OnlineStore, OnlineTable, OnlineWrite } from '../../ports/online-store.ts';
import type { FeatureDeps } from '../deps.ts';
import { erasedRowTest } from '../erase/erased-keys.ts';
import { foldSourceOf } from './fold-source.ts';
import { groupName, type OpenGroup } from '../open-group.ts';

export interface LateWrites {
  /** The store to publish into. */
  readonly online: OnlineStore;
  /** Takes back what was written too late; to be called however the publish ended. */
  readonly settle: () => Promise<void>;
}

interface WrittenRow {
  readonly table: OnlineTable;
  readonly key: EntityKey;
  /** None in a deleted mark. */
  readonly order: Uint8Array | undefined;
}

/** Watches one publish. It costs no request unless the watermark is lost. */
export function watchLateWrites(deps: FeatureDeps, group: OpenGroup): LateWrites {
  const { online } = deps;
  const erasureKnown = erasureOf(group.table.snapshot)?.version ?? -1;
  const written = new Map<string, WrittenRow>();
  const note = (table: OnlineTable, rows: readonly Omit<WrittenRow, 'table'>[], outcomes: readonly OnlineWrite[]): void =>
    rows.forEach(({ key, order }, i) => {
      if (outcomes[i] === 'applied') written.set(`${onlineTableName(table)}/${toHex(key)}`, { table, key, order });
    });
  const settle = async (): Promise<void> => {
    if (written.size === 0) return;
    const rows = [...written.values()];
    written.clear();
    await takeBackErased(deps, group, { rows, erasureKnown });
  };
  return {
    settle,
    online: {
      read: (request, options) => online.read(request, options),
      merge: async (table, rows, options) => {
        const outcomes = await online.merge(table, rows, options);
        note(table, rows, outcomes);
        return outcomes;
      },
      edit: async (table, edits, options) => {
        const outcomes = await online.edit(table, edits, options);
        note(
          table,
          edits.map(({ key, row }) => ({ key, order: row?.order })),
          outcomes,
        );
        return outcomes;
      },
      watermark: (table, options) => online.watermark(table, options),
      moveWatermark: async (table, move, options) => {
        const isMoved = await online.moveWatermark(table, move, options);
        // An erasure publishes past what it ends before it forgets a mark: whoever still moves the watermark was in time.
        if (isMoved) written.clear();
        else await settle();
        return isMoved;
      },
      load: (table, rows, options) => online.load(table, rows, options),
      heal: (table, heals, options) => online.heal(table, heals, options),
      clear: (table, options) => online.clear(table, options),
      forget: (table, keys, options) => online.forget(table, keys, options),
      scan: (table, options) => online.scan(table, options),
      close: () => online.close(),
    },
  };
}

async function takeBackErased(
  deps: FeatureDeps,
  group: OpenGroup,
  { rows, erasureKnown }: { readonly rows: readonly WrittenRow[]; readonly erasureKnown: number },
): Promise<void> {
  const snapshot = await group.table.refresh();
  const erasure = erasureOf(snapshot);
  if (erasure === undefined || erasure.version <= erasureKnown) return;
  const isErased = await erasedRowTest(deps, group, erasure.version);
  const late = rows.filter(({ key, order }) => isErased(key, order));
  for (const [name, table] of new Map(late.map(({ table }) => [onlineTableName(table), table])))
    await takeBack(deps, group, { table, keys: late.filter((row) => onlineTableName(row.table) === name).map(({ key }) => key), snapshot });
  if (late.length > 0) await deps.online.scrub?.();
}

/** Folds what the table has of the keys now, and leaves no mark where that is nothing. */
async function takeBack(
  deps: FeatureDeps,
  group: OpenGroup,
  { table, keys, snapshot }: { readonly table: OnlineTable; readonly keys: readonly EntityKey[]; readonly snapshot: Snapshot },
): Promise<void> {
  const types = group.keyColumns.map(({ type }) => type);
  const touched = batchOfRows(
    group.keyColumns,
    keys.map((key) => decodeKey(types, key)),
  );
  const source = foldSourceOf(deps, group.table, { keyColumns: group.keyColumns });
  const commit = {
    kind: 'edit' as const,
    version: snapshot.version,
    committedAt: snapshot.committedAt,
    rows: () => batches([]),
    removed: () => batches([touched]),
  };
  await applyEdit(deps, { table, group: group.fold, source, commit });
  await deps.online.forget(table, keys);
  deps.log.warn('publish.late_rows_taken_back', { group: groupName(group.definition), keys: keys.length, version: snapshot.version });
}

async function* batches<Batch>(all: readonly Batch[]): AsyncIterable<Batch> {
  yield* all;
}
