/** Expectations as code, under Great Expectations' names. */
import type { Json } from '../core/json.ts';
import type { ExpectationDefinition } from './definition.ts';

export type Expectation = ExpectationDefinition;

/** Fraction of the non-null values that must fit; 1 when absent. */
export interface Mostly {
  readonly mostly?: number;
}

export interface Between<Bound = number> {
  readonly minValue?: Bound;
  readonly maxValue?: Bound;
  readonly strictMin?: boolean;
  readonly strictMax?: boolean;
}

export interface CountBetween {
  readonly minValue?: number;
  readonly maxValue?: number;
}

/** `minValue` → `min_value`. */
function build(expectationType: string, members: Readonly<Record<string, Json | undefined>>): Expectation {
  const kwargs: Record<string, Json> = {};
  for (const [name, value] of Object.entries(members)) if (value !== undefined) kwargs[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value;
  return { expectationType, kwargs };
}

const aggregate =
  (name: string) =>
  (column: string, options: Between): Expectation =>
    build(`expect_column_${name}_to_be_between`, { column, ...options });

export const expectation = {
  columnValuesToNotBeNull: (column: string, options: Mostly = {}) => build('expect_column_values_to_not_be_null', { column, ...options }),
  columnValuesToBeBetween: (column: string, options: Between<number | string> & Mostly) => build('expect_column_values_to_be_between', { column, ...options }),
  columnValuesToBeInSet: (column: string, valueSet: readonly Json[], options: Mostly = {}) =>
    build('expect_column_values_to_be_in_set', { column, valueSet, ...options }),
  columnValuesToNotBeInSet: (column: string, valueSet: readonly Json[], options: Mostly = {}) =>
    build('expect_column_values_to_not_be_in_set', { column, valueSet, ...options }),
  columnValuesToMatchRegex: (column: string, regex: string, options: Mostly = {}) =>
    build('expect_column_values_to_match_regex', { column, regex, ...options }),
  columnValuesToBeUnique: (column: string, options: Mostly = {}) => build('expect_column_values_to_be_unique', { column, ...options }),
  columnValueLengthsToBeBetween: (column: string, options: CountBetween & Mostly) => build('expect_column_value_lengths_to_be_between', { column, ...options }),
  compoundColumnsToBeUnique: (columnList: readonly string[], options: Mostly = {}) => build('expect_compound_columns_to_be_unique', { columnList, ...options }),
  columnMinToBeBetween: aggregate('min'),
  columnMaxToBeBetween: aggregate('max'),
  columnMeanToBeBetween: aggregate('mean'),
  columnMedianToBeBetween: aggregate('median'),
  columnStdevToBeBetween: aggregate('stdev'),
  columnSumToBeBetween: aggregate('sum'),
  columnUniqueValueCountToBeBetween: (column: string, options: CountBetween) => build('expect_column_unique_value_count_to_be_between', { column, ...options }),
  tableRowCountToBeBetween: (options: CountBetween) => build('expect_table_row_count_to_be_between', { ...options }),
  tableRowCountToEqual: (value: number) => build('expect_table_row_count_to_equal', { value }),
} as const;
