/** What other feature stores get wrong about joins in time; each test is named by the fault it would find there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { instant } from '../../lib/core/time.ts';
import { INGESTED_AT_COLUMN } from '../../lib/features/ingest/receipt-time.ts';
import type { JoinSpec, Row, SpineRow, Step } from '../support/point-in-time-world.ts';
import { openWorld, openWorldParts, type OpenWorld, type WorldParts } from '../support/point-in-time-world.ts';
import { type Api, type memoryParts, openMemoryApi, rowsOf } from '../support/api.ts';

const JOIN: JoinSpec = { temporal: true, boundary: 'inclusive', delay: 0, lookback: undefined, filter: undefined, default: undefined };

let parts: WorldParts;
let api: Api<ReturnType<typeof memoryParts>> | undefined;
beforeAll(async () => {
  parts = await openWorldParts();
});
afterAll(async () => {
  await parts.close();
  await api?.close();
});

function world(steps: readonly Step[], join: Partial<JoinSpec> = {}): Promise<OpenWorld> {
  return openWorld(parts, { isGlobal: false, ttl: undefined, joins: [{ ...JOIN, ...join }, JOIN], steps });
}

const append = (receipt: number, ...rows: readonly Row[]): Step => ({ kind: 'append', receipt, rows });
const upsert = (receipt: number, ...rows: readonly Row[]): Step => ({ kind: 'upsert', receipt, rows });

async function valuesOf(open: OpenWorld, spine: readonly SpineRow[], knownAsOf?: 'labelTime' | number): Promise<readonly unknown[]> {
  return (await open.train(spine, knownAsOf)).map(([first]) => first?.[0]);
}

describe('a join in time does not', () => {
  it('collapse spine rows that share key and label time into one (Feast file store, #6787, #5590)', async () => {
    const open = await world([append(1, ['a', 1, 5])]);
    expect(
      await valuesOf(open, [
        ['a', 2],
        ['a', 2],
        ['a', 2],
      ]),
    ).toEqual([5, 5, 5]);
  });

  it('multiply spine rows where two records tie (Feast SQL stores, #3360; Hopsworks RANK)', async () => {
    const open = await world([append(1, ['a', 1, 5], ['a', 1, 6]), append(2, ['a', 1, 7])]);
    expect(await valuesOf(open, [['a', 2]])).toEqual([7]);
  });

  it('answer with an older value where the newer row has no receive time (Feast, created is NULL)', async () => {
    const open = await world([append(1, ['a', 1, 5])]);
    const columns = [...open.group.columns, INGESTED_AT_COLUMN];
    await open.group.table.append(batchOfRows(columns, [['a', instant('2001-03-01T10:29:10Z'), 9, null]]));
    expect(await valuesOf(open, [['a', 20]])).toEqual([9]);
  });

  it('answer with an older record where the one at the label time was corrected later (Feast filter_by_created_timestamp, #6615)', async () => {
    const open = await world([upsert(1, ['a', 1, 5]), upsert(4, ['a', 3, 6]), upsert(20, ['a', 3, 7])]);
    expect(await valuesOf(open, [['a', 10]], 'labelTime')).toEqual([6]);
    expect(await valuesOf(open, [['a', 10]])).toEqual([7]);
  });

  it('look behind a null in the newest record for an older value', async () => {
    const open = await world([append(1, ['a', 1, 5], ['a', 2, null])]);
    expect(await open.train([['a', 3]])).toEqual([
      [
        [null, 'PRESENT'],
        [null, 'PRESENT'],
      ],
    ]);
  });

  it('apply a filter in training alone (Hopsworks ignores filters online)', async () => {
    const open = await world([append(1, ['a', 1, 5], ['a', 2, 3])], { filter: 4 });
    expect(await valuesOf(open, [['a', 60]])).toEqual([null]);
    expect((await open.lookUp(['a']))[0]?.[0]).toBeNull();
  });

  it('read a ttl of nothing as forever in one place and as at once in another (Feast ttl=0)', async () => {
    const body = {
      name: 'g',
      version: 1,
      schema: [
        { name: 'k', type: 'string' },
        { name: 'at', type: 'timestamp' },
      ],
      primaryKey: ['k'],
      eventTime: 'at',
      ttl: 'PT0S',
    };
    api = await openMemoryApi();
    expect(await api.post('/v1/projects/demo/feature-groups', body)).toMatchObject({ status: 422, body: { code: 'INVALID_DEFINITION' } });
  });
});

describe('keys', () => {
  it("are not joined into one text: ('1','23') is not ('12','3') (Feast BigQuery, Redshift, Snowflake, Athena, Postgres, Spark, Trino)", async () => {
    api ??= await openMemoryApi();
    const columns = ['a', 'b'].map((name) => ({ name, type: 'string' }));
    const group = {
      name: 'pairs',
      version: 1,
      schema: [...columns, { name: 'at', type: 'timestamp' }, { name: 'v', type: 'int' }],
      primaryKey: ['a', 'b'],
      eventTime: 'at',
    };
    await api.post('/v1/projects/demo/feature-groups', group);
    const at = '2001-03-01T10:00:00Z';
    await api.post('/v1/projects/demo/feature-groups/pairs/versions/1/rows', {
      rows: [
        { a: '1', b: '23', at, v: 1 },
        { a: '12', b: '3', at, v: 2 },
      ],
    });
    const view = {
      name: 'paired',
      spine: [...columns, { name: 'at', type: 'timestamp' }],
      labelTime: 'at',
      joins: [{ featureGroup: 'pairs', version: 1, features: ['v'] }],
    };
    await api.post('/v1/projects/demo/feature-views', view);
    const sets = '/v1/projects/demo/feature-views/paired/versions/1/training-datasets';
    await api.post(sets, {
      spine: {
        rows: [
          { a: '12', b: '3', at },
          { a: '1', b: '23', at },
          { a: '123', b: '', at },
        ],
      },
      format: 'ndjson',
    });
    expect(rowsOf(await api.get(`${sets}/1/data`)).map((row) => Object.values(row ?? {}).at(-1))).toEqual([2, 1, null]);
  });
});

describe('a view', () => {
  it('does not match on a part of the key and multiply rows (Hopsworks, maximal matching subset)', async () => {
    api ??= await openMemoryApi();
    const body = {
      name: 'part',
      spine: [
        { name: 'a', type: 'string' },
        { name: 'at', type: 'timestamp' },
      ],
      labelTime: 'at',
      joins: [{ featureGroup: 'pairs', version: 1, features: ['v'] }],
    };
    expect(await api.post('/v1/projects/demo/feature-views', body)).toMatchObject({ status: 422, body: { code: 'JOIN_KEY_MISMATCH' } });
  });

  it('does not leak the newest value of a group without event time unasked (Hopsworks)', async () => {
    api ??= await openMemoryApi();
    await api.post('/v1/projects/demo/feature-groups', {
      name: 'still',
      version: 1,
      schema: [
        { name: 'a', type: 'string' },
        { name: 'v', type: 'int' },
      ],
      primaryKey: ['a'],
    });
    const body = {
      name: 'leak',
      spine: [
        { name: 'a', type: 'string' },
        { name: 'at', type: 'timestamp' },
      ],
      labelTime: 'at',
      joins: [{ featureGroup: 'still', version: 1, features: ['v'] }],
    };
    expect(await api.post('/v1/projects/demo/feature-views', body)).toMatchObject({ status: 422, body: { code: 'POINT_IN_TIME_REQUIRES_EVENT_TIME' } });
    // Asked for, it is said in the set (P9).
    const asked = { ...body, joins: [{ ...body.joins[0], temporal: false }] };
    expect((await api.post('/v1/projects/demo/feature-views', asked)).status).toBe(201);
    const spine = { rows: [{ a: '1', at: '2001-03-01T10:00:00Z' }] };
    expect((await api.post('/v1/projects/demo/feature-views/leak/versions/1/training-datasets', { spine })).body).toMatchObject({
      pins: [{ featureGroup: 'still', pointInTime: false }],
      warnings: [{ code: 'NOT_POINT_IN_TIME' }],
    });
  });

  it('does not name features behind the back of whoever wrote it (Hopsworks fgId_ prefixes)', async () => {
    api ??= await openMemoryApi();
    const pair = { featureGroup: 'pairs', version: 1, features: ['v'] };
    const body = {
      name: 'same',
      spine: [
        { name: 'a', type: 'string' },
        { name: 'b', type: 'string' },
        { name: 'at', type: 'timestamp' },
      ],
      labelTime: 'at',
      joins: [
        { ...pair, name: 'one' },
        { ...pair, name: 'two' },
      ],
    };
    expect(await api.post('/v1/projects/demo/feature-views', body)).toMatchObject({ status: 422, body: { code: 'AMBIGUOUS_FEATURE_NAME' } });
  });
});
