import { describe, expect, it } from 'vitest';
import { frequentRows } from '../../../lib/features/statistics/frequent-numbers.ts';

function found(values: Float64Array, skipped?: Uint8Array): ReadonlyMap<number, number> {
  const { rows, counts } = frequentRows(new Int32Array(values.buffer), skipped);
  return new Map([...rows].map((row, i) => [values[row] ?? Number.NaN, counts[i] ?? 0]));
}

describe('the most frequent numbers of a vector', () => {
  it('are counted exactly while there are few, without those that are skipped', () => {
    const values = Float64Array.from({ length: 9000 }, (_, i) => i % 900);
    expect(
      found(
        values,
        Uint8Array.from(values, (value) => (value === 7 ? 1 : 0)),
      ),
    ).toEqual(new Map(Array.from({ length: 900 }, (_, i) => [i, 10] as const).filter(([value]) => value !== 7)));
  });

  it('are never counted too often, and too seldom by less than a 1,024th of the rows that were given up', () => {
    // Every other row is a number of its own; the others are a few that are frequent by degrees.
    const values = Float64Array.from({ length: 200_000 }, (_, i) => (i % 2 === 0 ? i + 1e6 : Math.floor(Math.sqrt(i % 10_000))));
    const exact = new Map<number, number>();
    for (const value of values) exact.set(value, (exact.get(value) ?? 0) + 1);
    const counts = found(values);
    const missed = [...exact].map(([value, count]) => count - (counts.get(value) ?? 0));
    expect(missed.filter((each) => each < 0 || each >= 100_000 / 1024)).toEqual([]);
  });
});
