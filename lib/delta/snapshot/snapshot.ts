/** Snapshots from the log: loading one, bringing one up to date, applying an own commit. */
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { isTableVersion } from '../../core/version.ts';
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts';
import type { LogEntry, Metadata } from '../actions/actions.ts';
import type { CheckpointDeps } from '../checkpoint/checkpoint.ts';
import { type LastCheckpoint, readLastCheckpoint } from '../checkpoint/last-checkpoint.ts';
import { readCheckpoint } from '../checkpoint/checkpoint-read.ts';
import { commitInfoOf } from '../actions/commit-info.ts';
import { endsHistory } from '../erase/erasure.ts';
import type { Filter } from '../filter/filter.ts';
import { logDirectory } from './log-path.ts';
import { headOf, listLog, oldestReadable, type CheckpointFiles, type LogListing } from './log-segment.ts';
import { missingCommit, planTail, readTail } from './log-tail.ts';
import { partitionTest, type PartitionTest } from '../filter/pruning.ts';
import { replay, type PartialState } from './replay.ts';
import { parseSchema } from '../schema/schema.ts';
import type { AsOf, Snapshot, TableColumn } from './snapshot-state.ts';
import { commitTime, statedTime } from './time-travel.ts';
import { type FoundVersion, readCommitTime, versionAt } from './version-at.ts';

export type SnapshotDeps = CheckpointDeps;

/** New commits above which a checkpoint among them is the cheaper way up. */
const REPLAY_COMMITS_MAX = 100;
/** Versions below the asked one among which a checkpoint is looked for, then eight times as many, and so on. */
const WINDOW_VERSIONS = 32;
const WINDOW_GROWTH = 8;

export interface LoadOptions {
  /**
   * Makes a filter of the table's columns: the snapshot then has, of the files of its checkpoint, those only that may hold
   * a passing row by their partition values, and of its tombstones not all. Good for reading these rows, not to write on.
   */
  readonly where?: (columns: readonly TableColumn[]) => Filter;
}

/**
 * The table at `asOf`, at its newest version without.
 *
 * @throws LakefoldError TABLE_NOT_FOUND, NO_SUCH_COMMIT, HISTORY_EXPIRED, LOG_GAP, LOG_CORRUPT, LOG_MISSING_PROTOCOL, LOG_MISSING_METADATA, CHECKPOINT_CORRUPT, UNSUPPORTED_TABLE_FEATURE
 */
export async function loadSnapshot(deps: SnapshotDeps, root: string, asOf: AsOf = {}, options: LoadOptions = {}): Promise<Snapshot> {
  const hint = await readLastCheckpoint(deps.store, root);
  if (asOf.instant === undefined) return loadVersion(deps, root, { target: asOf.version, hint }, options);
  const found = await versionAt({ store: deps.store, root }, { pointer: hint, listWhole: () => listWhole(deps.store, root) }, asOf.instant);
  return { ...(await loadVersion(deps, root, { target: found.version, hint, found }, options)), committedAt: found.committedAt };
}

interface VersionTarget {
  /** The newest without. */
  readonly target: number | undefined;
  readonly hint: LastCheckpoint | undefined;
  /** How the target was found, and when it was committed: whoever knows that asks for no other time. */
  readonly found?: FoundVersion;
}

async function loadVersion(deps: SnapshotDeps, root: string, { target, hint, found }: VersionTarget, options: LoadOptions): Promise<Snapshot> {
  const isListed = found?.listing !== undefined && canLoadFrom(found.listing, found.version);
  const near = isListed
    ? found.listing
    : target !== undefined && (hint === undefined || target < hint.version)
      ? await logBelow(deps, root, target)
      : await recentLog(deps, root, hint, target);
  const head = near === undefined ? undefined : headOf(near);
  if (near !== undefined && head !== undefined && (target ?? head) <= head) {
    try {
      return await loadFrom(deps, root, { listing: near, target: target ?? head, found, options });
    } catch (error) {
      // The pointer is a hint; what is older than it may still do. Pages of a listing may not fit together.
      if (!isLakefoldError(error, 'CHECKPOINT_CORRUPT') && !isLakefoldError(error, 'LOG_GAP')) throw error;
    }
  }
  const loadListed = (listing: LogListing): Promise<Snapshot> => loadFrom(deps, root, { listing, target: target ?? headOf(listing) ?? 0, found, options });
  try {
    return await loadListed(await listWhole(deps.store, root));
  } catch (error) {
    // Log clean-up between two pages leaves a gap that a listing made after it does not have.
    if (!isLakefoldError(error, 'LOG_GAP')) throw error;
    return loadListed(await listWhole(deps.store, root));
  }
}

/** The log from the checkpoint on that is pointed at, if that is there. */
async function recentLog(
  deps: SnapshotDeps,
  root: string,
  hint: LastCheckpoint | undefined,
  target = Number.POSITIVE_INFINITY,
): Promise<LogListing | undefined> {
  if (hint === undefined) return undefined;
  const listing = await listLog(deps.store, root, { fromVersion: hint.version });
  return listing.checkpoints.some(({ version }) => version <= target) ? listing : undefined;
}

/** Whether a piece of the log has a checkpoint below the version, or the log's beginning, and every commit from there. */
function canLoadFrom(listing: LogListing, target: number): boolean {
  const start = listing.checkpoints.find(({ version }) => version <= target)?.version ?? (listing.commits.has(0) ? -1 : undefined);
  return start !== undefined && planTail(listing, start + 1, target).missing === undefined;
}

/** The piece of the log that ends with a version and begins with a checkpoint from which it can be had. */
async function logBelow(deps: SnapshotDeps, root: string, target: number): Promise<LogListing | undefined> {
  if (!isTableVersion(target)) return undefined;
  for (let width = WINDOW_VERSIONS; ; width *= WINDOW_GROWTH) {
    const from = Math.max(0, target - width);
    const listing = await listLog(deps.store, root, { fromVersion: from, toVersion: target });
    if (headOf(listing) !== target) return undefined;
    if (canLoadFrom(listing, target)) return listing;
    if (from === 0) return undefined;
  }
}

/**
 * The table's newest version, starting from a snapshot of it: one LIST, and a GET per new commit. Nothing new → the same object.
 * @throws LakefoldError as `loadSnapshot`
 */
export async function refreshSnapshot(deps: SnapshotDeps, root: string, snapshot: Snapshot): Promise<Snapshot> {
  const from = snapshot.version + 1;
  const listing = await listLog(deps.store, root, { fromVersion: from });
  const head = headOf(listing);
  if (head === undefined || head < from) return snapshot;
  const isFar = head - snapshot.version > REPLAY_COMMITS_MAX && listing.checkpoints.length > 0;
  if (isFar || planTail(listing, from, head).missing !== undefined) return loadSnapshot(deps, root);
  try {
    const tail = await readTail(deps.store, root, { listing, from, to: head });
    // Emptied entries no longer say what they did.
    if (!tail.some(({ actions }) => endsHistory(actions))) return replay(snapshot, tail, fileTimes(listing, from));
  } catch (error) {
    // Log clean-up takes listed commits away before they are read; a checkpoint then tells of them.
    if (!isLakefoldError(error, 'LOG_GAP')) throw error;
  }
  return loadSnapshot(deps, root);
}

/**
 * The snapshot after one more commit, without I/O; costs what the commit changes. `fileTimeMillis` is the modification time
 * of its log file, where known.
 * @throws LakefoldError LOG_GAP when it is not the next version, UNSUPPORTED_TABLE_FEATURE when it makes the table unreadable
 */
export function applyCommit(snapshot: Snapshot, entry: LogEntry, fileTimeMillis?: number): Snapshot {
  return replay(snapshot, [entry], fileTimeMillis === undefined ? new Map() : new Map([[entry.version, fileTimeMillis]]));
}

async function listWhole(store: ObjectStore, root: string): Promise<LogListing> {
  const listing = await listLog(store, root);
  if (headOf(listing) === undefined)
    throw new LakefoldError('TABLE_NOT_FOUND', `expected a Delta log at ${logDirectory(root)}, found none`, { context: { path: root } });
  return listing;
}

interface LoadTarget {
  readonly listing: LogListing;
  readonly target: number;
  readonly found: FoundVersion | undefined;
  readonly options: LoadOptions;
}

async function loadFrom(deps: SnapshotDeps, root: string, load: LoadTarget): Promise<Snapshot> {
  const { listing, target } = load;
  checkTarget(listing, target);
  let corrupt: LakefoldError | undefined;
  for (const checkpoint of listing.checkpoints.filter((candidate) => candidate.version <= target)) {
    const { missing } = planTail(listing, checkpoint.version + 1, target);
    if (missing !== undefined) throw missingCommit(missing, target);
    try {
      return await loadOnCheckpoint(deps, root, { ...load, checkpoint });
    } catch (error) {
      if (!isLakefoldError(error, 'CHECKPOINT_CORRUPT')) throw error;
      corrupt ??= error;
    }
  }
  const { missing } = planTail(listing, 0, target);
  if (missing !== undefined) throw corrupt ?? missingCommit(missing, target);
  return replay(undefined, await readTail(deps.store, root, { listing, from: 0, to: target, known: load.found?.entries }), fileTimes(listing, 0));
}

function checkTarget(listing: LogListing, target: number): void {
  const head = headOf(listing) ?? -1;
  if (target > head || !isTableVersion(target))
    throw new LakefoldError('NO_SUCH_COMMIT', `expected a version from 0 to the latest, ${head}, found ${target}`, {
      context: { asked: target, latest: head },
    });
  const oldest = oldestReadable(listing);
  if (target < oldest) {
    throw new LakefoldError('HISTORY_EXPIRED', `expected a version from ${oldest} (the oldest kept) on, found ${target}`, {
      context: { asked: target, oldest, reason: 'RETENTION' },
    });
  }
}

async function loadOnCheckpoint(
  deps: SnapshotDeps,
  root: string,
  { listing, target, found, checkpoint, options }: LoadTarget & { readonly checkpoint: CheckpointFiles },
): Promise<Snapshot> {
  const { version } = checkpoint;
  const tailRead = readTail(deps.store, root, { listing, from: version + 1, to: target, known: found?.entries });
  // A later schema may name and type partition columns otherwise: then nothing is pruned here.
  const isPruned = options.where !== undefined && !(await tailRead).some((entry) => entry.actions.some((action) => action.kind === 'metaData'));
  const [state, own, tail] = await Promise.all([
    readCheckpoint(deps, root, checkpoint, isPruned ? { pruneBy: pruning(options.where) } : {}),
    found?.committedAt ?? timeBefore(target === version ? [] : tailRead, () => checkpointTime(deps.store, { root, checkpoint }, listing.commits.get(version))),
    tailRead,
  ]);
  const base: PartialState = { ...state, version, committedAt: own, checkpointVersion: version };
  return replay(base, tail, fileTimes(listing, version + 1));
}

function pruning(where: NonNullable<LoadOptions['where']>): (metadata: Metadata) => PartitionTest {
  return (metadata) => {
    const columns = parseSchema(metadata.schemaString);
    return partitionTest({ columns, metadata }, where(columns));
  };
}

/** `read` is asked where it counts: an entry that is exact by itself is later than whatever came before. */
async function timeBefore(tail: readonly LogEntry[] | Promise<readonly LogEntry[]>, read: () => Promise<number>): Promise<number> {
  const [first] = await tail;
  const stated = first?.compacted === undefined ? statedTime(commitInfoOf(first?.actions ?? [])) : first.compacted.times[0];
  return stated === undefined || stated === null ? read() : stated - 1;
}

/** Commit time of the checkpoint's version; of a commit that was cleaned up only the checkpoint's own time is left. */
async function checkpointTime(
  store: ObjectStore,
  { root, checkpoint }: { readonly root: string; readonly checkpoint: CheckpointFiles },
  commit: ObjectInfo | undefined,
): Promise<number> {
  const fallback = checkpoint.files[0]?.modifiedAt;
  if (commit === undefined) return commitTime(undefined, fallback, undefined);
  const clock = await readCommitTime({ store, root }, checkpoint.version);
  return commitTime(clock?.info, clock?.fileTime ?? fallback, undefined);
}

function fileTimes(listing: LogListing, from: number): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  for (let version = from, info = listing.commits.get(from); info !== undefined; info = listing.commits.get(version)) {
    times.set(version, info.modifiedAt);
    version += 1;
  }
  return times;
}
