/** Values on their way to and from the routes: what a local store gives for a JSON form, the client gives too. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoderOf, encode } from '../../lib/client/values.ts';
import { toValue } from '../../lib/core/input-values.ts';
import { parseJson, stringifyJson } from '../../lib/core/json.ts';
import { formatType } from '../../lib/core/types.ts';
import { toJson } from '../../lib/online/json-output.ts';
import { toNative } from '../../lib/online/native-values.ts';
import { anyType } from '../support/any-type.ts';

describe('values of an answer', () => {
  it.each([
    ['boolean', true, true],
    ['int', 7, 7],
    ['bigint', 7, 7n],
    ['bigint', '9007199254740993', 9_007_199_254_740_993n],
    ['double', 'NaN', Number.NaN],
    ['float', '-Infinity', Number.NEGATIVE_INFINITY],
    ['double', 0.5, 0.5],
    ['decimal(9,2)', '1.50', '1.50'],
    ['string', 'NaN', 'NaN'],
    ['binary', 'AP8=', Uint8Array.of(0, 255)],
    ['date', '2001-03-01', '2001-03-01'],
    ['timestamp', '2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z'],
    ['vector(2)', [1, 'NaN'], Float32Array.of(1, Number.NaN)],
    ['array<bigint>', [1, null], [1n, null]],
    ['struct<a:int,b:array<struct<c:bigint>>>', { a: 1, b: [{ c: 2 }] }, { a: 1, b: [{ c: 2n }] }],
    ['map<string,decimal(4,1)>', { x: '1.0' }, new Map([['x', '1.0']])],
    ['map<bigint,map<string,bigint>>', [[1, { y: 2 }]], new Map([[1n, new Map([['y', 2n]])]])],
    ['a type of tomorrow', { any: 1 }, { any: 1 }],
  ])('%s %j', (type, json, value) => {
    expect(decoderOf(type)(json)).toEqual(value);
    expect(decoderOf(type)(null)).toBeNull();
  });
});

describe('values of a request', () => {
  it.each([
    [7n, '"7"'],
    [-0, '-0.0'],
    [1e21, '1e+21'],
    [Number.NaN, '"NaN"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
    ['é"\n', '"é\\"\\n"'],
    [null, 'null'],
    [undefined, 'null'],
    [new Date('2001-03-01T10:00:00Z'), '"2001-03-01T10:00:00.000Z"'],
    [Uint8Array.of(0, 255), '"AP8="'],
    [Float32Array.of(1, 2.5), '[1,2.5]'],
    [new Map([['a', 1n]]), '{"a":"1"}'],
    [new Map([[1, 'x']]), '[[1,"x"]]'],
    [{ a: undefined, b: [true, -0] }, '{"b":[true,-0.0]}'],
  ])('%s is %s', (value, text) => {
    expect(encode(value)).toBe(text);
  });
});

describe('a value of any type', () => {
  const typedValues = anyType.chain(([type, values]) => values.map((value) => ({ type, value })));

  it('comes out as a local store gives it', () => {
    fc.assert(
      fc.property(typedValues, fc.constantFrom('number' as const, 'string' as const), ({ type, value }, bigintAs) => {
        const sent: unknown = JSON.parse(stringifyJson(toJson(type, value, { bigintAs })));
        expect(decoderOf(formatType(type))(sent)).toEqual(toNative(type, value));
      }),
    );
  });

  it('goes in as it came out', () => {
    fc.assert(
      fc.property(typedValues, ({ type, value }) => {
        expect(toValue(type, parseJson(encode(toNative(type, value))), {})).toEqual({ kind: 'value', value });
      }),
    );
  });
});
