import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOfRows, type Batch } from '../../../lib/core/batch.ts';
import { compareUtf8 } from '../../../lib/core/bytes.ts';
import { sortRows } from '../../../lib/delta/rows/row-order.ts';

const COLUMNS = [
  { name: 'text', type: { kind: 'string' }, nullable: true },
  { name: 'long', type: { kind: 'bigint' }, nullable: false },
] as const;
/** Above the number of rows from which digits are counted. */
const ROWS = 2500;
const TEXTS = ['a', 'ab', 'é', '\ufffd', '😀', '', null];

type TwoColumns = readonly [string | null, bigint];

function orderOf(rows: readonly TwoColumns[]): readonly number[] {
  const compare = (a: TwoColumns, b: TwoColumns): number => {
    if (a[0] !== b[0]) return a[0] === null ? -1 : b[0] === null ? 1 : compareUtf8(a[0], b[0]);
    return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
  };
  return rows.map((_, i) => i).toSorted((i, j) => compare(rows[i] ?? ['', 0n], rows[j] ?? ['', 0n]) || i - j);
}

function sorted(batch: Batch): readonly number[] {
  return [
    ...sortRows(
      batch,
      Uint32Array.from({ length: batch.rowCount }, (_, i) => i),
      ['text', 'long'],
    ),
  ];
}

describe('the order of rows', () => {
  it('is that of texts by code point, then of whole numbers of any size, however many rows there are', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 63 }), fc.constantFrom(5, ROWS), (seed, bits, count) => {
        let state = seed >>> 0;
        const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
        const rows = Array.from({ length: count }, (): TwoColumns => {
          const wide = (BigInt(next()) << 32n) | BigInt(next());
          return [TEXTS[next() % TEXTS.length] ?? null, BigInt.asIntN(bits, wide)];
        });
        expect(sorted(batchOfRows(COLUMNS, rows))).toEqual(orderOf(rows));
      }),
      { numRuns: 30 },
    );
  });

  it('leaves rows that stand in it already as they are', () => {
    const rows = Array.from({ length: ROWS }, (_, i): TwoColumns => ['a', BigInt(i)]);
    const indices = Uint32Array.from({ length: ROWS }, (_, i) => i);
    expect(sortRows(batchOfRows(COLUMNS, rows), indices, ['text', 'long'])).toBe(indices);
  });
});
