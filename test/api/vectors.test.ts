import { afterEach, describe, expect, it } from 'vitest';
import { type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openApi, openExampleApi, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const TIMINGS = { totalMs: 0, storeMs: 0, storeRequests: 1 };
const KNOWN = { origin: 'SFO', dest: 'JFK' };
const UNKNOWN = { origin: 'XXX', dest: 'YYY' };

describe('vectors', () => {
  it('answer as the example of the API says (S1, S2, S3, S4)', async () => {
    const api = await start();
    const answer = await api.post(`${VIEW}/vectors`, {
      entries: [KNOWN, UNKNOWN],
      requestParameters: [{ distance: 2000 }, { distance: 100 }],
      metadata: { names: true, types: true, statuses: true, eventTimes: true },
    });
    expect([answer.status, answer.headers.get('x-lakefold-watermark'), answer.body]).toEqual([
      200,
      'airport_delays/1=1; age=0',
      {
        featureView: { name: 'delay_model', version: 1 },
        features: [
          [31, 8.2, 4.0, true],
          [0, null, null, false],
        ],
        status: ['COMPLETE', 'MISSING'],
        metadata: {
          features: [
            { name: 'dep_flights_24h', type: 'int', featureGroup: 'airport_delays', version: 1 },
            { name: 'dep_mean_delay_24h', type: 'double', featureGroup: 'airport_delays', version: 1 },
            { name: 'arr_mean_delay_24h', type: 'double', featureGroup: 'airport_delays', version: 1 },
            { name: 'is_long_haul', type: 'boolean', featureGroup: null, version: null },
          ],
          statuses: [
            ['PRESENT', 'PRESENT', 'PRESENT', 'COMPUTED'],
            ['DEFAULT', 'NOT_FOUND', 'NOT_FOUND', 'COMPUTED'],
          ],
          eventTimes: [
            ['2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z', null],
            [null, null, null, null],
          ],
        },
        timings: TIMINGS,
      },
    ]);
  });

  it('answer one entry by itself', async () => {
    const api = await start();
    const answer = await api.post(`${VIEW}/vector`, {
      entry: KNOWN,
      requestParameters: { distance: 2000 },
      metadata: { statuses: true, eventTimes: true, watermarks: true },
    });
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        featureView: { name: 'delay_model', version: 1 },
        features: [31, 8.2, 4, true],
        status: 'COMPLETE',
        metadata: {
          statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'COMPUTED'],
          eventTimes: ['2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z', null],
          watermarks: { 'airport_delays/1': { version: 1, committedAt: '2001-03-01T10:30:00.001Z' } },
        },
        timings: TIMINGS,
      },
    ]);
  });

  it('answer objects by name, and no metadata where none is asked for', async () => {
    const api = await start();
    const answer = await api.post(`${VIEW}/vectors`, { entries: [KNOWN, KNOWN], requestParameters: { distance: 1 }, options: { format: 'objects' } });
    const features = { dep_flights_24h: 31, dep_mean_delay_24h: 8.2, arr_mean_delay_24h: 4, is_long_haul: false };
    expect(answer.body).toEqual({
      featureView: { name: 'delay_model', version: 1 },
      features: [features, features],
      status: ['COMPLETE', 'COMPLETE'],
      metadata: null,
      timings: TIMINGS,
    });
  });

  it('take passed features for stored ones, and a key is not needed where all of a join are passed (S3)', async () => {
    const api = await start();
    const answer = await api.post(`${VIEW}/vector`, {
      entry: { dest: 'JFK' },
      passedFeatures: { dep_flights_24h: 1, dep_mean_delay_24h: null },
      requestParameters: { distance: 1 },
      metadata: { statuses: true },
    });
    expect(answer.body).toMatchObject({
      features: [1, null, 4, false],
      status: 'COMPLETE',
      metadata: { statuses: ['PASSED', 'PASSED', 'PRESENT', 'COMPUTED'] },
    });
  });

  it('filter by time to live and lookback at the time of the request (T2)', async () => {
    const api = await start();
    const statuses = async (): Promise<unknown> =>
      (await api.post(`${VIEW}/vector`, { entry: KNOWN, requestParameters: { distance: 1 }, metadata: { statuses: true, eventTimes: true } })).body;
    await api.parts.clock.advance(2 * 86_400_000 - 30 * 60_000);
    expect(await statuses()).toMatchObject({ features: [31, 8.2, 4, false], status: 'COMPLETE' });
    await api.parts.clock.advance(1);
    expect(await statuses()).toMatchObject({
      features: [0, null, 4, false],
      status: 'MISSING',
      metadata: { statuses: ['DEFAULT', 'EXPIRED', 'PRESENT', 'COMPUTED'], eventTimes: [null, '2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z', null] },
    });
    await api.parts.clock.advance(5 * 86_400_000);
    expect(await statuses()).toMatchObject({ features: [0, null, null, false], metadata: { statuses: ['DEFAULT', 'EXPIRED', 'EXPIRED', 'COMPUTED'] } });
  });

  it('refuse an incomplete vector where missing is not allowed (S5)', async () => {
    const api = await start();
    const answer = await api.post(`${VIEW}/vector`, { entry: UNKNOWN, requestParameters: { distance: 1 }, options: { allowMissing: false } });
    expect([answer.status, answer.body]).toEqual([
      422,
      {
        type: 'about:blank',
        title: 'Feature vector incomplete',
        status: 422,
        code: 'FEATURE_VECTOR_INCOMPLETE',
        repeatable: false,
        detail: 'expected every feature of delay_model/1, found dep_mean_delay_24h, arr_mean_delay_24h missing',
        errors: [
          { entry: 0, feature: 'dep_mean_delay_24h', code: 'NOT_FOUND', message: 'dep_mean_delay_24h is NOT_FOUND' },
          { entry: 0, feature: 'arr_mean_delay_24h', code: 'NOT_FOUND', message: 'arr_mean_delay_24h is NOT_FOUND' },
        ],
        errorCount: 2,
      },
    ]);
    expect(
      (await api.post(`${VIEW}/vectors`, { entries: [KNOWN, UNKNOWN], requestParameters: { distance: 1 }, options: { allowMissing: false } })).body,
    ).toMatchObject({ status: ['COMPLETE', 'MISSING'] });
  });

  it('wait for a version that was committed, or say that it is not there yet', async () => {
    const api = await start();
    const ask = (version: number, waitMs = 0) =>
      api.post(`${VIEW}/vector`, { entry: KNOWN, requestParameters: { distance: 1 }, options: { minVersions: { 'airport_delays/1': version }, waitMs } });
    expect((await ask(1)).status).toBe(200);
    const refused = await ask(2, 50);
    expect([refused.status, refused.headers.get('retry-after'), refused.body]).toEqual([
      503,
      '1',
      {
        type: 'about:blank',
        title: 'Not yet published',
        status: 503,
        code: 'NOT_YET_PUBLISHED',
        repeatable: true,
        detail: 'expected airport_delays/1 published up to version 2, found 1',
        featureGroup: 'airport_delays/1',
        minVersion: 2,
        watermark: 1,
      },
    ]);
  });

  it('are answered before anything was published, with no version to tell', async () => {
    open = await openExampleApi();
    const answer = await open.post(`${VIEW}/vectors`, { entries: [KNOWN], requestParameters: { distance: 1 }, metadata: { watermarks: true } });
    expect([answer.headers.get('x-lakefold-watermark'), answer.body]).toMatchObject([
      'age=0',
      { features: [[0, null, null, false]], status: ['MISSING'], metadata: { watermarks: { 'airport_delays/1': null } } },
    ]);
    expect((await open.post(`${VIEW}/vectors`, { entries: [] })).body).toMatchObject({ features: [], status: [] });
  });

  it('know a view and a schema that another process has just applied', async () => {
    const api = await start();
    await api.post(`${VIEW}/vectors`, { entries: [KNOWN], requestParameters: { distance: 1 } });
    const other = await openApi(api.parts);
    const second = {
      name: 'second',
      spine: [
        { name: 'origin', type: 'string' },
        { name: 'at', type: 'timestamp' },
      ],
      labelTime: 'at',
      joins: [{ featureGroup: 'airport_delays', version: 1, features: ['flights_24h'] }],
    };
    await other.post('/v1/projects/demo/feature-views', second);
    await other.close();
    expect((await api.post('/v1/projects/demo/feature-views/second/versions/1/vector', { entry: { origin: 'SFO' } })).body).toMatchObject({
      features: [31],
      status: 'COMPLETE',
    });
    expect((await api.post('/v1/projects/demo/feature-views/second/versions/1/training-datasets', { spine: { rows: [] } })).status).toBe(201);
  });

  it('refuse a view whose function this server does not have', async () => {
    const api = await start();
    const bare = await openApi(api.parts, new Map());
    const answer = await bare.post(`${VIEW}/vector`, { entry: KNOWN, requestParameters: { distance: 1 } });
    await bare.close();
    expect([answer.status, answer.body]).toMatchObject([409, { code: 'FUNCTION_MISMATCH', function: 'is_long_haul' }]);
  });
});
