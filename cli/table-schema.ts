/** `--schema` of `table create`: the list of columns of a definition, names as Delta allows them. */
import { LakefoldError } from '../lib/core/errors.ts';
import { isJsonObject, parseJson, stringifyJson, type Json } from '../lib/core/json.ts';
import { COLUMNS_MAX } from '../lib/core/limits.ts';
import { parseType, type Column } from '../lib/core/types.ts';

const MEMBERS = ['name', 'type', 'nullable', 'description'];
/** Not allowed in column names without column mapping. */
const NAME_REFUSED = /[ ,;{}()\n\t=]/;

/** @throws LakefoldError MALFORMED_JSON, INVALID_ARGUMENT, UNKNOWN_FIELD naming the column */
export function parseTableSchema(bytes: Uint8Array): readonly Column[] {
  const json = parseJson(bytes);
  const list = isJsonObject(json) ? json['schema'] : json;
  if (!Array.isArray(list) || list.length === 0 || list.length > COLUMNS_MAX)
    throw new LakefoldError('INVALID_ARGUMENT', `expected a list of 1 to ${COLUMNS_MAX} columns as schema, found ${shown(list ?? null)}`, {
      context: { field: 'schema' },
    });
  const columns = list.map(parseColumn);
  const twice = columns.find((column, i) => columns.findIndex((other) => other.name.toLowerCase() === column.name.toLowerCase()) < i);
  if (twice !== undefined)
    throw new LakefoldError('INVALID_ARGUMENT', `expected columns of different names, whatever their case, found ${JSON.stringify(twice.name)} again`, {
      context: { field: 'schema' },
    });
  return columns;
}

function parseColumn(json: Json, i: number): Column {
  const field = `schema[${i}]`;
  if (!isJsonObject(json)) throw new LakefoldError('INVALID_ARGUMENT', `expected a column as ${field}, found ${shown(json)}`, { context: { field } });
  const unknown = Object.keys(json).find((key) => !MEMBERS.includes(key));
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected only ${MEMBERS.join(', ')} in ${field}, found ${JSON.stringify(unknown)}`, {
      context: { field: `${field}.${unknown}` },
    });
  const { name, type, nullable = false, description = null } = json;
  if (typeof name !== 'string' || name === '' || NAME_REFUSED.test(name))
    throw new LakefoldError('INVALID_ARGUMENT', `expected a column name without spaces and ,;{}()= in ${field}, found ${shown(name ?? null)}`, {
      context: { field: `${field}.name` },
    });
  if (typeof type !== 'string')
    throw new LakefoldError('INVALID_ARGUMENT', `expected a type for column ${name}, found ${shown(type ?? null)}`, { context: { field: `${field}.type` } });
  if (typeof nullable !== 'boolean')
    throw new LakefoldError('INVALID_ARGUMENT', `expected nullable true or false for column ${name}, found ${shown(nullable)}`, {
      context: { field: `${field}.nullable` },
    });
  if (description !== null && typeof description !== 'string')
    throw new LakefoldError('INVALID_ARGUMENT', `expected a text as description of column ${name}, found ${shown(description)}`, {
      context: { field: `${field}.description` },
    });
  return { name, type: parseType(type), nullable, ...(description === null ? {} : { description }) };
}

function shown(json: Json): string {
  return stringifyJson(json).slice(0, 80);
}
