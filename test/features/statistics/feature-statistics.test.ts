import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, batchOfRows, sliceRows } from '../../../lib/core/batch.ts';
import { type Column, parseType, type Value } from '../../../lib/core/types.ts';
import { featureStatistics, StatisticsBuilder } from '../../../lib/features/statistics/feature-statistics.ts';
import { decodeStatistics, encodeStatistics } from '../../../lib/features/statistics/statistics-codec.ts';

function column(name: string, type: string): Column {
  return { name, type: parseType(type), nullable: true };
}

function builderOf(batch: Batch): StatisticsBuilder {
  const builder = new StatisticsBuilder(batch.columns);
  builder.add(batch);
  return builder;
}

async function statisticsOf(type: string, values: readonly Value[]) {
  const columns = [column('x', type)];
  const { features } = await featureStatistics(columns, [
    batchOfRows(
      columns,
      values.map((value) => [value]),
    ),
  ]);
  return features[0];
}

describe('statistics of a feature', () => {
  it('of numbers', async () => {
    expect(await statisticsOf('double', [4, null, 1, Number.NaN, 3, 2, -0])).toEqual({
      name: 'x',
      type: 'double',
      count: 6,
      nulls: 1,
      nans: 1,
      min: -0,
      max: 4,
      sum: 10,
      mean: 2,
      stddev: Math.sqrt(2.5),
      distinct: { estimate: 6, relativeError: 0.01 },
      quantiles: { '0.01': -0, '0.05': -0, '0.25': 1, '0.5': 2, '0.75': 3, '0.95': 4, '0.99': 4, rankError: 0.01 },
      histogram: {
        edges: Array.from({ length: 21 }, (_, i) => (4 * i) / 20),
        counts: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1],
      },
      topK: [0, 1, 2, 3, 4].map((value) => ({ value, count: 1 })),
    });
  });

  it.each<[string, readonly Value[], object]>([
    [
      'string',
      ['b', 'a', null, 'b'],
      {
        min: 'a',
        max: 'b',
        mean: null,
        quantiles: null,
        histogram: null,
        topK: [
          { value: 'b', count: 2 },
          { value: 'a', count: 1 },
        ],
      },
    ],
    [
      'boolean',
      [true, false, true],
      {
        min: null,
        max: null,
        sum: null,
        distinct: { estimate: 2, relativeError: 0.01 },
        topK: [
          { value: true, count: 2 },
          { value: false, count: 1 },
        ],
      },
    ],
    ['timestamp', [0n, 1n], { min: '1970-01-01T00:00:00Z', max: '1970-01-01T00:00:00.000001Z', mean: null }],
    [
      'date',
      [0, 1, 1],
      {
        min: '1970-01-01',
        max: '1970-01-02',
        topK: [
          { value: '1970-01-02', count: 2 },
          { value: '1970-01-01', count: 1 },
        ],
      },
    ],
    ['bigint', [2n ** 60n, -1n], { min: -1, max: '1152921504606846976', mean: (2 ** 60 - 1) / 2 }],
    ['decimal(10,2)', [150n, 250n], { min: '1.50', max: '2.50', sum: 4, mean: 2 }],
    ['array<int>', [[1], null], { count: 1, nulls: 1, min: null, distinct: null, topK: null }],
    ['binary', [Uint8Array.of(1), Uint8Array.of(1)], { count: 2, distinct: { estimate: 1, relativeError: 0.01 }, topK: null }],
    ['double', [7, 7], { histogram: { edges: [7, 7], counts: [2] }, stddev: 0 }],
    ['double', [7], { mean: 7, stddev: null }],
    ['double', [null], { count: 0, nulls: 1, min: null, sum: 0, mean: null, quantiles: null, histogram: null, topK: [] }],
    ['double', [Infinity, 1], { min: 1, max: 'Infinity', sum: 1, mean: 1, histogram: { edges: [1, 1], counts: [1] } }],
  ])('of %s, case %#', async (type, values, expected) => {
    expect(await statisticsOf(type, values)).toMatchObject(expected);
  });

  it('of a column the rows lack is as many nulls', async () => {
    const rows = batchOfRows([column('x', 'int')], [[1], [2]]);
    const { features } = await featureStatistics([column('y', 'int')], [rows]);
    expect(features).toMatchObject([{ name: 'y', count: 0, nulls: 2 }]);
  });
});

describe('summaries of parts', () => {
  const columns = [column('n', 'double'), column('s', 'string'), column('b', 'bigint')];
  const rowArbitrary = fc.tuple(
    fc.option(fc.double({ noDefaultInfinity: true, min: -1e9, max: 1e9 })),
    fc.option(fc.string({ maxLength: 3, unit: 'grapheme-ascii' })),
    fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  );

  it('merge to the summary of the whole, mean and deviation but for rounding', () => {
    fc.assert(
      fc.property(fc.array(rowArbitrary, { maxLength: 300 }), fc.nat(300), (rows, cut) => {
        const batch = batchOfRows(columns, rows);
        const at = Math.min(cut, rows.length);
        const [whole, merged] = [builderOf(batch), builderOf(sliceRows(batch, 0, at))];
        merged.merge(builderOf(sliceRows(batch, at, rows.length)));
        whole.features().forEach((expected, i) => {
          const { mean, stddev, sum, ...exact } = expected;
          const found = merged.features()[i];
          expect(found).toMatchObject(exact);
          for (const [a, b] of [
            [found?.mean, mean],
            [found?.stddev, stddev],
            [found?.sum, sum],
          ] as const) {
            if (a === null || b === null || a === undefined) expect(a).toBe(b);
            else expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(b), Math.abs(expected.stddev ?? 0) * rows.length));
          }
        });
        expect(merged.rows).toBe(rows.length);
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  it('are read back as they were written', async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => [i % 7 === 0 ? null : Math.sin(i) * 1e6, `key-${i % 50}`, BigInt(i) ** 5n] as const);
    const builder = builderOf(batchOfRows(columns, rows));
    const bytes = await encodeStatistics(builder);
    const again = await decodeStatistics(bytes);
    expect(again.rows).toBe(3000);
    expect(again.features()).toEqual(builder.features());
  });

  it('that are cut short or of a newer layout are refused', async () => {
    await expect(decodeStatistics(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
    const bytes = await encodeStatistics(builderOf(batchOfRows(columns, [[1, 'a', 1n]])));
    await expect(decodeStatistics(bytes.subarray(0, bytes.length - 20))).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
  });
});
