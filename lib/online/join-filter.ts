/** The filter of a join (P17) from its JSON form, over the columns of its group. */
import { batchOfRows } from '../core/batch.ts';
import { LakefoldError } from '../core/errors.ts';
import { showInput, toValue } from '../core/input-values.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { Column, Value } from '../core/types.ts';
import { passingRows, unknownColumn, type Comparison, type Filter } from '../delta/filter.ts';

const COMPARISONS: readonly Comparison[] = ['=', '!=', '<', '<=', '>', '>='];
const DEPTH_MAX = 16;

/**
 * `{ column, op, value }` combined by and, or, not (api.md); values strictly of their column's type.
 * @throws LakefoldError INVALID_ARGUMENT for another shape, UNKNOWN_FEATURE for a column that is none, TYPE_MISMATCH
 */
export function parseJoinFilter(json: Json, columns: readonly Column[], depth = 1): Filter {
  if (depth > DEPTH_MAX) throw invalid(`a filter at most ${DEPTH_MAX} deep`, json);
  if (!isJsonObject(json)) throw invalid('a filter object', json);
  const [combinator, ...others] = Object.keys(json);
  if (combinator === 'and' || combinator === 'or') {
    const parts = json[combinator];
    if (others.length > 0 || !isJsonArray(parts)) throw invalid(`{"${combinator}": […]} alone`, json);
    return { kind: combinator, filters: parts.map((part) => parseJoinFilter(part, columns, depth + 1)) };
  }
  if (combinator === 'not') {
    if (others.length > 0) throw invalid('{"not": {…}} alone', json);
    return { kind: 'not', filter: parseJoinFilter(json['not'] ?? null, columns, depth + 1) };
  }
  return parseComparison(json, columns);
}

/** True where the filter is true of the row; `row[i]` is the value of `columns[i]`. */
export function rowPasses(filter: Filter, columns: readonly Column[], row: readonly Value[]): boolean {
  return passingRows(filter, batchOfRows(columns, [row])).length === 1;
}

function parseComparison(json: JsonObject, columns: readonly Column[]): Filter {
  const { column: name, op, value = null } = json;
  const other = Object.keys(json).find((member) => !['column', 'op', 'value'].includes(member));
  if (other !== undefined) throw invalid('the members column, op and value', other);
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw unknownColumn(typeof name === 'string' ? name : showInput(name), columns);
  if (op === 'isNull' || op === 'isNotNull') return { kind: op, column: column.name };
  if (op === 'in') {
    if (!isJsonArray(value)) throw invalid('an array with in', value);
    return { kind: 'in', column: column.name, values: value.map((item) => typed(column, item)) };
  }
  const comparison = COMPARISONS.find((candidate) => candidate === op);
  if (comparison === undefined) throw invalid(`one of ${COMPARISONS.join(' ')} in isNull isNotNull`, op);
  return { kind: 'compare', column: column.name, op: comparison, value: typed(column, value) };
}

function typed(column: Column, json: Json): Value {
  const result = toValue(column.type, json);
  if (result.kind === 'fault') throw new LakefoldError('TYPE_MISMATCH', `expected ${result.expected} for ${column.name} in a filter, found ${result.found}`);
  return result.value;
}

function isJsonArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function invalid(expected: string, found: unknown): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in a filter, found ${showInput(found)}`);
}
