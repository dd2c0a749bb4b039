/**
 * Values of Spark SQL expressions and what two of different types become together. Where Spark's answer depends on a
 * setting (ANSI mode, the session's time zone), there is none: the expression is refused.
 */
import { LakefoldError } from '../../core/errors.ts';
import { parseDate, parseInstant } from '../../core/time.ts';
import { type ColumnType, formatType, type Value } from '../../core/types.ts';
import { compareValues } from '../filter/filter.ts';

/** A type of scalars; nested ones can only be asked for null. */
export type SqlType = ColumnType;

/** An expression over the rows of one batch. */
export interface SqlOperand {
  readonly type: SqlType;
  readonly at: (row: number) => Value;
  /** The same for every row: its text where it is a literal string or number. */
  readonly literal?: { readonly kind: 'string' | 'number'; readonly text: string };
  /** Of an int that Spark keeps in fewer bits, and computes with in as many: TINYINT and SMALLINT. */
  readonly bits?: 8 | 16;
}

export const BOOLEAN: SqlType = { kind: 'boolean' };
export const NULL_TYPE: SqlType = { kind: 'void' };

/** @throws LakefoldError INVALID_ARGUMENT */
export function refuse(expected: string, ...types: readonly SqlType[]): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected}, found ${types.map(formatType).join(' and ')}`);
}

const INTEGRAL: ReadonlySet<string> = new Set(['int', 'bigint']);
const FRACTIONAL: ReadonlySet<string> = new Set(['float', 'double']);

export function isNumeric({ kind }: SqlType): boolean {
  return INTEGRAL.has(kind) || FRACTIONAL.has(kind) || kind === 'decimal';
}

/** Both as values that `compareValues` orders as Spark does. @throws LakefoldError INVALID_ARGUMENT for types whose comparison Spark settles by a setting */
export function comparable(left: SqlOperand, right: SqlOperand): { readonly compare: (row: number) => number | null } {
  const [a, b] = alike(left, right);
  return {
    compare: (row) => {
      const [x, y] = [a.at(row), b.at(row)];
      return x === null || y === null ? null : compareValues(x, y);
    },
  };
}

function alike(left: SqlOperand, right: SqlOperand): readonly [SqlOperand, SqlOperand] {
  if (left.type.kind === 'void' || right.type.kind === 'void') return [left, right];
  if (isNumeric(left.type) && isNumeric(right.type)) return numbersAlike(left, right);
  if (left.type.kind === right.type.kind && ORDERED.has(left.type.kind)) return [left, right];
  const [a, b] = [fromText(left, right.type) ?? left, fromText(right, left.type) ?? right];
  if (a.type.kind !== b.type.kind || !ORDERED.has(a.type.kind))
    throw refuse('two values of one type, or a literal that can only mean one', left.type, right.type);
  return [a, b];
}

const ORDERED: ReadonlySet<string> = new Set(['boolean', 'string', 'binary', 'date', 'timestamp', 'timestampNtz']);

/** A literal text as the other side's type, where it reads the same whatever the session. */
function fromText({ literal }: SqlOperand, type: SqlType): SqlOperand | undefined {
  if (literal?.kind !== 'string') return undefined;
  if (type.kind === 'date') return dateOperand(literal.text);
  if (type.kind === 'timestamp') return timestampOperand(literal.text);
  return undefined;
}

/** @throws LakefoldError INVALID_ARGUMENT unless `YYYY-MM-DD` */
export function dateOperand(text: string): SqlOperand {
  const days = parseDate(text);
  if (days === undefined) throw new LakefoldError('INVALID_ARGUMENT', `expected a date as YYYY-MM-DD, found ${JSON.stringify(text)}`);
  return { type: { kind: 'date' }, at: () => days };
}

/** @throws LakefoldError INVALID_ARGUMENT for a text without an offset: the session's zone would decide */
export function timestampOperand(text: string): SqlOperand {
  const result = parseInstant(text.replace(/^(\d{4}-\d{2}-\d{2}) /, '$1T').replace(/ ?UTC$/, 'Z'));
  if (result.kind === 'fault')
    throw new LakefoldError('INVALID_ARGUMENT', `expected a timestamp with its offset, such as 2001-02-03T04:05:06Z, found ${JSON.stringify(text)}`);
  return { type: { kind: 'timestamp' }, at: () => result.micros };
}

/**
 * Holds the operands of IN against what Spark does with them: it makes all of one type before it compares any.
 * @throws LakefoldError INVALID_ARGUMENT where that type is wider than two of them need, so that values are rounded, and for text among timestamps
 */
export function checkListed(operand: SqlOperand, items: readonly SqlOperand[]): void {
  const all = [operand, ...items];
  const types = all.map(({ type }) => type);
  if (types.some(({ kind }) => kind === 'timestamp') && all.some(({ literal }) => literal?.kind === 'string')) throw refuse('timestamps in one list', ...types);
  if (!isNumeric(operand.type)) return;
  const numbers = types.filter(isNumeric);
  if (!FRACTIONAL.has(operand.type.kind) && numbers.some(({ kind }) => FRACTIONAL.has(kind))) throw refuse('exact numbers in a list with one', ...types);
  if (Math.max(...numbers.map(scaleOf)) + Math.max(...numbers.map(wholeDigits)) > DECIMAL_DIGITS_MAX && numbers.some(({ kind }) => kind === 'decimal'))
    throw refuse(`decimals that fit ${DECIMAL_DIGITS_MAX} digits together`, ...types);
}

/** Both of one numeric type. @throws LakefoldError INVALID_ARGUMENT where whole numbers would be rounded to a float */
export function numbersAlike(left: SqlOperand, right: SqlOperand): readonly [SqlOperand, SqlOperand] {
  const kinds = [left.type.kind, right.type.kind];
  if (kinds.includes('double')) return [toNumber(left, 'double'), toNumber(right, 'double')];
  if (kinds.includes('float')) return [toFloat(left), toFloat(right)];
  if (!kinds.includes('decimal')) return [toBigint(left), toBigint(right)];
  const scale = Math.max(scaleOf(left.type), scaleOf(right.type));
  const digits = Math.max(wholeDigits(left.type), wholeDigits(right.type));
  if (digits + scale > DECIMAL_DIGITS_MAX) throw refuse(`decimals that fit ${DECIMAL_DIGITS_MAX} digits together`, left.type, right.type);
  return [toScale(left, scale), toScale(right, scale)];
}

const DECIMAL_DIGITS_MAX = 38;

export function scaleOf(type: SqlType): number {
  return type.kind === 'decimal' ? type.scale : 0;
}

export function wholeDigits(type: SqlType): number {
  if (type.kind === 'decimal') return type.precision - type.scale;
  return type.kind === 'int' ? 10 : 20;
}

/** As unscaled bigints of one scale, which compare and add as the decimals do. */
export function toScale(operand: SqlOperand, scale: number): SqlOperand {
  const factor = 10n ** BigInt(scale - scaleOf(operand.type));
  const precision = Math.min(DECIMAL_DIGITS_MAX, wholeDigits(operand.type) + scale);
  return { type: { kind: 'decimal', precision, scale }, at: mapped(operand, (value) => BigInt(String(value)) * factor) };
}

export function toBigint(operand: SqlOperand): SqlOperand {
  return { type: { kind: 'bigint' }, at: mapped(operand, (value) => BigInt(String(value))) };
}

export function toNumber(operand: SqlOperand, kind: 'double' | 'float'): SqlOperand {
  const scale = scaleOf(operand.type);
  const asNumber = scale === 0 ? Number : (value: Value): number => Number(`${String(value)}e-${scale}`);
  return { type: { kind }, at: mapped(operand, asNumber) };
}

// Spark makes of an int and a float a float, or in ANSI mode a double: the same only where the number is both.
function toFloat(operand: SqlOperand): SqlOperand {
  if (operand.type.kind === 'float') return operand;
  const number = Number(operand.literal?.text ?? Number.NaN);
  if (operand.literal?.kind !== 'number' || Math.fround(number) !== number)
    throw refuse('a double, or a literal that a float holds exactly, beside a float', operand.type);
  return { type: { kind: 'float' }, at: () => number };
}

function mapped({ at }: SqlOperand, change: (value: Exclude<Value, null>) => Value): (row: number) => Value {
  return (row) => {
    const value = at(row);
    return value === null ? null : change(value);
  };
}
