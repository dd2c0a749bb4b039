/** Snapshots from the log: loading one, bringing one up to date, applying an own commit. */
import { mapConcurrent } from '../core/concurrency.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../core/limits.ts';
import { isTableVersion } from '../core/version.ts';
import type { ObjectInfo, ObjectStore } from '../ports/object-store.ts';
import { parseActions, parseLogEntry } from './action-codec.ts';
import type { CommitInfo, LogEntry } from './actions.ts';
import { readLastCheckpoint, type CheckpointDeps, type LastCheckpoint } from './checkpoint.ts';
import { readCheckpoint } from './checkpoint-read.ts';
import { tableLocationOf } from './file-path.ts';
import { checkpointPath, commitPath, logDirectory } from './log-path.ts';
import { headOf, listLog, type CheckpointFiles, type LogListing } from './log-segment.ts';
import { missingCommit, planTail, readTail } from './log-tail.ts';
import { replay, type PartialState } from './replay.ts';
import type { AsOf, Snapshot } from './snapshot-state.ts';
import { commitTime, resolveVersion, type VersionTime } from './time-travel.ts';
import { commitInfoOf } from './commit-info.ts';

export type SnapshotDeps = CheckpointDeps;

/** New commits above which a checkpoint among them is the cheaper way up. */
const REPLAY_COMMITS_MAX = 100;
/** Enough for a `commitInfo`; a longer one costs a second request. */
const FIRST_LINE_BYTES = 8192;

/**
 * The table at `asOf`, at its newest version without.
 *
 * @throws LakefoldError TABLE_NOT_FOUND, NO_SUCH_COMMIT, HISTORY_EXPIRED, LOG_GAP, LOG_CORRUPT, LOG_MISSING_PROTOCOL, LOG_MISSING_METADATA, CHECKPOINT_CORRUPT, UNSUPPORTED_TABLE_FEATURE
 */
export async function loadSnapshot(deps: SnapshotDeps, root: string, asOf: AsOf = {}): Promise<Snapshot> {
  if (asOf.instant !== undefined) {
    const listing = await listWhole(deps.store, root);
    const { version, committedAt } = resolveVersion(await commitTimes(deps, root, listing), asOf.instant);
    return { ...(await loadFrom(deps, root, { listing, target: version })), committedAt };
  }
  const hint = await readLastCheckpoint(deps.store, root);
  if (hint !== undefined && (asOf.version === undefined || hint.version <= asOf.version)) {
    const listing = await listLog(deps.store, root, { fromVersion: hint.version });
    const target = asOf.version ?? headOf(listing);
    if (target !== undefined && listing.checkpoints.some((checkpoint) => checkpoint.version <= target) && target <= (headOf(listing) ?? -1)) {
      try {
        return await loadFrom(deps, root, { listing, target, hint });
      } catch (error) {
        // The pointer is a hint; what is older than it may still do.
        if (!isLakefoldError(error, 'CHECKPOINT_CORRUPT')) throw error;
      }
    }
  }
  const listing = await listWhole(deps.store, root);
  return loadFrom(deps, root, { listing, target: asOf.version ?? headOf(listing) ?? 0, hint });
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
  return replay(snapshot, await readTail(deps.store, root, { listing, from, to: head }), fileTimes(listing, from));
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
  readonly hint?: LastCheckpoint | undefined;
}

async function loadFrom(deps: SnapshotDeps, root: string, { listing, target, hint }: LoadTarget): Promise<Snapshot> {
  checkTarget(listing, target);
  let corrupt: LakefoldError | undefined;
  for (const checkpoint of listing.checkpoints.filter((candidate) => candidate.version <= target)) {
    const { missing } = planTail(listing, checkpoint.version + 1, target);
    if (missing !== undefined) throw missingCommit(missing, target);
    try {
      return await loadOnCheckpoint(deps, root, { listing, target, checkpoint, hint });
    } catch (error) {
      if (!isLakefoldError(error, 'CHECKPOINT_CORRUPT')) throw error;
      corrupt ??= error;
    }
  }
  const { missing } = planTail(listing, 0, target);
  if (missing !== undefined) throw corrupt ?? missingCommit(missing, target);
  return replay(undefined, await readTail(deps.store, root, { listing, from: 0, to: target }), fileTimes(listing, 0));
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

/** Version 0 while its commit is there, else the oldest checkpoint. */
function oldestReadable(listing: LogListing): number {
  return listing.commits.has(0) ? 0 : (listing.checkpoints.at(-1)?.version ?? 0);
}

async function loadOnCheckpoint(
  deps: SnapshotDeps,
  root: string,
  { listing, target, checkpoint, hint }: LoadTarget & { readonly checkpoint: CheckpointFiles },
): Promise<Snapshot> {
  const { version } = checkpoint;
  const isPointedAt = hint?.version === version && checkpoint.files[0]?.path === checkpointPath(root, version);
  const [state, own, tail] = await Promise.all([
    readCheckpoint(deps, root, checkpoint, isPointedAt ? { crc32: hint.crc32 } : {}),
    checkpointTime(deps.store, { root, checkpoint }, listing.commits.get(version)),
    readTail(deps.store, root, { listing, from: version + 1, to: target }),
  ]);
  const base: PartialState = { ...state, version, committedAt: own, checkpointVersion: version };
  return replay(base, tail, fileTimes(listing, version + 1));
}

/** Commit time of the checkpoint's version; of a commit that was cleaned up only the checkpoint's own time is left. */
async function checkpointTime(
  store: ObjectStore,
  { root, checkpoint }: { readonly root: string; readonly checkpoint: CheckpointFiles },
  commit: ObjectInfo | undefined,
): Promise<number> {
  const fallback = checkpoint.files[0]?.modifiedAt;
  if (commit === undefined) return commitTime(undefined, fallback, undefined);
  return commitTime(await readCommitInfo(store, root, { version: checkpoint.version, info: commit }), commit.modifiedAt, undefined);
}

interface CommitFile {
  readonly version: number;
  readonly info: ObjectInfo;
}

function fileTimes(listing: LogListing, from: number): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  for (let version = from, info = listing.commits.get(from); info !== undefined; info = listing.commits.get(version)) {
    times.set(version, info.modifiedAt);
    version += 1;
  }
  return times;
}

/** Commit times of every version that can be read, oldest first. */
async function commitTimes(deps: SnapshotDeps, root: string, listing: LogListing): Promise<VersionTime[]> {
  const oldest = oldestReadable(listing);
  const files = [...listing.commits].filter(([version]) => version >= oldest).map(([version, info]): CommitFile => ({ version, info }));
  const infos = await mapConcurrent(files, { concurrencyMax: STORE_READ_CONCURRENCY }, (file) => readCommitInfo(deps.store, root, file));
  const times: VersionTime[] = [];
  if (files[0]?.version !== oldest) times.push({ version: oldest, committedAt: listing.checkpoints.at(-1)?.files[0]?.modifiedAt ?? 0 });
  for (const [i, { version, info }] of files.entries()) times.push({ version, committedAt: commitTime(infos[i], info.modifiedAt, times.at(-1)?.committedAt) });
  return times;
}

async function readCommitInfo(store: ObjectStore, root: string, { version, info }: CommitFile): Promise<CommitInfo | undefined> {
  const path = commitPath(root, version);
  const place = { path, version, tableLocation: tableLocationOf(store.location, root) };
  if (info.sizeBytes > FIRST_LINE_BYTES) {
    const head = await store.get(path, { range: { start: 0, end: FIRST_LINE_BYTES } });
    const end = head?.bytes.indexOf(0x0a) ?? -1;
    const first = head === undefined || end === -1 ? undefined : commitInfoOf(parseActions(head.bytes.subarray(0, end), place));
    if (first !== undefined) return first;
  }
  const object = await store.get(path);
  if (object === undefined) throw missingCommit(version, version);
  return commitInfoOf(parseLogEntry(object.bytes, place));
}
