/** What a request for a training set may say about the rows it is built for and the versions it reads. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ObjectPath } from '../../lib/core/path.ts';
import { type Answer, type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const SETS = `${VIEW}/training-datasets`;
const HOUR_MILLIS = 3_600_000;
const SPINE = [{ origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:30:00Z', distance: 2000 }];

/** Commit 1 at half past ten, commit 2 an hour later: another value of the same record. */
async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  await open.parts.clock.advance(HOUR_MILLIS);
  await open.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], flights_24h: 32 }] });
  return open;
}

function create(api: Api, request: object): Promise<Answer> {
  return api.post(SETS, { spine: { rows: SPINE }, format: 'ndjson', ...request });
}

async function flightsOf(api: Api, number: number): Promise<unknown> {
  return rowsOf(await api.get(`${SETS}/${number}/data`)).map((row) => Object.entries(row ?? {}).find(([name]) => name === 'dep_flights_24h')?.[1]);
}

describe('the versions a training set reads', () => {
  it('are those of an instant, where no pin says another', async () => {
    const api = await start();
    expect(await create(api, { asOfTime: '2001-03-01T11:00:00Z' })).toMatchObject({
      status: 201,
      body: { pins: [{ commitVersion: 1 }], request: { asOfTime: '2001-03-01T11:00:00Z' } },
    });
    expect(await create(api, { asOfTime: '2001-03-01T11:00:00Z', pins: { 'airport_delays/1': 2 } })).toMatchObject({
      status: 201,
      body: { pins: [{ commitVersion: 2 }] },
    });
    expect([await flightsOf(api, 1), await flightsOf(api, 2)]).toEqual([[31], [32]]);
    expect(await create(api, { asOfTime: '2001-03-01T09:00:00Z' })).toMatchObject({ status: 404, body: { code: 'NO_SUCH_COMMIT' } });
    expect(await create(api, { asOfTime: 'noon' })).toMatchObject({ status: 400, body: { code: 'INVALID_ARGUMENT' } });
  });

  it('are pinned for the group the rows come from, too', async () => {
    const api = await start();
    await api.post('/v1/projects/demo/feature-groups', {
      name: 'asked',
      version: 1,
      schema: [
        { name: 'origin', type: 'string' },
        { name: 'dest', type: 'string' },
        { name: 'predicted_at', type: 'timestamp' },
        { name: 'distance', type: 'int' },
        { name: 'delayed', type: 'boolean', nullable: true },
      ],
      primaryKey: ['origin', 'dest'],
      eventTime: 'predicted_at',
    });
    const rows = '/v1/projects/demo/feature-groups/asked/versions/1/rows';
    await api.post(rows, { rows: SPINE });
    await api.post(rows, { rows: [{ ...SPINE[0], dest: 'LAX' }] });
    const spine = { featureGroup: { name: 'asked', version: 1 } };
    const pinsOf = async (request: object): Promise<unknown> => Object.entries((await create(api, request)).body ?? {}).find(([name]) => name === 'pins')?.[1];
    const delays = { featureGroup: 'airport_delays', commitVersion: 2 };
    expect(await pinsOf({ spine })).toMatchObject([delays, { featureGroup: 'asked', commitVersion: 2 }]);
    expect(await pinsOf({ spine, pins: { 'asked/1': 1 } })).toMatchObject([delays, { featureGroup: 'asked', commitVersion: 1 }]);
    expect(await pinsOf({ spine: { ...spine, asOf: { version: 1 } } })).toMatchObject([delays, { featureGroup: 'asked', commitVersion: 1 }]);
    expect(await Promise.all([1, 2, 3].map((number) => flightsOf(api, number)))).toEqual([[32, 32], [32], [32]]);
    expect(await create(api, { spine, pins: { 'other/1': 1 } })).toMatchObject({ status: 400, body: { code: 'INVALID_ARGUMENT' } });
  });
});

describe('rows of a group that is joined, too (P2)', () => {
  const view = (name: string, joins: object, more: object = {}): object => ({
    name,
    spine: [
      { name: 'origin', type: 'string' },
      { name: 'hour', type: 'timestamp' },
    ],
    labelTime: 'hour',
    joins: [{ featureGroup: 'airport_delays', version: 1, features: ['flights_24h'], prefix: 'own_', availabilityDelay: 'PT1S', ...joins }],
    ...more,
  });
  const root = { root: { name: 'airport_delays', version: 1 } };
  const spine = { featureGroup: { name: 'airport_delays', version: 1 } };

  it('need a boundary that somebody chose', async () => {
    const api = await start();
    const define = (body: object): Promise<Answer> => api.post('/v1/projects/demo/feature-views', body);
    const train = (name: string): Promise<Answer> => api.post(`/v1/projects/demo/feature-views/${name}/versions/1/training-datasets`, { spine });
    expect(await define(view('unsaid', {}, root))).toMatchObject({ status: 422, body: { code: 'SELF_JOIN_BOUNDARY_REQUIRED' } });
    for (const [name, joins, more] of [
      ['loose', {}, {}],
      ['exclusive', { boundary: 'exclusive' }, {}],
      ['rooted', { boundary: 'inclusive' }, root],
    ] as const)
      expect((await define(view(name, joins, more))).status).toBe(201);
    expect(await train('loose')).toMatchObject({ status: 422, body: { code: 'SELF_JOIN_BOUNDARY_REQUIRED', join: 'own', featureGroup: 'airport_delays/1' } });
    expect([(await train('exclusive')).status, (await train('rooted')).status]).toEqual([201, 201]);
  });

  it('are narrowed by the group, never by a range beside rows of the request', async () => {
    const api = await start();
    expect(await create(api, { startTime: '2001-03-01T00:00:00Z' })).toMatchObject({
      status: 400,
      body: { code: 'INVALID_ARGUMENT', field: 'startTime' },
    });
  });
});

describe('what was known (P14)', () => {
  const sets = '/v1/projects/demo/feature-views/known/versions/1/training-datasets';
  const rows = '/v1/projects/demo/feature-groups/kept/versions/1/rows';
  const times = ['2001-03-01T10:15:00Z', '2001-03-01T10:30:00Z', '2001-03-01T11:30:00Z', '2001-03-01T12:00:00Z'];

  /** A record received at half past ten, corrected at half past eleven by a commit that writes its file anew. */
  async function corrected(): Promise<Api<ReturnType<typeof memoryParts>>> {
    open = await openExampleApi();
    const columns = [
      { name: 'k', type: 'string' },
      { name: 'at', type: 'timestamp' },
    ];
    const group = { name: 'kept', version: 1, schema: [...columns, { name: 'v', type: 'int', nullable: true }], primaryKey: ['k'], eventTime: 'at' };
    await open.post('/v1/projects/demo/feature-groups', { ...group, profile: 'compatible' });
    await open.post('/v1/projects/demo/feature-views', {
      name: 'known',
      spine: columns,
      labelTime: 'at',
      joins: [{ featureGroup: 'kept', version: 1, features: ['v'], prefix: 'f_' }],
    });
    await open.post(rows, { rows: [{ k: 'a', at: '2001-03-01T10:00:00Z', v: 1 }] });
    await open.parts.clock.advance(HOUR_MILLIS);
    await open.post(rows, { rows: [{ k: 'a', at: '2001-03-01T10:00:00Z', v: 2 }] });
    return open;
  }

  async function train(api: Api, request: object, labels: readonly string[] = times): Promise<readonly unknown[]> {
    const answer = await api.post(sets, { spine: { rows: labels.map((at) => ({ k: 'a', at })) }, format: 'ndjson', ...request });
    const body = Object.fromEntries(Object.entries(answer.body ?? {}));
    if (answer.status !== 201) return [answer.status, { ...body, detail: undefined }];
    const data = rowsOf(await api.get(`${sets}/${String(body['trainingDataset'])}/data`));
    return [data.map((row) => Object.entries(row ?? {}).find(([name]) => name === 'f_v')?.[1]), body['warnings']];
  }

  it('is the row that had been received by then, and of a corrected one what it was', async () => {
    const api = await corrected();
    expect(await train(api, {})).toEqual([[2, 2, 2, 2], []]);
    expect(await train(api, { knownAsOf: 'labelTime' })).toEqual([[null, 1, 2, 2], []]);
    expect(await train(api, { knownAsOf: '2001-03-01T11:00:00Z' })).toEqual([[1, 1, 1, 1], []]);
    expect(await train(api, { knownAsOf: '2001-03-01T10:00:00Z' })).toEqual([[null, null, null, null], []]);
    expect(await train(api, { knownAsOf: 'labelTime', pins: { 'kept/1': 1 } })).toEqual([[null, 1, 1, 1], []]);
    expect(await train(api, { knownAsOf: 'label_time' })).toMatchObject([400, { code: 'INVALID_ARGUMENT', field: 'knownAsOf' }]);
    expect(await train(api, { expiredHistory: 'ignore' })).toMatchObject([400, { code: 'INVALID_ARGUMENT', field: 'expiredHistory' }]);
  });

  it('is refused where the history for it is gone, or taken for absent and counted where the request says so', async () => {
    const api = await corrected();
    const { root, snapshot } = (await api.projects.group('demo', 'kept', 1)).table;
    const replaced: ObjectPath[] = [];
    for await (const { path } of api.parts.store.list(`${root}/part-`)) if (!snapshot.files.has(path.slice(root.length + 1))) replaced.push(path);
    expect(replaced.length).toBe(1);
    for (const path of replaced) await api.parts.store.delete(path);
    expect(await train(api, { knownAsOf: 'labelTime' })).toMatchObject([
      410,
      { code: 'HISTORY_EXPIRED', featureGroup: 'kept/1', join: 'f', oldestVersion: 2, rows: 2, reason: 'RETENTION' },
    ]);
    expect(await train(api, { knownAsOf: 'labelTime', expiredHistory: 'absent' })).toMatchObject([
      [null, null, 2, 2],
      [{ code: 'HISTORY_EXPIRED', message: expect.stringMatching(/^2 spine rows .* kept\/1 before version 2/) }],
    ]);
    expect(await train(api, { knownAsOf: 'labelTime' }, times.slice(2))).toEqual([[2, 2], []]);
    expect(await train(api, {})).toEqual([[2, 2, 2, 2], []]);
  });

  it('ends where an erasure ended history: what was known before it is not told from nothing', async () => {
    const api = await corrected();
    await api.post(rows, { rows: [{ k: 'b', at: '2001-03-01T10:00:00Z', v: 3 }] });
    expect((await api.post(`${rows}:erase`, { keys: [{ k: 'b' }], reason: 'asked to be forgotten' })).status).toBe(202);
    expect(await train(api, { knownAsOf: 'labelTime' })).toMatchObject([410, { code: 'HISTORY_EXPIRED', featureGroup: 'kept/1', rows: 2, reason: 'ERASED' }]);
    expect(await train(api, { knownAsOf: 'labelTime', expiredHistory: 'absent' })).toMatchObject([[null, null, 2, 2], [{ code: 'HISTORY_EXPIRED' }]]);
    expect(await train(api, { knownAsOf: 'labelTime' }, times.slice(2))).toEqual([[2, 2], []]);
  });

  it('has no meaning at label times where there are none', async () => {
    const api = await corrected();
    await api.post('/v1/projects/demo/feature-views', {
      name: 'timeless',
      spine: [{ name: 'k', type: 'string' }],
      joins: [{ featureGroup: 'kept', version: 1, features: ['v'], prefix: 'f_', temporal: false }],
    });
    const path = '/v1/projects/demo/feature-views/timeless/versions/1/training-datasets';
    expect(await api.post(path, { spine: { rows: [{ k: 'a' }] }, knownAsOf: 'labelTime' })).toMatchObject({
      status: 400,
      body: { code: 'INVALID_ARGUMENT', field: 'knownAsOf' },
    });
    expect(await api.post(path, { spine: { rows: [{ k: 'a' }] }, knownAsOf: '2001-03-01T11:00:00Z' })).toMatchObject({ status: 201 });
  });
});
