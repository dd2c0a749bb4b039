/** Live files of a table under the names its columns have now, where the log knows them by others. */
import { isJsonObject, type Json, type JsonObject, parseJson } from '../core/json.ts';
import type { ColumnType } from '../core/types.ts';
import type { AddFile } from '../delta/actions/actions.ts';
import { fileRowCount } from '../delta/statistics/live-rows.ts';
import type { ReadDeps } from '../delta/rows/read.ts';
import type { Snapshot, TableColumn } from '../delta/snapshot/snapshot-state.ts';

export interface TableFile {
  /** Relative to the table. */
  readonly path: string;
  readonly size: number;
  /** Rows that are not deleted. */
  readonly rows: number;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly stats: JsonObject;
  readonly deletionVector: { readonly cardinality: number } | null;
}

export async function* tableFiles(deps: ReadDeps, root: string, snapshot: Snapshot): AsyncIterable<TableFile> {
  for (const file of snapshot.files.values()) {
    yield {
      path: file.path,
      size: file.size,
      rows: await fileRowCount(deps, { root, snapshot, file }),
      partitionValues: partitionValues(snapshot, file),
      stats: namedStats(file, snapshot.columns),
      deletionVector: file.deletionVector === undefined ? null : { cardinality: file.deletionVector.cardinality },
    };
  }
}

function partitionValues({ metadata, columns }: Snapshot, file: AddFile): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    columns.filter(({ name }) => metadata.partitionColumns.includes(name)).map(({ name, physicalName }) => [name, file.partitionValues[physicalName] ?? null]),
  );
}

/** A column or a field inside one, by both of its names. */
interface Named {
  readonly name: string;
  readonly physicalName: string;
  readonly type: ColumnType;
  readonly physicalType?: ColumnType;
}

function namedStats(file: AddFile, columns: readonly TableColumn[]): JsonObject {
  const stats = file.stats === undefined ? null : parseJson(file.stats);
  if (!isJsonObject(stats)) return {};
  return Object.fromEntries(Object.entries(stats).map(([member, value]) => [member, isJsonObject(value) ? underNames(value, columns) : value]));
}

function underNames(values: JsonObject, columns: readonly Named[]): JsonObject {
  return Object.fromEntries(
    Object.entries(values).flatMap(([physicalName, value]): [string, Json][] => {
      const column = columns.find((candidate) => candidate.physicalName === physicalName);
      // A column that was dropped has no name any more.
      if (column === undefined) return [];
      return [[column.name, isJsonObject(value) ? underNames(value, fieldsOf(column)) : value]];
    }),
  );
}

function fieldsOf({ type, physicalType = type }: Named): readonly Named[] {
  if (type.kind !== 'struct' || physicalType.kind !== 'struct') return [];
  const physical = physicalType.fields;
  return type.fields.map((field, i) => {
    const inFile = physical[i];
    return inFile === undefined ? { ...field, physicalName: field.name } : { ...field, physicalName: inFile.name, physicalType: inFile.type };
  });
}
