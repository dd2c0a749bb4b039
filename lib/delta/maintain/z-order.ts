/** Rows along a Z curve over a few columns: near in all of them is near in the file. Pure. */
import { type Batch, valueAt, findVector } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { Z_ORDER_COLUMNS_MAX } from '../../core/limits.ts';
import { compareValues } from '../filter/filter.ts';

/** Bits of each column's rank: four of them fill a double's 53 bits but one. */
const RANK_BITS = 13;

/**
 * Row numbers in Z order: each column's values become ranks of equal counts, whose bits are interleaved. Equal rows keep their order.
 * @throws LakefoldError INVALID_ARGUMENT for no column or more than four
 */
export function zOrder(batch: Batch, columns: readonly string[]): Uint32Array {
  if (columns.length < 1 || columns.length > Z_ORDER_COLUMNS_MAX)
    throw new LakefoldError('INVALID_ARGUMENT', `expected 1 to ${Z_ORDER_COLUMNS_MAX} columns to order by, found ${columns.length}`, {
      context: { field: 'zOrder' },
    });
  const ranks = columns.map((name) => rankRows(batch, name));
  const places = new Float64Array(batch.rowCount);
  for (let row = 0; row < batch.rowCount; row += 1) {
    let place = 0;
    for (let bit = RANK_BITS - 1; bit >= 0; bit -= 1) for (const rank of ranks) place = place * 2 + (((rank[row] ?? 0) >> bit) & 1);
    places[row] = place;
  }
  return Uint32Array.from({ length: batch.rowCount }, (_, row) => row).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0) || a - b);
}

/** Of each row, where its value comes among all, as a number of 13 bits; equal values have equal ranks, nulls the lowest. */
function rankRows(batch: Batch, name: string): Uint16Array {
  const vector = findVector(batch, name);
  if (vector === undefined)
    throw new LakefoldError('UNKNOWN_FEATURE', `expected a column to order by, found ${JSON.stringify(name)}`, { context: { column: name } });
  const values = Array.from({ length: batch.rowCount }, (_, row) => valueAt(vector, row));
  const order = [...values.keys()].sort((a, b) => {
    const [left, right] = [values[a] ?? null, values[b] ?? null];
    if (left === null || right === null) return left === right ? a - b : left === null ? -1 : 1;
    return compareValues(left, right) || a - b;
  });
  const ranks = new Uint16Array(batch.rowCount);
  let rank = 0;
  order.forEach((row, place) => {
    const before = order[place - 1];
    const isNew = before === undefined || !isSame(values[before] ?? null, values[row] ?? null);
    if (isNew) rank = Math.floor((place * 2 ** RANK_BITS) / batch.rowCount);
    ranks[row] = rank;
  });
  return ranks;
}

function isSame(a: ReturnType<typeof valueAt>, b: ReturnType<typeof valueAt>): boolean {
  return a === null || b === null ? a === b : compareValues(a, b) === 0;
}
