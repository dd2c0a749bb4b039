import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const ENTRY = { origin: 'SFO', dest: 'JFK', distance: 2000 };
const FEATURES = { dep_flights_24h: 31, dep_mean_delay_24h: 8.2, arr_mean_delay_24h: 4, is_long_haul: true };
const NONE = { dep_flights_24h: 0, dep_mean_delay_24h: null, arr_mean_delay_24h: null, is_long_haul: true };

function batch(api: Api, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return api.post(`${VIEW}/batch-data`, body, headers);
}

describe('batch data', () => {
  it('has the spine without labels, then the features of now, or as of the label time a row brings (T2)', async () => {
    const api = await start();
    const rows = [{ ...ENTRY }, { ...ENTRY, predicted_at: '2001-03-01T10:04:59Z', delayed: true }, { ...ENTRY, predicted_at: '2001-03-01T10:05:00Z' }];
    const answer = await batch(api, { spine: { rows } });
    expect([answer.status, answer.headers.get('content-type'), rowsOf(answer)]).toEqual([
      200,
      'application/x-ndjson',
      [
        { origin: 'SFO', dest: 'JFK', predicted_at: null, distance: 2000, ...FEATURES },
        { origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:04:59Z', distance: 2000, ...NONE },
        { origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:05:00Z', distance: 2000, ...FEATURES },
      ],
    ]);
    const csv = await batch(api, { spine: { rows: rows.slice(2) } }, { accept: 'text/csv' });
    expect(csv.text).toBe(
      'origin,dest,predicted_at,distance,dep_flights_24h,dep_mean_delay_24h,arr_mean_delay_24h,is_long_haul\r\nSFO,JFK,2001-03-01T10:05:00Z,2000,31,8.2,4,true\r\n',
    );
  });

  it('reads groups as they stood at an instant or a version', async () => {
    const api = await start();
    await api.parts.clock.advance(60_000);
    await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-03-01T10:20:00Z', flights_24h: 40 }] });
    const flights = async (body: object): Promise<unknown> => rowsOf(await batch(api, { spine: { rows: [ENTRY] }, ...body }));
    expect(await flights({})).toMatchObject([{ dep_flights_24h: 40 }]);
    expect(await flights({ asOfTime: '2001-03-01T10:30:30Z' })).toMatchObject([{ dep_flights_24h: 31 }]);
    expect(await flights({ pins: { 'airport_delays/1': 1 } })).toMatchObject([{ dep_flights_24h: 31 }]);
    expect((await batch(api, { spine: { rows: [ENTRY] }, asOfTime: '1999-01-01T00:00:00Z' })).body).toMatchObject({ code: 'NO_SUCH_COMMIT' });
  });

  it('takes the instant asked for as the time of rows that bring none, for lookback and ttl', async () => {
    const api = await start();
    await api.parts.clock.advance(10 * 86_400_000);
    const at = async (asOfTime: string): Promise<unknown> => rowsOf(await batch(api, { spine: { rows: [ENTRY] }, asOfTime }));
    expect(await at('2001-03-03T10:00:00Z')).toMatchObject([FEATURES]);
    expect(await at('2001-03-03T10:00:00.000001Z')).toMatchObject([{ ...NONE, arr_mean_delay_24h: 4 }]);
    expect(rowsOf(await batch(api, { spine: { rows: [ENTRY] } }))).toMatchObject([NONE]);
  });

  it("has the root's rows of [startTime, endTime) where no spine is given", async () => {
    const api = await start();
    await api.post('/v1/projects/demo/feature-views', {
      name: 'rooted',
      spine: [
        { name: 'origin', type: 'string' },
        { name: 'hour', type: 'timestamp' },
        { name: 'flights_24h', type: 'int' },
      ],
      labelTime: 'hour',
      labels: ['flights_24h'],
      root: { name: 'airport_delays', version: 1 },
      joins: [{ featureGroup: 'airport_delays', version: 1, features: ['mean_delay_24h'], prefix: 'own_', boundary: 'inclusive', availabilityDelay: 'PT1S' }],
    });
    await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-03-01T10:20:00Z' }] });
    const path = '/v1/projects/demo/feature-views/rooted/versions/1/batch-data';
    const answer = await api.post(path, { startTime: '2001-03-01T10:20:00Z', endTime: '2001-03-01T10:20:00.000001Z' });
    expect(rowsOf(answer)).toEqual([{ origin: 'SFO', hour: '2001-03-01T10:20:00Z', own_mean_delay_24h: 8.2 }]);
    expect(rowsOf(await api.post(path, { endTime: '2001-03-01T10:00:00Z' }))).toEqual([]);
  });

  it.each([
    [{ spine: { rows: [{ origin: 'SFO', dest: 'JFK' }] } }, 422, 'INVALID_SPINE'],
    [{ spine: { rows: [{ ...ENTRY, predicted_at: 'yesterday' }] } }, 422, 'INVALID_LABEL_TIME'],
    [{ spine: { rows: [ENTRY] }, trainingDataset: 3 }, 404, 'UNKNOWN_TRAINING_DATASET'],
    [{ spine: { rows: [ENTRY] }, trainingDataset: 0 }, 400, 'INVALID_ARGUMENT'],
    [{ spine: { rows: [ENTRY] }, split: null }, 400, 'UNKNOWN_FIELD'],
    [{}, 422, 'UNSUPPORTED_OPERATION'],
  ])('refuses %j', async (body, status, code) => {
    const api = await start();
    expect(await batch(api, body)).toMatchObject({ status, body: { code } });
  });
});
