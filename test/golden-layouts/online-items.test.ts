/** The bytes of storage.md §4 as they lie in LMDB and DynamoDB: another layout needs another number. */
import { describe, expect, it } from 'vitest';
import { editUpdate, itemKeyOf, mergeUpdate, watermarkUpdate } from '../../lib/adapters/aws/dynamodb-online-items.ts';
import { controlKey, decodeControlValue, encodeControlValue } from '../../lib/adapters/lmdb/control.ts';
import { decodeItem, decodeWatermark, encodeItem, encodeWatermark, itemKey, itemKeyPrefix, watermarkKey } from '../../lib/adapters/lmdb/online-layout.ts';
import { decodeMessage, encodeMessage } from '../../lib/adapters/lmdb/queue.ts';
import { fromHex, toHex, utf8 } from '../../lib/core/bytes.ts';
import { encodeKey } from '../../lib/core/keys.ts';
import { orderBytes } from '../../lib/core/order.ts';
import { epochMillis, epochSeconds } from '../../lib/core/time.ts';
import type { OnlineItem, OnlineTable, Watermark } from '../../lib/ports/online-store.ts';

const table: OnlineTable = { project: 'demo', featureGroup: 'airport_delays', version: 1, generation: 2, shards: 16 };
const key = encodeKey([{ kind: 'string' }, { kind: 'int' }], ['SEA', -1]);
const order = orderBytes(1_750_000_000_000_000n, 1_750_000_000_000_001n, fromHex('0102030405060708'));
const payload = fromHex('01aabb');
const watermark: Watermark = { version: 41, ahead: [43, 300], committedAt: epochMillis(1_750_000_000_123), tableId: 'e5b0' };

const TABLE_HEX = '64656d6f2f616972706f72745f64656c6179732f312f32';
const KEY_HEX = '0303534541' + '017fffffffffffffff';
const ORDER_HEX = '8006379da05b6000' + '8006379da05b6001' + '0102030405060708';

const items: readonly { readonly name: string; readonly item: OnlineItem; readonly hex: string }[] = [
  { name: 'a row', item: { order, commit: 7, deleted: false, payload }, hex: `0102${ORDER_HEX}000000000000000701aabb` },
  {
    name: 'a row with a fence and an expiry',
    item: { order, commit: 4_294_967_296, fence: 6, deleted: false, payload, expiresAt: epochSeconds(1_760_000_000) },
    hex: `010e${ORDER_HEX}000000010000000000000000000000060000000068e7780001aabb`,
  },
  {
    name: 'a row that expires before 1970, without payload bytes',
    item: { order, commit: 0, deleted: false, payload: new Uint8Array(), expiresAt: epochSeconds(-2) },
    hex: `010a${ORDER_HEX}0000000000000000fffffffffffffffe`,
  },
  { name: 'a deleted mark', item: { commit: 9, fence: 9, deleted: true }, hex: '010500000000000000090000000000000009' },
];

describe('LMDB, database online', () => {
  it('keys items by table and encoded key, the watermark beside them', () => {
    expect(toHex(itemKey(itemKeyPrefix(table), key))).toBe(`${TABLE_HEX}00${KEY_HEX}`);
    expect(toHex(watermarkKey(table))).toBe(`${TABLE_HEX}2f770000`);
  });

  it.each(items)('holds $name', ({ item, hex }) => {
    expect(toHex(encodeItem(item))).toBe(hex);
    expect(decodeItem(fromHex(hex))).toEqual(item);
  });

  it('holds a watermark', () => {
    const hex = '010000000000000029000001977420dc7b02000000000000002b000000000000012c65356230';
    expect(toHex(encodeWatermark(watermark))).toBe(hex);
    expect(decodeWatermark(fromHex(hex))).toEqual(watermark);
  });

  it('refuses a greater layout and what is cut or unknown', () => {
    const whole = encodeItem({ order, commit: 7, deleted: false, payload });
    expect(() => decodeItem(Uint8Array.from(whole, (byte, i) => (i === 0 ? 2 : byte)))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_FORMAT' }));
    expect(() => decodeItem(Uint8Array.from(whole, (byte, i) => (i === 1 ? 0x12 : byte)))).toThrow(expect.objectContaining({ code: 'CORRUPT_STORE' }));
    expect(() => decodeItem(whole.subarray(0, 30))).toThrow(expect.objectContaining({ code: 'CORRUPT_STORE' }));
    expect(() => decodeItem(new Uint8Array())).toThrow(expect.objectContaining({ code: 'CORRUPT_STORE' }));
    expect(() => decodeWatermark(encodeWatermark(watermark).subarray(0, 20))).toThrow(expect.objectContaining({ code: 'CORRUPT_STORE' }));
  });
});

describe('LMDB, databases control and queue', () => {
  it('holds a control record', () => {
    expect(toHex(controlKey('lease/demo', 'l'))).toBe('6c656173652f64656d6f006c');
    expect(toHex(encodeControlValue(258, utf8('me')))).toBe('0100000000000001026d65');
    expect(decodeControlValue(fromHex('0100000000000001026d65'))).toEqual({ revision: 258, bytes: utf8('me') });
  });

  it('holds a message', () => {
    const message = { isHandedOut: true, receiveCount: 3, body: 'é' };
    expect(toHex(encodeMessage(message))).toBe('01010000000000000003c3a9');
    expect(decodeMessage(fromHex('01010000000000000003c3a9'))).toEqual(message);
    expect(toHex(encodeMessage({ isHandedOut: false, receiveCount: 0, body: '' }))).toBe('01000000000000000000');
  });
});

describe('DynamoDB, table online', () => {
  it('keys an item by table, shard and encoded key', () => {
    expect(itemKeyOf(table, key)).toEqual({ p: { S: 'demo/airport_delays/1/2/00' }, k: { B: fromHex(KEY_HEX) } });
    expect(itemKeyOf({ ...table, shards: 256 }, key).p).toEqual({ S: 'demo/airport_delays/1/2/40' });
    expect(itemKeyOf({ ...table, shards: 1 }, key).p).toEqual({ S: 'demo/airport_delays/1/2/00' });
  });

  it('merges a row by U1', () => {
    expect(mergeUpdate(table, { key, order, commit: 7, payload, expiresAt: epochSeconds(1_760_000_000) })).toEqual({
      Key: itemKeyOf(table, key),
      UpdateExpression: 'SET o = :o, c = :c, v = :v, x = :x REMOVE d',
      ConditionExpression: 'attribute_not_exists(p) OR ((attribute_not_exists(f) OR f < :c) AND (attribute_exists(d) OR o < :o))',
      ExpressionAttributeValues: { ':o': { B: fromHex(ORDER_HEX) }, ':c': { N: '7' }, ':v': { B: payload }, ':x': { N: '1760000000' } },
    });
    expect(mergeUpdate(table, { key, order, commit: 7, payload }).UpdateExpression).toBe('SET o = :o, c = :c, v = :v REMOVE d, x');
  });

  it('edits a key by U7', () => {
    const condition = '(attribute_not_exists(f) OR f < :c) AND (attribute_not_exists(c) OR c <= :c)';
    expect(editUpdate(table, { key, version: 9, row: { order, payload } })).toEqual({
      Key: itemKeyOf(table, key),
      UpdateExpression: 'SET o = :o, c = :c, f = :c, v = :v REMOVE d, x',
      ConditionExpression: condition,
      ExpressionAttributeValues: { ':o': { B: fromHex(ORDER_HEX) }, ':c': { N: '9' }, ':v': { B: payload } },
    });
    expect(editUpdate(table, { key, version: 9 })).toEqual({
      Key: itemKeyOf(table, key),
      UpdateExpression: 'SET d = :d, c = :c, f = :c REMOVE o, v, x',
      ConditionExpression: condition,
      ExpressionAttributeValues: { ':c': { N: '9' }, ':d': { N: '1' } },
    });
  });

  it('moves the watermark by U6', () => {
    const watermarkItem = { p: { S: 'demo/airport_delays/1/2/w' }, k: { B: fromHex('00') } };
    expect(watermarkUpdate(table, { expected: undefined, next: watermark })).toEqual({
      Key: watermarkItem,
      UpdateExpression: 'SET n = :n, t = :t, m = :m, a = :a',
      ConditionExpression: 'attribute_not_exists(n)',
      ExpressionAttributeValues: { ':n': { N: '41' }, ':t': { N: '1750000000123' }, ':m': { S: 'e5b0' }, ':a': { NS: ['43', '300'] } },
    });
    expect(watermarkUpdate(table, { expected: watermark, next: { ...watermark, version: 43, ahead: [] } })).toEqual({
      Key: watermarkItem,
      UpdateExpression: 'SET n = :n, t = :t, m = :m REMOVE a',
      ConditionExpression: 'n = :en AND m = :em AND a = :ea',
      ExpressionAttributeValues: {
        ':n': { N: '43' },
        ':t': { N: '1750000000123' },
        ':m': { S: 'e5b0' },
        ':en': { N: '41' },
        ':em': { S: 'e5b0' },
        ':ea': { NS: ['43', '300'] },
      },
    });
    expect(watermarkUpdate(table, { expected: { ...watermark, ahead: [] }, next: watermark }).ConditionExpression).toBe(
      'n = :en AND m = :em AND attribute_not_exists(a)',
    );
  });
});
