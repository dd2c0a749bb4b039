import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, type Api, delayModel, GROUP, type memoryParts, openMemoryApi, NOW, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openMemoryApi();
  return open;
}

const GROUPS = '/v1/projects/demo/feature-groups';
const VIEWS = '/v1/projects/demo/feature-views';

/** The example's group as every route answers it. */
const GROUP_BODY = {
  name: 'airport_delays',
  version: 1,
  description: 'Trailing departure delays per airport',
  schema: [
    { name: 'origin', type: 'string', nullable: false },
    { name: 'hour', type: 'timestamp', nullable: false },
    { name: 'flights_24h', type: 'int', nullable: false },
    { name: 'mean_delay_24h', type: 'double', nullable: true },
  ],
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  ttl: 'P7D',
  availabilityDelay: 'PT5M',
  partitionBy: [],
  clusterBy: ['origin', 'hour'],
  expectations: [],
  validationPolicy: 'STRICT',
  profile: 'merge-on-read',
  statistics: true,
  changeFeed: false,
  onlineShards: 16,
  eraseSchedule: null,
  maxFutureSkew: 'PT5M',
  retention: 'P30D',
  deletedRetention: 'P7D',
  idempotencyRetention: 'P7D',
  tags: { team: 'ops' },
  owner: 'ops@example.com',
  status: 'ACTIVE',
  schemaVersion: 1,
  latestCommit: 0,
  table: { location: 'memory://store/demo/feature-groups/airport_delays/1', format: 'delta', profile: 'merge-on-read' },
  createdAt: NOW,
  updatedAt: NOW,
  etag: '"r1"',
  warnings: [],
};

const VIEW_BODY = {
  name: 'delay_model',
  version: 1,
  description: null,
  spine: [
    { name: 'origin', type: 'string', nullable: false },
    { name: 'dest', type: 'string', nullable: false },
    { name: 'predicted_at', type: 'timestamp', nullable: false },
    { name: 'distance', type: 'int', nullable: false },
    { name: 'delayed', type: 'boolean', nullable: true },
  ],
  labelTime: 'predicted_at',
  labels: ['delayed'],
  root: null,
  joins: [
    {
      name: 'dep',
      featureGroup: 'airport_delays',
      version: 1,
      on: { origin: 'origin' },
      features: ['flights_24h', 'mean_delay_24h'],
      prefix: 'dep_',
      lookback: 'P2D',
      availabilityDelay: null,
      boundary: 'inclusive',
      temporal: true,
      filter: null,
      defaults: { flights_24h: 0 },
      via: null,
    },
    {
      name: 'arr',
      featureGroup: 'airport_delays',
      version: 1,
      on: { dest: 'origin' },
      features: ['mean_delay_24h'],
      prefix: 'arr_',
      lookback: null,
      availabilityDelay: null,
      boundary: 'inclusive',
      temporal: true,
      filter: null,
      defaults: {},
      via: null,
    },
  ],
  onDemand: [
    {
      name: 'is_long_haul',
      inputs: [{ name: 'distance', type: 'int', nullable: false }],
      returns: { type: 'boolean', nullable: false },
      sourceHash: delayModel.onDemand[0]?.sourceHash,
    },
  ],
  transforms: {},
  inferenceHelpers: [],
  trainingHelpers: [],
  logging: { sample: 0 },
  tags: {},
  owner: null,
  status: 'ACTIVE',
  features: [
    { name: 'dep_flights_24h', type: 'int', join: 'dep' },
    { name: 'dep_mean_delay_24h', type: 'double', join: 'dep' },
    { name: 'arr_mean_delay_24h', type: 'double', join: 'arr' },
    { name: 'is_long_haul', type: 'boolean', join: null },
  ],
  entryKeys: [
    { name: 'origin', type: 'string' },
    { name: 'dest', type: 'string' },
  ],
  requestParameters: [{ name: 'distance', type: 'int' }],
  createdAt: NOW,
  etag: '"r2"',
  warnings: [],
};

describe('projects', () => {
  it('are created, listed page by page and shown', async () => {
    const api = await start();
    const demo = { name: 'demo', description: null, createdAt: NOW };
    const other = { name: 'other', description: 'Another one', createdAt: NOW };
    const created = await api.post('/v1/projects', { name: 'other', description: 'Another one' });
    expect([created.status, created.body]).toEqual([201, other]);
    expect((await api.get('/v1/projects')).body).toEqual({ items: [demo, other], nextCursor: null });
    expect((await api.get('/v1/projects/demo')).body).toEqual(demo);
    const first = await api.get('/v1/projects?limit=1');
    expect(first.body).toEqual({ items: [demo], nextCursor: expect.any(String) });
    expect((await api.get(`/v1/projects?limit=1&cursor=${cursorOf(first.body)}`)).body).toEqual({ items: [other], nextCursor: null });
  });

  it('are what they were when created again', async () => {
    const api = await start();
    const again = await api.post('/v1/projects', { name: 'demo' });
    expect([again.status, again.body]).toEqual([200, { name: 'demo', description: null, createdAt: NOW }]);
  });
});

describe('feature groups', () => {
  it('are created, then found equal', async () => {
    const api = await start();
    const created = await api.post(GROUPS, airportDelays.json);
    expect([created.status, created.headers.get('etag'), created.body]).toEqual([201, '"r1"', GROUP_BODY]);
    const again = await api.post(GROUPS, airportDelays.json);
    expect([again.status, again.headers.get('etag'), again.body]).toEqual([200, '"r1"', GROUP_BODY]);
    const shown = await api.get(GROUP);
    expect([shown.status, shown.headers.get('etag'), shown.body]).toEqual([200, '"r1"', GROUP_BODY]);
    // What is shown is itself a definition that is equal.
    expect((await api.post(GROUPS, shown.body)).status).toBe(200);
  });

  it('refuse another definition under the same version', async () => {
    const api = await start();
    await api.post(GROUPS, airportDelays.json);
    const refused = await api.post(GROUPS, { ...airportDelays.json, ttl: 'P8D' });
    expect([refused.status, refused.headers.get('content-type'), refused.body]).toEqual([
      409,
      'application/problem+json',
      {
        type: 'about:blank',
        title: 'Already exists',
        status: 409,
        code: 'ALREADY_EXISTS',
        repeatable: false,
        detail: 'feature group airport_delays/1 exists with another definition: differs in ttl',
        name: 'airport_delays',
        version: 1,
        newVersion: null,
        details: [{ path: 'ttl', change: 'change', before: 'P7D', after: 'P8D' }],
      },
    ]);
    expect((await api.get(GROUP)).body).toEqual(GROUP_BODY);
  });

  it('get the next version when none is named', async () => {
    const api = await start();
    const { version: _version, ...unnumbered } = airportDelays.json;
    await api.post(GROUPS, airportDelays.json);
    const next = await api.post(GROUPS, { ...unnumbered, ttl: 'P8D' });
    expect([next.status, next.body]).toEqual([
      201,
      { ...GROUP_BODY, version: 2, ttl: 'P8D', table: { ...GROUP_BODY.table, location: 'memory://store/demo/feature-groups/airport_delays/2' }, etag: '"r2"' },
    ]);
  });

  it('are listed by name and version, page by page', async () => {
    const api = await start();
    for (const [name, version] of [
      ['b', 2],
      ['b', 10],
      ['a', 1],
    ] as const)
      await api.post(GROUPS, { ...airportDelays.json, name, version });
    const names = async (query: string): Promise<unknown> => {
      const { body } = await api.get(`${GROUPS}?${query}`);
      return isPage(body) ? [body.items.map(({ name, version }) => `${name}/${version}`), body.nextCursor === null] : body;
    };
    expect(await names('')).toEqual([['a/1', 'b/2', 'b/10'], true]);
    expect(await names('limit=2')).toEqual([['a/1', 'b/2'], false]);
    expect(await names(`limit=2&cursor=${cursorOf((await api.get(`${GROUPS}?limit=2`)).body)}`)).toEqual([['b/10'], true]);
    expect((await api.get(`${GROUPS}?limit=1`)).body).toMatchObject({
      items: [{ ...GROUP_BODY, name: 'a', table: { ...GROUP_BODY.table, location: 'memory://store/demo/feature-groups/a/1' }, etag: '"r3"' }],
    });
  });

  it('warn of a date that stands for a day', async () => {
    const api = await start();
    const answer = await api.post(GROUPS, {
      name: 'daily',
      schema: [
        { name: 'id', type: 'bigint' },
        { name: 'day', type: 'date' },
      ],
      primaryKey: ['id'],
      eventTime: 'day',
    });
    expect(answer.body).toMatchObject({
      version: 1,
      warnings: [{ code: 'DATE_EVENT_TIME_LEAK', message: expect.stringContaining('set availabilityDelay to P1D or more') }],
    });
  });
});

describe('feature views', () => {
  it('are created, found equal, shown and listed', async () => {
    const api = await start();
    await api.post(GROUPS, airportDelays.json);
    const created = await api.post(VIEWS, delayModel.json);
    expect([created.status, created.headers.get('etag'), created.body]).toEqual([201, '"r2"', VIEW_BODY]);
    expect(await api.post(VIEWS, delayModel.json)).toMatchObject({ status: 200, body: VIEW_BODY });
    expect(await api.get(VIEW)).toMatchObject({ status: 200, body: VIEW_BODY });
    expect((await api.get(VIEWS)).body).toEqual({ items: [VIEW_BODY], nextCursor: null });
  });

  it('are refused while they join what is not there', async () => {
    const api = await start();
    const refused = await api.post(VIEWS, delayModel.json);
    expect([refused.status, refused.body]).toMatchObject([
      404,
      { code: 'UNKNOWN_FEATURE_GROUP', errors: [{ field: 'joins[0].featureGroup' }, { field: 'joins[1].featureGroup' }] },
    ]);
    expect((await api.get(VIEWS)).body).toEqual({ items: [], nextCursor: null });
  });
});

describe('definitions', () => {
  const all = { featureGroups: [airportDelays.json], featureViews: [delayModel.json] };
  const created = (type: string, name: string): object => ({
    type,
    name,
    version: 1,
    action: 'create',
    verdict: 'in place',
    details: [],
    rewrite: null,
    newVersion: null,
  });

  it('are planned and applied together, in one revision', async () => {
    const api = await start();
    const plan = await api.post('/v1/projects/demo/definitions:plan', all);
    expect([plan.status, plan.body]).toEqual([
      200,
      {
        planId: expect.stringMatching(/^pl_[0-9a-f]{32}$/),
        changes: [created('featureGroup', 'airport_delays'), created('featureView', 'delay_model')],
        breaking: false,
        warnings: [],
      },
    ]);
    expect((await api.get(GROUPS)).body).toEqual({ items: [], nextCursor: null });
    const applied = await api.post('/v1/projects/demo/definitions:apply', { planId: planIdOf(plan.body) });
    expect([applied.status, applied.body]).toEqual([
      200,
      {
        applied: [
          { type: 'featureGroup', name: 'airport_delays', version: 1, action: 'create' },
          { type: 'featureView', name: 'delay_model', version: 1, action: 'create' },
        ],
        revision: 1,
      },
    ]);
    expect((await api.get(VIEW)).body).toEqual({ ...VIEW_BODY, etag: '"r1"' });
    expect((await api.get('/v1/projects/demo/definitions')).body).toMatchObject({
      featureGroups: [{ name: 'airport_delays' }],
      featureViews: [{ name: 'delay_model' }],
      revision: 1,
    });
  });

  it('have nothing left to do once applied', async () => {
    const api = await start();
    await applyAll(api, all);
    const plan = await api.post('/v1/projects/demo/definitions:plan', all);
    expect(plan.body).toMatchObject({ changes: [{ action: 'none' }, { action: 'none' }], breaking: false });
    expect((await api.post('/v1/projects/demo/definitions:apply', { planId: planIdOf(plan.body) })).body).toMatchObject({ revision: 1 });
  });

  it('are not applied by a plan made on others', async () => {
    const api = await start();
    const plan = await api.post('/v1/projects/demo/definitions:plan', all);
    await api.post(GROUPS, { ...airportDelays.json, ttl: 'P8D' });
    const stale = await api.post('/v1/projects/demo/definitions:apply', { planId: planIdOf(plan.body) });
    expect([stale.status, stale.body]).toMatchObject([409, { code: 'PLAN_STALE' }]);
    expect((await api.get(VIEWS)).body).toEqual({ items: [], nextCursor: null });
  });

  it('are applied all or not at all', async () => {
    const api = await start();
    await applyAll(api, { featureGroups: [airportDelays.json] });
    const { schema: _schema, ...rest } = airportDelays.json;
    const breaking = await api.post('/v1/projects/demo/definitions:plan', {
      featureGroups: [
        {
          ...rest,
          schema: [
            { name: 'origin', type: 'string' },
            { name: 'hour', type: 'timestamp' },
            { name: 'flights_24h', type: 'string' },
          ],
        },
        { ...airportDelays.json, name: 'fresh' },
      ],
    });
    expect(breaking.body).toMatchObject({
      breaking: true,
      changes: [
        { name: 'airport_delays', verdict: 'new version', newVersion: 2 },
        { name: 'fresh', action: 'create' },
      ],
    });
    const refused = await api.post('/v1/projects/demo/definitions:apply', { planId: planIdOf(breaking.body) });
    expect([refused.status, refused.body]).toMatchObject([409, { code: 'BREAKING_SCHEMA_CHANGE', newVersion: 2 }]);
    expect((await api.get(`${GROUPS}/fresh/versions/1`)).status).toBe(404);
  });

  it('widen a group by a nullable column, which older rows read as null', async () => {
    const api = await start();
    await applyAll(api, all);
    await api.post(`${GROUP}/rows`, { rows: [{ origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 1, mean_delay_24h: null }] });
    const wider = { ...airportDelays.json, schema: [...GROUP_BODY.schema, { name: 'note', type: 'string', nullable: true }] };
    await applyAll(api, { featureGroups: [wider] });
    expect((await api.get(GROUP)).body).toMatchObject({ schemaVersion: 2, latestCommit: 2, etag: '"r2"' });
    await api.post(`${GROUP}/rows`, { rows: [{ origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 2, note: 'n' }] });
    expect((await api.post(`${GROUP}/read`, { where: { column: 'flights_24h', op: '>', value: 0 } })).text.split('\n').toSorted()).toEqual([
      '',
      '{"origin":"JFK","hour":"2001-03-01T10:00:00Z","flights_24h":2,"mean_delay_24h":null,"note":"n"}',
      '{"origin":"SFO","hour":"2001-03-01T10:00:00Z","flights_24h":1,"mean_delay_24h":null,"note":null}',
    ]);
  });
});

async function applyAll(api: Api, definitions: object): Promise<void> {
  const plan = await api.post('/v1/projects/demo/definitions:plan', definitions);
  const applied = await api.post('/v1/projects/demo/definitions:apply', { planId: planIdOf(plan.body) });
  if (applied.status !== 200) throw new Error(applied.text);
}

interface Page {
  readonly items: readonly { readonly name: string; readonly version: number }[];
  readonly nextCursor: string | null;
}

function isPage(body: unknown): body is Page {
  return typeof body === 'object' && body !== null && 'items' in body && Array.isArray(body.items);
}

function cursorOf(body: unknown): string {
  return isPage(body) ? (body.nextCursor ?? '') : '';
}

function planIdOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'planId' in body ? String(body.planId) : '';
}
