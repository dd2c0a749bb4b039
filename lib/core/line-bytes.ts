/** UTF-8 text as it grows, in one buffer that is used again: numbers and times go in digit by digit, without a string of their own. */
import { formatDate } from './time.ts';

/** Longest whole number: a sign and 16 digits. */
const WHOLE_BYTES_MAX = 17;
/** `"YYYY-MM-DDTHH:MM:SS.ffffffZ"` */
const INSTANT_BYTES_MAX = 29;
/** Days whose ten digits are kept; rows are of few. */
const DAYS_KEPT = 4096;
const DAY_BYTES = 10;
const NO_DAY = 2_147_483_647;
const SECONDS_A_DAY = 86_400;
const QUOTE = 34;
const BACKSLASH = 92;
const ZERO = 48;

const encoder = new TextEncoder();

export class LineBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;
  readonly #days = new Int32Array(DAYS_KEPT).fill(NO_DAY);
  readonly #dayBytes = new Uint8Array(DAYS_KEPT * DAY_BYTES);

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#at;
  }

  /** What was written so far; good until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  clear(): void {
    this.#at = 0;
  }

  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    const to = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < length; i += 1) to[at + i] = bytes[i] as number;
    this.#at = at + length;
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    const bytes = this.#bytes;
    const start = this.#at;
    const { length } = text;
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.#at = start + encoder.encodeInto(text, bytes.subarray(start)).written;
        return;
      }
      bytes[start + i] = code;
    }
    this.#at = start + length;
  }

  /** As JSON writes it. */
  quoted(text: string): void {
    this.#reserve(text.length + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at] = QUOTE;
    at += 1;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code < 32 || code > 126 || code === QUOTE || code === BACKSLASH) {
        this.text(JSON.stringify(text));
        return;
      }
      bytes[at] = code;
      at += 1;
    }
    bytes[at] = QUOTE;
    this.#at = at + 1;
  }

  /** A whole number within ±(2^53 − 1), not minus zero. */
  whole(value: number): void {
    this.#reserve(WHOLE_BYTES_MAX);
    let positive = value;
    if (value < 0) {
      this.#bytes[this.#at] = 45;
      this.#at += 1;
      positive = -value;
    }
    if (positive < 100_000_000) {
      this.#digits(positive, digitsOf(positive));
      return;
    }
    // Halves of eight digits are within 32 bits, where division is cheap.
    const high = Math.floor(positive / 100_000_000);
    this.#digits(high, digitsOf(high));
    this.#digits(positive - high * 100_000_000, 8);
  }

  /** The date in quotes. */
  date(days: number): void {
    this.#reserve(INSTANT_BYTES_MAX);
    this.#byte(QUOTE);
    this.#day(days);
    this.#byte(QUOTE);
  }

  /** µs since 1970, a whole number within ±(2^53 − 1), in quotes: RFC 3339, as `formatInstant` writes it, or without the `Z`. */
  instant(micros: number, isUtc: boolean): void {
    this.#reserve(INSTANT_BYTES_MAX);
    const seconds = Math.floor(micros / 1_000_000);
    const rest = micros - seconds * 1_000_000;
    const days = Math.floor(seconds / SECONDS_A_DAY);
    const second = seconds - days * SECONDS_A_DAY;
    this.#byte(QUOTE);
    this.#day(days);
    this.#byte(84);
    this.#digits(Math.floor(second / 3600), 2);
    this.#byte(58);
    this.#digits(Math.floor(second / 60) % 60, 2);
    this.#byte(58);
    this.#digits(second % 60, 2);
    if (rest !== 0) {
      this.#byte(46);
      this.#digits(rest, 6);
      while (this.#bytes[this.#at - 1] === ZERO) this.#at -= 1;
    }
    if (isUtc) this.#byte(90);
    this.#byte(QUOTE);
  }

  #byte(code: number): void {
    this.#bytes[this.#at] = code;
    this.#at += 1;
  }

  /** `count` digits of a number below 10^8, zeros before it. */
  #digits(value: number, count: number): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let rest = value | 0;
    for (let i = start + count - 1; i >= start; i -= 1) {
      const tenth = (rest / 10) | 0;
      bytes[i] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#at = start + count;
  }

  #day(days: number): void {
    const slot = days & (DAYS_KEPT - 1);
    const first = slot * DAY_BYTES;
    if (this.#days[slot] !== days) {
      const text = formatDate(days);
      encoder.encodeInto(text, this.#dayBytes.subarray(first, first + DAY_BYTES));
      this.#days[slot] = days;
    }
    const bytes = this.#bytes;
    const from = this.#dayBytes;
    const at = this.#at;
    for (let i = 0; i < DAY_BYTES; i += 1) bytes[at + i] = from[first + i] as number;
    this.#at = at + DAY_BYTES;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#at + more, this.#bytes.length * 2));
    larger.set(this.view());
    this.#bytes = larger;
  }
}

/** Of a number below 10^8. */
function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
}
