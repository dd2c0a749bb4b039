/** From a table's write outcome to facts a receipt can state, or the error that says what became of the write. */
import { LakefoldError } from '../core/errors.ts';
import { isJsonObject, parseJson } from '../core/json.ts';
import { commitInfoOf, readEntry } from '../delta/changes.ts';
import { recordOf } from '../delta/history.ts';
import type { ReadDeps } from '../delta/read.ts';
import { type Idempotency, NO_ROWS, type WriteCounts, type WriteOutcome } from '../delta/write-outcome.ts';
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
    case 'committed': return { version: outcome.version, committedAt: outcome.committedAt, counts: outcome.counts, rejected, alreadyApplied: false };
    case 'nothing': return undefined;
    case 'alreadyApplied': return repeated(deps, root, { version: outcome.version, idempotency });
    case 'conflict': throw new LakefoldError('COMMIT_CONFLICT', `expected to commit, lost to version ${outcome.winner}: ${outcome.reason}; nothing was committed`, { context: { winner: outcome.winner, reason: outcome.reason } });
    case 'unknown': throw new LakefoldError('COMMIT_OUTCOME_UNKNOWN', `whether version ${outcome.version} was committed can't be told now; repeat with the same idempotency key`, { context: { version: outcome.version, txnId: outcome.txnId } });
  }
}

async function repeated(deps: Pick<ReadDeps, 'store'>, root: string, { version, idempotency }: { readonly version: number; readonly idempotency: Idempotency | undefined }): Promise<CommitFacts> {
  const entry = await readEntry(deps, root, version);
  if (entry === undefined) return { version, committedAt: 0, counts: NO_ROWS, rejected: 0, alreadyApplied: true };
  const record = recordOf(entry);
  const tag = commitInfoOf(entry.actions)?.tags?.['lakefold.requests'];
  const original = tag === undefined ? undefined : parseRequests(tag)[0];
  if (idempotency?.kind === 'request' && original !== undefined && original.body !== idempotency.bodyHash) {
    throw new LakefoldError('IDEMPOTENCY_MISMATCH', `expected the request that idempotency key ${JSON.stringify(idempotency.key)} was first used for, found another; version ${version} holds the first`, { context: { version } });
  }
  // Of a stream only the newest sequence is remembered, not which commit took which: nothing is claimed of another's rows.
  if (idempotency?.kind === 'stream') return { version, committedAt: record.committedAt, counts: NO_ROWS, rejected: 0, alreadyApplied: true };
  const { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale } = record;
  return { version, committedAt: record.committedAt, counts: { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale }, rejected: record.rejected, alreadyApplied: true };
}

interface OriginalRequest {
  readonly body: string;
  readonly received: number;
  readonly counts: WriteCounts;
}

function parseRequests(tag: string): readonly OriginalRequest[] {
  const parsed = parseJson(tag);
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((request) => {
    if (!isJsonObject(request) || !Array.isArray(request['counts']) || typeof request['body'] !== 'string') return [];
    const [received = 0, rowsInserted = 0, rowsUpdated = 0, rowsDeleted = 0, dedupedInBatch = 0, stale = 0] = request['counts'].map(Number);
    return [{ body: request['body'], received, counts: { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale } }];
  });
}
