/** Changes of a table's schema and properties that leave its files as they are. */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, type JsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import type { Column } from '../../core/types.ts';
import type { Action } from '../actions/actions.ts';
import { mappedSchema } from './column-mapping.ts';
import type { PlannedWrite } from '../write/commit.ts';
import { columnsNamedBy, constraintsOf } from '../sql/constraints.ts';
import type { DeltaDeps } from '../deps.ts';
import { unknownColumn } from '../filter/filter.ts';
import { PROPERTY_FEATURES, withFeature } from '../actions/protocol.ts';
import { formatSchema } from './schema.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { NO_ROWS } from '../write/write-outcome.ts';

export type SchemaChange =
  | { readonly kind: 'addColumns'; readonly columns: readonly Column[] }
  | { readonly kind: 'makeNullable'; readonly column: string }
  | { readonly kind: 'comment'; readonly column: string; readonly text: string | null }
  /** `null` takes a property away. */
  | { readonly kind: 'properties'; readonly properties: Readonly<Record<string, string | null>> }
  /** From then on columns can be renamed and dropped. */
  | { readonly kind: 'mapColumns' }
  | { readonly kind: 'rename'; readonly column: string; readonly to: string }
  | { readonly kind: 'drop'; readonly column: string };

const OPERATIONS: Readonly<Record<SchemaChange['kind'], string>> = {
  addColumns: 'ADD COLUMNS',
  makeNullable: 'CHANGE COLUMN',
  comment: 'CHANGE COLUMN',
  properties: 'SET TBLPROPERTIES',
  mapColumns: 'SET TBLPROPERTIES',
  rename: 'RENAME COLUMN',
  drop: 'DROP COLUMNS',
};

/** A planner of the change for `commitWrite`; `nothing` where the table has it so. @throws LakefoldError UNKNOWN_FEATURE, INVALID_ARGUMENT, UNSUPPORTED_OPERATION */
export function schemaPlanner(deps: Pick<DeltaDeps, 'random'>, change: SchemaChange): (snapshot: Snapshot) => Promise<PlannedWrite> {
  const newName = (): string => `col-${deps.random.uuid()}`;
  return async (snapshot) => {
    const actions = changeTable(snapshot, change, newName);
    if (actions.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    const { kind, ...parameters } = change;
    return {
      kind: 'write',
      actions,
      counts: NO_ROWS,
      fold: 'none',
      isBlindAppend: false,
      operation: OPERATIONS[kind],
      operationParameters: Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
      ),
    };
  };
}

function changeTable(snapshot: Snapshot, change: SchemaChange, newName: () => string): readonly Action[] {
  const { metadata } = snapshot;
  switch (change.kind) {
    case 'addColumns': {
      const unfit = change.columns.find(({ name, nullable }) => !nullable || isTaken(snapshot, name));
      if (unfit !== undefined)
        throw new LakefoldError(
          'INVALID_ARGUMENT',
          `expected new columns that are nullable and have a name of their own, found ${JSON.stringify(unfit.name)}`,
          {
            context: { column: unfit.name },
          },
        );
      const added = fieldsOf(formatSchema(change.columns));
      return withSchema(snapshot, [...fieldsOf(metadata.schemaString), ...added], newName);
    }
    case 'makeNullable':
      return withField(snapshot, change.column, (field) => ({ ...field, nullable: true }));
    case 'comment':
      return withField(snapshot, change.column, (field) => {
        const { comment: _before, ...others } = isJsonObject(field['metadata']) ? field['metadata'] : {};
        return { ...field, metadata: change.text === null ? others : { ...others, comment: change.text } };
      });
    case 'properties':
      return withProperties(snapshot, change.properties);
    case 'mapColumns':
      return mapColumns(snapshot);
    case 'rename':
      assertChangeable(snapshot, change.column);
      if (change.to === '' || (isTaken(snapshot, change.to) && change.to.toLowerCase() !== change.column.toLowerCase()))
        throw new LakefoldError('INVALID_ARGUMENT', `expected a name no other column has, found ${JSON.stringify(change.to)}`, { context: { field: 'to' } });
      return withField(snapshot, change.column, (field) => ({ ...field, name: change.to }), {
        partitionColumns: metadata.partitionColumns.map((name) => (name === change.column ? change.to : name)),
      });
    case 'drop':
      assertChangeable(snapshot, change.column);
      if (metadata.partitionColumns.includes(change.column) || snapshot.columns.length === 1)
        throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a column that is neither the last nor a partition column, found ${change.column}`, {
          context: { column: change.column },
        });
      return withSchema(
        snapshot,
        fieldsOf(metadata.schemaString).filter((field) => !isNamed(field, change.column)),
        newName,
      );
  }
}

function isTaken(snapshot: Snapshot, name: string): boolean {
  return snapshot.columns.some((column) => column.name.toLowerCase() === name.toLowerCase());
}

// Files keep a column under its physical name, which only mapping tells apart from the name people see.
function assertChangeable(snapshot: Snapshot, name: string): void {
  const { configuration } = snapshot.metadata;
  if ((configuration['delta.columnMapping.mode'] ?? 'none') === 'none')
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a table with column mapping to rename or drop ${name} in; turn it on first`, {
      context: { column: name },
    });
  if (configuration['lakefold.primaryKey'] !== undefined)
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a plain table, found a feature group's: renaming or dropping ${name} takes a new version`, {
      context: { column: name },
    });
  const user = constraintsOf(snapshot.metadata).find(({ expression }) => columnsNamedBy(expression).has(name.toLowerCase()));
  if (user !== undefined)
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a column no constraint names, found ${name} in ${user.name}; drop that first`, {
      context: { column: name, constraint: user.name },
    });
}

function withField(
  snapshot: Snapshot,
  name: string,
  edit: (field: JsonObject) => JsonObject,
  changes: { readonly partitionColumns?: readonly string[] } = {},
): readonly Action[] {
  if (!snapshot.columns.some((column) => column.name === name)) throw unknownColumn(name, snapshot.columns);
  const { metadata } = snapshot;
  const fields = fieldsOf(metadata.schemaString).map((field) => (isNamed(field, name) ? edit(field) : field));
  const schemaString = schemaOf(fields);
  return schemaString === schemaOf(fieldsOf(metadata.schemaString)) ? [] : [{ ...metadata, ...changes, schemaString }];
}

function withSchema(snapshot: Snapshot, fields: readonly Json[], newName: () => string): readonly Action[] {
  const { metadata } = snapshot;
  const mapped = mappedSchema(schemaOf(fields), metadata.configuration, newName);
  return [{ ...metadata, schemaString: mapped.schemaString, configuration: mapped.properties }];
}

function mapColumns({ protocol, metadata }: Snapshot): readonly Action[] {
  if ((metadata.configuration['delta.columnMapping.mode'] ?? 'none') !== 'none') return [];
  const raised = withFeature(protocol, 'columnMapping');
  // The files there are keep the names they have.
  const mapped = mappedSchema(metadata.schemaString, { ...metadata.configuration, 'delta.columnMapping.mode': 'name' }, (name) => name);
  const changed: Action = { ...metadata, schemaString: mapped.schemaString, configuration: mapped.properties };
  return raised === protocol ? [changed] : [raised, changed];
}

function withProperties({ protocol, metadata }: Snapshot, properties: Readonly<Record<string, string | null>>): readonly Action[] {
  const guarded = Object.keys(properties).find(
    (key) => key.startsWith('delta.constraints.') || key.startsWith('delta.columnMapping.') || key.startsWith('lakefold.'),
  );
  if (guarded !== undefined)
    throw new LakefoldError('INVALID_ARGUMENT', `expected properties that no other call governs, found ${guarded}`, { context: { field: guarded } });
  const changed = Object.entries(properties).filter(([key, value]) => (metadata.configuration[key] ?? null) !== value);
  if (changed.length === 0) return [];
  const names = new Set(changed.map(([key]) => key));
  const configuration = Object.fromEntries([
    ...Object.entries(metadata.configuration).filter(([key]) => !names.has(key)),
    ...changed.flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
  ]);
  // Who sets a property that is of no use without a feature asks for the feature.
  const raised = changed.reduce((so, [key, value]) => {
    const feature = PROPERTY_FEATURES[key];
    return feature === undefined || value?.toLowerCase() !== 'true' ? so : withFeature(so, feature);
  }, protocol);
  return [...(raised === protocol ? [] : [raised]), { ...metadata, configuration }];
}

function fieldsOf(schemaString: string): readonly Json[] {
  const schema = parseJson(schemaString);
  const fields = isJsonObject(schema) ? schema['fields'] : undefined;
  if (!Array.isArray(fields)) throw new LakefoldError('LOG_CORRUPT', 'expected a list of fields in metaData.schemaString');
  return fields;
}

function schemaOf(fields: readonly Json[]): string {
  return stringifyJson({ type: 'struct', fields });
}

function isNamed(field: Json, name: string): field is JsonObject {
  return isJsonObject(field) && field['name'] === name;
}
