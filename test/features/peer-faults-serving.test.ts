/** What other feature stores get wrong about writing, serving and registering; each test is named by the fault it would find there. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Api, type memoryParts, NOW, openMemoryApi } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const PROJECT = '/v1/projects/demo';
const column = (name: string, type: string, more: object = {}): object => ({ name, type, ...more });
const NULLABLE = { nullable: true };
const READINGS = {
  name: 'readings',
  version: 1,
  primaryKey: ['sensor'],
  eventTime: 'at',
  onlineEnabled: true,
  ttl: 'PT1H',
  schema: [
    column('sensor', 'string'),
    column('at', 'timestamp'),
    column('whole', 'int', NULLABLE),
    column('single', 'float', NULLABLE),
    column('double', 'double', NULLABLE),
  ],
};
const PLACES = {
  name: 'places',
  version: 1,
  primaryKey: ['sensor'],
  onlineEnabled: true,
  schema: [column('sensor', 'string'), column('city', 'string', NULLABLE)],
};
const VIEW = {
  name: 'model',
  version: 1,
  spine: [column('sensor', 'string'), column('asked_at', 'timestamp')],
  labelTime: 'asked_at',
  root: null,
  joins: [
    { featureGroup: 'readings', version: 1, features: ['whole', 'single', 'double'] },
    { featureGroup: 'places', version: 1, features: ['city'], temporal: false },
  ],
};

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openMemoryApi();
  for (const group of [READINGS, PLACES]) expect((await open.post(`${PROJECT}/feature-groups`, group)).status).toBe(201);
  expect((await open.post(`${PROJECT}/feature-views`, VIEW)).status).toBe(201);
  return open;
}

const minutesAgo = (minutes: number): string => new Date(Date.parse(NOW) - minutes * 60_000).toISOString();
const rows = (api: Api, ...sent: readonly object[]): Promise<Awaited<ReturnType<Api['post']>>> =>
  api.post(`${PROJECT}/feature-groups/readings/versions/1/rows`, { rows: sent });

interface Looked {
  readonly features: readonly (readonly unknown[])[];
  readonly statuses: readonly (readonly string[])[];
  readonly requests: number;
}

async function look(api: Api, ...sensors: readonly string[]): Promise<Looked> {
  const { status, body, text } = await api.post(`${PROJECT}/feature-views/model/versions/1/vectors`, {
    entries: sensors.map((sensor) => ({ sensor })),
    metadata: { statuses: true },
  });
  if (status !== 200) throw new Error(text);
  const { features, metadata, timings } = body as {
    features: Looked['features'];
    metadata: { statuses: Looked['statuses'] };
    timings: { storeRequests: number };
  };
  return { features, statuses: metadata.statuses, requests: timings.storeRequests };
}

describe('serving does not', () => {
  it('call a value present that has outlived its ttl (Feast #6821, #1802)', async () => {
    const api = await start();
    await rows(api, { sensor: 'a', at: minutesAgo(60), whole: 1 });
    expect((await look(api, 'a')).statuses[0]?.[0]).toBe('PRESENT');
    await api.parts.clock.advance(1);
    expect([(await look(api, 'a')).features[0]?.[0], (await look(api, 'a')).statuses[0]?.[0]]).toEqual([null, 'EXPIRED']);
  });

  it('ask the store once for each group or entity of a lookup (Feast #2247, #3259, #3442)', async () => {
    const api = await start();
    await rows(api, { sensor: 'a', at: minutesAgo(1), whole: 1 }, { sensor: 'b', at: minutesAgo(1), whole: 2 });
    expect(await look(api, 'a', 'b', 'a')).toMatchObject({
      features: [
        [1, null, null, null],
        [2, null, null, null],
        [1, null, null, null],
      ],
      requests: 1,
    });
  });

  it('keep an older row of a batch because it came last (Feast #5163)', async () => {
    const api = await start();
    await rows(api, { sensor: 'a', at: minutesAgo(1), whole: 2 }, { sensor: 'a', at: minutesAgo(5), whole: 1 });
    expect((await look(api, 'a')).features[0]?.[0]).toBe(2);
  });

  it('refuse a correction of what it has, event times being equal (Feast #2795)', async () => {
    const api = await start();
    await rows(api, { sensor: 'a', at: minutesAgo(5), whole: 1 });
    await rows(api, { sensor: 'a', at: minutesAgo(5), whole: 2 });
    expect((await look(api, 'a')).features[0]?.[0]).toBe(2);
  });

  it('miss the row at the edge of a window, nor what comes late, nor what follows a far date (Feast #5228, #4133, #4222)', async () => {
    const api = await start();
    const far = await rows(api, { sensor: 'z', at: '2099-01-01T00:00:00Z', whole: 9 });
    expect([far.status, far.body]).toMatchObject([422, { errors: [{ row: 0, feature: 'at', code: 'FUTURE_EVENT_TIME' }] }]);
    await rows(api, { sensor: 'a', at: NOW, whole: 1 });
    await rows(api, { sensor: 'b', at: minutesAgo(30), whole: 2 });
    expect((await look(api, 'a', 'b')).features.map(([whole]) => whole)).toEqual([1, 2]);
  });

  it('turn numbers into null or other numbers on their way (Feast #4110, #1904, #4031, #3884, #1192)', async () => {
    const api = await start();
    await rows(
      api,
      { sensor: 'a', at: minutesAgo(1), whole: 2_147_483_647, single: 0.1, double: 3 },
      { sensor: 'b', at: minutesAgo(1), whole: null, single: 16_777_216, double: 0.1 },
    );
    const online = (await look(api, 'a', 'b')).features;
    expect(online).toEqual([
      [2_147_483_647, Math.fround(0.1), 3, null],
      [null, 16_777_216, 0.1, null],
    ]);
    const read = await api.post(`${PROJECT}/feature-groups/readings/versions/1/read`, { features: ['sensor', 'whole', 'single', 'double'] });
    const offline = read.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(['a', 'b'].map((sensor) => offline.find((row) => row['sensor'] === sensor))).toEqual([
      { sensor: 'a', whole: 2_147_483_647, single: Math.fround(0.1), double: 3 },
      { sensor: 'b', whole: null, single: 16_777_216, double: 0.1 },
    ]);
  });

  it('serve an entity that was deleted (Feast #202, #1694)', async () => {
    const api = await start();
    await rows(api, { sensor: 'a', at: minutesAgo(1), whole: 1 });
    await api.post(`${PROJECT}/feature-groups/readings/versions/1/rows:delete`, { keys: [{ sensor: 'a' }] });
    expect((await look(api, 'a')).statuses[0]?.slice(0, 3)).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
  });

  it('let two groups of one entity overwrite each other (Feast #4213)', async () => {
    const api = await start();
    await rows(api, { sensor: 'a', at: minutesAgo(1), whole: 1 });
    await api.post(`${PROJECT}/feature-groups/places/versions/1/rows`, { rows: [{ sensor: 'a', city: 'Wien' }] });
    expect((await look(api, 'a')).features).toEqual([[1, null, null, 'Wien']]);
  });
});

describe('writing does not', () => {
  it('guess the zone of a time that names none (Feast #5227)', async () => {
    const api = await start();
    const answer = await rows(api, { sensor: 'a', at: '2001-03-01T10:00:00', whole: 1 });
    expect([answer.status, answer.body]).toMatchObject([422, { errors: [{ row: 0, feature: 'at', code: 'NAIVE_TIMESTAMP' }] }]);
  });
});

describe('registering does not', () => {
  it('lose one of two definitions that are registered at once (Feast #2176)', async () => {
    const api = await start();
    const names = ['one', 'two', 'three', 'four'];
    const made = await Promise.all(names.map((name) => api.post(`${PROJECT}/feature-groups`, { ...PLACES, name })));
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const { items } = (await api.get(`${PROJECT}/feature-groups`)).body as { items: readonly { name: string }[] };
    expect(items.map(({ name }) => name).toSorted()).toEqual([...names, 'places', 'readings'].toSorted());
  });
});

describe('training data does not', () => {
  it('need a list of entities to be had (Feast #1611, #5830)', async () => {
    const api = await start();
    await rows(api, { sensor: 'a', at: minutesAgo(10), whole: 1 }, { sensor: 'a', at: minutesAgo(5), whole: 2 }, { sensor: 'b', at: minutesAgo(20), whole: 3 });
    const rooted = {
      ...VIEW,
      name: 'rooted',
      spine: [column('sensor', 'string'), column('at', 'timestamp')],
      labelTime: 'at',
      root: { name: 'readings', version: 1 },
      joins: [{ featureGroup: 'readings', version: 1, features: ['whole'], boundary: 'exclusive' }],
    };
    expect((await api.post(`${PROJECT}/feature-views`, rooted)).status).toBe(201);
    await api.post(`${PROJECT}/feature-views/rooted/versions/1/training-datasets`, { startTime: minutesAgo(15), endTime: NOW, format: 'ndjson' });
    const data = await api.get(`${PROJECT}/feature-views/rooted/versions/1/training-datasets/1/data`);
    const found = data.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(found.map(({ sensor, at, whole }) => `${String(sensor)} ${String(at)} ${String(whole)}`).toSorted()).toEqual([
      'a 2001-03-01T10:20:00Z null',
      'a 2001-03-01T10:25:00Z 1',
    ]);
  });
});
