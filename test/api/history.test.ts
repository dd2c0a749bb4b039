import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, type Api, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const SFO_9 = { origin: 'SFO', hour: '2001-03-01T09:00:00Z', flights_24h: 30, mean_delay_24h: null };
const SFO_10 = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 31, mean_delay_24h: 8.2 };
const JFK_10 = { origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 7, mean_delay_24h: 4 };
const REF = { name: 'airport_delays', version: 1 };
const NO_ROWS = { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0, rejected: 0 };
const ONLINE = { state: 'applied', superseded: 0, applied: 0, stale: 0, expired: 0, failed: 0 };

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: [SFO_9, SFO_10, JFK_10] });
  return open;
}

function commit(version: number, operation: string, counts: Readonly<Record<string, number>>): object {
  return { version, committedAt: `2001-03-01T10:30:00.00${version}Z`, operation, ...NO_ROWS, alreadyApplied: false, ...counts };
}

async function online(api: Api, origin: string): Promise<unknown> {
  const { body } = await api.post(`${VIEW}/vector`, { entry: { origin, dest: 'JFK' }, requestParameters: { distance: 1 }, options: { consistent: true } });
  return typeof body === 'object' && body !== null && 'features' in body ? body.features : body;
}

function memberOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : undefined;
}

async function keysNow(api: Api): Promise<readonly string[]> {
  return rowsOf(await api.post(`${GROUP}/read`, { features: ['origin', 'hour'] }))
    .map((row) => JSON.stringify(row))
    .toSorted();
}

describe('rows:delete', () => {
  it('takes out every record of an entity by its key, and counts keys without rows (D1, D4)', async () => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO' }, { origin: 'NOPE' }] });
    expect([answer.status, answer.body]).toEqual([
      200,
      { featureGroup: REF, commit: commit(2, 'delete', { rowsDeleted: 2 }), notFound: 1, online: { ...ONLINE, watermark: 2 } },
    ]);
    expect(await keysNow(api)).toEqual(['{"origin":"JFK","hour":"2001-03-01T10:00:00Z"}']);
    expect(await online(api, 'SFO')).toEqual([0, null, 4, false]);
  });

  it('takes out one record by its key and event time, and the one before is served again (D1, U7)', async () => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows:delete`, {
      keys: [
        { origin: 'SFO', hour: '2001-03-01T10:00:00Z' },
        { origin: 'JFK', hour: '2001-03-01T09:00:00Z' },
      ],
    });
    expect(answer.body).toMatchObject({ commit: { version: 2, rowsDeleted: 1 }, notFound: 1, online: { watermark: 2, state: 'applied' } });
    expect(await online(api, 'SFO')).toEqual([30, null, 4, false]);
  });

  it('counts keys without rows again when the request is repeated (D4, U9)', async () => {
    const api = await start();
    const body = { keys: [{ origin: 'SFO' }, { origin: 'NOPE' }, { origin: 'NADA' }] };
    const key = { 'idempotency-key': 'once' };
    const first = await api.post(`${GROUP}/rows:delete`, body, key);
    expect(first.body).toMatchObject({ commit: { rowsDeleted: 2, alreadyApplied: false }, notFound: 2 });
    const again = await api.post(`${GROUP}/rows:delete`, body, key);
    expect(again.body).toMatchObject({ commit: { version: 2, rowsDeleted: 2, alreadyApplied: true }, notFound: 2 });
  });

  it('takes out what a filter finds', async () => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows:delete?wait=commit`, { where: { column: 'hour', op: '=', value: '2001-03-01T10:00:00Z' } });
    expect(answer.body).toEqual({
      featureGroup: REF,
      commit: commit(2, 'delete', { rowsDeleted: 2 }),
      notFound: 0,
      online: { ...ONLINE, state: 'pending', watermark: 1 },
    });
    expect(await keysNow(api)).toEqual(['{"origin":"SFO","hour":"2001-03-01T09:00:00Z"}']);
    expect((await api.post(`${GROUP}:publish`)).body).toMatchObject({ from: 1, to: 2, deleted: 1 });
    expect(await online(api, 'SFO')).toEqual([30, null, null, false]);
  });

  it('commits nothing where there is nothing to take out', async () => {
    const api = await start();
    expect((await api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'NOPE' }] })).body).toEqual({
      featureGroup: REF,
      commit: null,
      notFound: 1,
      online: null,
    });
    expect((await api.post(`${GROUP}/rows:delete`, { where: { column: 'flights_24h', op: '<', value: 0 } })).body).toEqual({
      featureGroup: REF,
      commit: null,
      notFound: 0,
      online: null,
    });
    expect((await api.get(GROUP)).body).toMatchObject({ latestCommit: 1 });
  });
});

describe(':restore', () => {
  it('makes an earlier version the newest, offline and online, and keeps the history', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [{ ...JFK_10, flights_24h: 8 }] });
    const answer = await api.post(`${GROUP}:restore`, { toVersion: 1 });
    expect([answer.status, answer.body]).toEqual([
      200,
      { featureGroup: REF, commit: commit(3, 'restore', { rowsInserted: 3, rowsDeleted: 1 }), online: { ...ONLINE, watermark: 3, superseded: 1, applied: 2 } },
    ]);
    expect(rowsOf(await api.post(`${GROUP}/read`))).toHaveLength(3);
    expect(rowsOf(await api.post(`${GROUP}/read`, { asOf: { version: 2 } }))).toEqual([{ ...JFK_10, flights_24h: 8 }]);
    expect(await online(api, 'SFO')).toEqual([31, 8.2, 4, false]);
  });
});

describe('commits', () => {
  const item = (version: number, parts: object): object => ({
    version,
    committedAt: version === 0 ? '2001-03-01T10:30:00Z' : `2001-03-01T10:30:00.00${version}Z`,
    engine: 'lakefold/test',
    committedBy: null,
    ...NO_ROWS,
    filesAdded: 0,
    filesRemoved: 0,
    bytesAdded: 0,
    idempotencyKey: null,
    schemaVersion: 1,
    validationReportId: null,
    readable: true,
    ...parts,
  });
  const bytesAdded: unknown = expect.any(Number);

  it('are listed newest first, page by page, and shown one by one', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'JFK' }] });
    const created = item(0, { operation: 'create', engineOperation: 'CREATE TABLE' });
    const upserted = item(1, { operation: 'upsert', engineOperation: 'MERGE', rowsInserted: 3, filesAdded: 1, bytesAdded });
    const deleted = item(2, { operation: 'delete', engineOperation: 'DELETE', rowsDeleted: 1 });
    expect((await api.get(`${GROUP}/commits`)).body).toEqual({ items: [deleted, upserted, created], nextCursor: null });
    const first = await api.get(`${GROUP}/commits?limit=2`);
    expect(first.body).toEqual({ items: [deleted, upserted], nextCursor: expect.any(String) });
    const cursor = typeof first.body === 'object' && first.body !== null && 'nextCursor' in first.body ? String(first.body.nextCursor) : '';
    expect((await api.get(`${GROUP}/commits?limit=2&cursor=${cursor}`)).body).toEqual({ items: [created], nextCursor: null });
    expect((await api.get(`${GROUP}/commits/2`)).body).toEqual({ ...deleted, statistics: null });
  });

  it('tell the schema each was written in, and which can no longer be read', async () => {
    const api = await start();
    const wider = JSON.parse(JSON.stringify(airportDelays.json));
    wider.schema.push({ name: 'extra', type: 'int', nullable: true });
    const planned = await api.post('/v1/projects/demo/definitions:plan', { featureGroups: [wider] });
    await api.post('/v1/projects/demo/definitions:apply', { planId: memberOf(planned.body, 'planId') });
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [{ ...JFK_10, extra: 1 }] });
    const shown = async (): Promise<unknown> => (await api.get(`${GROUP}/commits`)).body;
    const of = (readable: readonly boolean[]): object => ({
      items: [2, 2, 1, 1].map((schemaVersion, i) => ({ version: 3 - i, schemaVersion, readable: readable[i] })),
    });
    expect(await shown()).toMatchObject(of([true, true, true, true]));
    expect((await api.get(`${GROUP}/commits/1`)).body).toMatchObject({ schemaVersion: 1 });
    await api.parts.clock.advance(8 * 86_400_000);
    await api.post(`${GROUP}:vacuum`, { retention: 'P7D', dryRun: false });
    expect(await shown()).toMatchObject(of([true, false, false, false]));
  });

  it('tell the operation of each', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows?operation=append`, { rows: [JFK_10] });
    await api.post(`${GROUP}:optimize`);
    await api.post(`${GROUP}:restore`, { toVersion: 1 });
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [JFK_10] });
    const { body } = await api.get(`${GROUP}/commits`);
    expect(body).toMatchObject({ items: ['overwrite', 'restore', 'optimize', 'append', 'upsert', 'create'].map((operation) => ({ operation })) });
  });
});

describe(':optimize and :vacuum', () => {
  it('pack small files without a row changed or published (U8)', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows?operation=append`, { rows: [{ ...JFK_10, hour: '2001-03-01T09:30:00Z' }] });
    const before = await keysNow(api);
    const planned = await api.post(`${GROUP}:optimize`, { clusterBy: null, dryRun: true });
    expect(planned.body).toEqual({ commit: null, filesRemoved: 2, filesAdded: 1, bytesRead: expect.any(Number), bytesWritten: 0 });
    const answer = await api.post(`${GROUP}:optimize`, {});
    expect([answer.status, answer.body]).toEqual([
      200,
      { commit: commit(3, 'optimize', {}), filesRemoved: 2, filesAdded: 1, bytesRead: expect.any(Number), bytesWritten: expect.any(Number) },
    ]);
    expect(await keysNow(api)).toEqual(before);
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'current', watermark: 3, head: 3 });
    expect((await api.post(`${GROUP}:optimize`)).body).toEqual({ commit: null, filesRemoved: 0, filesAdded: 0, bytesRead: 0, bytesWritten: 0 });
    expect((await api.post(`${GROUP}:optimize`, { clusterBy: ['hour'] })).body).toMatchObject({ commit: { version: 4 }, filesRemoved: 1, filesAdded: 1 });
    expect((await api.post(`${GROUP}:optimize`, { clusterBy: 'hour' })).body).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await api.post(`${GROUP}:optimize`, { clusterBy: ['nobody'] })).body).toMatchObject({ code: 'UNKNOWN_FEATURE' });
  });

  it('take away files no kept version needs; what needed them is expired', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [JFK_10] });
    await api.parts.clock.advance(8 * 86_400_000);
    const dry = await api.post(`${GROUP}:vacuum`, { retention: 'P7D' });
    expect([dry.status, dry.body]).toMatchObject([200, { dryRun: true, files: 1, bytes: expect.any(Number), paths: [expect.stringMatching(/\.parquet$/)] }]);
    expect(rowsOf(await api.post(`${GROUP}/read`, { asOf: { version: 1 } }))).toHaveLength(3);
    expect((await api.post(`${GROUP}:vacuum`, { retention: 'P7D', dryRun: false })).body).toMatchObject({ dryRun: false, files: 1 });
    expect((await api.post(`${GROUP}:vacuum`, { retention: 'P7D' })).body).toMatchObject({ files: 0, bytes: 0, paths: [] });
    for (const [path, body] of [
      [`${GROUP}/read`, { asOf: { version: 1 } }],
      [`${GROUP}:restore`, { toVersion: 1 }],
      [`${VIEW}/training-datasets`, { spine: { rows: [] }, pins: { 'airport_delays/1': 1 } }],
    ] as const) {
      expect(await api.post(path, body)).toMatchObject({ status: 410, body: { code: 'HISTORY_EXPIRED', version: 1, reason: 'RETENTION' } });
    }
    expect(rowsOf(await api.post(`${GROUP}/read`))).toEqual([JFK_10]);
  });

  it("keep versions for the group's retention, and no longer (T7)", async () => {
    const api = await start();
    expect((await api.send('PATCH', GROUP, { body: { retention: 'P10D' } })).status).toBe(200);
    await api.parts.clock.advance(11_000);
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [JFK_10] });
    await api.parts.clock.advance(9 * 86_400_000);
    expect((await api.post(`${GROUP}:vacuum`, { dryRun: false })).body).toMatchObject({ files: 0 });
    expect(rowsOf(await api.post(`${GROUP}/read`, { asOf: { version: 1 } }))).toHaveLength(3);
    await api.parts.clock.advance(2 * 86_400_000);
    expect((await api.post(`${GROUP}:vacuum`, { dryRun: false })).body).toMatchObject({ files: 1 });
    expect(await api.post(`${GROUP}/read`, { asOf: { version: 1 } })).toMatchObject({ status: 410, body: { code: 'HISTORY_EXPIRED', reason: 'RETENTION' } });
    expect(rowsOf(await api.post(`${GROUP}/read`))).toEqual([JFK_10]);
  });

  it('leave what a training dataset was read from', async () => {
    const api = await start();
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: [] } });
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [JFK_10] });
    await api.parts.clock.advance(8 * 86_400_000);
    expect((await api.post(`${GROUP}:vacuum`, { retention: 'P7D', dryRun: false })).body).toMatchObject({ files: 0 });
    expect(rowsOf(await api.post(`${GROUP}/read`, { asOf: { version: 1 } }))).toHaveLength(3);
  });
});

describe('checkpoints', () => {
  it('are written behind every tenth commit, and the next process starts from them', async () => {
    const api = await start();
    for (let i = 0; i < 10; i += 1) await api.post(`${GROUP}/rows`, { rows: [{ ...JFK_10, hour: `2001-03-01T09:0${i}:00Z` }] });
    await Promise.all(api.parts.later);
    const paths: string[] = [];
    for await (const { path } of api.parts.store.list('demo/feature-groups/airport_delays/1/_delta_log/')) paths.push(path.split('/').at(-1) ?? '');
    expect(paths.filter((path) => !path.endsWith('.json'))).toEqual([
      '00000000000000000010.checkpoint.parquet',
      '00000000000000000010.crc',
      '_last_checkpoint',
    ]);
    expect(rowsOf(await api.post(`${GROUP}/read`))).toHaveLength(13);
  });
});
