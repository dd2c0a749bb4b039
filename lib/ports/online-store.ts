/**
 * The newest value of every entity, by conditional writes that commute (semantics §2, U1–U7; layout: storage.md §4).
 *
 * An `OnlineTable` is one load generation of one feature group. Items are addressed by encoded key.
 */
import type { EntityKey } from '../core/keys.ts';
import type { EpochMillis, EpochSeconds } from '../core/time.ts';
import type { RequestOptions } from './object-store.ts';

export interface OnlineTable {
  readonly project: string;
  readonly featureGroup: string;
  readonly version: number;
  readonly generation: number;
  /** A power of two ≤ 256, fixed per generation. */
  readonly shards: number;
}

export interface OnlineItem {
  /** 24 order bytes; absent on a deleted item. */
  readonly order?: Uint8Array;
  /** Version of the commit that wrote it. */
  readonly commit: number;
  /** Version of the last edit that touched the key. */
  readonly fence?: number;
  readonly deleted: boolean;
  readonly payload?: Uint8Array;
  /** Garbage collection only; reads filter by event time. */
  readonly expiresAt?: EpochSeconds;
}

export type OnlineRead =
  | { readonly kind: 'item'; readonly item: OnlineItem }
  | { readonly kind: 'absent' }
  /** Not read before the deadline: throttled or unprocessed. Never to be taken for absent. */
  | { readonly kind: 'failed'; readonly cause: unknown };

/** A row a merge commit adds or supersedes. */
export interface OnlineRow {
  readonly key: EntityKey;
  readonly order: Uint8Array;
  readonly commit: number;
  readonly payload: Uint8Array;
  readonly expiresAt?: EpochSeconds;
}

/** What an edit at `version` leaves of a key: its newest remaining row, or nothing. */
export interface OnlineEdit {
  readonly key: EntityKey;
  readonly version: number;
  readonly row?: Omit<OnlineRow, 'key' | 'commit'>;
}

/** An edit of an item that is wrong: it is written only over the item that was found wrong. */
export interface OnlineHeal extends OnlineEdit {
  /** The item as it was read; undefined = there was none. Its payload is not compared. */
  readonly seen: OnlineItem | undefined;
}

/**
 * - `applied`: the stored item is now this row (whoever wrote it first counts as duplicate)
 * - `duplicate`: the stored item already was this row (same order bytes, same commit or later)
 * - `stale`: a newer row, or a later edit, keeps it out
 * - `failed`: not written before the deadline; safe to write again
 */
export type OnlineWrite = 'applied' | 'duplicate' | 'stale' | 'failed';

/** Every commit ≤ `version` is applied; `ahead` lists those above it that are too. */
export interface Watermark {
  readonly version: number;
  readonly ahead: readonly number[];
  readonly committedAt: EpochMillis;
  readonly tableId: string;
}

export interface OnlineReadRequest {
  readonly table: OnlineTable;
  readonly key: EntityKey;
}

export interface OnlineReadOptions extends RequestOptions {
  readonly consistent?: boolean;
}

/** All that a lookup may do: `serve` is given no more. */
export interface OnlineReader {
  /**
   * Reads items of any tables, and the watermarks of `watermarks`, in one fan-out of ≤ 100-key requests, answers aligned
   * with the requests. Duplicate requests are read once.
   */
  read(
    request: { readonly items: readonly OnlineReadRequest[]; readonly watermarks: readonly OnlineTable[] },
    options?: OnlineReadOptions,
  ): Promise<{ readonly items: readonly OnlineRead[]; readonly watermarks: readonly (Watermark | undefined | 'failed')[]; readonly storeRequests: number }>;
}

export interface OnlineStore extends OnlineReader {
  /**
   * U1: writes each row iff its item is absent, or `(fence absent OR fence < commit) AND (deleted OR order < row.order)`;
   * keeps the fence, clears the deleted mark. Rows of one call have distinct keys. Answers aligned with `rows`.
   */
  merge(table: OnlineTable, rows: readonly OnlineRow[], options?: RequestOptions): Promise<readonly OnlineWrite[]>;

  /**
   * U7: writes what is left with `commit = fence = version` iff `(fence absent OR fence < version) AND (commit absent OR
   * commit <= version)`; nothing left → a deleted mark without order, payload and expiry.
   */
  edit(table: OnlineTable, edits: readonly OnlineEdit[], options?: RequestOptions): Promise<readonly OnlineWrite[]>;

  /**
   * U11: puts rows without looking at what is there, in batches. Only into a generation that nobody reads and nobody publishes
   * to yet. Rows of one call have distinct keys.
   * @throws LakefoldError STORE_THROTTLED, STORE_UNAVAILABLE
   */
  load(table: OnlineTable, rows: readonly OnlineRow[], options?: RequestOptions): Promise<void>;

  /** As `edit`, but iff the item is still the one that was seen; any other is `stale`. Keys are distinct, answers aligned with `heals`. */
  heal(table: OnlineTable, heals: readonly OnlineHeal[], options?: RequestOptions): Promise<readonly OnlineWrite[]>;

  /** Deletes at most `itemsMax` items of a generation that nobody uses any more; true once none is left. Its watermark stays. */
  clear(table: OnlineTable, options: RequestOptions & { readonly itemsMax: number }): Promise<boolean>;

  watermark(table: OnlineTable, options?: OnlineReadOptions): Promise<Watermark | undefined>;

  /** Compare-and-set; `expected: undefined` = there is none yet. False when another publisher moved it first. */
  moveWatermark(table: OnlineTable, move: { readonly expected: Watermark | undefined; readonly next: Watermark }, options?: RequestOptions): Promise<boolean>;

  /**
   * Takes deleted marks of these keys out of the store; what is no mark stays. For erasure alone: without its fence a publisher that
   * slept brings an old row back, and has to see to it that it goes again.
   */
  forget(table: OnlineTable, keys: readonly EntityKey[], options?: RequestOptions): Promise<void>;

  /** Leaves no byte of a deleted item in the storage underneath; left out where deleting does. @throws LakefoldError STORE_UNAVAILABLE while others have it open */
  scrub?(): Promise<void>;

  /** How long backups of the store outlive what they were made of, ms; undefined, or left out, where there are none. */
  backupsKeptMillis?(): Promise<number | undefined>;

  /** Every item of the generation, in no particular order, deleted marks included. */
  scan(table: OnlineTable, options?: RequestOptions): AsyncIterable<{ readonly key: EntityKey; readonly item: OnlineItem }>;

  close(): Promise<void>;
}
