/** The JSON form of a filter (api.md, `where`) checked against columns and typed as they are. */
import { LakefoldError } from '../../core/errors.ts';
import { showInput, toValue } from '../../core/input-values.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { type Column, formatType, type Value } from '../../core/types.ts';
import { type Comparison, type Filter, unknownColumn } from './filter.ts';

const DEPTH_MAX = 16;
const COMPARISONS: ReadonlySet<string> = new Set<Comparison>(['=', '!=', '<', '<=', '>', '>=']);
const OPERATORS = '= != < <= > >= in isNull isNotNull';

/** @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_FEATURE, TYPE_MISMATCH naming the place in the filter */
export function parseFilter(json: Json, columns: readonly Column[]): Filter {
  return parseNode(json, { columns, path: 'where', depth: 0 });
}

interface Place {
  readonly columns: readonly Column[];
  readonly path: string;
  readonly depth: number;
}

function parseNode(json: Json, place: Place): Filter {
  if (place.depth > DEPTH_MAX) throw new LakefoldError('LIMIT_EXCEEDED', `expected a filter nested at most ${DEPTH_MAX} deep`, { context: { limit: 'depth' } });
  if (!isJsonObject(json)) throw invalid(place, 'an object', json);
  const inside = (key: string): Place => ({ ...place, path: `${place.path}.${key}`, depth: place.depth + 1 });
  for (const kind of ['and', 'or'] as const) {
    const parts = json[kind];
    if (parts === undefined) continue;
    onlyKeys(json, [kind], place);
    if (!isArray(parts)) throw invalid(inside(kind), 'a list', parts);
    return { kind, filters: parts.map((part, i) => parseNode(part, inside(`${kind}[${i}]`))) };
  }
  if (json['not'] !== undefined) {
    onlyKeys(json, ['not'], place);
    return { kind: 'not', filter: parseNode(json['not'], inside('not')) };
  }
  return parseComparison(json, place);
}

function parseComparison(json: JsonObject, place: Place): Filter {
  onlyKeys(json, ['column', 'op', 'value'], place);
  const { column: name, op } = json;
  if (typeof name !== 'string' || typeof op !== 'string') throw invalid(place, '"column" and "op"', json);
  const column = place.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw unknownColumn(name, place.columns);
  if (op === 'isNull' || op === 'isNotNull') {
    if (json['value'] !== undefined) throw invalid(place, `no value with ${op}`, json['value']);
    return { kind: op, column: name };
  }
  assertComparable(column, place);
  const { value } = json;
  if (op === 'in') {
    if (!isArray(value)) throw invalid(place, 'a list of values with in', value ?? null);
    return { kind: 'in', column: name, values: value.map((item) => typed(column, item, place)) };
  }
  if (!isComparison(op)) throw invalid(place, `one of ${OPERATORS}`, op);
  if (value === undefined) throw invalid(place, `a value with ${op}`, null);
  return { kind: 'compare', column: name, op, value: typed(column, value, place) };
}

function typed(column: Column, json: Json, place: Place): Value {
  const result = toValue(column.type, json);
  if (result.kind === 'value') return result.value;
  throw new LakefoldError('TYPE_MISMATCH', `expected ${result.expected} for column ${column.name} at ${place.path}, found ${result.found}`, {
    context: { column: column.name, expected: result.expected },
  });
}

function assertComparable(column: Column, place: Place): void {
  if (['array', 'struct', 'map', 'vector', 'void'].includes(column.type.kind)) throw invalid(place, 'a column of a comparable type', formatType(column.type));
}

function onlyKeys(json: JsonObject, keys: readonly string[], place: Place): void {
  const unknown = Object.keys(json).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected only ${keys.join(', ')} at ${place.path}, found ${JSON.stringify(unknown)}`, {
      context: { field: `${place.path}.${unknown}` },
    });
}

function isComparison(op: string): op is Comparison {
  return COMPARISONS.has(op);
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function invalid(place: Place, expected: string, found: unknown): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} at ${place.path}, found ${shown(found)}`, {
    context: { field: place.path },
  });
}

/** Programs may hand in what has no JSON form. */
function shown(found: unknown): string {
  try {
    return JSON.stringify(found)?.slice(0, 100) ?? 'nothing';
  } catch {
    return showInput(found);
  }
}
