/** Where a dictionary would not pay: most values differ, so that it is the column over again, and slower to write. Pure. */
import { type Batch, isNullAt, type Vector } from '../../core/batch.ts';

/** Values looked at of each column, spread over it. */
const SAMPLE_ROWS = 8192;
/** Share of distinct values in the sample above which a column goes without. */
const DISTINCT_SHARE_MAX = 0.5;
/** Odd, so that no upper half is lost (2^32 over the golden ratio). */
const FOLD = 0x9e3779b1;

/** Names of the flat columns to write without dictionary. Equal batches give equal names. */
export function highCardinalityColumns(batch: Batch): readonly string[] {
  return batch.columns.flatMap((column, i) => {
    const vector = batch.vectors[i];
    // The writer finds columns by dotted path.
    return vector === undefined || column.name.includes('.') || !isMostlyDistinct(vector) ? [] : [column.name];
  });
}

function isMostlyDistinct(vector: Vector): boolean {
  const { kind } = vector.type;
  if (kind === 'boolean' || kind === 'binary' || kind === 'array' || kind === 'vector' || kind === 'struct' || kind === 'map' || kind === 'void') return false;
  const step = Math.max(1, Math.floor(vector.length / SAMPLE_ROWS));
  const distinctMax = Math.ceil(vector.length / step) * DISTINCT_SHARE_MAX;
  const valueAt = comparableOf(vector);
  const seen = new Set<unknown>();
  for (let i = 0; i < vector.length; i += step) {
    if (isNullAt(vector, i)) continue;
    seen.add(valueAt(i));
    if (seen.size > distinctMax) return true;
  }
  return false;
}

/** 64-bit values folded to 32, since each of them would be boxed to be looked at; two that fold alike only count as one. */
function comparableOf({ values }: Vector): (i: number) => unknown {
  if (!(values instanceof BigInt64Array)) return (i) => values[i];
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  return (i) => (halves[i * 2] ?? 0) ^ Math.imul(halves[i * 2 + 1] ?? 0, FOLD);
}
