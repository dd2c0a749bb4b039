/** `name=value` arguments as JSON of the types a view declares. */
import { isJsonObject, type Json, type JsonObject } from '../lib/core/json.ts';
import { parseType } from '../lib/core/types.ts';
import { csvInput } from '../lib/features/ingest/csv.ts';
import { usageError } from './arguments.ts';
import { listOf, text } from './render.ts';

/**
 * Values are read as CSV fields are: by their declared type, never guessed; names nobody declares stay text, for the
 * route to refuse. Empty is null, but for strings.
 * @throws LakefoldError a usage error for what is no pair or stands twice
 */
export function typedPairs(pairs: readonly string[], declared: Json | undefined, what: string): JsonObject {
  const types = new Map(
    listOf(declared)
      .filter(isJsonObject)
      .map((item) => [text(item['name']), parseType(text(item['type']))]),
  );
  const members: Record<string, Json> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at);
    if (at <= 0) throw usageError(`expected ${what} as name=value, found ${JSON.stringify(pair)}`);
    if (Object.hasOwn(members, name)) throw usageError(`expected ${name} once, found it twice`);
    const type = types.get(name);
    const value = pair.slice(at + 1);
    if (type === undefined || type.kind === 'string') members[name] = value;
    else if (value === '') members[name] = null;
    else members[name] = jsonOf(csvInput(type, value));
  }
  return members;
}

function jsonOf(value: unknown): Json {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return isJson(value) ? value : null;
}

function isJson(value: unknown): value is Json {
  return value === null || ['number', 'bigint', 'boolean', 'string', 'object'].includes(typeof value);
}
