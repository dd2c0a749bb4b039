/** Changes a table's metadata: nullable columns added at the end, properties set. Rows stay as they are. */
import type { Column } from '../core/types.ts';
import { INGESTED_AT } from '../core/names.ts';
import type { PlannedWrite } from './commit.ts';
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
    const known = new Set(snapshot.columns.map((column) => column.name));
    const added = change.columns.filter((column) => !known.has(column.name));
    const required = added.find((column) => !column.nullable);
    if (required !== undefined) return { kind: 'conflict', reason: `column ${required.name} is required and the table's rows lack it` };
    const properties = Object.entries(change.configuration).filter(([key, value]) => snapshot.metadata.configuration[key] !== value);
    if (added.length === 0 && properties.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    const system = snapshot.columns.filter((column) => column.name === INGESTED_AT);
    const columns = [...snapshot.columns.filter((column) => column.name !== INGESTED_AT), ...added, ...system];
    return {
      kind: 'write', counts: NO_ROWS, fold: 'none', isBlindAppend: false,
      operation: added.length > 0 ? 'ADD COLUMNS' : 'SET TBLPROPERTIES', operationParameters: { columns: JSON.stringify(added.map((column) => column.name)), properties: JSON.stringify(Object.fromEntries(properties)) },
      actions: [{ ...snapshot.metadata, schemaString: formatSchema(columns), configuration: { ...snapshot.metadata.configuration, ...Object.fromEntries(properties) } }],
    };
  };
}
