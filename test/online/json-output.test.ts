import { describe, expect, it } from 'vitest';
import { canonicalValue } from '../../lib/core/canonical.ts';
import { stringifyJson } from '../../lib/core/json.ts';
import { parseType, type Value } from '../../lib/core/types.ts';
import { toJson } from '../../lib/online/json-output.ts';

const CASES: readonly [type: string, value: Value, text: string][] = [
  ['boolean', true, 'true'],
  ['int', -5, '-5'],
  ['bigint', 9_007_199_254_740_991n, '9007199254740991'],
  ['bigint', -9_007_199_254_740_992n, '"-9007199254740992"'],
  ['double', -0, '-0.0'],
  ['double', NaN, '"NaN"'],
  ['float', -Infinity, '"-Infinity"'],
  ['float', Math.fround(0.1), '0.10000000149011612'],
  ['decimal(9,2)', -50n, '"-0.50"'],
  ['string', 'é"', '"é\\""'],
  ['binary', Uint8Array.of(255, 0), '"/wA="'],
  ['date', -1, '"1969-12-31"'],
  ['timestamp', 1_500_000n, '"1970-01-01T00:00:01.5Z"'],
  ['vector(2)', [1, NaN], '[1,"NaN"]'],
  ['array<bigint>', [1n, null], '[1,null]'],
  ['struct<a:int,b:string>', [1, null], '{"a":1,"b":null}'],
  [
    'map<string,int>',
    [
      ['z', 1],
      ['a', 2],
    ],
    '{"a":2,"z":1}',
  ],
  [
    'map<int,int>',
    [
      [2, 1],
      [1, null],
    ],
    '[[1,null],[2,1]]',
  ],
  ['string', null, 'null'],
];

describe('toJson', () => {
  it.each(CASES)('prints a %s as canonical rows do: %s → %s', (type, value, text) => {
    expect(stringifyJson(toJson(parseType(type), value, { bigintAs: 'number' }))).toBe(text);
    expect(canonicalValue(parseType(type), value, {})).toBe(text);
  });

  it('gives every bigint as a string when asked to, nested ones too', () => {
    expect(toJson(parseType('array<bigint>'), [1n, -2n], { bigintAs: 'string' })).toEqual(['1', '-2']);
  });
});
