/** Definitions that the registry's tests share. */
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import type { FeatureGroupDefinition } from '../../lib/registry/definition.ts';
import type { RegistryDeps } from '../../lib/registry/append-revision.ts';
import { recordedLog, seededRandom, testClock, type TestClock } from '../support/fold-ports.ts';

/** The JSON of api.md. */
export const delaysJson = {
  name: 'airport_delays',
  version: 1,
  description: 'Trailing delays',
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'hour', type: 'timestamp' },
    { name: 'flights_24h', type: 'int' },
    { name: 'mean_delay_24h', type: 'double', nullable: true, description: 'minutes' },
  ],
  ttl: 'P7D',
  availabilityDelay: 'PT5M',
  partitionBy: [],
  clusterBy: ['origin', 'hour'],
  expectations: [{ expectationType: 'expect_column_values_to_be_between', kwargs: { column: 'flights_24h', min_value: 0 } }],
  validationPolicy: 'STRICT',
  tags: { team: 'ops' },
  owner: 'ops@example.com',
};

/** What it is with the defaults filled in. */
export const delays: FeatureGroupDefinition = {
  name: 'airport_delays',
  version: 1,
  description: 'Trailing delays',
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  schema: [
    { name: 'origin', type: 'string', nullable: false },
    { name: 'hour', type: 'timestamp', nullable: false },
    { name: 'flights_24h', type: 'int', nullable: false },
    { name: 'mean_delay_24h', type: 'double', nullable: true, description: 'minutes' },
  ],
  ttl: 'P7D',
  availabilityDelay: 'PT5M',
  partitionBy: [],
  clusterBy: ['origin', 'hour'],
  expectations: [{ expectationType: 'expect_column_values_to_be_between', kwargs: { column: 'flights_24h', min_value: 0 } }],
  validationPolicy: 'STRICT',
  profile: 'merge-on-read',
  statistics: true,
  changeFeed: false,
  onlineShards: 16,
  eraseSchedule: null,
  maxFutureSkew: 'PT5M',
  retention: 'P30D',
  deletedRetention: 'P7D',
  idempotencyRetention: 'P7D',
  tags: { team: 'ops' },
  owner: 'ops@example.com',
};

export const HASH = `sha256:${'ab'.repeat(32)}`;

export const modelJson = {
  name: 'delay_model',
  version: 1,
  spine: [
    { name: 'origin', type: 'string' },
    { name: 'dest', type: 'string' },
    { name: 'predicted_at', type: 'timestamp' },
    { name: 'distance', type: 'int' },
    { name: 'delayed', type: 'boolean', nullable: true },
  ],
  labelTime: 'predicted_at',
  labels: ['delayed'],
  joins: [
    { featureGroup: 'airport_delays', version: 1, features: ['flights_24h', 'mean_delay_24h'], prefix: 'dep_', lookback: 'P2D', defaults: { flights_24h: 0 } },
    { featureGroup: 'airport_delays', version: 1, on: { dest: 'origin' }, features: ['mean_delay_24h'], prefix: 'arr_' },
  ],
  onDemand: [{ name: 'is_long_haul', inputs: [{ name: 'distance', type: 'int' }], returns: { type: 'boolean' }, sourceHash: HASH }],
  transforms: { dep_mean_delay_24h: { function: 'standard_scaler' } },
};

export function registryDeps(seed = 1): RegistryDeps & { readonly store: MemoryObjectStore; readonly clock: TestClock } {
  const clock = testClock(1_700_000_000_000_000n);
  return { store: new MemoryObjectStore({ clock }), clock, random: seededRandom(seed), log: recordedLog(), engineInfo: 'lakefold/test' };
}

export function thrownBy(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
