/**
 * What the fold needs of a table: its commits as rows added and rows removed, and its rows at a version. The Delta layer
 * stands behind it; the fold itself knows neither files nor logs.
 */
import type { Batch } from '../core/batch.ts';
import type { EntityKey } from '../core/keys.ts';

interface CommitHead {
  readonly version: number;
  /** Commit time, epoch ms (semantics §0). */
  readonly committedAt: number;
}

/**
 * A commit by its effect on rows (U1): `merge` = every row it removes is replaced in it by a greater row of the same
 * (key, event time); `edit` = anything else that removes rows; `none` = no row changed (U8).
 *
 * Batches carry the key columns, the event time, the features and `_ingested_at`, by name; a column that a batch lacks
 * reads as null.
 */
export type FoldCommit =
  | (CommitHead & { readonly kind: 'none' })
  | (CommitHead & {
      readonly kind: 'merge';
      /** Rows added, without those that another row of the same commit replaces. */
      readonly rows: () => AsyncIterable<Batch>;
    })
  | (CommitHead & {
      readonly kind: 'edit';
      /** Rows added that the version before did not have. */
      readonly rows: () => AsyncIterable<Batch>;
      /** Rows removed; the key columns are enough. More than were removed does no harm. */
      readonly removed: () => AsyncIterable<Batch>;
    });

export interface FoldSource {
  /** `metaData.id`: another id is another table. */
  readonly tableId: string;
  head(): Promise<number>;
  /** Every commit of `(after, to]`, ascending, none left out. */
  commits(after: number, to: number): Promise<readonly FoldCommit[]>;
  /** Every live row of the table at `version`. */
  allRowsAt(version: number): AsyncIterable<Batch>;
  /** Live rows of the table at `version` that have one of `keys`; further rows are ignored. */
  rowsAt(version: number, keys: readonly EntityKey[]): AsyncIterable<Batch>;
}
