/** Items of the DynamoDB table `online`: keys, conditional updates and reading back (storage.md §4). */
import type { AttributeValue, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { sha256 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { entityKey } from '../../core/keys.ts';
import { ORDER_BYTES } from '../../core/order.ts';
import { epochMillis, epochSeconds } from '../../core/time.ts';
import { onlineTableName } from '../../ports/online-rules.ts';
import type { EntityKey } from '../../core/keys.ts';
import type { OnlineEdit, OnlineHeal, OnlineItem, OnlineRow, OnlineTable, Watermark } from '../../ports/online-store.ts';

export type Attributes = Record<string, AttributeValue>;
export type ItemKey = { readonly p: { readonly S: string }; readonly k: { readonly B: Uint8Array } };
/** An update without the name of its table. */
export type ItemUpdate = Pick<UpdateItemCommandInput, 'UpdateExpression' | 'ConditionExpression' | 'ExpressionAttributeValues'> & { readonly Key: ItemKey };

/** U1: absent, or not fenced off by a later edit and older than the row or deleted. */
const MERGE_CONDITION = 'attribute_not_exists(p) OR ((attribute_not_exists(f) OR f < :c) AND (attribute_exists(d) OR o < :o))';
/** U7: no later edit, no later commit. */
const EDIT_CONDITION = '(attribute_not_exists(f) OR f < :c) AND (attribute_not_exists(c) OR c <= :c)';

/** `<project>/<fg>/<version>/<generation>/<shard, 2 hex>`. */
export function shardPartition(table: OnlineTable, shard: number): string {
  return `${onlineTableName(table)}/${shard.toString(16).padStart(2, '0')}`;
}

export function itemKeyOf(table: OnlineTable, key: EntityKey): ItemKey {
  return { p: { S: shardPartition(table, (sha256(key)[0] ?? 0) % table.shards) }, k: { B: key } };
}

export function watermarkKeyOf(table: OnlineTable): ItemKey {
  return { p: { S: `${onlineTableName(table)}/w` }, k: { B: Uint8Array.of(0) } };
}

/** Tells the keys of a table apart. */
export function keyId(partition: string, key: Uint8Array): string {
  return `${partition}|${String.fromCharCode(...key)}`;
}

/** U1: an update, never a put, so that the fence stays. @throws LakefoldError INTERNAL when the order bytes have another length than 24 */
export function mergeUpdate(table: OnlineTable, row: OnlineRow): ItemUpdate {
  return rowUpdate(itemKeyOf(table, row.key), row, { condition: MERGE_CONDITION, sets: ['c = :c'] });
}

/** U7: what an edit leaves of a key, or a mark that nothing is left. */
export function editUpdate(table: OnlineTable, edit: OnlineEdit): ItemUpdate {
  const key = itemKeyOf(table, edit.key);
  if (edit.row !== undefined) return rowUpdate(key, { ...edit.row, commit: edit.version }, { condition: EDIT_CONDITION, sets: ['c = :c', 'f = :c'] });
  return {
    Key: key,
    UpdateExpression: 'SET d = :d, c = :c, f = :c REMOVE o, v, x',
    ConditionExpression: EDIT_CONDITION,
    ExpressionAttributeValues: { ':c': number(edit.version), ':d': number(1) },
  };
}

/** As `editUpdate`, iff the item is still as it was seen. */
export function healUpdate(table: OnlineTable, heal: OnlineHeal): ItemUpdate {
  const update = editUpdate(table, heal);
  const { seen } = heal;
  if (seen === undefined) return { ...update, ConditionExpression: 'attribute_not_exists(p)' };
  const values: Attributes = { ...update.ExpressionAttributeValues, ':sc': number(seen.commit) };
  if (seen.order !== undefined) values[':so'] = { B: seen.order };
  if (seen.fence !== undefined) values[':sf'] = number(seen.fence);
  const conditions = [
    'c = :sc',
    seen.order === undefined ? 'attribute_not_exists(o)' : 'o = :so',
    seen.fence === undefined ? 'attribute_not_exists(f)' : 'f = :sf',
    `${seen.deleted ? 'attribute_exists' : 'attribute_not_exists'}(d)`,
  ];
  return { ...update, ConditionExpression: conditions.join(' AND '), ExpressionAttributeValues: values };
}

/** U11: an item as it is loaded into a generation that nobody uses yet. */
export function loadedAttributes(table: OnlineTable, row: OnlineRow): Attributes {
  const { p, k } = itemKeyOf(table, row.key);
  return {
    p,
    k,
    o: { B: row.order },
    c: number(row.commit),
    v: { B: row.payload },
    ...(row.expiresAt === undefined ? {} : { x: number(row.expiresAt) }),
  };
}

/** U6: moves the watermark iff it is still where `expected` says. A set can't be empty, so no versions ahead is no attribute. */
export function watermarkUpdate(table: OnlineTable, move: { readonly expected: Watermark | undefined; readonly next: Watermark }): ItemUpdate {
  const { expected, next } = move;
  const values: Attributes = { ':n': number(next.version), ':t': number(next.committedAt), ':m': { S: next.tableId } };
  if (next.ahead.length > 0) values[':a'] = numberSet(next.ahead);
  let condition = 'attribute_not_exists(n)';
  if (expected !== undefined) {
    values[':en'] = number(expected.version);
    values[':em'] = { S: expected.tableId };
    if (expected.ahead.length > 0) values[':ea'] = numberSet(expected.ahead);
    condition = `n = :en AND m = :em AND ${expected.ahead.length > 0 ? 'a = :ea' : 'attribute_not_exists(a)'}`;
  }
  return {
    Key: watermarkKeyOf(table),
    UpdateExpression: `SET n = :n, t = :t, m = :m${next.ahead.length > 0 ? ', a = :a' : ' REMOVE a'}`,
    ConditionExpression: condition,
    ExpressionAttributeValues: values,
  };
}

/** @throws LakefoldError CORRUPT_STORE when an attribute is missing or of another kind */
export function decodeItem(attributes: Attributes): OnlineItem {
  const { o, f, x, v } = attributes;
  const deleted = attributes['d'] !== undefined;
  return {
    ...(o === undefined ? {} : { order: bytesOf(o, 'o') }),
    commit: numberOf(attributes['c'], 'c'),
    ...(f === undefined ? {} : { fence: numberOf(f, 'f') }),
    deleted,
    ...(v === undefined ? {} : { payload: bytesOf(v, 'v') }),
    ...(x === undefined ? {} : { expiresAt: epochSeconds(numberOf(x, 'x')) }),
  };
}

/** @throws LakefoldError CORRUPT_STORE */
export function decodeKey(attributes: Attributes): EntityKey {
  return entityKey(bytesOf(attributes['k'], 'k'));
}

/** Undefined when the item holds no watermark, only a lease. @throws LakefoldError CORRUPT_STORE */
export function decodeWatermark(attributes: Attributes | undefined): Watermark | undefined {
  if (attributes?.['n'] === undefined) return undefined;
  const { a, m } = attributes;
  if (m?.S === undefined) throw corrupt('m', 'a string');
  const ahead = (a?.NS ?? []).map((text) => numberOf({ N: text }, 'a'));
  return {
    version: numberOf(attributes['n'], 'n'),
    ahead: ahead.sort((left, right) => left - right),
    committedAt: epochMillis(numberOf(attributes['t'], 't')),
    tableId: m.S,
  };
}

export function number(value: number): AttributeValue.NMember {
  return { N: String(value) };
}

/** @throws LakefoldError CORRUPT_STORE */
export function bytesOf(attribute: AttributeValue | undefined, name: string): Uint8Array {
  if (attribute?.B === undefined) throw corrupt(name, 'bytes');
  // A plain view: some runtimes hand out a `Buffer`, whose methods slice where `Uint8Array` copies.
  return new Uint8Array(attribute.B.buffer, attribute.B.byteOffset, attribute.B.byteLength);
}

/** @throws LakefoldError CORRUPT_STORE */
export function numberOf(attribute: AttributeValue | undefined, name: string): number {
  const value = Number(attribute?.N);
  if (!Number.isSafeInteger(value)) throw corrupt(name, 'a whole number within 2^53');
  return value;
}

function rowUpdate(key: ItemKey, row: Omit<OnlineRow, 'key'>, parts: { readonly condition: string; readonly sets: readonly string[] }): ItemUpdate {
  if (row.order.length !== ORDER_BYTES) throw new LakefoldError('INTERNAL', `expected ${ORDER_BYTES} order bytes, found ${row.order.length}`);
  const sets = ['o = :o', ...parts.sets, 'v = :v', ...(row.expiresAt === undefined ? [] : ['x = :x'])];
  return {
    Key: key,
    UpdateExpression: `SET ${sets.join(', ')} REMOVE d${row.expiresAt === undefined ? ', x' : ''}`,
    ConditionExpression: parts.condition,
    ExpressionAttributeValues: {
      ':o': { B: row.order },
      ':c': number(row.commit),
      ':v': { B: row.payload },
      ...(row.expiresAt === undefined ? {} : { ':x': number(row.expiresAt) }),
    },
  };
}

function numberSet(values: readonly number[]): AttributeValue.NSMember {
  return { NS: values.map(String) };
}

function corrupt(name: string, expected: string): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `expected ${expected} in attribute ${name} of an item, found something else`);
}
