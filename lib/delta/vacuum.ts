/**
 * Which files no retained version needs (delta.md, "Maintenance"): planned purely, printable before anything is deleted.
 *
 * Kept: every live file, files removed within the retention, their deletion vectors, pinned files, and whatever is
 * younger than `UNREFERENCED_AGE_MIN_MILLIS`, because a writer may have staged it for a commit still to come.
 */
import { compareUtf8 } from '../core/bytes.ts';
import { mapConcurrent } from '../core/concurrency.ts';
import { LakefoldError } from '../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../core/limits.ts';
import { joinPath } from '../core/path.ts';
import type { ObjectInfo, ObjectStore } from '../ports/object-store.ts';
import { readEntry } from './changes.ts';
import { listLog, oldestReadable } from './log-segment.ts';
import { readPins } from './pins.ts';
import { isSameFile, pathsOf } from './removals.ts';
import type { Snapshot } from './snapshot-state.ts';

export interface VacuumPlan {
  /** Paths under the store, in order. */
  readonly files: readonly ObjectInfo[];
  readonly bytes: number;
  /** The oldest version of which every file stays; older ones answer HISTORY_EXPIRED. */
  readonly oldestReadable: number;
}

export interface VacuumOptions {
  readonly retentionMillis: number;
  /** Allows a retention below a week. */
  readonly force?: boolean;
  /** `log`: only what entries of the log took out, without a LIST of the folder; `folder`, the default, orphans too. */
  readonly scope?: 'log' | 'folder';
}

/** A retention below a week may cut off running readers and writers of other engines. */
const RETENTION_MIN_MILLIS = 168 * 60 * 60 * 1000;
const UNREFERENCED_AGE_MIN_MILLIS = 24 * 60 * 60 * 1000;

/** @throws LakefoldError RETENTION_TOO_SHORT below a week without `force` */
export async function planVacuum(
  deps: { readonly store: ObjectStore },
  table: { readonly root: string; readonly snapshot: Snapshot },
  options: VacuumOptions & { readonly now: number },
): Promise<VacuumPlan> {
  if (options.retentionMillis < RETENTION_MIN_MILLIS && options.force !== true) {
    throw new LakefoldError('RETENTION_TOO_SHORT', `expected a retention of at least 168 hours, found ${options.retentionMillis / 3_600_000}`, {
      context: { floorHours: 168 },
    });
  }
  const kept = await keptPaths(deps, table);
  const expired = await expiredByLog(deps, table, { ...options, keep: (path) => kept.add(path) });
  for (const path of kept) expired.files.delete(path);
  const files =
    options.scope === 'log' ? await existing(deps.store, [...expired.files.keys()]) : await unreferenced(deps.store, table.root, { ...options, kept, expired });
  return {
    files,
    bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    oldestReadable: [...expired.files.values()].reduce((oldest, version) => Math.max(oldest, version), expired.oldestInLog),
  };
}

async function unreferenced(
  store: ObjectStore,
  root: string,
  { now, kept, expired }: { readonly now: number; readonly kept: ReadonlySet<string>; readonly expired: Expired },
): Promise<readonly ObjectInfo[]> {
  const files: ObjectInfo[] = [];
  const prefix = root === '' ? '' : `${root}/`;
  for await (const object of store.list(prefix)) {
    const name = object.path.slice(prefix.length);
    const isOurs = !isHidden(name) || expired.changeFiles.has(object.path);
    if (!isOurs || kept.has(object.path) || now - object.modifiedAt < UNREFERENCED_AGE_MIN_MILLIS) continue;
    files.push(object);
  }
  return files;
}

async function existing(store: ObjectStore, paths: readonly string[]): Promise<readonly ObjectInfo[]> {
  const found = await mapConcurrent(paths, { concurrencyMax: STORE_READ_CONCURRENCY }, (path) => store.head(joinPath(path)));
  return found.flatMap((info) => (info === undefined ? [] : [info])).toSorted((a, b) => compareUtf8(a.path, b.path));
}

/** Why a file of an earlier version is missing: HISTORY_EXPIRED where the head no longer has it, else what was thrown. */
export function expiredOr(error: LakefoldError, table: { readonly root: string; readonly snapshot: Snapshot; readonly head: Snapshot }): LakefoldError {
  const { root, snapshot, head } = table;
  const missing = error.context['path'];
  const affected = [...snapshot.files.values()].filter((file) => file.path === missing || pathsOf(root, file).some((path) => path === missing));
  const isRemoved = snapshot.version < head.version && affected.length > 0 && affected.every((file) => !isSameFile(file, head.files.get(file.path)));
  if (!isRemoved) return error;
  return new LakefoldError('HISTORY_EXPIRED', `expected every file of version ${snapshot.version}, but ${String(missing)} is no longer kept`, {
    cause: error,
    context: { asked: snapshot.version, reason: 'RETENTION' },
  });
}

/** Deletes what was planned; repeating it is harmless. */
export async function executeVacuum(deps: { readonly store: ObjectStore }, plan: VacuumPlan): Promise<void> {
  await mapConcurrent(plan.files, { concurrencyMax: STORE_READ_CONCURRENCY }, (file) => deps.store.delete(file.path));
}

/** What the head needs, and what is pinned. */
async function keptPaths(deps: { readonly store: ObjectStore }, table: { readonly root: string; readonly snapshot: Snapshot }): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const file of table.snapshot.files.values()) for (const path of pathsOf(table.root, file, deps.store.location)) kept.add(path);
  for await (const pin of readPins(deps.store, table.root)) for (const path of pin.files) kept.add(joinPath(table.root, path));
  return kept;
}

interface Expired {
  /** Paths that commits took out of the table longer ago than the retention, with the newest version that did. */
  readonly files: Map<string, number>;
  /** Those among them that hold changes. */
  readonly changeFiles: ReadonlySet<string>;
  readonly oldestInLog: number;
}

/** One pass over tombstones and kept entries, a window of entries in memory; what was removed within the retention is handed to `keep`. */
async function expiredByLog(
  deps: { readonly store: ObjectStore },
  table: { readonly root: string; readonly snapshot: Snapshot },
  options: { readonly now: number; readonly retentionMillis: number; readonly keep: (path: string) => void },
): Promise<Expired> {
  const { root } = table;
  const files = new Map<string, number>();
  const changeFiles = new Set<string>();
  const note = (paths: readonly string[], removedAt: number, version: number): void => {
    const isKept = options.now - removedAt <= options.retentionMillis;
    for (const path of paths) {
      if (isKept) options.keep(path);
      else files.set(path, Math.max(files.get(path) ?? 0, version));
    }
  };
  for (const file of table.snapshot.tombstones.values()) note(pathsOf(root, file, deps.store.location), file.deletionTimestamp ?? options.now, 0);
  const listing = await listLog(deps.store, root);
  const versions = [...listing.commits.keys()].filter((version) => version <= table.snapshot.version).toSorted((a, b) => a - b);
  for (let i = 0; i < versions.length; i += STORE_READ_CONCURRENCY) {
    const window = versions.slice(i, i + STORE_READ_CONCURRENCY);
    for (const entry of await mapConcurrent(window, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readEntry(deps, root, version))) {
      for (const action of entry?.actions ?? []) {
        if (entry === undefined) continue;
        // A file lives until the commit that removes it lands, however early that was planned.
        if (action.kind === 'remove')
          note(pathsOf(root, action, deps.store.location), Math.max(action.deletionTimestamp ?? 0, entry.modifiedAt), entry.version);
        if (action.kind !== 'cdc') continue;
        const path = joinPath(root, action.path);
        changeFiles.add(path);
        note([path], entry.modifiedAt, 0);
      }
    }
  }
  return { files, changeFiles, oldestInLog: oldestReadable(listing) };
}

// Hidden names belong to logs, reports and other engines; of them only our deletion vectors are ours to clean.
function isHidden(name: string): boolean {
  if (name.startsWith('_dv/')) return false;
  return name.split('/').some((part) => (part.startsWith('_') && !part.includes('=')) || part.startsWith('.'));
}
