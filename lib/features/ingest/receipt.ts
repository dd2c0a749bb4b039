/** Bodies of write answers (shapes.md, "Bodies"). */
import type { Fault } from '../../core/errors.ts';
import { formatMillis } from '../../core/time.ts';
import type { CommitOperation } from '../../delta/snapshot/history.ts';
import type { WriteCounts } from '../../delta/write/write-outcome.ts';
import type { OnlineReceipt } from '../../online/fold-counts.ts';

export interface GroupRef {
  readonly name: string;
  readonly version: number;
}

export interface CommitReceipt {
  readonly version: number;
  readonly committedAt: string;
  readonly operation: CommitOperation;
  readonly rowsInserted: number;
  readonly rowsUpdated: number;
  readonly rowsDeleted: number;
  readonly dedupedInBatch: number;
  readonly stale: number;
  readonly rejected: number;
  readonly alreadyApplied: boolean;
}

export interface Warning {
  readonly code: string;
  readonly message: string;
}

export interface ValidationReceipt {
  readonly policy: string;
  readonly success: boolean;
  readonly reportId: string | null;
  readonly ingestionResult: 'INGESTED' | 'QUARANTINED' | 'REJECTED' | 'EXPERIMENT';
}

/** What `POST …/rows` answers. */
export interface Receipt {
  readonly featureGroup: GroupRef;
  readonly received: number;
  readonly commit: CommitReceipt | null;
  readonly online: OnlineReceipt | null;
  readonly validation: ValidationReceipt | null;
  readonly rejected: readonly Fault[];
  readonly warnings: readonly Warning[];
}

/** What `POST …/rows:delete` answers. */
export interface DeleteReceipt {
  readonly featureGroup: GroupRef;
  readonly commit: CommitReceipt | null;
  readonly notFound: number;
  readonly online: OnlineReceipt | null;
}

export interface CommitFacts {
  readonly version: number;
  readonly committedAt: number;
  readonly counts: WriteCounts;
  readonly rejected: number;
  readonly alreadyApplied: boolean;
  /** Of a repeated delete: keys the first one found no row of. */
  readonly notFound?: number;
  /** Of a repeat: the report that the first request's commit names. */
  readonly reportId?: string;
}

export function commitReceipt(operation: CommitOperation, facts: CommitFacts): CommitReceipt {
  const { version, committedAt, counts, rejected, alreadyApplied } = facts;
  const { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale } = counts;
  return {
    version,
    committedAt: formatMillis(committedAt),
    operation,
    rowsInserted,
    rowsUpdated,
    rowsDeleted,
    dedupedInBatch,
    stale,
    rejected,
    alreadyApplied,
  };
}
