/** What `rows:delete` takes (D1): key objects, whole or with an event time, or a filter. */
import { type Fault, LakefoldError } from '../../core/errors.ts';
import { toValue } from '../../core/input-values.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { ROWS_PER_REQUEST_MAX } from '../../core/limits.ts';
import type { Column, Value } from '../../core/types.ts';
import type { DeleteWhat } from '../../delta/write/delete-rows.ts';
import { groupName, identityColumns, type OpenGroup } from '../open-group.ts';
import { parseFilter } from '../../delta/filter/parse-filter.ts';

/** @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_ENTRY_KEY, MISSING_ENTRY_KEY, TYPE_MISMATCH with the entry at fault */
export function parseDelete(group: OpenGroup, body: JsonObject): DeleteWhat {
  const unknown = Object.keys(body).find((key) => key !== 'keys' && key !== 'where');
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected keys or where, found ${JSON.stringify(unknown)}`, { context: { field: unknown } });
  const { keys, where } = body;
  if ((keys === undefined) === (where === undefined)) throw new LakefoldError('INVALID_ARGUMENT', 'expected exactly one of keys and where');
  if (where !== undefined) return { kind: 'where', filter: parseFilter(where, group.columns) };
  if (!isList(keys)) throw new LakefoldError('INVALID_ARGUMENT', 'expected a list of key objects in keys', { context: { field: 'keys' } });
  if (keys.length > ROWS_PER_REQUEST_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${ROWS_PER_REQUEST_MAX} keys, found ${keys.length}`, {
      context: { limit: 'ROWS_PER_REQUEST_MAX' },
    });
  const entities: Value[][] = [];
  const records: Value[][] = [];
  for (const [entry, key] of keys.entries()) {
    const { values, eventTime } = parseKey(group, key, entry);
    if (eventTime === undefined) entities.push(values);
    else records.push([...values, eventTime]);
  }
  const keyNames = group.keyColumns.map((column) => column.name);
  return {
    kind: 'keys',
    sets: [
      ...(entities.length === 0 ? [] : [{ columns: keyNames, rows: entities }]),
      ...(records.length === 0 || group.eventTime === undefined ? [] : [{ columns: [...keyNames, group.eventTime.name], rows: records }]),
    ],
  };
}

function parseKey(group: OpenGroup, key: Json, entry: number): { readonly values: Value[]; readonly eventTime: Value | undefined } {
  if (!isJsonObject(key)) throw fault('INVALID_ARGUMENT', { entry, code: 'INVALID_ARGUMENT', message: 'expected a key object' });
  const known = identityColumns(group);
  const unknown = Object.keys(key).find((name) => !known.some((column) => column.name === name));
  if (unknown !== undefined)
    throw fault('UNKNOWN_ENTRY_KEY', {
      entry,
      field: unknown,
      code: 'UNKNOWN_ENTRY_KEY',
      message: `expected the keys ${known.map((column) => column.name).join(', ')} of ${groupName(group.definition)}, found ${JSON.stringify(unknown)}`,
    });
  const values = group.keyColumns.map((column) => {
    const value = typed(column, key[column.name], entry);
    if (value === null)
      throw fault('MISSING_ENTRY_KEY', { entry, field: column.name, code: 'MISSING_ENTRY_KEY', message: `expected key part ${column.name}, found none` });
    return value;
  });
  const time = group.eventTime === undefined || key[group.eventTime.name] === undefined ? undefined : typed(group.eventTime, key[group.eventTime.name], entry);
  return { values, eventTime: time ?? undefined };
}

function typed(column: Column, json: Json | undefined, entry: number): Value {
  const result = toValue(column.type, json);
  if (result.kind === 'value') return result.value;
  throw fault('TYPE_MISMATCH', {
    entry,
    field: column.name,
    code: result.code,
    message: `expected ${result.expected} in ${column.name}, found ${result.found}`,
    expected: result.expected,
    found: result.found,
  });
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function fault(code: 'INVALID_ARGUMENT' | 'UNKNOWN_ENTRY_KEY' | 'MISSING_ENTRY_KEY' | 'TYPE_MISMATCH', at: Fault): LakefoldError {
  return new LakefoldError(code, `keys[${at.entry ?? 0}]: ${at.message}`, { errors: [at] });
}
