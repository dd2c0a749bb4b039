/** The SQL of a relation: what read of which files, in which order, gives its rows. Pure. */
import { LakefoldError } from '../../core/errors.ts';
import type { Column } from '../../core/types.ts';
import type { PhysicalColumn, Relation, RelationFile, RelationGroup } from '../../ports/engine.ts';
import { partitionLiteral, quoteName, quotePath, quoteText, sqlType } from './sql-text.ts';

/** Files read together: all with deleted rows, or all without. */
export interface FileRead {
  readonly files: readonly RelationFile[];
  readonly physicalColumns: readonly PhysicalColumn[];
  readonly hasDeletions: boolean;
}

/** A column the files have, by DuckDB's name of its type. */
export type StoredColumns = ReadonlyMap<string, string>;

const INGESTED_AT = '_ingested_at';

/** Only files with deletions pay for the join that leaves the deleted rows out. */
export function fileReads(relation: Relation): FileRead[] {
  return relation.groups.flatMap((group) => [readOf(group, false), readOf(group, true)].filter((read) => read.files.length > 0));
}

function readOf(group: RelationGroup, hasDeletions: boolean): FileRead {
  return { files: group.files.filter((file) => (file.deleted?.length ?? 0) > 0 === hasDeletions), physicalColumns: group.physicalColumns, hasDeletions };
}

/** `union_by_name` lets files lack a column or store it narrower; hive-style folder names are Delta's business, not DuckDB's. */
export function scanSql(read: FileRead): string {
  return `read_parquet([${read.files.map((file) => quotePath(file.localPath)).join(', ')}], union_by_name = true, hive_partitioning = false)`;
}

/** A SELECT of the relation's columns from one read; `deletedTable` has columns `file`, `position`. */
export function readSql(
  read: FileRead,
  columns: readonly Column[],
  have: { readonly stored: StoredColumns; readonly deletedTable: string | undefined },
): string {
  refuseHiddenNames(read, have.stored);
  const list = columns.map((column) => `${withDefault(column, read, columnSql(column, read, have.stored))} AS ${quoteName(column.name)}`);
  const join =
    have.deletedTable === undefined ? '' : ` ANTI JOIN ${quoteName(have.deletedTable)} d ON d.file = t.file_index AND d.position = t.file_row_number`;
  return `SELECT ${list.join(', ')} FROM ${scanSql(read)} t${join}`;
}

/** The view of a relation; one without files has its columns and no rows. */
export function viewSql(relation: Relation, reads: readonly string[]): string {
  const empty = `SELECT ${relation.columns.map((column) => `CAST(NULL AS ${sqlType(column.type)}) AS ${quoteName(column.name)}`).join(', ')} WHERE false`;
  return `CREATE TEMP VIEW ${quoteName(relation.name)} AS ${reads.length === 0 ? empty : reads.join(' UNION ALL ')}`;
}

/** DuckDB's own columns `file_index` and `file_row_number` tell the row's place; a stored column of such a name would hide them. */
function refuseHiddenNames(read: FileRead, stored: StoredColumns): void {
  const hidden = [...stored.keys()].find((name) => ['file_index', 'file_row_number'].includes(name.toLowerCase()));
  const needsPlace = read.hasDeletions || read.files.length > 1;
  if (hidden !== undefined && needsPlace) {
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected no column of the engine's own name ${hidden}, found one in ${read.files[0]?.localPath}`, {
      context: { column: hidden },
    });
  }
}

function columnSql(column: Column, read: FileRead, stored: StoredColumns): string {
  const target = sqlType(column.type);
  const source = read.physicalColumns.find((physical) => physical.name === column.name)?.source ?? { kind: 'missing' };
  switch (source.kind) {
    case 'missing':
      return `CAST(NULL AS ${target})`;
    case 'partition':
      return perFile(read, (file) =>
        partitionLiteral(column.type, Object.hasOwn(file.partitionValues, column.name) ? (file.partitionValues[column.name] ?? null) : null),
      );
    case 'column': {
      const storedType = stored.get(source.physicalName);
      if (storedType === undefined) return `CAST(NULL AS ${target})`;
      const value = `t.${quoteName(source.physicalName)}`;
      // A cast between text and bytes would read and write escapes.
      if (column.type.kind === 'string' && storedType === 'BLOB') return `decode(${value})`;
      if (column.type.kind === 'binary' && storedType === 'VARCHAR') return `encode(${value})`;
      return `CAST(${value} AS ${target})`;
    }
  }
}

function withDefault(column: Column, read: FileRead, value: string): string {
  if (column.name !== INGESTED_AT || read.files.every((file) => file.ingestedAtDefault === undefined)) return value;
  const defaults = perFile(read, (file) =>
    file.ingestedAtDefault === undefined ? 'CAST(NULL AS TIMESTAMPTZ)' : `make_timestamptz(${file.ingestedAtDefault})`,
  );
  return `COALESCE(${value}, ${defaults})`;
}

/** One expression where all files agree, else a list looked up by the number of the file in the read. */
function perFile(read: FileRead, expression: (file: RelationFile) => string): string {
  const expressions = read.files.map(expression);
  const [first = 'NULL'] = expressions;
  if (expressions.every((other) => other === first)) return first;
  return `([${expressions.join(', ')}])[CAST(t.file_index AS BIGINT) + 1]`;
}

/** Writes the result of `sql` to one file, the same bytes for the same rows in the same order. */
export function copySql(sql: string, target: { readonly file: string; readonly format: 'parquet' | 'csv' }): string {
  const options =
    target.format === 'parquet'
      ? `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${COPY_ROW_GROUP_ROWS}`
      : `FORMAT csv, HEADER true, DATEFORMAT '%Y-%m-%d', TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'`;
  return `COPY (${sql}) TO ${quoteText(target.file)} (${options})`;
}

/** A multiple of DuckDB's vector of 2,048 rows, else it rounds up. */
const COPY_ROW_GROUP_ROWS = 122_880;
