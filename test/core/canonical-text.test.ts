import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, batchOfRows, rowAt } from '../../lib/core/batch.ts';
import { canonicalLines, canonicalRow } from '../../lib/core/canonical.ts';
import { formatInstant, instant } from '../../lib/core/time.ts';

const FIRST = instant('0001-01-01T00:00:00Z');
const LAST = instant('9999-12-31T23:59:59.999999Z');

describe('an instant as text', () => {
  it('is what Date writes, with microseconds and without zeros at the end, in every year', () => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt({ min: FIRST, max: LAST }), fc.bigInt({ min: -2_000_000n, max: 2_000_000n })), (micros) => {
        const millis = Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n);
        const digits = `${new Date(millis).toISOString().slice(20, 23)}${String(((micros % 1000n) + 1000n) % 1000n).padStart(3, '0')}`.replace(/0+$/, '');
        expect(formatInstant(micros)).toBe(`${new Date(millis).toISOString().slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`);
        expect(instant(formatInstant(micros))).toBe(micros);
      }),
      { numRuns: 2000 },
    );
    expect([-1n, FIRST, LAST, 2n ** 53n, 2n ** 53n + 1n].map(formatInstant)).toEqual([
      '1969-12-31T23:59:59.999999Z',
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999999Z',
      '2255-06-05T23:47:34.740992Z',
      '2255-06-05T23:47:34.740993Z',
    ]);
  });
});

describe('canonical lines', () => {
  const batch: Batch = batchOfRows(
    [
      { name: 'n', type: { kind: 'bigint' }, nullable: true },
      { name: 'at', type: { kind: 'timestamp' }, nullable: true },
      { name: 's', type: { kind: 'string' }, nullable: true },
      { name: 'd', type: { kind: 'double' }, nullable: true },
    ],
    [
      [2n ** 53n - 1n, 0n, 'a"\n', 0.1],
      [2n ** 53n, -1n, '', -0],
      [-(2n ** 53n), null, null, Number.NaN],
      [null, 1n, 'é', 1e21],
      [-(2n ** 63n), 5n, 'x', null],
    ],
  );

  it('of a range are those of its rows, one by one', () => {
    const lines = Array.from({ length: batch.rowCount }, (_, i) => `${canonicalRow(batch.columns, rowAt(batch, i))}\n`);
    expect(canonicalLines(batch, 0, 5)).toBe(lines.join(''));
    expect([canonicalLines(batch, 1, 3), canonicalLines(batch, 2, 2)]).toEqual([lines.slice(1, 3).join(''), '']);
    expect(canonicalLines({ columns: [], vectors: [], rowCount: 2 }, 0, 2)).toBe('{}\n{}\n');
  });
});
