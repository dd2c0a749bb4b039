/** SQL out of names and values that are user data. */
import { LakefoldError } from '../../core/errors.ts';
import { parseDecimal, type ColumnType } from '../../core/types.ts';

/** An identifier, whatever it is made of. */
export function quoteName(name: string): string {
  refuseNul(name);
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal, whatever it is made of. */
export function quoteText(text: string): string {
  refuseNul(text);
  return `'${text.replaceAll("'", "''")}'`;
}

/** A path as `read_parquet` takes it: its glob characters stand for themselves. */
export function quotePath(path: string): string {
  return quoteText(path.replace(/[*?[]/g, '[$&]'));
}

/** DuckDB's SQL name of the type values of `type` are cast to. */
export function sqlType(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int':
    case 'void':
      return 'INTEGER';
    case 'bigint':
      return 'BIGINT';
    case 'float':
      return 'FLOAT';
    case 'double':
      return 'DOUBLE';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'string':
      return 'VARCHAR';
    case 'binary':
      return 'BLOB';
    case 'date':
      return 'DATE';
    case 'timestamp':
      return 'TIMESTAMPTZ';
    case 'timestampNtz':
      return 'TIMESTAMP';
    case 'array':
      return `${sqlType(type.element)}[]`;
    case 'vector':
      return 'FLOAT[]';
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${sqlType(field.type)}`).join(', ')})`;
    case 'map':
      return `MAP(${sqlType(type.key)}, ${sqlType(type.value)})`;
  }
}

/** A serialised partition value (Delta protocol, "Partition Value Serialization") as a typed expression; absent and empty are null. */
export function partitionLiteral(type: ColumnType, text: string | null): string {
  const target = sqlType(type);
  if (text === null || text === '') return `CAST(NULL AS ${target})`;
  // Bytes are written as the characters of the same code.
  if (type.kind === 'binary')
    return `CAST(${quoteText([...text].map((character) => `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`).join(''))} AS BLOB)`;
  if (type.kind === 'decimal' && parseDecimal(text, type.precision, type.scale).kind === 'fault') {
    throw new LakefoldError('LOG_CORRUPT', `expected a partition value of ${target}, found ${JSON.stringify(text)}`);
  }
  return `CAST(${quoteText(text)} AS ${target})`;
}

function refuseNul(text: string): void {
  if (text.includes('\0')) throw new LakefoldError('INVALID_ARGUMENT', `expected a text without NUL, found ${JSON.stringify(text)}`);
}
