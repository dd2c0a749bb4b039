/**
 * Model-dependent transformations applied (P18): by one function to training files, batch data and vectors, from
 * parameters that were fitted once and are JSON, so that every reader computes with the same numbers.
 */
import { canonicalValue } from '../core/canonical.ts';
import { LakefoldError } from '../core/errors.ts';
import { toValue } from '../core/input-values.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { formatDecimal, parseType, type ColumnType, type Value } from '../core/types.ts';
import { toNative } from './native-values.ts';

/** A transform as the view declares it. */
export interface TransformSpec {
  readonly function: string;
  readonly arguments: Readonly<Record<string, Json>>;
  readonly sourceHash?: string;
}

/** What was fitted for one feature; `parameters` null = there was no value to fit on, and every value becomes null. */
export interface FittedTransform {
  readonly feature: string;
  readonly function: string;
  readonly parameters: Json;
}

/** The second half of one's own transform. */
export type ApplyFunction = (value: unknown, parameters: unknown) => unknown;

export interface AppliedTransform {
  readonly type: ColumnType;
  /** @throws LakefoldError ON_DEMAND_FAILED when one's own function threw or returned another type */
  readonly apply: (value: Value) => Value;
}

export interface TransformInput {
  readonly spec: TransformSpec;
  /** Of the feature. */
  readonly type: ColumnType;
  readonly parameters: Json;
  /** Undefined for a built-in one. */
  readonly ownApply: ApplyFunction | undefined;
}

const INT: ColumnType = { kind: 'int' };
const DOUBLE: ColumnType = { kind: 'double' };

/** @throws LakefoldError CORRUPT_STORE for parameters that are not those of the transform */
export function compileTransform(input: TransformInput): AppliedTransform {
  const { spec, type, parameters, ownApply } = input;
  const output = outputType(input);
  if (parameters === null) return { type: output, apply: () => null };
  if (ownApply !== undefined) return { type: output, apply: ownFunction(spec.function, { type, output, parameters: exactNumbers(parameters), ownApply }) };
  if (!isJsonObject(parameters)) throw corrupt(spec.function, parameters);
  const apply = builtIn(spec.function, { type, output, parameters });
  return { type: output, apply: spec.function === 'imputer' ? apply : (value) => (value === null ? null : apply(value)) };
}

/** A number of a feature's type as a double. */
export function toDouble(type: ColumnType, value: Value): number {
  if (type.kind === 'decimal' && typeof value === 'bigint') return Number(formatDecimal(value, type.scale));
  return Number(value);
}

/** What tells one category from another. */
export function categoryOf(type: ColumnType, value: Value): string {
  return canonicalValue(type, value, {});
}

function outputType({ spec, type, parameters }: TransformInput): ColumnType {
  if (spec.sourceHash !== undefined) {
    const declared = spec.arguments['output'];
    return parseType(typeof declared === 'string' ? declared : '');
  }
  switch (spec.function) {
    case 'imputer':
      return spec.arguments['strategy'] === 'mean' || spec.arguments['strategy'] === 'median' ? DOUBLE : type;
    case 'label_encoder':
    case 'quantile_binner':
      return INT;
    case 'one_hot_encoder':
      return { kind: 'vector', length: Math.max(1, isJsonObject(parameters) ? listIn(spec.function, parameters, 'categories').length : 0) };
    default:
      return DOUBLE;
  }
}

interface BuiltIn {
  readonly type: ColumnType;
  readonly output: ColumnType;
  readonly parameters: JsonObject;
}

function builtIn(name: string, { type, output, parameters }: BuiltIn): (value: Value) => Value {
  const number = (member: string): number => numberIn(name, parameters, member);
  switch (name) {
    case 'standard_scaler':
      return scaled(type, number('mean'), number('stddev'));
    case 'min_max_scaler':
      return scaled(type, number('min'), number('max') - number('min'));
    case 'robust_scaler':
      return scaled(type, number('median'), number('q3') - number('q1'));
    case 'log_transform': {
      const offset = number('offset');
      return (value) => Math.log(toDouble(type, value) + offset);
    }
    case 'quantile_binner': {
      const edges = listIn(name, parameters, 'edges').map(Number);
      return (value) => binOf(edges, toDouble(type, value));
    }
    case 'imputer': {
      const filled = toValue(output, parameters['value']);
      if (filled.kind === 'fault') throw corrupt(name, parameters);
      const isWidened = output.kind !== type.kind;
      return (value) => (value === null ? filled.value : isWidened ? toDouble(type, value) : value);
    }
    case 'label_encoder': {
      const codes = positions(type, listIn(name, parameters, 'classes'));
      const unknown = number('unknown');
      return (value) => codes.get(categoryOf(type, value)) ?? unknown;
    }
    case 'one_hot_encoder': {
      const codes = positions(type, listIn(name, parameters, 'categories'));
      const zeros = Array.from({ length: codes.size }, () => 0);
      const unknown = parameters['unknown'] === 'null' ? null : zeros;
      return (value) => {
        const at = codes.get(categoryOf(type, value));
        return at === undefined ? unknown : zeros.with(at, 1);
      };
    }
    default:
      throw corrupt(name, parameters);
  }
}

/** A spread of zero, as of a constant feature, divides by 1. */
function scaled(type: ColumnType, center: number, spread: number): (value: Value) => Value {
  const divisor = spread === 0 ? 1 : spread;
  return (value) => (toDouble(type, value) - center) / divisor;
}

/** How many edges are not above it; NaN is in no bin. */
function binOf(edges: readonly number[], value: number): Value {
  if (Number.isNaN(value)) return null;
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function positions(type: ColumnType, values: readonly Json[]): ReadonlyMap<string, number> {
  return new Map(
    values.map((json, i) => {
      const result = toValue(type, json);
      if (result.kind === 'fault') throw new LakefoldError('CORRUPT_STORE', `expected categories of a transform as ${result.expected}, found ${result.found}`);
      return [categoryOf(type, result.value), i] as const;
    }),
  );
}

interface Own {
  readonly type: ColumnType;
  readonly output: ColumnType;
  readonly parameters: unknown;
  readonly ownApply: ApplyFunction;
}

function ownFunction(name: string, { type, output, parameters, ownApply }: Own): (value: Value) => Value {
  return (value) => {
    if (value === null) return null;
    let returned: unknown;
    try {
      returned = ownApply(toNative(type, value), parameters);
    } catch (cause) {
      throw failed(name, cause instanceof Error ? cause.message : 'it threw something that is no error', cause);
    }
    const result = toValue(output, returned);
    if (result.kind === 'fault') throw failed(name, `expected it to return ${result.expected}, found ${result.found}`);
    return result.value;
  };
}

/** Whole numbers beyond 2^53 are read from JSON as bigints; parameters have doubles alone. */
function exactNumbers(json: Json): unknown {
  if (typeof json === 'bigint') return Number(json);
  if (Array.isArray(json)) return json.map(exactNumbers);
  return isJsonObject(json) ? Object.fromEntries(Object.entries(json).map(([name, member]) => [name, exactNumbers(member)])) : json;
}

function numberIn(name: string, parameters: JsonObject, member: string): number {
  const value = parameters[member];
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  throw corrupt(name, parameters);
}

function listIn(name: string, parameters: JsonObject, member: string): readonly Json[] {
  const value = parameters[member];
  if (isList(value)) return value;
  throw corrupt(name, parameters);
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function failed(name: string, reason: string, cause?: unknown): LakefoldError {
  return new LakefoldError('ON_DEMAND_FAILED', `transform ${name}: ${reason}`, { cause, context: { function: name } });
}

function corrupt(name: string, parameters: Json): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `expected parameters of ${name}, found ${JSON.stringify(parameters)?.slice(0, 80) ?? 'nothing'}`);
}
