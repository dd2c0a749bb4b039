/** Numbers and instants as Spark spells them in statistics and partition values. */
import { formatInstant, formatLocalInstant, floorDiv, MICROS_MAX, MICROS_MIN } from '../../core/time.ts';
import { formatDecimal } from '../../core/types.ts';

/** As Java prints a double: `1.0`, `1.0E10`, `-0.0`. The value must be finite. */
export function doubleText(value: number): string {
  return javaText(value, String(Math.abs(value)));
}

/** As Java prints a float: the shortest digits that give the same float32. */
export function floatText(value: number): string {
  const absolute = Math.abs(value);
  for (let digits = 1; digits < 9; digits += 1) {
    const text = absolute.toPrecision(digits);
    if (Math.fround(Number(text)) === absolute) return javaText(value, String(Number(text)));
  }
  return javaText(value, String(Number(absolute.toPrecision(9))));
}

/** As `BigDecimal.toString`: plain unless the first digit stands more than six places behind the point. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  const exponent = digits.length - 1 - scale;
  if (exponent >= -6) return formatDecimal(unscaled, scale);
  return `${unscaled < 0n ? '-' : ''}${digits.charAt(0)}${digits.length > 1 ? `.${digits.slice(1)}` : ''}E${exponent}`;
}

/** `2023-06-15T12:30:00.000Z`: floored to the millisecond. Undefined outside the years 0001 to 9999. */
export function millisText(micros: bigint, zone: 'Z' | ''): string | undefined {
  if (micros < MICROS_MIN || micros > MICROS_MAX) return undefined;
  const floored = floorDiv(micros, 1000n) * 1000n;
  const [seconds = '', fraction = ''] = formatLocalInstant(floored).split('.');
  return `${seconds}.${fraction.padEnd(3, '0')}${zone}`;
}

/** `1970-01-01T00:00:00.123456Z`, always with six digits. */
export function microsText(micros: bigint): string {
  const [seconds = '', fraction = ''] = formatInstant(micros).slice(0, -1).split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}Z`;
}

/** `1970-01-01 00:00:00.123456`, always with six digits: a `T` in it is read by some engines and refused by others. */
export function localMicrosText(micros: bigint): string {
  return microsText(micros).slice(0, -1).replace('T', ' ');
}

function javaText(value: number, shortest: string): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(shortest);
  const [, whole = '0', fraction = '', exponent = '0'] = match ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  if (digits === '') return `${sign}0.0`;
  const leading = `${whole}${fraction}`.length - digits.length;
  // The value is 0.d1d2d3… × 10^point.
  const point = whole.length - leading + Number(exponent);
  const trimmed = digits.replace(/0+$/, '');
  if (point < -2 || point > 7) return `${sign}${trimmed.charAt(0)}.${trimmed.slice(1) === '' ? '0' : trimmed.slice(1)}E${point - 1}`;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${trimmed}`;
  const padded = trimmed.padEnd(point, '0');
  const rest = padded.slice(point);
  return `${sign}${padded.slice(0, point)}.${rest === '' ? '0' : rest}`;
}
