/** Definitions changed and deleted through the library, on the embedded store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openFeatureStore, type FeatureStore } from '../../lib/index.ts';
import { airportDelays, delayModel } from '../support/api.ts';

const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

async function start(): Promise<FeatureStore> {
  const location = await mkdtemp(join(tmpdir(), 'lakefold-edits-'));
  closings.push(() => rm(location, { recursive: true, force: true }));
  const store = await openFeatureStore({ location, project: 'demo' });
  closings.push(() => store.close());
  await store.apply({ airportDelays, delayModel });
  return store;
}

const GROUP = { name: 'airport_delays', version: 1 };
const VIEW = { name: 'delay_model', version: 1 };

describe('a feature store', () => {
  it('changes a group in place, and its handles see it', async () => {
    const store = await start();
    await store.updateFeatureGroup(GROUP, { ttl: 'P14D', addFeatures: [{ name: 'n', type: 'int', nullable: true }] }, { ifMatch: '"r1"' });
    const row = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 1, mean_delay_24h: null, n: 7 };
    await store.featureGroup('airport_delays').upsert([row]);
    const rows: unknown[] = [];
    for await (const batch of store.featureGroup('airport_delays').read({ features: ['origin', 'n'] })) rows.push(...batch.toRows());
    expect(rows).toEqual([{ origin: 'SFO', n: 7 }]);
    await expect(store.updateFeatureGroup(GROUP, { owner: null }, { ifMatch: '"r1"' })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    await expect(store.updateFeatureGroup(GROUP, { partitionBy: ['origin'] })).rejects.toMatchObject({
      code: 'BREAKING_SCHEMA_CHANGE',
      context: { newVersion: 2 },
    });
  });

  it('keeps what a view needs until the view is gone', async () => {
    const store = await start();
    await expect(store.updateFeatureView(VIEW, { labels: [] })).rejects.toMatchObject({ code: 'IMMUTABLE' });
    await store.updateFeatureView(VIEW, { description: 'd', status: 'DEPRECATED' });
    await expect(store.deleteFeatureGroup(GROUP)).rejects.toMatchObject({ code: 'IN_USE', context: { usedBy: ['feature-view:delay_model/1'] } });
    await store.deleteFeatureView(VIEW);
    await store.deleteFeatureGroup(GROUP);
    await expect(store.deleteFeatureGroup(GROUP)).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE_GROUP' });
    await expect(store.featureGroup(airportDelays).upsert([])).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE_GROUP' });
  });
});
