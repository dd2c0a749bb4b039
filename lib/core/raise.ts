/** Raising stored values to a wider type (semantics §6): the one place that says which conversions are exact. */
import { typesEqual, type ColumnType, type Value } from './types.ts';

export type Raise = (value: Value) => Value;

const same: Raise = (value) => value;
const toBigint: Raise = (value) => (typeof value === 'number' ? BigInt(value) : value);

/** How a value of `from` becomes the equal value of `to`; undefined where that is not exact for every value. Null stays null. */
export function raiseBetween(from: ColumnType, to: ColumnType): Raise | undefined {
  if (typesEqual(from, to)) return same;
  if (from.kind === 'int' && to.kind === 'bigint') return toBigint;
  if (from.kind === 'int' && to.kind === 'double') return same;
  if (from.kind === 'float' && to.kind === 'double') return same;
  if (from.kind === 'decimal' && to.kind === 'decimal' && from.scale === to.scale && from.precision <= to.precision) return same;
  return undefined;
}
