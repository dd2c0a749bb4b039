/**
 * Columns of checkpoints, and their rows as actions (PROTOCOL.md, "Checkpoint Schema").
 *
 * A row is one action: of its columns, one struct per kind of action, all but one are null.
 */
import { valueAt, type Batch } from '../../core/batch.ts';
import { isPresent, plainValueAt, type RawColumn } from '../../core/raw-column.ts';
import type { Column, ColumnType, StructField, Value } from '../../core/types.ts';
import { readAction, readSidecar, type ActionPlace, type Sidecar } from '../actions/action-reader.ts';
import type { Action, Protocol } from '../actions/actions.ts';

const STRING: ColumnType = { kind: 'string' };
const INT: ColumnType = { kind: 'int' };
const LONG: ColumnType = { kind: 'bigint' };
const BOOLEAN: ColumnType = { kind: 'boolean' };
const STRINGS: ColumnType = { kind: 'array', element: STRING };
const STRING_MAP: ColumnType = { kind: 'map', key: STRING, value: STRING };

const struct = (fields: Readonly<Record<string, ColumnType>>): ColumnType => ({
  kind: 'struct',
  fields: Object.entries(fields).map(([name, type]): StructField => ({ name, type })),
});

const VECTOR = struct({ storageType: STRING, pathOrInlineDv: STRING, offset: INT, sizeInBytes: INT, cardinality: LONG });
const ADD = struct({
  path: STRING,
  partitionValues: STRING_MAP,
  size: LONG,
  modificationTime: LONG,
  dataChange: BOOLEAN,
  stats: STRING,
  tags: STRING_MAP,
  deletionVector: VECTOR,
});
const REMOVE = struct({
  path: STRING,
  deletionTimestamp: LONG,
  dataChange: BOOLEAN,
  extendedFileMetadata: BOOLEAN,
  partitionValues: STRING_MAP,
  size: LONG,
  deletionVector: VECTOR,
});
const METADATA = struct({
  id: STRING,
  name: STRING,
  description: STRING,
  format: struct({ provider: STRING, options: STRING_MAP }),
  schemaString: STRING,
  partitionColumns: STRINGS,
  configuration: STRING_MAP,
  createdTime: LONG,
});
const LEGACY_PROTOCOL = struct({ minReaderVersion: INT, minWriterVersion: INT });
const PROTOCOL = struct({ minReaderVersion: INT, minWriterVersion: INT, readerFeatures: STRINGS, writerFeatures: STRINGS });
const TXN = struct({ appId: STRING, version: LONG, lastUpdated: LONG });
const DOMAIN = struct({ domain: STRING, configuration: STRING, removed: BOOLEAN });
const SIDECAR = struct({ path: STRING, sizeInBytes: LONG });

const column = (name: string, type: ColumnType): Column => ({ name, type, nullable: true });

const FILE_COLUMNS: readonly Column[] = [column('add', ADD), column('remove', REMOVE)];

/** Columns of a checkpoint we write: no more of the protocol than the table has, statistics in the forms it asks for. */
export function writtenColumns(protocol: Protocol, moreOfAdd: readonly StructField[]): readonly Column[] {
  return [
    column('txn', TXN),
    ...writtenFileColumns(moreOfAdd),
    column('metaData', METADATA),
    column('protocol', protocolType(protocol)),
    column('domainMetadata', DOMAIN),
  ];
}

export function writtenFileColumns(moreOfAdd: readonly StructField[]): readonly Column[] {
  return [column('add', { kind: 'struct', fields: [...(ADD.kind === 'struct' ? ADD.fields : []), ...moreOfAdd] }), column('remove', REMOVE)];
}

function protocolType(protocol: Protocol): ColumnType {
  return protocol.readerFeatures === undefined && protocol.writerFeatures === undefined ? LEGACY_PROTOCOL : PROTOCOL;
}

/** What to ask of a checkpoint, and of the sidecars of one. */
export const CHECKPOINT_COLUMNS: readonly Column[] = [
  column('txn', TXN),
  ...FILE_COLUMNS,
  column('metaData', METADATA),
  column('protocol', PROTOCOL),
  column('domainMetadata', DOMAIN),
  column('sidecar', SIDECAR),
];
export const SIDECAR_COLUMNS: readonly Column[] = FILE_COLUMNS;
/** All but files. */
export const OTHER_COLUMNS: readonly Column[] = CHECKPOINT_COLUMNS.filter(({ name }) => name !== 'add' && name !== 'remove');
/** What is read of every add: all but the statistics, and those by themselves; and what tells which adds to read at all. */
export const ADD_COLUMN: Column = column(
  'add',
  fieldsOf(ADD, (name) => name !== 'stats'),
);
export const STATS_COLUMN: Column = column(
  'add',
  fieldsOf(ADD, (name) => name === 'stats'),
);
export const PARTITION_COLUMN: Column = column(
  'add',
  fieldsOf(ADD, (name) => name === 'partitionValues'),
);
export const REMOVE_COLUMN: Column = column('remove', REMOVE);

export interface CheckpointRows {
  readonly actions: readonly Action[];
  readonly sidecars: readonly Sidecar[];
}

/** Actions and sidecars of decoded rows. @throws LakefoldError LOG_CORRUPT naming the row as the line, PATH_OUTSIDE_TABLE */
export function actionsOfRows(batch: Batch, place: Omit<ActionPlace, 'line'> & { readonly firstRow: number }): CheckpointRows {
  const actions: Action[] = [];
  const sidecars: Sidecar[] = [];
  for (let row = 0; row < batch.rowCount; row += 1) {
    const at: ActionPlace = { ...place, line: place.firstRow + row + 1 };
    for (const [i, vector] of batch.vectors.entries()) {
      const value = valueAt(vector, row);
      const name = batch.columns[i]?.name;
      if (value === null || name === undefined) continue;
      const members = fromValue(vector.type, value);
      if (name === 'sidecar') {
        const sidecar = readSidecar(members, at);
        if (sidecar !== undefined) sidecars.push(sidecar);
      } else {
        for (const action of readAction({ [name]: members }, at)) actions.push(action);
      }
    }
  }
  return { actions, sidecars };
}

/** As `actionsOfRows`, of columns as a codec has them. @throws as `actionsOfRows` */
export function actionsOfRaw(columns: readonly (RawColumn | undefined)[], place: Omit<ActionPlace, 'line'> & { readonly firstRow: number }): CheckpointRows {
  const actions: Action[] = [];
  const sidecars: Sidecar[] = [];
  for (const [i, raw] of columns.entries()) {
    const name = OTHER_COLUMNS[i]?.name;
    if (raw === undefined || name === undefined) continue;
    for (let row = 0; row < raw.length; row += 1) {
      if (!isPresent(raw, row)) continue;
      const at: ActionPlace = { ...place, line: place.firstRow + row + 1 };
      const members = plainValueAt(raw, row);
      if (name === 'sidecar') {
        const sidecar = readSidecar(members, at);
        if (sidecar !== undefined) sidecars.push(sidecar);
      } else {
        for (const action of readAction({ [name]: members }, at)) actions.push(action);
      }
    }
  }
  return { actions, sidecars };
}

function fieldsOf(type: ColumnType, wants: (name: string) => boolean): ColumnType {
  return type.kind === 'struct' ? { kind: 'struct', fields: type.fields.filter(({ name }) => wants(name)) } : type;
}

function fromValue(type: ColumnType, value: Value): unknown {
  if (value === null) return null;
  if (type.kind === 'struct' && isList(value)) return Object.fromEntries(type.fields.map((field, i) => [field.name, fromValue(field.type, value[i] ?? null)]));
  if (type.kind === 'map' && isList(value)) {
    return Object.fromEntries(
      value.flatMap((entry): [string, unknown][] =>
        isList(entry) && typeof entry[0] === 'string' ? [[entry[0], fromValue(type.value, entry[1] ?? null)]] : [],
      ),
    );
  }
  return value;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
