/** A registry listed again from the tables alone. */
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { rebuildRegistry } from '../../lib/features/definitions/rebuild-registry.ts';
import { airportDelays, type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  await open.post('/v1/projects/demo/feature-groups', {
    ...airportDelays.json,
    name: 'other',
    version: 3,
    onlineEnabled: false,
    partitionBy: ['origin'],
    profile: 'compatible',
  });
  return open;
}

/** As a process that starts anew. */
const rebuild = (api: Api) => {
  const projects = new Projects(api.parts);
  return rebuildRegistry({ ...api.parts, projects }, 'demo');
};

async function loseRegistry(api: Api<ReturnType<typeof memoryParts>>): Promise<void> {
  const paths: string[] = [];
  for await (const { path } of api.parts.store.list('demo/_registry/')) paths.push(path);
  for (const path of paths) await api.parts.store.delete(objectPath(path));
}

describe('a registry that was lost', () => {
  it('lists every group again, with what its table says, and rows and vectors are there', async () => {
    const api = await start();
    const before = await definitionsOf(api);
    await loseRegistry(api);
    expect(await rebuild(api)).toEqual({
      revision: 1,
      added: [
        { name: 'airport_delays', version: 1 },
        { name: 'other', version: 3 },
      ],
      skipped: [],
    });
    const after = await definitionsOf(api);
    // Nothing of these stands in a table.
    const untold = { ttl: null, availabilityDelay: null, tags: {}, owner: null };
    expect(after).toEqual(before.map((definition) => ({ ...definition, ...untold })));
    expect((await api.get(`${GROUP}/commits`)).body).toMatchObject({ items: [{ version: 1 }, { version: 0 }] });
    expect(new Set(rowsOf(await api.post(`${GROUP}/read`)))).toEqual(new Set(EXAMPLE_ROWS));
    // The next version of a name is never one that was used.
    const { version: _version, ...unnumbered } = airportDelays.json;
    expect((await api.post('/v1/projects/demo/feature-groups', { ...unnumbered, name: 'other' })).body).toMatchObject({ version: 4 });
    // A definition that is applied again brings the rest, in place, and the view.
    expect((await api.send('PATCH', GROUP, { body: { ttl: 'P7D', availabilityDelay: 'PT5M', tags: { team: 'ops' } } })).status).toBe(200);
  });

  it('stays as it is where nothing is missing, and what was deleted stays deleted', async () => {
    const api = await start();
    await api.send('DELETE', '/v1/projects/demo/feature-groups/other/versions/3');
    const before = await definitionsOf(api);
    expect(await rebuild(api)).toEqual({ revision: 4, added: [], skipped: [] });
    expect(await definitionsOf(api)).toEqual(before);
  });

  it('is salvaged from the revision before, where the newest can no longer be read', async () => {
    const api = await start();
    await corrupt(api, 'demo/_registry/00000000000000000003.json');
    expect(await rebuild(api)).toEqual({ revision: 4, added: [{ name: 'other', version: 3 }], skipped: [] });
    const fresh = new Projects(api.parts);
    const { state } = await fresh.registry('demo');
    expect(state.featureGroups.map(({ definition }) => definition.name)).toEqual(['airport_delays', 'other']);
    expect(state.featureViews.map(({ definition }) => definition.name)).toEqual(['delay_model']);
    expect(state.featureGroups[0]?.definition.owner).toBe('ops@example.com');
    expect((await api.get(VIEW)).status).toBe(200);
  });

  it('skips, and names, folders that hold no table of ours', async () => {
    const api = await start();
    await loseRegistry(api);
    await api.parts.store.createIfAbsent(objectPath('demo/feature-groups/broken/1/part-0.parquet'), utf8('x'), { identity: 'x' });
    await api.parts.store.createIfAbsent(objectPath('demo/feature-groups/stray.txt'), utf8('x'), { identity: 'x' });
    const { added, skipped } = await rebuild(api);
    expect(added.map(({ name }) => name)).toEqual(['airport_delays', 'other']);
    expect(skipped).toEqual([{ path: 'feature-groups/broken/1', code: 'TABLE_NOT_FOUND', message: expect.any(String) }]);
  });
});

async function definitionsOf(api: Api): Promise<readonly object[]> {
  const { state } = await new Projects(api.parts).registry('demo', { fresh: 'yes' });
  return state.featureGroups.filter(({ status }) => status !== 'DELETED').map(({ definition }) => definition);
}

async function corrupt(api: Api<ReturnType<typeof memoryParts>>, path: string): Promise<void> {
  await api.parts.store.delete(objectPath(path));
  await api.parts.store.createIfAbsent(objectPath(path), utf8('{"format":1,'), { identity: 'broken' });
}
