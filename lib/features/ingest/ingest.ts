/** Ingestion: validated rows become one commit and, where the group is online, its newest values. */
import type { Batch } from '../../core/batch.ts';
import { type Fault, LakefoldError } from '../../core/errors.ts';
import { FAULTS_LISTED_MAX } from '../../core/limits.ts';
import { appliedVersion } from '../../delta/write/commit.ts';
import { REPORT_TAG } from '../../delta/snapshot/history.ts';
import type { Idempotency, WriteOptions } from '../../delta/write/write-outcome.ts';
import type { AddingOutcome } from '../../delta/table.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FeatureDeps } from '../deps.ts';
import { knownMerge } from '../publish/fold-source.ts';
import { identityColumns, type OpenGroup } from '../open-group.ts';
import { maintainIfDue, publishForReceipt } from '../publish/publish-group.ts';
import { type CommitFacts, commitReceipt, type Receipt, type ValidationReceipt, type Warning } from './receipt.ts';
import { newestOf, rememberReceipt, withReceipts } from './receipt-time.ts';
import { writeUndrifted } from '../definitions/schema-drift.ts';
import { settle } from './settle.ts';
import { keepCommitStatistics } from '../statistics/commit-statistics.ts';

export type IngestOperation = 'upsert' | 'append' | 'overwrite';

export interface IngestRequest extends RequestOptions {
  readonly operation: IngestOperation;
  /** Rows that passed the row checks, in definition columns, in the order received. */
  readonly batch: Batch;
  /** Rows received, faulty ones included. */
  readonly received: number;
  /** Faults of rows set aside; at most `FAULTS_LISTED_MAX` of them are answered. */
  readonly rejected: readonly Fault[];
  /** Rows set aside; one a fault unless given. */
  readonly rejectedRows?: number;
  /** Rows that lost to others of the request and are not in `batch`. */
  readonly dedupedBefore?: number;
  readonly idempotency?: Idempotency;
  /** `online` = the answer waits for the fold. */
  readonly wait: 'commit' | 'online';
  readonly allowEmpty?: boolean;
  readonly committedBy?: string;
  readonly warnings?: readonly Warning[];
  /** What the checks said of the rows; null where nothing was expected and nothing at fault. */
  readonly validation?: ValidationReceipt | null;
  /** The write's own id, as its validation report names it. */
  readonly txnId?: string;
}

/**
 * Commits the rows and, for `wait: 'online'`, publishes them.
 * @throws LakefoldError EMPTY_OVERWRITE, COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, IDEMPOTENCY_MISMATCH
 */
export async function ingest(deps: FeatureDeps, group: OpenGroup, request: IngestRequest): Promise<Receipt> {
  if (request.batch.rowCount === 0) {
    // Rows that were all set aside never empty a group.
    if (request.operation !== 'overwrite' || rejectedRowsOf(request) > 0) {
      await refuseKnownKey(deps, group, request.idempotency);
      return receipt(group, request, { commit: null, online: null });
    }
    if (request.allowEmpty !== true) throw new LakefoldError('EMPTY_OVERWRITE', 'expected at least one row, found none; allowEmpty empties the group');
  }
  const before = group.table.snapshot;
  const txnId = request.txnId ?? deps.random.uuid();
  const { outcome, added } = await writeUndrifted(group, () => write(group, { ...request, txnId }));
  const facts = await settle(deps, group.table.root, { outcome, idempotency: request.idempotency, rejected: rejectedRowsOf(request) });
  if (facts === undefined) return receipt(group, request, { commit: null, online: null });
  if (outcome.kind === 'committed') {
    rememberReceipt(before, outcome.snapshot, newestOf(added));
    keepStatistics(deps, group, { rows: added, txnId });
  }
  const isMerge = outcome.kind === 'committed' && (request.operation !== 'overwrite' || outcome.filesRemoved === 0);
  const known = isMerge ? knownMerge({ version: facts.version, committedAt: facts.committedAt, rows: added }) : undefined;
  const online = await publishIfWanted(deps, group, { facts, wait: request.wait, ...(known === undefined ? {} : { known }) });
  maintainIfDue(deps, group, facts.version);
  deps.log.info('ingest.committed', { table: group.table.root, version: facts.version, rows: request.batch.rowCount, alreadyApplied: facts.alreadyApplied });
  return receipt(group, { ...request, validation: validationOf(request, facts) }, { commit: commitReceipt(request.operation, facts), online });
}

function rejectedRowsOf({ rejected, rejectedRows = rejected.length }: IngestRequest): number {
  return rejectedRows;
}

// A repeat is told of the report that its commit names.
function validationOf({ validation = null }: IngestRequest, facts: CommitFacts): ValidationReceipt | null {
  return validation === null || facts.reportId === undefined ? validation : { ...validation, reportId: facts.reportId };
}

// A request without rows commits nothing and is not remembered, but its key may be another request's (U9).
async function refuseKnownKey(deps: FeatureDeps, group: OpenGroup, idempotency: Idempotency | undefined): Promise<void> {
  if (idempotency?.kind !== 'request') return;
  const version = appliedVersion(await group.table.refresh(), idempotency, deps.clock.now());
  if (version !== undefined) await settle(deps, group.table.root, { outcome: { kind: 'alreadyApplied', version }, idempotency, rejected: 0 });
}

// Nobody waits for them: without them the rows are read again when they are asked for.
function keepStatistics(deps: FeatureDeps, group: OpenGroup, commit: { readonly rows: Batch; readonly txnId: string }): void {
  const keeping = keepCommitStatistics(deps, group, commit).catch((error: unknown) => {
    deps.log.warn('statistics.not_kept', { table: group.table.root, cause: String(error) });
  });
  deps.background.run('keepStatistics', () => keeping);
}

async function write(group: OpenGroup, request: IngestRequest): Promise<AddingOutcome> {
  const identity = identityColumns(group).map((column) => column.name);
  const first = group.receipts.issue(group.table.snapshot, request.batch.rowCount);
  const rows = withReceipts(request.batch, first, request.operation === 'upsert' ? undefined : identity);
  const reportId = request.validation?.reportId ?? null;
  const options: WriteOptions = {
    received: request.received,
    rejected: rejectedRowsOf(request),
    ...(request.txnId === undefined ? {} : { txnId: request.txnId }),
    ...(reportId === null ? {} : { tags: { [REPORT_TAG]: reportId } }),
    ...(request.idempotency === undefined ? {} : { idempotency: request.idempotency }),
    ...(request.committedBy === undefined ? {} : { committedBy: request.committedBy }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
  switch (request.operation) {
    case 'append':
      return group.table.append(rows, { ...options, sortBy: identity });
    case 'overwrite':
      return group.table.overwrite(rows, { ...options, sortBy: identity });
    case 'upsert':
      return group.table.upsert(rows, {
        ...options,
        keys: group.keyColumns.map((column) => column.name),
        dedupedBefore: request.dedupedBefore ?? 0,
        ...(group.eventTime === undefined ? {} : { eventTime: group.eventTime.name }),
      });
  }
}

/** The `online` part of a receipt; null where the group is not online. */
export async function publishIfWanted(
  deps: FeatureDeps,
  group: OpenGroup,
  commit: { readonly facts: CommitFacts; readonly wait: 'commit' | 'online'; readonly known?: ReturnType<typeof knownMerge> },
): Promise<Receipt['online']> {
  if (!group.definition.onlineEnabled) return null;
  if (commit.wait === 'online') {
    const { facts, known } = commit;
    const published = await publishForReceipt(deps, group, {
      version: facts.version,
      rows: facts.counts.rowsInserted + facts.counts.rowsUpdated,
      ...(known === undefined ? {} : { known }),
    });
    const hasRows = !facts.alreadyApplied || facts.counts.rowsInserted + facts.counts.rowsUpdated > 0;
    return hasRows ? published : { ...published, superseded: 0, applied: 0, stale: 0, expired: 0 };
  }
  const watermark = await deps.online.watermark(group.onlineTable);
  return {
    state: (watermark?.version ?? -1) >= commit.facts.version ? 'applied' : 'pending',
    watermark: watermark?.version ?? -1,
    superseded: 0,
    applied: 0,
    stale: 0,
    expired: 0,
    failed: 0,
  };
}

function receipt(group: OpenGroup, request: IngestRequest, parts: Pick<Receipt, 'commit' | 'online'>): Receipt {
  return {
    featureGroup: { name: group.definition.name, version: group.definition.version },
    received: request.received,
    ...parts,
    validation: request.validation ?? null,
    rejected: request.rejected.slice(0, FAULTS_LISTED_MAX),
    warnings: request.warnings ?? [],
  };
}
