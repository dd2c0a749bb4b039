/** Filters and values as Spark SQL: what a refusal offers to run instead. */
import { toHex } from '../../core/bytes.ts';
import { formatDate, formatInstant, formatLocalInstant } from '../../core/time.ts';
import { type Column, type ColumnType, formatDecimal, type Value } from '../../core/types.ts';
import type { Filter } from '../filter/filter.ts';

/** A boolean expression over the columns. */
export function filterSql(filter: Filter, columns: readonly Column[]): string {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      if (filter.filters.length === 0) return filter.kind === 'and' ? 'TRUE' : 'FALSE';
      return `(${filter.filters.map((part) => filterSql(part, columns)).join(filter.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return `NOT ${filterSql(filter.filter, columns)}`;
    case 'isNull':
      return `${nameSql(filter.column)} IS NULL`;
    case 'isNotNull':
      return `${nameSql(filter.column)} IS NOT NULL`;
    case 'in':
      if (filter.values.length === 0) return 'FALSE';
      return `${nameSql(filter.column)} IN (${filter.values.map((value) => valueSql(typeOf(filter.column, columns), value)).join(', ')})`;
    case 'compare':
      return `${nameSql(filter.column)} ${filter.op} ${valueSql(typeOf(filter.column, columns), filter.value)}`;
  }
}

/** A backquoted name. */
export function nameSql(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A literal of the type; nested values, which no filter compares, as null. */
export function valueSql(type: ColumnType, value: Value): string {
  if (value === null) return 'NULL';
  switch (type.kind) {
    case 'boolean':
      return value === true ? 'TRUE' : 'FALSE';
    case 'int':
      return `${Number(value)}`;
    case 'bigint':
      return `${BigInt(String(value))}L`;
    case 'float':
    case 'double':
      return `${type.kind}('${Number(value)}')`;
    case 'decimal':
      return `CAST('${formatDecimal(BigInt(String(value)), type.scale)}' AS DECIMAL(${type.precision},${type.scale}))`;
    case 'string':
      return `'${String(value).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
    case 'binary':
      return value instanceof Uint8Array ? `X'${toHex(value)}'` : 'NULL';
    case 'date':
      return `DATE'${formatDate(Number(value))}'`;
    case 'timestamp':
      return `TIMESTAMP'${formatInstant(BigInt(String(value)))}'`;
    case 'timestampNtz':
      return `TIMESTAMP_NTZ'${formatLocalInstant(BigInt(String(value)))}'`;
    default:
      return 'NULL';
  }
}

function typeOf(name: string, columns: readonly Column[]): ColumnType {
  return columns.find((column) => column.name === name)?.type ?? { kind: 'void' };
}
