/** A table as a list of versions, each the list of its rows: the log the fold is tested on. */
import { batchOfRows, type Batch, type Row } from '../../lib/core/batch.ts';
import { rowDigest } from '../../lib/core/canonical.ts';
import { compareBytes, toHex } from '../../lib/core/bytes.ts';
import { encodeKey, type EntityKey } from '../../lib/core/keys.ts';
import { orderBytes } from '../../lib/core/order.ts';
import { duration } from '../../lib/core/time.ts';
import type { Column } from '../../lib/core/types.ts';
import { compileFoldGroup, type FoldGroup } from '../../lib/online/fold-group.ts';
import type { FoldCommit, FoldSource } from '../../lib/online/fold-source.ts';
import type { OnlineTable } from '../../lib/ports/online-store.ts';

export interface ModelRow {
  readonly key: string | null;
  /** µs; null only from a foreign writer. */
  readonly eventTime: bigint | null;
  readonly ingestedAt: bigint;
  readonly value: number;
}

const KEY: Column = { name: 'k', type: { kind: 'string' }, nullable: false };
const EVENT_TIME: Column = { name: 'e', type: { kind: 'timestamp' }, nullable: false };
const VALUE: Column = { name: 'v', type: { kind: 'int' }, nullable: true };
const COLUMNS: readonly Column[] = [KEY, EVENT_TIME, VALUE, { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: true }];

export const FINGERPRINT = '00112233445566aa';
export const FOLD_TABLE: OnlineTable = { project: 'demo', featureGroup: 'airport_delays', version: 1, generation: 1, shards: 4 };

export function foldGroupOf(options: { readonly ttl?: string; readonly maxFutureSkew?: string } = {}): FoldGroup {
  return compileFoldGroup({
    keyColumns: [KEY],
    eventTime: EVENT_TIME,
    features: [VALUE],
    fingerprint: FINGERPRINT,
    ...(options.ttl === undefined ? {} : { ttl: duration(options.ttl) }),
    ...(options.maxFutureSkew === undefined ? {} : { maxFutureSkew: duration(options.maxFutureSkew) }),
  });
}

export const keyOf = (key: string): EntityKey => encodeKey([KEY.type], [key]);

export function orderOfModel(row: ModelRow): Uint8Array {
  return orderBytes(row.eventTime, row.ingestedAt, rowDigest([KEY, EVENT_TIME, VALUE], [row.key, row.eventTime, row.value]));
}

export interface ModelTable extends FoldSource {
  readonly append: (rows: readonly ModelRow[]) => FoldCommit;
  /** One row per (key, event time), the one received last. */
  readonly upsert: (rows: readonly ModelRow[]) => FoldCommit;
  readonly delete: (match: { readonly key: string; readonly eventTime?: bigint }) => FoldCommit;
  readonly overwrite: (rows: readonly ModelRow[]) => FoldCommit;
  readonly restore: (version: number) => FoldCommit;
  /** Any change at all, as another engine may commit it. */
  readonly foreign: (change: { readonly removed: readonly ModelRow[]; readonly added: readonly ModelRow[] }) => FoldCommit;
  readonly version: () => number;
  readonly rows: (version?: number) => readonly ModelRow[];
  /** Reads of rows so far: the object-store reads of the real thing. */
  readonly reads: () => { readonly commits: number; readonly rows: number };
  readonly newest: (version?: number) => ReadonlyMap<string, ModelRow>;
}

/** Version 0 is the creation, without rows. `alsoTouched`: whether an edit also names a row it left as it was, as one that rewrites files may. */
export function modelTable(tableId = 'table-1', options: { readonly alsoTouched?: () => boolean } = {}): ModelTable {
  const versions: { readonly rows: readonly ModelRow[]; readonly commit: FoldCommit }[] = [];
  const reads = { commits: 0, rows: 0 };
  const rowsOfVersion = (version = versions.length - 1): readonly ModelRow[] => versions[version]?.rows ?? [];
  const counted = (rows: readonly ModelRow[]) =>
    async function* (): AsyncIterable<Batch> {
      reads.rows += 1;
      // Two batches, so that the newest row of a key is looked for across them.
      const half = Math.ceil(rows.length / 2);
      for (const part of [rows.slice(0, half), rows.slice(half)]) if (part.length > 0) yield batchOf(part);
    };
  const commit = (removed: readonly ModelRow[], added: readonly ModelRow[]): FoldCommit => {
    const gone = new Set(removed);
    const rows = [...rowsOfVersion().filter((row) => !gone.has(row)), ...added];
    const head = { version: versions.length, committedAt: 1000 + versions.length };
    const before = rowsOfVersion();
    const touched = (): AsyncIterable<Batch> => counted(before.filter((row) => gone.has(row) || options.alsoTouched?.() === true))();
    const entry: FoldCommit =
      removed.length === 0 && added.length === 0
        ? { ...head, kind: 'none' }
        : isMerge(removed, added)
          ? { ...head, kind: 'merge', rows: counted(added) }
          : { ...head, kind: 'edit', rows: counted(added), removed: touched };
    versions.push({ rows, commit: entry });
    return entry;
  };
  commit([], []);
  return {
    tableId,
    head: async () => versions.length - 1,
    commits: async (after, to) => {
      reads.commits += 1;
      return versions.slice(after + 1, to + 1).map((version) => version.commit);
    },
    allRowsAt: (version) => counted(rowsOfVersion(version))(),
    rowsAt: (version, keys) => {
      const wanted = new Set(keys.map(toHex));
      return counted(rowsOfVersion(version).filter((row) => row.key !== null && wanted.has(toHex(keyOf(row.key)))))();
    },
    append: (rows) => commit([], rows),
    upsert: (rows) => {
      const best = new Map<string, ModelRow>();
      for (const row of rows) {
        const at = `${row.key}@${row.eventTime}`;
        const held = best.get(at);
        if (held === undefined || compareBytes(orderOfModel(held), orderOfModel(row)) < 0) best.set(at, row);
      }
      const removed: ModelRow[] = [];
      const added = [...best.values()].filter((row) => {
        const same = rowsOfVersion().filter((other) => other.key === row.key && other.eventTime === row.eventTime);
        if (same.some((other) => compareBytes(orderOfModel(other), orderOfModel(row)) >= 0)) return false;
        removed.push(...same);
        return true;
      });
      return commit(removed, added);
    },
    delete: ({ key, eventTime }) =>
      commit(
        rowsOfVersion().filter((row) => row.key === key && (eventTime === undefined || row.eventTime === eventTime)),
        [],
      ),
    overwrite: (rows) => commit(rowsOfVersion(), rows),
    restore: (version) => {
      const now = rowsOfVersion();
      const then = rowsOfVersion(version);
      return commit(
        now.filter((row) => !then.includes(row)),
        then.filter((row) => !now.includes(row)),
      );
    },
    foreign: ({ removed, added }) => commit(removed, added),
    version: () => versions.length - 1,
    rows: rowsOfVersion,
    reads: () => ({ ...reads }),
    newest: (version) => {
      const newest = new Map<string, ModelRow>();
      for (const row of rowsOfVersion(version)) {
        if (row.key === null || row.eventTime === null) continue;
        const held = newest.get(row.key);
        if (held === undefined || compareBytes(orderOfModel(held), orderOfModel(row)) < 0) newest.set(row.key, row);
      }
      return newest;
    },
  };
}

/** U1: every row removed is replaced by one of the same (key, event time) that is greater. */
function isMerge(removed: readonly ModelRow[], added: readonly ModelRow[]): boolean {
  return removed.every((row) =>
    added.some((other) => other.key === row.key && other.eventTime === row.eventTime && compareBytes(orderOfModel(other), orderOfModel(row)) > 0),
  );
}

function batchOf(rows: readonly ModelRow[]): Batch {
  return batchOfRows(
    COLUMNS,
    rows.map((row): Row => [row.key, row.eventTime, row.value, row.ingestedAt]),
  );
}
