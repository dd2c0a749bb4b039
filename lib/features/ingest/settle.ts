/** From a table's write outcome to facts a receipt can state, or the error that says what became of the write. */
import { LakefoldError } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { readEntry, type RecordedEntry } from '../../delta/changes/changes.ts';
import { streamAppId } from '../../delta/write/commit.ts';
import { recordOf } from '../../delta/snapshot/history.ts';
import type { ReadDeps } from '../../delta/rows/read.ts';
import { rememberedRequest } from '../../delta/actions/request-tags.ts';
import { type Idempotency, NO_ROWS, type WriteOutcome } from '../../delta/write/write-outcome.ts';
import type { CommitFacts } from './receipt.ts';

/**
 * Undefined when there was nothing to commit.
 * @throws LakefoldError COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, IDEMPOTENCY_MISMATCH when the key was used for another request
 */
export async function settle(
  deps: Pick<ReadDeps, 'store'>,
  root: string,
  { outcome, idempotency, rejected }: { readonly outcome: WriteOutcome; readonly idempotency?: Idempotency | undefined; readonly rejected: number },
): Promise<CommitFacts | undefined> {
  switch (outcome.kind) {
    case 'committed':
      return { version: outcome.version, committedAt: outcome.committedAt, counts: outcome.counts, rejected, alreadyApplied: false };
    case 'nothing':
      return undefined;
    case 'alreadyApplied':
      return repeated(deps, root, { version: outcome.version, idempotency });
    case 'conflict':
      throw new LakefoldError('COMMIT_CONFLICT', `expected to commit, lost to version ${outcome.winner}: ${outcome.reason}; nothing was committed`, {
        context: { winner: outcome.winner, reason: outcome.reason },
      });
    case 'unknown':
      throw new LakefoldError(
        'COMMIT_OUTCOME_UNKNOWN',
        `whether version ${outcome.version} was committed can't be told now; repeat with the same idempotency key`,
        { context: { version: outcome.version, txnId: outcome.txnId } },
      );
  }
}

async function repeated(
  deps: Pick<ReadDeps, 'store'>,
  root: string,
  { version: appliedBy, idempotency }: { readonly version: number; readonly idempotency: Idempotency | undefined },
): Promise<CommitFacts> {
  const sequence = idempotency?.kind === 'stream' ? await findSequence(deps, root, { stream: idempotency, newest: appliedBy }) : undefined;
  const entry = sequence ?? (await readEntry(deps, root, appliedBy));
  if (entry === undefined) return { version: appliedBy, committedAt: 0, counts: NO_ROWS, rejected: 0, alreadyApplied: true };
  const { version } = entry;
  const record = recordOf(entry);
  const original = idempotency?.kind === 'request' ? rememberedRequest(entry.actions, idempotency.key) : undefined;
  if (idempotency?.kind === 'request' && original !== undefined && original.bodyHash !== idempotency.bodyHash) {
    throw new LakefoldError(
      'IDEMPOTENCY_MISMATCH',
      `expected the request that idempotency key ${JSON.stringify(idempotency.key)} was first used for, found another; version ${version} holds the first`,
      { context: { version } },
    );
  }
  // The commit of an old sequence is not looked for without end; nothing is claimed of another's rows.
  if (idempotency?.kind === 'stream' && sequence === undefined)
    return { version, committedAt: record.committedAt, counts: NO_ROWS, rejected: 0, alreadyApplied: true };
  // An entry may answer many requests: each is told its own counts.
  const { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale } = original?.counts ?? record;
  return {
    version,
    committedAt: record.committedAt,
    counts: { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale },
    rejected: original?.rejected ?? record.rejected,
    alreadyApplied: true,
    ...(original === undefined ? {} : { notFound: original.notFound }),
    ...(record.validationReportId === null ? {} : { reportId: record.validationReportId }),
  };
}

/** Entries looked back for the commit of a stream's sequence: repeats follow closely. */
const STREAM_ENTRIES_MAX = 256;

// A stream's `txn` holds its newest sequence, not the version that brought it.
async function findSequence(
  deps: Pick<ReadDeps, 'store'>,
  root: string,
  { stream, newest }: { readonly stream: Idempotency & { kind: 'stream' }; readonly newest: number },
): Promise<RecordedEntry | undefined> {
  const appId = streamAppId(stream.name);
  const oldest = Math.max(0, newest - STREAM_ENTRIES_MAX + 1);
  for (let to = newest; to >= oldest; to -= STORE_READ_CONCURRENCY) {
    const versions = Array.from({ length: Math.min(STORE_READ_CONCURRENCY, to - oldest + 1) }, (_, i) => to - i);
    const entries = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readEntry(deps, root, version));
    for (const entry of entries) {
      if (entry === undefined) return undefined;
      const txn = entry.actions.find((action) => action.kind === 'txn' && action.appId === appId);
      if (txn?.kind === 'txn' && txn.version <= stream.sequence) return txn.version === stream.sequence ? entry : undefined;
    }
  }
  return undefined;
}
