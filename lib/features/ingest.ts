/** Ingestion: validated rows become one commit and, where the group is online, its newest values. */
import type { Batch } from '../core/batch.ts';
import { type Fault, LakefoldError } from '../core/errors.ts';
import { appliedVersion } from '../delta/commit.ts';
import type { Idempotency, WriteOptions } from '../delta/write-outcome.ts';
import type { AddingOutcome } from '../delta/table.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { FeatureDeps } from './deps.ts';
import { knownMerge } from './fold-source.ts';
import { identityColumns, type OpenGroup } from './open-group.ts';
import { maintainIfDue, publishForReceipt } from './publish-group.ts';
import { type CommitFacts, commitReceipt, type Receipt, type ValidationReceipt, type Warning } from './receipt.ts';
import { newestOf, rememberReceipt, withReceipts } from './receipt-time.ts';
import { settle } from './settle.ts';

export type IngestOperation = 'upsert' | 'append' | 'overwrite';

export interface IngestRequest extends RequestOptions {
  readonly operation: IngestOperation;
  /** Rows that passed the row checks, in definition columns, in the order received. */
  readonly batch: Batch;
  /** Rows received, faulty ones included. */
  readonly received: number;
  readonly rejected: readonly Fault[];
  readonly idempotency?: Idempotency;
  /** `online` = the answer waits for the fold. */
  readonly wait: 'commit' | 'online';
  readonly allowEmpty?: boolean;
  readonly committedBy?: string;
  readonly warnings?: readonly Warning[];
  /** What the expectations said of the rows; null where there are none. */
  readonly validation?: ValidationReceipt | null;
}

/**
 * Commits the rows and, for `wait: 'online'`, publishes them.
 * @throws LakefoldError EMPTY_OVERWRITE, COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, IDEMPOTENCY_MISMATCH
 */
export async function ingest(deps: FeatureDeps, group: OpenGroup, request: IngestRequest): Promise<Receipt> {
  if (request.batch.rowCount === 0) {
    if (request.operation !== 'overwrite') {
      await refuseKnownKey(deps, group, request.idempotency);
      return receipt(group, request, { commit: null, online: null });
    }
    if (request.allowEmpty !== true) throw new LakefoldError('EMPTY_OVERWRITE', 'expected at least one row, found none; allowEmpty empties the group');
  }
  const before = group.table.snapshot;
  const { outcome, added } = await write(group, request);
  const facts = await settle(deps, group.table.root, { outcome, idempotency: request.idempotency, rejected: request.rejected.length });
  if (facts === undefined) return receipt(group, request, { commit: null, online: null });
  if (outcome.kind === 'committed') rememberReceipt(before, outcome.snapshot, newestOf(added));
  const isMerge = outcome.kind === 'committed' && (request.operation !== 'overwrite' || outcome.filesRemoved === 0);
  const known = isMerge ? knownMerge({ version: facts.version, committedAt: facts.committedAt, rows: added }) : undefined;
  const online = await publishIfWanted(deps, group, { facts, wait: request.wait, ...(known === undefined ? {} : { known }) });
  maintainIfDue(deps, group, facts.version);
  deps.log.info('ingest.committed', { table: group.table.root, version: facts.version, rows: request.batch.rowCount, alreadyApplied: facts.alreadyApplied });
  return receipt(group, request, { commit: commitReceipt(request.operation, facts), online });
}

// A request without rows commits nothing and is not remembered, but its key may be another request's (U9).
async function refuseKnownKey(deps: FeatureDeps, group: OpenGroup, idempotency: Idempotency | undefined): Promise<void> {
  if (idempotency?.kind !== 'request') return;
  const version = appliedVersion(await group.table.refresh(), idempotency, deps.clock.now());
  if (version !== undefined) await settle(deps, group.table.root, { outcome: { kind: 'alreadyApplied', version }, idempotency, rejected: 0 });
}

async function write(group: OpenGroup, request: IngestRequest): Promise<AddingOutcome> {
  const identity = identityColumns(group).map((column) => column.name);
  const first = group.receipts.issue(group.table.snapshot, request.batch.rowCount);
  const rows = withReceipts(request.batch, first, request.operation === 'upsert' ? undefined : identity);
  const options: WriteOptions = {
    received: request.received,
    rejected: request.rejected.length,
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
    rejected: request.rejected,
    warnings: request.warnings ?? [],
  };
}
