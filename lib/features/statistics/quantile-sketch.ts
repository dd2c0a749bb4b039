/**
 * Quantiles of a stream in a few kilobytes, mergeable: KLL (Karnin, Lang, Liberty: Optimal Quantile Approximation in
 * Streams, 2016). Level i holds values that stand for 2^i each; a full level is sorted and every second value moves up.
 *
 * Exact until `LEVEL_CAPACITY` values. The coin that picks the odd or even half is a seeded generator: equal input, equal sketch.
 */

/** Values of the top level; each level below holds 2/3 of the one above it, but eight at least. */
const LEVEL_CAPACITY = 512;
const CAPACITY_MIN = 8;
const SHRINK = 2 / 3;
const SEED = 0x9e3779b9;

/** Ranks are within this fraction of the count of the true ones, in 99 of 100 sketches. */
export const RANK_ERROR = 0.01;

/** A value that stands for `weight` of them. */
export interface Weighted {
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

export class QuantileSketch {
  #levels: Float64Array[] = [new Float64Array(LEVEL_CAPACITY)];
  #lengths: number[] = [0];
  #coin = SEED;

  /** Finite or infinite, never NaN. */
  add(value: number): void {
    const level = this.#levels[0];
    const length = this.#lengths[0] ?? 0;
    if (level === undefined) return;
    level[length] = value;
    this.#lengths[0] = length + 1;
    if (length + 1 === level.length) this.#compress();
  }

  merge(other: QuantileSketch): void {
    other.#levels.forEach((level, i) => this.#append(i, level.subarray(0, other.#lengths[i] ?? 0)));
    this.#compress();
  }

  /** Sorted by value. */
  weighted(): Weighted {
    const total = this.#lengths.reduce((sum, length) => sum + length, 0);
    const pairs: [number, number][] = [];
    this.#levels.forEach((level, i) => {
      for (let j = 0; j < (this.#lengths[i] ?? 0); j += 1) pairs.push([level[j] ?? 0, 2 ** i]);
    });
    pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const [values, weights] = [new Float64Array(total), new Float64Array(total)];
    pairs.forEach(([value, weight], i) => {
      values[i] = value;
      weights[i] = weight;
    });
    return { values, weights };
  }

  /** The levels, lowest first, each in no order. */
  levels(): readonly Float64Array[] {
    return this.#levels.map((level, i) => level.subarray(0, this.#lengths[i] ?? 0));
  }

  /** A sketch with these levels. */
  static of(levels: readonly Float64Array[]): QuantileSketch {
    const sketch = new QuantileSketch();
    levels.forEach((level, i) => sketch.#append(i, level));
    sketch.#compress();
    return sketch;
  }

  #append(i: number, values: Float64Array): void {
    while (this.#levels.length <= i) {
      this.#levels.push(new Float64Array(CAPACITY_MIN));
      this.#lengths.push(0);
    }
    const [level, length] = [this.#levels[i] ?? values, this.#lengths[i] ?? 0];
    const needed = length + values.length;
    const grown = needed <= level.length ? level : new Float64Array(Math.max(needed, level.length * 2));
    if (grown !== level) grown.set(level.subarray(0, length));
    grown.set(values, length);
    this.#levels[i] = grown;
    this.#lengths[i] = needed;
  }

  // Only the lowest level that is over its share, again and again, until all together fit.
  #compress(): void {
    for (let i = 0; i < this.#levels.length; i += 1) {
      const length = this.#lengths[i] ?? 0;
      if (length < this.#capacityOf(i)) continue;
      const sorted = (this.#levels[i] ?? new Float64Array(0)).subarray(0, length).sort();
      // An odd one stays, so that the weights add up to the count.
      const kept = length % 2;
      const half = new Float64Array((length - kept) / 2);
      const offset = kept + this.#flip();
      for (let j = 0; j < half.length; j += 1) half[j] = sorted[offset + 2 * j] ?? 0;
      this.#lengths[i] = kept;
      this.#append(i + 1, half);
    }
  }

  #capacityOf(level: number): number {
    if (level === 0) return LEVEL_CAPACITY;
    return Math.max(CAPACITY_MIN, Math.ceil(LEVEL_CAPACITY * SHRINK ** (this.#levels.length - 1 - level)));
  }

  #flip(): 0 | 1 {
    this.#coin ^= this.#coin << 13;
    this.#coin ^= this.#coin >>> 17;
    this.#coin ^= this.#coin << 5;
    return (this.#coin & 1) === 0 ? 0 : 1;
  }
}

/** The values at the given fractions of the whole weight; NaN where there are none. */
export function quantilesOf({ values, weights }: Weighted, fractions: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return fractions.map((fraction) => {
    const target = fraction * total;
    let seen = 0;
    for (let i = 0; i < values.length; i += 1) {
      seen += weights[i] ?? 0;
      if (seen >= target) return values[i] ?? Number.NaN;
    }
    return values.at(-1) ?? Number.NaN;
  });
}
