/** Spark SQL as constraints use it: what it means, and what is refused rather than guessed. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { parseType, type Value } from '../../../lib/core/types.ts';
import { bindBoolean } from '../../../lib/delta/sql/sql-evaluate.ts';
import { parseSqlExpression } from '../../../lib/delta/sql/sql-parser.ts';
import { ruleOfField } from '../../../lib/delta/schema/value-rules.ts';

const COLUMNS = Object.entries({
  i: 'int',
  l: 'bigint',
  d: 'double',
  f: 'float',
  m: 'decimal(10,2)',
  s: 'string',
  b: 'boolean',
  day: 'date',
  t: 'timestamp',
  n: 'int',
  r: 'struct<a:int,b:struct<c:string>>',
  'odd name': 'int',
  y: 'int',
  h: 'int',
  c: 'string',
}).map(([name, type]) => ({ name, type: parseType(type), nullable: true }));
// As Spark's TINYINT, SMALLINT and CHAR(3).
const RULES = new Map(
  Object.entries({ y: { type: 'byte' }, h: { type: 'short' }, c: { type: 'string', metadata: { __CHAR_VARCHAR_TYPE_STRING: 'char(3)' } } }).flatMap(
    ([name, field]) => {
      const rule = ruleOfField(field);
      return rule === undefined ? [] : [[name, rule] as const];
    },
  ),
);
// 2001-02-03 and 2001-02-03T04:05:06Z; `n` is null.
const ROW: readonly Value[] = [
  7,
  9_007_199_254_740_993n,
  1.5,
  Math.fround(0.1),
  1250n,
  'ab%c',
  true,
  11_356,
  981_173_106_000_000n,
  null,
  [4, ['x']],
  3,
  100,
  30_000,
  'abc',
];

function evaluate(text: string): Value {
  return bindBoolean(parseSqlExpression(text), { batch: batchOfRows(COLUMNS, [ROW]), rules: RULES }).at(0);
}

describe('a condition', () => {
  it.each<[string, Value]>([
    ['i = 7', true],
    ['i == 7 AND i <> 8', true],
    ['I > 7 OR l > 9007199254740992', true],
    ['l = 9007199254740993', true],
    ['l = 9007199254740992L', false],
    ['i BETWEEN 1 AND 7', true],
    ['i NOT BETWEEN 1 AND 7', false],
    ['i IN (1, 7)', true],
    ['i IN (1, NULL)', null],
    ['i IN (7, NULL)', true],
    ['i NOT IN (1, NULL)', null],
    ['n > 0', null],
    ['NOT n > 0', null],
    ['n > 0 OR i = 7', true],
    ['n > 0 AND i = 8', false],
    ['n > 0 AND i = 7', null],
    ['n IS NULL AND i IS NOT NULL', true],
    ['n <=> NULL', true],
    ['n <=> 1', false],
    ['n = NULL', null],
    ['d = 1.5', true],
    ['d >= 1', true],
    ['f > 0', true],
    ['f < 0.5', true],
    ['m = 12.5', true],
    ['m > 12.49 AND m < 12.501', true],
    ['m * 2 = 25', true],
    ['m + 0.001 > m', true],
    ['-i < 0', true],
    ['i - 8 = -1', true],
    ['i % 4 = 3', true],
    ['-i % 4 = -3', true],
    ['i / 2 = 3.5', true],
    ['i + 1 * 2 = 9', true],
    ['(i + 1) * 2 = 16', true],
    ["s LIKE 'ab%'", true],
    ["s LIKE 'ab\\%c'", true],
    ["s LIKE '_b_c'", true],
    ["s LIKE 'b%'", false],
    ["s NOT LIKE '%z'", true],
    ["s = 'ab%c'", true],
    ['s = "ab%c"', true],
    ["s < 'b'", true],
    ['b', true],
    ['NOT b', false],
    ['b = TRUE', true],
    ["day = DATE'2001-02-03'", true],
    ["day >= '2001-02-03'", true],
    ["t = TIMESTAMP '2001-02-03 04:05:06Z'", true],
    ["t < '2001-02-03T05:05:06+01:00'", false],
    ['r.a = 4', true],
    ["r.b.c = 'x'", true],
    ['`odd name` = 3', true],
    ['CAST(i AS BIGINT) = 7L', true],
    ["CAST(i AS STRING) = '7'", true],
    ['CAST(m AS DOUBLE) = 12.5D', true],
    ['CAST(NULL AS INT) IS NULL', true],
    ['i = 7 -- no', 'refused'],
    ['i = -(-7)', true],
    ['y + 1 > 127', false],
    ['y + 28 = 128', true],
    ['y + 27Y = 127Y', true],
    ['h + y = 30100', true],
    ['CAST(y AS INT) * CAST(y AS INT) = 10000', true],
    ['y IN (100, 300)', true],
    ['y / 8 = 12.5D', true],
  ])('%s is %j', (text, expected) => {
    if (expected === 'refused') expect(() => evaluate(text)).toThrow();
    else expect(evaluate(text)).toBe(expected);
  });

  it('holds NaN for equal to itself and above all others', () => {
    const batch = batchOfRows([{ name: 'd', type: { kind: 'double' }, nullable: true }], [[Number.NaN], [-0]]);
    const at = (text: string, row: number): Value => bindBoolean(parseSqlExpression(text), { batch }).at(row);
    expect([at('d = d', 0), at('d > 1e308', 0), at('d = 0', 1)]).toEqual([true, true, true]);
  });

  it.each([
    ['i', 'a condition'],
    ['i = ', 'a value'],
    ['i = 7 8', 'the end'],
    ['i < 7 < 8', 'parentheses'],
    ['length(s) > 1', 'no function'],
    ['x > 1', 'a column of the table'],
    ['r.z = 1', 'a struct with a field z'],
    ['s > 1', 'two values of one type'],
    ["i = '7'", 'two values of one type'],
    ["day = TIMESTAMP'2001-02-03T00:00:00Z'", 'two values of one type'],
    ["t > '2001-02-03'", 'a timestamp with its offset'],
    ["TIMESTAMP'2001-02-03 00:00:00' < t", 'a timestamp with its offset'],
    ['f > i', 'a double, or a literal'],
    ['f > 0.1', 'a double, or a literal'],
    ['m / 3 > 1', 'doubles or whole numbers'],
    ['CAST(s AS INT) > 1', 'a cast to int'],
    ['CAST(t AS DATE) IS NULL', 'a cast to date'],
    ['s LIKE s', 'a pattern in quotes'],
    ["s RLIKE 'a'", 'the end'],
    ["INTERVAL '1' DAY IS NULL", 'a value'],
    ['r = r', 'two values of one type'],
    ["s = 'a' 'b'", 'the end'],
    ["s = R'a'", 'no typed literal'],
    ['i # 1', 'an expression'],
    ["s = '\\012'", 'an escaped quote'],
    ['1e400 > d', 'a number that a double holds'],
    ['f < 1e39F', 'a number that a float holds'],
    ['y = 128Y', 'a whole number of 8 bits'],
    ['h < 32768S', 'a whole number of 16 bits'],
    ['l < 9223372036854775808L', 'a whole number of 64 bits'],
    ["c = 'abc'", 'another type than CHAR(3)'],
    ['l IN (1, 2e0)', 'exact numbers in a list'],
    ['m IN (1, 12345678901234567890123456789012345BD, 0.0001)', 'decimals that fit 38 digits'],
    ["t IN ('2001-02-03T04:05:06Z')", 'timestamps in one list'],
    ["'2001-02-03T04:05:06Z' IN (t)", 'timestamps in one list'],
    ['('.repeat(200) + 'b' + ')'.repeat(200), 'nested at most'],
  ])('refuses %s', (text, expected) => {
    expect(() => evaluate(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(expected) }));
  });

  it.each(['y + y > 0', 'y + 28Y > 0', '-y - y < 0', 'h * h > 0', 'h + 2768S > 0', 'i + 2147483647 > 0', 'l * 9007199254740993 > 0', 'i % 0 = 1', 'd / 0 > 1'])(
    'has no value for %s',
    (text) => {
      expect(() => evaluate(text)).toThrow(expect.objectContaining({ code: 'CONSTRAINT_VIOLATED' }));
    },
  );

  it('matches a hostile pattern in linear time', () => {
    const batch = batchOfRows([{ name: 's', type: { kind: 'string' }, nullable: true }], [['a'.repeat(2000)]]);
    expect(bindBoolean(parseSqlExpression(`s LIKE '${'%a'.repeat(100)}%b'`), { batch }).at(0)).toBe(false);
  });
});
