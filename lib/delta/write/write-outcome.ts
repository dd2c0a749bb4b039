/** What a write to a table answers, and what it may be told. */
import type { RequestOptions } from '../../ports/object-store.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

/** Row counts of one commit (semantics U2). */
export interface WriteCounts {
  readonly rowsInserted: number;
  readonly rowsUpdated: number;
  readonly rowsDeleted: number;
  readonly dedupedInBatch: number;
  readonly stale: number;
}

export const NO_ROWS: WriteCounts = { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 };

export type WriteOutcome =
  | {
      readonly kind: 'committed';
      readonly version: number;
      readonly committedAt: number;
      readonly counts: WriteCounts;
      readonly filesAdded: number;
      readonly filesRemoved: number;
      readonly snapshot: Snapshot;
      readonly attempts: number;
    }
  /** The idempotency key or stream sequence was committed before, at `version`. */
  | { readonly kind: 'alreadyApplied'; readonly version: number }
  /** Nothing to write, and no need to record it. */
  | { readonly kind: 'nothing'; readonly counts: WriteCounts }
  | { readonly kind: 'conflict'; readonly winner: number; readonly reason: string }
  | { readonly kind: 'unknown'; readonly version: number; readonly txnId: string };

/** Begins the `txn` appId of an idempotency key, which is remembered for a window; streams and other engines' have none. */
export const REQUEST_APP_ID = 'lakefold/r/';

/** Who asks, so that a repeat is recognised (semantics U9). */
export type Idempotency =
  | { readonly kind: 'request'; readonly key: string; readonly bodyHash: string; readonly windowMillis: number }
  | { readonly kind: 'stream'; readonly name: string; readonly sequence: number };

export interface WriteOptions extends RequestOptions {
  readonly idempotency?: Idempotency;
  /** Recorded with the commit: rows received and set aside before the table saw them. */
  readonly received?: number;
  readonly rejected?: number;
  readonly committedBy?: string;
  /** The write's own id, for what is stored beside the table of it; a random one unless given. */
  readonly txnId?: string;
  /** Further `commitInfo.tags`. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly attemptsMax?: number;
}
