/** One definition changed, deprecated and deleted over HTTP. */
import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  return open;
}

const patch = (api: Api, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => api.send('PATCH', path, { body, headers });
const remove = (api: Api, path: string, headers: Readonly<Record<string, string>> = {}) => api.send('DELETE', path, { headers });
const count = { name: 'count', type: 'int', nullable: true };
const SCHEMA = [
  { name: 'origin', type: 'string', nullable: false },
  { name: 'hour', type: 'timestamp', nullable: false },
  { name: 'flights_24h', type: 'int', nullable: false },
  { name: 'mean_delay_24h', type: 'double', nullable: true },
];

describe('PATCH of a feature group', () => {
  it.each([
    ['description', { description: 'other' }],
    ['description taken away', { description: null }],
    ['tags', { tags: { team: 'data', tier: '1' } }],
    ['owner', { owner: 'data@example.com' }],
    ['ttl', { ttl: 'P14D' }],
    ['availabilityDelay', { availabilityDelay: 'PT10M' }],
    ['retention', { retention: 'P60D' }],
    ['statistics', { statistics: false }],
    ['expectations', { expectations: [{ expectationType: 'expect_column_values_to_not_be_null', kwargs: { column: 'flights_24h' } }] }],
    ['validationPolicy', { validationPolicy: 'ALWAYS' }],
    ['status', { status: 'DEPRECATED' }],
  ])('changes its %s in place, in one revision (§6)', async (_, body) => {
    const api = await start();
    const answer = await patch(api, GROUP, body);
    expect([answer.status, answer.headers.get('etag'), answer.body]).toMatchObject([200, '"r3"', { ...body, etag: '"r3"', schemaVersion: 1 }]);
    expect((await api.get(GROUP)).body).toEqual(answer.body);
  });

  it('adds a nullable column, which older rows read as null and which is served (§6)', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    const answer = await patch(api, GROUP, { addFeatures: [count] });
    expect([answer.status, answer.body]).toMatchObject([200, { schema: [...SCHEMA, count], schemaVersion: 2 }]);
    await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], count: 7 }] });
    expect(new Set(rowsOf(await api.post(`${GROUP}/read`)))).toEqual(
      new Set([
        { ...EXAMPLE_ROWS[0], count: 7 },
        { ...EXAMPLE_ROWS[1], count: null },
      ]),
    );
  });

  it('fills rows that omit a column with its default from then on, and leaves older rows null (§6)', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    await patch(api, GROUP, { addFeatures: [{ ...count, default: 5 }] });
    await api.post(`${GROUP}/rows`, { rows: [{ origin: 'LAX', hour: '2001-03-01T10:00:00Z', flights_24h: 1 }] });
    const rows = rowsOf(await api.post(`${GROUP}/read`, { features: ['origin', 'count'] }));
    expect(new Set(rows)).toEqual(
      new Set([
        { origin: 'SFO', count: null },
        { origin: 'JFK', count: null },
        { origin: 'LAX', count: 5 },
      ]),
    );
  });

  it('lets a required column be null from then on (§6)', async () => {
    const api = await start();
    const row = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: null, mean_delay_24h: null };
    expect((await api.post(`${GROUP}/rows`, { rows: [row] })).body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ code: 'NULL_NOT_ALLOWED' }] });
    const schema = SCHEMA.map((column) => (column.name === 'flights_24h' ? { ...column, nullable: true } : column));
    expect(await patch(api, GROUP, { schema })).toMatchObject({ status: 200, body: { schema } });
    expect((await api.post(`${GROUP}/rows`, { rows: [row] })).status).toBe(200);
    expect(rowsOf(await api.post(`${GROUP}/read`))).toEqual([row]);
  });

  it.each([
    ['a nullable column required', { schema: SCHEMA.map((column) => ({ ...column, nullable: false })) }],
    ['a required column added', { addFeatures: [{ name: 'count', type: 'int' }] }],
    ['a narrower type', { widen: [{ name: 'mean_delay_24h', type: 'float' }] }],
    ['another type', { widen: [{ name: 'flights_24h', type: 'string' }] }],
    ['a column dropped', { schema: SCHEMA.slice(0, 3) }],
    ['a column renamed', { schema: SCHEMA.map((column) => (column.name === 'flights_24h' ? { ...column, name: 'flights' } : column)) }],
    ['another primary key', { primaryKey: ['origin', 'flights_24h'] }],
    ['no event time', { eventTime: null, ttl: null }],
    ['other partitions', { partitionBy: ['origin'] }],
  ])('is refused for %s, with the version that can be created instead (§6)', async (_, body) => {
    const api = await start();
    const before = (await api.get(GROUP)).body;
    const answer = await patch(api, GROUP, body);
    expect([answer.status, answer.body]).toMatchObject([409, { code: 'BREAKING_SCHEMA_CHANGE', name: 'airport_delays', version: 1, newVersion: 2 }]);
    expect((await api.get(GROUP)).body).toEqual(before);
  });

  it('makes no revision where nothing changes', async () => {
    const api = await start();
    const answer = await patch(api, GROUP, { ttl: 'P7D', status: 'ACTIVE', owner: 'ops@example.com' });
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"r1"']);
    expect((await api.get('/v1/projects/demo/definitions')).body).toMatchObject({ revision: 2 });
  });

  it('is let through only with the etag of what stands there, where one is sent', async () => {
    const api = await start();
    const stale = await patch(api, GROUP, { owner: 'a' }, { 'if-match': '"r7"' });
    expect([stale.status, stale.body]).toMatchObject([412, { code: 'PRECONDITION_FAILED', expected: '"r7"', found: '"r1"' }]);
    expect((await patch(api, GROUP, { owner: 'a' }, { 'if-match': '"r7", "r1"' })).status).toBe(200);
    expect((await patch(api, GROUP, { owner: 'b' }, { 'if-match': '"r1"' })).status).toBe(412);
    expect((await patch(api, GROUP, { owner: 'b' }, { 'if-match': '*' })).body).toMatchObject({ owner: 'b' });
  });

  it.each([
    [GROUP, '"r1"', { owner: 'a' }],
    [GROUP, '"r1"', { status: 'DEPRECATED' }],
    [VIEW, '"r2"', { description: 'a' }],
    [VIEW, '"r2"', { status: 'DEPRECATED' }],
  ])('lets one of many through that know the same etag: %s %s %j', async (path, etag, body) => {
    const api = await start();
    const answers = await Promise.all(Array.from({ length: 4 }, () => patch(api, path, body, { 'if-match': etag })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412]);
  });

  it('keeps what others changed at the same time: columns added by many clients are all there', async () => {
    const api = await start();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const answers = await Promise.all(names.map((name) => patch(api, GROUP, { addFeatures: [{ name, type: 'int', nullable: true }] })));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
    const { body } = await api.get(GROUP);
    const schema = typeof body === 'object' && body !== null && 'schema' in body && Array.isArray(body.schema) ? body.schema : [];
    expect(new Set(schema.map(({ name }) => name))).toEqual(new Set([...SCHEMA.map(({ name }) => name), ...names]));
  });

  it.each([
    ['a member that is none', { colour: 'red' }, 400, 'UNKNOWN_FIELD'],
    ['its name', { name: 'other' }, 400, 'UNKNOWN_FIELD'],
    ['a status that cannot be set', { status: 'DELETED' }, 400, 'INVALID_ARGUMENT'],
    ['a schema beside single columns', { schema: SCHEMA, addFeatures: [count] }, 400, 'INVALID_ARGUMENT'],
    ['a column to widen that is none', { widen: [{ name: 'nowhere', type: 'bigint' }] }, 400, 'UNKNOWN_FEATURE'],
    ['a column to widen without a type', { widen: [{ name: 'flights_24h' }] }, 400, 'INVALID_ARGUMENT'],
    ['a column that is there', { addFeatures: [{ name: 'flights_24h', type: 'int', nullable: true }] }, 422, 'INVALID_DEFINITION'],
    ['a reserved name', { addFeatures: [{ name: '_x', type: 'int', nullable: true }] }, 422, 'INVALID_DEFINITION'],
    ['a duration of nothing', { ttl: 'PT0S' }, 422, 'INVALID_DEFINITION'],
    ['a description that is too long', { description: 'x'.repeat(257) }, 422, 'INVALID_DEFINITION'],
    ['no object', [], 400, 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, body, status, code) => {
    const api = await start();
    expect(await patch(api, GROUP, body)).toMatchObject({ status, body: { code } });
  });

  it('refuses a group that is not there', async () => {
    const api = await start();
    for (const path of ['/v1/projects/demo/feature-groups/nowhere/versions/1', `${GROUP}0`, '/v1/projects/demo/feature-groups/airport_delays/versions/x'])
      expect(await patch(api, path, { owner: 'a' })).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_GROUP' } });
    expect(await patch(api, GROUP.replace('demo', 'elsewhere'), { owner: 'a' })).toMatchObject({ status: 404, body: { code: 'UNKNOWN_PROJECT' } });
  });
});

describe('PATCH of a feature view', () => {
  it('changes its description, tags and status (§7)', async () => {
    const api = await start();
    const body = { description: 'Delays', tags: { model: 'xgb' }, status: 'DEPRECATED' };
    const answer = await patch(api, VIEW, body, { 'if-match': '"r2"' });
    expect([answer.status, answer.headers.get('etag'), answer.body]).toMatchObject([200, '"r3"', { ...body, etag: '"r3"' }]);
    expect((await api.get(VIEW)).body).toEqual(answer.body);
    expect((await patch(api, VIEW, { status: 'ACTIVE' })).body).toMatchObject({ status: 'ACTIVE', description: 'Delays' });
  });

  it.each([
    ['labels', { labels: [] }],
    ['owner', { owner: 'else@example.com' }],
    ['joins', { joins: [] }],
    ['labelTime', { labelTime: null }],
  ])('is refused for its %s, with the version that can be created instead (§7)', async (member, body) => {
    const api = await start();
    const answer = await patch(api, VIEW, body);
    expect([answer.status, answer.body]).toMatchObject([409, { code: 'IMMUTABLE', newVersion: 2, members: [member] }]);
  });

  it('takes members that are as they were', async () => {
    const api = await start();
    expect(await patch(api, VIEW, { labels: ['delayed'], owner: null })).toMatchObject({ status: 200, body: { etag: '"r2"' } });
  });

  it('refuses members it does not know, an old etag and a view that is not there', async () => {
    const api = await start();
    expect(await patch(api, VIEW, { features: [] })).toMatchObject({ status: 400, body: { code: 'UNKNOWN_FIELD' } });
    expect(await patch(api, VIEW, { tags: {} }, { 'if-match': '"r1"' })).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    expect(await patch(api, `${VIEW}9`, { tags: {} })).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_VIEW' } });
  });
});

describe('DELETE of a definition', () => {
  it('is refused for a group that a view joins, and names the view (§7)', async () => {
    const api = await start();
    const refused = await remove(api, GROUP);
    expect([refused.status, refused.body]).toMatchObject([
      409,
      { code: 'IN_USE', name: 'airport_delays', version: 1, usedBy: ['feature-view:delay_model/1'], repeatable: false },
    ]);
    expect((await api.get(GROUP)).status).toBe(200);
  });

  it('takes view, then group, out of every answer, and gives their numbers to nobody again (§7)', async () => {
    const api = await start();
    const gone = await remove(api, VIEW, { 'if-match': '"r2"' });
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await remove(api, GROUP)).status).toBe(204);
    expect(await api.get(GROUP)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_GROUP' } });
    expect(await api.get(VIEW)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_VIEW' } });
    expect(await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS })).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_GROUP' } });
    expect((await api.get('/v1/projects/demo/feature-groups')).body).toEqual({ items: [], nextCursor: null });
    expect(await remove(api, GROUP)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_GROUP' } });

    expect(await api.post('/v1/projects/demo/feature-groups', airportDelays.json)).toMatchObject({ status: 422, body: { code: 'INVALID_DEFINITION' } });
    const { version: _version, ...unnumbered } = airportDelays.json;
    expect(await api.post('/v1/projects/demo/feature-groups', unnumbered)).toMatchObject({ status: 201, body: { version: 2 } });
  });

  it('by force leaves the view, which says what it lacks and serves nothing of it', async () => {
    const api = await start();
    expect((await remove(api, `${GROUP}?force=true`)).status).toBe(204);
    const gone = { code: 'UNKNOWN_FEATURE_GROUP', message: 'join dep is of feature group airport_delays/1, which was deleted' };
    expect((await api.get(VIEW)).body).toMatchObject({ status: 'ACTIVE', warnings: [gone, { code: 'UNKNOWN_FEATURE_GROUP' }] });
    expect(await api.post(`${VIEW}/vector`, { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 } })).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_FEATURE_GROUP' },
    });
    expect((await patch(api, VIEW, { status: 'DEPRECATED' })).status).toBe(200);
    expect((await remove(api, VIEW)).status).toBe(204);
  });

  it('is refused for a view that training datasets came of, without force', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    const spine = { rows: [{ origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:20:00Z', distance: 2000, delayed: false }] };
    expect((await api.post(`${VIEW}/training-datasets`, { spine })).status).toBe(201);
    expect(await remove(api, VIEW)).toMatchObject({ status: 409, body: { code: 'IN_USE', usedBy: ['training-dataset:delay_model/1/1'] } });
    expect((await remove(api, `${VIEW}?force=true`)).status).toBe(204);
  });

  it('is let through only with the etag of what stands there, and refuses other parameters', async () => {
    const api = await start();
    expect(await remove(api, VIEW, { 'if-match': '"r1"' })).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    expect(await remove(api, `${VIEW}?forced=true`)).toMatchObject({ status: 400, body: { code: 'UNKNOWN_FIELD' } });
    expect((await api.get(VIEW)).status).toBe(200);
  });
});
