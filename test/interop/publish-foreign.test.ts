/** U6, U13: what another engine commits to a feature group's table is published like any other commit. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { ingestRows } from '../../lib/features/ingest/ingest-rows.ts';
import { publishGroup } from '../../lib/features/publish/publish-group.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { getVectors } from '../../lib/online/vectors.ts';
import { parseVectorsBody } from '../../lib/online/vector-request.ts';
import { compileView } from '../../lib/online/view-plan.ts';
import { WatermarkCache } from '../../lib/online/watermark-cache.ts';
import { featureGroupOf, featureViewOf } from '../../lib/registry/state.ts';
import { deltaDeps } from '../support/embedded.ts';
import { type Engines, interopPython, startEngines } from './engines.ts';

const GROUP = {
  name: 'delays',
  version: 1,
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  maxFutureSkew: null,
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'hour', type: 'timestamp' },
    { name: 'flights', type: 'int', nullable: true },
  ],
};
const VIEW = {
  name: 'by_origin',
  version: 1,
  spine: [{ name: 'origin', type: 'string' }],
  joins: [{ featureGroup: 'delays', version: 1, features: ['flights'] }],
};

describe.skipIf(interopPython === undefined)('commits of another engine', () => {
  let engines: Engines;
  let folder: string;
  beforeAll(async () => {
    engines = startEngines(interopPython ?? '');
    folder = await mkdtemp(join(tmpdir(), 'lakefold-foreign-'));
  });
  afterAll(async () => {
    engines.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('publishes an append and a delete that delta-rs committed to our group', async () => {
    const control = new MemoryControl();
    const deps: FeatureDeps = { ...(await deltaDeps(folder)), online: new MemoryOnlineStore(), control, background: { run: () => undefined } };
    const projects = new Projects(deps);
    await projects.create('demo');
    await projects.createGroup('demo', GROUP);
    await projects.createView('demo', VIEW);
    const group = await projects.group('demo', 'delays', 1);
    const rows = [
      ['SFO', '2001-01-01T01:00:00Z', 1],
      ['JFK', '2001-01-01T01:00:00Z', 2],
      ['LAX', '2001-01-01T01:00:00Z', 3],
    ].map(([origin, hour, flights]) => ({ origin, hour, flights }));
    await ingestRows(deps, group, { rows: { format: 'objects', rows }, operation: 'upsert', wait: 'online' });

    const path = join(folder, group.table.root);
    await engines.write(path, {
      schema: [
        ['origin', 'string'],
        ['hour', 'timestamp'],
        ['flights', 'int'],
        ['_ingested_at', 'timestamp'],
      ],
      rows: [
        ['SFO', '2001-01-01T02:00:00Z', 10, null],
        ['LAX', '2001-01-01T00:00:00Z', 30, null],
      ],
    });
    await engines.delete(path, "origin = 'JFK'");
    const { from, to } = await publishGroup(deps, group);
    expect({ from, to }).toEqual({ from: 1, to: 3 });

    const { state } = await projects.registry('demo');
    const plan = compileView({
      project: 'demo',
      view: featureViewOf(state, 'by_origin', 1).definition,
      groups: [featureGroupOf(state, 'delays', 1)],
      functions: new Map(),
    });
    const request = parseVectorsBody({ entries: ['SFO', 'JFK', 'LAX'].map((origin) => ({ origin })) });
    const { rows: vectors } = await getVectors({ ...deps, watermarks: new WatermarkCache() }, { plan, request });
    expect(vectors.map(({ values, statuses }) => [values, statuses])).toEqual([
      [[10], ['PRESENT']],
      [[null], ['NOT_FOUND']],
      [[3], ['PRESENT']],
    ]);
  });
});
