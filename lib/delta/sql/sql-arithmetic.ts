/** Arithmetic of Spark SQL. Results that Spark would wrap in one mode and refuse in the other are refused as rows. */
import { LakefoldError } from '../../core/errors.ts';
import type { Value } from '../../core/types.ts';
import { isNumeric, numbersAlike, refuse, scaleOf, type SqlOperand, type SqlType, toNumber, wholeDigits } from './sql-values.ts';

/** @throws LakefoldError INVALID_ARGUMENT for operands that are no numbers, and for decimals whose result Spark rounds */
export function arithmetic(op: string, left: SqlOperand, right: SqlOperand): SqlOperand {
  if (left.type.kind === 'void' || right.type.kind === 'void') return { type: left.type.kind === 'void' ? right.type : left.type, at: () => null };
  if (!isNumeric(left.type) || !isNumeric(right.type)) throw refuse(`numbers around ${op}`, left.type, right.type);
  const isDecimal = left.type.kind === 'decimal' || right.type.kind === 'decimal';
  const isFloating = [left, right].some(({ type }) => type.kind === 'float' || type.kind === 'double');
  if (isFloating) return floating(op, ...numbersAlike(left, right));
  if (op === '/') {
    if (isDecimal) throw refuse('doubles or whole numbers around /', left.type, right.type);
    return floating('/', toNumber(left, 'double'), toNumber(right, 'double'));
  }
  if (isDecimal) return decimals(op, left, right);
  const kind = left.type.kind === 'int' && right.type.kind === 'int' ? 'int' : 'bigint';
  const bits = Math.max(bitsOf(left), bitsOf(right));
  const result = computed({ kind }, left, right, (a, b) => wholeResult(bits, op, BigInt(String(a)), BigInt(String(b))));
  return bits === 8 || bits === 16 ? { ...result, bits } : result;
}

/** @throws LakefoldError INVALID_ARGUMENT for what is no number */
export function negative(operand: SqlOperand): SqlOperand {
  const zero: SqlOperand = {
    type: operand.type,
    at: () => (operand.type.kind === 'int' || operand.type.kind === 'float' || operand.type.kind === 'double' ? 0 : 0n),
    ...(operand.bits === undefined ? {} : { bits: operand.bits }),
  };
  if (!isNumeric(operand.type)) throw refuse('a number after -', operand.type);
  return arithmetic('-', zero, operand);
}

function floating(op: string, left: SqlOperand, right: SqlOperand): SqlOperand {
  const round = left.type.kind === 'float' ? Math.fround : (value: number): number => value;
  return computed(left.type, left, right, (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    if ((op === '/' || op === '%') && y === 0) throw overflow(`${String(a)} ${op} 0`);
    return round(op === '+' ? x + y : op === '-' ? x - y : op === '*' ? x * y : op === '/' ? x / y : x % y);
  });
}

function decimals(op: string, left: SqlOperand, right: SqlOperand): SqlOperand {
  const scale = op === '*' ? scaleOf(left.type) + scaleOf(right.type) : Math.max(scaleOf(left.type), scaleOf(right.type));
  const digits = op === '*' ? wholeDigits(left.type) + wholeDigits(right.type) : Math.max(wholeDigits(left.type), wholeDigits(right.type)) + 1;
  if (op === '%' || digits + scale > 38) throw refuse(`decimals whose ${op} is exact in 38 digits`, left.type, right.type);
  const [a, b] = op === '*' ? [left, right] : numbersAlike(left, right);
  return computed({ kind: 'decimal', precision: digits + scale, scale }, a, b, (x, y) => {
    const [m, n] = [BigInt(String(x)), BigInt(String(y))];
    return op === '+' ? m + n : op === '-' ? m - n : m * n;
  });
}

function bitsOf({ type, bits }: SqlOperand): number {
  return bits ?? (type.kind === 'int' ? 32 : 64);
}

function wholeResult(bits: number, op: string, a: bigint, b: bigint): Value {
  if (op === '%' && b === 0n) throw overflow(`${a} % 0`);
  const result = op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : a % b;
  if (BigInt.asIntN(bits, result) !== result) throw overflow(`${a} ${op} ${b}`);
  return bits === 64 ? result : Number(result);
}

function computed(type: SqlType, left: SqlOperand, right: SqlOperand, compute: (a: Exclude<Value, null>, b: Exclude<Value, null>) => Value): SqlOperand {
  return {
    type,
    at: (row) => {
      const [a, b] = [left.at(row), right.at(row)];
      return a === null || b === null ? null : compute(a, b);
    },
  };
}

function overflow(what: string): LakefoldError {
  return new LakefoldError('CONSTRAINT_VIOLATED', `${what} has no value that fits`);
}
