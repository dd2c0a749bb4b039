/** Which files a filter leaves: first by partition values, asked once a distinct tuple, then by the statistics of what is left. */
import type { AddFile } from './actions.ts';
import { FileColumns } from './file-columns.ts';
import { type ColumnBounds, type Filter, mayPass } from './filter.ts';
import { OverlayMap } from './overlay-map.ts';
import type { PartitionValues } from './partition-tuples.ts';
import { parsePartitionValue } from './partition-values.ts';
import type { Snapshot, TableColumn } from './snapshot-state.ts';

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

/** Files whose partition values pass; of files in columns no object is made for any other. */
export function* filesInPartitions(files: ReadonlyMap<string, AddFile>, test: PartitionTest): Generator<AddFile> {
  const { base, overlay } = files instanceof OverlayMap ? files : { base: files, overlay: new Map<string, AddFile | undefined>() };
  if (base instanceof FileColumns) yield* rowsInPartitions(base, overlay, test);
  else for (const [path, file] of base) if (!overlay.has(path) && test(file.partitionValues)) yield file;
  for (const file of overlay.values()) if (file !== undefined && test(file.partitionValues)) yield file;
}

function* rowsInPartitions(columns: FileColumns<AddFile>, overlay: ReadonlyMap<string, unknown>, test: PartitionTest): Generator<AddFile> {
  const { tuples } = columns.shared;
  const answers: (boolean | undefined)[] = [];
  const overlaid = new Set([...overlay.keys()].map((path) => columns.rowOf(path)));
  for (let row = 0; row < columns.size; row += 1) {
    const tuple = columns.tupleAt(row);
    const passes = (answers[tuple] ??= test(tuples.at(tuple)));
    if (passes && !overlaid.has(row)) yield columns.at(row);
  }
}
