/** Least and greatest values, beside an oracle that sorts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorOf } from '../../../lib/core/batch.ts';
import { compareUtf8 } from '../../../lib/core/bytes.ts';
import { parseType, type Value } from '../../../lib/core/types.ts';
import { extremes } from '../../../lib/delta/statistics/extremes.ts';

const LONG = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
/** Texts on both sides of where the order of code units and that of bytes part. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u{ff5e}', '\u{1f600}', '\u{10ffff}', '\ud7ff', '\ue000'), maxLength: 4 });

const KINDS: readonly (readonly [string, fc.Arbitrary<Value>, (a: Value, b: Value) => number])[] = [
  ['string', text, (a, b) => compareUtf8(String(a), String(b))],
  ['bigint', fc.bigInt(LONG), order],
  ['timestamp', fc.bigInt({ min: -3n, max: 3n }), order],
  ['decimal(38,2)', fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }), order],
  ['int', fc.integer(), order],
  ['double', fc.double({ noNaN: true }), order],
];

function order(a: Value, b: Value): number {
  if (Object.is(a, -0) !== Object.is(b, -0) && Number(a) === 0 && Number(b) === 0) return Object.is(a, -0) ? -1 : 1;
  return (a ?? 0) < (b ?? 0) ? -1 : (a ?? 0) > (b ?? 0) ? 1 : 0;
}

describe('extremes of a column', () => {
  for (const [type, value, compare] of KINDS) {
    it(`are the ends of its sorted values, nulls counted aside: ${type}`, () => {
      fc.assert(
        fc.property(fc.array(fc.option(value), { maxLength: 12 }), (values) => {
          const sorted = values.filter((each) => each !== null).toSorted(compare);
          expect(extremes(parseType(type), vectorOf(parseType(type), values))).toEqual({
            min: sorted[0],
            max: sorted.at(-1),
            nullCount: values.length - sorted.length,
          });
        }),
      );
    });
  }

  it('are none with a NaN among the values, and none of a type without order', () => {
    expect(extremes({ kind: 'double' }, vectorOf({ kind: 'double' }, [1, Number.NaN, null, 2]))).toEqual({ min: undefined, max: undefined, nullCount: 1 });
    expect(extremes({ kind: 'boolean' }, vectorOf({ kind: 'boolean' }, [true, null]))).toEqual({ min: undefined, max: undefined, nullCount: 1 });
    expect(extremes({ kind: 'binary' }, vectorOf({ kind: 'binary' }, [null, new Uint8Array(1)]))).toEqual({ min: undefined, max: undefined, nullCount: 1 });
  });
});
