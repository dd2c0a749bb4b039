/** Expectations by Great Expectations' names, and the keyword arguments each one takes (semantics §11). */
import { showInput } from '../core/input-values.ts';
import type { ExpectationDefinition } from './definition.ts';
import type { ObjectReader } from './definition-reader.ts';

type Argument = 'column' | 'columns' | 'number' | 'count' | 'mostly' | 'regex' | 'values' | 'boolean' | 'bound';

interface ExpectationShape {
  readonly required: Readonly<Record<string, Argument>>;
  readonly optional: Readonly<Record<string, Argument>>;
}

const MOSTLY = { mostly: 'mostly' } as const;
const COLUMN = { column: 'column' } as const;
const BOUNDS = { min_value: 'bound', max_value: 'bound', strict_min: 'boolean', strict_max: 'boolean' } as const;
const NUMBERS = { min_value: 'number', max_value: 'number', strict_min: 'boolean', strict_max: 'boolean' } as const;

const aggregate: ExpectationShape = { required: COLUMN, optional: NUMBERS };

const SHAPES: Readonly<Record<string, ExpectationShape>> = {
  expect_column_values_to_not_be_null: { required: COLUMN, optional: MOSTLY },
  expect_column_values_to_be_between: { required: COLUMN, optional: { ...BOUNDS, ...MOSTLY } },
  expect_column_values_to_be_in_set: { required: { ...COLUMN, value_set: 'values' }, optional: MOSTLY },
  expect_column_values_to_not_be_in_set: { required: { ...COLUMN, value_set: 'values' }, optional: MOSTLY },
  expect_column_values_to_match_regex: { required: { ...COLUMN, regex: 'regex' }, optional: MOSTLY },
  expect_column_values_to_be_unique: { required: COLUMN, optional: MOSTLY },
  expect_column_value_lengths_to_be_between: { required: COLUMN, optional: { min_value: 'count', max_value: 'count', ...MOSTLY } },
  expect_compound_columns_to_be_unique: { required: { column_list: 'columns' }, optional: MOSTLY },
  expect_column_min_to_be_between: aggregate,
  expect_column_max_to_be_between: aggregate,
  expect_column_mean_to_be_between: aggregate,
  expect_column_median_to_be_between: aggregate,
  expect_column_stdev_to_be_between: aggregate,
  expect_column_sum_to_be_between: aggregate,
  expect_column_unique_value_count_to_be_between: { required: COLUMN, optional: { min_value: 'count', max_value: 'count' } },
  expect_table_row_count_to_be_between: { required: {}, optional: { min_value: 'count', max_value: 'count' } },
  expect_table_row_count_to_equal: { required: { value: 'count' }, optional: {} },
};

/** One expectation of a definition; undefined, with the faults noted, when it makes no sense. */
export function parseExpectation(reader: ObjectReader, columnNames: ReadonlySet<string>): ExpectationDefinition | undefined {
  const expectationType = reader.text('expectationType', '');
  const kwargs = reader.object('kwargs');
  reader.refuseOthers();
  const shape = Object.hasOwn(SHAPES, expectationType) ? SHAPES[expectationType] : undefined;
  if (shape === undefined) {
    reader.fault('expectationType', 'UNKNOWN_EXPECTATION', `expected one of ${Object.keys(SHAPES).join(', ')}, found ${JSON.stringify(expectationType)}`);
    return undefined;
  }
  const known: Readonly<Record<string, Argument>> = { ...shape.required, ...shape.optional };
  const before = reader.faults.list.length;
  for (const name of Object.keys(shape.required)) {
    if (kwargs?.raw(name) === undefined) reader.fault(`kwargs.${name}`, 'INVALID_ARGUMENT', `${expectationType} needs it, found nothing`);
  }
  const values: ExpectationDefinition['kwargs'] = Object.fromEntries(
    (kwargs?.keys() ?? []).flatMap((name) => {
      const argument = known[name];
      const value = kwargs?.json(name);
      if (argument === undefined)
        reader.fault(`kwargs.${name}`, 'UNKNOWN_FIELD', `expected one of ${Object.keys(known).join(', ')}, found ${JSON.stringify(name)}`);
      if (argument === undefined || value === undefined || value === null) return [];
      const problem = argumentProblem(argument, value, columnNames);
      if (problem !== undefined) reader.fault(`kwargs.${name}`, problem.code, problem.message);
      return [[name, value] as const];
    }),
  );
  return reader.faults.list.length === before ? { expectationType, kwargs: values } : undefined;
}

function argumentProblem(
  argument: Argument,
  value: unknown,
  columnNames: ReadonlySet<string>,
): { readonly code: 'UNKNOWN_COLUMN' | 'INVALID_ARGUMENT'; readonly message: string } | undefined {
  const columns = argument === 'column' ? [value] : argument === 'columns' && Array.isArray(value) ? value : [];
  const unknownColumn = columns.find((name) => typeof name !== 'string' || !columnNames.has(name));
  if (unknownColumn !== undefined) return { code: 'UNKNOWN_COLUMN', message: `expected a column of the schema, found ${showInput(unknownColumn)}` };
  return fits(argument, value) ? undefined : { code: 'INVALID_ARGUMENT', message: `expected ${EXPECTED[argument]}, found ${showInput(value)}` };
}

const EXPECTED: Readonly<Record<Argument, string>> = {
  column: 'a column',
  columns: 'two or more columns',
  number: 'a number',
  count: 'a whole number from 0',
  mostly: 'a fraction from 0 to 1',
  regex: 'a regular expression',
  values: 'an array of values',
  boolean: 'true or false',
  bound: 'a number or a string',
};

function fits(argument: Argument, value: unknown): boolean {
  switch (argument) {
    case 'column':
      return true;
    case 'columns':
      return Array.isArray(value) && value.length >= 2;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint';
    case 'count':
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
    case 'mostly':
      return typeof value === 'number' && value >= 0 && value <= 1;
    case 'regex':
      return typeof value === 'string' && isRegex(value);
    case 'values':
      return Array.isArray(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'bound':
      return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string';
  }
}

function isRegex(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
