/**
 * Which files no retained version needs (delta.md, "Maintenance"): planned purely, printable before anything is deleted.
 *
 * Kept: every live file, files removed within the retention, their deletion vectors, pinned files, and whatever is
 * younger than `UNREFERENCED_AGE_MIN_MILLIS`, because a writer may have staged it for a commit still to come.
 */
import { mapConcurrent } from '../core/concurrency.ts';
import { LakefoldError } from '../core/errors.ts';
import { isJsonObject, parseJson } from '../core/json.ts';
import { STORE_READ_CONCURRENCY } from '../core/limits.ts';
import { joinPath } from '../core/path.ts';
import type { ObjectInfo, ObjectStore } from '../ports/object-store.ts';
import type { AddFile, RemoveFile } from './actions.ts';
import { readEntry } from './changes.ts';
import { logDirectory, parseLogFile } from './log-path.ts';
import { pathsOf } from './removals.ts';
import type { Snapshot } from './snapshot-state.ts';
import { deletedFileRetentionMillis } from './table-properties.ts';

export interface VacuumPlan {
  /** Paths under the store, in order. */
  readonly files: readonly ObjectInfo[];
  readonly bytes: number;
}

/** A retention below a week may cut off running readers and writers of other engines. */
const RETENTION_MIN_MILLIS = 168 * 60 * 60 * 1000;
const UNREFERENCED_AGE_MIN_MILLIS = 24 * 60 * 60 * 1000;

/** @throws LakefoldError RETENTION_TOO_SHORT below a week without `force` */
export async function planVacuum(
  deps: { readonly store: ObjectStore },
  table: { readonly root: string; readonly snapshot: Snapshot },
  options: { readonly now: number; readonly retentionMillis: number; readonly force?: boolean },
): Promise<VacuumPlan> {
  if (options.retentionMillis < RETENTION_MIN_MILLIS && options.force !== true) {
    throw new LakefoldError('RETENTION_TOO_SHORT', `expected a retention of at least 168 hours, found ${options.retentionMillis / 3_600_000}`, {
      context: { floorHours: 168 },
    });
  }
  const kept = await keptPaths(deps, table, options);
  const files: ObjectInfo[] = [];
  const prefix = table.root === '' ? '' : `${table.root}/`;
  for await (const object of deps.store.list(prefix)) {
    const name = object.path.slice(prefix.length);
    if (isHidden(name) || kept.has(object.path) || options.now - object.modifiedAt < UNREFERENCED_AGE_MIN_MILLIS) continue;
    files.push(object);
  }
  return { files, bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0) };
}

/** Deletes what was planned; repeating it is harmless. */
export async function executeVacuum(deps: { readonly store: ObjectStore }, plan: VacuumPlan): Promise<void> {
  await mapConcurrent(plan.files, { concurrencyMax: STORE_READ_CONCURRENCY }, (file) => deps.store.delete(file.path));
}

async function keptPaths(
  deps: { readonly store: ObjectStore },
  table: { readonly root: string; readonly snapshot: Snapshot },
  options: { readonly now: number; readonly retentionMillis: number },
): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  const keep = (file: AddFile | RemoveFile): void => {
    for (const path of pathsOf(table.root, file, deps.store.location)) kept.add(path);
  };
  for (const file of table.snapshot.files.values()) keep(file);
  for (const file of table.snapshot.tombstones.values()) {
    if (options.now - (file.deletionTimestamp ?? options.now) <= options.retentionMillis) keep(file);
  }
  // Checkpoints drop tombstones at the table's own retention; a longer one asked for is in the log alone.
  if (options.retentionMillis > deletedFileRetentionMillis(table.snapshot.metadata))
    for await (const file of removedSince(deps, table.root, options.now - options.retentionMillis)) keep(file);
  for await (const object of deps.store.list(`${joinPath(table.root, '_lakefold/pins')}/`)) {
    const pin = await deps.store.get(object.path);
    const parsed = pin === undefined ? null : parseJson(pin.bytes);
    const files = isJsonObject(parsed) && Array.isArray(parsed['files']) ? parsed['files'] : [];
    for (const file of files) if (isJsonObject(file) && typeof file['path'] === 'string') kept.add(joinPath(table.root, file['path']));
  }
  return kept;
}

async function* removedSince(deps: { readonly store: ObjectStore }, root: string, since: number): AsyncIterable<RemoveFile> {
  const directory = `${logDirectory(root)}/`;
  for await (const object of deps.store.list(directory)) {
    const file = parseLogFile(object.path.slice(directory.length));
    if (file.kind !== 'commit' || object.modifiedAt < since) continue;
    for (const action of (await readEntry(deps, root, file.version))?.actions ?? []) if (action.kind === 'remove') yield action;
  }
}

// Hidden names belong to logs, reports and other engines; of them only our deletion vectors are ours to clean.
function isHidden(name: string): boolean {
  if (name.startsWith('_dv/')) return false;
  return name.split('/').some((part) => (part.startsWith('_') && !part.includes('=')) || part.startsWith('.'));
}
