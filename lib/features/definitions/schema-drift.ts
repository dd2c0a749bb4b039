/**
 * Where a group's table and the registry disagree (storage.md §3): another engine dropped or retyped a column, or put
 * another table in its place. Reads go on with what the table has; writes are refused until the two agree again.
 */
import { LakefoldError } from '../../core/errors.ts';
import { formatType, parseType, typesEqual } from '../../core/types.ts';
import type { Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import type { FeatureGroupState } from '../../registry/definition.ts';
import { groupName, type OpenGroup } from '../open-group.ts';

export interface Drift {
  /** Null where it is the table itself. */
  readonly column: string | null;
  /** A type, or the id of the table. */
  readonly expected: string;
  /** Null where there is none. */
  readonly found: string | null;
}

/** Every difference the registry's columns meet in the table; columns it does not know are none. */
export function driftsOf({ definition, tableId }: FeatureGroupState, snapshot: Snapshot): readonly Drift[] {
  const { id } = snapshot.metadata;
  return [
    ...(id === tableId ? [] : [{ column: null, expected: tableId, found: id }]),
    ...definition.schema.flatMap(({ name, type }): readonly Drift[] => {
      const found = snapshot.columns.find((column) => column.name === name);
      if (found !== undefined && typesEqual(found.type, parseType(type))) return [];
      return [{ column: name, expected: type, found: found === undefined ? null : formatType(found.type) }];
    }),
  ];
}

export function driftText({ column, expected, found }: Drift): string {
  if (column === null) return `expected table ${expected}, found ${found ?? 'none'}`;
  return `expected column ${column} of type ${expected} in the table, found ${found ?? 'none'}`;
}

/** @throws LakefoldError SCHEMA_DRIFT listing every difference, as far as the newest known snapshot tells */
function refuseDrift({ state, table }: Pick<OpenGroup, 'state' | 'table'>): void {
  const drifts = driftsOf(state, table.snapshot);
  const [first] = drifts;
  if (first === undefined) return;
  throw new LakefoldError(
    'SCHEMA_DRIFT',
    `${groupName(state.definition)}: ${driftText(first)}${drifts.length === 1 ? '' : `, and ${drifts.length - 1} more`}`,
    {
      context: { featureGroup: state.definition.name, version: state.definition.version, drifts },
    },
  );
}

/** Writes unless table and registry disagree; a write that fails because they do, fails by that. @throws LakefoldError SCHEMA_DRIFT, and what `write` throws */
export async function writeUndrifted<Written extends { readonly kind: string } | { readonly outcome: { readonly kind: string } }>(
  group: Pick<OpenGroup, 'state' | 'table'>,
  write: () => Promise<Written>,
): Promise<Written> {
  refuseDrift(group);
  try {
    const written = await write();
    const { kind } = 'outcome' in written ? written.outcome : written;
    if (kind === 'conflict') refuseDrift(group);
    return written;
  } catch (error) {
    // The table as it was known may be what the write was planned on, not what it met.
    await group.table.refresh();
    refuseDrift(group);
    throw error;
  }
}
