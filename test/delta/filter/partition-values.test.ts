import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { instant } from '../../../lib/core/time.ts';
import { parseType, type Value } from '../../../lib/core/types.ts';
import { parsePartitionValue, partitionDirectory, serializePartitionValue } from '../../../lib/delta/filter/partition-values.ts';

const CASES: readonly (readonly [string, Value, string])[] = [
  ['boolean', true, 'true'],
  ['int', -5, '-5'],
  ['bigint', 9007199254740993n, '9007199254740993'],
  ['double', 1, '1.0'],
  ['double', 1e10, '1.0E10'],
  ['double', Number.NaN, 'NaN'],
  ['float', Math.fround(3.14), '3.14'],
  ['decimal(10,2)', -50n, '-0.50'],
  ['string', 'a/b', 'a/b'],
  ['binary', utf8('\u0001\u0002'), '\u0001\u0002'],
  ['date', 19_000, '2022-01-08'],
  ['timestamp', instant('1970-01-01T00:00:00.123456Z'), '1970-01-01T00:00:00.123456Z'],
  ['timestamp', instant('2001-06-01T00:00:00Z'), '2001-06-01T00:00:00.000000Z'],
  ['timestampNtz', instant('2001-06-01T00:00:00Z'), '2001-06-01 00:00:00.000000'],
  ['timestampNtz', instant('1969-12-31T23:59:59.999999Z'), '1969-12-31 23:59:59.999999'],
];

describe('partition values', () => {
  it.each(CASES)('of type %s: %s is %s, both ways', (type, value, text) => {
    expect(serializePartitionValue(parseType(type), value)).toBe(text);
    expect(parsePartitionValue(parseType(type), text)).toEqual(value);
  });

  it('are null for null and for the empty string', () => {
    const string = parseType('string');
    expect([
      serializePartitionValue(string, null),
      serializePartitionValue(string, ''),
      parsePartitionValue(string, null),
      parsePartitionValue(string, ''),
    ]).toEqual([null, null, null, null]);
  });

  it('of other writers are read: timestamps without zone as UTC, dates as midnight', () => {
    const timestamp = parseType('timestamp');
    expect(
      ['2001-06-01 12:00:00.5', '2001-06-01 12:00:00', '2001-06-01', '2001-06-01T14:00:00+02:00'].map((text) => parsePartitionValue(timestamp, text)),
    ).toEqual([instant('2001-06-01T12:00:00.5Z'), instant('2001-06-01T12:00:00Z'), instant('2001-06-01T00:00:00Z'), instant('2001-06-01T12:00:00Z')]);
  });

  it.each([
    ['int', '1.5'],
    ['int', '3000000000'],
    ['bigint', '9223372036854775808'],
    ['boolean', 'yes'],
    ['date', '2001-02-30'],
    ['timestamp', 'noon'],
    ['decimal(4,1)', '1.25'],
    ['double', 'x'],
  ])('of type %s are never %s', (type, text) => {
    expect(() => parsePartitionValue(parseType(type), text)).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }));
  });

  it('cannot be arrays or bytes that are no text', () => {
    expect(() => serializePartitionValue(parseType('array<int>'), [1])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => serializePartitionValue(parseType('binary'), Uint8Array.from([0xff]))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('survive the round trip for all doubles and floats', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(parsePartitionValue({ kind: 'double' }, serializePartitionValue({ kind: 'double' }, value))).toBe(value);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.float(), (value) => {
        expect(parsePartitionValue({ kind: 'float' }, serializePartitionValue({ kind: 'float' }, value))).toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  it('name folders as Hive does', () => {
    const columns = ['a', 'b c', 'd=e'].map((physicalName) => ({ physicalName, type: parseType('string') }));
    expect([partitionDirectory(columns, ['x/y:z', null, 'ü %21']), partitionDirectory([], [])]).toEqual([
      'a=x%2Fy%3Az/b c=__HIVE_DEFAULT_PARTITION__/d%3De=ü %2521',
      '',
    ]);
  });

  it('name folders that every file system takes, apart for values apart, whatever is in them and however long they are', () => {
    const columns = [{ physicalName: 'a', type: parseType('string') }];
    const long = ['x'.repeat(5000), `${'x'.repeat(5000)}y`, '\u{1f600}'.repeat(100)];
    const names = long.map((text) => partitionDirectory(columns, [text]));
    expect(names.map((name) => Buffer.byteLength(name) <= 240 && Buffer.from(name).toString() === name)).toEqual([true, true, true]);
    expect(new Set(names).size).toBe(3);
    expect(partitionDirectory(columns, ['nul\0'])).toBe('a=nul%00');
  });
});
