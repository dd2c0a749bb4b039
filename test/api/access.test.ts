/** Keys and grants: who is let in, to what, and what they are told otherwise. */
import { afterEach, describe, expect, it } from 'vitest';
import { accessGuard } from '../../functions/http/access-guard.ts';
import { createHttpApp } from '../../functions/http/create-app.ts';
import { recordUse } from '../../lib/features/access/api-keys.ts';
import { KeyAuthenticator } from '../../lib/features/access/authenticate.ts';
import { type Answer, type Api, EXAMPLE_ROWS, GROUP, type MemoryParts, openExampleApi, VIEW } from '../support/api.ts';
import { ROUTE_RIGHTS } from '../support/route-rights.ts';

type Ask = (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answer>;

let open: Api<MemoryParts> | undefined;
afterEach(() => open?.close());

interface Guarded {
  /** The routes without a guard: the administrator's way in. */
  readonly api: Api<MemoryParts>;
  /** As whoever bears the secret; undefined = nobody. */
  readonly as: (secret: string | undefined) => Ask;
  readonly key: (scopes: readonly string[], resources?: readonly string[], more?: object) => Promise<{ readonly id: string; readonly secret: string }>;
  readonly uses: Promise<void>[];
}

const PROJECT = '/v1/projects/demo';

async function start(): Promise<Guarded> {
  const api = await openExampleApi();
  open = api;
  const { parts } = api;
  const app = createHttpApp({ ...parts, log: api.log });
  const uses: Promise<void>[] = [];
  app.use(
    '/v1/*',
    accessGuard({
      keys: new KeyAuthenticator(parts),
      definitions: (project) => api.projects.registry(project),
      used: (key) => void uses.push(recordUse(parts, key)),
    }),
  );
  app.route('/', api.app);
  return {
    api,
    uses,
    as:
      (secret) =>
      async (method, path, body, headers = {}) => {
        const credential = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
        const type = body === undefined ? {} : { 'content-type': 'application/json' };
        const response = await app.request(path, {
          method,
          headers: { ...type, ...credential, ...headers },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        const isJson = /^application\/(problem\+)?json$/.test(response.headers.get('content-type') ?? '');
        return { status: response.status, headers: response.headers, text, bytes: new Uint8Array(), body: isJson ? JSON.parse(text) : undefined };
      },
    key: async (scopes, resources = ['*'], more = {}) => {
      const answer = await api.post(`${PROJECT}/api-keys`, { name: 'a key', scopes, resources, ...more });
      if (answer.status !== 201) throw new Error(answer.text);
      return answer.body as { readonly id: string; readonly secret: string };
    },
  };
}

const codeOf = ({ status, body }: Answer): string => `${status} ${(body as { readonly code?: string } | undefined)?.code ?? ''}`.trim();
const VECTOR = { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 2000 } };

describe('a request', () => {
  it('without a key, with one nobody made, or with a changed one is told so and how to sign in', async () => {
    const { as, key } = await start();
    const { secret } = await key(['describe']);
    const wrong = [
      undefined,
      '',
      'lk_nothing',
      secret.slice(0, -1),
      `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`,
      `lk_${'0'.repeat(26)}_${'A'.repeat(43)}`,
    ];
    for (const given of wrong) {
      const answer = await as(given)('GET', `${PROJECT}/definitions`);
      expect([codeOf(answer), answer.headers.get('www-authenticate')]).toEqual(['401 UNAUTHENTICATED', 'Bearer']);
      expect(answer.text).not.toContain(secret.slice(30));
    }
    expect((await as(secret)('GET', `${PROJECT}/definitions`)).status).toBe(200);
    expect((await as(undefined)('GET', `${PROJECT}/definitions`, undefined, { 'x-api-key': secret })).status).toBe(200);
  });

  it.each(ROUTE_RIGHTS.map(([route, right]) => ({ route, right })))('$route is for those who may $right, and nobody else', async ({ route, right }) => {
    const { api, as, key } = await start();
    const [method = '', path = ''] = route.split(' ');
    const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? {} : undefined;
    const asked = async (secret: string | undefined): Promise<string> => codeOf(await as(secret)(method, path, body));

    if (right === 'address') {
      // Known by its address alone, as a presigned URL is; this one was never announced.
      expect(await asked(undefined)).toBe('400 INVALID_ARGUMENT');
      return;
    }
    expect(await asked(undefined)).toBe('401 UNAUTHENTICATED');
    await api.post('/v1/projects', { name: 'other' });
    const foreign = (await api.post('/v1/projects/other/api-keys', { name: 'foreign', scopes: ['describe', 'grant'] })).body as { readonly secret: string };
    if (right === 'projects: create') {
      expect(await asked(foreign.secret)).toBe('403 FORBIDDEN');
      return;
    }
    if (right === 'projects: list') {
      const { body: list } = await as(foreign.secret)(method, path);
      expect(list).toMatchObject({ items: [{ name: 'other' }], nextCursor: null });
      return;
    }
    expect(await asked(foreign.secret)).toBe('404 UNKNOWN_PROJECT');

    const actions =
      right
        .replace(/^some /, '')
        .split(' on ')[0]
        ?.split(', ') ?? [];
    const resource = right.split(' on ')[1];
    const others = ['describe', 'create', 'update', 'delete', 'readOnline', 'readOffline', 'writeOffline', 'publish', 'maintain', 'erase', 'grant'].filter(
      (each) => !actions.includes(each),
    );
    expect(await asked((await key(others)).secret)).toBe('403 FORBIDDEN');
    if (resource !== undefined)
      expect(await asked((await key(actions, [resource === 'project' ? 'feature-views/*' : `${resource}x`])).secret)).toBe('403 FORBIDDEN');
    const granted = await asked((await key(actions, [resource ?? '*'])).secret);
    // What the body of the request lacks is another matter.
    expect(granted).not.toMatch(/^(401|403)/);
  });
});

describe('a key', () => {
  it('is shown whole once, then without its secret', async () => {
    const { api, key } = await start();
    const made = await key(['readOnline'], ['feature-views/*'], { expiresAt: '2001-03-02T00:00:00Z' });
    expect(made).toEqual({
      id: expect.stringMatching(/^ak_[0-9A-Z]{26}$/),
      secret: expect.stringMatching(/^lk_[0-9A-Z]{26}_[\w-]{43}$/),
      name: 'a key',
      scopes: ['readOnline'],
      resources: ['feature-views/*'],
      createdAt: '2001-03-01T10:30:00Z',
      expiresAt: '2001-03-02T00:00:00Z',
      lastUsedAt: null,
      status: 'ACTIVE',
      requestId: undefined,
    });
    const { secret, ...shown } = made;
    const list = await api.get(`${PROJECT}/api-keys`);
    expect(list.body).toEqual({ items: [shown], nextCursor: null });
    expect((await api.get(`${PROJECT}/api-keys/${made.id}`)).body).toEqual(shown);
    for await (const record of api.parts.control.query(`key/${made.id}`)) expect(new TextDecoder().decode(record.bytes)).not.toContain(secret.slice(30));
  });

  it('expires, and says so in the list', async () => {
    const { api, as, key } = await start();
    const { secret, id } = await key(['describe'], ['*'], { expiresAt: '2001-03-01T11:00:00Z' });
    await api.parts.clock.advance(30 * 60_000 - 1);
    expect((await as(secret)('GET', PROJECT)).status).toBe(200);
    await api.parts.clock.advance(1);
    expect(codeOf(await as(secret)('GET', PROJECT))).toBe('401 UNAUTHENTICATED');
    expect((await api.get(`${PROJECT}/api-keys/${id}`)).body).toMatchObject({ status: 'EXPIRED' });
  });

  it('is revoked within ten seconds, stays listed, and is never taken back', async () => {
    const { api, as, key } = await start();
    const { secret, id } = await key(['describe']);
    expect((await as(secret)('GET', PROJECT)).status).toBe(200);
    for (let time = 0; time < 2; time++) expect((await api.send('DELETE', `${PROJECT}/api-keys/${id}`)).status).toBe(204);
    await api.parts.clock.advance(10_000);
    expect(codeOf(await as(secret)('GET', PROJECT))).toBe('401 UNAUTHENTICATED');
    expect((await api.get(`${PROJECT}/api-keys/${id}`)).body).toMatchObject({ status: 'REVOKED' });
    expect(codeOf(await api.post(`${PROJECT}/api-keys/${id}:rotate`, {}))).toBe('404 UNKNOWN_KEY_ID');
  });

  it('is rotated: the new secret opens at once, the old one until the overlap ends', async () => {
    const { api, as, key } = await start();
    const { secret, id } = await key(['describe']);
    const rotated = (await api.post(`${PROJECT}/api-keys/${id}:rotate`, { overlap: 'PT1H' })).body as { readonly id: string; readonly secret: string };
    expect([rotated.id, rotated.secret === secret]).toEqual([id, false]);
    for (const each of [secret, rotated.secret]) expect((await as(each)('GET', PROJECT)).status).toBe(200);
    await api.parts.clock.advance(60 * 60_000);
    expect(codeOf(await as(secret)('GET', PROJECT))).toBe('401 UNAUTHENTICATED');
    expect((await as(rotated.secret)('GET', PROJECT)).status).toBe(200);
    // Without an overlap the old secret is worth nothing at once, where the rotation is seen.
    const again = (await api.post(`${PROJECT}/api-keys/${id}:rotate`)).body as { readonly secret: string };
    await api.parts.clock.advance(10_000);
    expect([codeOf(await as(rotated.secret)('GET', PROJECT)), (await as(again.secret)('GET', PROJECT)).status]).toEqual(['401 UNAUTHENTICATED', 200]);
  });

  it('remembers to the hour when it was used, and signs what it commits', async () => {
    const { api, as, key, uses } = await start();
    const { secret, id } = await key(['writeOffline', 'describe']);
    await as(secret)('POST', `${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    await Promise.all(uses);
    expect((await api.get(`${PROJECT}/api-keys/${id}`)).body).toMatchObject({ lastUsedAt: expect.stringMatching(/^2001-03-01T10:30:00/) });
    expect((await as(secret)('GET', `${GROUP}/commits/1`)).body).toMatchObject({ committedBy: `key:${id}` });
  });

  it.each([
    [{ name: '', scopes: ['describe'] }, 'name'],
    [{ name: 'k', scopes: ['everything'] }, 'scopes'],
    [{ name: 'k', scopes: 'describe' }, 'scopes'],
    [{ name: 'k', resources: ['feature-group/x'] }, 'resources'],
    [{ name: 'k', expiresAt: '2001-03-01T10:30:00Z' }, 'expiresAt'],
    [{ name: 'k', overlap: 'PT1H' }, 'overlap'],
  ])('%j is refused by the name of what is wrong', async (body, field) => {
    const { api } = await start();
    const answer = await api.post(`${PROJECT}/api-keys`, body);
    expect([answer.status, (answer.body as { readonly field: string }).field]).toEqual([400, field]);
    expect((await api.get(`${PROJECT}/api-keys`)).body).toEqual({ items: [], nextCursor: null });
  });

  it('of another project is none', async () => {
    const { api, key } = await start();
    const { id } = await key(['describe']);
    await api.post('/v1/projects', { name: 'other' });
    for (const answer of [
      await api.get(`/v1/projects/other/api-keys/${id}`),
      await api.send('DELETE', `/v1/projects/other/api-keys/${id}`),
      await api.get(`${PROJECT}/api-keys/ak_1`),
    ])
      expect(codeOf(answer)).toBe('404 UNKNOWN_KEY_ID');
    expect((await api.get('/v1/projects/other/api-keys')).body).toEqual({ items: [], nextCursor: null });
  });
});

describe('grants', () => {
  const grant = (id: string, members: object): object => ({
    id,
    principals: ['key:ak_*'],
    actions: ['readOnline'],
    resources: ['feature-views/*'],
    features: null,
    ...members,
  });
  const put = (api: Api, grants: readonly object[], ifMatch = '*'): Promise<Answer> =>
    api.send('PUT', `${PROJECT}/grants`, { body: { grants }, headers: { 'if-match': ifMatch } });

  it('are replaced whole, and only by who has seen them', async () => {
    const { api } = await start();
    const first = await api.get(`${PROJECT}/grants`);
    expect(first.body).toEqual({ grants: [], etag: '"r0"' });
    expect(codeOf(await api.send('PUT', `${PROJECT}/grants`, { body: { grants: [] } }))).toBe('412 PRECONDITION_FAILED');
    const second = await put(api, [grant('a', {})], first.headers.get('etag') ?? '');
    expect([second.status, second.body, second.headers.get('etag')]).toEqual([200, { grants: [grant('a', {})], etag: '"r3"' }, '"r3"']);
    expect((await api.get(`${PROJECT}/grants`)).body).toEqual(second.body);
    expect(codeOf(await put(api, [], '"r0"'))).toBe('412 PRECONDITION_FAILED');
    // Equal ones make no revision.
    expect((await put(api, [grant('a', {})], '"r3"')).body).toEqual(second.body);
    expect((await put(api, [])).body).toEqual({ grants: [], etag: '"r4"' });
  });

  it('add to what a key may do, for as long as they stand', async () => {
    const { api, as, key } = await start();
    await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    const { id, secret } = await key([]);
    expect(codeOf(await as(secret)('POST', `${VIEW}/vector`, VECTOR))).toBe('403 FORBIDDEN');
    await put(api, [grant('serving', { principals: [`key:${id}`], resources: ['feature-views/delay_*'] })]);
    expect((await as(secret)('POST', `${VIEW}/vector`, VECTOR)).body).toMatchObject({ features: [31, 8.2, 4, true] });
    expect(codeOf(await as(secret)('GET', VIEW))).toBe('403 FORBIDDEN');
    await put(api, [grant('others', { principals: ['key:ak_0', 'arn:aws:iam::1:role/x'] })]);
    expect(codeOf(await as(secret)('POST', `${VIEW}/vector`, VECTOR))).toBe('403 FORBIDDEN');
  });

  it('on single features refuse a view that has others, naming them: never a vector with a hole', async () => {
    const { api, as, key } = await start();
    const { secret } = await key([]);
    await put(api, [grant('means', { features: ['mean_*', 'is_long_haul'] })]);
    const refused = await as(secret)('POST', `${VIEW}/vectors`, { entries: [VECTOR.entry], requestParameters: VECTOR.requestParameters });
    expect([codeOf(refused), refused.body]).toEqual([
      '403 FORBIDDEN',
      expect.objectContaining({ features: ['dep_flights_24h'], resource: 'feature-views/delay_model', action: 'readOnline' }),
    ]);
    await put(api, [grant('means', { features: ['mean_*', 'is_long_haul'] }), grant('flights', { features: ['flights_24h'] })]);
    expect((await as(secret)('POST', `${VIEW}/vector`, VECTOR)).status).toBe(200);
  });

  it('on single features let a group be read in those columns, its key and time with them, and filtered by no other', async () => {
    const { api, as, key } = await start();
    await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    const { secret } = await key([]);
    await put(api, [grant('means', { actions: ['readOffline'], resources: ['feature-groups/*'], features: ['mean_*'] })]);
    const read = (body: object): Promise<Answer> => as(secret)('POST', `${GROUP}/read`, body);
    expect((await read({ features: ['origin', 'hour', 'mean_delay_24h'] })).status).toBe(200);
    for (const body of [
      {},
      { features: ['flights_24h'] },
      { features: ['mean_delay_24h'], where: { not: { or: [{ column: 'flights_24h', op: '>', value: 8 }] } } },
    ])
      expect((await read(body)).body).toMatchObject({ status: 403, code: 'FORBIDDEN', features: ['flights_24h'] });
    for (const [method, path, body] of [
      ['POST', `${GROUP}/changes`, {}],
      ['GET', `${GROUP}/statistics`, undefined],
      ['POST', `${GROUP}/quarantine:read`, {}],
      ['POST', `${GROUP}/drift`, { target: { basis: 'snapshot' }, reference: { basis: 'snapshot' } }],
    ] as const)
      expect(codeOf(await as(secret)(method, path, body))).toBe('403 FORBIDDEN');
    expect((await as(secret)('GET', `${GROUP}/statistics?features=mean_delay_24h`)).status).toBe(200);
  });

  it('hide from lists, search and lineage what may not be described', async () => {
    const { as, key } = await start();
    const { secret } = await key(['describe'], ['feature-views/*']);
    const asked = as(secret);
    expect((await asked('GET', `${PROJECT}/feature-groups`)).body).toMatchObject({ items: [] });
    expect((await asked('GET', `${PROJECT}/feature-views`)).body).toMatchObject({ items: [{ name: 'delay_model' }] });
    expect((await asked('GET', `${PROJECT}/definitions`)).body).toMatchObject({ featureGroups: [], featureViews: [{ name: 'delay_model' }] });
    expect((await asked('GET', `${PROJECT}/search?q=delay`)).body).toMatchObject({ items: [{ name: 'delay_model', type: 'featureView' }] });
    expect((await asked('GET', `${PROJECT}/lineage?node=feature-view:delay_model/1`)).body).toMatchObject({
      nodes: [{ id: 'feature-view:delay_model/1' }],
      edges: [],
    });
    expect(codeOf(await asked('GET', `${PROJECT}/lineage?node=feature-group:airport_delays/1`))).toBe('403 FORBIDDEN');
  });

  it('let nobody make a view of what they may not read, nor a group of another name, nor apply definitions of a part', async () => {
    const { api, as, key } = await start();
    const { secret } = await key(['create', 'update'], ['feature-views/*', 'feature-groups/mine_*']);
    const definition = (await api.get(VIEW)).body as Record<string, unknown>;
    const view = {
      name: 'mine',
      spine: definition['spine'],
      labelTime: 'predicted_at',
      joins: [{ featureGroup: 'airport_delays', version: 1, on: { origin: 'origin' }, features: ['flights_24h'] }],
    };
    expect(codeOf(await as(secret)('POST', `${PROJECT}/feature-views`, view))).toBe('403 FORBIDDEN');
    await put(api, [grant('read', { actions: ['readOffline'], resources: ['feature-groups/airport_delays'], features: ['flights_24h'] })]);
    expect((await as(secret)('POST', `${PROJECT}/feature-views`, view)).status).toBe(201);
    const group = { name: 'yours', primaryKey: ['k'], schema: [{ name: 'k', type: 'int' }] };
    expect(codeOf(await as(secret)('POST', `${PROJECT}/feature-groups`, group))).toBe('403 FORBIDDEN');
    expect((await as(secret)('POST', `${PROJECT}/feature-groups`, { ...group, name: 'mine_1' })).status).toBe(201);
    expect(codeOf(await as(secret)('POST', `${PROJECT}/definitions:plan`, { featureGroups: [], featureViews: [] }))).toBe('403 FORBIDDEN');
    const wide = await key(['create', 'update'], ['feature-views/*', 'feature-groups/*']);
    expect((await as(wide.secret)('POST', `${PROJECT}/definitions:plan`, { featureGroups: [], featureViews: [] })).status).toBe(200);
  });

  it('let rows of a training set come from no group that may not be read', async () => {
    const { api, as, key } = await start();
    const { secret } = await key(['readOffline'], ['feature-views/*']);
    const answer = await as(secret)('POST', `${VIEW}/training-datasets`, { spine: { featureGroup: { name: 'airport_delays', version: 1 } } });
    expect([codeOf(answer), (answer.body as { readonly resource: string }).resource]).toEqual(['403 FORBIDDEN', 'feature-groups/airport_delays']);
    expect((await api.get(`${VIEW}/training-datasets`)).body).toMatchObject({ items: [] });
  });

  it.each([
    [[{}], 'grants[0].id'],
    [[grant('a', {}), grant('a', {})], 'grants[1].id'],
    [[grant('a', { principals: ['ak_1'] })], 'grants[0].principals[0]'],
    [[grant('a', { principals: [] })], 'grants[0].principals'],
    [[grant('a', { actions: ['read'] })], 'grants[0].actions[0]'],
    [[grant('a', { resources: ['feature-groups/../x'] })], 'grants[0].resources[0]'],
    [[grant('a', { features: ['X'] })], 'grants[0].features[0]'],
    [[grant('a', { feature: ['x'] })], 'grants[0].feature'],
    [['a'], 'grants[0]'],
    ['a', 'grants'],
  ])('%j are refused by the place of the fault', async (grants, field) => {
    const { api } = await start();
    const answer = await put(api, grants as readonly object[]);
    expect([codeOf(answer), (answer.body as { readonly field: string }).field]).toEqual(['400 INVALID_ARGUMENT', field]);
    expect((await api.get(`${PROJECT}/grants`)).body).toEqual({ grants: [], etag: '"r0"' });
  });
});
