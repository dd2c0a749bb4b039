/**
 * Log clean-up: takes away what no retained version needs, behind a checkpoint that stays (delta.md, "Maintenance").
 *
 * Kept: every version that was the newest one within `delta.logRetentionDuration`, counted from the last midnight UTC; the
 * checkpoint they start from; every commit younger than a day and the last hundred, which is the fence that writers rely
 * on; pinned versions. Planned purely; the plan is tried out before anything is deleted; repeating it goes on.
 */
import { mapConcurrent } from '../../core/concurrency.ts';
import { LOG_CLEANUP_FILES_MAX, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts';
import type { TableCodec } from '../../ports/table-codec.ts';
import { logDirectory, parseLogFile } from '../snapshot/log-path.ts';
import { logListingOf, type LogListing } from '../snapshot/log-segment.ts';
import { readPins } from '../snapshot/pins.ts';
import { referencedSidecars } from '../checkpoint/sidecar-files.ts';
import { loadSnapshot } from '../snapshot/snapshot.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { isLogCleanupEnabled, logRetentionMillis } from '../schema/table-properties.ts';
import { laterThan } from '../snapshot/time-travel.ts';

export interface LogCleanupPlan {
  /** The oldest version that stays readable; undefined where nothing is to be done. */
  readonly keepFrom: number | undefined;
  /** In the order in which they are deleted. */
  readonly files: readonly ObjectInfo[];
}

const DAY_MILLIS = 24 * 60 * 60 * 1000;
/** Versions whose commits stay whatever their age (delta.md, the fence). */
export const VERSIONS_KEPT_MIN = 100;
/** A checkpoint being written names its sidecars only at its end. */
const SIDECAR_AGE_MIN_MILLIS = DAY_MILLIS;
const NOTHING: LogCleanupPlan = { keepFrom: undefined, files: [] };

/** Lists the log and says what may go. */
export async function planLogCleanup(
  deps: { readonly store: ObjectStore; readonly codec: TableCodec },
  table: { readonly root: string; readonly snapshot: Snapshot },
  options: { readonly now: number },
): Promise<LogCleanupPlan> {
  const { metadata } = table.snapshot;
  if (!isLogCleanupEnabled(metadata)) return NOTHING;
  const directory = `${logDirectory(table.root)}/`;
  const files: ObjectInfo[] = [];
  const sidecars: ObjectInfo[] = [];
  for await (const info of deps.store.list(directory)) (info.path.startsWith(`${directory}_sidecars/`) ? sidecars : files).push(info);
  const listing = logListingOf(directory, files);
  const pinned: number[] = [];
  for await (const { version } of readPins(deps.store, table.root)) if (version !== undefined) pinned.push(version);
  const keepFrom = oldestKept(listing, { now: options.now, retentionMillis: logRetentionMillis(metadata), pinned });
  if (keepFrom === undefined) return NOTHING;
  const expired = expiredFiles(directory, files, keepFrom);
  const old = sidecars.filter((sidecar) => options.now - sidecar.modifiedAt > SIDECAR_AGE_MIN_MILLIS);
  const kept = listing.checkpoints.filter((checkpoint) => checkpoint.version >= keepFrom);
  const named = old.length === 0 ? new Set<string>() : await referencedSidecars(deps, table.root, kept);
  return { keepFrom, files: [...expired, ...old.filter((sidecar) => !named.has(sidecar.path))].slice(0, LOG_CLEANUP_FILES_MAX) };
}

/**
 * The version of the checkpoint that stays with all that follows it; undefined where there is none to stand on.
 * Times are the store's, each at least the one before it.
 */
export function oldestKept(
  listing: LogListing,
  options: { readonly now: number; readonly retentionMillis: number; readonly pinned: readonly number[] },
): number | undefined {
  const midnight = Math.floor((options.now - options.retentionMillis) / DAY_MILLIS) * DAY_MILLIS;
  const cutoff = Math.min(midnight, options.now - DAY_MILLIS);
  let time: number | undefined;
  let current: number | undefined;
  let head = -1;
  for (const [version, info] of [...listing.commits].toSorted(([a], [b]) => a - b)) {
    time = laterThan(info.modifiedAt, time);
    if (time <= cutoff) current = version;
    head = version;
  }
  if (current === undefined) return undefined;
  const newest = Math.min(current, head - VERSIONS_KEPT_MIN + 1, ...options.pinned);
  return listing.checkpoints.find((checkpoint) => checkpoint.version <= newest)?.version;
}

// Version 0 first, so that nobody starts from it; then checkpoints, so that none is left whose commits are gone; whoever
// asks for a version in between is told that it has expired, however far this got.
function expiredFiles(directory: string, files: readonly ObjectInfo[], keepFrom: number): readonly ObjectInfo[] {
  const first: ObjectInfo[] = [];
  const derived: ObjectInfo[] = [];
  const commits: ObjectInfo[] = [];
  for (const info of files) {
    const file = parseLogFile(info.path.slice(directory.length));
    if (file.kind === 'commit' && file.version < keepFrom) (file.version === 0 ? first : commits).push(info);
    if ((file.kind === 'checkpoint' || file.kind === 'crc') && file.version < keepFrom) derived.push(info);
    if (file.kind === 'compaction' && file.from < keepFrom) derived.push(info);
  }
  return [...first, ...derived, ...commits];
}

/**
 * Deletes what was planned, once a reader that does not see it reads the oldest version that stays.
 * @throws LakefoldError CHECKPOINT_CORRUPT and whatever else reading it finds; nothing is deleted then
 */
export async function executeLogCleanup(
  deps: { readonly store: ObjectStore; readonly codec: TableCodec },
  root: string,
  plan: LogCleanupPlan,
): Promise<{ readonly deleted: number }> {
  if (plan.keepFrom === undefined || plan.files.length === 0) return { deleted: 0 };
  const { codec } = deps;
  await loadSnapshot({ codec, store: withoutFiles(deps.store, new Set(plan.files.map(({ path }) => path))) }, root, { version: plan.keepFrom });
  for (const stage of stagesOf(root, plan.files)) await mapConcurrent(stage, { concurrencyMax: STORE_READ_CONCURRENCY }, ({ path }) => deps.store.delete(path));
  return { deleted: plan.files.length };
}

function stagesOf(root: string, files: readonly ObjectInfo[]): readonly (readonly ObjectInfo[])[] {
  const directory = `${logDirectory(root)}/`;
  const kindOf = (info: ObjectInfo): 'zero' | 'commit' | 'derived' => {
    const file = parseLogFile(info.path.slice(directory.length));
    if (file.kind !== 'commit') return 'derived';
    return file.version === 0 ? 'zero' : 'commit';
  };
  return (['zero', 'derived', 'commit'] as const).map((kind) => files.filter((info) => kindOf(info) === kind));
}

function withoutFiles(store: ObjectStore, gone: ReadonlySet<string>): ObjectStore {
  return {
    location: store.location,
    get: async (path, options) => (gone.has(path) ? undefined : store.get(path, options)),
    head: async (path, options) => (gone.has(path) ? undefined : store.head(path, options)),
    list: async function* list(prefix, options) {
      for await (const info of store.list(prefix, options)) if (!gone.has(info.path)) yield info;
    },
    createIfAbsent: (path, bytes, options) => store.createIfAbsent(path, bytes, options),
    replaceIfMatch: (path, bytes, options) => store.replaceIfMatch(path, bytes, options),
    overwrite: (path, bytes, options) => store.overwrite(path, bytes, options),
    delete: (path, options) => store.delete(path, options),
  };
}
