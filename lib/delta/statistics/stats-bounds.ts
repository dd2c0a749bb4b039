/** Lower and upper bounds of a column as the statistics spell them, by type. */
import { compareUtf8 } from '../../core/bytes.ts';
import { formatDate, parseDate, parseInstant } from '../../core/time.ts';
import { parseDecimal, type ColumnType, type Value } from '../../core/types.ts';
import { decimalText, doubleText, floatText, millisText } from '../sql/spark-text.ts';
import { lowerBoundText, upperBoundText } from './string-bounds.ts';

export type Bound = number | bigint | string;

/** Whether columns of the type have bounds at all. */
export function isBounded(type: ColumnType): boolean {
  switch (type.kind) {
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
    case 'decimal':
    case 'date':
    case 'timestamp':
    case 'timestampNtz':
    case 'string':
      return true;
    default:
      return false;
  }
}

/** The JSON of a bound, which may be looser than the value, or undefined where there is none (infinities, endless strings). */
export function boundText(type: ColumnType, value: Bound, side: 'min' | 'max'): string | undefined {
  switch (type.kind) {
    case 'int':
    case 'bigint':
      return String(value);
    case 'float':
    case 'double': {
      const number = Number(value);
      if (!Number.isFinite(number)) return undefined;
      return type.kind === 'float' ? floatText(number) : doubleText(number);
    }
    case 'decimal':
      return decimalText(BigInt(value), type.scale);
    case 'date': {
      const text = formatDate(Number(value));
      return parseDate(text) === undefined ? undefined : `"${text}"`;
    }
    case 'timestamp':
      return quoted(millisText(BigInt(value), 'Z'));
    case 'timestampNtz':
      return quoted(millisText(BigInt(value), ''));
    case 'string':
      return quoted(side === 'min' ? lowerBoundText(String(value)) : upperBoundText(String(value)));
    default:
      return undefined;
  }
}

function quoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(text);
}

/** The value of a bound, given its text or the digits of its number; undefined when it is none of the type. */
export function parseBound(type: ColumnType, text: string): Value | undefined {
  switch (type.kind) {
    case 'int':
      return /^-?\d{1,10}$/.test(text) ? Number(text) : undefined;
    case 'bigint':
      return /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
    case 'float':
    case 'double': {
      const value = Number(text);
      if (text === '' || !Number.isFinite(value)) return undefined;
      return type.kind === 'float' ? Math.fround(value) : value;
    }
    case 'decimal': {
      const result = parseDecimal(plainDecimal(text), type.precision, type.scale);
      return result.kind === 'decimal' ? result.unscaled : undefined;
    }
    case 'date':
      return parseDate(text);
    case 'timestamp':
    case 'timestampNtz': {
      const result = parseInstant(text.length === 10 ? `${text}T00:00:00` : text, { naive: type.kind === 'timestampNtz' ? 'utc' : 'refuse' });
      return result.kind === 'instant' ? result.micros : undefined;
    }
    case 'string':
      return text;
    default:
      return undefined;
  }
}

/** `1.5E-7` as `0.00000015`. */
function plainDecimal(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,2})$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = ''] = match;
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const padded = digits.padEnd(point, '0');
  return padded.length === point ? `${sign}${padded}` : `${sign}${padded.slice(0, point)}.${padded.slice(point)}`;
}

export function isInstant(type: ColumnType | undefined): boolean {
  return type?.kind === 'timestamp' || type?.kind === 'timestampNtz';
}

/** Whether `a` is above `b`; never for values without order. */
export function isAbove(a: Value, b: Value): boolean {
  if (typeof a === 'string' && typeof b === 'string') return compareUtf8(a, b) > 0;
  if (typeof a === 'number' && typeof b === 'number') return a > b;
  return typeof a === 'bigint' && typeof b === 'bigint' && a > b;
}
