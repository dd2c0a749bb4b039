/**
 * Column types (semantics §9) and the in-memory form of their values.
 *
 * | type | value |
 * |---|---|
 * | boolean | boolean |
 * | int, date | number (int32; date = days since 1970-01-01) |
 * | bigint, timestamp, timestampNtz | bigint (timestamps in µs) |
 * | float, double | number (a float already rounded to float32) |
 * | decimal(p,s) | bigint, unscaled |
 * | string | string without lone surrogates |
 * | binary | Uint8Array |
 * | array<T>, vector(n) | array of values |
 * | struct | array of values in field order |
 * | map | array of [key, value] pairs |
 * Absent is `null`.
 */
import { LakefoldError } from './errors.ts';

export type ColumnType =
  | { readonly kind: 'boolean' | 'int' | 'bigint' | 'float' | 'double' | 'string' | 'binary' | 'date' | 'timestamp' | 'timestampNtz' | 'void' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'array'; readonly element: ColumnType }
  | { readonly kind: 'struct'; readonly fields: readonly StructField[] }
  | { readonly kind: 'map'; readonly key: ColumnType; readonly value: ColumnType }
  | { readonly kind: 'vector'; readonly length: number };

export interface StructField {
  readonly name: string;
  readonly type: ColumnType;
  /** As a column's. */
  readonly fieldId?: number;
}

export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[];

/** A named, typed column of a group, a table, a spine or a file. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly description?: string;
  /** What the column is known by in the files of a table with column mapping. */
  readonly fieldId?: number;
}

/** Deepest nesting of array, struct and map in one type. */
const TYPE_DEPTH_MAX = 16;

/** The type's name as definitions spell it: `decimal(10,2)`, `array<string>`, `vector(8)`. */
export function formatType(type: ColumnType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'array':
      return `array<${formatType(type.element)}>`;
    case 'struct':
      return `struct<${type.fields.map((field) => `${field.name}:${formatType(field.type)}`).join(',')}>`;
    case 'map':
      return `map<${formatType(type.key)},${formatType(type.value)}>`;
    case 'vector':
      return `vector(${type.length})`;
    default:
      return type.kind;
  }
}

/** @throws LakefoldError INVALID_ARGUMENT naming the text and where it stopped making sense */
export function parseType(text: string): ColumnType {
  const reader = { text, position: 0 };
  const type = readType(reader, 0);
  if (reader.position !== text.length) throw typeError(reader, 'the end');
  return type;
}

export function typesEqual(a: ColumnType, b: ColumnType): boolean {
  return formatType(a) === formatType(b);
}

interface TypeReader {
  readonly text: string;
  position: number;
}

function readType(reader: TypeReader, depth: number): ColumnType {
  if (depth > TYPE_DEPTH_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected a type nested at most ${TYPE_DEPTH_MAX} deep, found more in ${JSON.stringify(reader.text)}`);
  const name = /^[A-Za-z]+/.exec(reader.text.slice(reader.position))?.[0] ?? '';
  reader.position += name.length;
  switch (name) {
    case 'boolean':
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
    case 'string':
    case 'binary':
    case 'date':
    case 'timestamp':
    case 'timestampNtz':
      return { kind: name };
    case 'decimal': {
      const match = /^\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)/.exec(reader.text.slice(reader.position));
      const precision = Number(match?.[1]);
      const scale = Number(match?.[2]);
      if (match === null || precision < 1 || precision > 38 || scale > precision) throw typeError(reader, '(p,s) with 1 ≤ p ≤ 38 and s ≤ p');
      reader.position += match[0].length;
      return { kind: 'decimal', precision, scale };
    }
    case 'vector': {
      const match = /^\(\s*(\d{1,5})\s*\)/.exec(reader.text.slice(reader.position));
      const length = Number(match?.[1]);
      if (match === null || length < 1 || length > 16_384) throw typeError(reader, '(n) with 1 ≤ n ≤ 16384');
      reader.position += match[0].length;
      return { kind: 'vector', length };
    }
    case 'array': {
      expect(reader, '<');
      const element = readType(reader, depth + 1);
      expect(reader, '>');
      return { kind: 'array', element };
    }
    case 'map': {
      expect(reader, '<');
      const key = readType(reader, depth + 1);
      expect(reader, ',');
      const value = readType(reader, depth + 1);
      expect(reader, '>');
      return { kind: 'map', key, value };
    }
    case 'struct': {
      expect(reader, '<');
      const fields: StructField[] = [];
      do {
        const field = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*:/.exec(reader.text.slice(reader.position));
        if (field === null) throw typeError(reader, 'a field name and a colon');
        reader.position += field[0].length;
        if (fields.some((other) => other.name === field[1])) throw typeError(reader, `fields of different names, not ${field[1]} twice`);
        skipSpaces(reader);
        fields.push({ name: field[1] ?? '', type: readType(reader, depth + 1) });
        skipSpaces(reader);
      } while (accept(reader, ','));
      expect(reader, '>');
      return { kind: 'struct', fields };
    }
    default:
      reader.position -= name.length;
      throw typeError(
        reader,
        'boolean, int, bigint, float, double, decimal(p,s), string, binary, date, timestamp, array<T>, struct<a:T>, map<string,T> or vector(n)',
      );
  }
}

function skipSpaces(reader: TypeReader): void {
  while (reader.text[reader.position] === ' ') reader.position += 1;
}

function accept(reader: TypeReader, character: string): boolean {
  skipSpaces(reader);
  if (reader.text[reader.position] !== character) return false;
  reader.position += 1;
  skipSpaces(reader);
  return true;
}

function expect(reader: TypeReader, character: string): void {
  if (!accept(reader, character)) throw typeError(reader, `'${character}'`);
}

function typeError(reader: TypeReader, expected: string): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} at position ${reader.position} of type ${JSON.stringify(reader.text)}`);
}

/** Unscaled value of a decimal text at `scale`, or why not. */
export function parseDecimal(
  text: string,
  precision: number,
  scale: number,
): { readonly kind: 'decimal'; readonly unscaled: bigint } | { readonly kind: 'fault'; readonly fault: 'TYPE_MISMATCH' | 'DECIMAL_SCALE' | 'OUT_OF_RANGE' } {
  const match = /^([+-]?)(\d{1,60})(?:\.(\d{1,60}))?$/.exec(text);
  if (match === null) return { kind: 'fault', fault: 'TYPE_MISMATCH' };
  const [, sign, whole = '', fraction = ''] = match;
  if (fraction.length > scale && /[1-9]/.test(fraction.slice(scale))) return { kind: 'fault', fault: 'DECIMAL_SCALE' };
  const unscaled = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'));
  if (unscaled >= 10n ** BigInt(precision)) return { kind: 'fault', fault: 'OUT_OF_RANGE' };
  return { kind: 'decimal', unscaled: sign === '-' ? -unscaled : unscaled };
}

/** Canonical text of a decimal with its full scale: `-0.50`. */
export function formatDecimal(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return negative ? `-${text}` : text;
}
