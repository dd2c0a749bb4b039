import { describe, expect, it } from 'vitest';
import type { Json } from '../../lib/core/json.ts';
import { instant } from '../../lib/core/time.ts';
import type { OnDemandFunction } from '../../lib/online/on-demand.ts';
import { parseVectorBody, parseVectorsBody } from '../../lib/online/vector-request.ts';
import { getVectors } from '../../lib/online/vectors.ts';
import { vectorBody, vectorsBody, watermarkHeader } from '../../lib/online/vectors-body.ts';
import type { ServedGroup, ViewPlan } from '../../lib/online/view-plan.ts';
import { WatermarkCache } from '../../lib/online/watermark-cache.ts';
import type { OnlineReader, OnlineStore } from '../../lib/ports/online-store.ts';
import { testClock } from '../support/fold-ports.ts';
import { modelOnlineStore } from '../support/fold-store.ts';
import { AIRPORT_DELAYS, countedReader, DELAY_MODEL, exampleStore, join, planOf, putRecords, putWatermark } from '../support/vectors-fixture.ts';

const NOW = instant('2001-03-01T10:30:00Z');
const ENTRY = { origin: 'SFO', dest: 'JFK' };

interface Setup {
  readonly store?: OnlineReader;
  readonly plan?: ViewPlan;
  readonly now?: bigint;
}

async function server(setup: Setup = {}) {
  const counted = countedReader(setup.store ?? (await exampleStore()));
  const clock = testClock(setup.now ?? NOW);
  const deps = { online: counted.reader, clock, watermarks: new WatermarkCache() };
  const plan = setup.plan ?? planOf();
  return {
    reads: counted.reads,
    clock,
    vectors: async (body: Json) => {
      const request = parseVectorsBody(body);
      return vectorsBody({ plan, request, vectors: await getVectors(deps, { plan, request }) });
    },
    vector: async (body: Json) => {
      const request = parseVectorBody(body);
      return vectorBody({ plan, request, vectors: await getVectors(deps, { plan, request }) });
    },
    raw: (body: Json) => getVectors(deps, { plan, request: parseVectorsBody(body) }),
  };
}

const failing: OnlineReader = {
  read: async ({ items, watermarks }) => ({
    items: items.map(() => ({ kind: 'failed' as const, cause: 'throttled' })),
    watermarks: watermarks.map(() => 'failed' as const),
    storeRequests: 1,
  }),
};

/** Fails the items of which `isLost` says so. */
function partlyFailing(inner: OnlineStore, isLost: (index: number) => boolean): OnlineReader {
  return {
    read: async (request, options) => {
      const answer = await inner.read(request, options);
      return { ...answer, items: answer.items.map((item, i) => (isLost(i) ? { kind: 'failed' as const, cause: 'throttled' } : item)) };
    },
  };
}

describe('vectors (semantics §10)', () => {
  it('answers the example of the API page, in one store request', async () => {
    const { vectors, reads } = await server();
    const body = await vectors({
      entries: [ENTRY, { origin: 'XXX', dest: 'YYY' }],
      requestParameters: [{ distance: 2000 }, { distance: 100 }],
      metadata: { names: true, types: true, statuses: true, eventTimes: true },
    });
    expect(body).toEqual({
      featureView: { name: 'delay_model', version: 1 },
      features: [
        [31, 8.2, 4, true],
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
      timings: { totalMs: 0, storeMs: 0, storeRequests: 1 },
    });
    expect(reads).toEqual([{ items: 4, watermarks: 1, consistent: false }]);
  });

  it('answers one vector in one dimension', async () => {
    const { vector } = await server();
    expect(
      await vector({
        entry: ENTRY,
        requestParameters: { distance: 2000 },
        metadata: { statuses: true, eventTimes: true, watermarks: true },
        options: { format: 'objects' },
      }),
    ).toEqual({
      featureView: { name: 'delay_model', version: 1 },
      features: { dep_flights_24h: 31, dep_mean_delay_24h: 8.2, arr_mean_delay_24h: 4, is_long_haul: true },
      status: 'COMPLETE',
      metadata: {
        statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'COMPUTED'],
        eventTimes: ['2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z', null],
        watermarks: { 'airport_delays/1': { version: 42, committedAt: '2001-03-01T11:00:00Z' } },
      },
      timings: { totalMs: 0, storeMs: 0, storeRequests: 1 },
    });
  });

  it('keeps rows aligned with entries, duplicates included, one parameter object serving all (S1)', async () => {
    const { vectors } = await server();
    const body = await vectors({ entries: [{ origin: 'JFK', dest: 'SFO' }, ENTRY, { origin: 'JFK', dest: 'SFO' }], requestParameters: { distance: 1 } });
    expect(body).toMatchObject({
      features: [
        [7, 4, 8.2, false],
        [31, 8.2, 4, false],
        [7, 4, 8.2, false],
      ],
      metadata: null,
    });
    expect(await vectors({ entries: [] })).toMatchObject({ features: [], status: [] });
  });

  it('tells a stored null from a missing record (S4, P5)', async () => {
    const store = modelOnlineStore();
    await putRecords(store, AIRPORT_DELAYS, [{ key: ['SFO'], at: '2001-03-01T10:00:00Z', values: [1, null] }]);
    const { vector } = await server({ store });
    expect(await vector({ entry: ENTRY, requestParameters: { distance: 1 }, metadata: { statuses: true } })).toMatchObject({
      features: [1, null, null, false],
      status: 'MISSING',
      metadata: { statuses: ['PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'COMPUTED'] },
    });
  });

  it('sees a record up to min(lookback, ttl) of its age, inclusive, then says EXPIRED with its event time (T2)', async () => {
    const plan = planOf({
      ...DELAY_MODEL,
      joins: [
        join({ name: 'dep', features: ['mean_delay_24h'], prefix: 'dep_', lookback: 'P2D' }),
        join({ name: 'arr', on: { dest: 'origin' }, features: ['mean_delay_24h'], prefix: 'arr_' }),
      ],
      onDemand: [],
    });
    const at = async (now: string) => (await server({ plan, now: instant(now) })).vector({ entry: ENTRY, metadata: { statuses: true, eventTimes: true } });
    expect(await at('2001-03-03T10:00:00Z')).toMatchObject({ features: [8.2, 4] });
    expect(await at('2001-03-03T10:00:00.000001Z')).toMatchObject({
      features: [null, 4],
      status: 'MISSING',
      metadata: { statuses: ['EXPIRED', 'PRESENT'], eventTimes: ['2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z'] },
    });
    expect(await at('2001-03-08T10:00:00.000001Z')).toMatchObject({ metadata: { statuses: ['EXPIRED', 'EXPIRED'] } });
  });

  it('fills defaults for missing and expired records, not for stored nulls (S3)', async () => {
    const store = modelOnlineStore();
    await putRecords(store, AIRPORT_DELAYS, [
      { key: ['SFO'], at: '2001-03-01T10:00:00Z', values: [1, null] },
      { key: ['OLD'], at: '2001-01-01T00:00:00Z', values: [1, 1] },
    ]);
    const plan = planOf({
      ...DELAY_MODEL,
      joins: [join({ name: 'dep', features: ['mean_delay_24h'], prefix: 'dep_', defaults: { mean_delay_24h: -1 } })],
      onDemand: [],
    });
    const { vectors } = await server({ store, plan });
    expect(await vectors({ entries: [{ origin: 'SFO' }, { origin: 'OLD' }, { origin: 'XXX' }], metadata: { statuses: true, eventTimes: true } })).toMatchObject(
      {
        features: [[null], [-1], [-1]],
        status: ['COMPLETE', 'COMPLETE', 'COMPLETE'],
        metadata: { statuses: [['NULL_VALUE'], ['DEFAULT'], ['DEFAULT']], eventTimes: [['2001-03-01T10:00:00Z'], [null], [null]] },
      },
    );
  });

  it('counts a record its join filter is not true of as absent, however old (P17)', async () => {
    const store = modelOnlineStore();
    await putRecords(store, AIRPORT_DELAYS, [
      { key: ['SFO'], at: '2001-03-01T10:00:00Z', values: [5, 2] },
      { key: ['NUL'], at: '2001-03-01T10:00:00Z', values: [5, null] },
      { key: ['LOW'], at: '2001-01-01T00:00:00Z', values: [5, 1] },
      { key: ['OLD'], at: '2001-01-01T00:00:00Z', values: [5, 3] },
    ]);
    const filter = {
      and: [
        { column: 'mean_delay_24h', op: '>=', value: 2 },
        { column: 'hour', op: '<', value: '2001-04-01T00:00:00Z' },
        { not: { column: 'origin', op: '=', value: 'ZZZ' } },
      ],
    };
    const plan = planOf({ ...DELAY_MODEL, joins: [join({ features: ['flights_24h'], filter })], onDemand: [] });
    const { vectors } = await server({ store, plan });
    expect(await vectors({ entries: ['SFO', 'NUL', 'LOW', 'OLD'].map((origin) => ({ origin })), metadata: { statuses: true } })).toMatchObject({
      metadata: { statuses: [['PRESENT'], ['NOT_FOUND'], ['NOT_FOUND'], ['EXPIRED']] },
    });
  });

  it('takes passed features first and needs no key for a join all of whose features are passed (S3)', async () => {
    const { vector, reads } = await server();
    expect(
      await vector({
        entry: { origin: 'SFO' },
        passedFeatures: { arr_mean_delay_24h: null, dep_flights_24h: 9 },
        requestParameters: { distance: 1 },
        metadata: { statuses: true },
      }),
    ).toMatchObject({
      features: [9, 8.2, null, false],
      status: 'COMPLETE',
      metadata: { statuses: ['PASSED', 'PRESENT', 'PASSED', 'COMPUTED'] },
    });
    expect(reads).toEqual([{ items: 1, watermarks: 1, consistent: false }]);
  });

  it('finds nothing for a null key part and keeps the row (P7)', async () => {
    const { vector } = await server();
    expect(await vector({ entry: { origin: null, dest: 'JFK' }, requestParameters: { distance: 1 } })).toMatchObject({
      features: [0, null, 4, false],
      status: 'MISSING',
    });
  });

  it('serves keys and event time of a record as features', async () => {
    const plan = planOf({ ...DELAY_MODEL, joins: [join({ features: ['origin', 'hour', 'flights_24h'], prefix: 'x_' })], onDemand: [] });
    const { vector } = await server({ plan });
    expect(await vector({ entry: { origin: 'SFO' } })).toMatchObject({ features: ['SFO', '2001-03-01T10:00:00Z', 31] });
  });

  it('leaves out labels, training helpers and, unless asked, inference helpers (S2)', async () => {
    const plan = planOf({ ...DELAY_MODEL, inferenceHelpers: ['dep_mean_delay_24h'], trainingHelpers: ['arr_mean_delay_24h'] });
    const { vector } = await server({ plan });
    const body = { entry: { origin: 'SFO', dest: 'XXX' }, requestParameters: { distance: 1 } };
    expect(await vector(body)).toMatchObject({ features: [31, false], status: 'COMPLETE' });
    expect(await vector({ ...body, options: { includeHelpers: true } })).toMatchObject({ features: [31, 8.2, false] });
  });

  it('fetches a key that is a feature of another join, one fan-out per level (P11)', async () => {
    const carriers: ServedGroup = {
      definition: {
        name: 'carriers',
        version: 2,
        primaryKey: ['flights'],
        eventTime: null,
        onlineEnabled: true,
        ttl: null,
        schema: [
          { name: 'flights', type: 'int', nullable: false },
          { name: 'rank', type: 'bigint', nullable: true },
        ],
      },
      generation: 1,
      onlineShards: 1,
      schemas: [{ fingerprint: '0000000000000001', columns: [['rank', 'bigint', true]] }],
    };
    const store = await exampleStore();
    await putRecords(store, carriers, [{ key: [31], at: null, values: [2n ** 60n] }]);
    const plan = planOf(
      {
        ...DELAY_MODEL,
        onDemand: [],
        joins: [
          join({
            name: 'far',
            featureGroup: 'carriers',
            version: 2,
            on: { flights_24h: 'flights' },
            features: ['rank'],
            via: { join: 'dep', feature: 'flights_24h' },
          }),
          join({ name: 'dep', features: ['flights_24h'], prefix: 'dep_' }),
        ],
      },
      [AIRPORT_DELAYS, carriers],
    );
    const { vectors, reads } = await server({ store, plan });
    expect(await vectors({ entries: [{ origin: 'SFO' }, { origin: 'XXX' }], metadata: { statuses: true } })).toMatchObject({
      features: [
        ['1152921504606846976', 31],
        [null, null],
      ],
      metadata: {
        statuses: [
          ['PRESENT', 'PRESENT'],
          ['NOT_FOUND', 'NOT_FOUND'],
        ],
      },
    });
    expect(reads.map((read) => read.items)).toEqual([2, 1]);
    const lost = await server({ store: partlyFailing(store, (i) => i === 0), plan });
    expect(await lost.vectors({ entries: [{ origin: 'SFO' }, { origin: 'XXX' }], metadata: { statuses: true } })).toMatchObject({
      metadata: {
        statuses: [
          ['ERROR', 'ERROR'],
          ['NOT_FOUND', 'NOT_FOUND'],
        ],
      },
    });
  });

  it('says ERROR, never NOT_FOUND, for what the store did not answer, and 503 when that is every row (S5, S6)', async () => {
    const { vectors } = await server({ store: partlyFailing(await exampleStore(), (i) => i === 1) });
    expect(await vectors({ entries: [{ origin: 'JFK', dest: 'SFO' }, ENTRY], requestParameters: { distance: 1 }, metadata: { statuses: true } })).toMatchObject(
      {
        status: ['COMPLETE', 'ERROR'],
        metadata: {
          statuses: [
            ['PRESENT', 'PRESENT', 'PRESENT', 'COMPUTED'],
            ['ERROR', 'ERROR', 'PRESENT', 'COMPUTED'],
          ],
        },
      },
    );
    await expect((await server({ store: failing })).vectors({ entries: [ENTRY, ENTRY], requestParameters: { distance: 1 } })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  it('reads payloads of older schemas raised, and answers ERROR for one it does not know (storage §4)', async () => {
    const store = modelOnlineStore();
    const old = { fingerprint: '0000000000000009', columns: [['flights_24h', 'int', false]] as const };
    const both: ServedGroup = { ...AIRPORT_DELAYS, schemas: [old, ...AIRPORT_DELAYS.schemas] };
    await putRecords(store, both, [
      { key: ['SFO'], at: '2001-03-01T10:00:00Z', values: [3], schema: 0 },
      { key: ['JFK'], at: '2001-03-01T10:00:00Z', values: [7, 4] },
    ]);
    const body = { entries: [ENTRY], requestParameters: { distance: 1 }, metadata: { statuses: true } };
    expect(await (await server({ store, plan: planOf(DELAY_MODEL, [both]) })).vectors(body)).toMatchObject({
      features: [[3, null, 4, false]],
      metadata: { statuses: [['PRESENT', 'NULL_VALUE', 'PRESENT', 'COMPUTED']] },
    });
    const unaware = await server({ store });
    expect(await unaware.vectors(body)).toMatchObject({ features: [[null, null, 4, false]], status: ['ERROR'] });
    expect((await unaware.raw(body)).hasUnknownSchema).toBe(true);
  });

  it('refuses an incomplete single vector when nothing may be missing (S5)', async () => {
    const { vector, vectors } = await server();
    await expect(vector({ entry: { origin: 'SFO', dest: 'XXX' }, requestParameters: { distance: 1 }, options: { allowMissing: false } })).rejects.toMatchObject(
      {
        code: 'FEATURE_VECTOR_INCOMPLETE',
        errors: [{ entry: 0, feature: 'arr_mean_delay_24h', code: 'NOT_FOUND', message: 'arr_mean_delay_24h is NOT_FOUND' }],
      },
    );
    expect(await vectors({ entries: [{ origin: 'SFO', dest: 'XXX' }], requestParameters: { distance: 1 }, options: { allowMissing: false } })).toMatchObject({
      status: ['MISSING'],
    });
  });
});

describe('on-demand functions in vectors (S9)', () => {
  const inputs = [
    { name: 'distance', type: 'int', nullable: false },
    { name: 'dep_mean_delay_24h', type: 'double', nullable: false },
  ];
  const view = { ...DELAY_MODEL, onDemand: [{ name: 'score', inputs, returns: { type: 'double', nullable: false } }] };
  const planWith = (compute: OnDemandFunction): ViewPlan => planOf(view, [AIRPORT_DELAYS], new Map([['score', compute]]));

  it('get parameters, features and the time of the request', async () => {
    const seen: unknown[] = [];
    const { vector } = await server({
      plan: planWith((given, context) => {
        seen.push([given, context]);
        return 0.5;
      }),
    });
    expect(await vector({ entry: ENTRY, requestParameters: { distance: 9 } })).toMatchObject({ features: [31, 8.2, 4, 0.5] });
    expect(await vector({ entry: ENTRY, requestParameters: { distance: 9, dep_mean_delay_24h: 1.5 } })).toMatchObject({ features: [31, 8.2, 4, 0.5] });
    expect(seen).toEqual([
      [{ distance: 9, dep_mean_delay_24h: 8.2 }, { at: '2001-03-01T10:30:00Z' }],
      [{ distance: 9, dep_mean_delay_24h: 1.5 }, { at: '2001-03-01T10:30:00Z' }],
    ]);
  });

  it('are not called when an input that may not be null is, and take its status', async () => {
    const { vector } = await server({
      plan: planWith(() => {
        throw new Error('called');
      }),
    });
    const entry = { origin: 'XXX', dest: 'JFK' };
    expect(await vector({ entry, requestParameters: { distance: 1 }, metadata: { statuses: true } })).toMatchObject({
      features: [0, null, 4, null],
      metadata: { statuses: ['DEFAULT', 'NOT_FOUND', 'PRESENT', 'NOT_FOUND'] },
    });
    expect(await vector({ entry: ENTRY, requestParameters: { distance: null }, metadata: { statuses: true } })).toMatchObject({
      status: 'COMPLETE',
      metadata: { statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'NULL_VALUE'] },
    });
  });

  it('give null and ERROR when they throw or return another type, and say why', async () => {
    for (const compute of [
      () => {
        throw new Error('no');
      },
      () => 'x',
      () => null,
      () => Promise.resolve(1),
    ]) {
      const { vector, raw } = await server({ plan: planWith(compute) });
      expect(await vector({ entry: ENTRY, requestParameters: { distance: 1 }, metadata: { statuses: true } })).toMatchObject({
        features: [31, 8.2, 4, null],
        status: 'ERROR',
        metadata: { statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'ERROR'] },
      });
      expect((await raw({ entries: [ENTRY], requestParameters: { distance: 1 } })).functionFailures).toMatchObject([{ name: 'score', entry: 0 }]);
    }
  });

  it('are missing from the deployment: the view is refused', () => {
    expect(() => planOf(view, [AIRPORT_DELAYS], new Map())).toThrow(expect.objectContaining({ code: 'FUNCTION_MISMATCH', context: { function: 'score' } }));
  });
});

describe('faults of a lookup (S7)', () => {
  const faults: readonly [string, Json, object][] = [
    ['an unknown entry key', { entries: [ENTRY, { ...ENTRY, orign: 'x' }] }, { code: 'UNKNOWN_ENTRY_KEY', context: { entry: 1 } }],
    [
      'a missing entry key',
      { entries: [ENTRY, { origin: 'SFO' }] },
      {
        code: 'MISSING_ENTRY_KEY',
        context: { entry: 1 },
        errors: [{ entry: 1, field: 'dest', code: 'MISSING_ENTRY_KEY', message: 'expected the key dest, found none' }],
      },
    ],
    [
      'a number for a string key',
      { entries: [{ origin: 12, dest: 'JFK' }] },
      {
        code: 'TYPE_MISMATCH',
        errors: [{ entry: 0, field: 'origin', code: 'TYPE_MISMATCH', message: 'expected string for origin, found 12', expected: 'string', found: '12' }],
      },
    ],
    ['an unknown passed feature', { entries: [ENTRY], passedFeatures: [{ nope: 1 }] }, { code: 'UNKNOWN_FEATURE' }],
    ['a passed feature of the wrong type', { entries: [ENTRY], passedFeatures: [{ dep_flights_24h: 1.5 }] }, { code: 'TYPE_MISMATCH' }],
    [
      'an out-of-range parameter',
      { entries: [ENTRY], requestParameters: [{ distance: 2 ** 31 }] },
      { code: 'TYPE_MISMATCH', errors: [{ code: 'OUT_OF_RANGE', field: 'distance' }] },
    ],
    ['an unknown parameter', { entries: [ENTRY], requestParameters: [{ distance: 1, speed: 2 }] }, { code: 'UNKNOWN_REQUEST_PARAMETER' }],
    ['as many parameters as there are not entries', { entries: [ENTRY], requestParameters: [{ distance: 1 }, { distance: 2 }] }, { code: 'INVALID_ARGUMENT' }],
    ['an unknown field', { entries: [], option: {} }, { code: 'UNKNOWN_FIELD', context: { field: 'option' } }],
    ['an unknown option', { entries: [], options: { alowMissing: true } }, { code: 'UNKNOWN_FIELD' }],
    ['an unknown format', { entries: [], options: { format: 'csv' } }, { code: 'INVALID_ARGUMENT' }],
    ['a wait beyond five seconds', { entries: [], options: { waitMs: 5001 } }, { code: 'INVALID_ARGUMENT' }],
    ['no entries member', {}, { code: 'INVALID_ARGUMENT', context: { field: 'entries' } }],
    [
      'more entries than allowed',
      { entries: Array.from({ length: 1001 }, () => ({})) },
      { code: 'LIMIT_EXCEEDED', context: { limit: 'ENTRIES_MAX', limitValue: 1000 } },
    ],
    ['a minimum version of a group the view lacks', { entries: [], options: { minVersions: { 'other/1': 1 } } }, { code: 'INVALID_ARGUMENT' }],
  ];
  for (const [name, body, error] of faults) {
    it(`refuses ${name} before anything is read`, async () => {
      const { vectors, reads } = await server();
      await expect(vectors({ requestParameters: { distance: 1 }, ...(body as object) })).rejects.toMatchObject(error);
      expect(reads).toEqual([]);
    });
  }

  it("refuses a missing parameter, unless the function's own value is passed", async () => {
    const { vectors, vector } = await server();
    await expect(vectors({ entries: [ENTRY] })).rejects.toMatchObject({ code: 'MISSING_REQUEST_PARAMETER', errors: [{ entry: 0, field: 'distance' }] });
    expect(await vector({ entry: ENTRY, passedFeatures: { is_long_haul: true }, metadata: { statuses: true } })).toMatchObject({
      features: [31, 8.2, 4, true],
      metadata: { statuses: ['PRESENT', 'PRESENT', 'PRESENT', 'PASSED'] },
    });
  });

  it('refuses a view that joins a group which is not online', () => {
    expect(() => planOf(DELAY_MODEL, [{ ...AIRPORT_DELAYS, definition: { ...AIRPORT_DELAYS.definition, onlineEnabled: false } }])).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_OPERATION' }),
    );
  });
});

describe('watermarks of a lookup', () => {
  const body = { entries: [ENTRY], requestParameters: { distance: 1 } };

  it('are read at most once a second and told in the header with their age (S8)', async () => {
    const { raw, reads, clock } = await server();
    expect(watermarkHeader(await raw(body))).toBe('airport_delays/1=42; age=0');
    clock.set(NOW + 800_000n);
    expect(watermarkHeader(await raw(body))).toBe('airport_delays/1=42; age=0.8');
    clock.set(NOW + 1_000_001n);
    await raw(body);
    expect(reads.map((read) => read.watermarks)).toEqual([1, 0, 1]);
  });

  it('leave out a group that is not published', async () => {
    const { raw } = await server({ store: modelOnlineStore() });
    expect(watermarkHeader(await raw(body))).toBe('age=0');
  });

  it('make a consistent lookup read everything strongly, in one request', async () => {
    const { vectors, reads } = await server();
    await vectors({ ...body, options: { consistent: true } });
    expect(reads).toEqual([{ items: 2, watermarks: 1, consistent: true }]);
  });

  it('hold a lookup back until the version asked for is published, items read after that', async () => {
    const store = await exampleStore();
    const { vectors, reads, clock } = await server({ store });
    const sleep = clock.sleep.bind(clock);
    Object.assign(clock, {
      sleep: async (millis: number) => {
        await sleep(millis);
        await putWatermark(store, AIRPORT_DELAYS, 43);
      },
    });
    expect(await vectors({ ...body, options: { minVersions: { 'airport_delays/1': 43 }, waitMs: 1000 } })).toMatchObject({ features: [[31, 8.2, 4, false]] });
    expect(reads).toEqual([
      { items: 0, watermarks: 1, consistent: true },
      { items: 0, watermarks: 1, consistent: true },
      { items: 2, watermarks: 0, consistent: true },
    ]);
  });

  it('end it with NOT_YET_PUBLISHED when the wait is over', async () => {
    const { vectors } = await server();
    await expect(vectors({ ...body, options: { minVersions: { 'airport_delays/1': 43 }, waitMs: 100 } })).rejects.toMatchObject({
      code: 'NOT_YET_PUBLISHED',
      context: { featureGroup: 'airport_delays/1', minVersion: 43, watermark: 42 },
    });
  });

  it('need no second look for a version that was seen published', async () => {
    const { vectors, reads } = await server();
    await vectors(body);
    await vectors({ ...body, options: { minVersions: { 'airport_delays/1': 42 } } });
    expect(reads.map((read) => read.items)).toEqual([2, 2]);
  });
});
