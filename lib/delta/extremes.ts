/** The least and the greatest value of a column: one pass, a loop for each kind of value so that none is boxed or compared twice. */
import type { Vector } from '../core/batch.ts';
import { compareUtf8 } from '../core/bytes.ts';
import type { ColumnType } from '../core/types.ts';
import { isBounded, type Bound } from './stats-bounds.ts';

export interface Extremes {
  readonly min: Bound | undefined;
  readonly max: Bound | undefined;
  readonly nullCount: number;
}

/** Texts without it stand in the order of their code units, which `<` compares. */
const SURROGATE = /[\ud800-\udfff]/;

/** Least and greatest value, and how many are null. A NaN leaves the column without bounds, since engines disagree on where it sorts. */
export function extremes(type: ColumnType, vector: Pick<Vector, 'values' | 'nulls' | 'length'>): Extremes {
  const { values, nulls, length } = vector;
  if (!isBounded(type)) return { min: undefined, max: undefined, nullCount: countNulls(vector) };
  if (values instanceof BigInt64Array) return extremesOfLongs(values, nulls, length);
  if (type.kind === 'string') return extremesOfTexts(vector);
  return extremesOfNumbers(vector);
}

function countNulls({ values, nulls, length }: Pick<Vector, 'values' | 'nulls' | 'length'>): number {
  let count = 0;
  for (let i = 0; i < length; i += 1) if ((values[i] ?? null) === null || nulls?.[i] === 1) count += 1;
  return count;
}

function extremesOfLongs(values: BigInt64Array, nulls: Uint8Array | undefined, length: number): Extremes {
  let min: bigint | undefined;
  let max: bigint | undefined;
  let nullCount = 0;
  for (let i = 0; i < length; i += 1) {
    const value = values[i];
    if (value === undefined || (nulls !== undefined && nulls[i] === 1)) nullCount += 1;
    else {
      if (min === undefined || value < min) min = value;
      if (max === undefined || value > max) max = value;
    }
  }
  return { min, max, nullCount };
}

function extremesOfTexts({ values, nulls, length }: Pick<Vector, 'values' | 'nulls' | 'length'>): Extremes {
  let min: string | undefined;
  let max: string | undefined;
  let nullCount = 0;
  let isPlain = true;
  for (let i = 0; i < length; i += 1) {
    const value = values[i] ?? null;
    if (value === null || nulls?.[i] === 1) nullCount += 1;
    else if (typeof value === 'string') {
      isPlain &&= !SURROGATE.test(value);
      if (min === undefined || (isPlain ? value < min : compareUtf8(value, min) < 0)) min = value;
      if (max === undefined || (isPlain ? value > max : compareUtf8(value, max) > 0)) max = value;
    }
  }
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
