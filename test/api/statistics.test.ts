import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, type Api, GROUP, type memoryParts, openExampleApi } from '../support/api.ts';

type MemoryApi = Api<ReturnType<typeof memoryParts>>;
let open: MemoryApi | undefined;
afterEach(() => open?.close());

const row = (origin: string, hour: number, flights_24h: number, mean_delay_24h: number | null = null): object => ({
  origin,
  hour: `2001-03-01T0${hour}:00:00Z`,
  flights_24h,
  mean_delay_24h,
});

/** Version 1: two rows. Version 2: one of them again and a new one. Version 3: one deleted. */
async function start(): Promise<MemoryApi> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: [row('SFO', 1, 10, 1), row('JFK', 1, 20)] });
  await open.post(`${GROUP}/rows`, { rows: [row('JFK', 1, 30, 4), row('LAX', 2, 40)] });
  await open.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO' }] });
  await Promise.all(open.parts.later);
  return open;
}

function flights({ body }: Answer): unknown {
  const features = typeof body === 'object' && body !== null ? Reflect.get(body, 'features') : undefined;
  return Array.isArray(features) ? features.find(({ name }) => name === 'flights_24h') : undefined;
}

async function statisticsObjects(api: MemoryApi): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of api.parts.store.list('demo/feature-groups/airport_delays/1/_lakefold/statistics/'))
    paths.push(path.replace(/.*\//, '').replace(/^[0-9a-f-]{36}\./, '<txn>.'));
  return paths;
}

describe('statistics of commits', () => {
  it('describe the rows that a range of them wrote', async () => {
    const api = await start();
    const answer = await api.get(`${GROUP}/statistics?basis=commits&features=flights_24h,origin`);
    expect(answer.body).toMatchObject({
      featureGroup: { name: 'airport_delays', version: 1 },
      basis: 'commits',
      from: null,
      to: 3,
      rows: 4,
      features: [
        { name: 'flights_24h', type: 'int', count: 4, nulls: 0, min: 10, max: 40, sum: 100, mean: 25, distinct: { estimate: 4 } },
        { name: 'origin', type: 'string', count: 4, min: 'JFK', max: 'SFO', mean: null, topK: [{ value: 'JFK', count: 2 }, {}, {}] },
      ],
    });
    expect((await api.get(`${GROUP}/statistics?from=1&to=2`)).body).toMatchObject({ from: 1, to: 2, rows: 2 });
    expect((await api.get(`${GROUP}/statistics?from=2`)).body).toMatchObject({ from: 2, to: 3, rows: 0, basis: 'commits' });
  });

  it('are merged of what each commit left beside the table, without reading a row', async () => {
    const api = await start();
    expect(await statisticsObjects(api)).toEqual(['<txn>.bin', '<txn>.bin']);
    const files: string[] = [];
    const { get } = api.parts.store;
    api.parts.store.get = async (path, options) => {
      if (path.endsWith('.parquet')) files.push(path);
      return get.call(api.parts.store, path, options);
    };
    const kept = await api.get(`${GROUP}/statistics?basis=commits`);
    expect(files).toEqual([]);
    for await (const { path } of api.parts.store.list('demo/feature-groups/airport_delays/1/_lakefold/statistics/')) await api.parts.store.delete(path);
    expect((await api.get(`${GROUP}/statistics?basis=commits`)).body).toEqual(kept.body);
    expect(files.length).toBeGreaterThan(0);
  });

  it('are the same of a commit whose writer ended before they were kept', async () => {
    const whole = await start();
    const expected = await whole.get(`${GROUP}/statistics?basis=commits`);
    await whole.close();
    open = await openExampleApi();
    const { store } = open.parts;
    const overwrite = store.overwrite.bind(store);
    store.overwrite = (path, ...rest) => (path.includes('_lakefold/statistics/') ? Promise.reject(new Error('ended')) : overwrite(path, ...rest));
    await open.post(`${GROUP}/rows`, { rows: [row('SFO', 1, 10, 1), row('JFK', 1, 20)] });
    await open.post(`${GROUP}/rows`, { rows: [row('JFK', 1, 30, 4), row('LAX', 2, 40)] });
    await open.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO' }] });
    await Promise.all(open.parts.later);
    expect(await statisticsObjects(open)).toEqual([]);
    expect((await open.get(`${GROUP}/statistics?basis=commits`)).body).toEqual(expected.body);
    expect((await open.get(`${GROUP}/commits/2`)).body).toMatchObject({ version: 2, rowsUpdated: 1, statistics: null });
  });

  it('are part of each commit, null where it wrote no rows', async () => {
    const api = await start();
    expect((await api.get(`${GROUP}/commits/2`)).body).toMatchObject({
      statistics: [{ name: 'origin' }, { name: 'hour' }, { name: 'flights_24h', mean: 35 }, {}],
    });
    expect((await api.get(`${GROUP}/commits/3`)).body).toMatchObject({ statistics: null });
  });

  it('are not kept where they are switched off, and can be asked for all the same', async () => {
    const api = await openExampleApi();
    open = api;
    const path = '/v1/projects/demo/feature-groups';
    await api.post(path, { name: 'plain', version: 1, primaryKey: ['k'], schema: [{ name: 'k', type: 'int' }], statistics: false, onlineEnabled: false });
    await api.post(`${path}/plain/versions/1/rows`, { rows: [{ k: 1 }, { k: 2 }] });
    await Promise.all(api.parts.later);
    const objects: string[] = [];
    for await (const { path: name } of api.parts.store.list('demo/feature-groups/plain/1/_lakefold/')) objects.push(name);
    expect(objects).toEqual([]);
    expect((await api.get(`${path}/plain/versions/1/commits/1`)).body).toMatchObject({ statistics: null });
    expect((await api.get(`${path}/plain/versions/1/statistics?basis=commits`)).body).toMatchObject({ rows: 2, features: [{ mean: 1.5 }] });
  });
});

describe('statistics of a snapshot', () => {
  it('describe the rows of a version, by default the newest', async () => {
    const api = await start();
    const newest = await api.get(`${GROUP}/statistics`);
    expect(newest.body).toMatchObject({ basis: 'snapshot', version: 3, startTime: null, endTime: null, rows: 2 });
    expect(flights(newest)).toMatchObject({ count: 2, min: 30, max: 40 });
    expect(flights(await api.get(`${GROUP}/statistics?basis=snapshot&version=1`))).toMatchObject({ count: 2, min: 10, max: 20 });
  });

  it('or those within a window of event time, the end excluded', async () => {
    const api = await start();
    const answer = await api.get(`${GROUP}/statistics?version=2&startTime=2001-03-01T01:00:00Z&endTime=2001-03-01T02:00:00Z`);
    expect(answer.body).toMatchObject({ version: 2, startTime: '2001-03-01T01:00:00Z', endTime: '2001-03-01T02:00:00Z', rows: 2 });
    expect(flights(answer)).toMatchObject({ max: 30 });
  });

  it('are computed once a version and window', async () => {
    const api = await start();
    const first = await api.get(`${GROUP}/statistics`);
    expect((await statisticsObjects(api)).filter((name) => name.startsWith('snapshot-3-'))).toHaveLength(1);
    const { get } = api.parts.store;
    api.parts.store.get = async (path, options) => {
      if (path.endsWith('.parquet')) throw new Error('read again');
      return get.call(api.parts.store, path, options);
    };
    expect((await api.get(`${GROUP}/statistics`)).body).toEqual(first.body);
    expect((await api.get(`${GROUP}/statistics?startTime=2001-03-01T01:00:00Z`)).status).toBe(500);
  });
});

it.each([
  ['basis=rows', 400, 'INVALID_ARGUMENT'],
  ['basis=commits&version=1', 400, 'INVALID_ARGUMENT'],
  ['basis=snapshot&from=1', 400, 'INVALID_ARGUMENT'],
  ['features=origin,nothing', 400, 'UNKNOWN_FEATURE'],
  ['basis=commits&features=nothing', 400, 'UNKNOWN_FEATURE'],
  ['startTime=yesterday', 400, 'INVALID_ARGUMENT'],
  ['window=1', 400, 'UNKNOWN_FIELD'],
  ['version=99', 404, 'NO_SUCH_COMMIT'],
  ['to=99', 404, 'NO_SUCH_COMMIT'],
  ['from=2&to=1', 400, 'INVALID_ARGUMENT'],
])('statistics?%s are refused with %i %s', async (query, status, code) => {
  const api = await start();
  const answer = await api.get(`${GROUP}/statistics?${query}`);
  expect([answer.status, answer.body]).toMatchObject([status, { code }]);
});
