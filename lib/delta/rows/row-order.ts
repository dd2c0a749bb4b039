/** Rows in the order of some of their columns: nulls first, equal rows as they stood. Pure. */
import { type Batch, findVector, type Vector, valueAt } from '../../core/batch.ts';
import { compareUtf8 } from '../../core/bytes.ts';
import { compareValues } from '../filter/filter.ts';

/** Rows from which on counting digits is quicker than comparing. */
const COUNTED_ROWS_MIN = 2048;
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
/** So that the difference of any two is exact. */
const PLACE_MAX = 2 ** 52;

/** The indices in the order of the named columns; those the batch lacks order nothing. */
export function sortRows(batch: Batch, indices: Uint32Array, by: readonly string[]): Uint32Array {
  const vectors = by.flatMap((name) => findVector(batch, name) ?? []);
  if (vectors.length === 0) return indices;
  const places = vectors.map(placesOf);
  const numbers = places.filter((each) => each !== undefined);
  if (numbers.length === vectors.length && isSorted(indices, numbers)) return indices;
  if (numbers.length === vectors.length && indices.length >= COUNTED_ROWS_MIN) return sortByDigits(indices, numbers);
  const comparators = vectors.map((vector, i) => comparatorOf(vector, places[i]));
  return indices.slice().sort((a, b) => {
    for (const compare of comparators) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return a - b;
  });
}

function comparatorOf(vector: Vector, places: Float64Array | undefined): (a: number, b: number) => number {
  if (places !== undefined) return (a, b) => (places[a] ?? 0) - (places[b] ?? 0);
  return (a, b) => {
    const left = valueAt(vector, a);
    const right = valueAt(vector, b);
    if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
    return compareValues(left, right);
  };
}

// Rows are compared many times each: whole numbers that stand in the values' order are made once. 64-bit values would be
// boxed for every comparison, texts decoded.
function placesOf({ type, values, nulls, length, coded }: Vector): Float64Array | undefined {
  if (type.kind === 'string') return coded === undefined ? textPlaces(values, nulls, length) : codedPlaces(coded);
  if (nulls !== undefined || Array.isArray(values) || type.kind === 'float' || type.kind === 'double') return undefined;
  const places = new Float64Array(length);
  for (let i = 0; i < length; i += 1) {
    const place = Number(values[i] ?? 0);
    if (Math.abs(place) > PLACE_MAX) return undefined;
    places[i] = place;
  }
  return places;
}

/** Each text's number among the distinct ones in order, from 1; 0 for null. */
function textPlaces(values: Vector['values'], nulls: Uint8Array | undefined, length: number): Float64Array {
  const textAt = (i: number): string | undefined => {
    const value = nulls?.[i] === 1 ? undefined : values[i];
    return typeof value === 'string' ? value : undefined;
  };
  const numbers = new Map<string, number>();
  const codes = new Int32Array(length).fill(-1);
  for (let i = 0; i < length; i += 1) {
    const text = textAt(i);
    if (text === undefined) continue;
    const known = numbers.get(text);
    codes[i] = known ?? numbers.size;
    if (known === undefined) numbers.set(text, numbers.size);
  }
  return codedPlaces({ codes, words: [...numbers.keys()] });
}

function codedPlaces({ codes, words }: NonNullable<Vector['coded']>): Float64Array {
  const order = Uint32Array.from(words.keys()).sort((a, b) => compareUtf8(words[a] ?? '', words[b] ?? ''));
  const placeOf = new Float64Array(words.length);
  order.forEach((code, i) => {
    placeOf[code] = i + 1;
  });
  return Float64Array.from(codes, (code) => (code < 0 ? 0 : (placeOf[code] ?? 0)));
}

function isSorted(indices: Uint32Array, columns: readonly Float64Array[]): boolean {
  for (let i = 1; i < indices.length; i += 1) {
    const [before, row] = [indices[i - 1] ?? 0, indices[i] ?? 0];
    for (const places of columns) {
      const difference = (places[before] ?? 0) - (places[row] ?? 0);
      if (difference > 0) return false;
      if (difference < 0) break;
    }
  }
  return true;
}

/** By the least digit of the last column first: each pass keeps the order of the ones before it among equal digits. */
function sortByDigits(indices: Uint32Array, columns: readonly Float64Array[]): Uint32Array {
  let from: Uint32Array<ArrayBufferLike> = indices;
  let to: Uint32Array<ArrayBufferLike> = new Uint32Array(indices.length);
  for (const places of columns.toReversed()) {
    for (const { half, bits } of halvesOf(places)) {
      for (let shift = 0; shift < bits; shift += DIGIT_BITS) {
        moveByDigit({ from, to }, half, shift);
        [from, to] = [to, from === indices ? new Uint32Array(indices.length) : from];
      }
    }
  }
  return from;
}

/** What is above the least place, its lower 32 bits and the rest, each as wide as it needs. */
function halvesOf(places: Float64Array): readonly { readonly half: Uint32Array; readonly bits: number }[] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, 0];
  for (const place of places) if (place < least) least = place;
  for (const place of places) if (place - least > greatest) greatest = place - least;
  const [low, high] = [new Uint32Array(places.length), new Uint32Array(greatest >= 2 ** 32 ? places.length : 0)];
  for (let i = 0; i < places.length; i += 1) {
    const above = (places[i] ?? 0) - least;
    low[i] = above % 2 ** 32;
    if (high.length > 0) high[i] = Math.floor(above / 2 ** 32);
  }
  return [
    { half: low, bits: Math.min(32, 32 - Math.clz32(Math.min(greatest, 2 ** 32 - 1))) },
    { half: high, bits: high.length === 0 ? 0 : 32 - Math.clz32(Math.floor(greatest / 2 ** 32)) },
  ];
}

function moveByDigit({ from, to }: { readonly from: Uint32Array; readonly to: Uint32Array }, half: Uint32Array, shift: number): void {
  const starts = new Uint32Array(DIGITS + 1);
  const mask = DIGITS - 1;
  for (let i = 0; i < from.length; i += 1) {
    const digit = ((half[from[i] ?? 0] ?? 0) >>> shift) & mask;
    starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
  }
  for (let digit = 1; digit <= mask; digit += 1) starts[digit] = (starts[digit] ?? 0) + (starts[digit - 1] ?? 0);
  for (let i = 0; i < from.length; i += 1) {
    const row = from[i] ?? 0;
    const digit = ((half[row] ?? 0) >>> shift) & mask;
    const at = starts[digit] ?? 0;
    to[at] = row;
    starts[digit] = at + 1;
  }
}
