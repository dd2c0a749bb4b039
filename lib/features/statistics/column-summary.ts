/** What one column's rows add up to: one pass over a vector, merged without the rows (semantics §11). */
import { type Vector, valueAt } from '../../core/batch.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { LakefoldError } from '../../core/errors.ts';
import { type ColumnType, formatType, type Value } from '../../core/types.ts';
import { extremes } from '../../delta/statistics/extremes.ts';
import { compareValues } from '../../delta/filter/filter.ts';
import { addDistinct, DistinctSketch } from './distinct-sketch.ts';
import { frequentRows } from './frequent-numbers.ts';
import { type FrequentValue, FrequentValues } from './frequent-values.ts';
import { QuantileSketch } from './quantile-sketch.ts';

const NUMERIC: readonly string[] = ['int', 'bigint', 'float', 'double', 'decimal'];
const ORDERED: readonly string[] = [...NUMERIC, 'string', 'date', 'timestamp', 'timestampNtz'];
const SCALAR: readonly string[] = [...ORDERED, 'boolean', 'binary'];

/** Rows of which numbers are made at a time. */
const CHUNK_ROWS = 65_536;

/** True where a mean makes sense. */
export function isNumeric(type: ColumnType): boolean {
  return NUMERIC.includes(type.kind);
}

/** Mean and sum of squared deviations of `count` finite numbers (Welford 1962). */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
  readonly sum: number;
}

const NO_MOMENTS: Moments = { count: 0, mean: 0, m2: 0, sum: 0 };

/** Of both together (Chan, Golub, LeVeque 1979). */
function mergeMoments(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  if (count === 0) return NO_MOMENTS;
  const delta = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (delta * b.count) / count,
    m2: a.m2 + b.m2 + (delta * delta * a.count * b.count) / count,
    sum: a.sum + b.sum,
  };
}

/** Everything but the sketches, as it is stored. */
export interface SummaryFacts {
  readonly count: number;
  readonly nulls: number;
  readonly nans: number;
  /** Of values that have an order; NaN has none. Null where there is no value. */
  readonly min: Value;
  readonly max: Value;
  readonly moments: Moments;
}

const NO_FACTS: SummaryFacts = { count: 0, nulls: 0, nans: 0, min: null, max: null, moments: NO_MOMENTS };

export class ColumnSummary {
  readonly type: ColumnType;
  readonly quantiles: QuantileSketch;
  readonly distinct: DistinctSketch;
  readonly frequent: FrequentValues;
  #facts: SummaryFacts;

  constructor(type: ColumnType, stored: Partial<Pick<ColumnSummary, 'quantiles' | 'distinct' | 'frequent' | 'facts'>> = {}) {
    this.type = type;
    this.quantiles = stored.quantiles ?? new QuantileSketch();
    this.distinct = stored.distinct ?? new DistinctSketch();
    this.frequent = stored.frequent ?? new FrequentValues();
    this.#facts = stored.facts ?? NO_FACTS;
  }

  get facts(): SummaryFacts {
    return this.#facts;
  }

  /** All rows of a vector of this type. */
  add(vector: Vector): void {
    if (SCALAR.includes(this.type.kind)) addDistinct(this.distinct, vector);
    this.#facts = mergeFacts(this.#facts, isNumeric(this.type) ? this.#addNumbers(vector) : this.#addValues(vector));
  }

  /** @throws LakefoldError INTERNAL for one of another type */
  merge(other: ColumnSummary): void {
    if (formatType(other.type) !== formatType(this.type))
      throw new LakefoldError('INTERNAL', `expected a summary of ${formatType(this.type)}, found one of ${formatType(other.type)}`);
    this.quantiles.merge(other.quantiles);
    this.distinct.merge(other.distinct);
    this.frequent.merge(other.frequent);
    this.#facts = mergeFacts(this.#facts, other.facts);
  }

  /** Numbers in typed arrays, so many at a time that what is made of them on the way stays small. */
  #addNumbers(vector: Vector): SummaryFacts {
    const { quantiles, type } = this;
    const divisor = type.kind === 'decimal' ? 10 ** type.scale : 1;
    let [count, nans, finite, mean, m2, sum] = [0, 0, 0, 0, 0, 0];
    for (let start = 0; start < vector.length; start += CHUNK_ROWS) {
      const { numbers, skipped, nanCount } = numbersOf(vector, { start, end: Math.min(vector.length, start + CHUNK_ROWS), divisor });
      nans += nanCount;
      for (let i = 0; i < numbers.length; i += 1) {
        if (skipped[i] === 1) continue;
        const number = numbers[i] ?? 0;
        count += 1;
        quantiles.add(number);
        if (!Number.isFinite(number)) continue;
        finite += 1;
        const delta = number - mean;
        mean += delta / finite;
        m2 += delta * (number - mean);
        sum += number;
      }
      this.#countFrequent(vector, start, { numbers, skipped });
    }
    count += nans;
    const { min, max } = this.#extremesOf(vector, nans);
    return { count, nulls: vector.length - count, nans, min, max, moments: { count: finite, mean, m2, sum } };
  }

  #countFrequent(vector: Vector, start: number, { numbers, skipped }: { readonly numbers: Float64Array; readonly skipped: Uint8Array }): void {
    const { values } = vector;
    if (ArrayBuffer.isView(values)) {
      const isLong = values instanceof BigInt64Array;
      // Minus zero equals zero.
      for (let i = 0; i < numbers.length; i += 1) numbers[i] = (numbers[i] ?? 0) + 0;
      const bits = isLong ? values.subarray(start, start + numbers.length) : numbers;
      const { rows, counts } = frequentRows(new Int32Array(bits.buffer, bits.byteOffset, bits.length * 2), skipped);
      rows.forEach((row, i) => this.frequent.add((isLong ? values[start + row] : numbers[row]) ?? 0, counts[i]));
      return;
    }
    for (let i = 0; i < numbers.length; i += 1) {
      const value = values[start + i] ?? null;
      if (skipped[i] !== 1 && isFrequentValue(value)) this.frequent.add(value);
    }
  }

  /** Where there is a NaN it is left out, as nulls are. */
  #extremesOf(vector: Vector, nans: number): { readonly min: Value; readonly max: Value } {
    const { values, nulls, length } = vector;
    const marked = nans === 0 ? nulls : Uint8Array.from({ length }, (_, i) => (nulls?.[i] === 1 || Number.isNaN(Number(values[i])) ? 1 : 0));
    const found = extremes(this.type, {
      values,
      length,
      ...(marked === undefined ? {} : { nulls: marked }),
      ...(vector.coded === undefined ? {} : { coded: vector.coded }),
    });
    return { min: found.min ?? null, max: found.max ?? null };
  }

  #addValues(vector: Vector): SummaryFacts {
    const { frequent, type } = this;
    const isOrdered = ORDERED.includes(type.kind);
    const isCounted = SCALAR.includes(type.kind) && type.kind !== 'binary';
    const { values, nulls, length, coded } = vector;
    let nullCount = 0;
    if (coded !== undefined) {
      const counts = new Float64Array(coded.words.length);
      for (const code of coded.codes) {
        if (code < 0) nullCount += 1;
        else counts[code] = (counts[code] ?? 0) + 1;
      }
      coded.words.forEach((word, code) => {
        const seen = counts[code] ?? 0;
        if (seen > 0) frequent.add(word, seen);
      });
    } else if (values instanceof BigInt64Array) {
      for (let i = 0; i < length; i += 1) if (nulls?.[i] === 1) nullCount += 1;
      const { rows, counts } = frequentRows(new Int32Array(values.buffer, values.byteOffset, length * 2), nulls);
      rows.forEach((row, i) => frequent.add(values[row] ?? 0n, counts[i]));
    } else {
      for (let i = 0; i < length; i += 1) {
        const value = valueAt(vector, i);
        if (value === null) nullCount += 1;
        else if (isCounted && isFrequentValue(value)) frequent.add(value);
      }
    }
    const { min, max } = isOrdered ? this.#extremesOf(vector, 0) : { min: null, max: null };
    return { count: length - nullCount, nulls: nullCount, nans: 0, min, max, moments: NO_MOMENTS };
  }
}

/** Rows of a vector as doubles; skipped are those without a value, and NaN. */
function numbersOf(
  { values, nulls, type }: Vector,
  { start, end, divisor }: { readonly start: number; readonly end: number; readonly divisor: number },
): { readonly numbers: Float64Array; readonly skipped: Uint8Array; readonly nanCount: number } {
  const numbers = new Float64Array(end - start);
  const skipped = new Uint8Array(end - start);
  const isFloat = type.kind === 'float' || type.kind === 'double';
  const halves = values instanceof BigInt64Array ? new Int32Array(values.buffer, values.byteOffset, values.length * 2) : undefined;
  let nanCount = 0;
  for (let i = 0; i < numbers.length; i += 1) {
    const row = start + i;
    // Of 64 bits by halves: rounded once, as the whole would be.
    const value = halves === undefined ? (values[row] ?? null) : (halves[2 * row + 1] ?? 0) * 2 ** 32 + ((halves[2 * row] ?? 0) >>> 0);
    if (value === null || nulls?.[row] === 1) skipped[i] = 1;
    else if (isFloat && Number.isNaN(value)) {
      skipped[i] = 1;
      nanCount += 1;
    } else numbers[i] = Number(value) / divisor;
  }
  return { numbers, skipped, nanCount };
}

function isFrequentValue(value: Value): value is FrequentValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
}

function mergeFacts(a: SummaryFacts, b: SummaryFacts): SummaryFacts {
  return {
    count: a.count + b.count,
    nulls: a.nulls + b.nulls,
    nans: a.nans + b.nans,
    min: a.min === null || (b.min !== null && compareValues(b.min, a.min) < 0) ? b.min : a.min,
    max: a.max === null || (b.max !== null && compareValues(b.max, a.max) > 0) ? b.max : a.max,
    moments: mergeMoments(a.moments, b.moments),
  };
}

/** The value as rows print it. */
export function shownValue(type: ColumnType, value: Value): string {
  return canonicalValue(type, value, {});
}
