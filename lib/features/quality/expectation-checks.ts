/** Each expectation as a function over the columns of a batch (semantics §11). Nulls are ignored by all but `…_not_be_null`. */
import { type Batch, isNullAt, type Vector, valueAt, vectorNamed } from '../../core/batch.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { toValue } from '../../core/input-values.ts';
import { type Column, type ColumnType, formatType, type Value } from '../../core/types.ts';
import type { ExpectationDefinition } from '../../registry/definition.ts';
import { boundsOn, describeBounds } from './expectation-bounds.ts';

/** What an expectation found in a batch. */
export type ExpectationFinding =
  /** Of `considered` rows those at `unexpected` do not fit. */
  | { readonly kind: 'rows'; readonly considered: number; readonly unexpected: readonly number[] }
  /** A figure of the whole batch; `value` is undefined where there is none. */
  | { readonly kind: 'batch'; readonly isMet: boolean; readonly value: number | bigint | undefined };

export interface ExpectationCheck {
  /** The column at fault; undefined where it is none or several. */
  readonly column: string | undefined;
  /** Every column looked at. */
  readonly columns: readonly string[];
  /** What each row, or the batch, is expected to be: `flights_24h at least 0`. */
  readonly expected: string;
  readonly find: (batch: Batch) => ExpectationFinding;
}

/** Why an expectation can't be checked on its column. */
export interface ExpectationProblem {
  readonly kwarg: string;
  readonly message: string;
}

export type CompiledExpectation =
  | { readonly kind: 'check'; readonly check: ExpectationCheck }
  | { readonly kind: 'problem'; readonly problem: ExpectationProblem };

type Kwargs = ExpectationDefinition['kwargs'];

const AGGREGATE = /^expect_column_(min|max|mean|median|stdev|sum)_to_be_between$/;
const NUMERIC: readonly string[] = ['int', 'bigint', 'float', 'double', 'decimal'];
const DOUBLE: ColumnType = { kind: 'double' };
const COUNT: ColumnType = { kind: 'double' };

/** The expectation, an accepted one, made ready for batches with `columns`. */
export function compileExpectation({ expectationType, kwargs }: ExpectationDefinition, columns: readonly Column[]): CompiledExpectation {
  const aggregate = AGGREGATE.exec(expectationType)?.[1];
  if (aggregate !== undefined) return withColumn(kwargs, columns, (column) => aggregateCheck(aggregate, column, kwargs));
  switch (expectationType) {
    case 'expect_column_values_to_not_be_null':
      return withColumn(kwargs, columns, notNull);
    case 'expect_column_values_to_be_between':
      return withColumn(kwargs, columns, (column) => between(column, kwargs));
    case 'expect_column_values_to_be_in_set':
      return withColumn(kwargs, columns, (column) => inSet(column, kwargs, 'in'));
    case 'expect_column_values_to_not_be_in_set':
      return withColumn(kwargs, columns, (column) => inSet(column, kwargs, 'not in'));
    case 'expect_column_values_to_match_regex':
      return withColumn(kwargs, columns, (column) => matchRegex(column, kwargs));
    case 'expect_column_value_lengths_to_be_between':
      return withColumn(kwargs, columns, (column) => lengths(column, kwargs));
    case 'expect_column_values_to_be_unique':
      return withColumn(kwargs, columns, ({ name }) => unique([name]));
    case 'expect_compound_columns_to_be_unique':
      return unique(namesOf(kwargs['column_list']));
    case 'expect_column_unique_value_count_to_be_between':
      return withColumn(kwargs, columns, (column) => distinctCount(column, kwargs));
    case 'expect_table_row_count_to_be_between':
      return figure(undefined, 'rows', kwargs, (batch) => batch.rowCount);
    case 'expect_table_row_count_to_equal':
      return figure(undefined, 'rows', { min_value: kwargs['value'] ?? null, max_value: kwargs['value'] ?? null }, (batch) => batch.rowCount);
    default:
      return problem('expectationType', `expected an expectation of this version, found ${JSON.stringify(expectationType)}`);
  }
}

/** A value as messages show it, cut at 64 characters. */
export function showValue(type: ColumnType, value: Value): string {
  const text = canonicalValue(type, value, {});
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

function withColumn(kwargs: Kwargs, columns: readonly Column[], compile: (column: Column) => CompiledExpectation): CompiledExpectation {
  const column = columns.find((candidate) => candidate.name === kwargs['column']);
  return column === undefined ? problem('column', `expected a column of the group, found ${JSON.stringify(kwargs['column'] ?? null)}`) : compile(column);
}

function problem(kwarg: string, message: string): CompiledExpectation {
  return { kind: 'problem', problem: { kwarg, message } };
}

function wrongType(column: Column, expected: string): CompiledExpectation {
  return problem('column', `expected ${expected}, found ${column.name} of type ${formatType(column.type)}`);
}

function notNull({ name }: Column): CompiledExpectation {
  const find = (batch: Batch): ExpectationFinding => {
    const vector = vectorNamed(batch, name);
    return { kind: 'rows', considered: batch.rowCount, unexpected: rowsWhere(batch, (row) => isNullAt(vector, row)) };
  };
  return { kind: 'check', check: { column: name, columns: [name], expected: `${name} to be there`, find } };
}

/** A test of every value that is there. */
function valueCheck({ name }: Column, expected: string, fits: (value: Value) => boolean): CompiledExpectation {
  const find = (batch: Batch): ExpectationFinding => {
    const vector = vectorNamed(batch, name);
    let considered = 0;
    const unexpected = rowsWhere(batch, (row) => {
      const value = valueAt(vector, row);
      if (value === null) return false;
      considered += 1;
      return !fits(value);
    });
    return { kind: 'rows', considered, unexpected };
  };
  return { kind: 'check', check: { column: name, columns: [name], expected: `${name} ${expected}`, find } };
}

function between(column: Column, kwargs: Kwargs): CompiledExpectation {
  const isWithin = boundsOn(column.type, kwargs);
  if (isWithin === undefined) return wrongType(column, `a column that compares with ${describeBounds(kwargs)}`);
  return valueCheck(column, describeBounds(kwargs), isWithin);
}

function inSet(column: Column, kwargs: Kwargs, side: 'in' | 'not in'): CompiledExpectation {
  const given = Array.isArray(kwargs['value_set']) ? kwargs['value_set'] : [];
  const keys = new Set<string>();
  for (const item of given) {
    const result = toValue(column.type, item);
    if (result.kind === 'fault') return problem('value_set', `expected values of ${column.name}, ${result.expected}, found ${result.found}`);
    if (result.value !== null) keys.add(keyOf(column.type, result.value));
  }
  return valueCheck(column, `${side} a set of ${given.length}`, (value) => keys.has(keyOf(column.type, value)) === (side === 'in'));
}

function matchRegex(column: Column, kwargs: Kwargs): CompiledExpectation {
  if (column.type.kind !== 'string') return wrongType(column, 'a string');
  const { regex: source } = kwargs;
  if (typeof source !== 'string') return problem('regex', 'expected a regular expression');
  const regex = new RegExp(source, 'u');
  return valueCheck(column, `to match ${source}`, (value) => typeof value === 'string' && regex.test(value));
}

function lengths(column: Column, kwargs: Kwargs): CompiledExpectation {
  if (!['string', 'binary', 'array', 'map', 'vector'].includes(column.type.kind)) return wrongType(column, 'a column whose values have a length');
  const isWithin = boundsOn(COUNT, kwargs);
  if (isWithin === undefined) return problem('min_value', 'expected whole numbers');
  return valueCheck(column, `of a length ${describeBounds(kwargs)}`, (value) => isWithin(lengthOf(value)));
}

/** Characters of a text, bytes of a binary, elements of anything else. */
function lengthOf(value: Value): number {
  if (typeof value === 'string') return [...value].length;
  return value instanceof Uint8Array || Array.isArray(value) ? value.length : 0;
}

/** Every row of a group of equals is unexpected; rows that have nothing in any of the columns are not looked at. */
function unique(names: readonly string[]): CompiledExpectation {
  const find = (batch: Batch): ExpectationFinding => {
    const vectors = names.map((name) => vectorNamed(batch, name));
    const keys = Array.from({ length: batch.rowCount }, (_, row) => rowKey(vectors, row));
    const counts = new Map<string, number>();
    for (const key of keys) if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
    const isRepeated = (row: number): boolean => (counts.get(keys[row] ?? '') ?? 0) > 1;
    return {
      kind: 'rows',
      considered: keys.filter((key) => key !== undefined).length,
      unexpected: rowsWhere(batch, (row) => keys[row] !== undefined && isRepeated(row)),
    };
  };
  return { kind: 'check', check: { column: names.length === 1 ? names[0] : undefined, columns: names, expected: `${names.join(', ')} once`, find } };
}

function rowKey(vectors: readonly Vector[], row: number): string | undefined {
  const parts = vectors.map((vector) => {
    const value = valueAt(vector, row);
    return value === null ? '-' : `+${keyOf(vector.type, value)}`;
  });
  return parts.every((part) => part === '-') ? undefined : JSON.stringify(parts);
}

// Minus zero equals zero, as in SQL.
function keyOf(type: ColumnType, value: Value): string {
  return canonicalValue(type, value === 0 ? 0 : value, {});
}

/** A figure of the batch held against bounds; undefined = there is none, and nothing to complain about. */
function figure(column: string | undefined, what: string, kwargs: Kwargs, figureOf: (batch: Batch) => number | bigint | undefined): CompiledExpectation {
  const isWithin = boundsOn(DOUBLE, kwargs);
  if (isWithin === undefined) return problem('min_value', 'expected numbers as bounds');
  const find = (batch: Batch): ExpectationFinding => {
    const value = figureOf(batch);
    return { kind: 'batch', isMet: value === undefined || isWithin(value), value };
  };
  return { kind: 'check', check: { column, columns: column === undefined ? [] : [column], expected: `${what} ${describeBounds(kwargs)}`, find } };
}

function distinctCount({ name, type }: Column, kwargs: Kwargs): CompiledExpectation {
  return figure(name, `distinct values of ${name}`, kwargs, (batch) => new Set(presentValues(batch, name).map((value) => keyOf(type, value))).size);
}

function aggregateCheck(aggregate: string, column: Column, kwargs: Kwargs): CompiledExpectation {
  if (!NUMERIC.includes(column.type.kind)) return wrongType(column, 'a column of numbers');
  return figure(column.name, `${aggregate} of ${column.name}`, kwargs, (batch) => aggregateOf(aggregate, numbersOf(batch, column)));
}

function presentValues(batch: Batch, name: string): Value[] {
  const vector = vectorNamed(batch, name);
  return Array.from({ length: batch.rowCount }, (_, row) => valueAt(vector, row)).filter((value) => value !== null);
}

function numbersOf(batch: Batch, { name, type }: Column): (number | bigint)[] {
  const divisor = type.kind === 'decimal' ? 10 ** type.scale : 1;
  return presentValues(batch, name).map((value) => (typeof value === 'bigint' && divisor === 1 ? value : Number(value) / divisor));
}

/** Undefined where the values are too few to have the figure: the sum of none is 0, a deviation takes two. */
function aggregateOf(aggregate: string, values: readonly (number | bigint)[]): number | bigint | undefined {
  if (aggregate === 'sum') return sumOf(values.map(Number));
  if (values.length === 0) return undefined;
  if (values.some((value) => Number.isNaN(value))) return Number.NaN;
  switch (aggregate) {
    case 'min':
      return values.reduce((least, value) => (value < least ? value : least));
    case 'max':
      return values.reduce((most, value) => (value > most ? value : most));
    case 'mean':
      return sumOf(values.map(Number)) / values.length;
    case 'median':
      return medianOf(Float64Array.from(values, Number).sort());
    default:
      return values.length < 2 ? undefined : deviationOf(values.map(Number));
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function medianOf(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The sample's standard deviation. */
function deviationOf(values: readonly number[]): number {
  const mean = sumOf(values) / values.length;
  return Math.sqrt(sumOf(values.map((value) => (value - mean) ** 2)) / (values.length - 1));
}

function rowsWhere(batch: Batch, test: (row: number) => boolean): number[] {
  const rows: number[] = [];
  for (let row = 0; row < batch.rowCount; row += 1) if (test(row)) rows.push(row);
  return rows;
}

function namesOf(list: Kwargs[string] | undefined): readonly string[] {
  return Array.isArray(list) ? list.map(String) : [];
}
