import { afterEach, describe, expect, it } from 'vitest';
import { createIngestApp } from '../../functions/ingest/app.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const SFO = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 31, mean_delay_24h: 8.2 };
const JFK = { origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 7, mean_delay_24h: 4 };
const SPINE = [
  { origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:20:00Z', distance: 1, delayed: true },
  { origin: 'JFK', dest: 'LAX', predicted_at: '2001-03-01T10:20:00Z', distance: 2, delayed: false },
];

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  await open.post(`${GROUP}/rows`, { rows: [{ ...SFO, flights_24h: 32 }] });
  return open;
}

const erase = (api: Api, keys: unknown, reason: unknown = 'asked to be forgotten'): ReturnType<Api['post']> =>
  api.post(`${GROUP}/rows:erase`, { keys, reason });

describe('rows:erase', () => {
  it('answers 202 with the finished job and its certificate (D3)', async () => {
    const api = await start();
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: SPINE }, format: 'ndjson' });
    const answer = await erase(api, [{ origin: 'SFO' }, { origin: 'NOPE' }]);
    const job = {
      id: expect.stringMatching(/^jb_/),
      type: 'erase',
      state: 'SUCCEEDED',
      progress: { done: 7, total: 7, unit: 'steps' },
      createdAt: '2001-03-01T10:30:00Z',
      startedAt: '2001-03-01T10:30:00Z',
      finishedAt: '2001-03-01T10:30:00Z',
      result: {
        certificateId: expect.stringMatching(/^er_/),
        keysHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        keys: 2,
        rowsErased: 1,
        filesRewritten: 1,
        commitVersion: 5,
        historyEndsAt: 5,
        backupsExpireAt: null,
        trainingDatasets: [
          { featureView: { name: 'delay_model', version: 1 }, trainingDataset: 1, rowsErased: 1, contentHash: expect.stringMatching(/^sha256:/) },
        ],
        reason: 'asked to be forgotten',
        completedAt: '2001-03-01T10:30:00Z',
      },
      error: null,
    };
    expect([answer.status, answer.body]).toEqual([202, { job }]);
    const location = answer.headers.get('location') ?? '';
    expect((await api.get(location)).body).toEqual(job);
    expect((await api.get('/v1/projects/demo/jobs?state=SUCCEEDED')).body).toEqual({ items: [job], nextCursor: null });
    expect((await api.get('/v1/projects/demo/jobs?state=RUNNING')).body).toEqual({ items: [], nextCursor: null });
    expect(await api.get('/v1/projects/demo/jobs/jb_nothing')).toMatchObject({ status: 404, body: { code: 'UNKNOWN_JOB' } });
  });

  it('leaves the other rows, offline and online, and ends the history before it', async () => {
    const api = await start();
    await erase(api, [{ origin: 'SFO' }]);
    expect(rowsOf(await api.post(`${GROUP}/read`))).toEqual([JFK]);
    const vector = await api.post(`${VIEW}/vector`, {
      entry: { origin: 'SFO', dest: 'JFK' },
      requestParameters: { distance: 1 },
      options: { consistent: true },
      metadata: { statuses: true },
    });
    expect(vector.body).toMatchObject({ features: [0, null, 4, false], metadata: { statuses: ['DEFAULT', 'NOT_FOUND', 'PRESENT', 'COMPUTED'] } });
    const ended = { status: 410, body: { code: 'HISTORY_EXPIRED', reason: 'ERASED', oldest: 5 } };
    for (let version = 0; version < 5; version += 1) {
      expect(await api.post(`${GROUP}/read`, { asOf: { version } })).toMatchObject(ended);
      expect(await api.post(`${GROUP}:restore`, { toVersion: version })).toMatchObject(ended);
      expect(await api.get(`${GROUP}/commits/${version}`)).toMatchObject({ status: 410, body: { code: 'HISTORY_EXPIRED', reason: 'ERASED' } });
    }
    expect(await api.post(`${GROUP}/read`, { asOf: { instant: '2001-03-01T10:30:00.001Z' } })).toMatchObject(ended);
    expect(await api.post(`${GROUP}/changes`)).toMatchObject(ended);
    expect(rowsOf(await api.post(`${GROUP}/read`, { asOf: { version: 5 } }))).toEqual([JFK]);
    expect((await api.get(`${GROUP}/commits`)).body).toMatchObject({ items: [{ version: 5, operation: 'erase', rowsDeleted: 1 }], nextCursor: null });
  });

  it('lets changes, reads, writes and maintenance go on from there', async () => {
    const api = await start();
    await erase(api, [{ origin: 'SFO' }]);
    await api.post(`${GROUP}/rows`, { rows: [{ ...JFK, flights_24h: 8 }] });
    expect(rowsOf(await api.post(`${GROUP}/changes`, { fromVersion: 5 }))).toMatchObject([
      { ...JFK, _change_type: 'update_preimage', _commit_version: 6 },
      { ...JFK, flights_24h: 8, _change_type: 'update_postimage', _commit_version: 6 },
    ]);
    for (let i = 0; i < 10; i += 1) await api.post(`${GROUP}/rows`, { rows: [{ ...JFK, flights_24h: 9 + i }] });
    await Promise.all(api.parts.later);
    expect((await api.post(`${GROUP}:optimize`)).status).toBe(200);
    expect((await api.post(`${GROUP}:vacuum`)).status).toBe(200);
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'current' });
    expect(rowsOf(await api.post(`${GROUP}/read`))).toEqual([{ ...JFK, flights_24h: 18 }]);
  });

  it('refuses rows of the key from before the erasure, and takes those from after it (ERASED_KEY)', async () => {
    const api = await start();
    await erase(api, [{ origin: 'SFO' }]);
    expect(await api.post(`${GROUP}/rows`, { rows: [JFK, SFO] })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ row: 1, feature: 'origin', code: 'ERASED_KEY' }], errorCount: 1 },
    });
    await api.parts.clock.advance(3_600_000);
    expect((await api.post(`${GROUP}/rows`, { rows: [{ ...SFO, hour: '2001-03-01T11:00:00Z' }] })).status).toBe(200);
  });

  it('is known to a process that had the table open before: its next write goes through, or is refused for the key', async () => {
    const api = await start();
    const other = createIngestApp({ ...api.parts, projects: new Projects(api.parts) });
    const write = async (row: object): Promise<unknown> =>
      (await other.request(`${GROUP}/rows`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ rows: [row] }) })).json();
    await write({ ...JFK, flights_24h: 8 });
    await erase(api, [{ origin: 'SFO' }]);
    expect(await write({ ...JFK, flights_24h: 9 })).toMatchObject({ commit: { rowsUpdated: 1 }, online: { state: 'applied' } });
    expect(await write(SFO)).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ code: 'ERASED_KEY' }] });
  });

  it('of one record takes that alone, and refuses that alone', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: [{ ...SFO, hour: '2001-03-01T09:00:00Z' }] });
    await erase(api, [{ origin: 'SFO', hour: '2001-03-01T10:00:00Z' }]);
    expect(rowsOf(await api.post(`${GROUP}/read`, { where: { column: 'origin', op: '=', value: 'SFO' } }))).toMatchObject([{ hour: '2001-03-01T09:00:00Z' }]);
    expect(await api.post(`${GROUP}/rows`, { rows: [SFO] })).toMatchObject({ body: { errors: [{ code: 'ERASED_KEY' }] } });
    expect((await api.post(`${GROUP}/rows`, { rows: [{ ...SFO, hour: '2001-03-01T08:00:00Z' }] })).status).toBe(200);
  });

  it('rewrites a training dataset without the rows, with its hashes, and flags it', async () => {
    const api = await start();
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: SPINE }, format: 'ndjson' });
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: [SPINE[1]] }, format: 'ndjson' });
    const untouched = (await api.get(`${VIEW}/training-datasets/2`)).body;
    await erase(api, [{ origin: 'SFO' }]);
    expect((await api.get(`${VIEW}/training-datasets/1`)).body).toMatchObject({
      erased: true,
      counts: { rows: 1 },
      splits: [{ rows: 1, files: [{ rows: 1 }] }],
    });
    expect(rowsOf(await api.get(`${VIEW}/training-datasets/1/data`))).toMatchObject([{ origin: 'JFK' }]);
    expect((await api.get(`${VIEW}/training-datasets/2`)).body).toEqual(untouched);
  });

  it('leaves nothing of the rows a training dataset was built for, dropped ones included', async () => {
    const api = await start();
    const where = { column: 'distance', op: '>', value: 1 };
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: SPINE }, where });
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: [SPINE[1]] } });
    await erase(api, [{ origin: 'SFO' }]);
    expect((await api.get(`${VIEW}/training-datasets/1`)).body).toMatchObject({ erased: true, counts: { rows: 1 } });
    expect((await api.post(`${VIEW}/training-datasets/1:verify`)).body).toMatchObject({ equal: false, reason: 'ERASED' });
    const spines: string[] = [];
    for await (const { path } of api.parts.store.list('demo/training-datasets/')) if (path.endsWith('spine.parquet')) spines.push(path);
    expect(spines).toEqual(['demo/training-datasets/delay_model/1/2/spine.parquet']);
  });

  it('empties a training dataset in a format whose rows it cannot tell apart', async () => {
    const api = await start();
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: SPINE }, format: 'arrow' });
    await erase(api, [{ origin: 'SFO' }]);
    expect((await api.get(`${VIEW}/training-datasets/1`)).body).toMatchObject({ erased: true, counts: { rows: 0 }, splits: [{ rows: 0 }] });
    expect((await api.get(`${VIEW}/training-datasets/1/data`)).status).toBe(200);
  });

  it.each([
    [{ keys: [{ origin: 'SFO' }] }, 'INVALID_ARGUMENT'],
    [{ keys: [{ origin: 'SFO' }], reason: ' ' }, 'INVALID_ARGUMENT'],
    [{ keys: [], reason: 'r' }, 'INVALID_ARGUMENT'],
    [{ reason: 'r' }, 'INVALID_ARGUMENT'],
    [{ where: { column: 'origin', op: '=', value: 'SFO' }, reason: 'r' }, 'UNKNOWN_FIELD'],
    [{ keys: [{ airport: 'SFO' }], reason: 'r' }, 'UNKNOWN_ENTRY_KEY'],
    [{ keys: [{ hour: '2001-03-01T10:00:00Z' }], reason: 'r' }, 'MISSING_ENTRY_KEY'],
    [{ keys: [{ origin: 1 }], reason: 'r' }, 'TYPE_MISMATCH'],
  ])('does nothing for %o', async (body, code) => {
    const api = await start();
    expect(await api.post(`${GROUP}/rows:erase`, body)).toMatchObject({ status: 400, body: { code } });
    expect((await api.get(GROUP)).body).toMatchObject({ latestCommit: 2 });
  });
});
