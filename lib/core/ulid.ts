/** Identifiers that sort by when they were made: 48 bits of milliseconds, then 80 random bits, in Crockford's base 32. */

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function isUlid(text: string): boolean {
  return ULID.test(text);
}

/** `random` gives five bits a byte; 16 bytes are used. */
export function ulid(millis: number, random: Uint8Array): string {
  let text = '';
  let rest = millis;
  for (let i = 0; i < TIME_DIGITS; i += 1) {
    text = CROCKFORD.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  for (const byte of random.subarray(0, RANDOM_DIGITS)) text += CROCKFORD.charAt(byte & 31);
  return text;
}

/** When it was made, epoch ms. */
export function millisOfUlid(text: string): number {
  let millis = 0;
  for (const digit of text.slice(0, TIME_DIGITS)) millis = millis * 32 + CROCKFORD.indexOf(digit);
  return millis;
}

interface UlidDeps {
  readonly clock: { now(): number };
  readonly random: { bytes(length: number): Uint8Array };
}

/** One producer's identifiers: each greater than the one before, also within a millisecond and when the clock steps back. */
export class UlidSource {
  readonly #deps: UlidDeps;
  #millis = -1;
  #random = new Uint8Array(RANDOM_DIGITS);

  constructor(deps: UlidDeps) {
    this.#deps = deps;
  }

  next(): string {
    const now = this.#deps.clock.now();
    if (now > this.#millis) {
      this.#millis = now;
      this.#random = this.#deps.random.bytes(RANDOM_DIGITS).map((byte) => byte & 31);
    } else if (!increment(this.#random)) {
      this.#millis += 1;
    }
    return ulid(this.#millis, this.#random);
  }
}

/** The digits plus one; false when they ran over to zero. */
function increment(digits: Uint8Array): boolean {
  for (let i = digits.length - 1; i >= 0; i -= 1) {
    const digit = digits[i] ?? 0;
    digits[i] = (digit + 1) & 31;
    if (digit < 31) return true;
  }
  return false;
}
