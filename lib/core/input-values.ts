/**
 * Values that callers bring (JSON members, CSV fields, TypeScript objects) as column values, without lossy coercion
 * (semantics §9): `"12"` is no int and 12 is no string.
 *
 * One function serves both worlds: JSON is the subset in which no `Date`, `bigint`, byte array or `Map` occurs.
 */
import { fromBase64 } from './bytes.ts';
import { MICROS_MAX, MICROS_MIN, floorDiv, microsOfNativeDate, parseDate, parseInstant } from './time.ts';
import { formatType, parseDecimal, type ColumnType, type StructField, type Value } from './types.ts';

/** Row codes of shapes.md that a single value can deserve. */
export type ValueFaultCode =
  | 'TYPE_MISMATCH'
  | 'OUT_OF_RANGE'
  | 'UNSAFE_INTEGER'
  | 'DECIMAL_SCALE'
  | 'NAIVE_TIMESTAMP'
  | 'INVALID_TIMESTAMP'
  | 'TIMESTAMP_PRECISION'
  | 'VECTOR_LENGTH'
  | 'INVALID_BASE64'
  | 'INVALID_UNICODE';

export interface ValueFault {
  readonly kind: 'fault';
  readonly code: ValueFaultCode;
  readonly expected: string;
  readonly found: string;
}

export type ValueResult = { readonly kind: 'value'; readonly value: Value } | ValueFault;

export interface InputOptions {
  /** Lets a timestamp come as a whole epoch number of this unit. */
  readonly unit?: 's' | 'ms' | 'us';
  /** Instant (µs) of a local time (µs as if UTC); undefined where it is ambiguous or never was. Without it naive timestamps are refused. */
  readonly resolveLocal?: (localMicros: bigint) => bigint | undefined;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const FOUND_LENGTH_MAX = 64;
const DAYS_MIN = -719_162;
const DAYS_MAX = 2_932_896;
const UNIT_MICROS = { s: 1_000_000n, ms: 1000n, us: 1n } as const;
const NO_OPTIONS: InputOptions = {};
const NULL_RESULT: ValueResult = { kind: 'value', value: null };

/** The column value of `input`; `null` and `undefined` are absent whatever the type. */
export function toValue(type: ColumnType, input: unknown, options: InputOptions = NO_OPTIONS): ValueResult {
  if (input === null || input === undefined) return NULL_RESULT;
  switch (type.kind) {
    case 'boolean':
      return typeof input === 'boolean' ? ok(input) : mismatch(type, input);
    case 'int':
      return toInt(type, input);
    case 'bigint':
      return toBigint(type, input);
    case 'float':
      return toFloat(type, input);
    case 'double':
      return toDouble(type, input);
    case 'decimal':
      return toDecimal(type, input);
    case 'string':
      return toText(type, input);
    case 'binary':
      return toBinary(type, input);
    case 'date':
      return toDate(type, input);
    case 'timestamp':
      return toTimestamp(type, input, options);
    case 'timestampNtz':
      return toLocalTimestamp(type, input);
    case 'array':
      return toArray(type, input, options);
    case 'vector':
      return toVector(type, input);
    case 'struct':
      return toStruct(type, input, options);
    case 'map':
      return toMap(type, input, options);
    case 'void':
      return mismatch(type, input);
  }
}

/** The input as an error message shows it: its JSON form or its kind, cut at 64 characters. */
export function showInput(input: unknown): string {
  const text = inputText(input);
  return text.length > FOUND_LENGTH_MAX ? `${text.slice(0, FOUND_LENGTH_MAX)}…` : text;
}

/** True when the double holds exactly this integer, or is what the integer's digits were printed from. */
export function isExactDouble(integer: bigint): boolean {
  const number = Number(integer);
  return Number.isFinite(number) && (BigInt(number) === integer || String(number) === integer.toString());
}

/** No lone surrogate; cheaper than a regular expression on the short strings of rows. */
function isWellFormedText(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    i += 1;
  }
  return true;
}

function inputText(input: unknown): string {
  switch (typeof input) {
    case 'string':
      return JSON.stringify(input.slice(0, FOUND_LENGTH_MAX));
    case 'number':
    case 'boolean':
      return String(input);
    case 'bigint':
      return String(input);
    case 'object':
      return input === null
        ? 'null'
        : Array.isArray(input)
          ? `an array of ${input.length}`
          : input instanceof Uint8Array
            ? `${input.length} bytes`
            : 'an object';
    default:
      return `a ${typeof input}`;
  }
}

function ok(value: Value): ValueResult {
  return { kind: 'value', value };
}

function fault(code: ValueFaultCode, expected: string, input: unknown): ValueFault {
  return { kind: 'fault', code, expected, found: showInput(input) };
}

function mismatch(type: ColumnType, input: unknown): ValueFault {
  return fault('TYPE_MISMATCH', formatType(type), input);
}

function toInt(type: ColumnType, input: unknown): ValueResult {
  if (typeof input === 'number' && Number.isInteger(input)) {
    return input >= -2_147_483_648 && input <= 2_147_483_647
      ? ok(input === 0 ? 0 : input)
      : fault('OUT_OF_RANGE', 'an int from -2147483648 to 2147483647', input);
  }
  if (typeof input !== 'bigint') return mismatch(type, input);
  return BigInt.asIntN(32, input) === input ? ok(Number(input)) : fault('OUT_OF_RANGE', 'an int from -2147483648 to 2147483647', input);
}

function toBigint(type: ColumnType, input: unknown): ValueResult {
  let value: bigint;
  if (typeof input === 'number') {
    if (!Number.isInteger(input)) return mismatch(type, input);
    if (!Number.isSafeInteger(input)) return fault('UNSAFE_INTEGER', 'a bigint beyond 2^53-1 as digits or as a string', input);
    return ok(BigInt(input));
  }
  if (typeof input === 'bigint') value = input;
  else if (typeof input === 'string' && /^-?(?:0|[1-9]\d{0,40})$/.test(input)) value = BigInt(input);
  else return mismatch(type, input);
  return value >= INT64_MIN && value <= INT64_MAX ? ok(value) : fault('OUT_OF_RANGE', 'a bigint from -2^63 to 2^63-1', input);
}

function toDouble(type: ColumnType, input: unknown): ValueResult {
  if (typeof input === 'number') return ok(input);
  if (typeof input === 'bigint')
    return isExactDouble(input) ? ok(Number(input)) : fault('UNSAFE_INTEGER', `an integer that a ${type.kind} holds exactly`, input);
  if (input === 'NaN') return ok(NaN);
  if (input === 'Infinity') return ok(Infinity);
  if (input === '-Infinity') return ok(-Infinity);
  return mismatch(type, input);
}

function toFloat(type: ColumnType, input: unknown): ValueResult {
  const double = toDouble(type, input);
  if (double.kind === 'fault' || typeof double.value !== 'number') return double;
  const rounded = Math.fround(double.value);
  return Number.isFinite(double.value) && !Number.isFinite(rounded) ? fault('OUT_OF_RANGE', 'a number a float can hold', input) : ok(rounded);
}

function toDecimal(type: { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }, input: unknown): ValueResult {
  if (typeof input !== 'string') return mismatch(type, input);
  const parsed = parseDecimal(input, type.precision, type.scale);
  return parsed.kind === 'decimal' ? ok(parsed.unscaled) : fault(parsed.fault, `${formatType(type)} as a string`, input);
}

function toText(type: ColumnType, input: unknown): ValueResult {
  if (typeof input !== 'string') return mismatch(type, input);
  return isWellFormedText(input) ? ok(input) : fault('INVALID_UNICODE', 'a string without lone surrogates', input);
}

function toBinary(type: ColumnType, input: unknown): ValueResult {
  if (input instanceof Uint8Array) return ok(input);
  if (typeof input !== 'string') return mismatch(type, input);
  const bytes = fromBase64(input);
  return bytes === undefined ? fault('INVALID_BASE64', 'padded standard base64', input) : ok(bytes);
}

function toDate(type: ColumnType, input: unknown): ValueResult {
  if (typeof input === 'string') {
    const days = parseDate(input);
    return days === undefined ? fault('INVALID_TIMESTAMP', 'a calendar date YYYY-MM-DD', input) : ok(days);
  }
  const micros = microsOfNativeDate(input);
  if (micros === undefined) return mismatch(type, input);
  const days = floorDiv(micros, 86_400_000_000n);
  if (days * 86_400_000_000n !== micros) return fault('TYPE_MISMATCH', 'a date at midnight UTC', 'a Date with a time of day');
  return days >= DAYS_MIN && days <= DAYS_MAX ? ok(Number(days)) : fault('OUT_OF_RANGE', 'a date of the years 0001 to 9999', 'a Date');
}

function toTimestamp(type: ColumnType, input: unknown, options: InputOptions): ValueResult {
  if (typeof input === 'string') return instantOfText(input, options);
  if (typeof input === 'number' || typeof input === 'bigint') return instantOfEpoch(type, input, options);
  const micros = microsOfNativeDate(input);
  return micros === undefined ? mismatch(type, input) : inYears(micros, 'a Date');
}

function instantOfText(text: string, options: InputOptions): ValueResult {
  const parsed = parseInstant(text);
  if (parsed.kind === 'instant') return ok(parsed.micros);
  if (parsed.fault !== 'NAIVE_TIMESTAMP' || options.resolveLocal === undefined) return fault(parsed.fault, INSTANT_EXPECTED[parsed.fault], text);
  const local = parseInstant(text, { naive: 'utc' });
  if (local.kind === 'fault') return fault(local.fault, INSTANT_EXPECTED[local.fault], text);
  const micros = options.resolveLocal(local.micros);
  return micros === undefined ? fault('INVALID_TIMESTAMP', 'a local time that exists once in the time zone', text) : inYears(micros, text);
}

const INSTANT_EXPECTED = {
  INVALID_TIMESTAMP: 'an RFC 3339 instant',
  NAIVE_TIMESTAMP: 'an RFC 3339 instant with its offset',
  TIMESTAMP_PRECISION: 'at most six fractional digits of a second',
  OUT_OF_RANGE: 'an instant of the years 0001 to 9999',
} as const;

function instantOfEpoch(type: ColumnType, input: number | bigint, options: InputOptions): ValueResult {
  if (options.unit === undefined) return fault('TYPE_MISMATCH', `${formatType(type)} as an RFC 3339 string (epoch numbers need a unit on the column)`, input);
  if (typeof input === 'number' && !Number.isInteger(input)) return fault('TIMESTAMP_PRECISION', `whole epoch ${options.unit}`, input);
  if (typeof input === 'number' && !Number.isSafeInteger(input)) return fault('OUT_OF_RANGE', INSTANT_EXPECTED.OUT_OF_RANGE, input);
  return inYears(BigInt(input) * UNIT_MICROS[options.unit], input);
}

function inYears(micros: bigint, input: unknown): ValueResult {
  return micros >= MICROS_MIN && micros <= MICROS_MAX ? ok(micros) : fault('OUT_OF_RANGE', INSTANT_EXPECTED.OUT_OF_RANGE, input);
}

function toLocalTimestamp(type: ColumnType, input: unknown): ValueResult {
  if (typeof input !== 'string') return mismatch(type, input);
  if (parseInstant(input).kind === 'instant') return fault('TYPE_MISMATCH', 'a local time without offset', input);
  const local = parseInstant(input, { naive: 'utc' });
  return local.kind === 'instant' ? ok(local.micros) : fault(local.fault, 'a local time YYYY-MM-DDThh:mm:ss', input);
}

function itemsOf(input: unknown): readonly unknown[] | undefined {
  if (Array.isArray(input)) return input;
  return ArrayBuffer.isView(input) && isNumberArray(input) ? Array.from<unknown>(input) : undefined;
}

function isNumberArray(input: ArrayBufferView): input is Float32Array | Float64Array | Int32Array | BigInt64Array {
  return input instanceof Float32Array || input instanceof Float64Array || input instanceof Int32Array || input instanceof BigInt64Array;
}

function toArray(type: { readonly kind: 'array'; readonly element: ColumnType }, input: unknown, options: InputOptions): ValueResult {
  const items = itemsOf(input);
  if (items === undefined) return mismatch(type, input);
  const values: Value[] = [];
  for (const item of items) {
    const result = toValue(type.element, item, options);
    if (result.kind === 'fault') return result;
    values.push(result.value);
  }
  return ok(values);
}

const FLOAT: ColumnType = { kind: 'float' };

function toVector(type: { readonly kind: 'vector'; readonly length: number }, input: unknown): ValueResult {
  const items = itemsOf(input);
  if (items === undefined) return mismatch(type, input);
  if (items.length !== type.length) return fault('VECTOR_LENGTH', `${type.length} numbers`, input);
  const values: Value[] = [];
  for (const item of items) {
    if (item === null || item === undefined) return fault('TYPE_MISMATCH', 'a number in every place of the vector', item);
    const result = toFloat(FLOAT, item);
    if (result.kind === 'fault') return result;
    values.push(result.value);
  }
  return ok(values);
}

function isRecord(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && !Array.isArray(input) && !ArrayBuffer.isView(input) && microsOfNativeDate(input) === undefined;
}

function toStruct(type: { readonly kind: 'struct'; readonly fields: readonly StructField[] }, input: unknown, options: InputOptions): ValueResult {
  if (!isRecord(input) || input instanceof Map) return mismatch(type, input);
  const unknownName = Object.keys(input).find((name) => !type.fields.some((field) => field.name === name));
  if (unknownName !== undefined) return fault('TYPE_MISMATCH', `${formatType(type)} without further members`, unknownName);
  const values: Value[] = [];
  for (const field of type.fields) {
    const result = toValue(field.type, Object.hasOwn(input, field.name) ? input[field.name] : null, options);
    if (result.kind === 'fault') return result;
    values.push(result.value);
  }
  return ok(values);
}

function toMap(type: { readonly kind: 'map'; readonly key: ColumnType; readonly value: ColumnType }, input: unknown, options: InputOptions): ValueResult {
  const pairs = pairsOf(type.key, input);
  if (pairs === undefined) return mismatch(type, input);
  const entries: Value[] = [];
  const seen = new Set<string>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) return fault('TYPE_MISMATCH', 'pairs [key, value]', pair);
    const key = toValue(type.key, pair[0], options);
    const value = toValue(type.value, pair[1], options);
    if (key.kind === 'fault') return key;
    if (value.kind === 'fault') return value;
    const identity = `${typeof key.value} ${String(key.value)}`;
    if (key.value === null || seen.has(identity)) return fault('TYPE_MISMATCH', 'keys that are present and different', pair[0]);
    seen.add(identity);
    entries.push([key.value, value.value]);
  }
  return ok(entries);
}

/** An object stands for a map of string keys; any map may come as a `Map` or as an array of pairs. */
function pairsOf(keyType: ColumnType, input: unknown): readonly unknown[] | undefined {
  if (Array.isArray(input)) return input;
  if (input instanceof Map) return [...input];
  return keyType.kind === 'string' && isRecord(input) ? Object.entries(input) : undefined;
}
