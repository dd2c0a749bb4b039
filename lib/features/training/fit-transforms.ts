/** Model-dependent transformations fitted on the training split, as JSON that says the numbers exactly (P18). */
import { type Batch, type Vector, valueAt, vectorBuilder, vectorNamed } from '../../core/batch.ts';
import { utf8 } from '../../core/bytes.ts';
import { type Fault, isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { type Json, parseJson, stringifyJson } from '../../core/json.ts';
import { TRANSFORM_CATEGORIES_MAX, TRANSFORM_PARAMETERS_BYTES_MAX } from '../../core/limits.ts';
import type { Column, ColumnType, Value } from '../../core/types.ts';
import { compareValues } from '../../delta/filter/filter.ts';
import { toJson } from '../../online/json-output.ts';
import { categoryOf, compileTransform, type FittedTransform, toDouble } from '../../online/model-transform.ts';
import { type FunctionTable, transformOf } from '../../registry/collect-definitions.ts';
import type { FitStatistics } from '../../registry/define-transform.ts';
import type { FeatureViewDefinition, TransformDefinition } from '../../registry/definition.ts';

/** Failures of one's own transform an error names. */
const FAULTS_LISTED_MAX = 100;

/** Parameters of each transform of the view, in view order. @throws LakefoldError FUNCTION_MISMATCH, ON_DEMAND_FAILED, LIMIT_EXCEEDED */
export function fitTransforms(functions: FunctionTable, view: FeatureViewDefinition, training: Batch): readonly FittedTransform[] {
  const fitted = training.columns.flatMap(({ name, type }): readonly FittedTransform[] => {
    const definition = view.transforms[name];
    if (definition === undefined) return [];
    const parameters = fit(functions, { definition, type, values: presentValues(vectorNamed(training, name)) });
    return [{ feature: name, function: definition.function, parameters }];
  });
  const bytes = utf8(stringifyJson(fitted)).length;
  if (bytes > TRANSFORM_PARAMETERS_BYTES_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${TRANSFORM_PARAMETERS_BYTES_MAX} bytes of fitted parameters, found ${bytes}`, {
      context: { limit: 'TRANSFORM_PARAMETERS_BYTES_MAX', limitValue: TRANSFORM_PARAMETERS_BYTES_MAX },
    });
  return fitted;
}

/** The batch with each fitted feature transformed. @throws LakefoldError FUNCTION_MISMATCH, ON_DEMAND_FAILED naming rows */
export function transformBatch(
  functions: FunctionTable,
  { view, fitted }: { readonly view: FeatureViewDefinition; readonly fitted: readonly FittedTransform[] },
  batch: Batch,
): Batch {
  const columns: Column[] = [];
  const vectors = batch.columns.map((column, i): Vector => {
    const vector = batch.vectors[i];
    if (vector === undefined) throw new LakefoldError('INTERNAL', `expected values of ${column.name}, found none`);
    const found = fitted.find(({ feature }) => feature === column.name);
    const spec = view.transforms[column.name];
    if (found === undefined || spec === undefined) {
      columns.push(column);
      return vector;
    }
    const { type, apply } = compileTransform({ spec, type: column.type, parameters: found.parameters, ownApply: transformOf(functions, spec)?.apply });
    columns.push({ ...column, type, nullable: true });
    return transformed(vector, { feature: column.name, type, apply });
  });
  return { columns, vectors, rowCount: batch.rowCount };
}

function transformed(
  vector: Vector,
  { feature, type, apply }: { readonly feature: string; readonly type: ColumnType; readonly apply: (value: Value) => Value },
): Vector {
  const builder = vectorBuilder(type, vector.length);
  const faults: Fault[] = [];
  let failures = 0;
  for (let row = 0; row < vector.length; row += 1) {
    try {
      builder.push(apply(valueAt(vector, row)));
    } catch (error) {
      if (!isLakefoldError(error, 'ON_DEMAND_FAILED')) throw error;
      failures += 1;
      builder.push(null);
      if (faults.length < FAULTS_LISTED_MAX) faults.push({ row, feature, code: 'ON_DEMAND_FAILED', message: error.message });
    }
  }
  const [first] = faults;
  if (first !== undefined)
    throw new LakefoldError('ON_DEMAND_FAILED', `expected the transform of ${feature} to succeed, found ${failures} failures, first: ${first.message}`, {
      errors: faults,
      errorCount: failures,
    });
  return builder.finish();
}

function presentValues(vector: Vector): readonly Value[] {
  const values: Value[] = [];
  for (let i = 0; i < vector.length; i += 1) {
    const value = valueAt(vector, i);
    if (value !== null) values.push(value);
  }
  return values;
}

interface FitInput {
  readonly definition: TransformDefinition;
  readonly type: ColumnType;
  /** Those of the training split that are not null, in its order. */
  readonly values: readonly Value[];
}

function fit(functions: FunctionTable, { definition, type, values }: FitInput): Json {
  const own = transformOf(functions, definition);
  // Read as they will be read, so that training computes with what is stored.
  const parameters = own === undefined ? builtIn({ definition, type, values }) : ownParameters(definition.function, own.fit, statisticsOf(type, values));
  return parseJson(stringifyJson(parameters));
}

function builtIn({ definition, type, values }: FitInput): Json {
  const given = definition.arguments;
  const statistics = (): FitStatistics => statisticsOf(type, values);
  switch (definition.function) {
    case 'log_transform':
      return { offset: given['offset'] ?? 0 };
    case 'imputer':
      return imputed({ definition, type, values });
    case 'label_encoder':
      return { classes: categories({ definition, type, values }), unknown: given['unknown'] ?? -1 };
    case 'one_hot_encoder':
      return { categories: categories({ definition, type, values }), unknown: given['unknown'] ?? 'zeros' };
    default: {
      const { count, mean, stddev, min, max, quantile } = statistics();
      if (count === 0) return null;
      if (definition.function === 'standard_scaler') return { mean, stddev };
      if (definition.function === 'min_max_scaler') return { min, max };
      if (definition.function === 'robust_scaler') return { median: quantile(0.5), q1: quantile(0.25), q3: quantile(0.75) };
      const bins = Number(given['bins']);
      return { edges: [...new Set(Array.from({ length: bins - 1 }, (_, i) => quantile((i + 1) / bins)))] };
    }
  }
}

function imputed({ definition, type, values }: FitInput): Json {
  const { strategy, value = null } = definition.arguments;
  if (strategy === 'constant') return { value };
  if (strategy === 'most_frequent') {
    const winner = mostFrequent(type, values);
    return winner === undefined ? null : { value: toJson(type, winner, { bigintAs: 'number' }) };
  }
  const { count, mean, quantile } = statisticsOf(type, values);
  if (count === 0) return null;
  return { value: strategy === 'mean' ? mean : quantile(0.5) };
}

/** Of several equally frequent the least. */
function mostFrequent(type: ColumnType, values: readonly Value[]): Value | undefined {
  const counts = new Map<string, { readonly value: Value; count: number }>();
  for (const value of values) {
    const category = categoryOf(type, value);
    const known = counts.get(category);
    if (known === undefined) counts.set(category, { value, count: 1 });
    else known.count += 1;
  }
  return [...counts.values()].toSorted((a, b) => b.count - a.count || compareValues(a.value, b.value))[0]?.value;
}

/** Distinct values in their order. */
function categories({ definition, type, values }: FitInput): readonly Json[] {
  const distinct = new Map<string, Value>();
  for (const value of values) {
    distinct.set(categoryOf(type, value), value);
    if (distinct.size > TRANSFORM_CATEGORIES_MAX)
      throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${TRANSFORM_CATEGORIES_MAX} categories for ${definition.function}, found more`, {
        context: { limit: 'TRANSFORM_CATEGORIES_MAX', limitValue: TRANSFORM_CATEGORIES_MAX },
      });
  }
  return [...distinct.values()].toSorted(compareValues).map((value) => toJson(type, value, { bigintAs: 'number' }));
}

const NUMBERS = new Set(['int', 'bigint', 'float', 'double', 'decimal']);

/** Of the finite numbers among the values, population standard deviation, quantiles interpolated; of other types only the count. */
function statisticsOf(type: ColumnType, values: readonly Value[]): FitStatistics {
  if (!NUMBERS.has(type.kind))
    return { count: values.length, mean: Number.NaN, stddev: Number.NaN, min: Number.NaN, max: Number.NaN, quantile: () => Number.NaN };
  const numbers = Float64Array.from(values.map((value) => toDouble(type, value)).filter(Number.isFinite));
  let mean = 0;
  let squares = 0;
  for (const [i, value] of numbers.entries()) {
    const delta = value - mean;
    mean += delta / (i + 1);
    squares += delta * (value - mean);
  }
  const sorted = numbers.toSorted();
  const count = sorted.length;
  if (count === 0) return { count, mean: Number.NaN, stddev: Number.NaN, min: Number.NaN, max: Number.NaN, quantile: () => Number.NaN };
  return {
    count,
    mean,
    stddev: Math.sqrt(squares / count),
    min: sorted[0] ?? 0,
    max: sorted[count - 1] ?? 0,
    quantile: (fraction) => quantileOf(sorted, fraction),
  };
}

/** Linear between the two nearest ranks, from the nearer one. */
function quantileOf(sorted: Float64Array, fraction: number): number {
  if (!(fraction >= 0 && fraction <= 1)) throw new LakefoldError('ON_DEMAND_FAILED', `expected a quantile from 0 to 1, found ${fraction}`);
  const place = fraction * (sorted.length - 1);
  const at = Math.floor(place);
  const low = sorted[at] ?? 0;
  const high = sorted[Math.min(at + 1, sorted.length - 1)] ?? low;
  const part = place - at;
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

function ownParameters(name: string, fitOwn: (statistics: FitStatistics) => unknown, statistics: FitStatistics): Json {
  if (statistics.count === 0) return null;
  let returned: unknown;
  try {
    returned = fitOwn(statistics);
  } catch (cause) {
    throw new LakefoldError(
      'ON_DEMAND_FAILED',
      `expected the fit of transform ${name} to succeed, found: ${cause instanceof Error ? cause.message : 'it threw'}`,
      {
        cause,
        context: { function: name },
      },
    );
  }
  if (isStorable(returned)) return returned;
  throw new LakefoldError('ON_DEMAND_FAILED', `expected the fit of transform ${name} to return JSON with finite numbers, found something else`, {
    context: { function: name },
  });
}

function isStorable(value: unknown): value is Json {
  if (typeof value === 'number') return Number.isFinite(value);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value !== 'object') return false;
  return Array.isArray(value) ? value.every(isStorable) : Object.values(value).every(isStorable);
}
