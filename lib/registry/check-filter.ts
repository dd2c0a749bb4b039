/** The shape of a join's filter (api.md, `where`): operators, columns and the types of values. */
import { showInput, toValue } from '../core/input-values.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { parseType } from '../core/types.ts';
import type { ColumnDefinition } from './definition.ts';
import type { DefinitionFaults } from './definition-reader.ts';

const OPERATORS = ['=', '!=', '<', '<=', '>', '>=', 'in', 'isNull', 'isNotNull'];
const DEPTH_MAX = 16;

interface FilterPlace {
  readonly schema: readonly ColumnDefinition[];
  readonly place: string;
}

/** Notes UNKNOWN_FIELD, UNKNOWN_COLUMN, TYPE_MISMATCH, TOO_DEEP and INVALID_ARGUMENT. */
export function checkFilter(filter: Json, at: FilterPlace, faults: DefinitionFaults): void {
  checkNode(filter, { ...at, depth: 1 }, faults);
}

function checkNode(filter: Json, at: FilterPlace & { readonly depth: number }, faults: DefinitionFaults): void {
  if (at.depth > DEPTH_MAX) return faults.add(at.place, 'TOO_DEEP', `expected a filter at most ${DEPTH_MAX} deep`);
  if (!isJsonObject(filter)) return faults.add(at.place, 'INVALID_ARGUMENT', `expected a filter object, found ${showInput(filter)}`);
  const deeper = (place: string): typeof at => ({ ...at, place, depth: at.depth + 1 });
  const [combinator, ...others] = Object.keys(filter);
  if (combinator === 'and' || combinator === 'or') {
    const parts = filter[combinator];
    if (others.length > 0 || !Array.isArray(parts)) return faults.add(at.place, 'INVALID_ARGUMENT', `expected {"${combinator}": […]} alone`);
    parts.forEach((part: Json, i) => checkNode(part, deeper(`${at.place}.${combinator}[${i}]`), faults));
    return undefined;
  }
  if (combinator === 'not') {
    if (others.length > 0) return faults.add(at.place, 'INVALID_ARGUMENT', 'expected {"not": {…}} alone');
    return checkNode(filter['not'] ?? null, deeper(`${at.place}.not`), faults);
  }
  return checkComparison(filter, at, faults);
}

function checkComparison(filter: JsonObject, at: FilterPlace, faults: DefinitionFaults): void {
  const other = Object.keys(filter).find((name) => !['column', 'op', 'value'].includes(name));
  if (other !== undefined) faults.add(`${at.place}.${other}`, 'UNKNOWN_FIELD', `expected column, op, value, and, or, not, found ${JSON.stringify(other)}`);
  const { column: name, op, value } = filter;
  const column = at.schema.find((candidate) => candidate.name === name);
  if (column === undefined) return faults.add(`${at.place}.column`, 'UNKNOWN_COLUMN', `expected a column of the group, found ${showInput(name)}`);
  if (typeof op !== 'string' || !OPERATORS.includes(op))
    return faults.add(`${at.place}.op`, 'INVALID_ARGUMENT', `expected one of ${OPERATORS.join(' ')}, found ${showInput(op)}`);
  if (op === 'isNull' || op === 'isNotNull')
    return value === undefined ? undefined : faults.add(`${at.place}.value`, 'INVALID_ARGUMENT', `expected no value with ${op}`);
  if (op === 'in' && !Array.isArray(value)) return faults.add(`${at.place}.value`, 'INVALID_ARGUMENT', 'expected an array with in');
  const type = parseType(column.type);
  for (const item of op === 'in' && Array.isArray(value) ? value : [value]) {
    const result = toValue(type, item);
    if (result.kind === 'fault') faults.add(`${at.place}.value`, 'TYPE_MISMATCH', `expected ${result.expected}, found ${result.found}`);
    else if (result.value === null) faults.add(`${at.place}.value`, 'INVALID_ARGUMENT', 'expected a value (nulls are asked for with isNull)');
  }
  return undefined;
}
