/** Rows of the catalogue: what types and readers stumble over. */
import type { TableColumnInput, TableRow } from '../../lib/delta/index.ts';

const nullable = (name: string, type: string): TableColumnInput => ({ name, type, nullable: true });

export const PLAIN_SCHEMA: readonly TableColumnInput[] = [
  { name: 'id', type: 'bigint' },
  nullable('g', 'string'),
  nullable('k', 'string'),
  nullable('v', 'double'),
  nullable('at', 'timestamp'),
];

/** Row `n`, other in its `k`. */
export function plainRow(n: number, k: string | null = `k${n % 13}`): TableRow {
  const micros = String(n * 1001)
    .padStart(6, '0')
    .slice(-6);
  return { id: BigInt(n), g: n % 5 === 0 ? null : `g ${n % 3}`, k, v: n % 4 === 1 ? null : n / 8, at: `2024-02-29T01:02:03.${micros}Z` };
}

export const SCALARS: readonly TableColumnInput[] = [
  { name: 'id', type: 'bigint' },
  nullable('flag', 'boolean'),
  nullable('i', 'int'),
  nullable('f', 'float'),
  nullable('d', 'double'),
  nullable('d9', 'decimal(9,2)'),
  nullable('d18', 'decimal(18,4)'),
  nullable('d38', 'decimal(38,18)'),
  nullable('s', 'string'),
  nullable('b', 'binary'),
  nullable('day', 'date'),
  nullable('at', 'timestamp'),
];

const NINES = '9'.repeat(20);

export const EXTREME_ROWS: readonly TableRow[] = [
  {
    id: 9_223_372_036_854_775_807n,
    flag: true,
    i: 2_147_483_647,
    f: Infinity,
    d: Infinity,
    d9: '9999999.99',
    d18: '99999999999999.9999',
    d38: `${NINES}.${'9'.repeat(18)}`,
    s: 'a"\\é\u{1F600}\u0001\n',
    b: Uint8Array.of(0, 255, 128),
    day: '9999-12-31',
    at: '9999-12-31T23:59:59.999999Z',
  },
  {
    id: -9_223_372_036_854_775_808n,
    flag: false,
    i: -2_147_483_648,
    f: -Infinity,
    d: -Infinity,
    d9: '-9999999.99',
    d18: '-99999999999999.9999',
    d38: `-${NINES}.${'9'.repeat(18)}`,
    s: '',
    b: Uint8Array.of(),
    day: '0001-01-01',
    at: '0001-01-01T00:00:00Z',
  },
  {
    id: 0n,
    flag: true,
    i: 0,
    f: -0,
    d: -0,
    d9: '0.00',
    d18: '0.0001',
    d38: '0.000000000000000001',
    s: ' ',
    b: Uint8Array.of(0),
    day: '1970-01-01',
    at: '1970-01-01T00:00:00Z',
  },
  { id: 1n, f: NaN, d: NaN, d9: '-0.01', d18: '-0.0001', d38: '-0.000000000000000001', s: 'NULL', day: '1969-12-31', at: '1969-12-31T23:59:59.999999Z' },
  { id: 2n, f: 1.401298464324817e-45, d: 5e-324, i: -1, s: '__HIVE_DEFAULT_PARTITION__', at: '2024-02-29T01:02:03.000004Z', day: '2024-02-29' },
  { id: 3n, f: 3.4028234663852886e38, d: 1.7976931348623157e308, s: '\uFFFD\u{10FFFF}', at: '1582-10-04T00:00:00Z', day: '1582-10-15' },
  { id: 4n },
];

export const LOCAL_TIME_ROWS: readonly TableRow[] = [
  { id: 1n, n: '2024-02-29T01:02:03.000004' },
  { id: 2n, n: '0001-01-01T00:00:00' },
  { id: 3n, n: '9999-12-31T23:59:59.999999' },
  { id: 4n, n: null },
];

export const NESTED_SCHEMA: readonly TableColumnInput[] = [
  { name: 'id', type: 'bigint' },
  nullable('numbers', 'array<int>'),
  nullable('texts', 'array<array<string>>'),
  nullable('point', 'struct<x:int,y:array<struct<p:string,q:decimal(10,2)>>>'),
  nullable('counts', 'map<string,bigint>'),
  nullable('deep', 'map<string,array<struct<at:timestamp,f:double>>>'),
];

export const NESTED_ROWS: readonly TableRow[] = [
  {
    id: 1n,
    numbers: [1, null, 3],
    texts: [['a', null], [], ['ü']],
    point: {
      x: 1,
      y: [
        { p: 'q', q: '1.50' },
        { p: null, q: null },
      ],
    },
    counts: new Map([
      ['z', 9_223_372_036_854_775_807n],
      ['a', null],
    ]),
    deep: new Map([
      [
        'k',
        [
          { at: '2024-02-29T01:02:03.000004Z', f: NaN },
          { at: null, f: -0 },
        ],
      ],
    ]),
  },
  { id: 2n, numbers: [], texts: [], point: { x: null, y: null }, counts: new Map(), deep: new Map([['', []]]) },
  { id: 3n },
  { id: 4n, numbers: [null], texts: [null, [null]], point: { x: 7, y: [] }, counts: new Map([['', 0n]]), deep: new Map([['n', null]]) },
];

export const ODD_PARTITIONS: readonly TableColumnInput[] = [
  { name: 'id', type: 'bigint' },
  nullable('p_s', 'string'),
  nullable('p_i', 'int'),
  nullable('p_n', 'decimal(10,2)'),
  nullable('p_day', 'date'),
  nullable('p_at', 'timestamp'),
  nullable('p_flag', 'boolean'),
  nullable('p_d', 'double'),
];

export const ODD_PARTITION_ROWS: readonly TableRow[] = [
  { id: 1n, p_s: 'plain', p_i: 7, p_n: '1.50', p_day: '2024-02-29', p_at: '2024-02-29T01:02:03.000004Z', p_flag: true, p_d: 1.5 },
  { id: 2n, p_s: 'sp ace/%=:é?#&+"\'\\{}[]^~*', p_i: -7, p_n: '-0.01', p_day: '0001-01-01', p_at: '1969-12-31T23:59:59.5Z', p_flag: false, p_d: NaN },
  { id: 3n, p_s: '..', p_i: 0, p_n: '0.00', p_day: '9999-12-31', p_at: '9999-12-31T23:59:59.999999Z', p_flag: true, p_d: -Infinity },
  { id: 4n, p_s: '%2F\u{1F600}\n\t', p_i: 2_147_483_647, p_n: '99999999.99', p_day: '1970-01-01', p_at: '1970-01-01T00:00:00Z', p_flag: false, p_d: 1e300 },
  { id: 5n, p_s: null },
];

/** Texts around the 32 characters that statistics keep. */
export function stringRow(n: number): TableRow {
  const texts = ['x'.repeat(31), 'x'.repeat(33), '\u{1F600}'.repeat(40), '\u{10FFFF}'.repeat(33), `${'é'.repeat(32)}z`];
  return { id: BigInt(n), s: n === 8 ? null : (texts[n % texts.length] ?? null) };
}
