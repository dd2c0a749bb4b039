/**
 * The changes of a range of commits (delta.md, "change feed"): derived from adds, removes and deletion-vector
 * differences, or read from change files where a commit has them. Exact while the files of the range are kept.
 */
import { type Batch, type Vector, vectorOf, findVector } from '../../core/batch.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { Column } from '../../core/types.ts';
import type { AddFile, Metadata } from '../actions/actions.ts';
import { derivedChanges, identityOf } from './change-derived.ts';
import { readChangeFiles } from './change-files.ts';
import type { ChangedRows } from './change-rows.ts';
import { refuseOtherSchemas } from './change-schema.ts';
import { readEntry, type RecordedEntry } from './changes.ts';
import { commitInfoOf } from '../actions/commit-info.ts';
import { erasedHistory, erasureOf, isEmptied } from '../erase/erasure.ts';
import { oldestEntry } from '../snapshot/history.ts';
import { type ReadDeps, selectColumns } from '../rows/read.ts';
import { pathsOf } from '../write/removals.ts';
import { loadSnapshot, type SnapshotDeps } from '../snapshot/snapshot.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';
import { commitTime } from '../snapshot/time-travel.ts';

/** What stands after the columns of the table in every row of changes; Delta's names. */
export const CHANGE_COLUMNS: readonly Column[] = [
  { name: '_change_type', type: { kind: 'string' }, nullable: false },
  { name: '_commit_version', type: { kind: 'bigint' }, nullable: false },
  { name: '_commit_timestamp', type: { kind: 'timestamp' }, nullable: false },
];

export interface ChangesOptions {
  /** Exclusive; left out, from before version 0. */
  readonly fromVersion?: number;
  /** Inclusive; left out, the version of `table.head`. */
  readonly toVersion?: number;
  /** What identifies a row; left out, the key and event time of a feature group's table, else nothing. */
  readonly keys?: readonly string[];
  /** Logical names in the order wanted; all in schema order unless given. */
  readonly columns?: readonly string[];
}

export interface ChangedTable {
  readonly root: string;
  readonly head: Snapshot;
  /** The newest version there is, asked for where a file is missing; `head` unless given. */
  readonly refresh?: () => Promise<Snapshot>;
}

/**
 * Changed rows in the newest schema of the range, then `CHANGE_COLUMNS`; commits ascending, within a commit removals and
 * preimages before inserts and postimages.
 * @throws LakefoldError INVALID_ARGUMENT, NO_SUCH_COMMIT, HISTORY_EXPIRED, UNKNOWN_FEATURE, PLAN_TOO_LARGE; UNSUPPORTED_OPERATION where a schema of the range can't be read in the newest
 */
export async function* readChanges(deps: ReadDeps & SnapshotDeps, table: ChangedTable, options: ChangesOptions = {}): AsyncIterable<Batch> {
  const { head, root } = table;
  const from = options.fromVersion ?? -1;
  const to = options.toVersion ?? head.version;
  checkRange({ from, to }, head);
  const erasure = erasureOf(head);
  if (from === to) return;
  if (erasure !== undefined && from + 1 < erasure.version) throw erasedHistory(from + 1, erasure.version);
  const snapshot = to === head.version ? head : await loadSnapshot(deps, root, { version: to });
  const wanted = selectColumns(snapshot, options.columns);
  const identity = options.keys === undefined ? identityOf(snapshot) : selectColumns(snapshot, options.keys).map(({ name }) => name);
  const range = { root, snapshot, from, to };
  let schema = await schemaBefore(deps, range);
  let previous = from < 0 ? undefined : await timeOf(deps, root, from);
  for (let start = from + 1; start <= to; start += STORE_READ_CONCURRENCY) {
    for (const entry of await entriesFrom(deps, range, start)) {
      schema = refuseOtherSchemas({ before: schema, version: entry.version, actions: entry.actions }, snapshot);
      previous = commitTime(commitInfoOf(entry.actions), entry.modifiedAt, previous);
      const stamp = { version: entry.version, committedAt: previous };
      try {
        for await (const changed of changesOf(deps, { root, snapshot, entry, identity })) yield shown(changed, wanted, stamp);
      } catch (error) {
        throw await expired(deps, error, { version: entry.version, table });
      }
    }
  }
}

function checkRange({ from, to }: { readonly from: number; readonly to: number }, head: Snapshot): void {
  const isVersion = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if ((from !== -1 && !isVersion(from)) || !isVersion(to) || from > to)
    throw new LakefoldError('INVALID_ARGUMENT', `expected versions with fromVersion up to toVersion, found ${from} and ${to}`, {
      context: { field: 'fromVersion' },
    });
  if (to > head.version)
    throw new LakefoldError('NO_SUCH_COMMIT', `expected a version up to the latest, ${head.version}, found ${to}`, {
      context: { asked: to, latest: head.version },
    });
}

interface Range {
  readonly root: string;
  /** At `to`. */
  readonly snapshot: Snapshot;
  readonly from: number;
  readonly to: number;
}

async function entriesFrom(deps: ReadDeps, { root, to }: Range, start: number): Promise<readonly RecordedEntry[]> {
  const versions = Array.from({ length: Math.min(STORE_READ_CONCURRENCY, to - start + 1) }, (_, i) => start + i);
  const entries = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readEntry(deps, root, version));
  const kept = entries.filter((entry) => entry !== undefined);
  const emptied = kept.find(({ actions }) => isEmptied(actions));
  if (emptied !== undefined) throw erasedHistory(emptied.version, emptied.version + 1);
  if (kept.length === versions.length) return kept;
  const missing = versions[entries.indexOf(undefined)] ?? start;
  const oldest = await oldestEntry(deps, root);
  throw new LakefoldError('HISTORY_EXPIRED', `expected the log to keep version ${missing}, found it from version ${oldest} on`, {
    context: { version: missing, oldest, reason: 'RETENTION' },
  });
}

/** The metadata that the first commit of the range found; undefined where nothing changes it. */
async function schemaBefore(deps: SnapshotDeps, { root, from, to, snapshot }: Range): Promise<Metadata | undefined> {
  if (from < 0 || from === to) return undefined;
  try {
    return (await loadSnapshot(deps, root, { version: from })).metadata;
  } catch (error) {
    // The version itself may have expired while every commit after it is kept.
    if (isLakefoldError(error, 'HISTORY_EXPIRED') || isLakefoldError(error, 'LOG_GAP')) return snapshot.metadata;
    throw error;
  }
}

async function timeOf(deps: ReadDeps, root: string, version: number): Promise<number | undefined> {
  const entry = await readEntry(deps, root, version);
  return entry === undefined ? undefined : commitTime(commitInfoOf(entry.actions), entry.modifiedAt, undefined);
}

async function* changesOf(
  deps: ReadDeps & SnapshotDeps,
  commit: { readonly root: string; readonly snapshot: Snapshot; readonly entry: RecordedEntry; readonly identity: readonly string[] | undefined },
): AsyncIterable<ChangedRows> {
  const { root, snapshot, entry, identity } = commit;
  if (entry.actions.some((action) => action.kind === 'cdc')) {
    yield* readChangeFiles(deps, { root, snapshot }, entry.actions);
    return;
  }
  const table = { root, snapshot, before: () => loadSnapshot(deps, root, { version: entry.version - 1 }) };
  yield* derivedChanges(deps, table, { actions: entry.actions, columns: snapshot.columns, identity });
}

function shown({ batch, types }: ChangedRows, wanted: readonly TableColumn[], stamp: { readonly version: number; readonly committedAt: number }): Batch {
  const vectors = wanted.flatMap(({ name }) => findVector(batch, name) ?? []);
  const { rowCount } = batch;
  const constant = (column: Column | undefined, value: bigint): Vector => ({
    type: column?.type ?? { kind: 'bigint' },
    length: rowCount,
    values: new BigInt64Array(rowCount).fill(value),
  });
  const [changeType, version, timestamp] = CHANGE_COLUMNS;
  return {
    columns: [...wanted, ...CHANGE_COLUMNS],
    vectors: [
      ...vectors,
      vectorOf(changeType?.type ?? { kind: 'string' }, types),
      constant(version, BigInt(stamp.version)),
      constant(timestamp, BigInt(stamp.committedAt) * 1000n),
    ],
    rowCount,
  };
}

/** A file that is gone and not live has expired; all else is as bad as it looks. */
async function expired(deps: ReadDeps, error: unknown, { version, table }: { readonly version: number; readonly table: ChangedTable }): Promise<unknown> {
  if (!isLakefoldError(error, 'FILE_MISSING')) return error;
  const { path } = error.context;
  const head = await (table.refresh?.() ?? table.head);
  const isOf = (file: AddFile): boolean => file.path === path || pathsOf(table.root, file, deps.store.location).some((each) => each === path);
  for (const file of head.files.values()) if (isOf(file)) return error;
  return new LakefoldError('HISTORY_EXPIRED', `expected the files of version ${version} to be kept: ${error.message}`, {
    cause: error,
    context: { version, path, reason: 'RETENTION' },
  });
}
