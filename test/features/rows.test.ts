import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../lib/core/batch.ts';
import { canonicalRow } from '../../lib/core/canonical.ts';
import { toValue } from '../../lib/core/input-values.ts';
import { parseJson, stringifyJson } from '../../lib/core/json.ts';
import { parseInstant } from '../../lib/core/time.ts';
import { parseType, type ColumnType, type Value } from '../../lib/core/types.ts';
import { scanLines } from '../../lib/features/ingest/fast-json.ts';
import { parseRows, type ParseRowsOptions, type RowsBody } from '../../lib/features/ingest/parse-rows.ts';
import { inputColumn, inputColumns, type InputColumn } from '../../lib/features/ingest/received-rows.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';

const codec = createNdjsonCodec();
const column = (name: string, type: string, more: Partial<InputColumn> = {}): InputColumn => ({ name, type: parseType(type), nullable: true, ...more });
const columns = [column('k', 'string'), column('at', 'timestamp'), column('n', 'int'), column('b', 'bigint'), column('d', 'double')];
const parse = async (
  body: RowsBody,
  options: Partial<ParseRowsOptions> = {},
): Promise<{ readonly rows: readonly (readonly Value[])[]; readonly faults: readonly string[] }> => {
  const { batch, faults } = await parseRows({ codec }, body, { columns, ...options });
  return { rows: rowsOf(batch), faults: faults.list().map(({ row, feature, code }) => `${row} ${feature ?? '-'} ${code}`) };
};
const micros = (text: string): bigint => {
  const parsed = parseInstant(text);
  return parsed.kind === 'instant' ? parsed.micros : 0n;
};

describe('rows', () => {
  const at = '2001-01-01T10:00:00Z';
  const expected = {
    rows: [
      ['SFO', micros(at), 31, 5n, 8.25],
      ['LAX', null, null, null, -0],
    ],
    faults: [],
  };

  it('are the same from objects, JSON, NDJSON and CSV', async () => {
    const rows = [
      { k: 'SFO', at, n: 31, b: '5', d: 8.25 },
      { k: 'LAX', d: -0 },
    ];
    const lines = `{"d":8.25,"k":"SFO","at":"${at}","n":31,"b":"5"}\n\n{"k":"LAX","n":null,"d":-0.0}\r\n`;
    expect(await parse({ format: 'objects', rows })).toEqual(expected);
    expect(await parse({ format: 'json', body: `{"rows":[${lines.trim().replaceAll(/\s*\n\s*/g, ',')}]}`.replace(',,', ',') })).toEqual(expected);
    expect(await parse({ format: 'ndjson', body: lines })).toEqual(expected);
    expect(await parse({ format: 'ndjson', body: new TextEncoder().encode(`\uFEFF${lines}`) })).toEqual(expected);
    expect(await parse({ format: 'csv', body: `k,at,n,b,d\r\nSFO,${at},31,5,8.25\r\nLAX,,,,-0\r\n` })).toEqual(expected);
  });

  it('may be TypeScript values', async () => {
    const typed = [
      column('t', 'timestamp'),
      column('d', 'date'),
      column('b', 'bigint'),
      column('x', 'binary'),
      column('v', 'vector(2)'),
      column('m', 'map<int,string>'),
      column('f', 'double'),
    ];
    const row = {
      t: new Date(Date.UTC(2001, 0, 1)),
      d: new Date(Date.UTC(1970, 0, 3)),
      b: 2n ** 62n,
      x: Uint8Array.of(1, 2),
      v: Float32Array.of(1, 0.5),
      m: new Map([[1, 'a']]),
      f: NaN,
    };
    expect(await parse({ format: 'objects', rows: [row] }, { columns: typed })).toEqual({
      rows: [[micros('2001-01-01T00:00:00Z'), 2, 2n ** 62n, Uint8Array.of(1, 2), [1, 0.5], [[1, 'a']], NaN]],
      faults: [],
    });
  });

  it('name every fault by row and column, and read the rest', async () => {
    const rows = [
      { k: 12, at: '2001-01-01T10:00:00', n: '12', b: 1.5, d: 'x' },
      { k: 'ok' },
      { k: '\ud800', at: '2001-02-30T00:00:00Z', n: 2 ** 31, b: 2n ** 63n, d: 2n ** 53n + 1n },
      { k: 'c', at: 1_000_000, n: 1.5, b: 2 ** 53, d: true, extra: 1 },
      [1],
      null,
      { at: '2001-01-01T10:00:00.1234567Z' },
    ];
    const { rows: values, faults } = await parse({ format: 'objects', rows });
    expect(faults).toEqual([
      '0 k TYPE_MISMATCH',
      '0 at NAIVE_TIMESTAMP',
      '0 n TYPE_MISMATCH',
      '0 b TYPE_MISMATCH',
      '0 d TYPE_MISMATCH',
      '2 k INVALID_UNICODE',
      '2 at INVALID_TIMESTAMP',
      '2 n OUT_OF_RANGE',
      '2 b OUT_OF_RANGE',
      '2 d UNSAFE_INTEGER',
      '3 at TYPE_MISMATCH',
      '3 n TYPE_MISMATCH',
      '3 b UNSAFE_INTEGER',
      '3 d TYPE_MISMATCH',
      '3 extra UNKNOWN_FEATURE',
      '4 - TYPE_MISMATCH',
      '5 - TYPE_MISMATCH',
      '6 at TIMESTAMP_PRECISION',
    ]);
    expect(values[1]).toEqual(['ok', null, null, null, null]);
    expect(values).toHaveLength(7);
  });

  it('say what was expected and found', async () => {
    const { faults } = await parseRows({ codec }, { format: 'objects', rows: [{ n: '12' }] }, { columns });
    expect(faults.list()).toEqual([{ row: 0, feature: 'n', code: 'TYPE_MISMATCH', message: 'expected int in n, found "12"', expected: 'int', found: '"12"' }]);
  });

  it('leave unknown members out when asked to', async () => {
    const faults = (await parse({ format: 'objects', rows: [{ k: 'a', extra: 1 }, { constructor: 1 }] })).faults;
    expect(faults).toEqual(['0 extra UNKNOWN_FEATURE', '1 constructor UNKNOWN_FEATURE']);
    expect((await parse({ format: 'objects', rows: [{ k: 'a', extra: 1 }] }, { ignoreUnknown: true })).faults).toEqual([]);
    expect((await parse({ format: 'csv', body: 'k,extra\na,1\nb,\n' })).faults).toEqual(['0 extra UNKNOWN_FEATURE', '1 extra UNKNOWN_FEATURE']);
  });

  it('do not take what every object inherits for a value', async () => {
    const named = [column('constructor', 'string'), column('to_string', 'string')];
    expect(await parse({ format: 'objects', rows: [{ to_string: 'x' }] }, { columns: named })).toEqual({ rows: [[null, 'x']], faults: [] });
    expect(await parse({ format: 'json', body: '{"rows":[{"constructor":"y","to_string":"x"},{"__proto__":1}]}' }, { columns: named })).toEqual({
      rows: [
        ['y', 'x'],
        [null, null],
      ],
      faults: ['1 __proto__ UNKNOWN_FEATURE'],
    });
  });

  it('get the default of a column they omit, not of one that is null', async () => {
    const withDefault = [column('k', 'string'), column('n', 'int', { default: 7 })];
    expect((await parse({ format: 'ndjson', body: '{"k":"a"}\n{"k":"b","n":null}\n' }, { columns: withDefault })).rows).toEqual([
      ['a', 7],
      ['b', null],
    ]);
    expect((await parse({ format: 'csv', body: 'k\na\n' }, { columns: withDefault })).rows).toEqual([['a', 7]]);
    expect((await parse({ format: 'csv', body: 'k,n\na,\n' }, { columns: withDefault })).rows).toEqual([['a', null]]);
  });

  it('take epoch numbers where the column has a unit, and local times where a zone is given', async () => {
    const ms = [column('at', 'timestamp', { unit: 'ms' })];
    expect(await parse({ format: 'ndjson', body: '{"at":978307200123}\n{"at":1.5}\n{"at":9e18}\n' }, { columns: ms })).toEqual({
      rows: [[978_307_200_123_000n], [null], [null]],
      faults: ['1 at TIMESTAMP_PRECISION', '2 at OUT_OF_RANGE'],
    });
    expect((await parse({ format: 'csv', body: 'at\n978307200123\n' }, { columns: ms })).rows).toEqual([[978_307_200_123_000n]]);
    const times = [column('at', 'timestamp')];
    const body = 'at\n2001-03-25 01:59:59\n2001-03-25 02:30:00\n2001-10-28 02:30:00\n2001-07-01 12:00:00\n2001-07-01 12:00:00+00:00\n';
    expect(await parse({ format: 'csv', body }, { columns: times, timezone: 'Europe/Vienna' })).toEqual({
      rows: [[micros('2001-03-25T00:59:59Z')], [null], [null], [micros('2001-07-01T10:00:00Z')], [micros('2001-07-01T12:00:00Z')]],
      faults: ['1 at INVALID_TIMESTAMP', '2 at INVALID_TIMESTAMP'],
    });
    expect((await parse({ format: 'csv', body }, { columns: times, timezone: 'UTC' })).faults).toEqual([]);
    expect((await parse({ format: 'csv', body }, { columns: times })).faults).toHaveLength(4);
    await expect(parse({ format: 'csv', body }, { columns: times, timezone: 'Mars/Base' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each([
    ['json', '{"rows":[{"k":"a"}', 'MALFORMED_JSON'],
    ['json', '[]', 'INVALID_ARGUMENT'],
    ['json', '{"rows":{}}', 'INVALID_ARGUMENT'],
    ['json', '{}', 'INVALID_ARGUMENT'],
    ['json', '{"rows":[],"row":[]}', 'UNKNOWN_FIELD'],
    ['json', '{"rows":[{"k":"a","k":"a"}]}', 'DUPLICATE_KEY'],
    ['json', '{"rows":[],"rows":[]}', 'DUPLICATE_KEY'],
    ['json', '{"rows":[{"d":1e999}]}', 'MALFORMED_JSON'],
    ['ndjson', '{"k":"a"}\n{"k":', 'MALFORMED_FILE'],
    ['ndjson', '{"k":"a"}{"k":"b"}', 'MALFORMED_FILE'],
    ['ndjson', '{"k":"a","k":"b"}', 'DUPLICATE_KEY'],
    ['ndjson', '{"k":"\\"","k":"b"}', 'DUPLICATE_KEY'],
    ['csv', '', 'MALFORMED_FILE'],
  ] as const)('refuse the broken %s body %s', async (format, body, code) => {
    await expect(parse({ format, body })).rejects.toMatchObject({ code });
  });

  it('are none of millions of blank lines, and a line of another control character is broken', async () => {
    expect((await parse({ format: 'ndjson', body: ' \t\r\n'.repeat(2_000_000) })).rows).toEqual([]);
    await expect(parse({ format: 'ndjson', body: '\u0001\n' })).rejects.toMatchObject({ code: 'MALFORMED_FILE', context: { row: 0 } });
  });

  it('are no more than a request may have: lines behind them are not looked at', () => {
    expect(scanLines('1\n\n2\n', { linesMax: 2 })).toHaveLength(2);
    expect(() => scanLines('1\n2\n3\n"', { linesMax: 2 })).toThrow('expected at most 5000000 rows, found more');
  });

  it('name the row of a broken line', async () => {
    await expect(parse({ format: 'ndjson', body: '{"k":"a"}\n\n{"k":"b",}\n' })).rejects.toMatchObject({ code: 'MALFORMED_FILE', context: { row: 1 } });
    await expect(parse({ format: 'ndjson', body: Uint8Array.of(0xff, 0xfe) })).rejects.toMatchObject({ code: 'MALFORMED_FILE' });
    await expect(parse({ format: 'json', body: Uint8Array.of(0x22, 0xff, 0x22) })).rejects.toMatchObject({ code: 'MALFORMED_JSON' });
  });

  it('keep every digit of big integers, and put them into bigint columns only', async () => {
    const body =
      '{"b":9007199254740993}\n{"b":"-9223372036854775808"}\n{"b":9223372036854775808}\n{"d":9007199254740993}\n{"n":9007199254740993}\n{"d":100000000000000000000}\n';
    expect(await parse({ format: 'ndjson', body })).toEqual({
      rows: [
        [null, null, null, 9_007_199_254_740_993n, null],
        [null, null, null, -(2n ** 63n), null],
        [null, null, null, null, null],
        [null, null, null, null, null],
        [null, null, null, null, null],
        [null, null, null, null, 1e20],
      ],
      faults: ['2 b OUT_OF_RANGE', '3 d UNSAFE_INTEGER', '4 n OUT_OF_RANGE'],
    });
  });

  it('stand in table order: keys, event time, features', () => {
    const definition = parseFeatureGroup({
      name: 'g',
      primaryKey: ['b', 'a'],
      eventTime: 't',
      schema: [
        { name: 'v', type: 'int', default: 4 },
        { name: 't', type: 'timestamp', unit: 's' },
        { name: 'a', type: 'int' },
        { name: 'b', type: 'int' },
      ],
    });
    expect(inputColumns(definition)).toEqual([
      { name: 'b', type: { kind: 'int' }, nullable: false },
      { name: 'a', type: { kind: 'int' }, nullable: false },
      { name: 't', type: { kind: 'timestamp' }, nullable: false, unit: 's' },
      { name: 'v', type: { kind: 'int' }, nullable: false, default: 4 },
    ]);
    expect(inputColumn({ name: 'x', type: 'date', nullable: true })).toEqual({ name: 'x', type: { kind: 'date' }, nullable: true });
  });

  it('are faulty without limit, but remembered in words up to ten thousand', async () => {
    const { faults } = await parseRows({ codec }, { format: 'objects', rows: Array.from({ length: 10_500 }, () => ({ n: 'x' })) }, { columns });
    expect({ count: faults.count, faultyRows: faults.faultyRows, listed: faults.list().length, sound: faults.soundRows()?.length }).toEqual({
      count: 10_500,
      faultyRows: 10_500,
      listed: 10_000,
      sound: 0,
    });
  });
});

/** Values of a type, in the form of types.ts. */
function valuesOf(type: ColumnType): fc.Arbitrary<Value> {
  const text = fc.string({ unit: 'binary' });
  switch (type.kind) {
    case 'boolean':
      return fc.boolean();
    case 'int':
      return fc.integer();
    case 'bigint':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float':
      return fc.float();
    case 'double':
      return fc.double();
    case 'decimal':
      return fc.bigInt({ min: -(10n ** BigInt(type.precision)) + 1n, max: 10n ** BigInt(type.precision) - 1n });
    case 'string':
      return text;
    case 'binary':
      return fc.uint8Array();
    case 'date':
      return fc.integer({ min: -719_162, max: 2_932_896 });
    case 'timestamp':
    case 'timestampNtz':
      return fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    case 'array':
      return fc.array(fc.option(valuesOf(type.element)), { maxLength: 4 });
    case 'vector':
      return fc.array(fc.float(), { minLength: type.length, maxLength: type.length });
    case 'struct':
      return fc.tuple(...type.fields.map((field) => fc.option(valuesOf(field.type))));
    case 'map':
      return fc
        .uniqueArray(fc.tuple(valuesOf(type.key), fc.option(valuesOf(type.value))), { maxLength: 4, selector: ([key]) => String(key) })
        .map((entries) => entries.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
    case 'void':
      return fc.constant(null);
  }
}

const TYPES = [
  'boolean',
  'int',
  'bigint',
  'float',
  'double',
  'decimal(38,0)',
  'decimal(9,4)',
  'string',
  'binary',
  'date',
  'timestamp',
  'timestampNtz',
  'vector(3)',
  'array<bigint>',
  'array<array<string>>',
  'struct<a:int,b:struct<c:double,d:timestamp>>',
  'map<string,float>',
  'map<int,array<date>>',
];
const sorted = (type: ColumnType, value: Value): Value =>
  type.kind === 'map' && Array.isArray(value)
    ? value.toSorted((a: Value, b: Value) => (String(Array.isArray(a) ? a[0] : a) < String(Array.isArray(b) ? b[0] : b) ? -1 : 1))
    : value;

describe('a value', () => {
  it.each(TYPES)('of %s survives its canonical JSON', (name) => {
    const type = parseType(name);
    fc.assert(
      fc.property(fc.option(valuesOf(type)), (value) => {
        const line = canonicalRow([{ name: 'v', type, nullable: true }], [value]);
        const json = parseJson(line);
        const back = toValue(type, Object.values(json as object)[0]);
        expect(back.kind === 'value' ? { kind: 'value', value: sorted(type, back.value) } : back).toEqual({ kind: 'value', value });
      }),
      { numRuns: 150 },
    );
  });

  it.each(TYPES.filter((name) => name !== 'timestampNtz'))('of %s survives NDJSON ingestion, whatever reads its line', async (name) => {
    const type = parseType(name);
    const only = [{ name: 'v', type, nullable: true }];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(valuesOf(type)), { maxLength: 5 }), async (values) => {
        const body = values.map((value) => `${canonicalRow(only, [value])}\n`).join('');
        const { rows, faults } = await parse({ format: 'ndjson', body }, { columns: only });
        expect({ rows: rows.map(([value = null]) => [sorted(type, value)]), faults }).toEqual({ rows: values.map((value) => [value]), faults: [] });
      }),
      { numRuns: 50 },
    );
  });
});

describe('fast reading of JSON', () => {
  it('agrees with strict reading, value for value and refusal for refusal', async () => {
    const texts = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.jsonValue({ maxDepth: 4 }).map((value) => stringifyJson(value)),
      fc
        .array(fc.constantFrom('{', '}', '[', ']', '"a"', '"a":', '"b":', ',', '1', '"', '\\', ' ', 'null', '12345678901234567', '1e999', '-0'), {
          maxLength: 14,
        })
        .map((parts) => parts.join('')),
    );
    const { parseJsonFast } = await import('../../lib/features/ingest/fast-json.ts');
    const outcome = (run: () => unknown): unknown => {
      try {
        return { value: stringifyJson(run()) };
      } catch (error) {
        return { error: (error as { code?: string }).code };
      }
    };
    fc.assert(
      fc.property(texts, (text) => {
        expect(outcome(() => parseJsonFast(text))).toEqual(outcome(() => parseJson(text, { loneSurrogates: 'keep' })));
      }),
      { numRuns: 2000 },
    );
  });
});
