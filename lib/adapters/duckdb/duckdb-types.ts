/** Column types to DuckDB's and back, and values with them. */
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  FLOAT,
  INTEGER,
  LIST,
  MAP,
  STRUCT,
  TIMESTAMP,
  TIMESTAMPTZ,
  VARCHAR,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { LakefoldError } from '../../core/errors.ts';
import type { ColumnType, Value } from '../../core/types.ts';

/** The DuckDB type values of `type` are loaded as. A vector is a list, as in Parquet; void, which no table can hold, an integer. */
export function duckTypeOf(type: ColumnType): DuckDBType {
  switch (type.kind) {
    case 'boolean':
      return BOOLEAN;
    case 'int':
    case 'void':
      return INTEGER;
    case 'bigint':
      return BIGINT;
    case 'float':
      return FLOAT;
    case 'double':
      return DOUBLE;
    case 'decimal':
      return DECIMAL(type.precision, type.scale);
    case 'string':
      return VARCHAR;
    case 'binary':
      return BLOB;
    case 'date':
      return DATE;
    case 'timestamp':
      return TIMESTAMPTZ;
    case 'timestampNtz':
      return TIMESTAMP;
    case 'array':
      return LIST(duckTypeOf(type.element));
    case 'vector':
      return LIST(FLOAT);
    case 'struct':
      return STRUCT(Object.fromEntries(type.fields.map((field) => [field.name, duckTypeOf(field.type)])));
    case 'map':
      return MAP(duckTypeOf(type.key), duckTypeOf(type.value));
  }
}

/** The column type of a result. HUGEINT, what `sum` makes of integers, is a bigint: a value beyond 64 bits is an error when read. */
export function columnTypeOf(type: DuckDBType, column: string): ColumnType {
  switch (type.typeId) {
    case DuckDBTypeId.SQLNULL:
      return { kind: 'void' };
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'boolean' };
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
      return { kind: 'int' };
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return { kind: 'bigint' };
    case DuckDBTypeId.FLOAT:
      return { kind: 'float' };
    case DuckDBTypeId.DOUBLE:
      return { kind: 'double' };
    case DuckDBTypeId.DECIMAL:
      return { kind: 'decimal', precision: type.width, scale: type.scale };
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.ENUM:
    case DuckDBTypeId.UUID:
      return { kind: 'string' };
    case DuckDBTypeId.BLOB:
      return { kind: 'binary' };
    case DuckDBTypeId.DATE:
      return { kind: 'date' };
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'timestamp' };
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return { kind: 'timestampNtz' };
    case DuckDBTypeId.LIST:
      return { kind: 'array', element: columnTypeOf(type.valueType, column) };
    case DuckDBTypeId.ARRAY:
      return type.valueType.typeId === DuckDBTypeId.FLOAT
        ? { kind: 'vector', length: type.length }
        : { kind: 'array', element: columnTypeOf(type.valueType, column) };
    case DuckDBTypeId.STRUCT:
      return { kind: 'struct', fields: type.entryNames.map((name, i) => ({ name, type: entryType(type.entryTypes[i], column) })) };
    case DuckDBTypeId.MAP:
      return { kind: 'map', key: columnTypeOf(type.keyType, column), value: columnTypeOf(type.valueType, column) };
    default:
      throw new LakefoldError('UNSUPPORTED_OPERATION', `expected column ${column} of a type Lakefold knows, found ${type.toString()}`, { context: { column } });
  }
}

function entryType(type: DuckDBType | undefined, column: string): ColumnType {
  return type === undefined ? { kind: 'void' } : columnTypeOf(type, column);
}

/** How values of `type` are handed to DuckDB; absent ones are `null` there too. */
export function toDuck(type: ColumnType, value: Value): DuckDBValue {
  if (value === null) return null;
  switch (type.kind) {
    case 'decimal':
      return typeof value === 'bigint' ? new DuckDBDecimalValue(value, type.precision, type.scale) : mismatch(type.kind, value);
    case 'binary':
      return value instanceof Uint8Array ? new DuckDBBlobValue(value) : mismatch(type.kind, value);
    case 'date':
      return typeof value === 'number' ? new DuckDBDateValue(value) : mismatch(type.kind, value);
    case 'timestamp':
      return typeof value === 'bigint' ? new DuckDBTimestampTZValue(value) : mismatch(type.kind, value);
    case 'timestampNtz':
      return typeof value === 'bigint' ? new DuckDBTimestampValue(value) : mismatch(type.kind, value);
    case 'array':
      return new DuckDBListValue(itemsOf(value).map((item) => toDuck(type.element, item)));
    case 'vector':
      return new DuckDBListValue(itemsOf(value).map((item) => toDuck({ kind: 'float' }, item)));
    case 'struct': {
      const items = itemsOf(value);
      return new DuckDBStructValue(Object.fromEntries(type.fields.map((field, i) => [field.name, toDuck(field.type, items[i] ?? null)])));
    }
    case 'map':
      return new DuckDBMapValue(
        itemsOf(value).map((entry) => {
          const [key = null, item = null] = itemsOf(entry);
          return { key: toDuck(type.key, key), value: toDuck(type.value, item) };
        }),
      );
    case 'void':
      return null;
    default:
      return typeof value === 'object' ? mismatch(type.kind, value) : value;
  }
}

/** A parameter of a query, typed by its JavaScript value alone: instants go as bigint µs and are made instants in the SQL. */
export function parameterOf(value: Value): DuckDBValue {
  if (value instanceof Uint8Array) return new DuckDBBlobValue(value);
  return isList(value) ? new DuckDBListValue(value.map(parameterOf)) : value;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function itemsOf(value: Value): readonly Value[] {
  return isList(value) ? value : mismatch('array', value);
}

function mismatch(expected: string, value: Value): never {
  throw new LakefoldError('INTERNAL', `expected a value of type ${expected}, found a ${typeof value}`);
}

/** A value of a result in the form of `columnTypeOf`'s type. @throws LakefoldError LIMIT_EXCEEDED when a whole number needs more than 64 bits */
export function fromDuck(value: DuckDBValue, column: string): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value)
      throw new LakefoldError('LIMIT_EXCEEDED', `expected whole numbers of 64 bits in column ${column}, found ${value}`, { context: { column } });
    return value;
  }
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return value.micros;
  if (value instanceof DuckDBDateValue) return value.days;
  if (value instanceof DuckDBDecimalValue) return value.value;
  // The bytes are a Buffer over the chunk's memory, which is DuckDB's; this copies.
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map((item) => fromDuck(item, column));
  if (value instanceof DuckDBStructValue) return Object.values(value.entries).map((item) => fromDuck(item, column));
  if (value instanceof DuckDBMapValue) return value.entries.map((entry) => [fromDuck(entry.key, column), fromDuck(entry.value, column)]);
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis * 1000n;
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds * 1_000_000n;
  if (value instanceof DuckDBTimestampNanosecondsValue) return wholeMicros(value.nanos, column);
  return value.toString();
}

function wholeMicros(nanos: bigint, column: string): bigint {
  if (nanos % 1000n !== 0n)
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected whole microseconds in column ${column}, found ${nanos} ns`, { context: { column } });
  return nanos / 1000n;
}
