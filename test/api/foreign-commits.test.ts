/** Commits that other engines made to a group's table: published like ours, rows no service checked among them (U6, U13). */
import { afterEach, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { isRecord } from '../../lib/core/json.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { quarantineOf } from '../../lib/features/quality/quarantine-foreign.ts';
import { verifyTable } from '../../lib/delta/verify/verify.ts';
import { type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';
import { foreignAppend } from '../support/foreign-commit.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const ROOT = 'demo/feature-groups/airport_delays/1';
const COLUMNS: readonly Column[] = [
  { name: 'origin', type: { kind: 'string' }, nullable: true },
  { name: 'hour', type: { kind: 'timestamp' }, nullable: true },
  { name: 'flights_24h', type: { kind: 'int' }, nullable: true },
  { name: 'mean_delay_24h', type: { kind: 'double' }, nullable: true },
];
const TEN_FIFTEEN = 983_441_700_000_000n;
const FAR_FUTURE = 1_893_456_000_000_000n;

function append(api: Api, version: number, rows: readonly (readonly Value[])[]): Promise<void> {
  return foreignAppend(api.parts, { root: ROOT, version, columns: COLUMNS, rows });
}

async function features(api: Api, origin: string): Promise<unknown> {
  const { body } = await api.post(`${VIEW}/vector`, { entry: { origin, dest: origin }, requestParameters: { distance: 1 }, options: { consistent: true } });
  return typeof body === 'object' && body !== null && 'features' in body ? body.features : body;
}

const NOTHING = { superseded: 0, applied: 0, stale: 0, duplicate: 0, expired: 0, deleted: 0, invalid: 0, failed: 0 };

describe('a foreign append', () => {
  it('is published by :publish and seen by the next read', async () => {
    const api = await start();
    await append(api, 2, [
      ['LAX', TEN_FIFTEEN, 5, 1.5],
      ['SFO', TEN_FIFTEEN, 40, null],
    ]);
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'behind', watermark: 1, head: 2 });
    expect((await api.post(`${GROUP}:publish`)).body).toEqual({ from: 1, to: 2, ...NOTHING, applied: 2 });
    expect(await features(api, 'LAX')).toEqual([5, 1.5, 1.5, false]);
    expect(await features(api, 'SFO')).toEqual([40, null, null, false]);
    expect(rowsOf(await api.post(`${GROUP}/read`, { where: { column: 'origin', op: '=', value: 'LAX' } }))).toEqual([
      { origin: 'LAX', hour: '2001-03-01T10:15:00Z', flights_24h: 5, mean_delay_24h: 1.5 },
    ]);
    expect((await api.get(`${GROUP}/commits/2`)).body).toMatchObject({
      operation: 'other',
      engineOperation: 'WRITE',
      engine: 'delta-rs:py-1.1.4',
      rowsInserted: 0,
      filesAdded: 1,
    });
  });

  it('is published with the next commit of ours, which it does not keep waiting for a sweep', async () => {
    const api = await start();
    await append(api, 2, [['LAX', TEN_FIFTEEN, 5, 1.5]]);
    const answer = await api.post(`${GROUP}/rows`, { rows: [{ origin: 'BOS', hour: '2001-03-01T10:00:00Z', flights_24h: 2, mean_delay_24h: null }] });
    expect(answer.body).toMatchObject({ commit: { version: 3, rowsInserted: 1 }, online: { state: 'applied', watermark: 3, applied: 1 } });
    expect(await features(api, 'LAX')).toEqual([5, 1.5, 1.5, false]);
  });

  it('without a receipt counts as received when its file was written: a later upsert replaces it', async () => {
    const api = await start();
    await append(api, 2, [['LAX', TEN_FIFTEEN, 5, 1.5]]);
    expect(
      (await api.post(`${GROUP}/rows`, { rows: [{ origin: 'LAX', hour: '2001-03-01T10:15:00Z', flights_24h: 6, mean_delay_24h: null }] })).body,
    ).toMatchObject({ commit: { rowsUpdated: 1 }, online: { applied: 1 } });
    expect(await features(api, 'LAX')).toEqual([6, null, null, false]);
  });

  it('may hold rows without key or event time: skipped, counted, seen by no join (U13)', async () => {
    const api = await start();
    await append(api, 2, [
      [null, TEN_FIFTEEN, 6, 1],
      ['BOS', null, 6, 1],
      ['LAX', TEN_FIFTEEN, 5, 1.5],
    ]);
    expect((await api.post(`${GROUP}:publish`)).body).toEqual({ from: 1, to: 2, ...NOTHING, applied: 1, invalid: 2 });
    expect(await features(api, 'BOS')).toEqual([0, null, null, false]);
    const spine = { rows: [{ origin: 'BOS', dest: 'LAX', predicted_at: '2001-03-01T10:25:00Z', distance: 1, delayed: null }] };
    expect((await api.post(`${VIEW}/training-datasets`, { spine, format: 'ndjson' })).status).toBe(201);
    expect(rowsOf(await api.get(`${VIEW}/training-datasets/1/data`))).toMatchObject([
      { dep_flights_24h: 0, dep_mean_delay_24h: null, arr_mean_delay_24h: 1.5 },
    ]);
    expect(api.log.lines.filter(({ level }) => level === 'warn').map(({ event, fields }) => [event, fields['rows']])).toEqual([
      ['fold.invalid_rows_skipped', 2],
    ]);
    // As rows of the table they are read like any other, in every format.
    for (const accept of ['application/x-ndjson', 'text/csv', 'application/vnd.apache.parquet'])
      expect((await api.post(`${GROUP}/read`, {}, { accept })).status).toBe(200);
    expect(
      (
        await api.post(`${GROUP}/rows:delete`, {
          where: {
            or: [
              { column: 'origin', op: 'isNull' },
              { column: 'hour', op: 'isNull' },
            ],
          },
        })
      ).body,
    ).toMatchObject({ commit: { rowsDeleted: 2 }, online: { state: 'applied' } });
    expect(await features(api, 'LAX')).toEqual([5, 1.5, 1.5, false]);
  });

  it('of the far future is folded, because the log is the truth, and raises the alarm (U12, U13)', async () => {
    const api = await start();
    await append(api, 2, [['SFO', FAR_FUTURE, 99, 1]]);
    expect((await api.post(`${GROUP}:publish`)).body).toEqual({ from: 1, to: 2, ...NOTHING, applied: 1 });
    expect(await features(api, 'SFO')).toEqual([99, 1, 1, false]);
    expect(api.log.lines.filter(({ level }) => level === 'warn').map(({ event, fields }) => [event, fields['code'], fields['rows']])).toEqual([
      ['fold.future_event_time_found', 'FUTURE_EVENT_TIME', 1],
    ]);
    // The recovery: that record deleted, the one before is served again.
    await api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO', hour: '2030-01-01T00:00:00Z' }] });
    expect(await features(api, 'SFO')).toEqual([31, 8.2, 8.2, false]);
  });
});

describe('rows of a foreign commit that no read can see (U13)', () => {
  const INVALID: readonly (readonly Value[])[] = [
    ['LAX', TEN_FIFTEEN, 5, 1.5],
    [null, TEN_FIFTEEN, 6, 1],
    ['BOS', null, 7, null],
  ];

  it('are put in quarantine as they stand, once however often they are published', async () => {
    const api = await start();
    await append(api, 2, INVALID);
    await api.post(`${GROUP}:publish`);
    await api.post(`${GROUP}:publish`, { rebuild: true });
    const group = await new Projects(api.parts).group('demo', 'airport_delays', 1);
    // As a publisher does that was beside the first one.
    const batch = batchOfRows(COLUMNS, INVALID);
    await quarantineOf(api.parts, group)(2, [{ batch, index: 1, position: 1 }]);
    expect(api.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    const aside = rowsOf(await api.post(`${GROUP}/quarantine:read`, { reportId: 'commit-2' }));
    expect(aside.map((row) => (isRecord(row) ? { ...row, _ingested_at: typeof row['_ingested_at'] } : row))).toEqual([
      {
        _ingested_at: 'string',
        _report_id: 'commit-2',
        _row: 1,
        _code: 'NULL_KEY',
        _feature: 'origin',
        _message: 'expected a value in origin, found null',
        _payload: '{"origin":null,"hour":"2001-03-01T10:15:00Z","flights_24h":6,"mean_delay_24h":1}',
      },
      {
        _ingested_at: 'string',
        _report_id: 'commit-2',
        _row: 2,
        _code: 'EVENT_TIME_REQUIRED',
        _feature: 'hour',
        _message: 'expected a value in hour, found null',
        _payload: '{"origin":"BOS","hour":null,"flights_24h":7,"mean_delay_24h":null}',
      },
    ]);
  });

  it('keep no other row from being served where quarantine takes none, which is told', async () => {
    const api = await start();
    await append(api, 2, INVALID);
    const group = await new Projects(api.parts).group('demo', 'airport_delays', 1);
    const failing = { ...api.parts, store: { ...api.parts.store, createIfAbsent: () => Promise.reject(new Error('no right to write')) } };
    await expect(quarantineOf(failing, group)(2, [{ batch: batchOfRows(COLUMNS, INVALID), index: 1, position: 1 }])).resolves.toBeUndefined();
    expect(api.log.lines.filter(({ level }) => level === 'error').map(({ event, fields }) => [event, fields['version'], fields['rows']])).toEqual([
      ['quarantine.failed', 2, 1],
    ]);
  });

  it('are listed by verify, each with what it has of its key', async () => {
    const api = await start();
    await append(api, 2, INVALID);
    const { findings } = await verifyTable(api.parts, ROOT);
    const where = { path: 'part-00002-foreign.parquet', version: 2 };
    expect(findings).toEqual([
      { code: 'INVALID_ROW', key: { origin: null, hour: '2001-03-01T10:15:00Z' }, ...where, message: 'expected a value in origin of every row, found null' },
      { code: 'INVALID_ROW', key: { origin: 'BOS', hour: null }, ...where, message: 'expected a value in hour of every row, found null' },
    ]);
  });
});

describe('a foreign overwrite', () => {
  it('raises the alarm for a row of the far future too (U13)', async () => {
    const api = await start();
    const foreign = await DeltaTable.open({ ...api.parts, engineInfo: 'delta-rs:py-1.1.4' }, ROOT);
    await foreign.overwrite(batchOfRows(COLUMNS, [['SFO', FAR_FUTURE, 99, 1]]));
    await api.post(`${GROUP}:publish`);
    expect(api.log.lines.filter(({ level }) => level === 'warn').map(({ event, fields }) => [event, fields['code'], fields['rows']])).toEqual([
      ['fold.future_event_time_found', 'FUTURE_EVENT_TIME', 1],
    ]);
  });
});

describe('a foreign delete', () => {
  it('is an edit: what it leaves is served after :publish (U1, U7)', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-03-01T10:20:00Z', flights_24h: 50 }] });
    const foreign = await DeltaTable.open({ ...api.parts, engineInfo: 'delta-rs:py-1.1.4' }, ROOT);
    await foreign.delete({
      kind: 'keys',
      sets: [
        { columns: ['origin', 'hour'], rows: [['SFO', 983_442_000_000_000n]] },
        { columns: ['origin'], rows: [['JFK']] },
      ],
    });
    expect((await api.post(`${GROUP}:publish`)).body).toMatchObject({ from: 2, to: 3, deleted: 1, failed: 0 });
    expect(await features(api, 'SFO')).toEqual([31, 8.2, 8.2, false]);
    expect(await features(api, 'JFK')).toEqual([0, null, null, false]);
  });
});
