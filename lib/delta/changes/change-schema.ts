/** Whether the commits of a range can be read in the newest schema of the range. */
import { LakefoldError } from '../../core/errors.ts';
import { type ColumnType, formatType } from '../../core/types.ts';
import type { Action, Metadata } from '../actions/actions.ts';
import { parseSchema } from '../schema/schema.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

/**
 * The metadata after the commit. `before` is undefined where the commit is the table's first.
 * @throws LakefoldError UNSUPPORTED_OPERATION naming the version whose schema is another than the newest one's
 */
export function refuseOtherSchemas(
  commit: { readonly before: Metadata | undefined; readonly version: number; readonly actions: readonly Action[] },
  newest: Snapshot,
): Metadata | undefined {
  const changed = commit.actions.find((action) => action.kind === 'metaData');
  const fault = faultOf(changed, newest) ?? (commit.before === undefined ? undefined : faultOf(commit.before, newest));
  if (fault !== undefined) {
    throw new LakefoldError(
      'UNSUPPORTED_OPERATION',
      `expected changes that can be read in the schema of version ${newest.version}, but at version ${commit.version} ${fault}; read up to there`,
      {
        context: { version: commit.version },
      },
    );
  }
  return changed ?? commit.before;
}

function faultOf(metadata: Metadata | undefined, newest: Snapshot): string | undefined {
  if (metadata === undefined) return undefined;
  if (metadata.id !== newest.metadata.id) return 'the table was another';
  for (const column of parseSchema(metadata.schemaString)) {
    const now = newest.columns.find((candidate) => candidate.physicalName === column.physicalName);
    if (now !== undefined && !isWider(now.type, column.type)) return `column ${column.name} was ${formatType(column.type)}, not ${formatType(now.type)}`;
  }
  return partitionFault(metadata, newest);
}

function partitionFault(metadata: Metadata, newest: Snapshot): string | undefined {
  if (physicalPartition(metadata) === physicalPartition(newest.metadata)) return undefined;
  return `it was partitioned by ${metadata.partitionColumns.join(', ') || 'nothing'}`;
}

// A renamed column is still the one the files are partitioned by.
function physicalPartition({ partitionColumns, schemaString }: Metadata): string {
  const columns = parseSchema(schemaString);
  return partitionColumns.map((name) => columns.find((column) => column.name === name)?.physicalName ?? name).join('\0');
}

/** Whether every value of `from` reads exactly as `to`. */
function isWider(to: ColumnType, from: ColumnType): boolean {
  if (formatType(to) === formatType(from)) return true;
  switch (to.kind) {
    case 'bigint':
      return from.kind === 'int';
    case 'double':
      return from.kind === 'float' || from.kind === 'int';
    case 'timestampNtz':
      return from.kind === 'date';
    case 'decimal':
      return (
        from.kind === 'int' ||
        from.kind === 'bigint' ||
        (from.kind === 'decimal' && to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale)
      );
    case 'struct':
      return from.kind === 'struct' && from.fields.every((field) => to.fields.every((other) => other.name !== field.name || isWider(other.type, field.type)));
    case 'array':
      return from.kind === 'array' && isWider(to.element, from.element);
    case 'map':
      return from.kind === 'map' && isWider(to.key, from.key) && isWider(to.value, from.value);
    case 'vector':
      return from.kind === 'array' && from.element.kind === 'float';
    default:
      return false;
  }
}
