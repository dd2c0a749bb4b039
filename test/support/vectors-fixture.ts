/** The view of api.md's example over a model of the online store. */
import { encodeKey } from '../../lib/core/keys.ts';
import { orderBytes } from '../../lib/core/order.ts';
import { epochMillis, instant } from '../../lib/core/time.ts';
import { parseType, type Value } from '../../lib/core/types.ts';
import type { OnDemandFunction } from '../../lib/online/on-demand.ts';
import { compilePayloadEncoder } from '../../lib/online/payload.ts';
import { compileView, type ServedGroup, type ServedJoin, type ServedView, type ViewPlan } from '../../lib/online/view-plan.ts';
import type { OnlineReader, OnlineStore, OnlineTable } from '../../lib/ports/online-store.ts';
import { modelOnlineStore } from './fold-store.ts';

export const AIRPORT_DELAYS: ServedGroup = {
  definition: {
    name: 'airport_delays',
    version: 1,
    primaryKey: ['origin'],
    eventTime: 'hour',
    onlineEnabled: true,
    ttl: 'P7D',
    schema: [
      { name: 'origin', type: 'string', nullable: false },
      { name: 'hour', type: 'timestamp', nullable: false },
      { name: 'flights_24h', type: 'int', nullable: false },
      { name: 'mean_delay_24h', type: 'double', nullable: true },
    ],
  },
  generation: 1,
  onlineShards: 4,
  schemas: [
    {
      fingerprint: '9f3c00112233aabb',
      columns: [
        ['flights_24h', 'int', false],
        ['mean_delay_24h', 'double', true],
      ],
    },
  ],
};

export function join(given: Partial<ServedJoin>): ServedJoin {
  return {
    name: 'dep',
    featureGroup: 'airport_delays',
    version: 1,
    on: { origin: 'origin' },
    features: [],
    prefix: '',
    lookback: null,
    filter: null,
    defaults: {},
    via: null,
    ...given,
  };
}

export const DELAY_MODEL: ServedView = {
  name: 'delay_model',
  version: 1,
  spine: [
    { name: 'origin', type: 'string', nullable: false },
    { name: 'dest', type: 'string', nullable: false },
    { name: 'predicted_at', type: 'timestamp', nullable: false },
    { name: 'distance', type: 'int', nullable: false },
    { name: 'delayed', type: 'boolean', nullable: true },
  ],
  labels: ['delayed'],
  joins: [
    join({ name: 'dep', features: ['flights_24h', 'mean_delay_24h'], prefix: 'dep_', lookback: 'P2D', defaults: { flights_24h: 0 } }),
    join({ name: 'arr', on: { dest: 'origin' }, features: ['mean_delay_24h'], prefix: 'arr_' }),
  ],
  onDemand: [{ name: 'is_long_haul', inputs: [{ name: 'distance', type: 'int', nullable: false }], returns: { type: 'boolean', nullable: false } }],
  transforms: {},
  inferenceHelpers: [],
  trainingHelpers: [],
};

const FUNCTIONS: ReadonlyMap<string, OnDemandFunction> = new Map<string, OnDemandFunction>([['is_long_haul', ({ distance }) => Number(distance) > 1500]]);

export function planOf(
  view: ServedView = DELAY_MODEL,
  groups: readonly ServedGroup[] = [AIRPORT_DELAYS],
  functions: ReadonlyMap<string, OnDemandFunction> = FUNCTIONS,
): ViewPlan {
  return compileView({ project: 'demo', view, groups, functions });
}

function tableOf(group: ServedGroup): OnlineTable {
  return { project: 'demo', featureGroup: group.definition.name, version: group.definition.version, generation: group.generation, shards: group.onlineShards };
}

export interface RecordGiven {
  readonly key: readonly Value[];
  readonly at: string | null;
  readonly values: readonly Value[];
  /** Which of the group's payload schemas wrote it; the newest by default. */
  readonly schema?: number;
}

/** Stores records as the fold does. */
export async function putRecords(store: OnlineStore, group: ServedGroup, records: readonly RecordGiven[]): Promise<void> {
  const keyTypes = group.definition.primaryKey.map((name) => parseType(group.definition.schema.find((column) => column.name === name)?.type ?? ''));
  await store.merge(
    tableOf(group),
    records.map(({ key, at, values, schema }) => {
      const payloadSchema = group.schemas[schema ?? group.schemas.length - 1];
      if (payloadSchema === undefined) throw new Error('a group without schema');
      return {
        key: encodeKey(keyTypes, key),
        order: orderBytes(at === null ? null : instant(at), 1n, new Uint8Array(8)),
        commit: 1,
        payload: compilePayloadEncoder(payloadSchema).encode(values),
      };
    }),
  );
}

export async function putWatermark(store: OnlineStore, group: ServedGroup, version: number): Promise<void> {
  const expected = await store.watermark(tableOf(group));
  await store.moveWatermark(tableOf(group), { expected, next: { version, ahead: [], committedAt: epochMillis(983_444_400_000), tableId: 't' } });
}

export interface CountedReader {
  readonly reader: OnlineReader;
  readonly reads: { items: number; watermarks: number; consistent: boolean }[];
}

export function countedReader(store: OnlineReader): CountedReader {
  const reads: CountedReader['reads'] = [];
  return {
    reads,
    reader: {
      read: (request, options) => {
        reads.push({ items: request.items.length, watermarks: request.watermarks.length, consistent: options?.consistent === true });
        return store.read(request, options);
      },
    },
  };
}

/** The store of the example: SFO and JFK are known. */
export async function exampleStore(): Promise<OnlineStore> {
  const store = modelOnlineStore();
  await putRecords(store, AIRPORT_DELAYS, [
    { key: ['SFO'], at: '2001-03-01T10:00:00Z', values: [31, 8.2] },
    { key: ['JFK'], at: '2001-03-01T10:00:00Z', values: [7, 4] },
  ]);
  await putWatermark(store, AIRPORT_DELAYS, 42);
  return store;
}
