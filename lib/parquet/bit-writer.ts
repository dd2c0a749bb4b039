/** Bits one behind the other, the lowest of a byte first, as zstd's streams are: they are read from their end. */

/** `bytes` are reserved by who makes it; bits that don't fill a byte wait in `held`. */
export interface BitWriter {
  readonly bytes: Uint8Array;
  at: number;
  held: number;
  /** Of them, below 8 between calls. */
  count: number;
}

export function bitWriter(bytes: Uint8Array, at: number): BitWriter {
  return { bytes, at, held: 0, count: 0 };
}

/** The low `count` bits of `value`, at most 24. */
export function putBits(to: BitWriter, value: number, count: number): void {
  let held = to.held | ((value & ((1 << count) - 1)) << to.count);
  let filled = to.count + count;
  while (filled >= 8) {
    to.bytes[to.at] = held;
    to.at += 1;
    held >>>= 8;
    filled -= 8;
  }
  to.held = held;
  to.count = filled;
}

/** Fills the last byte with zeros; where the bytes end. */
export function endBits(to: BitWriter): number {
  if (to.count > 0) putBits(to, 0, 8 - to.count);
  return to.at;
}

/** The one bit a stream that is read from its end begins with, then zeros; where the bytes end. */
export function endStream(to: BitWriter): number {
  putBits(to, 1, 1);
  return endBits(to);
}

/** Of the highest bit set, from 0; `value` at least 1. */
export function highBit(value: number): number {
  return 31 - Math.clz32(value);
}
