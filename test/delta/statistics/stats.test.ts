import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOfRows, type Row } from '../../../lib/core/batch.ts';
import { compareUtf8, hasLoneSurrogate } from '../../../lib/core/bytes.ts';
import { MICROS_MAX, MICROS_MIN, instant } from '../../../lib/core/time.ts';
import { parseType, type Value } from '../../../lib/core/types.ts';
import type { TableColumn } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { collectStats, mayContain, parseStats, type StatsOptions } from '../../../lib/delta/statistics/stats.ts';
import { lowerBoundText, upperBoundText } from '../../../lib/delta/statistics/string-bounds.ts';
import { add, vector } from '../log-support.ts';

function column(name: string, type: string, more: Partial<TableColumn> = {}): TableColumn {
  return { name, type: parseType(type), nullable: true, physicalName: name, metadata: {}, ...more };
}

function collect(columns: readonly TableColumn[], rows: readonly Row[], options?: StatsOptions): string {
  return collectStats(batchOfRows(columns, rows), columns, options);
}

describe('statistics as Spark writes them', () => {
  it('have bounds for types with an order, null counts for all, in schema order', () => {
    const columns = [
      column('i', 'int'),
      column('b', 'boolean'),
      column('s', 'string'),
      column('d', 'decimal(10,2)'),
      column('a', 'array<int>'),
      column('t', 'timestamp'),
      column('n', 'timestampNtz'),
      column('e', 'date'),
      column('f', 'float'),
      column('x', 'binary'),
    ];
    const at = instant('2023-06-15T12:30:00.000999Z');
    const rows: Row[] = [
      [3, true, 'b', 12_345n, [1], at, at, 19_000, Math.fround(3.14), Uint8Array.from([1])],
      [null, null, 'a', -50n, null, at + 1n, at, 18_999, 1, null],
    ];
    expect(collect(columns, rows)).toBe(
      '{"numRecords":2,"minValues":{"i":3,"s":"a","d":-0.50,"t":"2023-06-15T12:30:00.000Z","n":"2023-06-15T12:30:00.000","e":"2022-01-07","f":1.0},' +
        '"maxValues":{"i":3,"s":"b","d":123.45,"t":"2023-06-15T12:30:00.001Z","n":"2023-06-15T12:30:00.000","e":"2022-01-08","f":3.14},' +
        '"nullCount":{"i":1,"b":1,"s":0,"d":0,"a":1,"t":0,"n":0,"e":0,"f":0,"x":1},"tightBounds":true}',
    );
  });

  it('keep every digit of long integers', () => {
    const columns = [column('k', 'bigint')];
    const text = collect(columns, [[9007199254740993n], [-9223372036854775808n]], { tightBounds: false });
    expect(text).toBe('{"numRecords":2,"minValues":{"k":-9223372036854775808},"maxValues":{"k":9007199254740993},"nullCount":{"k":0}}');
    const stats = parseStats(add('f', { stats: text }), columns);
    expect([stats.min('k'), stats.max('k'), stats.nullCount('k'), stats.numRecords, stats.tightBounds]).toEqual([
      -9223372036854775808n,
      9007199254740993n,
      0,
      2,
      true,
    ]);
  });

  it('mirror structs, whose nulls count for every field', () => {
    const columns = [column('s', 'struct<a:int,b:struct<c:string>,d:boolean>')];
    expect(collect(columns, [[[1, ['x'], true]], [null], [[5, null, null]]], { tightBounds: false })).toBe(
      '{"numRecords":3,"minValues":{"s":{"a":1,"b":{"c":"x"}}},"maxValues":{"s":{"a":5,"b":{"c":"x"}}},"nullCount":{"s":{"a":1,"b":{"c":2},"d":2}}}',
    );
  });

  it('use the names in the files', () => {
    const columns = [column('s', 'struct<a:int>', { physicalName: 'col-1', physicalType: parseType('struct<zz:int>') })];
    expect(collect(columns, [[[1]]], { tightBounds: false })).toBe(
      '{"numRecords":1,"minValues":{"col-1":{"zz":1}},"maxValues":{"col-1":{"zz":1}},"nullCount":{"col-1":{"zz":0}}}',
    );
  });

  it('have no bounds where all is null, NaN or infinite', () => {
    const columns = [column('a', 'int'), column('b', 'double'), column('c', 'double')];
    expect(
      collect(
        columns,
        [
          [null, Number.NaN, -Infinity],
          [null, 1, 2],
        ],
        { tightBounds: false },
      ),
    ).toBe('{"numRecords":2,"minValues":{},"maxValues":{"c":2.0},"nullCount":{"a":2,"b":0,"c":0}}');
  });

  it('say nothing of bounds where no column can have them', () => {
    expect(collect([column('a', 'boolean')], [[true]], { tightBounds: false })).toBe('{"numRecords":1,"nullCount":{"a":0}}');
  });

  it('cover the first 32 leaves unless told otherwise, structs by their fields', () => {
    const columns = [column('s', 'struct<a:int,b:int>'), column('t', 'int')];
    const row: Row = [[1, 2], 3];
    expect([
      collect(columns, [row], { indexedColumnsMax: 1, tightBounds: false }),
      collect(columns, [row], { indexedColumnsMax: 0 }),
      collect(columns, [row], { indexedColumnsMax: -1, tightBounds: false }),
    ]).toEqual([
      '{"numRecords":1,"minValues":{"s":{"a":1}},"maxValues":{"s":{"a":1}},"nullCount":{"s":{"a":0}}}',
      '{"numRecords":1,"tightBounds":true}',
      '{"numRecords":1,"minValues":{"s":{"a":1,"b":2},"t":3},"maxValues":{"s":{"a":1,"b":2},"t":3},"nullCount":{"s":{"a":0,"b":0},"t":0}}',
    ]);
    const many = Array.from({ length: 40 }, (_, i) => column(`c${i}`, 'int'));
    const text = collect(many, [many.map((_, i) => i)]);
    expect([text.includes('"c31":31'), text.includes('"c32"')]).toEqual([true, false]);
  });

  it('cover the columns named, by dotted path and whatever their letter case', () => {
    const columns = [column('s', 'struct<a:int,b:int>'), column('t', 'int'), column('u.v', 'int')];
    expect(collect(columns, [[[1, 2], 3, 4]], { statsColumns: ['S.b', 'u.v', 'absent'], tightBounds: false })).toBe(
      '{"numRecords":1,"minValues":{"s":{"b":2},"u.v":4},"maxValues":{"s":{"b":2},"u.v":4},"nullCount":{"s":{"b":0},"u.v":0}}',
    );
  });

  it('leave out partition columns, which no file holds', () => {
    const batch = batchOfRows([column('a', 'int')], [[1]]);
    expect(collectStats(batch, [column('p', 'string'), column('a', 'int')], { tightBounds: false })).toBe(
      '{"numRecords":1,"minValues":{"a":1},"maxValues":{"a":1},"nullCount":{"a":0}}',
    );
  });
});

describe('bounds of long strings', () => {
  const x = 'x'.repeat(32);
  it.each([
    ['short', 'short', 'short'],
    [x, x, x],
    [`${x}a`, x, `${x}\u007f`],
    [`${x}\u007f`, x, `${x}\u{10ffff}`],
    [`${x}é`, x, `${x}\u{10ffff}`],
    [`${x}\u{10ffff}a`, x, `${x}\u{10ffff}\u007f`],
    [`${x}\u{10ffff}`, x, `${x}\u{10ffff}`],
    [`${'x'.repeat(31)}\u{1f600}yz`, `${'x'.repeat(31)}\u{1f600}`, `${'x'.repeat(31)}\u{1f600}\u007f`],
    [x + '\u{10ffff}'.repeat(20), x, undefined],
  ])('%j', (text, low, high) => {
    expect([lowerBoundText(text), upperBoundText(text)]).toEqual([low, high]);
  });

  it('are bounds of every string', () => {
    const long = fc.string({ unit: fc.constantFrom('a', '~', '\u007f', 'é', '\uffff', '\u{1f600}', '\u{10ffff}'), maxLength: 80 });
    fc.assert(
      fc.property(long, (text) => {
        const high = upperBoundText(text);
        expect(compareUtf8(lowerBoundText(text), text)).toBeLessThanOrEqual(0);
        if (high !== undefined) expect(compareUtf8(high, text)).toBeGreaterThanOrEqual(0);
        expect(hasLoneSurrogate(lowerBoundText(text) + (high ?? ''))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('statistics read back', () => {
  const byType: Readonly<Record<string, fc.Arbitrary<Value>>> = {
    int: fc.integer(),
    bigint: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    float: fc.float(),
    double: fc.double(),
    'decimal(20,5)': fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }),
    'decimal(38,10)': fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }),
    date: fc.integer({ min: -719_162, max: 2_932_896 }),
    timestamp: fc.bigInt({ min: MICROS_MIN, max: MICROS_MAX }),
    timestampNtz: fc.bigInt({ min: MICROS_MIN, max: MICROS_MAX }),
    string: fc.string({ unit: 'grapheme', maxLength: 70 }).filter((text) => !hasLoneSurrogate(text)),
    boolean: fc.boolean(),
  };

  it.each(Object.keys(byType))('bound every value of type %s, and never rule out a file that holds one', (type) => {
    const values = fc.array(fc.option(byType[type] ?? fc.constant(null)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(values, (list) => {
        const columns = [column('c', type)];
        const stats = parseStats(
          add('f', {
            stats: collect(
              columns,
              list.map((value) => [value]),
            ),
          }),
          columns,
        );
        expect([stats.numRecords, stats.nullCount('c')]).toEqual([list.length, list.filter((value) => value === null).length]);
        for (const value of list) {
          if (value === null || Number.isNaN(value)) continue;
          expect([
            mayContain(stats, columns[0] ?? column('c', type), value, value),
            mayContain(stats, columns[0] ?? column('c', type), value, undefined),
            mayContain(stats, columns[0] ?? column('c', type), undefined, value),
          ]).toEqual([true, true, true]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('rule out what lies outside', () => {
    const columns = [column('k', 'bigint'), column('s', 'string'), column('t', 'timestamp'), column('z', 'int')];
    const stats = parseStats(
      add('f', {
        stats: collect(columns, [
          [10n, 'b', 2000n, null],
          [20n, 'd', 5999n, null],
        ]),
      }),
      columns,
    );
    const may = (name: number, low: Value | undefined, high: Value | undefined): boolean =>
      mayContain(stats, columns[name] ?? column('k', 'bigint'), low, high);
    expect([
      may(0, 1n, 9n),
      may(0, 21n, undefined),
      may(0, undefined, 9n),
      may(0, 20n, 30n),
      may(1, 'e', 'f'),
      may(1, 'a', 'b'),
      may(2, 6000n, undefined),
      may(2, 5999n, undefined),
      may(2, undefined, 1999n),
      may(3, 0, 9),
    ]).toEqual([false, false, false, true, false, true, false, true, false, false]);
  });

  it('allow 999 µs for the floor of an upper bound, whoever wrote it', () => {
    const columns = [column('t', 'timestamp'), column('n', 'timestampNtz')];
    const stats = parseStats(
      add('f', {
        stats:
          '{"numRecords":1,"minValues":{"t":"2023-06-15T05:30:00.000-07:00","n":"2023-06-15T12:30:00"},"maxValues":{"t":"2023-06-15T05:30:00.001-07:00","n":"2023-06-15T12:30:00.5"}}',
      }),
      columns,
    );
    expect([stats.min('t'), stats.max('t'), stats.min('n'), stats.max('n')]).toEqual([
      instant('2023-06-15T12:30:00Z'),
      instant('2023-06-15T12:30:00.001999Z'),
      instant('2023-06-15T12:30:00Z'),
      instant('2023-06-15T12:30:00.500999Z'),
    ]);
  });

  it('round float texts to the float they stand for', () => {
    const columns = [column('f', 'float')];
    expect(parseStats(add('f', { stats: '{"maxValues":{"f":3.14}}' }), columns).max('f')).toBe(Math.fround(3.14));
  });

  it('trust no bound of a float that was widened to double', () => {
    const columns = [column('f', 'double', { metadata: { 'delta.typeChanges': [] } })];
    expect(parseStats(add('f', { stats: '{"maxValues":{"f":3.14}}' }), columns).max('f')).toBeUndefined();
  });

  it('read decimals in any spelling exactly', () => {
    const columns = [column('d', 'decimal(38,18)')];
    const of = (text: string): Value | undefined => parseStats(add('f', { stats: `{"minValues":{"d":${text}}}` }), columns).min('d');
    expect([of('12345678901234567890.123456789012345678'), of('1.25E-8'), of('1E+3'), of('"0.5"'), of('1E-30')]).toEqual([
      12345678901234567890123456789012345678n,
      12_500_000_000n,
      1000n * 10n ** 18n,
      5n * 10n ** 17n,
      undefined,
    ]);
  });

  it('that are missing, broken or of another type are no statistics', () => {
    const columns = [column('a', 'int')];
    for (const stats of [undefined, '', 'nonsense', '{"numRecords":NaN}', '[]', '{"numRecords":-1,"minValues":7,"maxValues":{"a":"x"},"nullCount":null}']) {
      const parsed = parseStats(add('f', stats === undefined ? {} : { stats }), columns);
      expect([parsed.numRecords, parsed.min('a'), parsed.max('a'), parsed.nullCount('a'), parsed.min('unknown'), parsed.tightBounds]).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        true,
      ]);
      expect(mayContain(parsed, column('a', 'int'), 1, 2)).toBe(true);
    }
  });

  it('are not tight with a deletion vector unless they say so', () => {
    expect([
      parseStats(add('f', { stats: '{}', deletionVector: vector('1') }), []).tightBounds,
      parseStats(add('f', { stats: '{"tightBounds":true}', deletionVector: vector('1') }), []).tightBounds,
    ]).toEqual([false, true]);
  });

  it('are parsed once for a file and schema', () => {
    const file = add('f', { stats: '{"numRecords":1}' });
    const columns = [column('a', 'int')];
    expect(parseStats(file, columns)).toBe(parseStats(file, columns));
    expect(parseStats(file, [column('a', 'bigint')])).not.toBe(parseStats(file, columns));
  });
});
