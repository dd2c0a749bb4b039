import { afterEach, describe, expect, it } from 'vitest';
import { joinPath, type ObjectPath } from '../../lib/core/path.ts';
import { airportDelays, type Answer, type Api, delayModel, EXAMPLE_ROWS, GROUP, memoryParts, openApi, openExampleApi, VIEW } from '../support/api.ts';
import { wrappedStore } from '../support/wrapped-store.ts';

type Opened = Api<ReturnType<typeof memoryParts>>;

const opened: Opened[] = [];
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const api of opened.splice(0)) await api.close();
  for (const close of closing.splice(0)) await close();
});

async function start(): Promise<Opened> {
  const api = await openExampleApi();
  opened.push(api);
  await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return api;
}

const SETS = `${VIEW}/training-datasets`;
const SPINE = [
  { origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:05:00Z', distance: 2000, delayed: true },
  { origin: 'JFK', dest: 'SFO', predicted_at: '2001-03-01T10:05:00Z', distance: 100, delayed: null },
];
const DAY = 86_400_000;

async function create(api: Opened, request: object = {}): Promise<string> {
  const answer = await api.post(SETS, { spine: { rows: SPINE }, ...request });
  expect([answer.status, answer.text]).toMatchObject([201, expect.any(String)]);
  return String(Object.entries(answer.body ?? {}).find(([name]) => name === 'contentHash')?.[1]);
}

/** Rewrites every row, lets all history expire and takes away what nothing needs. */
async function expireHistory(api: Opened): Promise<void> {
  await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [{ ...EXAMPLE_ROWS[0], flights_24h: 99 }] });
  await api.parts.clock.advance(40 * DAY);
  await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-04-09T00:00:00Z', flights_24h: 5 }] });
  expect((await api.post(`${GROUP}:vacuum`, { dryRun: false })).status).toBe(200);
}

async function replace(api: Opened, path: ObjectPath, text: string): Promise<void> {
  await api.parts.store.delete(path);
  await api.parts.store.createIfAbsent(path, new TextEncoder().encode(text), { identity: 'test' });
}

function verify(api: Opened, number = 1): Promise<Answer> {
  return api.post(`${SETS}/${number}:verify`);
}

describe('verifying a training dataset', () => {
  it('finds it equal however its groups changed since, and whatever vacuum took: pins keep their files', async () => {
    const api = await start();
    const split = { type: 'random', fractions: { train: 0.5, test: 0.5 }, by: 'origin', seed: 7 };
    const expected = await create(api, { split, diagnostics: true, where: { column: 'distance', op: '>', value: 1 } });
    await expireHistory(api);
    expect(await verify(api)).toMatchObject({ status: 200, body: { equal: true, expected, actual: expected, reason: null } });
  });

  it("finds it equal whatever became of the group's ttl and delay, which are pinned with it (P19)", async () => {
    const api = await start();
    const expected = await create(api);
    expect((await api.send('PATCH', GROUP, { body: { ttl: 'PT1M', availabilityDelay: 'PT1H' } })).status).toBe(200);
    await api.parts.clock.advance(11_000);
    expect(await create(api)).not.toBe(expected);
    expect(await verify(api)).toMatchObject({ status: 200, body: { equal: true, expected, actual: expected, reason: null } });
  });

  it('builds the same bytes again at the same pins', async () => {
    const api = await start();
    await create(api);
    await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-03-01T10:00:00Z', flights_24h: 99 }] });
    await create(api, { pins: { 'airport_delays/1': 1 } });
    const [first, second] = [await api.get(`${SETS}/1/data`), await api.get(`${SETS}/2/data`)];
    expect(second.bytes).toEqual(first.bytes);
  });

  it('reads the rows of a group at its pin again', async () => {
    const api = await start();
    await api.post('/v1/projects/demo/feature-views', {
      name: 'rooted',
      spine: [
        { name: 'origin', type: 'string' },
        { name: 'hour', type: 'timestamp' },
      ],
      labelTime: 'hour',
      root: { name: 'airport_delays', version: 1 },
      joins: [{ featureGroup: 'airport_delays', version: 1, features: ['flights_24h'], prefix: 'own_', boundary: 'inclusive', availabilityDelay: 'PT1S' }],
    });
    const sets = '/v1/projects/demo/feature-views/rooted/versions/1/training-datasets';
    expect((await api.post(sets, {})).status).toBe(201);
    await expireHistory(api);
    expect((await api.post(`${sets}/1:verify`)).body).toMatchObject({ equal: true });
  });

  it('tells that what it was made from has expired', async () => {
    const api = await start();
    const expected = await create(api);
    for await (const { path } of api.parts.store.list('demo/feature-groups/airport_delays/1/_lakefold/pins/')) await api.parts.store.delete(path);
    await expireHistory(api);
    expect((await verify(api)).body).toEqual({ equal: false, expected, actual: null, reason: 'HISTORY_EXPIRED' });
  });

  it('tells that a function is not the one it was made with', async () => {
    const api = await start();
    const expected = await create(api);
    const other = await openApi(api.parts, new Map());
    opened.push(other);
    expect((await verify(other)).body).toEqual({ equal: false, expected, actual: null, reason: 'FUNCTION_CHANGED' });
  });

  it('tells a stored file that is not the one it published', async () => {
    const api = await start();
    const expected = await create(api, { format: 'csv' });
    const path = joinPath('demo/training-datasets/delay_model/1/1/data/part-00000.csv');
    await replace(api, path, 'origin\r\n');
    expect((await verify(api)).body).toEqual({ equal: false, expected, actual: null, reason: 'CONTENT_DIFFERS' });
  });

  it('tells a hash that its rows do not have, and rows that were erased', async () => {
    const api = await start();
    const expected = await create(api);
    const path = joinPath('demo/training-datasets/delay_model/1/1/manifest.json');
    const text = new TextDecoder().decode((await api.parts.store.get(path))?.bytes);
    const forged = `sha256:${'0'.repeat(64)}`;
    await replace(api, path, text.replace(`"contentHash":"${expected}"`, `"contentHash":"${forged}"`));
    expect((await verify(api)).body).toEqual({ equal: false, expected: forged, actual: expected, reason: 'CONTENT_DIFFERS' });
    await replace(api, path, text.replace('"erased":false', '"erased":true'));
    expect((await verify(api)).body).toEqual({ equal: false, expected, actual: null, reason: 'ERASED' });
  });

  it('is never of a set whose files were taken away while it was made: it is refused instead', async () => {
    const parts = memoryParts();
    const data: ObjectPath[] = [];
    const store = wrappedStore(parts.store, {
      createIfAbsent: async (path, bytes, options) => {
        if (path.includes('/_lakefold/pins/')) for (const file of data) await parts.store.delete(file);
        return parts.store.createIfAbsent(path, bytes, options);
      },
    });
    const api = await openApi({ ...parts, store });
    closing.push(() => api.close());
    await api.post('/v1/projects', { name: 'demo' });
    await api.post('/v1/projects/demo/feature-groups', airportDelays.json);
    await api.post('/v1/projects/demo/feature-views', delayModel.json);
    await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    for await (const { path } of parts.store.list('demo/feature-groups/airport_delays/1/')) if (path.endsWith('.parquet')) data.push(joinPath(path));
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: EXAMPLE_ROWS });
    const refused = await api.post(SETS, { spine: { rows: SPINE }, pins: { 'airport_delays/1': 1 } });
    expect([data.length > 0, refused.status, refused.body]).toMatchObject([true, 410, { code: 'HISTORY_EXPIRED', version: 1 }]);
    expect((await api.get(SETS)).body).toEqual({ items: [], nextCursor: null });
  });

  it('knows no set that was never made, and no other action', async () => {
    const api = await start();
    expect((await verify(api, 7)).body).toMatchObject({ code: 'UNKNOWN_TRAINING_DATASET' });
    expect((await api.post(`${SETS}/1:improve`)).body).toMatchObject({ code: 'UNKNOWN_ROUTE' });
  });
});
