/** Commit records: what each version of a table was (shapes.md, "commits"). */
import { mapConcurrent } from '../../core/concurrency.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { AddFile, CommitInfo } from '../actions/actions.ts';
import { readEntry, type RecordedEntry } from '../changes/changes.ts';
import { commitInfoOf, isOurs } from '../actions/commit-info.ts';
import { ERASE_OPERATION, isEmptied } from '../erase/erasure.ts';
import { commitTime } from './time-travel.ts';
import { logDirectory, parseLogFile } from './log-path.ts';
import type { ReadDeps } from '../rows/read.ts';

export type CommitOperation = 'create' | 'upsert' | 'append' | 'update' | 'delete' | 'erase' | 'overwrite' | 'schemaChange' | 'optimize' | 'restore' | 'other';

export interface CommitRecord {
  readonly version: number;
  /** Epoch ms. */
  readonly committedAt: number;
  readonly operation: CommitOperation;
  readonly engineOperation: string | null;
  readonly engine: string | null;
  readonly committedBy: string | null;
  readonly rowsInserted: number;
  readonly rowsUpdated: number;
  readonly rowsDeleted: number;
  readonly dedupedInBatch: number;
  readonly stale: number;
  readonly rejected: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  /** `lakefold.requests` of the entry, JSON text. */
  readonly requests: string | null;
  /** Of the check its rows passed, where there was one. */
  readonly validationReportId: string | null;
}

/** The tag of a commit that names its validation report. */
export const REPORT_TAG = 'lakefold.report';

/** Commits of `[from, to]`, oldest first; those whose entries are no longer kept are left out. */
export async function readHistory(
  deps: Pick<ReadDeps, 'store'>,
  root: string,
  range: { readonly from: number; readonly to: number },
): Promise<readonly CommitRecord[]> {
  const versions = Array.from({ length: Math.max(0, range.to - range.from + 1) }, (_, i) => range.from + i);
  const entries = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readEntry(deps, root, version));
  const records: CommitRecord[] = [];
  for (const entry of entries) {
    if (entry === undefined || isEmptied(entry.actions)) continue;
    records.push(recordOf(entry, records.at(-1)?.committedAt));
  }
  return records;
}

/** The oldest version whose entry the log still holds. */
export async function oldestEntry(deps: Pick<ReadDeps, 'store'>, root: string): Promise<number> {
  const directory = `${logDirectory(root)}/`;
  for await (const object of deps.store.list(directory)) {
    const file = parseLogFile(object.path.slice(directory.length));
    if (file.kind === 'commit') return file.version;
  }
  return 0;
}

/** The record of one entry; `previous` is the commit time of the version before, where it is known. */
export function recordOf(entry: RecordedEntry, previous?: number): CommitRecord {
  const info = commitInfoOf(entry.actions);
  // A file whose rows were only marked is taken out and put back under its name.
  const added = new Set(entry.actions.flatMap((action) => (action.kind === 'add' ? [action.path] : [])));
  const removed = new Set(entry.actions.flatMap((action) => (action.kind === 'remove' ? [action.path] : [])));
  const adds = entry.actions.filter((action): action is AddFile => action.kind === 'add' && !removed.has(action.path));
  const metric = (name: string): number => Number(info?.operationMetrics?.[name] ?? 0);
  const ours = isOurs(info);
  return {
    version: entry.version,
    committedAt: commitTime(info, entry.modifiedAt, previous),
    operation: operationOf(info),
    engineOperation: info?.operation ?? null,
    engine: info?.engineInfo ?? null,
    committedBy: info?.tags?.['lakefold.committedBy'] ?? null,
    rowsInserted: ours ? metric('rowsInserted') : 0,
    rowsUpdated: ours ? metric('rowsUpdated') : 0,
    rowsDeleted: ours ? metric('rowsDeleted') : 0,
    dedupedInBatch: metric('dedupedInBatch'),
    stale: metric('stale'),
    rejected: metric('rejected'),
    filesAdded: adds.length,
    filesRemoved: [...removed].filter((path) => !added.has(path)).length,
    bytesAdded: adds.reduce((sum, add) => sum + add.size, 0),
    requests: ours ? (info?.tags?.['lakefold.requests'] ?? null) : null,
    validationReportId: ours ? (info?.tags?.[REPORT_TAG] ?? null) : null,
  };
}

/** What the commit did; what we did not write is `other`. */
export function operationOf(info: CommitInfo | undefined): CommitOperation {
  if (!isOurs(info)) return 'other';
  switch (info?.operation) {
    case 'CREATE TABLE':
      return 'create';
    case 'MERGE':
      return 'upsert';
    case 'WRITE':
      return info.operationParameters?.['mode'] === 'Overwrite' ? 'overwrite' : 'append';
    case 'UPDATE':
      return 'update';
    case 'DELETE':
      return 'delete';
    case 'OPTIMIZE':
      return 'optimize';
    case 'RESTORE':
      return 'restore';
    case ERASE_OPERATION:
      return 'erase';
    case 'ADD COLUMNS':
    case 'CHANGE COLUMN':
    case 'SET TBLPROPERTIES':
    case 'UNSET TBLPROPERTIES':
    case 'ADD CONSTRAINT':
    case 'DROP CONSTRAINT':
    case 'RENAME COLUMN':
    case 'DROP COLUMNS':
      return 'schemaChange';
    default:
      return 'other';
  }
}
