/** Lower and upper bounds of expectations, compared with column values exactly: a bigint with a fraction, a decimal with a text. */
import { toValue } from '../../core/input-values.ts';
import type { Json } from '../../core/json.ts';
import type { ColumnType, Value } from '../../core/types.ts';
import { compareValues } from '../../delta/filter/filter.ts';
import type { ExpectationDefinition } from '../../registry/definition.ts';

/** True when the value lies within; NaN never does. */
export type WithinBounds = (value: Value) => boolean;

/** Negative, zero or positive as the value is below, at or above the bound; NaN where they have no order. */
type ComparedWithBound = (value: Value) => number;

/** The bounds of `kwargs` for values of `type`; undefined where a bound makes no sense for the type. */
export function boundsOn(type: ColumnType, kwargs: ExpectationDefinition['kwargs']): WithinBounds | undefined {
  const { min_value: min = null, max_value: max = null } = kwargs;
  const low = min === null ? null : boundOf(type, min);
  const high = max === null ? null : boundOf(type, max);
  if (low === undefined || high === undefined) return undefined;
  const isAbove = kwargs['strict_min'] === true ? (order: number): boolean => order > 0 : (order: number): boolean => order >= 0;
  const isBelow = kwargs['strict_max'] === true ? (order: number): boolean => order < 0 : (order: number): boolean => order <= 0;
  return (value) => !Number.isNaN(value) && (low === null || isAbove(low(value))) && (high === null || isBelow(high(value)));
}

/** `at least 0 and below 10`, `any` where nothing is bounded. */
export function describeBounds(kwargs: ExpectationDefinition['kwargs']): string {
  const [min, max] = [textOf(kwargs['min_value']), textOf(kwargs['max_value'])];
  if (min !== undefined && min === max) return `exactly ${min}`;
  const parts = [
    ...(min === undefined ? [] : [`${kwargs['strict_min'] === true ? 'above' : 'at least'} ${min}`]),
    ...(max === undefined ? [] : [`${kwargs['strict_max'] === true ? 'below' : 'at most'} ${max}`]),
  ];
  return parts.length === 0 ? 'any' : parts.join(' and ');
}

function textOf(bound: Json | undefined): string | undefined {
  return typeof bound === 'string' || typeof bound === 'number' || typeof bound === 'bigint' ? `${bound}` : undefined;
}

function boundOf(type: ColumnType, bound: Json): ComparedWithBound | undefined {
  switch (type.kind) {
    case 'int':
    case 'bigint':
    case 'float':
    case 'double': {
      const number = typeof bound === 'string' && type.kind === 'bigint' ? typed(type, bound) : bound;
      return typeof number === 'number' || typeof number === 'bigint' ? (value) => compareNumbers(value, number) : undefined;
    }
    case 'decimal':
      return decimalBound(type.scale, bound);
    case 'string':
    case 'date':
    case 'timestamp': {
      const value = typed(type, bound);
      return value === undefined ? undefined : (other) => compareValues(other, value);
    }
    default:
      return undefined;
  }
}

function typed(type: ColumnType, bound: Json): Value | undefined {
  const result = toValue(type, bound);
  return result.kind === 'value' && result.value !== null ? result.value : undefined;
}

// JavaScript compares a bigint with a number by their mathematical values.
function compareNumbers(value: Value, bound: number | bigint): number {
  if (typeof value !== 'number' && typeof value !== 'bigint') return Number.NaN;
  if (value < bound) return -1;
  return value > bound ? 1 : 0;
}

function decimalBound(scale: number, bound: Json): ComparedWithBound | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(textOf(bound) ?? '');
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = ''] = match;
  const unscaled = BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(scale);
  const raised = 10n ** BigInt(fraction.length);
  return (value) => (typeof value === 'bigint' ? compareNumbers(value * raised, unscaled) : Number.NaN);
}
