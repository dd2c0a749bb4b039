/** The package's TypeScript surface: names are a promise, and the entry points stay light. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import { ENGINE_INFO, VERSION } from '../lib/core/engine-info.ts';
import * as client from '../lib/client/index.ts';
import * as delta from '../lib/delta/index.ts';
import * as lakefold from '../lib/index.ts';
import { reachableFrom, readSources } from './support/import-rules.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const { expectation, featureGroup, featureView, join, LakefoldError, onDemand, openFeatureStore, t } = lakefold;

const folders: string[] = [];
const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(joinPath(tmpdir(), 'lakefold-api-'));
  folders.push(folder);
  return folder;
};
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

const collect = async <Row>(batches: AsyncIterable<{ toRows(): Row[] }>): Promise<Row[]> => {
  const rows: Row[] = [];
  for await (const batch of batches) rows.push(...batch.toRows());
  return rows;
};

describe('the package', () => {
  it('exports these names and no other', () => {
    expect(Object.keys(lakefold).toSorted()).toEqual([
      'LakefoldError',
      'expectation',
      'featureGroup',
      'featureView',
      'imputer',
      'isLakefoldError',
      'join',
      'labelEncoder',
      'logTransform',
      'minMaxScaler',
      'modelTransform',
      'onDemand',
      'oneHotEncoder',
      'openFeatureStore',
      'quantileBinner',
      'robustScaler',
      'standardScaler',
      't',
    ]);
    expect(Object.keys(client).toSorted()).toEqual(['LakefoldClientError', 'createClient']);
    expect(Object.keys(delta).toSorted()).toEqual(['LakefoldError', 'createTable', 'isLakefoldError', 'openTable']);
  });

  it('signs commits with the version of its manifest', async () => {
    const { version } = JSON.parse(await readFile(joinPath(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect([VERSION, ENGINE_INFO]).toEqual([version, `lakefold/${version}`]);
  });

  it('loads no store, codec or engine before it opens one', () => {
    const statically = new Map([...readSources(ROOT, ['lib'])].map(([path, text]) => [path, text.replaceAll(/\bimport\('[^']+'\)/g, 'undefined')]));
    const packagesOf = (entry: string): string[] =>
      [...new Set([...reachableFrom(entry, statically).values()].flat())].filter((name) => !name.startsWith('@noble/')).toSorted();
    expect(packagesOf('lib/index.ts')).toEqual([]);
    expect(packagesOf('lib/delta/index.ts')).toEqual([]);
  });

  it('ships a client of at most 10 KB, compressed, that depends on nothing and runs where there is no Node', async () => {
    const { outputFiles } = await build({
      entryPoints: [joinPath(ROOT, 'lib/client/index.ts')],
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      platform: 'neutral',
    });
    expect(gzipSync(outputFiles[0]?.contents ?? new Uint8Array(1e6)).length).toBeLessThanOrEqual(10_240);
    expect([...reachableFrom('lib/client/index.ts', readSources(ROOT, ['lib'])).values()].flat().filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  it('keeps definitions, serving and training out of lakefold/delta', () => {
    const reached = [...reachableFrom('lib/delta/index.ts', readSources(ROOT, ['lib'])).keys()];
    expect(reached.length).toBeGreaterThan(50);
    expect(reached.filter((path) => /^lib\/(registry|engine|maintenance|features\/training|adapters\/(lmdb|duckdb))\//.test(path))).toEqual([]);
    expect(reached.filter((path) => path.startsWith('lib/online/'))).toEqual(['lib/online/native-values.ts']);
  });
});

const delays = featureGroup({
  name: 'airport_delays',
  version: 1,
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  schema: { origin: t.string(), hour: t.timestamp(), flights: t.bigint(), mean_delay: t.double().nullable() },
  expectations: [expectation.columnValuesToBeBetween('flights', { minValue: 0 })],
});
const model = featureView({
  name: 'delay_model',
  version: 1,
  spine: { origin: t.string(), at: t.timestamp(), distance: t.int(), delayed: t.boolean().nullable() },
  labelTime: 'at',
  labels: ['delayed'],
  joins: [join(delays, { features: ['flights', 'mean_delay'], prefix: 'dep_' })],
  onDemand: [onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 })],
});
const ROWS = [
  { origin: 'SFO', hour: '2001-01-01T08:00:00Z', flights: 12n, mean_delay: 4.5 },
  { origin: 'SFO', hour: new Date(Date.UTC(2001, 0, 1, 9)), flights: 15 },
];

describe('a feature store in a folder', () => {
  it('is made with its project, takes definitions, and serves what is written', async () => {
    const store = await openFeatureStore({ location: joinPath(await temporaryFolder(), 'lake'), project: 'demo' });
    expect((await store.plan({ delays, model })).changes.map(({ name, action }) => [name, action])).toEqual([
      ['airport_delays', 'create'],
      ['delay_model', 'create'],
    ]);
    expect((await store.apply({ delays, model })).applied).toHaveLength(2);
    const receipt = await store.featureGroup(delays).upsert(ROWS);
    expect(receipt).toMatchObject({
      received: 2,
      commit: { version: 1, operation: 'upsert', rowsInserted: 2 },
      online: { state: 'applied', watermark: 1 },
      validation: { success: true },
    });
    expect(await store.featureView(model).getFeatureVector({ origin: 'SFO' }, { requestParameters: { distance: 2586 } })).toEqual({
      features: { dep_flights: 15n, dep_mean_delay: null, is_long_haul: true },
      status: 'COMPLETE',
      statuses: { dep_flights: 'PRESENT', dep_mean_delay: 'NULL_VALUE', is_long_haul: 'COMPUTED' },
      eventTimes: { dep_flights: '2001-01-01T09:00:00Z', dep_mean_delay: '2001-01-01T09:00:00Z', is_long_haul: null },
    });
    const vectors = await store
      .featureView('delay_model')
      .getFeatureVectors([{ origin: 'XXX' }, { origin: 'SFO' }], { requestParameters: [{ distance: 1 }, { distance: 1600 }] });
    expect(vectors.map(({ status, features }) => [status, Object.values(features)])).toEqual([
      ['MISSING', [null, null, false]],
      ['COMPLETE', [15n, null, true]],
    ]);
    await expect(
      store.featureView(model).getFeatureVector({ origin: 'XXX' }, { requestParameters: { distance: 1 }, allowMissing: false }),
    ).rejects.toMatchObject({ code: 'FEATURE_VECTOR_INCOMPLETE' });
    await store.close();
  });

  it('reads any version, deletes, restores, and lists its commits', async () => {
    const store = await openFeatureStore({ location: await temporaryFolder() });
    await store.apply({ delays });
    const group = store.featureGroup(delays);
    await group.append(ROWS);
    const late = { column: 'hour', op: '>=', value: new Date(Date.UTC(2001, 0, 1, 9)) } as const;
    expect(await collect(group.read({ features: ['flights'], where: late }))).toEqual([{ flights: 15n }]);
    expect(await group.delete({ keys: [{ origin: 'SFO', hour: '2001-01-01T08:00:00Z' }, { origin: 'LAX' }] })).toMatchObject({
      notFound: 1,
      commit: { version: 2, rowsDeleted: 1 },
      online: { state: 'applied' },
    });
    expect(await collect(group.read())).toEqual([{ origin: 'SFO', hour: '2001-01-01T09:00:00Z', flights: 15n, mean_delay: null }]);
    expect(await collect(group.asOf({ version: 1 }).read({ endTime: '2001-01-01T09:00:00Z', features: ['mean_delay', 'flights'] }))).toEqual([
      { mean_delay: 4.5, flights: 12n },
    ]);
    expect(await group.restore({ version: 1 })).toMatchObject({ commit: { version: 3, operation: 'restore', rowsInserted: 1, rowsDeleted: 0 } });
    expect(await collect(group.read({ limit: 5 }))).toHaveLength(2);
    const operations: string[] = [];
    for await (const { version, operation } of group.commits()) operations.push(`${version} ${operation}`);
    expect(operations).toEqual(['3 restore', '2 delete', '1 append', '0 create']);
    await expect(collect(group.asOf({ instant: new Date(0) }).read())).rejects.toMatchObject({ code: 'NO_SUCH_COMMIT' });
    await store.close();
  });

  it('writes a repeated request once, and refuses another one under its key', async () => {
    const store = await openFeatureStore({ location: await temporaryFolder() });
    await store.apply({ delays });
    const group = store.featureGroup(delays);
    expect((await group.append(ROWS, { idempotencyKey: 'k' })).commit).toMatchObject({ version: 1, alreadyApplied: false });
    const again = ROWS.map((row) => ({ ...row, hour: row.hour instanceof Date ? row.hour.toISOString().replace('.000', '') : row.hour }));
    expect((await group.append(again, { idempotencyKey: 'k' })).commit).toMatchObject({ version: 1, alreadyApplied: true, rowsInserted: 2 });
    await expect(group.append(ROWS.slice(1), { idempotencyKey: 'k' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect(await collect(group.read())).toHaveLength(2);
    await store.close();
  });

  it('builds point-in-time training sets and says where they are', async () => {
    const location = await temporaryFolder();
    const store = await openFeatureStore({ location });
    await store.apply({ delays, model });
    await store.featureGroup(delays).upsert(ROWS);
    const rows = [
      { origin: 'SFO', at: '2001-01-01T08:30:00Z', distance: 2586, delayed: true },
      { origin: 'SFO', at: new Date(Date.UTC(2001, 0, 1, 10)), distance: 337 },
    ];
    const dataset = await store.featureView(model).createTrainingDataset({ spine: { rows }, format: 'ndjson' });
    expect(dataset).toMatchObject({
      trainingDataset: 1,
      status: 'READY',
      counts: { spineRows: 2, rows: 2 },
      pins: [{ featureGroup: 'airport_delays', version: 1, commitVersion: 1 }],
    });
    const text = await readFile(new URL(`${dataset.location}/${dataset.splits[0]?.files[0]?.path ?? ''}`), 'utf8');
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { origin: 'SFO', at: '2001-01-01T08:30:00Z', distance: 2586, delayed: true, dep_flights: 12, dep_mean_delay: 4.5, is_long_haul: true },
      { origin: 'SFO', at: '2001-01-01T10:00:00Z', distance: 337, delayed: null, dep_flights: 15, dep_mean_delay: null, is_long_haul: false },
    ]);
    await store.close();
  });

  it('is found again by the next process, whose definitions bring the functions', async () => {
    const location = await temporaryFolder();
    const first = await openFeatureStore({ location });
    await first.apply({ delays, model });
    await first.featureGroup(delays).upsert(ROWS);
    await first.close();
    const lookUp = { requestParameters: { distance: 1 } };
    const without = await openFeatureStore({ location });
    await expect(without.featureView('delay_model').getFeatureVector({ origin: 'SFO' }, lookUp)).rejects.toMatchObject({ code: 'FUNCTION_MISMATCH' });
    await without.close();
    const second = await openFeatureStore({ location, definitions: { model } });
    expect((await second.featureView('delay_model').getFeatureVector({ origin: 'SFO' }, lookUp)).status).toBe('COMPLETE');
    expect((await second.apply({ delays, model })).applied.map(({ action }) => action)).toEqual(['none', 'none']);
    await second.close();
  });

  it('names what it does not know and lists the faults of rows', async () => {
    const store = await openFeatureStore({ location: await temporaryFolder() });
    await expect(store.featureGroup('nothing').upsert([{ a: 1 }])).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE_GROUP' });
    await expect(store.featureView('nothing', 1).getFeatureVector({})).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE_VIEW' });
    await store.apply({ delays });
    const failure: unknown = await store
      .featureGroup('airport_delays')
      .upsert([{ origin: 'SFO', hour: '2001-01-01T08:00:00', flights: '12' }])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LakefoldError);
    expect(failure).toMatchObject({ code: 'VALIDATION_FAILED', kind: 'invalid', status: 422, errors: [{ row: 0, feature: 'hour', code: 'NAIVE_TIMESTAMP' }] });
    await store.close();
  });
});

describe('a Delta table by path', () => {
  const schema = [
    { name: 'day', type: 'date' },
    { name: 'city', type: 'string' },
    { name: 'n', type: 'bigint', nullable: true },
  ] as const;

  it('is created, written, read at any version and maintained without a store', async () => {
    const path = joinPath(await temporaryFolder(), 'table');
    const table = await delta.createTable(path, { schema, partitionBy: ['day'], name: 'visits' });
    expect([table.version, table.schema, table.partitionColumns, table.protocol.writerFeatures]).toEqual([
      0,
      schema.map((column) => ({ nullable: false, ...column })),
      ['day'],
      expect.arrayContaining(['deletionVectors']),
    ]);
    expect(
      await table.append([
        { day: '2001-01-01', city: 'Wien', n: 1n },
        { day: '2001-01-02', city: 'Graz', n: 2 },
      ]),
    ).toMatchObject({ version: 1, operation: 'append', rowsInserted: 2 });
    expect(
      await table.upsert(
        [
          { day: '2001-01-01', city: 'Wien', n: 3 },
          { day: '2001-01-01', city: 'Linz' },
        ],
        { keys: ['day', 'city'] },
      ),
    ).toMatchObject({ version: 2, rowsInserted: 1, rowsUpdated: 1 });
    expect(await table.delete({ keys: [{ city: 'Graz' }] })).toMatchObject({ version: 3, rowsDeleted: 1 });
    expect(await table.delete({ where: { column: 'n', op: '>', value: 100 } })).toBeNull();
    const reopened = await delta.openTable(path);
    const byCity = (rows: readonly Readonly<Record<string, unknown>>[]): unknown[] => rows.toSorted((a, b) => (String(a['city']) < String(b['city']) ? -1 : 1));
    expect(byCity(await collect(reopened.read()))).toEqual([
      { day: '2001-01-01', city: 'Linz', n: null },
      { day: '2001-01-01', city: 'Wien', n: 3n },
    ]);
    expect(
      byCity(await collect(reopened.read({ asOf: { version: 1 }, columns: ['city', 'n'], where: { not: { column: 'city', op: '=', value: 'Graz' } } }))),
    ).toEqual([{ city: 'Wien', n: 1n }]);
    expect(await reopened.restore({ version: 1 })).toMatchObject({ version: 4, operation: 'restore' });
    expect(await reopened.overwrite([{ day: '2001-01-03', city: 'Bern', n: 9 }])).toMatchObject({ version: 5, operation: 'overwrite' });
    const files: unknown[] = [];
    for await (const { rows, partitionValues, deletionVector } of reopened.files()) files.push({ rows, partitionValues, deletionVector });
    expect(files).toEqual([{ rows: 1, partitionValues: { day: '2001-01-03' }, deletionVector: null }]);
    const history: string[] = [];
    for await (const { version, operation } of reopened.history()) history.push(`${version} ${operation}`);
    expect(history).toEqual(['5 overwrite', '4 restore', '3 delete', '2 upsert', '1 append', '0 create']);
    expect(await reopened.checkpoint()).toMatchObject({ version: 5, kind: 'classic' });
    expect(await reopened.optimize()).toBeNull();
    expect(await reopened.vacuum({ retentionHours: 168 })).toEqual({ dryRun: true, files: [], bytes: 0, complete: true });
    expect(await reopened.maintain()).toEqual({ version: 5, checkpoint: null, compactions: [], cleaned: { entries: 0, oldestVersion: null } });
    for (let n = 0; n < 10; n += 1) await reopened.append([{ day: '2001-01-03', city: 'Bern', n }]);
    expect(await reopened.maintain()).toMatchObject({ version: 15, checkpoint: { version: 15, kind: 'classic' }, compactions: [] });
    expect(await reopened.append([{ day: '2001-01-03', city: 'Bern', n: 0 }])).toMatchObject({ version: 16 });
    expect(await table.refresh()).toBe(16);
  });

  it('commits a writer’s sequence once', async () => {
    const table = await delta.createTable(joinPath(await temporaryFolder(), 'table'), { schema });
    const rows = [{ day: '2001-01-01', city: 'Wien' }];
    expect(await table.append(rows, { txn: { appId: 'loader', version: 7 } })).toMatchObject({ version: 1, alreadyApplied: false });
    expect(await table.append(rows, { txn: { appId: 'loader', version: 7 } })).toMatchObject({ alreadyApplied: true });
    expect(await collect(table.read())).toHaveLength(1);
  });

  it.each([
    ['a path without a table', () => delta.openTable(joinPath(tmpdir(), 'lakefold-nothing-here')), 'TABLE_NOT_FOUND'],
    ['a URL of something else', () => delta.openTable('gs://bucket/table'), 'INVALID_ARGUMENT'],
    ['a type that is none', async () => delta.createTable(await temporaryFolder(), { schema: [{ name: 'a', type: 'text' }] }), 'INVALID_ARGUMENT'],
    ['a partition column that is none', async () => delta.createTable(await temporaryFolder(), { schema, partitionBy: ['x'] }), 'INVALID_ARGUMENT'],
    [
      'a name used twice',
      async () =>
        delta.createTable(await temporaryFolder(), {
          schema: [
            { name: 'a', type: 'int' },
            { name: 'A', type: 'int' },
          ],
        }),
      'INVALID_ARGUMENT',
    ],
  ])('is refused for %s', async (_, open, code) => {
    await expect(open()).rejects.toMatchObject({ code });
  });

  it('refuses faulty rows by row and column, and a second creation', async () => {
    const path = joinPath(await temporaryFolder(), 'table');
    const table = await delta.createTable(path, { schema });
    await expect(
      table.append([
        { day: '2001-01-01', city: null },
        { day: 'today', city: 'Wien' },
      ]),
    ).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [
        { row: 0, feature: 'city', code: 'NULL_NOT_ALLOWED' },
        { row: 1, feature: 'day', code: 'INVALID_TIMESTAMP' },
      ],
    });
    await expect(table.upsert([], { keys: ['nothing'] })).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE' });
    expect(await table.refresh()).toBe(0);
    await expect(delta.createTable(path, { schema })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });
});
