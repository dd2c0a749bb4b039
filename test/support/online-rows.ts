/** Rows, edits and tables for tests of online stores. */
import { utf8 } from '../../lib/core/bytes.ts';
import { encodeKey } from '../../lib/core/keys.ts';
import type { EntityKey } from '../../lib/core/keys.ts';
import { orderBytes } from '../../lib/core/order.ts';
import { epochMillis, epochSeconds } from '../../lib/core/time.ts';
import type { OnlineEdit, OnlineItem, OnlineRow, OnlineStore, OnlineTable, Watermark } from '../../lib/ports/online-store.ts';

export function keyOf(name: string): EntityKey {
  return encodeKey([{ kind: 'string' }], [name]);
}

/** Order bytes of an event time alone. */
export function orderOf(eventTime: number, ingestedAt = 0): Uint8Array {
  return orderBytes(BigInt(eventTime), BigInt(ingestedAt), new Uint8Array(8));
}

export interface RowOptions {
  readonly payload?: Uint8Array;
  readonly expiresAt?: number;
  readonly ingestedAt?: number;
}

/** The row of `name` at event time `eventTime`, brought by `commit`; its payload says both. */
export function rowOf(name: string, at: { readonly eventTime: number; readonly commit: number }, options: RowOptions = {}): OnlineRow {
  return { key: keyOf(name), commit: at.commit, ...contentOf(at.eventTime, options) };
}

/** What the edit at `version` leaves of `name`: the row at event time `left`, or nothing. */
export function editOf(name: string, version: number, left?: number, options: RowOptions = {}): OnlineEdit {
  return { key: keyOf(name), version, ...(left === undefined ? {} : { row: contentOf(left, options) }) };
}

/** The item a store holds after writing a row. */
export function itemOf(at: { readonly eventTime: number; readonly commit: number; readonly fence?: number }, options: RowOptions = {}): OnlineItem {
  return { commit: at.commit, ...(at.fence === undefined ? {} : { fence: at.fence }), deleted: false, ...contentOf(at.eventTime, options) };
}

export function deletedItem(version: number): OnlineItem {
  return { commit: version, fence: version, deleted: true };
}

export function watermarkOf(version: number, ahead: readonly number[] = [], tableId = 'table-a'): Watermark {
  return { version, ahead, committedAt: epochMillis(1_750_000_000_000 + version), tableId };
}

export function tableOf(project: string, overrides: Partial<OnlineTable> = {}): OnlineTable {
  return { project, featureGroup: 'delays', version: 1, generation: 1, shards: 4, ...overrides };
}

/** The item of a key as a strong read sees it. */
export async function itemAt(store: OnlineStore, table: OnlineTable, name: string): Promise<OnlineItem | undefined> {
  const { items } = await store.read({ items: [{ table, key: keyOf(name) }], watermarks: [] }, { consistent: true });
  const [read] = items;
  if (read?.kind === 'failed') throw new Error(`reading ${name} failed`, { cause: read.cause });
  return read?.kind === 'item' ? read.item : undefined;
}

function contentOf(eventTime: number, options: RowOptions): Pick<OnlineRow, 'order' | 'payload' | 'expiresAt'> {
  return {
    order: orderOf(eventTime, options.ingestedAt),
    payload: options.payload ?? utf8(`e=${eventTime}`),
    ...(options.expiresAt === undefined ? {} : { expiresAt: epochSeconds(options.expiresAt) }),
  };
}
