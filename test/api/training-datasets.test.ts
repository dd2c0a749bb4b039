import { afterEach, describe, expect, it } from 'vitest';
import { rowAt } from '../../lib/core/batch.ts';
import { sha256, toHex } from '../../lib/core/bytes.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { type Answer, type Api, delayModel, EXAMPLE_ROWS, GROUP, type memoryParts, NOW, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const SETS = `${VIEW}/training-datasets`;
const HASH: unknown = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
/** The first a boundary case of the five minutes' delay, the second a microsecond too early, the third of nobody. */
const SPINE = [
  { origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:05:00Z', distance: 2000, delayed: true },
  { origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:04:59.999999Z', distance: 2000, delayed: null },
  { origin: 'XXX', dest: 'JFK', predicted_at: '2001-03-04T10:00:00Z', distance: 1, delayed: false },
];
const ROWS = [
  { ...SPINE[0], dep_flights_24h: 31, dep_mean_delay_24h: 8.2, arr_mean_delay_24h: 4, is_long_haul: true },
  { ...SPINE[1], dep_flights_24h: 0, dep_mean_delay_24h: null, arr_mean_delay_24h: null, is_long_haul: true },
  { ...SPINE[2], dep_flights_24h: 0, dep_mean_delay_24h: null, arr_mean_delay_24h: 4, is_long_haul: false },
];
const REQUEST = {
  spine: { rows: null },
  startTime: null,
  endTime: null,
  labelTime: null,
  asOfTime: null,
  knownAsOf: null,
  expiredHistory: 'error',
  pins: {},
  onInvalidRow: 'error',
  onFunctionError: 'error',
  dropMissing: false,
  where: null,
  diagnostics: false,
  transform: true,
  format: 'parquet',
  statistics: true,
  description: null,
  split: null,
};
const column = (name: string, type: string, role: string, feature: string | null = null): object => ({
  name,
  type,
  role,
  featureGroup: feature === null ? null : 'airport_delays',
  version: feature === null ? null : 1,
  feature,
});
const DATASET = {
  featureView: { name: 'delay_model', version: 1 },
  trainingDataset: 1,
  status: 'READY',
  createdAt: NOW,
  createdBy: null,
  request: REQUEST,
  erased: false,
  pins: [
    {
      featureGroup: 'airport_delays',
      version: 1,
      commitVersion: 1,
      committedAt: '2001-03-01T10:30:00.001Z',
      schemaVersion: 1,
      ttl: 'P7D',
      availabilityDelay: 'PT5M',
      pointInTime: true,
    },
  ],
  functions: [{ name: 'is_long_haul', sourceHash: delayModel.onDemand[0]?.sourceHash }],
  transforms: [],
  schema: [
    column('origin', 'string', 'spine'),
    column('dest', 'string', 'spine'),
    column('predicted_at', 'timestamp', 'spine'),
    column('distance', 'int', 'spine'),
    column('delayed', 'boolean', 'label'),
    column('dep_flights_24h', 'int', 'feature', 'flights_24h'),
    column('dep_mean_delay_24h', 'double', 'feature', 'mean_delay_24h'),
    column('arr_mean_delay_24h', 'double', 'feature', 'mean_delay_24h'),
    column('is_long_haul', 'boolean', 'onDemand'),
  ],
  counts: {
    spineRows: 3,
    rows: 3,
    dropped: 0,
    joins: [
      { join: 'dep', matched: 1, missing: 2, expired: 0, ageSecondsMean: 300, ageSecondsMax: 300 },
      { join: 'arr', matched: 2, missing: 1, expired: 0, ageSecondsMean: (300 + 3 * 86_400) / 2, ageSecondsMax: 3 * 86_400 },
    ],
  },
  splits: [
    {
      name: 'data',
      rows: 3,
      files: [{ path: 'data/part-00000.parquet', rows: 3, bytes: expect.any(Number), sha256: HASH }],
      statistics: ['delayed', 'dep_flights_24h', 'dep_mean_delay_24h', 'arr_mean_delay_24h', 'is_long_haul'].map((name): unknown =>
        expect.objectContaining({ name }),
      ),
    },
  ],
  spineHash: HASH,
  queryHash: HASH,
  contentHash: HASH,
  writer: 'lakefold/test',
  warnings: [],
};

function create(api: Api, request: object): Promise<Answer> {
  return api.post(SETS, { spine: { rows: SPINE }, ...request });
}

function member(answer: Answer, name: string): unknown {
  return Object.entries(answer.body ?? {}).find(([key]) => key === name)?.[1];
}

describe('a training dataset', () => {
  it('is created, shown and listed as one body (P1, P2, P19)', async () => {
    const api = await start();
    const created = await api.post(`${SETS}?wait=60`, { spine: { rows: SPINE } });
    expect([created.status, created.body]).toEqual([201, DATASET]);
    expect(await api.get(`${SETS}/1`)).toMatchObject({ status: 200, body: created.body });
    expect((await api.get(SETS)).body).toEqual({ items: [created.body], nextCursor: null });
  });

  it('holds a row for each of the spine, in its order, by what was known at its time (P3, P15, S3)', async () => {
    const api = await start();
    await create(api, {});
    const data = await api.get(`${SETS}/1/data`);
    expect([data.status, data.headers.get('content-type')]).toEqual([200, 'application/vnd.apache.parquet']);
    const { columns } = await api.parts.codec.describe(bytesSource(data.bytes));
    const rows: unknown[] = [];
    for await (const { batch } of api.parts.codec.decode(bytesSource(data.bytes), { columns }))
      for (let i = 0; i < batch.rowCount; i += 1) rows.push(rowAt(batch, i));
    expect([columns.map(({ name }) => name), rows]).toEqual([
      DATASET.schema.map((each) => Object.values(each)[0]),
      [
        ['SFO', 'JFK', 983_441_100_000_000n, 2000, true, 31, 8.2, 4, true],
        ['SFO', 'JFK', 983_441_099_999_999n, 2000, null, 0, null, null, true],
        ['XXX', 'JFK', 983_700_000_000_000n, 1, false, 0, null, 4, false],
      ],
    ]);
    expect(member(await api.get(`${SETS}/1`), 'splits')).toMatchObject([
      { files: [{ bytes: data.bytes.length, sha256: `sha256:${toHex(sha256(data.bytes))}` }] },
    ]);
  });

  it('is stored in the format asked for and read in another by Accept', async () => {
    const api = await start();
    for (const format of ['parquet', 'ndjson', 'csv']) expect((await create(api, { format })).status).toBe(201);
    const csv =
      'origin,dest,predicted_at,distance,delayed,dep_flights_24h,dep_mean_delay_24h,arr_mean_delay_24h,is_long_haul\r\nSFO,JFK,2001-03-01T10:05:00Z,2000,true,31,8.2,4,true\r\n' +
      'SFO,JFK,2001-03-01T10:04:59.999999Z,2000,,0,,,true\r\nXXX,JFK,2001-03-04T10:00:00Z,1,false,0,,4,false\r\n';
    const data = async (number: number, accept?: string) => {
      const answer = await api.send('GET', `${SETS}/${number}/data?split=data`, accept === undefined ? {} : { headers: { accept } });
      return [answer.status, answer.headers.get('content-type'), answer.text];
    };
    const lines = ROWS.map((row) => `${JSON.stringify(row)}\n`).join('');
    expect(await data(2)).toEqual([200, 'application/x-ndjson', lines]);
    expect(await data(1, 'application/x-ndjson')).toEqual([200, 'application/x-ndjson', lines]);
    expect(await data(3)).toEqual([200, 'text/csv', csv]);
    expect(await data(1, 'text/csv')).toEqual([200, 'text/csv', csv]);
    expect(await data(2, 'text/csv')).toMatchObject([406, 'application/problem+json', expect.stringContaining('NOT_ACCEPTABLE')]);
  });

  it('has the same content hash whatever its format and however late it is made, and other hashes of other content (P19)', async () => {
    const api = await start();
    const first = await create(api, {});
    await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-03-01T10:00:00Z', flights_24h: 99 }] });
    await api.parts.clock.advance(60_000);
    const later = await create(api, { format: 'ndjson', pins: { 'airport_delays/1': 1 } });
    const head = await create(api, {});
    expect(member(later, 'contentHash')).toBe(member(first, 'contentHash'));
    expect(member(later, 'spineHash')).toBe(member(first, 'spineHash'));
    expect(member(head, 'contentHash')).not.toBe(member(first, 'contentHash'));
    expect(member(head, 'pins')).toMatchObject([{ commitVersion: 2 }]);
    const lines = ['#data', ...ROWS.map((row) => JSON.stringify(row))].map((line) => `${line}\n`).join('');
    expect(member(first, 'contentHash')).toBe(`sha256:${toHex(sha256(new TextEncoder().encode(lines)))}`);
  });

  it('repeats its rows, and does not find one twice, for spine rows that are equal (P1)', async () => {
    const api = await start();
    await create(api, { spine: { rows: [SPINE[0], SPINE[0], SPINE[0]] }, format: 'ndjson' });
    expect(rowsOf(await api.get(`${SETS}/1/data`))).toEqual([ROWS[0], ROWS[0], ROWS[0]]);
  });

  it('tells by diagnostics why a value is what it is, and drops rows that miss something where asked', async () => {
    const api = await start();
    await create(api, { format: 'ndjson', diagnostics: true });
    expect(
      rowsOf(await api.get(`${SETS}/1/data`)).map((row) =>
        Object.entries(row ?? {})
          .filter(([name]) => name.startsWith('_'))
          .map(([, value]): unknown => value),
      ),
    ).toEqual([
      ['PRESENT', '2001-03-01T10:00:00Z', 'PRESENT', '2001-03-01T10:00:00Z'],
      ['NOT_FOUND', null, 'NOT_FOUND', null],
      ['NOT_FOUND', null, 'PRESENT', '2001-03-01T10:00:00Z'],
    ]);
    const dropped = await create(api, { format: 'ndjson', dropMissing: true });
    expect(member(dropped, 'counts')).toMatchObject({ spineRows: 3, rows: 1, dropped: 2 });
    expect(rowsOf(await api.get(`${SETS}/2/data`))).toEqual([ROWS[0]]);
  });

  it('keeps a spine row without a key or, where allowed, a label time (P7, P8)', async () => {
    const api = await start();
    const rows = [
      { ...SPINE[0], origin: null },
      { ...SPINE[0], predicted_at: null },
      { ...SPINE[0], predicted_at: 'yesterday' },
    ];
    const refused = await create(api, { spine: { rows: rows.slice(1, 2) } });
    expect([refused.status, refused.body]).toMatchObject([422, { code: 'INVALID_LABEL_TIME', errors: [{ row: 0 }] }]);
    expect(await create(api, { spine: { rows: rows.slice(2) } })).toMatchObject({
      status: 422,
      body: { code: 'INVALID_LABEL_TIME', errors: [{ row: 0, feature: 'predicted_at' }] },
    });
    expect((await create(api, { spine: { rows }, onInvalidRow: 'null' })).status).toBe(201);
    const missing = { dep_flights_24h: 0, dep_mean_delay_24h: null };
    expect(rowsOf(await api.send('GET', `${SETS}/1/data`, { headers: { accept: 'application/x-ndjson' } }))).toEqual([
      { ...ROWS[0], ...missing, origin: null },
      { ...ROWS[0], ...missing, predicted_at: null, arr_mean_delay_24h: null },
      { ...ROWS[0], ...missing, predicted_at: null, arr_mean_delay_24h: null },
    ]);
  });

  it("takes its rows from a feature group, as of a version, narrowed, or from the view's root", async () => {
    const api = await start();
    await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-03-01T10:20:00Z' }] });
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
    const spine = { featureGroup: { name: 'airport_delays', version: 1 }, asOf: { version: 1 }, where: { column: 'origin', op: '!=', value: 'JFK' } };
    const ofGroup = await api.post(sets, { spine, format: 'ndjson' });
    expect([ofGroup.status, member(ofGroup, 'request')]).toEqual([201, { ...REQUEST, format: 'ndjson', spine: { ...spine, startTime: null, endTime: null } }]);
    expect(rowsOf(await api.get(`${sets}/1/data`))).toEqual([{ origin: 'SFO', hour: '2001-03-01T10:00:00Z', own_flights_24h: null }]);
    expect((await api.post(sets, { format: 'ndjson', startTime: '2001-03-01T10:20:00Z' })).status).toBe(201);
    expect(rowsOf(await api.get(`${sets}/2/data`))).toEqual([{ origin: 'SFO', hour: '2001-03-01T10:20:00Z', own_flights_24h: null }]);
    expect((await api.post(sets, { endTime: '2001-03-01T10:20:00Z' })).body).toMatchObject({ counts: { spineRows: 0, rows: 0 } });
  });

  it('numbers count up per view version, page by page', async () => {
    const api = await start();
    for (let i = 0; i < 3; i += 1) expect(await create(api, { spine: { rows: [] } })).toMatchObject({ status: 201, body: { trainingDataset: i + 1 } });
    const first = await api.get(`${SETS}?limit=2`);
    expect(first.body).toMatchObject({ items: [{ trainingDataset: 1 }, { trainingDataset: 2 }], nextCursor: expect.any(String) });
    expect((await api.get(`${SETS}?limit=2&cursor=${String(member(first, 'nextCursor'))}`)).body).toMatchObject({
      items: [{ trainingDataset: 3 }],
      nextCursor: null,
    });
  });
});
