/** Creates a table: version 0 with protocol and metadata, no rows. */
import { LakefoldError } from '../../core/errors.ts';
import type { Column } from '../../core/types.ts';
import { appendEntry } from '../../commitlog/append-entry.ts';
import { serializeEntry } from '../actions/action-codec.ts';
import type { Action } from '../actions/actions.ts';
import type { DeltaDeps } from '../deps.ts';
import { mappedSchema } from '../schema/column-mapping.ts';
import { commitPath } from '../snapshot/log-path.ts';
import { headOf, listLog } from '../snapshot/log-segment.ts';
import { protocolFor } from '../actions/protocol.ts';
import { replay } from '../snapshot/replay.ts';
import { formatSchema } from '../schema/schema.ts';
import { loadSnapshot } from '../snapshot/snapshot.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

export interface TableDefinition {
  readonly columns: readonly Column[];
  readonly partitionBy: readonly string[];
  readonly profile: 'merge-on-read' | 'compatible';
  readonly name?: string;
  readonly description?: string;
  readonly configuration: Readonly<Record<string, string>>;
}

/** `exists`: a table was there before; its newest snapshot. */
export type CreateTableOutcome = { readonly kind: 'created' | 'exists'; readonly snapshot: Snapshot };

/** @throws LakefoldError COMMIT_OUTCOME_UNKNOWN when it can't be told whether it was created; repeating it is safe */
export async function createTable(deps: DeltaDeps, root: string, definition: TableDefinition): Promise<CreateTableOutcome> {
  // Of a table that is old its first entries may be gone, and version 0 free again.
  if (headOf(await listLog(deps.store, root)) !== undefined) return { kind: 'exists', snapshot: await loadSnapshot(deps, root) };
  const timestamp = deps.clock.now();
  const txnId = deps.random.uuid();
  const configuration =
    definition.profile === 'merge-on-read' ? { 'delta.enableDeletionVectors': 'true', ...definition.configuration } : definition.configuration;
  const { schemaString, properties } = mappedSchema(formatSchema(definition.columns), configuration, () => `col-${deps.random.uuid()}`);
  const actions: readonly Action[] = [
    {
      kind: 'commitInfo',
      timestamp,
      ...(configuration['delta.enableInCommitTimestamps'] === 'true' ? { inCommitTimestamp: timestamp } : {}),
      operation: 'CREATE TABLE',
      isolationLevel: 'Serializable',
      isBlindAppend: true,
      operationMetrics: {},
      engineInfo: deps.engineInfo,
      txnId,
      operationParameters: { partitionBy: JSON.stringify(definition.partitionBy), properties: JSON.stringify(configuration), isManaged: 'false' },
      tags: { 'lakefold.format': '1', 'lakefold.fold': 'none' },
    },
    protocolFor(definition.profile, { columns: definition.columns, configuration }),
    {
      kind: 'metaData',
      id: deps.random.uuid(),
      format: { provider: 'parquet', options: {} },
      schemaString,
      partitionColumns: definition.partitionBy,
      configuration: properties,
      createdTime: timestamp,
      ...(definition.name === undefined ? {} : { name: definition.name }),
      ...(definition.description === undefined ? {} : { description: definition.description }),
    },
  ];
  const outcome = await appendEntry(deps, {
    txnId,
    base: -1,
    pathOf: (version) => commitPath(root, version),
    plan: async (version) => (version === 0 ? { kind: 'write', bytes: serializeEntry(actions), value: actions } : { kind: 'stop', value: actions }),
  });
  if (outcome.kind === 'committed') return { kind: 'created', snapshot: replay(undefined, [{ version: 0, actions }], new Map([[0, timestamp]])) };
  if (outcome.kind === 'unknown')
    throw new LakefoldError('COMMIT_OUTCOME_UNKNOWN', `whether the table at ${root} was created can't be told now; create it again`, {
      context: { version: 0, txnId },
    });
  return { kind: 'exists', snapshot: await loadSnapshot(deps, root) };
}
