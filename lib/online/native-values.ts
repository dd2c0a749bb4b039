/** Column values as a TypeScript program holds them (api.md): what functions take and what the SDK hands out. */
import { LakefoldError } from '../core/errors.ts';
import { formatDate, formatInstant, formatLocalInstant } from '../core/time.ts';
import { formatDecimal, type ColumnType, type Value } from '../core/types.ts';

/**
 * boolean → boolean; int, float, double → number; bigint → bigint; decimal, string, date, timestamp → string;
 * binary → Uint8Array; vector → Float32Array; array, struct, map → array, object, Map. The way back is `toValue`.
 */
export function toNative(type: ColumnType, value: Value): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
    case 'string':
    case 'binary':
    case 'void':
      return value;
    case 'decimal':
      return formatDecimal(bigintOf(value), type.scale);
    case 'date':
      return formatDate(Number(value));
    case 'timestamp':
      return formatInstant(bigintOf(value));
    case 'timestampNtz':
      return formatLocalInstant(bigintOf(value));
    case 'vector':
      return Float32Array.from(listOf(value), Number);
    case 'array':
      return listOf(value).map((item) => toNative(type.element, item));
    case 'struct': {
      const values = listOf(value);
      return Object.fromEntries(type.fields.map((field, i) => [field.name, toNative(field.type, values[i] ?? null)]));
    }
    case 'map':
      return new Map(
        listOf(value).map((entry) => {
          const [key = null, item = null] = listOf(entry);
          return [toNative(type.key, key), toNative(type.value, item)] as const;
        }),
      );
  }
}

function bigintOf(value: Value): bigint {
  if (typeof value !== 'bigint') throw new LakefoldError('INTERNAL', `expected a bigint in memory, found a ${typeof value}`);
  return value;
}

/** The elements of an array, a vector, a struct, a map or one of its entries. */
export function listOf(value: Value): readonly Value[] {
  if (!isList(value)) throw new LakefoldError('INTERNAL', `expected a list in memory, found a ${typeof value}`);
  return value;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
