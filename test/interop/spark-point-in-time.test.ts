/** Spark computes what we compute: the point-in-time join over our tables and training files, rows of other engines among them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { openScratch } from '../../lib/adapters/fs/scratch.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import type { JsonObject } from '../../lib/core/json.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { ingestRows } from '../../lib/features/ingest/ingest-rows.ts';
import { optimizeRows, publishRows } from '../../lib/features/history/manage-rows.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { sparkSqlOf } from '../../lib/features/training/beyond-budget.ts';
import type { TrainingDeps } from '../../lib/features/training/build-rows.ts';
import { createTrainingDataset, type TrainingDataset } from '../../lib/features/training/create-dataset.ts';
import { pinGroups } from '../../lib/features/training/join-plan.ts';
import { parseTrainingRequest } from '../../lib/features/training/request.ts';
import { readSpine } from '../../lib/features/training/spine.ts';
import type { Engine } from '../../lib/ports/engine.ts';
import { featureViewOf } from '../../lib/registry/state.ts';
import { deltaDeps } from '../support/embedded.ts';
import { type Engines, interopPython, startEngines } from './engines.ts';
import { connectSpark, sparkEndpoint } from './spark.ts';

const at = (minute: number): string => `2001-01-01T00:${String(minute).padStart(2, '0')}:00Z`;
const columns = (value: string): JsonObject[] => [
  { name: 'k', type: 'string' },
  { name: 'at', type: 'timestamp' },
  { name: value, type: value === 'v' ? 'bigint' : 'string', nullable: true },
];
const GROUPS = ['v', 'w'].map((value) => ({
  name: `of_${value}`,
  version: 1,
  schema: columns(value),
  primaryKey: ['k'],
  eventTime: 'at',
  onlineEnabled: true,
}));
const VIEW = {
  name: 'both',
  version: 1,
  spine: [
    { name: 'id', type: 'int' },
    { name: 'k', type: 'string', nullable: true },
    { name: 't', type: 'timestamp' },
  ],
  labelTime: 't',
  joins: [
    {
      featureGroup: 'of_v',
      version: 1,
      features: ['v'],
      prefix: 'far_',
      on: { w: 'k' },
      via: { join: 'near', feature: 'w' },
      boundary: 'exclusive',
      defaults: { v: -1 },
    },
    { featureGroup: 'of_w', version: 1, features: ['w'], prefix: 'near_', lookback: 'PT20M', availabilityDelay: 'PT1M' },
    { featureGroup: 'of_v', version: 1, features: ['v'], prefix: 'old_', filter: { column: 'v', op: '>', value: 3 } },
  ],
};
const KEYS = ['a', 'b', 'c', "d'\\é"];
/** Appended, so that ties are there. */
const ROWS = Array.from({ length: 60 }, (_, i) => ({ k: KEYS[i % 4], at: at((i * 7) % 40), n: i }));
const SPINE = Array.from({ length: 50 }, (_, i) => ({ id: i, k: i === 9 ? null : (KEYS[(i * 3) % 4] ?? ''), t: at((i * 11) % 50) }));

describe.skipIf(sparkEndpoint === undefined || interopPython === undefined)('a point-in-time join beside Spark', () => {
  const spark = connectSpark(sparkEndpoint ?? '');
  let engines: Engines;
  let engine: Engine;
  let folder: string;
  let deps: FeatureDeps;
  let training: TrainingDeps;
  let projects: Projects;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-spark-join-'));
    engines = startEngines(interopPython ?? '');
    engine = await openDuckDbEngine({ scratchDirectory: folder, threads: 1 });
    deps = { ...(await deltaDeps(folder)), online: new MemoryOnlineStore(), control: new MemoryControl(), background: { run: () => undefined } };
    projects = new Projects(deps);
    training = {
      ...deps,
      engine,
      scratch: openScratch(folder),
      functions: new Map(),
      openGroup: (name, version) => projects.group('demo', name, version),
      openSource: () => Promise.reject(new Error('the spine comes as rows')),
    };
    await projects.create('demo');
    for (const group of GROUPS) await projects.createGroup('demo', group);
    await projects.createView('demo', VIEW);
    for (const part of [ROWS.slice(0, 30), ROWS.slice(30)]) {
      const write = async (name: string, rows: readonly JsonObject[]): Promise<unknown> =>
        ingestRows(deps, await projects.group('demo', name, 1), { rows: { format: 'objects', rows }, operation: 'append', wait: 'commit' });
      await write(
        'of_v',
        part.map(({ n, ...row }) => ({ ...row, k: row.k ?? '', v: n % 7 === 0 ? null : n })),
      );
      await write(
        'of_w',
        part.map(({ n, ...row }) => ({ ...row, k: row.k ?? '', w: n % 5 === 0 ? null : (KEYS[n % 3] ?? '') })),
      );
    }
  });
  afterAll(async () => {
    engines.close();
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  const tableOf = (name: string): string => join(folder, 'demo/feature-groups', name, '1');

  async function train(pins: Readonly<Record<string, number>> = {}): Promise<{ readonly dataset: TrainingDataset; readonly file: string }> {
    const view = featureViewOf((await projects.registry('demo')).state, 'both', 1);
    const request = parseTrainingRequest({ spine: { rows: SPINE }, pins });
    const dataset = await createTrainingDataset(training, { project: 'demo', view, request });
    return { dataset, file: join(folder, 'demo/training-datasets/both/1', String(dataset.trainingDataset), dataset.splits[0]?.files[0]?.path ?? '') };
  }

  /** A window over an inequality join: slow, and nothing of ours. */
  function windowSql(file: string): string {
    const pick = (join: { readonly table: string; readonly key: string; readonly upper: string; readonly from: string }): string =>
      `SELECT * FROM (SELECT s.*, f.*, row_number() OVER (PARTITION BY s.id ORDER BY f.fat DESC, f.received DESC) AS n FROM ${join.from} s LEFT JOIN (SELECT k AS fk, at AS fat, coalesce(_ingested_at, _metadata.file_modification_time) AS received, ${join.table} AS value FROM delta.\`${tableOf(`of_${join.table}`)}\`) f ON f.fk = s.${join.key} AND f.fat ${join.upper}) WHERE n = 1`;
    const spine = `(SELECT id, k, t FROM parquet.\`${file}\`)`;
    const near = `SELECT id, k, t, CASE WHEN fat >= t - INTERVAL 20 MINUTES THEN value END AS near_w FROM (${pick({ table: 'w', key: 'k', upper: '<= s.t - INTERVAL 1 MINUTE', from: spine })})`;
    const old = `SELECT id, k, t, near_w, CASE WHEN value > 3 THEN value END AS old_v FROM (${pick({ table: 'v', key: 'k', upper: '<= s.t', from: `(${near})` })})`;
    const far = `SELECT id, k, t, CASE WHEN fat IS NULL THEN -1 ELSE value END AS far_v, near_w, old_v FROM (${pick({ table: 'v', key: 'near_w', upper: '< s.t', from: `(${old})` })})`;
    return far;
  }

  async function expectSparkAgrees(): Promise<void> {
    const { file } = await train();
    const ours = await spark.query(`SELECT * FROM parquet.\`${file}\``);
    expect(new Set(ours).size).toBe(SPINE.length);
    expect(await spark.query(windowSql(file))).toEqual(ours);
    const view = featureViewOf((await projects.registry('demo')).state, 'both', 1).definition;
    const request = parseTrainingRequest({ spine: { rows: SPINE } });
    const pinned = await pinGroups(view, { pins: {}, asOfTime: null, rowsFrom: undefined }, training.openGroup);
    const spine = await readSpine({ ...training, pinned }, view, request);
    await spark.view('spine', {
      schema: [
        ['id', 'int'],
        ['k', 'string'],
        ['t', 'timestamp'],
      ],
      rows: SPINE.map(({ id, k, t }) => [id, k, t]),
    });
    expect(await spark.query(sparkSqlOf({ view, spine, pinned, location: deps.store.location }))).toEqual(ours);
  }

  it('is what a window of Spark finds over the tables, and what the SQL of a refused plan finds (P1–P5, P11, P17)', async () => {
    await expectSparkAgrees();
  });

  it('takes rows that Spark and delta-rs appended without receipts: read, joined, published, compacted', async () => {
    const schema = [
      ['k', 'string'],
      ['at', 'timestamp'],
      ['v', 'bigint'],
    ] as const;
    await spark.append(tableOf('of_v'), { schema, rows: [['a', at(3), '1000']] });
    await engines.ask('deltars_write', { path: tableOf('of_v'), schema, rows: [['b', at(41), '2000']], schema_mode: 'merge' });
    await expectSparkAgrees();
    const group = await projects.group('demo', 'of_v', 1);
    const before = await train();
    expect(await publishRows(deps, group)).toMatchObject({ to: 4 });
    expect((await optimizeRows(deps, group)).commit?.version).toBe(5);
    const after = await train();
    expect(after.dataset.pins.map(({ commitVersion }) => commitVersion)).toEqual([5, 2]);
    expect(after.dataset.contentHash).toBe(before.dataset.contentHash);
    await expectSparkAgrees();
  });
});
