/** A feature group of one key and one feature over a table in memory. */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { batchOfRows } from '../../lib/core/batch.ts';
import { decodeKey } from '../../lib/core/keys.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { ingest, type IngestRequest } from '../../lib/features/ingest/ingest.ts';
import { compileGroup, type OpenGroup } from '../../lib/features/open-group.ts';
import type { Receipt } from '../../lib/features/ingest/receipt.ts';
import { ReceiptClock } from '../../lib/features/ingest/receipt-time.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';
import type { FeatureGroupDefinition, FeatureGroupState } from '../../lib/registry/definition.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { tableLayout } from '../../lib/registry/table-layout.ts';
import { recordedLog, type RecordedLog } from './fold-ports.ts';

export interface GroupFixture {
  readonly deps: FeatureDeps;
  readonly clock: ManualClock;
  readonly store: MemoryObjectStore;
  readonly log: RecordedLog;
  readonly group: OpenGroup;
  /** Rows of `[k, v]`; an upsert that waits for the fold unless said otherwise. */
  readonly ingest: (rows: readonly (readonly [string, number | null])[], options?: Partial<IngestRequest>) => Promise<Receipt>;
  /** Another process, with a clock of its own where one is given. */
  readonly reopen: (clock?: ManualClock) => Promise<GroupFixture>;
  /** Keys with a live item. */
  readonly onlineKeys: () => Promise<readonly string[]>;
}

export async function groupFixture(
  options: { readonly profile?: FeatureGroupDefinition['profile']; readonly online?: OnlineStore; readonly partitionBy?: readonly string[] } = {},
): Promise<GroupFixture> {
  const clock = new ManualClock({ sleeping: 'skip' });
  const store = new MemoryObjectStore({ clock });
  const log = recordedLog();
  const deps: FeatureDeps = {
    store,
    codec: createNdjsonCodec(),
    clock,
    random: new SeededRandom(1),
    log,
    engineInfo: 'lakefold/test',
    online: options.online ?? new MemoryOnlineStore(),
    control: new MemoryControl(),
    background: { run: () => undefined },
  };
  const draft = parseFeatureGroup({
    name: 'g',
    primaryKey: ['k'],
    onlineEnabled: true,
    profile: options.profile ?? 'merge-on-read',
    partitionBy: options.partitionBy ?? [],
    schema: [
      { name: 'k', type: 'string', nullable: false },
      { name: 'v', type: 'int', nullable: true },
    ],
  });
  const definition = { ...draft, version: 1 };
  const layout = tableLayout('demo', definition);
  const { table } = await DeltaTable.create(deps, 'demo/feature-groups/g/1', {
    columns: layout.columns,
    partitionBy: layout.partitionColumns,
    profile: definition.profile,
    configuration: layout.configuration,
  });
  const state: FeatureGroupState = {
    definition,
    createdAt: '',
    updatedAt: '',
    revision: 1,
    status: 'ACTIVE',
    path: 'feature-groups/g/1',
    tableId: table.snapshot.metadata.id,
    generation: 1,
    onlineShards: 4,
    schemas: [{ fingerprint: '00112233445566cc', columns: [['v', 'int', true]] }],
  };
  return openFixture({ deps, clock, store, log, state });
}

async function openFixture({
  state,
  ...parts
}: Pick<GroupFixture, 'deps' | 'clock' | 'store' | 'log'> & { readonly state: FeatureGroupState }): Promise<GroupFixture> {
  const { deps } = parts;
  const table = await DeltaTable.open(deps, 'demo/feature-groups/g/1');
  const group = compileGroup({ project: 'demo', state, table, receipts: new ReceiptClock(deps.clock) });
  return {
    ...parts,
    group,
    ingest: (rows, options) =>
      ingest(deps, group, { operation: 'upsert', batch: batchOfRows(group.columns, rows), received: rows.length, rejected: [], wait: 'online', ...options }),
    reopen: (clock = parts.clock) => openFixture({ ...parts, state, clock, deps: { ...deps, clock } }),
    onlineKeys: async () => {
      const keys: string[] = [];
      for await (const { key, item } of deps.online.scan(group.onlineTable)) if (!item.deleted) keys.push(String(decodeKey([{ kind: 'string' }], key)[0]));
      return keys.toSorted();
    },
  };
}
