/**
 * Which files no retained version needs (delta.md, "Maintenance"): planned purely, printable before anything is deleted.
 *
 * Kept: every live file, files removed within the retention, their deletion vectors and change files, pinned files, and
 * whatever nothing names yet and is younger than a day, because a writer may have staged it for a commit still to come;
 * 15 days where its name is a queued write's. Validation reports are kept for 90 days.
 */
import { compareUtf8 } from '../../core/bytes.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import { QUEUED_FILES_KEPT_MILLIS, REPORTS_KEPT_MILLIS, STORE_READ_CONCURRENCY, VACUUM_FILES_MAX } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import { isUlid } from '../../core/ulid.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts';
import { readPins } from '../snapshot/pins.ts';
import { isSameFile, pathsOf } from '../write/removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { type Expired, expiredByLog } from './vacuum-log.ts';
import { readVacuumMark, type VacuumMark, writeVacuumMark } from './vacuum-mark.ts';

export interface VacuumPlan {
  /** Paths under the store, in order; `VACUUM_FILES_MAX` at most. */
  readonly files: readonly ObjectInfo[];
  readonly bytes: number;
  /** The oldest version of which every file stays; older ones answer HISTORY_EXPIRED. */
  readonly oldestReadable: number;
  /** False where more is to be deleted than `files`: another vacuum goes on. */
  readonly complete: boolean;
  /** Up to where the next vacuum need not read the log, once `files` are gone. */
  readonly mark: VacuumMark;
}

/**
 * - `log`: what entries of the log took out, without a LIST of the folder
 * - `full`: the folder is listed: orphans of crashes and lost races too, and what entries took out that are no longer kept
 */
export type VacuumScope = 'log' | 'full';

export interface VacuumOptions {
  readonly retentionMillis: number;
  /** Allows a retention below a week. */
  readonly force?: boolean;
  /** Unless given, the log where it still tells all since the last vacuum, else the folder. */
  readonly scope?: VacuumScope;
  /** No deletion is begun after this long, ms. */
  readonly timeMillisMax?: number;
}

/** A retention below a week may cut off running readers and writers of other engines. */
export const RETENTION_MIN_MILLIS = 168 * 60 * 60 * 1000;
const DAY_MILLIS = 24 * 60 * 60 * 1000;
const UNREFERENCED_AGE_MIN_MILLIS = DAY_MILLIS;

/** @throws LakefoldError RETENTION_TOO_SHORT below a week without `force` */
export async function planVacuum(
  deps: { readonly store: ObjectStore },
  table: { readonly root: string; readonly snapshot: Snapshot },
  options: VacuumOptions & { readonly now: number },
): Promise<VacuumPlan> {
  if (!(options.retentionMillis >= RETENTION_MIN_MILLIS) && options.force !== true) {
    throw new LakefoldError('RETENTION_TOO_SHORT', `expected a retention of at least 168 hours, found ${options.retentionMillis / 3_600_000}`, {
      context: { floorHours: 168 },
    });
  }
  const { root, snapshot } = table;
  const mark = await readVacuumMark(deps.store, table);
  const seen = mark?.through ?? -1;
  const pinned = await pinnedPaths(deps.store, root);
  const expired = await expiredByLog(deps, table, { ...options, pinned, after: options.scope === 'full' ? -1 : seen });
  // A file may have come back since, or gone in a newer entry that is not old enough.
  for (const file of snapshot.files.values()) for (const path of pathsOf(root, file, deps.store.location)) expired.kept.add(path);
  for (const path of expired.kept) expired.files.delete(path);
  const isListed = options.scope === 'full' || (options.scope === undefined && !expired.tellsAll);
  const found = isListed ? await unreferenced(deps.store, root, { ...options, expired }) : await existing(deps.store, [...expired.files.keys()]);
  const oldestReadable = [...expired.files.values()].reduce(
    (oldest, version) => Math.max(oldest, version),
    Math.max(expired.oldestInLog, mark?.oldestReadable ?? 0),
  );
  return {
    files: found.files,
    bytes: found.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    oldestReadable,
    complete: found.complete,
    // What an incomplete log leaves out has been looked for in the folder, or is left to the next vacuum that looks there.
    mark: { tableId: snapshot.metadata.id, through: expired.tellsAll || isListed ? Math.max(seen, expired.through) : seen, oldestReadable },
  };
}

interface Found {
  readonly files: readonly ObjectInfo[];
  readonly complete: boolean;
}

async function unreferenced(store: ObjectStore, root: string, { now, expired }: { readonly now: number; readonly expired: Expired }): Promise<Found> {
  const files: ObjectInfo[] = [];
  const prefix = root === '' ? '' : `${root}/`;
  for await (const object of store.list(prefix)) {
    const name = object.path.slice(prefix.length);
    if (isForeignName(name) || expired.kept.has(object.path)) continue;
    // What the log names was committed; of the rest a young one may be yet.
    if (!expired.files.has(object.path) && now - object.modifiedAt < ageMin(name)) continue;
    if (files.length === VACUUM_FILES_MAX) return { files, complete: false };
    files.push(object);
  }
  return { files, complete: true };
}

async function existing(store: ObjectStore, paths: readonly string[]): Promise<Found> {
  const files: ObjectInfo[] = [];
  for (let i = 0; i < paths.length; i += STORE_READ_CONCURRENCY) {
    const window = paths.slice(i, i + STORE_READ_CONCURRENCY);
    const infos = await mapConcurrent(window, { concurrencyMax: STORE_READ_CONCURRENCY }, (path) => store.head(joinPath(path)));
    for (const info of infos) if (info !== undefined) files.push(info);
    if (files.length >= VACUUM_FILES_MAX) break;
  }
  return { files: files.slice(0, VACUUM_FILES_MAX).toSorted((a, b) => compareUtf8(a.path, b.path)), complete: files.length < VACUUM_FILES_MAX };
}

/** Why a file of an earlier version is missing: HISTORY_EXPIRED where the head no longer has it, else what was thrown. */
export function expiredOr(
  error: LakefoldError,
  table: { readonly root: string; readonly location: string; readonly snapshot: Snapshot; readonly head: Snapshot },
): LakefoldError {
  const { root, location, snapshot, head } = table;
  const missing = error.context['path'];
  const affected = [...snapshot.files.values()].filter((file) => file.path === missing || pathsOf(root, file, location).some((path) => path === missing));
  const isRemoved = snapshot.version < head.version && affected.length > 0 && affected.every((file) => !isSameFile(file, head.files.get(file.path)));
  if (!isRemoved) return error;
  return new LakefoldError('HISTORY_EXPIRED', `expected every file of version ${snapshot.version}, but ${String(missing)} is no longer kept`, {
    cause: error,
    context: { asked: snapshot.version, reason: 'RETENTION' },
  });
}

/**
 * Deletes what was planned, as far as its time goes, and remembers up to where the log has been seen to; repeating it is
 * harmless. Answers the plan with the files that were deleted.
 */
export async function executeVacuum(
  deps: { readonly store: ObjectStore; readonly clock: Pick<Clock, 'monotonicMillis'>; readonly log: Log },
  root: string,
  plan: VacuumPlan,
  options: Pick<VacuumOptions, 'timeMillisMax'> = {},
): Promise<VacuumPlan> {
  const startedAt = deps.clock.monotonicMillis();
  const isLate = (): boolean => deps.clock.monotonicMillis() - startedAt >= (options.timeMillisMax ?? Number.POSITIVE_INFINITY);
  const deleted: ObjectInfo[] = [];
  while (deleted.length < plan.files.length && (deleted.length === 0 || !isLate())) {
    const window = plan.files.slice(deleted.length, deleted.length + STORE_READ_CONCURRENCY);
    await mapConcurrent(window, { concurrencyMax: STORE_READ_CONCURRENCY }, (file) => deps.store.delete(file.path));
    deleted.push(...window);
  }
  const complete = plan.complete && deleted.length === plan.files.length;
  if (complete) await writeVacuumMark(deps, root, plan.mark);
  return { ...plan, files: deleted, bytes: deleted.reduce((sum, file) => sum + file.sizeBytes, 0), complete };
}

async function pinnedPaths(store: ObjectStore, root: string): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for await (const pin of readPins(store, root)) for (const path of pin.files) paths.add(joinPath(root, path));
  return paths;
}

const REPORTS = '_lakefold/reports/';
const STATISTICS = '_lakefold/statistics/';
const HIDDEN_CLEANED = ['_dv/', '_change_data/', REPORTS, STATISTICS];

/** Hidden names belong to logs, pins and other engines; of them only deletion vectors, change files, reports and statistics are ours to clean. */
export function isForeignName(name: string): boolean {
  if (HIDDEN_CLEANED.some((prefix) => name.startsWith(prefix))) return false;
  return name.split('/').some((part) => (part.startsWith('_') && !part.includes('=')) || part.startsWith('.'));
}

/** How old a file of the table's that nothing names must be: files of queued writes are named after the ULID of their intent. */
function ageMin(name: string): number {
  if (name.startsWith(REPORTS) || name.startsWith(STATISTICS)) return REPORTS_KEPT_MILLIS;
  const staged = /^part-([^-]+)-/.exec(name.slice(name.lastIndexOf('/') + 1))?.[1];
  return staged !== undefined && isUlid(staged) ? QUEUED_FILES_KEPT_MILLIS : UNREFERENCED_AGE_MIN_MILLIS;
}
