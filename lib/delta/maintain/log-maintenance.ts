/**
 * What every commit needs and no answer waits for: the version's checksum, log compactions, a checkpoint every tenth
 * commit, and clean-up behind it. Planned purely; each step may be repeated, and whatever is left undone a later commit does.
 */
import { CHECKPOINT_INTERVAL, LOG_COMPACTION_INTERVAL } from '../../core/limits.ts';
import type { LogEntry } from '../actions/actions.ts';
import { readEntry } from '../changes/changes.ts';
import { writeCheckpoint, type WrittenCheckpoint } from '../checkpoint/checkpoint.ts';
import { commitInfoOf } from '../actions/commit-info.ts';
import { planCompactions, writeCompactions, type CompactionRange } from './compaction.ts';
import type { DeltaDeps } from '../deps.ts';
import { readLastCheckpoint } from '../checkpoint/last-checkpoint.ts';
import { executeLogCleanup, planLogCleanup, type LogCleanupPlan } from './log-cleanup.ts';
import { listLog, type LogListing } from '../snapshot/log-segment.ts';
import { checkWritable } from '../actions/protocol.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { advanceTotals, checksumOf, fileTotals, writeChecksum, type FileTotals } from '../checkpoint/version-checksum.ts';

export interface LogMaintenancePlan {
  /** The version to write a checksum of. */
  readonly checksum: number;
  /** The version to write a checkpoint of, if one is due. */
  readonly checkpoint: number | undefined;
  readonly compactions: readonly CompactionRange[];
}

/** What is known of the log beside the snapshot. */
export interface KnownLog {
  /** Of the newest checkpoint, -1 where there is none. */
  readonly checkpointVersion: number;
  /** From that checkpoint on; left out where fewer commits follow than are compacted. */
  readonly listing?: LogListing;
}

/** What was known of the files at an earlier version: spares counting them again. */
export interface KnownTotals {
  readonly version: number;
  readonly totals: FileTotals;
}

export interface LogMaintenanceReport {
  readonly plan: LogMaintenancePlan;
  readonly cleanup: LogCleanupPlan;
  readonly checkpoint: WrittenCheckpoint | undefined;
  readonly known: KnownTotals;
}

/** Entries read at most to bring totals up to date; above that counting is cheaper. */
const ENTRIES_MAX = 16;
const NO_CLEANUP: LogCleanupPlan = { keepFrom: undefined, files: [] };

/** Commits between checkpoints of the table. */
export function checkpointInterval(snapshot: Pick<Snapshot, 'metadata'>): number {
  const interval = Number(snapshot.metadata.configuration['delta.checkpointInterval'] ?? CHECKPOINT_INTERVAL);
  return Number.isSafeInteger(interval) && interval > 0 ? interval : CHECKPOINT_INTERVAL;
}

/** A checkpoint makes the compactions in front of it superfluous. */
export function planLogMaintenance(
  snapshot: Pick<Snapshot, 'version' | 'metadata'>,
  known: KnownLog,
  options: { readonly rest?: 'compact' } = {},
): LogMaintenancePlan {
  const { version } = snapshot;
  const isDue = version > 0 && version - Math.max(0, known.checkpointVersion) >= checkpointInterval(snapshot);
  return {
    checksum: version,
    checkpoint: isDue ? version : undefined,
    compactions: isDue || known.listing === undefined ? [] : planCompactions(known.listing, version, options),
  };
}

/**
 * Plans and does what is due at the snapshot's version. `rest`: compact the commits behind the last compaction too.
 * @throws LakefoldError UNSUPPORTED_TABLE_FEATURE where writers must know a feature we don't, STORE_UNAVAILABLE; what was done before stays done
 */
export async function maintainLog(
  deps: DeltaDeps,
  table: { readonly root: string; readonly snapshot: Snapshot; readonly known?: KnownTotals | undefined },
  options: { readonly rest?: 'compact' } = {},
): Promise<LogMaintenanceReport> {
  const { root, snapshot } = table;
  checkWritable(snapshot.protocol, snapshot.metadata);
  const log = await readKnownLog(deps, table, options);
  const plan = planLogMaintenance(snapshot, log, options);
  const { known, entry } = await totalsAt(deps, table);
  await writeChecksum(deps.store, root, snapshot.version, checksumOf(snapshot, known.totals, commitInfoOf(entry?.actions ?? [])));
  await writeCompactions(deps, root, { ranges: plan.compactions, behind: log.checkpointVersion });
  if (plan.checkpoint === undefined) return { plan, cleanup: NO_CLEANUP, checkpoint: undefined, known };
  const checkpoint = await writeCheckpoint(deps, root, snapshot);
  const cleanup = await planLogCleanup(deps, table, { now: deps.clock.now() });
  const { deleted } = await executeLogCleanup(deps, root, cleanup);
  if (deleted > 0) deps.log.info('log.cleaned', { table: root, keepFrom: cleanup.keepFrom, deleted });
  return { plan, cleanup, checkpoint, known };
}

async function readKnownLog(
  deps: DeltaDeps,
  { root, snapshot }: { readonly root: string; readonly snapshot: Snapshot },
  options: { readonly rest?: 'compact' },
): Promise<KnownLog> {
  const own = snapshot.checkpointVersion ?? -1;
  const behind = snapshot.version - Math.max(0, own);
  if (behind < Math.min(LOG_COMPACTION_INTERVAL, checkpointInterval(snapshot)) && options.rest === undefined) return { checkpointVersion: own };
  // Another process may have written one meanwhile.
  const pointed = (await readLastCheckpoint(deps.store, root))?.version ?? -1;
  const listing = await listLog(deps.store, root, { fromVersion: Math.max(0, own, pointed <= snapshot.version ? pointed : 0) });
  return { checkpointVersion: listing.checkpoints.find(({ version }) => version <= snapshot.version)?.version ?? own, listing };
}

async function totalsAt(
  deps: DeltaDeps,
  { root, snapshot, known }: { readonly root: string; readonly snapshot: Snapshot; readonly known?: KnownTotals | undefined },
): Promise<{ readonly known: KnownTotals; readonly entry: LogEntry | undefined }> {
  const { version } = snapshot;
  const isNear = known !== undefined && known.version < version && version - known.version <= ENTRIES_MAX;
  let totals = isNear ? known.totals : undefined;
  let entry: LogEntry | undefined;
  for (let at = isNear ? known.version + 1 : version; at <= version; at += 1) {
    entry = await readEntry(deps, root, at);
    totals = entry === undefined || totals === undefined ? undefined : advanceTotals(totals, entry.actions);
  }
  return { known: { version, totals: totals ?? fileTotals(snapshot) }, entry };
}
