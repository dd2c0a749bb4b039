/** Deletes, restores and maintenance of a group's rows, each followed by the fold where it changes any. */
import { duration } from '../../core/time.ts';
import type { CommitOperation } from '../../delta/snapshot/history.ts';
import type { DeleteWhat } from '../../delta/write/delete-rows.ts';
import type { AsOf } from '../../delta/snapshot/snapshot-state.ts';
import type { WriteOptions, WriteOutcome } from '../../delta/write/write-outcome.ts';
import { zeroCounts } from '../../online/fold-counts.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FeatureDeps } from '../deps.ts';
import { loadNewGeneration, refreshGroup, tendGenerations } from '../publish/generations.ts';
import { publishIfWanted } from '../ingest/ingest.ts';
import { type OptimizeReport, optimizeReport, plannedOptimize } from './optimize-report.ts';
import { identityColumns, type OpenGroup } from '../open-group.ts';
import { maintainIfDue, publishGroup } from '../publish/publish-group.ts';
import { commitReceipt, type CommitFacts, type CommitReceipt, type DeleteReceipt, type GroupRef, type Receipt } from '../ingest/receipt.ts';
import { writeUndrifted } from '../definitions/schema-drift.ts';
import { settle } from '../ingest/settle.ts';
import { repairGroup } from '../publish/verify-group.ts';

export interface EditOptions extends WriteOptions {
  readonly wait: 'commit' | 'online';
}

/** D1, D4: deletes by key, by (key, event time) or by filter; keys without rows are counted, not faults. */
export async function deleteRows(deps: FeatureDeps, group: OpenGroup, what: DeleteWhat, options: EditOptions): Promise<DeleteReceipt> {
  const { outcome, notFound } = await writeUndrifted(group, () => group.table.delete(what, { ...options, sortBy: identityOf(group) }));
  const { commit, online, facts } = await finish(deps, group, { outcome, operation: 'delete', options });
  return { featureGroup: refOf(group), commit, notFound: facts?.notFound ?? notFound, online };
}

/** A new commit with the rows of `to`. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED */
export async function restoreRows(
  deps: FeatureDeps,
  group: OpenGroup,
  to: AsOf,
  options: EditOptions,
): Promise<{ readonly featureGroup: GroupRef; readonly commit: CommitReceipt | null; readonly online: Receipt['online'] }> {
  await group.table.refresh();
  const outcome = await writeUndrifted(group, () => group.table.restore(to, options));
  const { commit, online } = await finish(deps, group, { outcome, operation: 'restore', options });
  return { featureGroup: refOf(group), commit, online };
}

export interface OptimizeRowsOptions {
  /** Rows of all files sort by these columns. */
  readonly clusterBy?: readonly string[];
  /** Tells which files would become how many; writes nothing. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** Packs the group's small files; changes no row and publishes nothing (U8). @throws LakefoldError UNKNOWN_FEATURE, INVALID_ARGUMENT for `clusterBy` */
export async function optimizeRows(deps: FeatureDeps, group: OpenGroup, { clusterBy, dryRun, signal }: OptimizeRowsOptions = {}): Promise<OptimizeReport> {
  const options = { sortBy: identityOf(group), ...(clusterBy === undefined ? {} : { clusterBy }), ...(signal === undefined ? {} : { signal }) };
  if (dryRun === true) return plannedOptimize(await group.table.planOptimize(options));
  const outcome = await writeUndrifted(group, () => group.table.optimize(options));
  const facts = await settle(deps, group.table.root, { outcome, rejected: 0 });
  if (facts !== undefined && outcome.kind === 'committed') {
    if (group.definition.onlineEnabled) await publishGroup(deps, group);
    maintainIfDue(deps, group, facts.version);
  }
  return optimizeReport(outcome, facts);
}

export interface VacuumReport {
  readonly dryRun: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly oldestReadable: number;
  readonly paths: readonly string[];
  /** False where files were left for another call. */
  readonly complete: boolean;
}

const VACUUM_PATHS_LISTED_MAX = 1000;

/** @throws LakefoldError RETENTION_TOO_SHORT */
export async function vacuumRows(
  group: OpenGroup,
  options: { readonly retention?: string; readonly dryRun: boolean; readonly force: boolean },
): Promise<VacuumReport> {
  const retentionMillis = Number(duration(options.retention ?? group.definition.retention) / 1000n);
  // A group has no other vacuum: it finds what crashes left, too.
  const plan = await group.table.vacuum({ retentionMillis, dryRun: options.dryRun, force: options.force, scope: 'full' });
  const paths = plan.files.slice(0, VACUUM_PATHS_LISTED_MAX).map((file) => file.path);
  return { dryRun: options.dryRun, files: plan.files.length, bytes: plan.bytes, oldestReadable: plan.oldestReadable, paths, complete: plan.complete };
}

export interface PublishReport {
  readonly from: number;
  readonly to: number;
  readonly superseded: number;
  readonly applied: number;
  readonly stale: number;
  readonly duplicate: number;
  readonly expired: number;
  readonly deleted: number;
  readonly invalid: number;
  readonly failed: number;
}

export interface PublishOptions extends RequestOptions {
  /** Loads all online values anew, beside those that are served, and switches over. */
  readonly rebuild?: boolean;
  /** Writes over every online item that differs from the table. */
  readonly repair?: boolean;
  /** What earlier loads left undone, and loads that definitions ask for, are left to others. */
  readonly tending?: 'left';
}

/**
 * Folds everything up to the head. Of a rebuild `applied` counts the values loaded; of a repair, `applied` and `deleted` the items that
 * were wrong. After a rebuild there is nothing to repair.
 * @throws LakefoldError UNSUPPORTED_OPERATION; COMMIT_CONFLICT when another load came between
 */
export async function publishRows(deps: FeatureDeps, group: OpenGroup, options: PublishOptions = {}): Promise<PublishReport> {
  const { rebuild = false, repair = false, tending, ...request } = options;
  if (repair && !rebuild) return { ...zeroCounts(), ...(await repairGroup(deps, group, request)) };
  if (!rebuild || !group.definition.onlineEnabled) {
    const { from, to, counts } = await publishGroup(deps, group);
    if (tending !== 'left') await tendGenerations(deps, await refreshGroup(deps, group), request);
    return { from, to, ...zeroCounts(), ...counts };
  }
  const watermark = await deps.online.watermark(group.onlineTable, { consistent: true });
  const loaded = await loadNewGeneration(deps, group, request);
  const { to } = await publishGroup(deps, group);
  const { keys = 0, expired = 0, invalid = 0 } = loaded ?? {};
  return { from: watermark?.version ?? -1, to, ...zeroCounts(), applied: keys, expired, invalid };
}

export interface OnlineState {
  readonly state: 'current' | 'behind' | 'loading' | 'rebuilding' | 'disabled';
  readonly watermark: number | null;
  readonly head: number;
  readonly lagSeconds: number;
  readonly generation: number;
  readonly keys: number | null;
}

/** How far the online store is. `lagSeconds`: age of the oldest commit not yet applied. */
export async function onlineState(deps: FeatureDeps, opened: OpenGroup): Promise<OnlineState> {
  // A load moves on within seconds, definitions may be ten old.
  const group = await refreshGroup(deps, opened);
  const snapshot = await group.table.refresh();
  const head = snapshot.version;
  const { generation } = group.state;
  if (!group.definition.onlineEnabled) return { state: 'disabled', watermark: null, head, lagSeconds: 0, generation, keys: null };
  const watermark = await deps.online.watermark(group.onlineTable, { consistent: true });
  const version = watermark?.version ?? -1;
  const behind = version < head;
  const lagMillis = behind ? Math.max(0, deps.clock.now() - (version < 0 ? snapshot.committedAt : (watermark?.committedAt ?? 0))) : 0;
  const state = group.state.loadWantedSince === undefined ? (behind ? 'behind' : 'current') : version < 0 ? 'loading' : 'rebuilding';
  return { state, watermark: version, head, lagSeconds: lagMillis / 1000, generation, keys: null };
}

async function finish(
  deps: FeatureDeps,
  group: OpenGroup,
  write: { readonly outcome: WriteOutcome; readonly operation: CommitOperation; readonly options: EditOptions },
): Promise<{ readonly commit: CommitReceipt | null; readonly online: Receipt['online']; readonly facts: CommitFacts | undefined }> {
  const facts = await settle(deps, group.table.root, { outcome: write.outcome, idempotency: write.options.idempotency, rejected: 0 });
  if (facts === undefined) return { commit: null, online: null, facts };
  const online = await publishIfWanted(deps, group, { facts, wait: write.options.wait });
  maintainIfDue(deps, group, facts.version);
  return { commit: commitReceipt(write.operation, facts), online, facts };
}

function identityOf(group: OpenGroup): readonly string[] {
  return identityColumns(group).map((column) => column.name);
}

function refOf(group: OpenGroup): GroupRef {
  return { name: group.definition.name, version: group.definition.version };
}
