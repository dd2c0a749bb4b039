/** Sets of physical row positions as ascending, disjoint, half-open ranges. Pure. */

/** `[start, end)`. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Ascending and disjoint; ranges that touch are one. */
export type RowRanges = readonly RowRange[];

/** The rows of any of the ranges, which may come in any order and overlap. */
export function uniteRanges(ranges: readonly RowRange[]): RowRanges {
  const united: RowRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    if (range.end <= range.start) continue;
    const last = united.at(-1);
    if (last === undefined || range.start > last.end) united.push(range);
    else if (range.end > last.end) united[united.length - 1] = { start: last.start, end: range.end };
  }
  return united;
}

/** The rows that are in both. */
export function intersectRanges(a: RowRanges, b: RowRanges): RowRanges {
  const common: RowRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const left = a[i];
    const right = b[j];
    if (left === undefined || right === undefined) break;
    const start = Math.max(left.start, right.start);
    const end = Math.min(left.end, right.end);
    if (start < end) common.push({ start, end });
    if (left.end < right.end) i += 1;
    else j += 1;
  }
  return common;
}

export function countRows(ranges: RowRanges): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
