/** A Delta table by path, without a feature store around it. */
import { LakefoldError } from '../core/errors.ts';
import { parseType, type Column } from '../core/types.ts';
import { constraintKey } from '../delta/schema/alter-constraint.ts';
import { parseConstraint } from '../delta/sql/constraints.ts';
import type { DeltaDeps } from '../delta/deps.ts';
import { DeltaTable } from '../delta/table.ts';
import type { Log } from '../ports/log.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { serviceSettings, type AwsService } from './aws-service.ts';
import { ANYTHING, checkArgument, checkOptions, FLAG, LIST, membersOf, OBJECT, oneOf, type OptionKinds, TEXT, TEXTS } from './arguments.ts';
import { asOfOf, type AsOfInput } from './native-input.ts';
import { Table, type TableColumnInput } from './table-handle.ts';
import { checkColumn } from './table-input.ts';

export interface TablePlaceOptions extends AwsService {
  /** Where the path lies; left out, a path is a local folder or its `file:` URL, and `s3://bucket/prefix` is S3. */
  readonly store?: ObjectStore;
  /** Silent unless given. */
  readonly log?: Log;
}

export interface OpenTableOptions extends TablePlaceOptions {
  /** Opens the table as it stood then: to read, not to write. The newest version unless given. */
  readonly asOf?: AsOfInput;
}

export interface CreateTableOptions extends TablePlaceOptions {
  readonly schema: readonly TableColumnInput[];
  readonly partitionBy?: readonly string[];
  /** `merge-on-read` marks deleted rows in deletion vectors, `compatible` writes files again. `merge-on-read` unless given. */
  readonly profile?: 'merge-on-read' | 'compatible';
  /** Commits that change parts of files bring change files, which Spark's `table_changes` reads; `changes` needs none. False unless given. */
  readonly changeFeed?: boolean;
  /** Every commit states its own time, which survives copying; few other engines can then write. False unless given. */
  readonly inCommitTimestamp?: boolean;
  /** `name`: columns can be renamed and dropped; older readers are left out. `none` unless given. */
  readonly columnMapping?: 'none' | 'name';
  /** Expressions of Spark SQL that every row must make true, by name: `{ positive: 'n > 0' }`. */
  readonly constraints?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly description?: string;
}

const PLACE_OPTIONS: OptionKinds = { store: OBJECT, log: OBJECT, asOf: ANYTHING };
const CREATE_OPTIONS: OptionKinds = {
  ...PLACE_OPTIONS,
  partitionBy: TEXTS,
  profile: oneOf('merge-on-read', 'compatible'),
  changeFeed: FLAG,
  inCommitTimestamp: FLAG,
  columnMapping: oneOf('none', 'name'),
  constraints: membersOf(TEXT),
  properties: membersOf(TEXT),
  name: TEXT,
  description: TEXT,
};

/** @throws LakefoldError TABLE_NOT_FOUND, UNSUPPORTED_TABLE_FEATURE, LOG_* for what is no table we can read; NO_SUCH_COMMIT, HISTORY_EXPIRED for `asOf` */
export async function openTable(path: string, options: OpenTableOptions = {}): Promise<Table> {
  checkArgument(path, 'path', TEXT);
  checkOptions(options, PLACE_OPTIONS);
  const { asOf } = options;
  const { deps, root } = await placeOf(path, options, 'open');
  return new Table(deps, await DeltaTable.open(deps, root, asOf === undefined ? undefined : asOfOf(asOf)), { isPinned: asOf !== undefined });
}

/** A new table: version 0, no rows. @throws LakefoldError ALREADY_EXISTS where there is one, INVALID_ARGUMENT for a schema that makes no sense */
export async function createTable(path: string, options: CreateTableOptions): Promise<Table> {
  checkArgument(path, 'path', TEXT);
  checkOptions(options, CREATE_OPTIONS);
  const columns = columnsOf(options.schema);
  const partitionBy = options.partitionBy ?? [];
  const unknown = partitionBy.find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined)
    throw new LakefoldError('INVALID_ARGUMENT', `expected columns of the schema in partitionBy, found ${JSON.stringify(unknown)}`, {
      context: { field: 'partitionBy' },
    });
  const { deps, root } = await placeOf(path, options, 'create');
  const { kind, table } = await DeltaTable.create(deps, root, {
    columns,
    partitionBy,
    profile: options.profile ?? 'merge-on-read',
    configuration: configurationOf(options, columns),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.description === undefined ? {} : { description: options.description }),
  });
  if (kind === 'exists')
    throw new LakefoldError('ALREADY_EXISTS', `expected no table at ${path}, found one at version ${table.snapshot.version}`, { context: { path } });
  return new Table(deps, table);
}

/** @throws LakefoldError INVALID_ARGUMENT for a constraint that is none over the columns */
function configurationOf(
  { changeFeed, inCommitTimestamp, columnMapping, constraints = {}, properties }: CreateTableOptions,
  columns: readonly Column[],
): Readonly<Record<string, string>> {
  for (const text of Object.values(constraints)) parseConstraint(text, columns);
  return {
    ...Object.fromEntries(Object.entries(constraints).map(([name, text]) => [constraintKey(name), text])),
    ...(changeFeed === true ? { 'delta.enableChangeDataFeed': 'true' } : {}),
    ...(columnMapping === 'name' ? { 'delta.columnMapping.mode': 'name' } : {}),
    ...(inCommitTimestamp === true ? { 'delta.enableInCommitTimestamps': 'true' } : {}),
    ...properties,
  };
}

interface Place {
  readonly deps: DeltaDeps;
  readonly root: string;
}

async function placeOf(path: string, options: TablePlaceOptions, purpose: 'open' | 'create'): Promise<Place> {
  const { store, log } = options;
  if (store !== undefined) {
    const { localTableParts } = await import('./local-table.ts');
    return { deps: { ...localTableParts(log), store }, root: path };
  }
  const s3 = /^s3:\/\/([^/]+)(?:\/(.+?))?\/?$/.exec(path);
  if (s3 !== null) {
    const { s3TableDeps } = await import('./s3-table.ts');
    return { deps: s3TableDeps({ bucket: s3[1] ?? '', prefix: s3[2] ?? '', ...serviceSettings(options) }, log), root: '' };
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path) && !path.startsWith('file:'))
    throw new LakefoldError('INVALID_ARGUMENT', `expected a folder or s3://bucket/prefix, found ${JSON.stringify(path)}`, { context: { path } });
  const { hasDeltaLog, localFolder, localTableDeps } = await import('./local-table.ts');
  const folder = localFolder(path);
  // Opening a store makes its folder, which a mistyped path must not.
  if (purpose === 'open' && !(await hasDeltaLog(folder)))
    throw new LakefoldError('TABLE_NOT_FOUND', `expected a Delta table at ${path}, found no _delta_log there`, { context: { path } });
  return { deps: await localTableDeps(folder, log, purpose), root: '' };
}

function columnsOf(schema: readonly TableColumnInput[]): readonly Column[] {
  checkArgument(schema, 'schema', LIST);
  for (const [i, column] of schema.entries()) checkColumn(column, `schema[${i}]`);
  if (schema.length === 0) throw new LakefoldError('INVALID_ARGUMENT', 'expected at least one column in schema, found none', { context: { field: 'schema' } });
  const seen = new Set<string>();
  return schema.map(({ name, type, nullable = false, description }) => {
    if (name === '' || seen.has(name.toLowerCase()))
      throw new LakefoldError('INVALID_ARGUMENT', `expected every column of schema to have a name of its own, found ${JSON.stringify(name)}`, {
        context: { field: 'schema' },
      });
    seen.add(name.toLowerCase());
    return { name, type: parseType(type), nullable, ...(description === undefined ? {} : { description }) };
  });
}
