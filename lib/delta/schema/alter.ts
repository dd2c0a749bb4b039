/**
 * Changes a table's metadata: nullable columns added at the end, required ones made nullable, properties set. Rows stay as they are,
 * but for a column that gets a wider type: then every file is written again, in the same commit (semantics §6).
 */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, parseJson, stringifyJson } from '../../core/json.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { raiseBetween } from '../../core/raise.ts';
import { type Column, formatType, typesEqual } from '../../core/types.ts';
import { mappedSchema } from './column-mapping.ts';
import type { PlannedWrite } from '../write/commit.ts';
import { READS_NOTHING } from '../write/conflict.ts';
import type { FileRewriter } from '../write/rewrite-files.ts';
import { formatSchema, parseSchema } from './schema.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { NO_ROWS } from '../write/write-outcome.ts';

export interface MetadataChange {
  /** The columns the table is to have; those it lacks must be nullable. */
  readonly columns: readonly Column[];
  /** Set over what is there; other properties stay. */
  readonly configuration: Readonly<Record<string, string>>;
}

/** A planner of the change for `commitWrite`; `nothing` when the table has it all. Without `rewrite` a wider type is a conflict. */
export function alterPlanner(change: MetadataChange, rewrite?: FileRewriter): (snapshot: Snapshot) => Promise<PlannedWrite> {
  return async (snapshot) => {
    const { added, relaxed, widened, fault } = compareColumns(change.columns, snapshot);
    if (fault !== undefined) return { kind: 'conflict', reason: fault };
    const [first] = widened;
    if (first !== undefined && rewrite === undefined) return { kind: 'conflict', reason: retyped(first, snapshot) };
    const properties = Object.entries(change.configuration).filter(([key, value]) => snapshot.metadata.configuration[key] !== value);
    const isSameSchema = added.length + relaxed.length + widened.length === 0;
    if (isSameSchema && properties.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    const schemaString = isSameSchema ? snapshot.metadata.schemaString : withFields(snapshot.metadata.schemaString, { added, relaxed, widened });
    const configuration = { ...snapshot.metadata.configuration, ...Object.fromEntries(properties) };
    // By its id, lest it read what files keep of a dropped column of its name.
    const mapped = mappedSchema(schemaString, configuration, (name, id) => `${name}-${id}`);
    const metadata = { ...snapshot.metadata, schemaString: mapped.schemaString, configuration: mapped.properties };
    const isRewrite = widened.length > 0 && rewrite !== undefined;
    const files = isRewrite ? await rewrite({ ...snapshot, metadata, columns: parseSchema(mapped.schemaString) }) : [];
    return {
      kind: 'write',
      counts: NO_ROWS,
      fold: 'none',
      isBlindAppend: false,
      // Of all files as they are: one that comes, goes or changes is written again, too.
      basis: { kind: isRewrite ? 'overwrite' : 'schema', reads: READS_NOTHING },
      operation: added.length > 0 ? 'ADD COLUMNS' : relaxed.length + widened.length > 0 ? 'CHANGE COLUMN' : 'SET TBLPROPERTIES',
      operationParameters: {
        columns: JSON.stringify([...added, ...relaxed, ...widened].map((column) => column.name)),
        properties: JSON.stringify(Object.fromEntries(properties)),
      },
      actions: [metadata, ...files],
    };
  };
}

interface ColumnChanges {
  readonly added: readonly Column[];
  /** Required until now. */
  readonly relaxed: readonly Column[];
  /** Of a narrower type until now. */
  readonly widened: readonly Column[];
}

function compareColumns(wanted: readonly Column[], snapshot: Snapshot): ColumnChanges & { readonly fault?: string } {
  const known = new Map(snapshot.columns.map((column) => [column.name, column]));
  const added = wanted.filter((column) => !known.has(column.name));
  const relaxed = wanted.filter((column) => column.nullable && known.get(column.name)?.nullable === false);
  const differing = wanted.filter((column) => !typesEqual(known.get(column.name)?.type ?? column.type, column.type));
  const widened = differing.filter((column) => raiseBetween(known.get(column.name)?.type ?? column.type, column.type) !== undefined);
  const required = added.find((column) => !column.nullable);
  const other = differing.find((column) => !widened.includes(column));
  const fault =
    required !== undefined ? `column ${required.name} is required and the table's rows lack it` : other !== undefined ? retyped(other, snapshot) : undefined;
  return { added, relaxed, widened, ...(fault === undefined ? {} : { fault }) };
}

function retyped({ name, type }: Column, snapshot: Snapshot): string {
  const found = snapshot.columns.find((column) => column.name === name);
  return `column ${name} is ${found === undefined ? 'absent' : formatType(found.type)} in the table, not ${formatType(type)}`;
}

// Fields that stand there stay as they are: another engine's types and metadata say more than our columns do.
function withFields(schemaString: string, { added, relaxed, widened }: ColumnChanges): string {
  const schema = parseJson(schemaString);
  const names = new Set(relaxed.map((column) => column.name));
  const types = new Map(
    fieldsOf(parseJson(formatSchema(widened))).map((field) => (isJsonObject(field) ? ([field['name'], field['type']] as const) : [null, null])),
  );
  const fields = fieldsOf(schema).map((field) => {
    if (!isJsonObject(field) || typeof field['name'] !== 'string') return field;
    const type = types.get(field['name']);
    return { ...field, ...(names.has(field['name']) ? { nullable: true } : {}), ...(type === undefined ? {} : { type }) };
  });
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
