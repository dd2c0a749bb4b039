/** Column values as members of a JSON answer (semantics §9): what `canonicalValue` prints, as a value. */
import { compareUtf8, toBase64 } from '../core/bytes.ts';
import { canonicalValue } from '../core/canonical.ts';
import type { Json } from '../core/json.ts';
import { formatDate, formatInstant, formatLocalInstant } from '../core/time.ts';
import { formatDecimal, type ColumnType, type Value } from '../core/types.ts';
import { listOf } from './native-values.ts';

export interface JsonOutputOptions {
  /** `string`: every bigint as a string, not only those beyond ±(2^53−1). */
  readonly bigintAs: 'number' | 'string';
}

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** NaN and infinities are strings; -0 stays -0, which `stringifyJson` prints as `-0.0`. */
export function toJson(type: ColumnType, value: Value, options: JsonOutputOptions): Json {
  if (value === null) return null;
  switch (type.kind) {
    case 'boolean':
      return value === true;
    case 'int':
    case 'string':
      return typeof value === 'number' || typeof value === 'string' ? value : String(value);
    case 'float':
    case 'double':
      return jsonNumber(Number(value));
    case 'bigint':
      return jsonBigint(value, options);
    case 'decimal':
      return typeof value === 'bigint' ? formatDecimal(value, type.scale) : null;
    case 'binary':
      return value instanceof Uint8Array ? toBase64(value) : null;
    case 'date':
      return formatDate(Number(value));
    case 'timestamp':
      return typeof value === 'bigint' ? formatInstant(value) : null;
    case 'timestampNtz':
      return typeof value === 'bigint' ? formatLocalInstant(value) : null;
    case 'vector':
      return listOf(value).map((item) => jsonNumber(Number(item)));
    case 'array':
      return listOf(value).map((item) => toJson(type.element, item, options));
    case 'struct': {
      const values = listOf(value);
      return Object.fromEntries(type.fields.map((field, i) => [field.name, toJson(field.type, values[i] ?? null, options)]));
    }
    case 'map':
      return jsonMap(type, listOf(value), options);
    case 'void':
      return null;
  }
}

function jsonNumber(value: number): Json {
  return Number.isFinite(value) ? value : String(value);
}

function jsonBigint(value: Value, options: JsonOutputOptions): Json {
  const integer = typeof value === 'bigint' ? value : BigInt(Number(value));
  return options.bigintAs === 'number' && integer <= SAFE_MAX && integer >= -SAFE_MAX ? Number(integer) : String(integer);
}

/** Entries by key bytes; an object only where keys are strings. */
function jsonMap(type: { readonly key: ColumnType; readonly value: ColumnType }, entries: readonly Value[], options: JsonOutputOptions): Json {
  const pairs = entries
    .map((entry) => {
      const [key = null, item = null] = listOf(entry);
      return { text: canonicalValue(type.key, key, {}), key, item: toJson(type.value, item, options) };
    })
    .toSorted((a, b) => compareUtf8(a.text, b.text));
  if (type.key.kind !== 'string') return pairs.map(({ key, item }) => [toJson(type.key, key, options), item]);
  return Object.fromEntries(pairs.map(({ key, item }) => [String(key), item]));
}
