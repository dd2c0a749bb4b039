/** The least and the greatest value of a page as it is made, by where they lie. Pure. */
import type { ValueKind } from './flat-column.ts';

/** Copies of the values' bytes; undefined where there is no value, or none but NaN. */
export interface PageBounds {
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  readonly hasNaN: boolean;
}

/** `values` are plain, and begin at a multiple of 8 bytes of their buffer. Of two zeros the negative one is the lesser. */
export function boundsOfValues(kind: ValueKind, values: Uint8Array): PageBounds {
  switch (kind) {
    case 'int32':
      return boundsOfInts(values);
    case 'int64':
      return boundsOfLongs(values);
    case 'float':
      return boundsOfFloats(values, new Float32Array(values.buffer, values.byteOffset, values.length / 4));
    case 'double':
      return boundsOfFloats(values, new Float64Array(values.buffer, values.byteOffset, values.length / 8));
    case 'bytes':
      return boundsOfBytes(values);
  }
}

function at(values: Uint8Array, width: number, places: { readonly min: number; readonly max: number; readonly hasNaN: boolean }): PageBounds {
  const valueAt = (i: number): Uint8Array | undefined => (i < 0 ? undefined : values.slice(i * width, (i + 1) * width));
  return { min: valueAt(places.min), max: valueAt(places.max), hasNaN: places.hasNaN };
}

function boundsOfInts(bytes: Uint8Array): PageBounds {
  const values = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let min = 0;
  let max = 0;
  for (let i = 1; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (value < (values[min] ?? 0)) min = i;
    else if (value > (values[max] ?? 0)) max = i;
  }
  return values.length === 0 ? at(bytes, 4, { min: -1, max: -1, hasNaN: false }) : at(bytes, 4, { min, max, hasNaN: false });
}

/** By halves: a number of 64 bits would be an object each. */
function boundsOfLongs(bytes: Uint8Array): PageBounds {
  const high = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const low = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const count = bytes.length / 8;
  if (count === 0) return at(bytes, 8, { min: -1, max: -1, hasNaN: false });
  let min = 0;
  let max = 0;
  let minHigh = high[1] ?? 0;
  let maxHigh = minHigh;
  let minLow = low[0] ?? 0;
  let maxLow = minLow;
  for (let i = 1; i < count; i += 1) {
    const h = high[i * 2 + 1] ?? 0;
    const l = low[i * 2] ?? 0;
    if (h < minHigh || (h === minHigh && l < minLow)) {
      min = i;
      minHigh = h;
      minLow = l;
    } else if (h > maxHigh || (h === maxHigh && l > maxLow)) {
      max = i;
      maxHigh = h;
      maxLow = l;
    }
  }
  return at(bytes, 8, { min, max, hasNaN: false });
}

function boundsOfFloats(bytes: Uint8Array, values: Float32Array | Float64Array): PageBounds {
  let min = -1;
  let max = -1;
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  let hasNaN = false;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (Number.isNaN(value)) {
      hasNaN = true;
      continue;
    }
    if (min < 0 || value < least || (value === 0 && least === 0 && Object.is(value, -0))) {
      min = i;
      least = value;
    }
    if (max < 0 || value > greatest || (value === 0 && greatest === 0 && Object.is(greatest, -0))) {
      max = i;
      greatest = value;
    }
  }
  return at(bytes, values.BYTES_PER_ELEMENT, { min, max, hasNaN });
}

function boundsOfBytes(bytes: Uint8Array): PageBounds {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let min = -1;
  let max = -1;
  let minLength = 0;
  let maxLength = 0;
  const compare = (a: number, aLength: number, b: number, bLength: number): number => {
    const common = aLength < bLength ? aLength : bLength;
    for (let i = 0; i < common; i += 1) {
      const difference = (bytes[a + i] ?? 0) - (bytes[b + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return aLength - bLength;
  };
  for (let start = 0; start + 4 <= bytes.length;) {
    const length = view.getUint32(start, true);
    const value = start + 4;
    if (min < 0 || compare(value, length, min, minLength) < 0) {
      min = value;
      minLength = length;
    }
    if (max < 0 || compare(value, length, max, maxLength) > 0) {
      max = value;
      maxLength = length;
    }
    start = value + length;
  }
  return {
    min: min < 0 ? undefined : bytes.slice(min, min + minLength),
    max: max < 0 ? undefined : bytes.slice(max, max + maxLength),
    hasNaN: false,
  };
}
