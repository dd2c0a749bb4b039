/** Spark SQL expressions over the rows of a batch, with SQL's three-valued logic. */
import { type Batch, valueAt } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { type ColumnType, formatType, parseDecimal, parseType, type Value } from '../../core/types.ts';
import { arithmetic, negative } from './sql-arithmetic.ts';
import type { SqlExpression } from './sql-parser.ts';
import {
  BOOLEAN,
  checkListed,
  comparable,
  dateOperand,
  isNumeric,
  NULL_TYPE,
  refuse,
  scaleOf,
  type SqlOperand,
  timestampOperand,
  toBigint,
  toNumber,
  toScale,
  wholeDigits,
} from './sql-values.ts';
import type { ValueRule } from '../schema/value-rules.ts';

/** The rows an expression is about. */
export interface SqlScope {
  readonly batch: Batch;
  /** By column name, what Spark's type of it is beyond ours. */
  readonly rules?: ReadonlyMap<string, ValueRule>;
}

/**
 * The expression bound to a batch's columns; names match whatever their case.
 * @throws LakefoldError INVALID_ARGUMENT for a column that is not there, and for what Spark settles by a setting
 */
function bindSql(expression: SqlExpression, scope: SqlScope): SqlOperand {
  switch (expression.kind) {
    case 'literal':
      return literal(expression);
    case 'column':
      return column(expression.path, scope);
    case 'and':
    case 'or':
      return logic(
        expression.kind,
        expression.parts.map((part) => bindBoolean(part, scope)),
      );
    case 'not': {
      const operand = bindBoolean(expression.operand, scope);
      return {
        type: BOOLEAN,
        at: (row) => {
          const value = operand.at(row);
          return value === null ? null : value !== true;
        },
      };
    }
    case 'isNull': {
      const operand = bindSql(expression.operand, scope);
      return { type: BOOLEAN, at: (row) => operand.at(row) === null };
    }
    case 'minus':
      return negative(bindSql(expression.operand, scope));
    case 'arithmetic':
      return arithmetic(expression.op, bindSql(expression.left, scope), bindSql(expression.right, scope));
    case 'compare':
      return comparison(expression.op, bindSql(expression.left, scope), bindSql(expression.right, scope));
    case 'in': {
      const operand = bindSql(expression.operand, scope);
      const items = expression.items.map((item) => bindSql(item, scope));
      checkListed(operand, items);
      return logic(
        'or',
        items.map((item) => comparison('=', operand, item)),
      );
    }
    case 'like':
      return like(bindSql(expression.operand, scope), expression.pattern);
    case 'cast':
      return cast(bindSql(expression.operand, scope), expression.to);
  }
}

/** @throws LakefoldError INVALID_ARGUMENT as `bindSql`, and when it is not boolean */
export function bindBoolean(expression: SqlExpression, scope: SqlScope): SqlOperand {
  const operand = bindSql(expression, scope);
  if (operand.type.kind !== 'boolean' && operand.type.kind !== 'void') throw refuse('a condition', operand.type);
  return operand;
}

function literal({ type, text }: SqlExpression & { kind: 'literal' }): SqlOperand {
  switch (type) {
    case 'null':
      return { type: NULL_TYPE, at: () => null };
    case 'boolean':
      return { type: BOOLEAN, at: () => text === 'true' };
    case 'string':
      return { type: { kind: 'string' }, at: () => text, literal: { kind: 'string', text } };
    case 'date':
      return dateOperand(text);
    case 'timestamp':
      return timestampOperand(text);
    case 'number':
      return numberLiteral(text);
  }
}

function numberLiteral(text: string): SqlOperand {
  const [, digits = '', suffix = ''] = /^(.*?)(BD|bd|[LlDdFfSsYy])?$/.exec(text) ?? [];
  switch (suffix.toUpperCase()) {
    case 'D':
      return fractionLiteral(text, digits, 'double');
    case 'F':
      return fractionLiteral(text, digits, 'float');
    case 'Y':
      return { ...wholeLiteral(text, digits, 8), bits: 8 };
    case 'S':
      return { ...wholeLiteral(text, digits, 16), bits: 16 };
    case 'L':
      return wholeLiteral(text, digits, 64);
    case '': {
      if (/[eE]/.test(digits)) return fractionLiteral(text, digits, 'double');
      const whole = /^-?\d+$/.test(digits) ? BigInt(digits) : undefined;
      if (whole === undefined || BigInt.asIntN(64, whole) !== whole) return decimalLiteral(digits);
      return wholeLiteral(text, digits, BigInt.asIntN(32, whole) === whole ? 32 : 64);
    }
    default:
      return decimalLiteral(digits);
  }
}

function fractionLiteral(text: string, digits: string, kind: 'double' | 'float'): SqlOperand {
  const value = kind === 'float' ? Math.fround(Number(digits)) : Number(digits);
  if (!Number.isFinite(value)) throw new LakefoldError('INVALID_ARGUMENT', `expected a number that a ${kind} holds, found ${JSON.stringify(text)}`);
  return { type: { kind }, at: () => value, literal: { kind: 'number', text: digits } };
}

function wholeLiteral(text: string, digits: string, bits: 8 | 16 | 32 | 64): SqlOperand {
  const whole = /^-?\d+$/.test(digits) ? BigInt(digits) : undefined;
  if (whole === undefined || BigInt.asIntN(bits, whole) !== whole)
    throw new LakefoldError('INVALID_ARGUMENT', `expected a whole number of ${bits} bits, found ${JSON.stringify(text)}`);
  const value = bits === 64 ? whole : Number(whole);
  return { type: { kind: bits === 64 ? 'bigint' : 'int' }, at: () => value, literal: { kind: 'number', text: digits } };
}

function decimalLiteral(digits: string): SqlOperand {
  const [whole = '', fraction = ''] = digits.replace(/^-/, '').split('.');
  const scale = fraction.length;
  const precision = Math.max(whole.replace(/^0+/, '').length + scale, scale, 1);
  const parsed = parseDecimal(`${digits.startsWith('-') ? '-' : ''}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`, 38, scale);
  if (parsed.kind === 'fault' || precision > 38)
    throw new LakefoldError('INVALID_ARGUMENT', `expected a number of at most 38 digits, found ${JSON.stringify(digits)}`);
  return { type: { kind: 'decimal', precision, scale }, at: () => parsed.unscaled, literal: { kind: 'number', text: digits } };
}

function column(path: readonly string[], { batch, rules }: SqlScope): SqlOperand {
  const [name = '', ...fields] = path;
  const position = batch.columns.findIndex((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  const vector = batch.vectors[position];
  if (vector === undefined) throw new LakefoldError('INVALID_ARGUMENT', `expected a column of the table, found ${JSON.stringify(path.join('.'))}`);
  let rule = rules?.get(batch.columns[position]?.name ?? '');
  let operand: SqlOperand = { type: vector.type, at: (row) => valueAt(vector, row) };
  for (const field of fields) {
    operand = fieldOf(operand, field);
    rule = rule?.kind === 'struct' ? rule.fields.find((candidate) => candidate.name.toLowerCase() === field.toLowerCase())?.rule : undefined;
  }
  return ruled(operand, rule);
}

function ruled(operand: SqlOperand, rule: ValueRule | undefined): SqlOperand {
  if (rule?.kind === 'whole') return { ...operand, bits: rule.name === 'TINYINT' ? 8 : 16 };
  // Spark pads what it compares with a CHAR, and lengths inside other types it may pad, too.
  if (rule?.kind === 'unknown' || (rule?.kind === 'text' && rule.min > 0)) throw refuse(`a column of another type than ${rule.name}`, operand.type);
  return operand;
}

function fieldOf({ type, at }: SqlOperand, name: string): SqlOperand {
  if (type.kind !== 'struct') throw refuse(`a struct with a field ${name}`, type);
  const position = type.fields.findIndex((field) => field.name.toLowerCase() === name.toLowerCase());
  const field = type.fields[position];
  if (field === undefined) throw refuse(`a struct with a field ${name}`, type);
  return {
    type: field.type,
    at: (row) => {
      const value = at(row);
      return Array.isArray(value) ? (value[position] ?? null) : null;
    },
  };
}

/** OR is true as soon as one part is, AND false; else null where one is null. */
function logic(kind: 'and' | 'or', parts: readonly SqlOperand[]): SqlOperand {
  const decisive = kind === 'or';
  return {
    type: BOOLEAN,
    at: (row) => {
      let result: Value = !decisive;
      for (const part of parts) {
        const value = part.at(row);
        if (value === decisive) return decisive;
        if (value === null) result = null;
      }
      return result;
    },
  };
}

function comparison(op: string, left: SqlOperand, right: SqlOperand): SqlOperand {
  const { compare } = comparable(left, right);
  if (op === '<=>')
    return { type: BOOLEAN, at: (row) => (left.at(row) === null || right.at(row) === null ? left.at(row) === right.at(row) : compare(row) === 0) };
  const holds = HOLDS[op];
  if (holds === undefined) throw new LakefoldError('INVALID_ARGUMENT', `expected a comparison, found ${op}`);
  return {
    type: BOOLEAN,
    at: (row) => {
      const order = compare(row);
      return order === null ? null : holds(order);
    },
  };
}

const HOLDS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

function like(operand: SqlOperand, pattern: string): SqlOperand {
  if (operand.type.kind !== 'string') throw refuse('a string before LIKE', operand.type);
  const matches = likeMatcher(pattern);
  return {
    type: BOOLEAN,
    at: (row) => {
      const value = operand.at(row);
      return typeof value === 'string' ? matches(value) : null;
    },
  };
}

/** `%` is any text, `_` one character, a backslash takes either for itself. Linear in text times pattern, unlike a regular expression. */
function likeMatcher(pattern: string): (text: string) => boolean {
  const parts: (string | { readonly any: 'one' | 'many' })[] = [];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i += 1) {
    const character = characters[i] ?? '';
    if (character === '\\') {
      i += 1;
      const escaped = characters[i];
      if (escaped !== '%' && escaped !== '_' && escaped !== '\\')
        throw new LakefoldError('INVALID_ARGUMENT', `expected \\%, \\_ or \\\\ in the pattern ${JSON.stringify(pattern)}`);
      parts.push(escaped);
    } else parts.push(character === '%' ? { any: 'many' } : character === '_' ? { any: 'one' } : character);
  }
  return (text) => {
    let places = new Set([0]);
    const letters = [...text];
    for (const part of parts) {
      const next = new Set<number>();
      if (typeof part === 'object' && part.any === 'many') for (let at = Math.min(...places); at <= letters.length; at += 1) next.add(at);
      else for (const at of places) if (at < letters.length && (typeof part === 'object' || letters[at] === part)) next.add(at + 1);
      if (next.size === 0) return false;
      places = next;
    }
    return places.has(letters.length);
  };
}

const TYPE_NAMES: Readonly<Record<string, string>> = { integer: 'int', long: 'bigint', real: 'float', dec: 'decimal', numeric: 'decimal' };

// Only what no setting can change: nothing is rounded, overflows or is read from text.
function cast(operand: SqlOperand, to: string): SqlOperand {
  const [, word = '', rest = ''] = /^([a-z_]+)(.*)$/.exec(to) ?? [];
  const type = castType(`${TYPE_NAMES[word] ?? word}${rest}`);
  const from = operand.type;
  if (from.kind === 'void') return { type, at: () => null };
  if (formatType(from) === formatType(type)) return { type, at: operand.at };
  const isWhole = from.kind === 'int' || from.kind === 'bigint';
  if (type.kind === 'bigint' && from.kind === 'int') return toBigint(operand);
  if (type.kind === 'double' && isNumeric(from)) return toNumber(operand, 'double');
  if (type.kind === 'decimal' && (isWhole || from.kind === 'decimal') && type.scale >= scaleOf(from) && type.precision - type.scale >= wholeDigits(from))
    return { ...toScale(operand, type.scale), type };
  if (type.kind === 'string' && isWhole) {
    return {
      type,
      at: (row) => {
        const value = operand.at(row);
        return value === null ? null : String(value);
      },
    };
  }
  throw refuse(`a cast to ${formatType(type)} that changes no value`, from);
}

function castType(name: string): ColumnType {
  const type = parseType(name === 'decimal' ? 'decimal(10,0)' : name === 'timestamp_ntz' ? 'timestampNtz' : name);
  return type;
}
