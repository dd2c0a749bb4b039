/** What became of a commit's rows online (U2). */

/** Over the commit's rows: `rowsInserted + rowsUpdated = superseded + applied + duplicate + stale + expired + failed + invalid`. */
export interface FoldCounts {
  /** Older rows of a key in the same commit. */
  readonly superseded: number;
  /** The stored record is now this commit's row. */
  readonly applied: number;
  /** A newer record, or a later edit, keeps the row out. */
  readonly stale: number;
  /** The stored record was this commit's row already. */
  readonly duplicate: number;
  /** Past its time to live on arrival (T5). */
  readonly expired: number;
  /** Keys that an edit left without a record; not a count of rows. */
  readonly deleted: number;
  /** No key, no event time: no read can see them (U13). */
  readonly invalid: number;
  /** Not written; the watermark stays below and the next publish writes them. */
  readonly failed: number;
}

export type MutableCounts = { -readonly [Name in keyof FoldCounts]: number };

export function zeroCounts(): MutableCounts {
  return { superseded: 0, applied: 0, stale: 0, duplicate: 0, expired: 0, deleted: 0, invalid: 0, failed: 0 };
}

export function sumCounts(all: Iterable<FoldCounts>): FoldCounts {
  const total = zeroCounts();
  for (const counts of all) {
    total.superseded += counts.superseded;
    total.applied += counts.applied;
    total.stale += counts.stale;
    total.duplicate += counts.duplicate;
    total.expired += counts.expired;
    total.deleted += counts.deleted;
    total.invalid += counts.invalid;
    total.failed += counts.failed;
  }
  return total;
}

/** The `online` member of a receipt (shapes.md). */
export interface OnlineReceipt {
  readonly state: 'applied' | 'pending';
  /** -1 while nothing has been published. */
  readonly watermark: number;
  readonly superseded: number;
  readonly applied: number;
  readonly stale: number;
  readonly expired: number;
  readonly failed: number;
}

/** `applied` counts the row whoever wrote it. Pending = the watermark has not reached the commit. */
export function onlineReceipt(counts: FoldCounts, commit: { readonly version: number; readonly watermark: number }): OnlineReceipt {
  const { superseded, stale, expired, failed } = counts;
  return {
    state: commit.watermark >= commit.version ? 'applied' : 'pending',
    watermark: commit.watermark,
    superseded,
    applied: counts.applied + counts.duplicate,
    stale,
    expired,
    failed,
  };
}
