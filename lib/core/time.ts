/**
 * Instants, calendar dates and durations. The only file that touches `Date`.
 *
 * Event time is `EpochMicros` (bigint), commit time `EpochMillis`, expiry `EpochSeconds`; a calendar date is an int32
 * count of days since 1970-01-01. Years 0001 to 9999.
 */
import type { Brand } from './brand.ts';
import { LakefoldError } from './errors.ts';

export type EpochMicros = Brand<bigint, 'EpochMicros'>;
export type EpochMillis = Brand<number, 'EpochMillis'>;
export type EpochSeconds = Brand<number, 'EpochSeconds'>;
/** A span of time in microseconds, always positive. */
export type DurationMicros = Brand<bigint, 'DurationMicros'>;

/** 0001-01-01T00:00:00Z */
export const MICROS_MIN = -62_135_596_800_000_000n;
/** 9999-12-31T23:59:59.999999Z */
export const MICROS_MAX = 253_402_300_799_999_999n;
const DAYS_MIN = -719_162;
const DAYS_MAX = 2_932_896;
const MICROS_PER_DAY = 86_400_000_000n;

export function isEpochMicros(value: bigint): value is EpochMicros {
  return value >= MICROS_MIN && value <= MICROS_MAX;
}

export function isEpochMillis(value: number): value is EpochMillis {
  return Number.isSafeInteger(value);
}

function isEpochSeconds(value: number): value is EpochSeconds {
  return Number.isSafeInteger(value);
}

function isDuration(value: bigint): value is DurationMicros {
  return value > 0n;
}

/** @throws LakefoldError INVALID_ARGUMENT outside the years 0001–9999 */
export function epochMicros(value: bigint): EpochMicros {
  if (!isEpochMicros(value)) throw new LakefoldError('INVALID_ARGUMENT', `expected an instant of the years 0001 to 9999, found ${value} µs`);
  return value;
}

/** @throws LakefoldError INVALID_ARGUMENT when not a whole number */
export function epochMillis(value: number): EpochMillis {
  if (!isEpochMillis(value)) throw new LakefoldError('INVALID_ARGUMENT', `expected whole milliseconds, found ${value}`);
  return value;
}

/** @throws LakefoldError INVALID_ARGUMENT when not a whole number */
export function epochSeconds(value: number): EpochSeconds {
  if (!isEpochSeconds(value)) throw new LakefoldError('INVALID_ARGUMENT', `expected whole seconds, found ${value}`);
  return value;
}

export function microsOfMillis(millis: number): EpochMicros {
  return epochMicros(BigInt(millis) * 1000n);
}

/** Floors, so that instants before 1970 keep their order. */
export function millisOfMicros(micros: bigint): EpochMillis {
  return epochMillis(Number(floorDiv(micros, 1000n)));
}

/** Ceils: what expires at `micros` must still be there in the second that holds it. */
export function secondsOfMicrosCeil(micros: bigint): EpochSeconds {
  const value = Number(-floorDiv(-micros, 1_000_000n));
  if (!isEpochSeconds(value)) throw new LakefoldError('INVALID_ARGUMENT', `expected whole seconds, found ${value}`);
  return value;
}

export function microsOfDays(days: number): EpochMicros {
  return epochMicros(BigInt(days) * MICROS_PER_DAY);
}

export function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** Why a text is no instant; the names are the row codes of shapes.md. */
export type InstantFault = 'INVALID_TIMESTAMP' | 'NAIVE_TIMESTAMP' | 'TIMESTAMP_PRECISION' | 'OUT_OF_RANGE';
export type InstantResult = { readonly kind: 'instant'; readonly micros: EpochMicros } | { readonly kind: 'fault'; readonly fault: InstantFault };

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,12}))?([Zz]|[+-]\d{2}:\d{2})?$/;

const fault = (name: InstantFault): InstantResult => ({ kind: 'fault', fault: name });

/** Parses RFC 3339. `naive: 'utc'` reads a missing offset as UTC (files that say so, never the wire). */
export function parseInstant(text: string, options: { readonly naive?: 'refuse' | 'utc' } = {}): InstantResult {
  const match = INSTANT.exec(text);
  if (match === null) return fault('INVALID_TIMESTAMP');
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', offset] = match;
  const days = daysOf(Number(year), Number(month), Number(day));
  if (days === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return fault('INVALID_TIMESTAMP');
  if (offset === undefined && options.naive !== 'utc') return fault('NAIVE_TIMESTAMP');
  if (fraction.length > 6 && /[1-9]/.test(fraction.slice(6))) return fault('TIMESTAMP_PRECISION');
  if (fraction.length > 6) return fault('TIMESTAMP_PRECISION');
  const seconds = BigInt(Number(hour) * 3600 + Number(minute) * 60 + Number(second));
  let micros = BigInt(days) * MICROS_PER_DAY + seconds * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
  if (offset !== undefined && offset.length === 6) {
    const offsetHours = Number(offset.slice(1, 3));
    const offsetMinutes = Number(offset.slice(4, 6));
    if (offsetHours > 23 || offsetMinutes > 59) return fault('INVALID_TIMESTAMP');
    const shift = BigInt(offsetHours * 60 + offsetMinutes) * 60_000_000n;
    micros += offset.startsWith('-') ? shift : -shift;
  }
  return isEpochMicros(micros) ? { kind: 'instant', micros } : fault('OUT_OF_RANGE');
}

/** @throws LakefoldError INVALID_ARGUMENT naming the text when it is no RFC 3339 instant with offset */
export function instant(text: string): EpochMicros {
  const result = parseInstant(text);
  if (result.kind === 'fault') {
    throw new LakefoldError('INVALID_ARGUMENT', `expected an RFC 3339 instant with offset, found ${JSON.stringify(text)}`, {
      context: { fault: result.fault },
    });
  }
  return result.micros;
}

/** RFC 3339 UTC, as many of six fractional digits as needed. */
export function formatInstant(micros: bigint): string {
  return `${formatLocalInstant(micros)}Z`;
}

/** As `formatInstant` without the `Z`: the form of `timestampNtz`. */
export function formatLocalInstant(micros: bigint): string {
  const exact = Number(micros);
  // Beyond 2^53 µs, the year 2255, the parts alone are exact as numbers.
  const seconds = Number.isSafeInteger(exact) ? Math.floor(exact / 1_000_000) : Number(floorDiv(micros, 1_000_000n));
  const rest = Number.isSafeInteger(exact) ? exact - seconds * 1_000_000 : Number(micros - BigInt(seconds) * 1_000_000n);
  const days = Math.floor(seconds / 86_400);
  const text = `${dayText(days)}T${clockText(seconds - days * 86_400)}`;
  return rest === 0 ? text : `${text}.${fractionText(rest)}`;
}

/** Days whose text is kept: rows are of few, and `Date` is slow. */
const DAYS_KEPT = 4096;
const keptDays = new Int32Array(DAYS_KEPT).fill(2_147_483_647);
const keptTexts: string[] = Array.from({ length: DAYS_KEPT }, () => '');

function dayText(days: number): string {
  const slot = days & (DAYS_KEPT - 1);
  if (keptDays[slot] !== days) {
    keptTexts[slot] = formatDay(days);
    keptDays[slot] = days;
  }
  return keptTexts[slot] ?? '';
}

function formatDay(days: number): string {
  return new Date(days * 86_400_000).toISOString().slice(0, 10);
}

/** Six digits without zeros at the end. */
function fractionText(micros: number): string {
  let digits = 6;
  let value = micros;
  while (value % 10 === 0) {
    value /= 10;
    digits -= 1;
  }
  return String(value).padStart(digits, '0');
}

/** `HH:MM:SS` of a second of the day. */
function clockText(second: number): string {
  const hours = Math.floor(second / 3600);
  const minutes = Math.floor(second / 60) % 60;
  return `${twoDigits(hours)}:${twoDigits(minutes)}:${twoDigits(second % 60)}`;
}

const TWO_DIGITS = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));

function twoDigits(value: number): string {
  return TWO_DIGITS[value] ?? String(value);
}

/** RFC 3339 UTC of a commit time. */
export function formatMillis(millis: number): string {
  return formatInstant(BigInt(millis) * 1000n);
}

/** Days since 1970-01-01, or undefined where there is no such calendar day. */
export function parseDate(text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  return match === null ? undefined : daysOf(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** `YYYY-MM-DD` of a count of days. */
export function formatDate(days: number): string {
  return dayText(days);
}

/** ISO 8601 with weeks, days, hours, minutes, seconds; 1 day = 24 h. Undefined for anything else, months, years and zero. */
export function parseDuration(text: string): DurationMicros | undefined {
  const match = /^P(?:(\d{1,6})W)?(?:(\d{1,7})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,11})(?:\.(\d{1,6}))?S)?)?$/.exec(text);
  if (match === null || text.endsWith('T') || text === 'P') return undefined;
  const [, weeks = '0', days = '0', hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  const total =
    (BigInt(weeks) * 7n + BigInt(days)) * MICROS_PER_DAY +
    (BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds)) * 1_000_000n +
    BigInt(fraction.padEnd(6, '0'));
  return isDuration(total) ? total : undefined;
}

/** @throws LakefoldError INVALID_ARGUMENT naming the text when it is no duration */
export function duration(text: string): DurationMicros {
  const parsed = parseDuration(text);
  if (parsed === undefined) {
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      `expected an ISO 8601 duration of weeks, days, hours, minutes and seconds above zero, found ${JSON.stringify(text)}`,
    );
  }
  return parsed;
}

/** The instant of a JavaScript `Date`; undefined for anything else and for invalid dates. */
export function microsOfNativeDate(value: unknown): bigint | undefined {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? BigInt(value.getTime()) * 1000n : undefined;
}

function daysOf(year: number, month: number, day: number): number | undefined {
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // `Date` rolls 30 February over into March; only a day that formats back is a day.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const days = Math.round(date.getTime() / 86_400_000);
  return days >= DAYS_MIN && days <= DAYS_MAX ? days : undefined;
}
