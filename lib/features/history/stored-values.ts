/**
 * Values of foreign typed files as values of the group's columns (semantics §9): wider integers where every value fits,
 * float64 to float only where exact, local times only with a time zone. Never a coercion that loses anything.
 */
import { showInput, isExactDouble, toValue, type InputOptions, type ValueFaultCode, type ValueResult } from '../../core/input-values.ts';
import { raiseBetween } from '../../core/raise.ts';
import { formatDecimal, formatType, typesEqual, type ColumnType, type Value } from '../../core/types.ts';

export type ConvertStored = (value: Value) => ValueResult;

/** How a stored value of type `from` becomes one of type `to`; null stays null whatever the types. */
export function storedConverter(from: ColumnType, to: ColumnType, options: InputOptions): ConvertStored {
  const convert = converter(from, to, options);
  return (value) => (value === null ? NULL : convert(value));
}

const NULL: ValueResult = { kind: 'value', value: null };

function ok(value: Value): ValueResult {
  return { kind: 'value', value };
}

function fault(code: ValueFaultCode, expected: string, found: string): ValueResult {
  return { kind: 'fault', code, expected, found };
}

function converter(from: ColumnType, to: ColumnType, options: InputOptions): ConvertStored {
  if (typesEqual(from, to)) return ok;
  const raise = raiseBetween(from, to);
  if (raise !== undefined) return (value) => ok(raise(value));
  switch (to.kind) {
    case 'int':
    case 'bigint':
      return integerFrom(from, to);
    case 'float':
    case 'double':
      return floatFrom(from, to);
    case 'decimal':
      return decimalFrom(from, to);
    case 'timestamp':
      return instantFrom(from, to, options);
    case 'array':
      return from.kind === 'array' || from.kind === 'vector' ? itemsFrom(elementOf(from), to.element, options) : mismatch(from, to);
    case 'vector':
      return from.kind === 'array' || from.kind === 'vector' ? vectorFrom(elementOf(from), to.length, options) : mismatch(from, to);
    case 'struct':
      return from.kind === 'struct' ? structFrom(from, to, options) : mismatch(from, to);
    case 'map':
      return from.kind === 'map' ? mapFrom(from, to, options) : mismatch(from, to);
    default:
      return mismatch(from, to);
  }
}

function mismatch(from: ColumnType, to: ColumnType): ConvertStored {
  return () => fault('TYPE_MISMATCH', formatType(to), formatType(from));
}

function integerFrom(from: ColumnType, to: ColumnType): ConvertStored {
  if (from.kind !== 'int' && from.kind !== 'bigint' && !(from.kind === 'decimal' && from.scale === 0)) return mismatch(from, to);
  return (value) => toValue(to, value);
}

function floatFrom(from: ColumnType, to: ColumnType): ConvertStored {
  if (from.kind !== 'int' && from.kind !== 'bigint' && from.kind !== 'double') return mismatch(from, to);
  return (value) => {
    if (typeof value === 'bigint' && !isExactDouble(value)) return fault('UNSAFE_INTEGER', `an integer that a ${to.kind} holds exactly`, String(value));
    const number = Number(value);
    if (to.kind === 'double' || Object.is(Math.fround(number), number)) return ok(number);
    return fault('OUT_OF_RANGE', 'a number that a float holds exactly', String(number));
  };
}

function decimalFrom(from: ColumnType, to: { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }): ConvertStored {
  if (from.kind !== 'decimal') return mismatch(from, to);
  return (value) => (typeof value === 'bigint' ? toValue(to, formatDecimal(value, from.scale)) : fault('TYPE_MISMATCH', formatType(to), showInput(value)));
}

function instantFrom(from: ColumnType, to: ColumnType, { unit, resolveLocal }: InputOptions): ConvertStored {
  if ((from.kind === 'int' || from.kind === 'bigint') && unit !== undefined) return (value) => toValue(to, value, { unit });
  if (from.kind !== 'timestampNtz') return mismatch(from, to);
  return (value) => {
    if (resolveLocal === undefined) return fault('NAIVE_TIMESTAMP', 'a timestamp with zone (or the option timezone)', 'a timestamp without zone');
    const micros = typeof value === 'bigint' ? resolveLocal(value) : undefined;
    return micros === undefined ? fault('INVALID_TIMESTAMP', 'a local time that exists once in the time zone', showInput(value)) : ok(micros);
  };
}

function elementOf(type: { readonly kind: 'array'; readonly element: ColumnType } | { readonly kind: 'vector' }): ColumnType {
  return type.kind === 'array' ? type.element : { kind: 'float' };
}

function itemsFrom(from: ColumnType, to: ColumnType, options: InputOptions): ConvertStored {
  const convert = storedConverter(from, to, options);
  return (value) => {
    const items: Value[] = [];
    for (const item of listOf(value)) {
      const result = convert(item);
      if (result.kind === 'fault') return result;
      items.push(result.value);
    }
    return ok(items);
  };
}

function vectorFrom(from: ColumnType, length: number, options: InputOptions): ConvertStored {
  const convert = itemsFrom(from, { kind: 'float' }, options);
  return (value) => {
    const items = listOf(value);
    if (items.length !== length) return fault('VECTOR_LENGTH', `${length} numbers`, String(items.length));
    if (items.includes(null)) return fault('TYPE_MISMATCH', 'a number in every place of the vector', 'null');
    return convert(value);
  };
}

type StructType = Extract<ColumnType, { readonly kind: 'struct' }>;

function structFrom(from: StructType, to: StructType, options: InputOptions): ConvertStored {
  if (from.fields.some((field) => !to.fields.some((other) => other.name === field.name))) return mismatch(from, to);
  const fields = to.fields.map((field) => {
    const position = from.fields.findIndex((other) => other.name === field.name);
    return { position, convert: storedConverter(from.fields[position]?.type ?? field.type, field.type, options) };
  });
  return (value) => {
    const members: Value[] = [];
    for (const { position, convert } of fields) {
      const result = convert(position < 0 ? null : (listOf(value)[position] ?? null));
      if (result.kind === 'fault') return result;
      members.push(result.value);
    }
    return ok(members);
  };
}

function mapFrom(from: Extract<ColumnType, { readonly kind: 'map' }>, to: Extract<ColumnType, { readonly kind: 'map' }>, options: InputOptions): ConvertStored {
  const convertKey = storedConverter(from.key, to.key, options);
  const convertValue = storedConverter(from.value, to.value, options);
  return (value) => {
    const entries: Value[] = [];
    for (const entry of listOf(value)) {
      const key = convertKey(listOf(entry)[0] ?? null);
      const member = convertValue(listOf(entry)[1] ?? null);
      if (key.kind === 'fault') return key;
      if (member.kind === 'fault') return member;
      entries.push([key.value, member.value]);
    }
    return ok(entries);
  };
}

function listOf(value: Value): readonly Value[] {
  return Array.isArray(value) ? value : [];
}
