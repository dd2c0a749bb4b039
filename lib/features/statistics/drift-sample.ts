/** The values of one feature in a sample, as drift compares them: numbers, or counts of categories. */
import { isNullAt, type Vector, valueAt } from '../../core/batch.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { DRIFT_VALUES_MAX } from '../../core/limits.ts';
import type { ColumnType } from '../../core/types.ts';
import { isNumeric } from './column-summary.ts';
import { FrequentValues } from './frequent-values.ts';
import { QuantileSketch, type Weighted } from './quantile-sketch.ts';

const CATEGORICAL: readonly string[] = ['string', 'boolean'];

/** True for features whose distributions are compared: numbers, texts and booleans. */
export function canDrift(type: ColumnType): boolean {
  return isNumeric(type) || CATEGORICAL.includes(type.kind);
}

/** Filled vector by vector. Numbers are kept as they are up to `DRIFT_VALUES_MAX`, beyond that in a quantile sketch. */
export class FeatureSample {
  readonly type: ColumnType;
  readonly categories = new FrequentValues();
  #rows = 0;
  #nulls = 0;
  #nans = 0;
  #values = new Float64Array(1024);
  #length = 0;
  #sketch: QuantileSketch | undefined;
  #sorted: Weighted | undefined;

  constructor(type: ColumnType) {
    this.type = type;
  }

  get rows(): number {
    return this.#rows;
  }

  get nulls(): number {
    return this.#nulls;
  }

  get nans(): number {
    return this.#nans;
  }

  add(vector: Vector): void {
    this.#rows += vector.length;
    this.#sorted = undefined;
    const isNumber = isNumeric(this.type);
    const divisor = this.type.kind === 'decimal' ? 10 ** this.type.scale : 1;
    for (let i = 0; i < vector.length; i += 1) {
      if (isNullAt(vector, i)) this.#nulls += 1;
      else if (isNumber) this.#addNumber(Number(vector.values[i]) / divisor);
      else this.categories.add(categoryOf(this.type, vector, i));
    }
  }

  /** The numbers, sorted; neither null nor NaN. */
  numbers(): Weighted {
    this.#sorted ??= this.#sketch === undefined ? sorted(this.#values.slice(0, this.#length)) : this.#sketch.weighted();
    return this.#sorted;
  }

  #addNumber(value: number): void {
    if (Number.isNaN(value)) {
      this.#nans += 1;
      return;
    }
    if (this.#sketch !== undefined) return this.#sketch.add(value);
    if (this.#length === DRIFT_VALUES_MAX) {
      const sketch = new QuantileSketch();
      for (const kept of this.#values) sketch.add(kept);
      sketch.add(value);
      this.#sketch = sketch;
      this.#values = new Float64Array(0);
      return;
    }
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(Math.min(DRIFT_VALUES_MAX, this.#values.length * 2));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }
}

function categoryOf(type: ColumnType, vector: Vector, row: number): string {
  const value = valueAt(vector, row);
  return typeof value === 'string' ? value : canonicalValue(type, value, {});
}

function sorted(values: Float64Array): Weighted {
  return { values: values.sort(), weights: new Float64Array(values.length).fill(1) };
}
