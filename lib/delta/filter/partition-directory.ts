/**
 * Which partition values the adds of each row group of a checkpoint have, said in the file's footer: a reader who wants some
 * partitions knows from it which row groups to fetch, and fetches none to find out.
 */
import { isJsonObject, parseJson, stringifyJson, type Json } from '../../core/json.ts';
import { PARTITION_DIRECTORY_BYTES_MAX, PARTITION_DIRECTORY_TUPLES_MAX } from '../../core/limits.ts';
import type { RowRange } from '../../core/row-ranges.ts';
import type { PartitionValues } from '../snapshot/partition-tuples.ts';

/** Name of the remark. Other readers pass it over. */
export const PARTITION_DIRECTORY = 'lakefold.partitions';

/** Rows of a row group, and of the distinct values those of its adds: `[first, end)`. */
export interface DirectoryGroup {
  readonly rowCount: number;
  readonly first: number;
  readonly end: number;
  /** Rows before its adds. */
  readonly before: number;
  /** How many rows have each of the values, one value after the other. */
  readonly counts: readonly number[];
}

/** Rows of a row group whose adds have these values. */
export interface ListedValues {
  readonly values: PartitionValues;
  readonly rows: RowRange;
}

/** Undefined where there is nothing to tell apart, or too much to carry along. */
export function formatPartitionDirectory(tuples: readonly PartitionValues[], groups: readonly DirectoryGroup[]): string | undefined {
  if (tuples.length > PARTITION_DIRECTORY_TUPLES_MAX || tuples.every((values) => Object.keys(values).length === 0)) return undefined;
  const text = stringifyJson({
    tuples: [...tuples],
    groups: groups.map(({ rowCount, first, end, before, counts }) => [rowCount, first, end, before, ...counts]),
  });
  return text.length > PARTITION_DIRECTORY_BYTES_MAX ? undefined : text;
}

/** The values in each row group, and where; undefined where the directory is not of a file with such row groups, or makes no sense. */
export function parsePartitionDirectory(text: string, rowCounts: readonly number[]): readonly (readonly ListedValues[])[] | undefined {
  try {
    const json = parseJson(text);
    const { tuples, groups } = isJsonObject(json) ? json : {};
    if (!Array.isArray(tuples) || !tuples.every(isPartitionValues) || !Array.isArray(groups) || groups.length !== rowCounts.length) return undefined;
    const found = groups.map((group: Json, i) => listedIn(group, { rowCount: rowCounts[i] ?? 0, tuples }));
    const listed = found.filter((values) => values !== undefined);
    return listed.length === found.length ? listed : undefined;
  } catch {
    return undefined;
  }
}

function listedIn(group: Json, expected: { readonly rowCount: number; readonly tuples: readonly PartitionValues[] }): readonly ListedValues[] | undefined {
  if (!Array.isArray(group) || !group.every(isCount)) return undefined;
  const [rowCount, first = 0, end = 0, before = 0, ...counts]: readonly number[] = group;
  if (rowCount !== expected.rowCount || first > end || end > expected.tuples.length || counts.length !== end - first) return undefined;
  let at = before;
  const listed = expected.tuples.slice(first, end).map((values, i): ListedValues => {
    const start = at;
    at += counts[i] ?? 0;
    return { values, rows: { start, end: at } };
  });
  return at <= rowCount ? listed : undefined;
}

function isCount(json: Json): json is number {
  return typeof json === 'number' && Number.isSafeInteger(json) && json >= 0;
}

function isPartitionValues(json: Json): json is PartitionValues {
  return isJsonObject(json) && Object.values(json).every((value) => value === null || typeof value === 'string');
}
