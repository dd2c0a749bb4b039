/** Small durable records beside the lake: registry copy, API keys, leases, jobs, inboxes (storage.md §4, table `control`). */
import type { RequestOptions } from './object-store.ts';

export interface ControlRecord {
  readonly partition: string;
  readonly sort: string;
  /** At most 350 KB. */
  readonly bytes: Uint8Array;
  /** Grows with every put of the record, from 1. */
  readonly revision: number;
}

/** `absent`: there must be none. `revision`: it must still have this one. */
export type ControlCondition = { readonly kind: 'absent' } | { readonly kind: 'revision'; readonly revision: number };

export interface PutRecord {
  readonly partition: string;
  readonly sort: string;
  readonly bytes: Uint8Array;
}

export interface Control {
  get(partition: string, sort: string, options?: RequestOptions & { readonly consistent?: boolean }): Promise<ControlRecord | undefined>;
  /** Undefined when the condition does not hold; else the stored record. Acknowledged only when durable. */
  put(record: PutRecord, options?: RequestOptions & { readonly condition?: ControlCondition }): Promise<ControlRecord | undefined>;
  /** False when the condition does not hold. Deleting what is not there succeeds. */
  delete(partition: string, sort: string, options?: RequestOptions & { readonly condition?: ControlCondition }): Promise<boolean>;
  /** Records of a partition in the order of their sort keys' UTF-8 bytes. */
  query(partition: string, options?: RequestOptions & { readonly after?: string; readonly prefix?: string }): AsyncIterable<ControlRecord>;
  /** Leaves no byte of a deleted or replaced record in the storage underneath; left out where deleting does. @throws LakefoldError STORE_UNAVAILABLE while others have it open */
  scrub?(): Promise<void>;
  /** How long backups of the store outlive what they were made of, ms; undefined, or left out, where there are none. */
  backupsKeptMillis?(): Promise<number | undefined>;
  close(): Promise<void>;
}
