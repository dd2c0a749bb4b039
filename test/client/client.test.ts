/** The typed client against the real routes, and against answers no healthy server gives. */
import { afterEach, describe, expect, it } from 'vitest';
import { createClient, LakefoldClientError, type ClientOptions } from '../../lib/client/index.ts';
import { type Api, type delayModel, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi } from '../support/api.ts';
import { manualRuntime, type ManualRuntime } from '../support/client-runtime.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const KNOWN = { origin: 'SFO', dest: 'JFK' };
const UNKNOWN = { origin: 'XXX', dest: 'YYY' };
const LONG = { requestParameters: { distance: 2000 } };

const COMPLETE = {
  features: { dep_flights_24h: 31, dep_mean_delay_24h: 8.2, arr_mean_delay_24h: 4, is_long_haul: true },
  status: 'COMPLETE',
  statuses: { dep_flights_24h: 'PRESENT', dep_mean_delay_24h: 'PRESENT', arr_mean_delay_24h: 'PRESENT', is_long_haul: 'COMPUTED' },
  eventTimes: {
    dep_flights_24h: '2001-03-01T10:00:00Z',
    dep_mean_delay_24h: '2001-03-01T10:00:00Z',
    arr_mean_delay_24h: '2001-03-01T10:00:00Z',
    is_long_haul: null,
  },
};
const MISSING = {
  features: { dep_flights_24h: 0, dep_mean_delay_24h: null, arr_mean_delay_24h: null, is_long_haul: true },
  status: 'MISSING',
  statuses: { dep_flights_24h: 'DEFAULT', dep_mean_delay_24h: 'NOT_FOUND', arr_mean_delay_24h: 'NOT_FOUND', is_long_haul: 'COMPUTED' },
  eventTimes: { dep_flights_24h: null, dep_mean_delay_24h: null, arr_mean_delay_24h: null, is_long_haul: null },
};

function viewOver(runtime: ManualRuntime, options: Partial<ClientOptions> = {}) {
  return createClient({ endpoint: 'http://server.test', project: 'demo', runtime, ...options }).featureView<typeof delayModel>('delay_model', 1);
}

/** The example's server with its rows, and a client of it. */
async function start(options: Partial<ClientOptions> = {}) {
  const api = await openExampleApi();
  open = api;
  await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  const runtime = manualRuntime((request) => api.app.request(request));
  return { runtime, view: viewOver(runtime, options) };
}

/** Runs lookups to their end: the server's promises settle while the clock stands. */
async function ended<T>(runtime: ManualRuntime, work: Promise<T>): Promise<T> {
  let isDone = false;
  const mark = (): void => void (isDone = true);
  work.then(mark, mark);
  for (let turn = 0; turn < 200 && !isDone; turn++) await runtime.advance(0);
  return work;
}

const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );

const problem = (status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Response =>
  Response.json(
    { type: 'about:blank', title: code, status, code, repeatable: status >= 429, detail: `told: ${code}`, requestId: 'r-1', ...more },
    { status, headers },
  );

const ANSWER = { features: [[1]], status: ['COMPLETE'], metadata: { features: [{ name: 'x', type: 'int' }], statuses: [['PRESENT']], eventTimes: [[null]] } };

describe('a lookup', () => {
  it('gives values by name, statuses and event times, as a local store does', async () => {
    const { runtime, view } = await start();
    expect(await ended(runtime, view.getFeatureVector(KNOWN, LONG))).toEqual(COMPLETE);
    expect(await ended(runtime, view.getFeatureVector(UNKNOWN, LONG))).toEqual(MISSING);
  });

  it('refuses what is incomplete where nothing may be missing, and names it', async () => {
    const { runtime, view } = await start();
    const strict = { ...LONG, allowMissing: false } as const;
    expect(await ended(runtime, view.getFeatureVector(KNOWN, strict))).toEqual(COMPLETE);
    const error = await ended(runtime, failure(view.getFeatureVector(UNKNOWN, strict)));
    expect(error).toMatchObject({
      code: 'FEATURE_VECTOR_INCOMPLETE',
      status: 422,
      message: 'expected every feature, found dep_mean_delay_24h, arr_mean_delay_24h missing',
      errors: [
        { entry: 0, feature: 'dep_mean_delay_24h', code: 'NOT_FOUND', message: 'dep_mean_delay_24h is NOT_FOUND' },
        { entry: 0, feature: 'arr_mean_delay_24h', code: 'NOT_FOUND', message: 'arr_mean_delay_24h is NOT_FOUND' },
      ],
    });
  });

  it('takes passed features in place of keys', async () => {
    const { runtime, view } = await start();
    const vector = await ended(runtime, view.getFeatureVector({ origin: 'SFO' }, { ...LONG, passedFeatures: { arr_mean_delay_24h: 1.5 } }));
    expect([vector.features.arr_mean_delay_24h, vector.statuses.arr_mean_delay_24h]).toEqual([1.5, 'PASSED']);
  });

  it('tells the error of a route as it is, with the id of the request', async () => {
    const { runtime } = await start();
    const other = createClient({ endpoint: 'http://server.test/', project: 'demo', runtime }).featureView('nothing', 1);
    const error = await ended(runtime, failure(other.getFeatureVector({})));
    expect(error).toBeInstanceOf(LakefoldClientError);
    expect(error).toMatchObject({ code: 'UNKNOWN_FEATURE_VIEW', status: 404, repeatable: false, requestId: expect.stringMatching(/./) });
    expect(runtime.sent).toHaveLength(1);
  });

  it('sends the key and the headers it was given', async () => {
    const runtime = manualRuntime(() => Response.json(ANSWER));
    const view = createClient({ endpoint: 'http://server.test', apiKey: 'lk_1', headers: { 'x-app': 'shop' }, runtime }).featureView('v', 2);
    expect(await ended(runtime, view.getFeatureVector({ k: 1 }))).toMatchObject({ features: { x: 1 } });
    const [{ url, headers } = { url: '', headers: new Headers() }] = runtime.sent;
    expect([url, headers.get('authorization'), headers.get('x-app')]).toEqual([
      'http://server.test/v1/projects/default/feature-views/v/versions/2/vectors',
      'Bearer lk_1',
      'shop',
    ]);
  });
});

describe('lookups made together', () => {
  it('travel as one request, equal ones once', async () => {
    const { runtime, view } = await start();
    const [a, b, c] = await ended(
      runtime,
      Promise.all([view.getFeatureVector(KNOWN, LONG), view.getFeatureVector(UNKNOWN, LONG), view.getFeatureVector(KNOWN, LONG)]),
    );
    expect([a, b, c]).toEqual([COMPLETE, MISSING, COMPLETE]);
    expect(runtime.sent.map(({ body }) => body)).toEqual([
      {
        entries: [KNOWN, UNKNOWN],
        requestParameters: [{ distance: 2000 }, { distance: 2000 }],
        options: {},
        metadata: { names: true, types: true, statuses: true, eventTimes: true },
      },
    ]);
  });

  it('wait for each other within the window', async () => {
    const runtime = manualRuntime(() =>
      Response.json({
        ...ANSWER,
        features: [[1], [2]],
        status: ['COMPLETE', 'COMPLETE'],
        metadata: { ...ANSWER.metadata, statuses: [['PRESENT'], ['PRESENT']], eventTimes: [[null], [null]] },
      }),
    );
    const view = createClient({ endpoint: 'http://server.test', runtime, batch: { windowMs: 5 } }).featureView('v', 1);
    const first = view.getFeatureVector({ k: 1 });
    await runtime.advance(4);
    const second = view.getFeatureVector({ k: 2 });
    expect(runtime.sent).toEqual([]);
    await runtime.advance(1);
    expect([(await first).features, (await second).features, runtime.sent.length]).toEqual([{ x: 1 }, { x: 2 }, 1]);
  });

  it('part where their options differ or the request is full', async () => {
    const runtime = manualRuntime(async (request) => {
      const { entries } = (await request.json()) as { readonly entries: readonly unknown[] };
      const each = <T>(value: T): T[] => entries.map(() => value);
      return Response.json({
        features: each([1]),
        status: each('COMPLETE'),
        metadata: { ...ANSWER.metadata, statuses: each(['PRESENT']), eventTimes: each([null]) },
      });
    });
    const view = createClient({ endpoint: 'http://server.test', runtime, batch: { entriesMax: 2 } }).featureView('v', 1);
    const entries = [1, 2, 3].map((k) => ({ k }));
    await ended(runtime, Promise.all([...entries.map((entry) => view.getFeatureVector(entry)), view.getFeatureVector({ k: 1 }, { consistent: true })]));
    expect(runtime.sent.map(({ body }) => (body as { readonly entries: unknown }).entries)).toEqual([[{ k: 1 }, { k: 2 }], [{ k: 3 }], [{ k: 1 }]]);
  });

  it('are refused alone where one of them is at fault', async () => {
    const { runtime, view } = await start();
    const [good, bad] = await ended(
      runtime,
      Promise.all([view.getFeatureVector(KNOWN, LONG), failure(view.getFeatureVector({ origin: 'SFO' } as typeof KNOWN, LONG))]),
    );
    expect(good).toEqual(COMPLETE);
    expect(bad).toMatchObject({ code: 'MISSING_ENTRY_KEY', status: 400, errors: [{ entry: 0, field: 'dest', code: 'MISSING_ENTRY_KEY' }] });
    expect(runtime.sent).toHaveLength(2);
  });

  it('go on when one caller leaves, and end when the last one has', async () => {
    const runtime = manualRuntime((request) => new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason))));
    const view = createClient({ endpoint: 'http://server.test', runtime, timeoutMs: 100 }).featureView('v', 1);
    const leaving = new AbortController();
    const first = failure(view.getFeatureVector({ k: 1 }, { signal: leaving.signal }));
    const second = failure(view.getFeatureVector({ k: 1 }));
    await runtime.advance(10);
    leaving.abort('gone');
    expect(await first).toBe('gone');
    await runtime.advance(89);
    expect(runtime.timers()).toBe(1);
    await runtime.advance(1);
    expect(await second).toMatchObject({ code: 'DEADLINE_EXCEEDED', message: 'expected an answer within 100 ms, found none' });
    expect([runtime.timers(), runtime.sent.length]).toEqual([0, 1]);
  });

  it('many entries go as several requests, in order', async () => {
    const { runtime, view } = await start({ batch: { entriesMax: 2 } });
    const vectors = await ended(runtime, view.getFeatureVectors([KNOWN, UNKNOWN, KNOWN], LONG));
    expect(vectors).toEqual([COMPLETE, MISSING, COMPLETE]);
    const other = await ended(runtime, view.getFeatureVectors([KNOWN, UNKNOWN], { requestParameters: [{ distance: 2000 }, { distance: 1 }] }));
    expect(other.map(({ features }) => features.is_long_haul)).toEqual([true, false]);
    const uneven = await failure(view.getFeatureVectors([KNOWN, UNKNOWN], { requestParameters: [{ distance: 1 }] }));
    expect(uneven).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'expected requestParameters for each of 2 entries, found 1' });
  });

  it('ask for names and types once a minute', async () => {
    const { runtime, view } = await start();
    for (const wait of [0, 59_999, 1]) {
      await runtime.advance(wait);
      expect(await ended(runtime, view.getFeatureVector(KNOWN, LONG))).toEqual(COMPLETE);
    }
    expect(runtime.sent.map(({ body }) => 'names' in (body as { readonly metadata: object }).metadata)).toEqual([true, false, true]);
  });
});

describe('a lookup that fails', () => {
  it('is repeated after a pause while repeating can help', async () => {
    const runtime = manualRuntime((_, call) => (call < 3 ? problem(503, 'STORE_THROTTLED') : Response.json(ANSWER)));
    const view = viewOver(runtime) as unknown as { getFeatureVector(entry: object): Promise<{ readonly features: unknown }> };
    const vector = view.getFeatureVector({});
    await runtime.advance(12);
    expect(runtime.sent).toHaveLength(1);
    await runtime.advance(0.5);
    expect(runtime.sent).toHaveLength(2);
    await runtime.advance(25);
    expect([(await vector).features, runtime.sent.length]).toEqual([{ x: 1 }, 3]);
  });

  it('waits as long as the server asks, and does not where that is past its time', async () => {
    const runtime = manualRuntime((_, call) => (call === 1 ? problem(429, 'OVERLOADED', {}, { 'retry-after': '1' }) : Response.json(ANSWER)));
    const patient = createClient({ endpoint: 'http://server.test', runtime }).featureView('v', 1);
    const vector = patient.getFeatureVector({});
    await runtime.advance(999);
    expect(runtime.sent).toHaveLength(1);
    await runtime.advance(1);
    expect((await vector).features).toEqual({ x: 1 });

    const busy = manualRuntime(() => problem(429, 'OVERLOADED', {}, { 'retry-after': '1' }));
    const hurried = createClient({ endpoint: 'http://server.test', runtime: busy, timeoutMs: 500 }).featureView('v', 1);
    expect(await ended(busy, failure(hurried.getFeatureVector({})))).toMatchObject({ code: 'OVERLOADED', status: 429, requestId: 'r-1' });
    expect(busy.sent).toHaveLength(1);
  });

  it.each([
    ['a gateway that answers for it', () => new Response('<html>', { status: 502 }), { code: 'STORE_UNAVAILABLE', status: 502 }],
    [
      'a connection refused',
      () => {
        throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
      },
      { code: 'STORE_UNAVAILABLE', status: 0, message: 'expected an answer from http://server.test, found none: fetch failed (connect ECONNREFUSED)' },
    ],
  ])('tells of %s after three tries', async (_, answer, expected) => {
    const runtime = manualRuntime(answer);
    const error = failure(viewOver(runtime).getFeatureVector(KNOWN, LONG));
    await runtime.advance(100);
    expect(await error).toMatchObject(expected);
    expect(runtime.sent).toHaveLength(3);
  });

  it.each([400, 401, 403, 404, 409, 422, 500])('is not repeated after a %i', async (status) => {
    const runtime = manualRuntime(() => problem(status, 'FORBIDDEN', { repeatable: false }));
    expect(await ended(runtime, failure(viewOver(runtime).getFeatureVector(KNOWN, LONG)))).toMatchObject({ status });
    expect(runtime.sent).toHaveLength(1);
  });

  it('is repeated within the budget only, which grows by a tenth a call', async () => {
    const runtime = manualRuntime(() => problem(503, 'STORE_UNAVAILABLE'));
    const view = viewOver(runtime, { retry: { attempts: 2, budget: 2 } });
    const requests: number[] = [];
    for (let call = 0; call < 24; call++) {
      const before = runtime.sent.length;
      const error = failure(view.getFeatureVector(KNOWN, LONG));
      await runtime.advance(100);
      expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      requests.push(runtime.sent.length - before);
    }
    expect(requests.map((count) => count - 1).join('')).toBe('110000000010000000001000');
  });

  it('says what an answer lacks that is no answer of Lakefold', async () => {
    for (const body of [
      {},
      null,
      { ...ANSWER, features: [] },
      { ...ANSWER, features: [[1, 2]] },
      { ...ANSWER, metadata: { ...ANSWER.metadata, features: undefined } },
    ]) {
      const runtime = manualRuntime(() => Response.json(body));
      expect(await ended(runtime, failure(viewOver(runtime).getFeatureVector(KNOWN, LONG)))).toMatchObject({ code: 'INTERNAL' });
    }
  });

  it('ends with the reason of a signal that was raised before', async () => {
    const runtime = manualRuntime(() => Response.json(ANSWER));
    expect(await failure(viewOver(runtime).getFeatureVector(KNOWN, { ...LONG, signal: AbortSignal.abort('never mind') }))).toBe('never mind');
    await runtime.advance(10);
    expect([runtime.sent, runtime.timers()]).toEqual([[], 0]);
  });
});

describe('options of a client', () => {
  it.each([
    [{ endpoint: 'server.test' }, 'expected an http or https URL as endpoint, found server.test'],
    [{ timeoutMs: 0 }, 'expected a number from 1 to 900000 as timeoutMs, found 0'],
    [{ retry: { attempts: 11 } }, 'expected a number from 1 to 10 as retry.attempts, found 11'],
    [{ retry: { budget: -1 } }, 'expected a number from 0 to 1000 as retry.budget, found -1'],
    [{ batch: { windowMs: Number.NaN } }, 'expected a number from 0 to 1000 as batch.windowMs, found NaN'],
    [{ batch: { entriesMax: 1001 } }, 'expected a number from 1 to 1000 as batch.entriesMax, found 1001'],
  ])('are checked: %j', (options, message) => {
    expect(() => createClient({ endpoint: 'http://server.test', ...options })).toThrow(
      new LakefoldClientError('INVALID_ARGUMENT', message, { status: 0, repeatable: false }),
    );
  });
});
