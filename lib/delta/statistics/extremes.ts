/** The least and the greatest value of a column: one pass, a loop for each kind of value so that none is boxed or compared twice. */
import type { CodedTexts, Vector } from '../../core/batch.ts';
import { compareUtf8 } from '../../core/bytes.ts';
import type { ColumnType } from '../../core/types.ts';
import { isBounded, type Bound } from './stats-bounds.ts';

export interface Extremes {
  readonly min: Bound | undefined;
  readonly max: Bound | undefined;
  readonly nullCount: number;
}

/** A text without it stands to every other in the order of their code units, which `<` compares. */
const BEYOND_PLAIN = /[\ud800-\uffff]/;

/** Least and greatest value, and how many are null. A NaN leaves the column without bounds, since engines disagree on where it sorts. */
export function extremes(type: ColumnType, vector: Pick<Vector, 'values' | 'nulls' | 'length' | 'coded'>): Extremes {
  const { values, nulls, length } = vector;
  if (!isBounded(type)) return { min: undefined, max: undefined, nullCount: countNulls(vector) };
  if (values instanceof BigInt64Array) return extremesOfLongs(values, nulls, length);
  if (type.kind === 'string') return vector.coded === undefined ? extremesOfTexts(vector) : extremesOfCoded(vector.coded, length);
  return extremesOfNumbers(vector);
}

function countNulls({ values, nulls, length }: Pick<Vector, 'values' | 'nulls' | 'length'>): number {
  let count = 0;
  for (let i = 0; i < length; i += 1) if ((values[i] ?? null) === null || nulls?.[i] === 1) count += 1;
  return count;
}

/** By halves, since every value of 64 bits that is looked at is boxed. */
function extremesOfLongs(values: BigInt64Array, nulls: Uint8Array | undefined, length: number): Extremes {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  let [min, max] = [-1, -1];
  let nullCount = 0;
  for (let i = 0; i < length; i += 1) {
    if (nulls !== undefined && nulls[i] === 1) {
      nullCount += 1;
      continue;
    }
    if (min < 0 || isLess(halves, i, min)) min = i;
    if (max < 0 || isLess(halves, max, i)) max = i;
  }
  return { min: min < 0 ? undefined : values[min], max: max < 0 ? undefined : values[max], nullCount };
}

function isLess(halves: Int32Array, a: number, b: number): boolean {
  const [high, other] = [halves[2 * a + 1] ?? 0, halves[2 * b + 1] ?? 0];
  return high < other || (high === other && (halves[2 * a] ?? 0) >>> 0 < (halves[2 * b] ?? 0) >>> 0);
}

function extremesOfTexts({ values, nulls, length }: Pick<Vector, 'values' | 'nulls' | 'length'>): Extremes {
  let min: string | undefined;
  let max: string | undefined;
  let nullCount = 0;
  // Of the extremes so far: looked at only when there is a new one.
  let isPlainMin = true;
  let isPlainMax = true;
  for (let i = 0; i < length; i += 1) {
    const value = values[i] ?? null;
    if (value === null || nulls?.[i] === 1) nullCount += 1;
    else if (typeof value === 'string') {
      if (min === undefined || (isPlainMin ? value < min : compareUtf8(value, min) < 0)) {
        min = value;
        isPlainMin = !BEYOND_PLAIN.test(value);
      }
      if (max === undefined || (isPlainMax ? value > max : compareUtf8(value, max) > 0)) {
        max = value;
        isPlainMax = !BEYOND_PLAIN.test(value);
      }
    }
  }
  return { min, max, nullCount };
}

/** Words that have no row do not count. */
function extremesOfCoded({ codes, words }: CodedTexts, length: number): Extremes {
  const isUsed = new Uint8Array(words.length);
  let nullCount = 0;
  for (let i = 0; i < length; i += 1) {
    const code = codes[i] ?? -1;
    if (code < 0) nullCount += 1;
    else isUsed[code] = 1;
  }
  const { min, max } = extremesOfTexts({ values: words.filter((_, code) => isUsed[code] === 1), length: words.length });
  return { min, max, nullCount };
}

/** Numbers in a typed array, and decimals, which stand in a plain one. */
function extremesOfNumbers({ values, nulls, length }: Pick<Vector, 'values' | 'nulls' | 'length'>): Extremes {
  let min: number | bigint | undefined;
  let max: number | bigint | undefined;
  let nullCount = 0;
  let sawNaN = false;
  for (let i = 0; i < length; i += 1) {
    const value = values[i] ?? null;
    if (value === null || nulls?.[i] === 1) nullCount += 1;
    else if (typeof value === 'number' || typeof value === 'bigint') {
      if (Number.isNaN(value)) sawNaN = true;
      if (min === undefined || value < min || (value === 0 && min === 0 && Object.is(value, -0))) min = value;
      if (max === undefined || value > max || (value === 0 && max === 0 && Object.is(max, -0))) max = value;
    }
  }
  return sawNaN ? { min: undefined, max: undefined, nullCount } : { min, max, nullCount };
}
