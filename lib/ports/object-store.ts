/**
 * Objects under one location. What can overwrite or delete says so in its name; `createIfAbsent` is its own method, not a flag.
 *
 * Paths are relative to the location. Bytes handed in and out are never changed by either side.
 */
import type { EpochMillis } from '../core/time.ts';
import type { ObjectPath } from '../core/path.ts';

export interface ObjectInfo {
  readonly path: ObjectPath;
  readonly sizeBytes: number;
  readonly modifiedAt: EpochMillis;
  /** Opaque; changes with every write of the object. */
  readonly etag: string;
}

export interface StoredObject extends ObjectInfo {
  /** The whole object, or the range asked for. `sizeBytes` is always the whole object's. */
  readonly bytes: Uint8Array;
}

/** Half-open `[start, end)`; `{ last: n }` = the last n bytes. What lies outside the object is left out, so a range behind its end is empty. */
export type ByteRange = { readonly start: number; readonly end: number } | { readonly last: number };

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

/**
 * - `created`: the object is there and holds these bytes under this identity, written now or by an earlier try whose answer was lost
 * - `exists`: the path is taken by another's object
 * - `unknown`: it can't be told; asking again with the same bytes and identity is safe
 */
export type CreateOutcome =
  | { readonly kind: 'created'; readonly etag: string }
  | { readonly kind: 'exists' }
  | { readonly kind: 'unknown'; readonly cause: unknown };

export interface CreateOptions extends RequestOptions {
  /** Who writes: the same for every retry of one write, different for any other. */
  readonly identity: string;
}

export type ReplaceOutcome =
  | { readonly kind: 'replaced'; readonly etag: string }
  | { readonly kind: 'changed' }
  | { readonly kind: 'unknown'; readonly cause: unknown };

export interface ListOptions extends RequestOptions {
  /** Only paths greater than this one, by UTF-8 bytes. */
  readonly startAfter?: string;
}

export interface ObjectStore {
  /** Where it is, for people and `table.location`: `file:///…` or `s3://bucket/prefix`, without a trailing slash. */
  readonly location: string;

  /** Undefined when there is no such object. @throws LakefoldError STORE_UNAVAILABLE, STORE_THROTTLED */
  get(path: ObjectPath, options?: RequestOptions & { readonly range?: ByteRange }): Promise<StoredObject | undefined>;
  head(path: ObjectPath, options?: RequestOptions): Promise<ObjectInfo | undefined>;

  /**
   * Writes the object iff the path is free: atomic among all writers of all processes, durable before it answers.
   * Resolves its own lost answers by reading back.
   */
  createIfAbsent(path: ObjectPath, bytes: Uint8Array, options: CreateOptions): Promise<CreateOutcome>;

  /**
   * As `createIfAbsent`, but nobody sees the object before `after` is fulfilled, and nothing is created where it fails. For stores that make
   * an object ready before they name it, and can do so meanwhile; others leave it out.
   */
  createIfAbsentAfter?(path: ObjectPath, bytes: Uint8Array, options: CreateOptions & { readonly after: Promise<unknown> }): Promise<CreateOutcome>;

  /** Replaces the object whose etag is still `ifMatch`; for erase, and for a pointer that must not move back. */
  replaceIfMatch(path: ObjectPath, bytes: Uint8Array, options: CreateOptions & { readonly ifMatch: string }): Promise<ReplaceOutcome>;

  /** Unconditional; only for hints and for what one writer owns. */
  overwrite(path: ObjectPath, bytes: Uint8Array, options?: RequestOptions): Promise<void>;

  /** Every object whose path begins with `prefix`, in the order of UTF-8 bytes. Never stops after a page. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;

  /** Deleting what is not there succeeds. Only vacuum, log clean-up and erase delete. */
  delete(path: ObjectPath, options?: RequestOptions): Promise<void>;

  /** Takes away every version that is kept behind a current or deleted object below `prefix`, where the store keeps such. */
  purgeVersions?(prefix: string, options?: RequestOptions): Promise<void>;

  /** Takes away what writes that never ended left behind, where the store keeps such and does not list it. */
  sweep?(): Promise<void>;

  /** A local file of the object, where the store is local; engines read it in place. */
  localPath?(path: ObjectPath): string;
}
