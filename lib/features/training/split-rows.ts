/**
 * Which row of a training set is in which split.
 *
 * With `by`, the place of an entity is a function of the seed and its key alone: the first 53 bits of
 * SHA-256(`lakefold-split:<seed>:` ++ canonical key bytes) as a fraction, held against the running sum of the fractions.
 * So no entity is in two splits, and in every set with this seed and these fractions it is in the same one. Without `by`
 * the rows themselves are ranked by such a hash of their position in the spine and the ranking is cut, so that the sizes
 * are exact.
 */
import { type Batch, valueAt, type Vector, findVector } from '../../core/batch.ts';
import { concatBytes, sha256, utf8 } from '../../core/bytes.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { LakefoldError } from '../../core/errors.ts';
import { encodeKey, isKeyType } from '../../core/keys.ts';
import { formatType } from '../../core/types.ts';
import type { Fraction, RandomSplit, SplitRequest, TimeSplit } from './split-request.ts';

/** The one split of a set that is not divided. */
export const WHOLE = 'data';

export interface SplitRows {
  readonly name: string;
  /** Positions in the batch, ascending. */
  readonly rows: readonly number[];
}

export interface SplitInput {
  readonly batch: Batch;
  /** Position in the spine of each row of the batch. */
  readonly ordinals: readonly number[];
  /** Label time of each row of the batch, µs. */
  readonly labels: readonly (bigint | null)[];
}

/** In the order the request names them; rows outside every interval are in none. @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_FEATURE, LIMIT_EXCEEDED */
export function splitRows(split: SplitRequest | undefined, input: SplitInput): readonly SplitRows[] {
  const everyRow = Array.from({ length: input.batch.rowCount }, (_, i) => i);
  if (split === undefined) return [{ name: WHOLE, rows: everyRow }];
  if (split.kind === 'time') return byTime(split, input);
  if (split.by !== null) return byKey(split, input, split.by);
  const strata = split.stratify === null ? [everyRow] : strataOf(input.batch, split.stratify);
  return byRank(split, input, strata);
}

function byTime({ boundaries }: TimeSplit, { labels }: SplitInput): readonly SplitRows[] {
  return boundaries.map(({ name, start, end }) => ({
    name,
    rows: labels.flatMap((label, i) => (label !== null && label >= start && label < end ? [i] : [])),
  }));
}

function byKey(split: RandomSplit, { batch }: SplitInput, column: string): readonly SplitRows[] {
  const vector = columnNamed(batch, { column, member: 'by' });
  if (!isKeyType(vector.type))
    throw new LakefoldError('INVALID_ARGUMENT', `expected a column of a key type in split.by, found ${column} of type ${formatType(vector.type)}`, {
      context: { field: 'split.by' },
    });
  const ends = runningSums(split.fractions);
  const rows = split.fractions.map((): number[] => []);
  for (let i = 0; i < batch.rowCount; i += 1) {
    const value = valueAt(vector, i);
    const place = fractionOf(split.seed, value === null ? new Uint8Array(1) : encodeKey([vector.type], [value]));
    const at = ends.findIndex((end) => place < end);
    rows[at < 0 ? ends.length - 1 : at]?.push(i);
  }
  return split.fractions.map(({ name }, i) => ({ name, rows: rows[i] ?? [] }));
}

function byRank(split: RandomSplit, { ordinals }: SplitInput, strata: readonly (readonly number[])[]): readonly SplitRows[] {
  const ends = runningSums(split.fractions);
  const rows = split.fractions.map((): number[] => []);
  for (const stratum of strata) {
    const ranked = stratum
      .map((row) => ({ row, rank: fractionOf(split.seed, utf8(String(ordinals[row] ?? row))) }))
      .toSorted((a, b) => a.rank - b.rank || a.row - b.row);
    let from = 0;
    for (const [i, end] of ends.entries()) {
      const to = i === ends.length - 1 ? ranked.length : Math.round(end * ranked.length);
      for (const { row } of ranked.slice(from, to)) rows[i]?.push(row);
      from = Math.max(from, to);
    }
  }
  return split.fractions.map(({ name }, i) => ({ name, rows: (rows[i] ?? []).toSorted((a, b) => a - b) }));
}

function strataOf(batch: Batch, column: string): readonly (readonly number[])[] {
  const vector = columnNamed(batch, { column, member: 'stratify' });
  const strata = new Map<string, number[]>();
  for (let i = 0; i < batch.rowCount; i += 1) {
    const text = canonicalValue(vector.type, valueAt(vector, i), {});
    const stratum = strata.get(text);
    if (stratum === undefined) strata.set(text, [i]);
    else stratum.push(i);
  }
  return [...strata.values()];
}

function columnNamed(batch: Batch, { column, member }: { readonly column: string; readonly member: string }): Vector {
  const vector = findVector(batch, column);
  if (vector !== undefined) return vector;
  throw new LakefoldError('UNKNOWN_FEATURE', `expected a column of the set in split.${member}, found ${JSON.stringify(column)}`, {
    context: { field: `split.${member}`, feature: column },
  });
}

function runningSums(fractions: readonly Fraction[]): readonly number[] {
  let sum = 0;
  return fractions.map(({ fraction }) => {
    sum += fraction;
    return sum;
  });
}

/** In [0, 1): the first 53 bits of the hash. */
function fractionOf(seed: number, bytes: Uint8Array): number {
  const hash = sha256(concatBytes([utf8(`lakefold-split:${seed}:`), bytes]));
  return Number(new DataView(hash.buffer, hash.byteOffset, 8).getBigUint64(0) >> 11n) / 2 ** 53;
}
