/** Which files a filter leaves: first by partition values, asked once a distinct tuple, then by the statistics of what is left. */
import type { AddFile } from '../actions/actions.ts';
import { FileColumns } from '../snapshot/file-columns.ts';
import { type ColumnBounds, type Filter, mayPass } from './filter.ts';
import { OverlayMap } from '../snapshot/overlay-map.ts';
import type { PartitionValues } from '../snapshot/partition-tuples.ts';
import { parsePartitionValue } from './partition-values.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';

export type PartitionTest = (values: PartitionValues) => boolean;

const UNKNOWN: ColumnBounds = { min: undefined, max: undefined, nullCount: undefined, rowCount: undefined, mayHaveNaN: true };

/** False only for partition values with which no row of a file can pass; nothing is known of other columns. */
export function partitionTest(table: Pick<Snapshot, 'columns' | 'metadata'>, where: Filter): PartitionTest {
  const columns = partitionColumnsOf(table);
  return (values) =>
    mayPass(where, (name) => {
      const column = columns.get(name);
      return column === undefined ? UNKNOWN : partitionBounds(column, values);
    });
}

export function partitionColumnsOf({ columns, metadata }: Pick<Snapshot, 'columns' | 'metadata'>): ReadonlyMap<string, TableColumn> {
  return new Map(columns.filter(({ name }) => metadata.partitionColumns.includes(name)).map((column) => [column.name, column]));
}

/** Bounds of a partition column in a file of which it is not known how many rows it has: all are null, or none. */
export function partitionBounds(column: TableColumn, values: PartitionValues): ColumnBounds {
  const value = parsePartitionValue(column.type, values[column.physicalName] ?? null);
  return { min: value, max: value, nullCount: value === null ? 1 : 0, rowCount: 1, mayHaveNaN: false };
}

/**
 * Files whose partition values pass, and that pass themselves; of files in columns no object is made for any other, and of so
 * many that not all of their objects are kept, none stays for a file that did not pass.
 */
export function* filesInPartitions(
  files: ReadonlyMap<string, AddFile>,
  test: PartitionTest,
  passes: (file: AddFile) => boolean = () => true,
): Generator<AddFile, undefined> {
  const { base, overlay } = files instanceof OverlayMap ? files : { base: files, overlay: new Map<string, AddFile | undefined>() };
  if (base instanceof FileColumns) yield* rowsInPartitions(base, { overlay, test, passes });
  else for (const [path, file] of base) if (!overlay.has(path) && test(file.partitionValues) && passes(file)) yield file;
  for (const file of overlay.values()) if (file !== undefined && test(file.partitionValues) && passes(file)) yield file;
  return undefined;
}

function* rowsInPartitions(
  columns: FileColumns<AddFile>,
  { overlay, test, passes }: { readonly overlay: ReadonlyMap<string, unknown>; readonly test: PartitionTest; readonly passes: (file: AddFile) => boolean },
): Generator<AddFile, undefined> {
  const { tuples } = columns.shared;
  const answers: (boolean | undefined)[] = [];
  const overlaid = new Set([...overlay.keys()].map((path) => columns.rowOf(path)));
  for (let row = 0; row < columns.size; row += 1) {
    const tuple = columns.tupleAt(row);
    if (!(answers[tuple] ??= test(tuples.at(tuple))) || overlaid.has(row)) continue;
    if (passes(columns.keepsAll ? columns.at(row) : columns.glanceAt(row))) yield columns.at(row);
  }
  return undefined;
}
