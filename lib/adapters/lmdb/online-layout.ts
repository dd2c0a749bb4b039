/**
 * Keys and values of the LMDB database `online`, layout 1. Numbers are 8 bytes, big-endian.
 *
 * An item's key:        `<project>/<fg>/<version>/<generation>` in UTF-8, `00`, encoded entity key
 * An item's value:      `01`, flags, `o` (24 bytes, if flag 2), `c`, `f` (if flag 4), `x` (if flag 8), payload to the end
 *                       flags: 1 = deleted (then without `o`, `x` and payload) · 2 = has order bytes · 4 = has a fence · 8 = expires
 * A watermark's key:    `<project>/<fg>/<version>/<generation>/w` in UTF-8, `00`, `00`
 * A watermark's value:  `01`, `n`, `t`, count of `a` (1 byte), each version of `a` ascending, table id in UTF-8
 *
 * A generation is digits, so no item's key begins as a watermark's does.
 */
import { concatBytes, decodeUtf8, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { ORDER_BYTES } from '../../core/order.ts';
import { epochMillis, epochSeconds } from '../../core/time.ts';
import { onlineTableName } from '../../ports/online-rules.ts';
import type { EntityKey } from '../../core/keys.ts';
import type { OnlineItem, OnlineTable, Watermark } from '../../ports/online-store.ts';
import { checkLayout, corrupt, readInt64, writeInt64 } from './layout.ts';

const LAYOUT = 1;
const DELETED = 1;
const HAS_ORDER = 2;
const HAS_FENCE = 4;
const EXPIRES = 8;
const FLAGS_KNOWN = DELETED | HAS_ORDER | HAS_FENCE | EXPIRES;
const WATERMARK_HEAD_BYTES = 18;

/** What every item's key of the table begins with; it ends with `00`. */
export function itemKeyPrefix(table: OnlineTable): Uint8Array {
  return concatBytes([utf8(onlineTableName(table)), Uint8Array.of(0)]);
}

export function itemKey(prefix: Uint8Array, key: EntityKey): Uint8Array {
  const bytes = new Uint8Array(prefix.length + key.length);
  bytes.set(prefix);
  bytes.set(key, prefix.length);
  return bytes;
}

export function watermarkKey(table: OnlineTable): Uint8Array {
  return concatBytes([utf8(`${onlineTableName(table)}/w`), Uint8Array.of(0, 0)]);
}

/** @throws LakefoldError INTERNAL when the order bytes have another length than 24 */
export function encodeItem(item: OnlineItem): Uint8Array {
  const { order, fence, expiresAt, payload } = item;
  if (order !== undefined && order.length !== ORDER_BYTES) throw new LakefoldError('INTERNAL', `expected ${ORDER_BYTES} order bytes, found ${order.length}`);
  const headBytes = 10 + (order === undefined ? 0 : ORDER_BYTES) + (fence === undefined ? 0 : 8) + (expiresAt === undefined ? 0 : 8);
  const bytes = new Uint8Array(headBytes + (payload?.length ?? 0));
  bytes[0] = LAYOUT;
  bytes[1] =
    (item.deleted ? DELETED : 0) | (order === undefined ? 0 : HAS_ORDER) | (fence === undefined ? 0 : HAS_FENCE) | (expiresAt === undefined ? 0 : EXPIRES);
  let at = 2;
  if (order !== undefined) {
    bytes.set(order, at);
    at += ORDER_BYTES;
  }
  for (const value of [item.commit, fence, expiresAt]) {
    if (value === undefined) continue;
    writeInt64(bytes, at, value);
    at += 8;
  }
  if (payload !== undefined) bytes.set(payload, at);
  return bytes;
}

/** The item shares memory with `bytes`. @throws LakefoldError CORRUPT_STORE, UNSUPPORTED_FORMAT */
export function decodeItem(bytes: Uint8Array): OnlineItem {
  const { item, headBytes } = decodeHead(bytes);
  if (!item.deleted) item.payload = viewOf(bytes, headBytes, bytes.length);
  return item;
}

/** As `decodeItem` without the payload, which the rules of writing never look at. */
export function decodeItemHead(bytes: Uint8Array): OnlineItem {
  return decodeHead(bytes).item;
}

type ItemUnderWay = { -readonly [Name in keyof OnlineItem]: OnlineItem[Name] };

function decodeHead(bytes: Uint8Array): { readonly item: ItemUnderWay; readonly headBytes: number } {
  checkLayout(bytes, LAYOUT);
  const flags = bytes[1] ?? 0xff;
  if ((flags & ~FLAGS_KNOWN) !== 0) throw corrupt('known flags', String(flags));
  let at = 2 + ((flags & HAS_ORDER) === 0 ? 0 : ORDER_BYTES);
  // Filled in field by field: spreads would cost as much as reading the value from LMDB.
  const item: ItemUnderWay = { commit: readInt64(bytes, at), deleted: (flags & DELETED) !== 0 };
  if (at > 2) item.order = viewOf(bytes, 2, at);
  at += 8;
  if ((flags & HAS_FENCE) !== 0) {
    item.fence = readInt64(bytes, at);
    at += 8;
  }
  if ((flags & EXPIRES) !== 0) {
    item.expiresAt = epochSeconds(readInt64(bytes, at));
    at += 8;
  }
  return { item, headBytes: at };
}

/** A plain view: `Buffer`'s own methods slice where `Uint8Array` copies. */
function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

export function encodeWatermark(watermark: Watermark): Uint8Array {
  const tableId = utf8(watermark.tableId);
  const bytes = new Uint8Array(WATERMARK_HEAD_BYTES + 8 * watermark.ahead.length + tableId.length);
  bytes[0] = LAYOUT;
  writeInt64(bytes, 1, watermark.version);
  writeInt64(bytes, 9, watermark.committedAt);
  bytes[17] = watermark.ahead.length;
  watermark.ahead.forEach((version, i) => writeInt64(bytes, WATERMARK_HEAD_BYTES + 8 * i, version));
  bytes.set(tableId, WATERMARK_HEAD_BYTES + 8 * watermark.ahead.length);
  return bytes;
}

/** @throws LakefoldError CORRUPT_STORE, UNSUPPORTED_FORMAT */
export function decodeWatermark(bytes: Uint8Array): Watermark {
  checkLayout(bytes, LAYOUT);
  const version = readInt64(bytes, 1);
  const committedAt = epochMillis(readInt64(bytes, 9));
  const ahead = Array.from({ length: bytes[17] ?? 0 }, (_, i) => readInt64(bytes, WATERMARK_HEAD_BYTES + 8 * i));
  const tableId = decodeUtf8(bytes.subarray(WATERMARK_HEAD_BYTES + 8 * ahead.length));
  if (tableId === undefined) throw corrupt('a table id in UTF-8', 'other bytes');
  return { version, ahead, committedAt, tableId };
}
