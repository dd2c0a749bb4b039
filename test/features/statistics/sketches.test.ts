import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { vectorOf } from '../../../lib/core/batch.ts';
import { addDistinct, DistinctSketch, RELATIVE_ERROR } from '../../../lib/features/statistics/distinct-sketch.ts';
import { FrequentValues } from '../../../lib/features/statistics/frequent-values.ts';
import { QuantileSketch, quantilesOf, RANK_ERROR } from '../../../lib/features/statistics/quantile-sketch.ts';

const COUNT = 30_000;
const FRACTIONS = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/** Numbers in an order that makes a sketch's life hard or easy; all the numbers below `COUNT`. */
const ORDERS: Readonly<Record<string, (random: SeededRandom) => readonly number[]>> = {
  ascending: () => Array.from({ length: COUNT }, (_, i) => i),
  descending: () => Array.from({ length: COUNT }, (_, i) => COUNT - 1 - i),
  'from both ends': () => Array.from({ length: COUNT }, (_, i) => (i % 2 === 0 ? i / 2 : COUNT - 1 - (i - 1) / 2)),
  random: (random) => {
    const numbers = Array.from({ length: COUNT }, (_, i) => i);
    for (let i = COUNT - 1; i > 0; i -= 1) {
      const j = Math.floor(random.unit() * (i + 1));
      [numbers[i], numbers[j]] = [numbers[j] ?? 0, numbers[i] ?? 0];
    }
    return numbers;
  },
};

function sketchOf(numbers: readonly number[]): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const number of numbers) sketch.add(number);
  return sketch;
}

/** The greatest distance of a rank from the true one, as a fraction: value v of 0…n−1 has rank v + 1. */
function rankErrorOf(sketch: QuantileSketch): number {
  return Math.max(...quantilesOf(sketch.weighted(), FRACTIONS).map((value, i) => Math.abs((value + 1) / COUNT - (FRACTIONS[i] ?? 0))));
}

function weightOf(sketch: QuantileSketch): number {
  return sketch.weighted().weights.reduce((sum, weight) => sum + weight, 0);
}

describe('a quantile sketch', () => {
  it.each(Object.keys(ORDERS))('keeps ranks within its stated error, numbers %s', (order) => {
    const numbers = ORDERS[order]?.(new SeededRandom(7)) ?? [];
    const sketch = sketchOf(numbers);
    expect(rankErrorOf(sketch)).toBeLessThan(RANK_ERROR);
    expect(weightOf(sketch)).toBe(COUNT);
    expect(sketch.weighted().values.length).toBeLessThan(3000);
  });

  it.each(Object.keys(ORDERS))('keeps it when made of the sketches of many parts, numbers %s', (order) => {
    const numbers = ORDERS[order]?.(new SeededRandom(8)) ?? [];
    const merged = new QuantileSketch();
    for (let start = 0; start < COUNT; start += 700) merged.merge(sketchOf(numbers.slice(start, start + 700)));
    expect(rankErrorOf(merged)).toBeLessThan(RANK_ERROR);
    expect(weightOf(merged)).toBe(COUNT);
  });

  it('is within it in at least 99 of 100 sketches', () => {
    const random = new SeededRandom(3);
    const within = Array.from({ length: 40 }, () => rankErrorOf(sketchOf(ORDERS['random']?.(random) ?? []))).filter((error) => error < RANK_ERROR);
    expect(within.length).toBe(40);
  });

  it('holds few values as they are', () => {
    const sketch = sketchOf([3, 1, 2, 2]);
    expect(sketch.weighted()).toEqual({ values: Float64Array.of(1, 2, 2, 3), weights: Float64Array.of(1, 1, 1, 1) });
    expect(quantilesOf(sketch.weighted(), [0, 0.25, 0.5, 1])).toEqual([1, 1, 2, 3]);
    expect(quantilesOf(new QuantileSketch().weighted(), [0.5])).toEqual([Number.NaN]);
  });

  it('is the same made again of its levels', () => {
    const sketch = sketchOf(ORDERS['random']?.(new SeededRandom(5)) ?? []);
    expect(QuantileSketch.of(sketch.levels()).weighted()).toEqual(sketch.weighted());
  });
});

describe('a distinct sketch', () => {
  const KINDS = {
    int: (i: number) => i,
    bigint: (i: number) => BigInt(i) * 1_000_003n,
    double: (i: number) => i / 7,
    string: (i: number) => `key-${i}`,
    timestamp: (i: number) => 983_440_800_000_000n + BigInt(i) * 60_000_000n,
  } as const;

  it.each(Object.entries(KINDS))('of %s estimates within three standard errors, and counts repeats once', (kind, valueOf) => {
    const type = { kind: kind as keyof typeof KINDS };
    for (const count of [10, 1000, 20_000, 100_000]) {
      const sketch = new DistinctSketch();
      const vector = vectorOf(
        type,
        Array.from({ length: count }, (_, i) => valueOf(i)),
      );
      addDistinct(sketch, vector);
      addDistinct(sketch, vector);
      expect(Math.abs(sketch.estimate() - count) / count).toBeLessThan(3 * RELATIVE_ERROR);
    }
  });

  it('of parts is the sketch of the whole', () => {
    const [whole, left, right] = [new DistinctSketch(), new DistinctSketch(), new DistinctSketch()];
    const vector = (from: number, to: number) =>
      vectorOf(
        { kind: 'string' },
        Array.from({ length: to - from }, (_, i) => `key-${from + i}`),
      );
    addDistinct(whole, vector(0, 5000));
    addDistinct(left, vector(0, 3000));
    addDistinct(right, vector(2000, 5000));
    left.merge(right);
    expect(left.registers).toEqual(whole.registers);
  });

  it('notes neither nulls nor the sign of zero', () => {
    const sketch = new DistinctSketch();
    addDistinct(sketch, vectorOf({ kind: 'double' }, [0, -0, null, null, 1]));
    expect(sketch.estimate()).toBe(2);
  });
});

describe('frequent values', () => {
  it('are exact while they are few, most frequent first, equals by value', () => {
    const values = new FrequentValues();
    for (const value of ['b', 'a', 'c', 'b', 'a']) values.add(value);
    expect(values.top(2)).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('of very many are never counted too high, nor too low by more than a 1024th of them', () => {
    const [left, right] = [new FrequentValues(), new FrequentValues()];
    for (let i = 0; i < 40_000; i += 1) (i % 2 === 0 ? left : right).add(i % 4 === 0 ? 'often' : i);
    left.merge(right);
    const [first] = left.top(1);
    expect(first?.[0]).toBe('often');
    expect(first?.[1]).toBeLessThanOrEqual(10_000);
    expect(first?.[1]).toBeGreaterThan(10_000 - 40_000 / 1024);
  });
});
