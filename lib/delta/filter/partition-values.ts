/** Partition values as the strings of `partitionValues`, and as the folders Hive names after them. */
import { decodeUtf8, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { hashOf } from '../../core/hash.ts';
import { formatDate, parseDate, parseInstant } from '../../core/time.ts';
import { formatDecimal, formatType, parseDecimal, type ColumnType, type Value } from '../../core/types.ts';
import { doubleText, floatText, localMicrosText, microsText } from '../sql/spark-text.ts';

/** Bytes of a folder's name; file systems end at 255. */
const FOLDER_BYTES_MAX = 240;
/** Bytes kept of a longer one, before its hash. */
const FOLDER_BYTES_KEPT = 160;
const FOLDER_HASH_DIGITS = 32;
const HIVE_NULL = '__HIVE_DEFAULT_PARTITION__';
/** What Hive escapes in names of folders, and NUL, which no name may have. */
const HIVE_ESCAPED = /[\u0000-\u001f\u007f"#%'*/:=?\\{[\]^]/g;

/** Null and the empty string both mean null. @throws LakefoldError INVALID_ARGUMENT for types and values no partition can have */
export function serializePartitionValue(type: ColumnType, value: Value): string | null {
  if (value === null) return null;
  switch (type.kind) {
    case 'boolean':
      return value === true || value === 1 ? 'true' : 'false';
    case 'int':
    case 'bigint':
      return String(value);
    case 'float':
      return typeof value === 'number' ? floatingText(value, floatText) : wrong(type, value);
    case 'double':
      return typeof value === 'number' ? floatingText(value, doubleText) : wrong(type, value);
    case 'decimal':
      return typeof value === 'bigint' ? formatDecimal(value, type.scale) : wrong(type, value);
    case 'string':
      return typeof value === 'string' ? nonEmpty(value) : wrong(type, value);
    case 'binary': {
      const text = value instanceof Uint8Array ? decodeUtf8(value) : undefined;
      return text === undefined ? wrong(type, value) : nonEmpty(text);
    }
    case 'date':
      return typeof value === 'number' ? formatDate(value) : wrong(type, value);
    case 'timestamp':
      return typeof value === 'bigint' ? microsText(value) : wrong(type, value);
    case 'timestampNtz':
      return typeof value === 'bigint' ? localMicrosText(value) : wrong(type, value);
    default:
      return wrong(type, value);
  }
}

/** The value a text stands for; a timestamp without zone is taken as UTC. @throws LakefoldError LOG_CORRUPT when it is none of the type */
export function parsePartitionValue(type: ColumnType, text: string | null): Value {
  if (text === null || text === '') return null;
  const value = parsed(type, text);
  if (value === undefined) throw new LakefoldError('LOG_CORRUPT', `expected a partition value of type ${formatType(type)}, found ${JSON.stringify(text)}`);
  return value;
}

/** `a=1/b=x%2Fy` for the columns' values in order, long ones cut and told apart by their hash; `''` without columns. */
export function partitionDirectory(columns: readonly { readonly physicalName: string; readonly type: ColumnType }[], values: readonly Value[]): string {
  return columns
    .map((column, i) => folderName(`${hiveEscape(column.physicalName)}=${hiveEscape(serializePartitionValue(column.type, values[i] ?? null) ?? HIVE_NULL)}`))
    .join('/');
}

function parsed(type: ColumnType, text: string): Value | undefined {
  switch (type.kind) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'int':
      return integer(text, -0x80000000, 0x7fffffff);
    case 'bigint':
      return /^[+-]?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? BigInt(text) : undefined;
    case 'float':
      return floating(text, Math.fround);
    case 'double':
      return floating(text, (value) => value);
    case 'decimal': {
      const result = parseDecimal(text, type.precision, type.scale);
      return result.kind === 'decimal' ? result.unscaled : undefined;
    }
    case 'string':
      return text;
    case 'binary':
      return utf8(text);
    case 'date':
      return parseDate(text);
    case 'timestamp':
    case 'timestampNtz': {
      const result = parseInstant(text.length === 10 ? `${text}T00:00:00` : text, { naive: 'utc' });
      return result.kind === 'instant' ? result.micros : undefined;
    }
    default:
      return undefined;
  }
}

function integer(text: string, min: number, max: number): number | undefined {
  const value = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

function floating(text: string, round: (value: number) => number): number | undefined {
  if (text === 'NaN') return Number.NaN;
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? undefined : round(value);
}

function floatingText(value: number, text: (value: number) => string): string {
  return Number.isFinite(value) ? text(value) : String(value);
}

function nonEmpty(text: string): string | null {
  return text === '' ? null : text;
}

/** A name that a file system takes: readers take values from the log, never from folders. */
function folderName(name: string): string {
  if (utf8(name).length <= FOLDER_BYTES_MAX) return name;
  let cut = '';
  let bytes = 0;
  for (const character of name) {
    bytes += utf8(character).length;
    if (bytes > FOLDER_BYTES_KEPT) break;
    cut += character;
  }
  return `${cut}~${hashOf(utf8(name)).slice(-FOLDER_HASH_DIGITS)}`;
}

function hiveEscape(text: string): string {
  return text.replace(HIVE_ESCAPED, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function wrong(type: ColumnType, value: Value): never {
  throw new LakefoldError(
    'INVALID_ARGUMENT',
    `expected a partition value of type ${formatType(type)}, found ${value instanceof Uint8Array ? 'bytes that are not UTF-8' : typeof value}`,
  );
}
