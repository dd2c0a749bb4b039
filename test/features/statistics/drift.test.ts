import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Batch, batchOfRows } from '../../../lib/core/batch.ts';
import { type Column, parseType, type Value } from '../../../lib/core/types.ts';
import { detectDrift, type DriftRequest, type DriftSample } from '../../../lib/features/statistics/drift.ts';
import { DRIFT_METRICS } from '../../../lib/features/statistics/drift-metrics.ts';

interface GoldenCase {
  readonly name: string;
  readonly target: readonly Value[];
  readonly reference: readonly Value[];
  readonly expected: Readonly<Record<string, number | null>>;
}

/** By SciPy: test/interop/drift.py. */
const { cases }: { readonly cases: readonly GoldenCase[] } = JSON.parse(readFileSync(new URL('drift-golden.json', import.meta.url), 'utf8'));

function sample(type: string, values: readonly Value[], parts = 1): DriftSample {
  const columns: readonly Column[] = [{ name: 'x', type: parseType(type), nullable: true }];
  const size = Math.ceil(values.length / parts);
  const batches = Array.from({ length: parts }, (_, i): Batch =>
    batchOfRows(
      columns,
      values.slice(i * size, (i + 1) * size).map((value) => [value]),
    ),
  );
  return {
    columns,
    read: async function* () {
      yield* batches;
    },
  };
}

async function drift(target: DriftSample, reference: DriftSample, options: Partial<DriftRequest> = {}) {
  const report = await detectDrift({ target, reference, ...options });
  return report.features[0];
}

const numbers = (values: readonly Value[]): readonly Value[] => values.map((value) => (value === 'NaN' ? Number.NaN : value));
const ramp = (count: number, from = 0): readonly number[] => Array.from({ length: count }, (_, i) => from + i);

describe('drift metrics', () => {
  it.each(cases.map((each) => [each.name, each] as const))('of %s are those of SciPy', async (_, { target, reference, expected }) => {
    const isText = reference.some((value) => typeof value === 'string' && value !== 'NaN');
    const type = isText ? 'string' : 'double';
    const found = await drift(sample(type, isText ? target : numbers(target), 3), sample(type, isText ? reference : numbers(reference)), {
      metrics: DRIFT_METRICS,
    });
    for (const metric of DRIFT_METRICS) {
      const value = expected[metric];
      if (value === null || value === undefined) expect(found?.metrics[metric]).toBeNull();
      else expect(found?.metrics[metric]).toBeCloseTo(value, 9);
    }
  });

  it('are bounded: Jensen-Shannon by ln 2, Hellinger and Kolmogorov-Smirnov by 1', async () => {
    const found = await drift(sample('double', ramp(100)), sample('double', ramp(100, 1000)), { metrics: ['JS', 'HELLINGER', 'KS'] });
    expect(found?.metrics.JS).toBeLessThanOrEqual(Math.LN2);
    expect(found?.metrics.HELLINGER).toBeLessThanOrEqual(1);
    expect(found?.metrics.KS).toBe(1);
  });
});

describe('bins', () => {
  it('of numbers hold a tenth of the reference each, the outer ones open, then NaN and null', async () => {
    const found = await drift(sample('double', ramp(100, 45)), sample('double', ramp(100)));
    expect(found?.bins).toEqual([
      ...[9, 19, 29, 39, 49, 59, 69, 79, 89, null].map((high, i) => ({
        low: i === 0 ? null : i * 10 - 1,
        high,
        target: [0, 0, 0, 0, 0.04, 0.1, 0.1, 0.1, 0.1, 0.56][i],
        reference: i === 0 ? 0.09 : i === 9 ? 0.11 : 0.1,
      })),
      { low: 'NaN', high: 'NaN', target: 0, reference: 0 },
      { low: null, high: null, target: 0, reference: 0 },
    ]);
  });

  it('of one value only are two', async () => {
    const found = await drift(
      sample('int', ramp(100)),
      sample(
        'int',
        Array.from({ length: 100 }, () => 5),
      ),
    );
    expect(found?.bins.map(({ low, high, target, reference }) => [low, high, target, reference])).toEqual([
      [null, 5, 0.05, 0],
      [5, null, 0.95, 1],
      [null, null, 0, 0],
    ]);
  });

  it('of texts are the top 20 of the reference, the others, null', async () => {
    const texts = ramp(300).map((i) => (i < 90 ? 'often' : i < 100 ? null : `c${String(i % 40).padStart(2, '0')}`));
    const found = await drift(sample('string', [...texts, 'new']), sample('string', texts));
    expect(found?.bins).toHaveLength(22);
    expect(found?.bins[0]).toMatchObject({ low: 'often', high: 'often', reference: 0.3 });
    expect(found?.bins[20]).toMatchObject({ low: null, high: null, reference: 105 / 300, target: 106 / 301 });
    expect(found?.bins[21]).toMatchObject({ low: null, high: null, reference: 10 / 300 });
  });

  it('of booleans are their values', async () => {
    const found = await drift(
      sample(
        'boolean',
        ramp(100).map((i) => i % 4 === 0),
      ),
      sample(
        'boolean',
        ramp(100).map((i) => i % 2 === 0),
      ),
    );
    expect(found?.bins.map(({ low, target, reference }) => [low, target, reference])).toEqual([
      ['false', 0.75, 0.5],
      ['true', 0.25, 0.5],
      [null, 0, 0],
      [null, 0, 0],
    ]);
  });
});

describe('a verdict', () => {
  const shifted = (by: number): DriftSample => sample('double', ramp(1000, by));
  it.each([
    [0, 'OK'],
    [80, 'WARNING'],
    [120, 'DRIFTED'],
  ])('of numbers moved by %i in a thousand is %s by PSI', async (by, status) => {
    expect(await drift(shifted(by), shifted(0))).toMatchObject({ status });
  });

  it('goes by the thresholds given: a warning from half of them on', async () => {
    const verdict = async (threshold: number): Promise<unknown> =>
      (await drift(shifted(100), shifted(0), { metrics: ['KS'], thresholds: { KS: threshold } }))?.status;
    expect(await verdict(0.1)).toBe('DRIFTED');
    expect(await verdict(0.11)).toBe('WARNING');
    expect(await verdict(0.2)).toBe('WARNING');
    expect(await verdict(0.21)).toBe('OK');
  });

  it('needs 100 rows on both sides', async () => {
    for (const [target, reference] of [
      [99, 100],
      [100, 99],
    ] as const)
      expect(await drift(sample('double', ramp(target)), sample('double', ramp(reference)))).toEqual({
        name: 'x',
        status: 'INSUFFICIENT_DATA',
        targetRows: target,
        referenceRows: reference,
        metrics: { PSI: null, KS: null },
        bins: [],
      });
    expect((await detectDrift({ target: sample('double', ramp(99)), reference: sample('double', ramp(99)) })).drifted).toBe(false);
  });

  it('of a feature no side can compare is refused where it is asked for, and left out where it is not', async () => {
    const dates = sample('date', ramp(100));
    expect(await detectDrift({ target: dates, reference: dates })).toEqual({ drifted: false, features: [] });
    await expect(detectDrift({ target: dates, reference: dates, features: ['x'] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(detectDrift({ target: dates, reference: dates, features: ['y'] })).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE' });
  });

  it('compares a feature with what it was before it was widened', async () => {
    const found = await drift(sample('bigint', ramp(200).map(BigInt)), sample('int', ramp(200)), { metrics: ['PSI', 'WASSERSTEIN'] });
    expect(found).toMatchObject({ status: 'OK', metrics: { PSI: 0, WASSERSTEIN: 0 } });
  });
});
