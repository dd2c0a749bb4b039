/** Training sets, transforms and batch data as a program uses them, over a folder. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLocalApp } from '../../cli/local-app.ts';
import { openLocalStore } from '../../cli/local-store.ts';
import { featureGroup, featureView, join, modelTransform, oneHotEncoder, openFeatureStore, standardScaler, t } from '../../lib/index.ts';

let location = '';
beforeEach(async () => {
  location = await mkdtemp(joinPath(tmpdir(), 'lakefold-training-'));
});
afterEach(() => rm(location, { recursive: true, force: true }));

const stats = featureGroup({
  name: 'stats',
  version: 1,
  schema: { id: t.string(), at: t.timestamp(), n: t.double().nullable(), colour: t.string().nullable() },
  primaryKey: ['id'],
  eventTime: 'at',
  onlineEnabled: true,
});
const cap = modelTransform({
  name: 'cap',
  input: t.double(),
  output: t.double(),
  fit: ({ max }) => ({ max }),
  apply: (value, { max }) => Math.min(value, max),
});
const model = featureView({
  name: 'model',
  version: 1,
  spine: { id: t.string(), at: t.timestamp(), y: t.boolean().nullable() },
  labelTime: 'at',
  labels: ['y'],
  joins: [join(stats, { features: ['n', 'colour'], prefix: 's_' }), join(stats, { on: { id: 'id' }, features: ['n'], prefix: 'capped_' })],
  transforms: { s_n: standardScaler(), s_colour: oneHotEncoder({ unknown: 'null' }), capped_n: cap },
});

const ROWS = [
  { id: 'a', at: '2001-01-01T00:00:00Z', n: 1, colour: 'red' },
  { id: 'b', at: '2001-01-01T00:00:00Z', n: 3, colour: 'blue' },
  { id: 'c', at: '2001-01-01T00:00:00Z', n: 9, colour: 'pink' },
];
const AT = new Date(Date.UTC(2001, 0, 2));
const SPLIT = { type: 'time', boundaries: { train: ['2001-01-01T00:00:00Z', AT], test: [AT, new Date(Date.UTC(2001, 0, 3))] } } as const;
const SPINE = [
  { id: 'a', at: '2001-01-01T12:00:00Z', y: true },
  { id: 'b', at: '2001-01-01T13:00:00Z', y: false },
  { id: 'c', at: AT, y: true },
];

it('a set is divided, served as it was fitted, verified and applied to rows to predict for, by this process and the next', async () => {
  const store = await openFeatureStore({ location });
  await store.apply({ stats, model });
  await store.featureGroup(stats).upsert(ROWS);
  const view = store.featureView(model);
  const set = await view.createTrainingDataset({
    spine: { rows: SPINE },
    split: SPLIT,
    where: { column: 'at', op: '<', value: new Date(Date.UTC(2001, 5, 1)) },
  });
  expect([set.transforms, set.request['where'], set.splits.map(({ name, rows }) => [name, rows])]).toEqual([
    [
      { feature: 's_n', function: 'standard_scaler', parameters: { mean: 2, stddev: 1 } },
      { feature: 's_colour', function: 'one_hot_encoder', parameters: { categories: ['blue', 'red'], unknown: 'null' } },
      { feature: 'capped_n', function: 'cap', parameters: { max: 3 } },
    ],
    { column: 'at', op: '<', value: '2001-06-01T00:00:00Z' },
    [
      ['train', 2],
      ['test', 1],
    ],
  ]);
  const transformed = { s_n: 7, s_colour: null, capped_n: 3 };
  expect((await view.getFeatureVector({ id: 'c' }, { trainingDataset: set.trainingDataset })).features).toEqual(transformed);
  expect((await view.getFeatureVector({ id: 'c' })).features).toEqual({ s_n: 9, s_colour: 'pink', capped_n: 9 });
  expect((await view.getFeatureVector({ id: 'a' }, { trainingDataset: 1 })).features['s_colour']).toEqual(Float32Array.of(0, 1));
  const batch = await view.getBatchData({ spine: { rows: [{ id: 'c', at: AT }] }, trainingDataset: 1 });
  expect([batch.columns.map(({ type }) => type), batch.toRows()]).toEqual([
    ['string', 'timestamp', 'double', 'vector(2)', 'double'],
    [{ id: 'c', at: '2001-01-02T00:00:00Z', ...transformed }],
  ]);
  expect(await view.verifyTrainingDataset(1)).toEqual({ equal: true, expected: set.contentHash, actual: set.contentHash, reason: null });
  await expect(view.getFeatureVector({ id: 'c' }, { trainingDataset: 2 })).rejects.toMatchObject({ code: 'UNKNOWN_TRAINING_DATASET' });
  await store.close();

  const next = await openFeatureStore({ location, definitions: { model } });
  expect((await next.featureView(model).getFeatureVector({ id: 'c' }, { trainingDataset: 1 })).features).toEqual(transformed);
  await next.close();
  const without = await openFeatureStore({ location });
  await expect(without.featureView('model', 1).getFeatureVector({ id: 'c' }, { trainingDataset: 1 })).rejects.toMatchObject({ code: 'FUNCTION_MISMATCH' });
  await without.close();
});

it('the files of a set on this machine have addresses', async () => {
  const store = await openFeatureStore({ location });
  await store.apply({ stats, model });
  await store.featureGroup(stats).upsert(ROWS);
  await store.featureView(model).createTrainingDataset({ spine: { rows: SPINE }, split: SPLIT, transform: false, format: 'csv' });
  await store.close();
  const local = await openLocalStore({ location });
  const app = createLocalApp(local.deps);
  const data = '/v1/projects/default/feature-views/model/versions/1/training-datasets/1/data';
  const urls = async (query: string): Promise<readonly { readonly path: string; readonly url: string; readonly expiresAt: null }[]> =>
    (
      (await (await app.request(`${data}${query}`)).json()) as {
        readonly urls: readonly { readonly path: string; readonly url: string; readonly expiresAt: null }[];
      }
    ).urls;
  expect((await urls('?urls=true')).map(({ path, expiresAt }) => [path, expiresAt])).toEqual([
    ['train/part-00000.csv', null],
    ['test/part-00000.csv', null],
  ]);
  const [test] = await urls('?urls=true&split=test');
  expect(await readFile(new URL(test?.url ?? ''), 'utf8')).toBe('id,at,y,s_n,s_colour,capped_n\r\nc,2001-01-02T00:00:00Z,true,9,pink,9\r\n');
  await local.close();
});
