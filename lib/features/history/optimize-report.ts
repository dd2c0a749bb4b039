/** What an optimisation did, or would do. */
import type { OptimizeOutcome } from '../../delta/maintain/optimize-run.ts';
import type { OptimizePlan } from '../../delta/maintain/optimize-plan.ts';
import { commitReceipt, type CommitReceipt } from '../ingest/receipt.ts';
import type { settle } from '../ingest/settle.ts';

export interface OptimizeReport {
  readonly commit: CommitReceipt | null;
  readonly filesRemoved: number;
  readonly filesAdded: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export function optimizeReport(outcome: OptimizeOutcome, facts: Awaited<ReturnType<typeof settle>>): OptimizeReport {
  const isCommitted = facts !== undefined && outcome.kind === 'committed';
  return {
    commit: isCommitted ? commitReceipt('optimize', facts) : null,
    filesRemoved: isCommitted ? outcome.filesRemoved : 0,
    filesAdded: isCommitted ? outcome.filesAdded : 0,
    bytesRead: isCommitted ? outcome.bytesRead : 0,
    bytesWritten: isCommitted ? outcome.bytesWritten : 0,
  };
}

/** Of a dry run: files that would go, the fewest that would come, bytes that would be read; none is written. */
export function plannedOptimize({ bins, files, bytes }: OptimizePlan): OptimizeReport {
  return { commit: null, filesRemoved: files, filesAdded: bins.length, bytesRead: bytes, bytesWritten: 0 };
}
