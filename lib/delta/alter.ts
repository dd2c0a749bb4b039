/** Changes a table's metadata: nullable columns added at the end, required ones made nullable, properties set. Rows stay as they are. */
import { LakefoldError } from '../core/errors.ts';
import { isJsonObject, type Json, parseJson, stringifyJson } from '../core/json.ts';
import { INGESTED_AT } from '../core/names.ts';
import { type Column, formatType, typesEqual } from '../core/types.ts';
import { mappedSchema } from './column-mapping.ts';
import type { PlannedWrite } from './commit.ts';
import { READS_NOTHING } from './conflict.ts';
import { formatSchema } from './schema.ts';
import type { Snapshot } from './snapshot-state.ts';
import { NO_ROWS } from './write-outcome.ts';

export interface MetadataChange {
  /** The columns the table is to have; those it lacks must be nullable. */
  readonly columns: readonly Column[];
  /** Set over what is there; other properties stay. */
  readonly configuration: Readonly<Record<string, string>>;
}

/** A planner of the change for `commitWrite`; `nothing` when the table has it all. */
export function alterPlanner(change: MetadataChange): (snapshot: Snapshot) => Promise<PlannedWrite> {
  return async (snapshot) => {
    const { added, relaxed, fault } = compareColumns(change.columns, snapshot);
    if (fault !== undefined) return { kind: 'conflict', reason: fault };
    const properties = Object.entries(change.configuration).filter(([key, value]) => snapshot.metadata.configuration[key] !== value);
    const isSameSchema = added.length === 0 && relaxed.length === 0;
    if (isSameSchema && properties.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    const schemaString = isSameSchema ? snapshot.metadata.schemaString : withFields(snapshot.metadata.schemaString, { added, relaxed });
    const configuration = { ...snapshot.metadata.configuration, ...Object.fromEntries(properties) };
    // By its id, lest it read what files keep of a dropped column of its name.
    const mapped = mappedSchema(schemaString, configuration, (name, id) => `${name}-${id}`);
    return {
      kind: 'write',
      counts: NO_ROWS,
      fold: 'none',
      isBlindAppend: false,
      basis: { kind: 'schema', reads: READS_NOTHING },
      operation: added.length > 0 ? 'ADD COLUMNS' : relaxed.length > 0 ? 'CHANGE COLUMN' : 'SET TBLPROPERTIES',
      operationParameters: {
        columns: JSON.stringify([...added, ...relaxed].map((column) => column.name)),
        properties: JSON.stringify(Object.fromEntries(properties)),
      },
      actions: [{ ...snapshot.metadata, schemaString: mapped.schemaString, configuration: mapped.properties }],
    };
  };
}

interface ColumnChanges {
  readonly added: readonly Column[];
  /** Required until now. */
  readonly relaxed: readonly Column[];
}

function compareColumns(wanted: readonly Column[], snapshot: Snapshot): ColumnChanges & { readonly fault?: string } {
  const known = new Map(snapshot.columns.map((column) => [column.name, column]));
  const added = wanted.filter((column) => !known.has(column.name));
  const relaxed = wanted.filter((column) => column.nullable && known.get(column.name)?.nullable === false);
  const required = added.find((column) => !column.nullable);
  if (required !== undefined) return { added, relaxed, fault: `column ${required.name} is required and the table's rows lack it` };
  for (const column of wanted) {
    const found = known.get(column.name);
    if (found !== undefined && !typesEqual(found.type, column.type))
      return { added, relaxed, fault: `column ${column.name} is ${formatType(found.type)} in the table, not ${formatType(column.type)}` };
  }
  return { added, relaxed };
}

// Fields that stand there stay as they are: another engine's types and metadata say more than our columns do.
function withFields(schemaString: string, { added, relaxed }: ColumnChanges): string {
  const schema = parseJson(schemaString);
  const names = new Set(relaxed.map((column) => column.name));
  const fields = fieldsOf(schema).map((field) =>
    isJsonObject(field) && typeof field['name'] === 'string' && names.has(field['name']) ? { ...field, nullable: true } : field,
  );
  const isSystem = (field: Json): boolean => isJsonObject(field) && field['name'] === INGESTED_AT;
  const more = fieldsOf(parseJson(formatSchema(added)));
  return stringifyJson({
    ...(isJsonObject(schema) ? schema : {}),
    fields: [...fields.filter((field) => !isSystem(field)), ...more, ...fields.filter(isSystem)],
  });
}

function fieldsOf(schema: Json): readonly Json[] {
  const fields = isJsonObject(schema) ? schema['fields'] : undefined;
  if (!Array.isArray(fields)) throw new LakefoldError('LOG_CORRUPT', 'expected a list of fields in metaData.schemaString');
  return fields;
}
