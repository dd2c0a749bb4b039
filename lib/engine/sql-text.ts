/** SQL texts from names and values that users chose; nothing of theirs is ever SQL. */
import { toHex } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { formatDate, formatInstant, formatLocalInstant } from '../core/time.ts';
import { type Column, type ColumnType, formatDecimal, type Value } from '../core/types.ts';
import { type Filter, unknownColumn } from '../delta/filter/filter.ts';

/** A quoted identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A literal of a scalar type. @throws LakefoldError INVALID_ARGUMENT for nested ones */
export function literal(type: ColumnType, value: Value): string {
  if (value === null) return 'NULL';
  switch (type.kind) {
    case 'boolean':
      return value === true ? 'TRUE' : 'FALSE';
    case 'int':
    case 'bigint':
      return `(${String(value)})`;
    case 'float':
    case 'double':
      return `CAST(${quoteText(String(value))} AS DOUBLE)`;
    case 'decimal':
      return `CAST(${quoteText(formatDecimal(typeof value === 'bigint' ? value : 0n, type.scale))} AS DECIMAL(${type.precision},${type.scale}))`;
    case 'string':
      return quoteText(String(value));
    case 'binary':
      return `from_hex(${quoteText(value instanceof Uint8Array ? toHex(value) : '')})`;
    case 'date':
      return `CAST(${quoteText(formatDate(Number(value)))} AS DATE)`;
    case 'timestamp':
      return `CAST(${quoteText(formatInstant(typeof value === 'bigint' ? value : 0n))} AS TIMESTAMPTZ)`;
    case 'timestampNtz':
      return `CAST(${quoteText(formatLocalInstant(typeof value === 'bigint' ? value : 0n))} AS TIMESTAMP)`;
    default:
      throw new LakefoldError('INVALID_ARGUMENT', `no literal of a ${type.kind}`);
  }
}

/** The filter as a condition; `nameOf` gives each column's SQL. */
export function filterSql(filter: Filter, columns: readonly Column[], nameOf: (column: string) => string): string {
  const typeOf = (name: string): ColumnType => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) throw unknownColumn(name, columns);
    return column.type;
  };
  switch (filter.kind) {
    case 'and':
      return filter.filters.length === 0 ? 'TRUE' : `(${filter.filters.map((part) => filterSql(part, columns, nameOf)).join(' AND ')})`;
    case 'or':
      return filter.filters.length === 0 ? 'FALSE' : `(${filter.filters.map((part) => filterSql(part, columns, nameOf)).join(' OR ')})`;
    case 'not':
      return `(NOT ${filterSql(filter.filter, columns, nameOf)})`;
    case 'isNull':
      return `(${nameOf(filter.column)} IS NULL)`;
    case 'isNotNull':
      return `(${nameOf(filter.column)} IS NOT NULL)`;
    case 'in':
      return filter.values.length === 0
        ? 'FALSE'
        : `(${nameOf(filter.column)} IN (${filter.values.map((value) => literal(typeOf(filter.column), value)).join(', ')}))`;
    case 'compare':
      return `(${nameOf(filter.column)} ${filter.op === '!=' ? '<>' : filter.op} ${literal(typeOf(filter.column), filter.value)})`;
  }
}
