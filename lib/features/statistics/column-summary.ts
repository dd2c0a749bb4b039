/** What one column's rows add up to: one pass over a vector, merged without the rows (semantics §11). */
import { isNullAt, type Vector, valueAt } from '../../core/batch.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { LakefoldError } from '../../core/errors.ts';
import { type ColumnType, formatType, type Value } from '../../core/types.ts';
import { compareValues } from '../../delta/filter.ts';
import { addDistinct, DistinctSketch } from './distinct-sketch.ts';
import { type FrequentValue, FrequentValues } from './frequent-values.ts';
import { QuantileSketch } from './quantile-sketch.ts';

const NUMERIC: readonly string[] = ['int', 'bigint', 'float', 'double', 'decimal'];
const ORDERED: readonly string[] = [...NUMERIC, 'string', 'date', 'timestamp', 'timestampNtz'];
const SCALAR: readonly string[] = [...ORDERED, 'boolean', 'binary'];

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

  #addNumbers(vector: Vector): SummaryFacts {
    const { quantiles, frequent, type } = this;
    const divisor = type.kind === 'decimal' ? 10 ** type.scale : 1;
    const isFloat = type.kind === 'float' || type.kind === 'double';
    let [count, nulls, nans, finite, mean, m2, sum] = [0, 0, 0, 0, 0, 0, 0];
    let min: Value = null;
    let max: Value = null;
    for (let i = 0; i < vector.length; i += 1) {
      const value = vector.values[i];
      if (isNullAt(vector, i) || (typeof value !== 'number' && typeof value !== 'bigint')) {
        nulls += 1;
        continue;
      }
      count += 1;
      if (isFloat && Number.isNaN(value)) {
        nans += 1;
        continue;
      }
      if (min === null || value < min) min = value;
      if (max === null || value > max) max = value;
      const number = typeof value === 'bigint' ? Number(value) / divisor : value;
      quantiles.add(number);
      frequent.add(isFloat ? number + 0 : value);
      if (!Number.isFinite(number)) continue;
      finite += 1;
      const delta = number - mean;
      mean += delta / finite;
      m2 += delta * (number - mean);
      sum += number;
    }
    return { count, nulls, nans, min, max, moments: { count: finite, mean, m2, sum } };
  }

  #addValues(vector: Vector): SummaryFacts {
    const { frequent, type } = this;
    const isOrdered = ORDERED.includes(type.kind);
    const isCounted = SCALAR.includes(type.kind) && type.kind !== 'binary';
    let nulls = 0;
    let min: Value = null;
    let max: Value = null;
    for (let i = 0; i < vector.length; i += 1) {
      const value = valueAt(vector, i);
      if (value === null) {
        nulls += 1;
        continue;
      }
      if (isCounted && isFrequentValue(value)) frequent.add(value);
      if (!isOrdered) continue;
      if (min === null || compareValues(value, min) < 0) min = value;
      if (max === null || compareValues(value, max) > 0) max = value;
    }
    return { count: vector.length - nulls, nulls, nans: 0, min, max, moments: NO_MOMENTS };
  }
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
