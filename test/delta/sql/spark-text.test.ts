import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText, doubleText, floatText, localMicrosText, microsText, millisText } from '../../../lib/delta/sql/spark-text.ts';

describe('numbers as Java prints them', () => {
  it.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [-2.5, '-2.5'],
    [100, '100.0'],
    [0.001, '0.001'],
    [0.0001, '1.0E-4'],
    [9_999_999, '9999999.0'],
    [10_000_000, '1.0E7'],
    [1.5e10, '1.5E10'],
    [1e21, '1.0E21'],
    [1.25e-7, '1.25E-7'],
    [123_456.789, '123456.789'],
    [5e-324, '5.0E-324'],
    [1.7976931348623157e308, '1.7976931348623157E308'],
  ])('double %s', (value, text) => {
    expect(doubleText(value)).toBe(text);
  });

  it.each([
    [Math.fround(3.14), '3.14'],
    [Math.fround(0.1), '0.1'],
    [16_777_216, '1.6777216E7'],
    [Math.fround(1e-10), '1.0E-10'],
    [-0, '-0.0'],
    [Math.fround(3.4028235e38), '3.4028235E38'],
  ])('float %s', (value, text) => {
    expect(floatText(value)).toBe(text);
  });

  it('are read back exactly', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(doubleText(value))).toBe(value);
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Math.fround(Number(floatText(value)))).toBe(value);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [12_345n, 2, '123.45'],
    [-5n, 1, '-0.5'],
    [0n, 2, '0.00'],
    [1n, 6, '0.000001'],
    [1n, 7, '1E-7'],
    [-125n, 10, '-1.25E-8'],
    [7n, 0, '7'],
  ])('decimal %s at scale %s', (unscaled, scale, text) => {
    expect(decimalText(unscaled, scale)).toBe(text);
  });
});

describe('instants', () => {
  it('are floored to the millisecond, also before 1970', () => {
    expect([millisText(1_686_832_200_000_999n, 'Z'), millisText(-1n, ''), millisText(1_500_000n, 'Z'), millisText(10n ** 18n, 'Z')]).toEqual([
      '2023-06-15T12:30:00.000Z',
      '1969-12-31T23:59:59.999',
      '1970-01-01T00:00:01.500Z',
      undefined,
    ]);
  });

  it('keep six digits in partition values', () => {
    expect([microsText(123_456n), localMicrosText(0n)]).toEqual(['1970-01-01T00:00:00.123456Z', '1970-01-01 00:00:00.000000']);
  });
});
