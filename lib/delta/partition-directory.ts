/**
 * Which partition values the adds of each row group of a checkpoint have, said in the file's footer: a reader who wants some
 * partitions knows from it which row groups to fetch, and fetches none to find out.
 */
import { isJsonObject, parseJson, stringifyJson, type Json } from '../core/json.ts';
import { PARTITION_DIRECTORY_BYTES_MAX, PARTITION_DIRECTORY_TUPLES_MAX } from '../core/limits.ts';
import type { PartitionValues } from './partition-tuples.ts';

/** Name of the remark. Other readers pass it over. */
export const PARTITION_DIRECTORY = 'lakefold.partitions';

/** Rows of a row group, and of the distinct values those of its adds: `[first, end)`. */
export interface DirectoryGroup {
  readonly rowCount: number;
  readonly first: number;
  readonly end: number;
}

/** Undefined where there is nothing to tell apart, or too much to carry along. */
export function formatPartitionDirectory(tuples: readonly PartitionValues[], groups: readonly DirectoryGroup[]): string | undefined {
  if (tuples.length > PARTITION_DIRECTORY_TUPLES_MAX || tuples.every((values) => Object.keys(values).length === 0)) return undefined;
  const text = stringifyJson({ tuples: [...tuples], groups: groups.map(({ rowCount, first, end }) => [rowCount, first, end]) });
  return text.length > PARTITION_DIRECTORY_BYTES_MAX ? undefined : text;
}

/** The values in each row group; undefined where the directory is not of a file with such row groups, or makes no sense. */
export function parsePartitionDirectory(text: string, rowCounts: readonly number[]): readonly (readonly PartitionValues[])[] | undefined {
  try {
    const json = parseJson(text);
    const { tuples, groups } = isJsonObject(json) ? json : {};
    if (!Array.isArray(tuples) || !tuples.every(isPartitionValues) || !Array.isArray(groups) || groups.length !== rowCounts.length) return undefined;
    const found = groups.map((group: Json, i) => rangeOf(group, { rowCount: rowCounts[i] ?? 0, tupleCount: tuples.length }));
    const ranges = found.filter((range) => range !== undefined);
    return ranges.length === found.length ? ranges.map(([first, end]) => tuples.slice(first, end)) : undefined;
  } catch {
    return undefined;
  }
}

function rangeOf(group: Json, expected: { readonly rowCount: number; readonly tupleCount: number }): readonly [number, number] | undefined {
  if (!Array.isArray(group)) return undefined;
  const [rowCount, first, end]: readonly Json[] = group;
  if (rowCount !== expected.rowCount || typeof first !== 'number' || typeof end !== 'number') return undefined;
  return Number.isSafeInteger(first) && Number.isSafeInteger(end) && first >= 0 && first <= end && end <= expected.tupleCount ? [first, end] : undefined;
}

function isPartitionValues(json: Json): json is PartitionValues {
  return isJsonObject(json) && Object.values(json).every((value) => value === null || typeof value === 'string');
}
