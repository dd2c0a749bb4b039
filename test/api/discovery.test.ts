/** Search and lineage over HTTP. */
import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, type Api, EXAMPLE_ROWS, GROUP, type memoryParts, NOW, openExampleApi, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const SPINE_ROW = { origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:20:00Z', distance: 2000, delayed: false };

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  await open.post(`${VIEW}/training-datasets`, { spine: { rows: [SPINE_ROW] }, description: 'June, with delays' });
  return open;
}

const SEARCH = '/v1/projects/demo/search';
const LINEAGE = '/v1/projects/demo/lineage';
const OF_GROUP = { tags: { team: 'ops' }, owner: 'ops@example.com' };
const group = { type: 'featureGroup', name: 'airport_delays', version: 1, parent: null, description: 'Trailing departure delays per airport', ...OF_GROUP };
const feature = (name: string): object => ({ type: 'feature', name, version: 1, parent: 'airport_delays/1', description: null, ...OF_GROUP });
const view = { type: 'featureView', name: 'delay_model', version: 1, parent: null, description: null, tags: {}, owner: null };
const dataset = { type: 'trainingDataset', name: 'delay_model', version: 1, parent: 'delay_model/1', description: 'June, with delays', tags: {}, owner: null };

describe('GET /search', () => {
  it('finds groups, features, views and training datasets by name, feature and description, best first', async () => {
    const api = await start();
    expect((await api.get(`${SEARCH}?q=delay`)).body).toEqual({
      items: [
        { ...view, matched: ['name', 'feature'], score: 6 },
        { ...dataset, matched: ['name', 'feature', 'description'], score: 6 },
        { ...group, matched: ['name', 'feature', 'description'], score: 5 },
        { ...feature('mean_delay_24h'), matched: ['name'], score: 5 },
      ],
      nextCursor: null,
    });
  });

  it('wants every word found, whatever its case', async () => {
    const api = await start();
    expect((await api.get(`${SEARCH}?q=${encodeURIComponent('AIRPORT  Trailing')}`)).body).toEqual({
      items: [{ ...group, matched: ['name', 'description'], score: 7.5 }],
      nextCursor: null,
    });
    expect((await api.get(`${SEARCH}?q=airport+nothing`)).body).toEqual({ items: [], nextCursor: null });
  });

  it('finds by tag and owner, as words and as filters', async () => {
    const api = await start();
    const names = async (query: string): Promise<unknown> => itemsOf((await api.get(`${SEARCH}?${query}`)).body).map(({ type, name }) => `${type}:${name}`);
    const ofOps = ['featureGroup:airport_delays', 'feature:flights_24h', 'feature:mean_delay_24h'];
    expect((await api.get(`${SEARCH}?q=team:ops&type=featureGroup`)).body).toMatchObject({ items: [{ matched: ['tag'], score: 4 }] });
    expect((await api.get(`${SEARCH}?q=ops@example.com&type=featureGroup`)).body).toMatchObject({ items: [{ matched: ['owner'], score: 4 }] });
    expect(await names('tag=team:ops')).toEqual(ofOps);
    expect(await names('tag=team')).toEqual(ofOps);
    expect(await names('owner=ops@example.com')).toEqual(ofOps);
    expect(await names('tag=team:data')).toEqual([]);
    expect(await names('tag=toString')).toEqual([]);
    expect(await names('type=feature&q=flights')).toEqual(['feature:flights_24h']);
    expect(await names('type=trainingDataset')).toEqual(['trainingDataset:delay_model']);
  });

  it('is answered page by page', async () => {
    const api = await start();
    const first = (await api.get(`${SEARCH}?limit=3`)).body;
    const second = (await api.get(`${SEARCH}?limit=3&cursor=${cursorOf(first)}`)).body;
    expect([...itemsOf(first), ...itemsOf(second)]).toEqual(itemsOf((await api.get(SEARCH)).body));
    expect([itemsOf(first).length, cursorOf(second)]).toEqual([3, '']);
  });

  it('finds nothing that was deleted, nor what was made of it', async () => {
    const api = await start();
    await api.send('DELETE', `${VIEW}?force=true`);
    await api.send('DELETE', GROUP);
    expect((await api.get(SEARCH)).body).toEqual({ items: [], nextCursor: null });
  });

  it('refuses other types, parameters and projects', async () => {
    const api = await start();
    expect(await api.get(`${SEARCH}?type=group`)).toMatchObject({ status: 400, body: { code: 'INVALID_ARGUMENT' } });
    expect(await api.get(`${SEARCH}?query=x`)).toMatchObject({ status: 400, body: { code: 'UNKNOWN_FIELD' } });
    expect(await api.get(SEARCH.replace('demo', 'elsewhere'))).toMatchObject({ status: 404, body: { code: 'UNKNOWN_PROJECT' } });
  });
});

const GROUP_NODE = {
  id: 'feature-group:airport_delays/1',
  type: 'featureGroup',
  name: 'airport_delays',
  version: 1,
  detail: { description: 'Trailing departure delays per airport', owner: 'ops@example.com', status: 'ACTIVE' },
};
const VIEW_NODE = {
  id: 'feature-view:delay_model/1',
  type: 'featureView',
  name: 'delay_model',
  version: 1,
  detail: { description: null, owner: null, status: 'ACTIVE' },
};
const DATASET_NODE = {
  id: 'training-dataset:delay_model/1/1',
  type: 'trainingDataset',
  name: 'delay_model',
  version: 1,
  detail: { description: 'June, with delays', createdAt: NOW },
};
const SELECTS = { from: GROUP_NODE.id, to: VIEW_NODE.id, type: 'selects', features: ['flights_24h', 'mean_delay_24h'] };
const MATERIALIZES = {
  from: VIEW_NODE.id,
  to: DATASET_NODE.id,
  type: 'materializes',
  features: ['dep_flights_24h', 'dep_mean_delay_24h', 'arr_mean_delay_24h'],
};

describe('GET /lineage', () => {
  it('goes from a group down to the training datasets', async () => {
    const api = await start();
    const down = await api.get(`${LINEAGE}?node=feature-group:airport_delays/1&direction=down`);
    expect(down.body).toEqual({ root: GROUP_NODE.id, nodes: [GROUP_NODE, VIEW_NODE, DATASET_NODE], edges: [SELECTS, MATERIALIZES] });
    expect((await api.get(`${LINEAGE}?node=feature-group:airport_delays/1&direction=down&depth=1`)).body).toEqual({
      root: GROUP_NODE.id,
      nodes: [GROUP_NODE, VIEW_NODE],
      edges: [SELECTS],
    });
    expect((await api.get(`${LINEAGE}?node=feature-group:airport_delays/1&direction=up`)).body).toEqual({
      root: GROUP_NODE.id,
      nodes: [GROUP_NODE],
      edges: [],
    });
  });

  it('goes from a training dataset up to the groups, and from a view both ways', async () => {
    const api = await start();
    expect((await api.get(`${LINEAGE}?node=training-dataset:delay_model/1/1&direction=up`)).body).toEqual({
      root: DATASET_NODE.id,
      nodes: [GROUP_NODE, VIEW_NODE, DATASET_NODE],
      edges: [SELECTS, MATERIALIZES],
    });
    expect((await api.get(`${LINEAGE}?node=feature-view:delay_model/1`)).body).toEqual({
      root: VIEW_NODE.id,
      nodes: [GROUP_NODE, VIEW_NODE, DATASET_NODE],
      edges: [SELECTS, MATERIALIZES],
    });
  });

  it('follows one feature to the views that select it', async () => {
    const api = await start();
    const id = 'feature:airport_delays/1/flights_24h';
    const node = { id, type: 'feature', name: 'flights_24h', version: 1, detail: { featureGroup: 'airport_delays/1' } };
    expect((await api.get(`${LINEAGE}?node=${id}`)).body).toEqual({
      root: id,
      nodes: [GROUP_NODE, VIEW_NODE, node, DATASET_NODE],
      edges: [
        MATERIALIZES,
        { from: GROUP_NODE.id, to: id, type: 'derives', features: ['flights_24h'] },
        { from: id, to: VIEW_NODE.id, type: 'selects', features: ['flights_24h'] },
      ],
    });
    expect((await api.get(`${LINEAGE}?node=feature:airport_delays/1/origin&direction=down`)).body).toMatchObject({ edges: [] });
  });

  it('is drawn by Mermaid where that is asked for', async () => {
    const api = await start();
    const answer = await api.send('GET', `${LINEAGE}?node=feature-group:airport_delays/1`, { headers: { accept: 'text/vnd.mermaid' } });
    expect([answer.status, answer.headers.get('content-type'), answer.text]).toEqual([
      200,
      'text/vnd.mermaid',
      `flowchart LR
  n0["airport_delays/1"]:::root
  n1{{"delay_model/1"}}
  n2[/"delay_model/1/1"/]
  n0 -->|selects| n1
  n1 -->|materializes| n2
  classDef root stroke-width:3px
`,
    ]);
    const quoted = await api.send('GET', `${LINEAGE}?node=${encodeURIComponent('source:s3://b/"x";')}`, { headers: { accept: 'text/vnd.mermaid' } });
    expect(quoted.text).toContain('n0[("s3://b/#34;x#34;#59;")]:::root');
    expect(await api.send('GET', `${LINEAGE}?node=${VIEW_NODE.id}`, { headers: { accept: 'text/csv' } })).toMatchObject({
      status: 406,
      body: { code: 'NOT_ACCEPTABLE' },
    });
  });

  it('leaves out what was deleted, but shows a view what it was made of', async () => {
    const api = await start();
    await api.send('DELETE', `${GROUP}?force=true`);
    expect((await api.get(`${LINEAGE}?node=${VIEW_NODE.id}&direction=up`)).body).toEqual({
      root: VIEW_NODE.id,
      nodes: [{ ...GROUP_NODE, detail: { status: 'DELETED' } }, VIEW_NODE],
      edges: [SELECTS],
    });
    expect(await api.get(`${LINEAGE}?node=${GROUP_NODE.id}`)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_GROUP' } });
  });

  it('includes the group a training dataset took its rows from', async () => {
    const api = await start();
    const spine = { ...airportDelays.json, name: 'bookings', primaryKey: ['origin', 'dest'] };
    const schema = [
      { name: 'origin', type: 'string' },
      { name: 'dest', type: 'string' },
      { name: 'predicted_at', type: 'timestamp' },
      { name: 'distance', type: 'int' },
      { name: 'delayed', type: 'boolean', nullable: true },
    ];
    await api.post('/v1/projects/demo/feature-groups', { ...spine, schema, eventTime: 'predicted_at', clusterBy: [], expectations: [] });
    await api.post('/v1/projects/demo/feature-groups/bookings/versions/1/rows', { rows: [SPINE_ROW] });
    const made = await api.post(`${VIEW}/training-datasets`, { spine: { featureGroup: { name: 'bookings', version: 1 } } });
    expect(made.status).toBe(201);
    expect((await api.get(`${LINEAGE}?node=feature-group:bookings/1`)).body).toMatchObject({
      edges: [{ from: 'feature-group:bookings/1', to: 'training-dataset:delay_model/1/2', type: 'ingests', features: [] }],
    });
  });

  it.each([
    ['nothing', '', 400, 'INVALID_ARGUMENT'],
    ['a word', 'node=airport_delays', 400, 'INVALID_ARGUMENT'],
    ['a version that is none', 'node=feature-group:airport_delays/0', 400, 'INVALID_ARGUMENT'],
    ['too deep', 'node=feature-group:airport_delays/1&depth=11', 400, 'INVALID_ARGUMENT'],
    ['another way', 'node=feature-group:airport_delays/1&direction=left', 400, 'INVALID_ARGUMENT'],
    ['another parameter', 'node=feature-group:airport_delays/1&way=up', 400, 'UNKNOWN_FIELD'],
    ['no such group', 'node=feature-group:nowhere/1', 404, 'UNKNOWN_FEATURE_GROUP'],
    ['no such view', 'node=feature-view:nowhere/1', 404, 'UNKNOWN_FEATURE_VIEW'],
    ['no such feature', 'node=feature:airport_delays/1/nothing', 400, 'UNKNOWN_FEATURE'],
    ['no such training dataset', 'node=training-dataset:delay_model/1/9', 404, 'UNKNOWN_TRAINING_DATASET'],
  ])('refuses %s', async (_, query, status, code) => {
    const api = await start();
    expect(await api.get(`${LINEAGE}?${query}`)).toMatchObject({ status, body: { code } });
  });
});

function itemsOf(body: unknown): readonly { readonly type: string; readonly name: string }[] {
  return typeof body === 'object' && body !== null && 'items' in body && Array.isArray(body.items) ? body.items : [];
}

function cursorOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'nextCursor' in body && typeof body.nextCursor === 'string' ? body.nextCursor : '';
}
