/** Load generations (U11, T4) through HTTP: rebuilds, longer ttl and other shards while values are served. */
import { afterEach, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { encodeKey } from '../../lib/core/keys.ts';
import { EDIT_KEYS_MAX, FIRST_LOAD_COMMITS } from '../../lib/core/limits.ts';
import { foldSourceOf } from '../../lib/features/publish/fold-source.ts';
import { publishTable } from '../../lib/features/publish/publish-group.ts';
import { publish } from '../../lib/online/publish.ts';
import type { OnlineTable } from '../../lib/ports/online-store.ts';
import { airportDelays, type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

type MemoryApi = Api<ReturnType<typeof memoryParts>>;

async function start(): Promise<MemoryApi> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const NOTHING = { superseded: 0, applied: 0, stale: 0, duplicate: 0, expired: 0, deleted: 0, invalid: 0, failed: 0 };
const ONLINE: OnlineTable = { project: 'demo', featureGroup: 'airport_delays', version: 1, generation: 1, shards: 16 };

async function vector(api: MemoryApi, origin: string, options: object = { consistent: true }): Promise<unknown> {
  const { body } = await api.post(`${VIEW}/vector`, { entry: { origin, dest: origin }, requestParameters: { distance: 1 }, options });
  return (body as { readonly features: unknown }).features;
}

async function itemCount(api: MemoryApi, generation: number, shards = 16): Promise<number> {
  let count = 0;
  for await (const _ of api.parts.online.scan({ ...ONLINE, generation, shards })) count += 1;
  return count;
}

/** Registers the group with some members changed, and waits for what that starts. */
async function apply(api: MemoryApi, change: object): Promise<void> {
  const changed = { ...JSON.parse(JSON.stringify(airportDelays.json)), ...change };
  const { body } = await api.post('/v1/projects/demo/definitions:plan', { featureGroups: [changed] });
  expect((await api.post('/v1/projects/demo/definitions:apply', { planId: (body as { readonly planId: string }).planId })).status).toBe(200);
  await Promise.all(api.parts.later);
}

const sweep = async (api: MemoryApi): Promise<unknown> => publishTable(api.parts, await api.projects.group('demo', 'airport_delays', 1));

describe('publish {rebuild: true}', () => {
  it('loads every value into the next generation and switches to it', async () => {
    const api = await start();
    expect((await api.post(`${GROUP}:publish`, { rebuild: true })).body).toEqual({ from: 1, to: 1, ...NOTHING, applied: 2 });
    expect((await api.get(`${GROUP}/online`)).body).toEqual({ state: 'current', watermark: 1, head: 1, lagSeconds: 0, generation: 2, keys: null });
    expect(await vector(api, 'SFO')).toEqual([31, 8.2, 8.2, false]);
    expect([await itemCount(api, 1), await itemCount(api, 2)]).toEqual([2, 2]);
  });

  it('takes away what the log does not have, and brings what the store lost (architecture rule 9)', async () => {
    const api = await start();
    await api.parts.online.clear(ONLINE, { itemsMax: 100 });
    await api.parts.online.load(ONLINE, [{ key: encodeKey([{ kind: 'string' }], ['XXX']), order: new Uint8Array(24), commit: 1, payload: new Uint8Array(9) }]);
    await api.post(`${GROUP}:publish`, { rebuild: true });
    expect([await vector(api, 'SFO'), await itemCount(api, 2)]).toEqual([[31, 8.2, 8.2, false], 2]);
  });

  it('is followed by readers and writers that have not heard of it, and their definitions need not be asked for', async () => {
    const api = await start();
    expect(await vector(api, 'SFO', {})).toEqual([31, 8.2, 8.2, false]);
    await api.post(`${GROUP}:publish`, { rebuild: true });
    // The group of this process is ten seconds old at most; so is the view of `serve`.
    const written = await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], hour: '2001-03-01T10:20:00Z', flights_24h: 50 }] });
    expect(written.body).toMatchObject({ online: { state: 'applied', watermark: 2, applied: 1 } });
    expect(await vector(api, 'SFO')).toEqual([50, 8.2, 8.2, false]);
    expect(await vector(api, 'SFO', { minVersions: { 'airport_delays/1': 2 } })).toEqual([50, 8.2, 8.2, false]);
  });

  it('keeps the old generation for those who read it still, then clears it bit by bit', async () => {
    const api = await start();
    await api.post(`${GROUP}:publish`, { rebuild: true });
    await api.parts.clock.advance(59_000);
    await sweep(api);
    expect(await itemCount(api, 1)).toBe(2);
    await api.parts.clock.advance(2000);
    await sweep(api);
    expect([await itemCount(api, 1), await itemCount(api, 2)]).toEqual([0, 2]);
    const { state } = await api.projects.registry('demo', { fresh: 'yes' });
    expect(state.featureGroups.map(({ generation, otherGenerations, loadWantedSince }) => [generation, otherGenerations, loadWantedSince])).toEqual([
      [2, undefined, undefined],
    ]);
    // A publisher that slept through it all writes nothing there.
    await api.post(`${GROUP}/rows`, { rows: [{ origin: 'BOS', hour: '2001-03-01T10:00:00Z', flights_24h: 1, mean_delay_24h: null }] });
    expect([await itemCount(api, 1), await itemCount(api, 2)]).toEqual([0, 3]);
  });

  it('has what is published while it is loaded: to the new generation first, then to the old one', async () => {
    const api = await start();
    const { online } = api.parts;
    const moveWatermark = online.moveWatermark.bind(online);
    const counts: (readonly [number, number])[] = [];
    online.moveWatermark = async (table, move, options) => {
      // The new generation is caught up, readers are about to be sent there.
      if (move.next.tableId.startsWith('/moved/') && counts.length === 0) {
        counts.push([await itemCount(api, 1), await itemCount(api, 2)]);
        const { body } = await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], origin: 'BOS' }] });
        expect(body).toMatchObject({ online: { state: 'applied', watermark: 2, applied: 1 } });
        counts.push([await itemCount(api, 1), await itemCount(api, 2)]);
        return false;
      }
      return moveWatermark(table, move, options);
    };
    expect((await api.post(`${GROUP}:publish`, { rebuild: true })).body).toMatchObject({ to: 2, applied: 2 });
    expect(counts).toEqual([
      [2, 2],
      [3, 3],
    ]);
    expect(await vector(api, 'BOS')).toEqual([31, 8.2, 8.2, false]);
  });

  it('is read and written wherever it died, and done by the next sweep', async () => {
    const api = await start();
    const { store } = api.parts;
    const createIfAbsent = store.createIfAbsent.bind(store);
    let revisions = 0;
    store.createIfAbsent = async (path, ...rest) => {
      if (path.includes('/_registry/') && (revisions += 1) === 2) throw new Error('the process died');
      return createIfAbsent(path, ...rest);
    };
    expect((await api.post(`${GROUP}:publish`, { rebuild: true })).status).toBe(500);
    store.createIfAbsent = createIfAbsent;
    // Readers are sent on already, definitions still name the old generation.
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'rebuilding', generation: 1 });
    await api.post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], origin: 'BOS' }] });
    expect([await vector(api, 'BOS'), await itemCount(api, 1), await itemCount(api, 2)]).toEqual([[31, 8.2, 8.2, false], 3, 3]);
    await api.parts.clock.advance(11_000);
    await sweep(api);
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'current', watermark: 2 });
    expect((await api.post(`${GROUP}:verify`, { table: false })).body).toMatchObject({ ok: true, keysCompared: 3 });
  });

  it('is how a long history goes online, and an edit of too many keys (U7, U11)', async () => {
    const api = await start();
    const group = await api.projects.group('demo', 'airport_delays', 1);
    const source = foldSourceOf(api.parts, group.table, { keyColumns: group.keyColumns });
    const far = { ...source, head: async () => FIRST_LOAD_COMMITS, commits: async () => [] };
    const unpublished = { ...group.onlineTable, generation: 9 };
    expect(await publish(api.parts, { table: unpublished, source: far, group: group.fold })).toEqual({ kind: 'loadRequired', reason: 'firstLoad' });
    const edit = async function* () {
      yield { columns: group.columns, vectors: [], rowCount: 0 };
    };
    const removed = async function* () {
      yield batchOfRows(
        [{ name: 'origin', type: { kind: 'string' }, nullable: false }],
        Array.from({ length: EDIT_KEYS_MAX + 1 }, (_, i) => [`k${i}`]),
      );
    };
    const large = { ...source, head: async () => 2, commits: async () => [{ kind: 'edit' as const, version: 2, committedAt: 1, rows: edit, removed }] };
    expect(await publish(api.parts, { table: group.onlineTable, source: large, group: group.fold })).toEqual({ kind: 'loadRequired', reason: 'largeEdit' });
  });

  it('leaves nothing of rows that are erased in generations that were replaced (D3)', async () => {
    const api = await start();
    await api.post(`${GROUP}:publish`, { rebuild: true });
    expect((await api.post(`${GROUP}/rows:erase`, { keys: [{ origin: 'SFO' }], reason: 'asked to' })).status).toBe(202);
    expect([await itemCount(api, 1), await itemCount(api, 2), await vector(api, 'SFO'), await vector(api, 'JFK')]).toEqual([
      0,
      1,
      [0, null, null, false],
      [7, 4, 4, false],
    ]);
  });

  it('is refused where the group is not online, and by a service that may not change the registry', async () => {
    const api = await start();
    await apply(api, { onlineEnabled: false });
    expect(await api.post(`${GROUP}:publish`, { rebuild: true })).toMatchObject({ status: 422, body: { code: 'UNSUPPORTED_OPERATION' } });
  });

  it('leaves the ETag and the time of the last change as they were: the definition is the same', async () => {
    const api = await start();
    const before = await api.get(GROUP);
    await api.post(`${GROUP}:publish`, { rebuild: true });
    await api.parts.clock.advance(11_000);
    expect((await api.get(GROUP)).body).toEqual(before.body);
  });
});

describe('a definition that asks for other online values', () => {
  const OLD = { origin: 'SFO', hour: '2001-02-27T10:30:00Z', flights_24h: 31, mean_delay_24h: 8.2 };

  it('with a longer ttl brings back records that were past the shorter one (T4)', async () => {
    const api = await start();
    await apply(api, { ttl: 'PT1H' });
    await api.parts.clock.advance(11_000);
    await api.post(`${GROUP}/rows`, { rows: [{ ...OLD, origin: 'BOS' }] });
    await apply(api, { ttl: 'P3D' });
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'current', generation: 2 });
    await api.parts.clock.advance(11_000);
    expect(await vector(api, 'BOS')).toEqual([0, null, 8.2, false]);
    expect(await itemCount(api, 2)).toBe(3);
  });

  it('with a shorter ttl loads nothing', async () => {
    const api = await start();
    await apply(api, { ttl: 'PT1H' });
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'current', generation: 1 });
  });

  it('with other shards stores every key again (U11)', async () => {
    const api = await start();
    await apply(api, { onlineShards: 4 });
    await api.parts.clock.advance(11_000);
    const { state } = await api.projects.registry('demo', { fresh: 'yes' });
    expect(state.featureGroups.map(({ generation, onlineShards }) => [generation, onlineShards])).toEqual([[2, 4]]);
    expect([await itemCount(api, 2, 4), await vector(api, 'JFK')]).toEqual([2, [7, 4, 4, false]]);
  });

  it('shows that it is rebuilding until a publisher has done what a process that died left undone', async () => {
    const api = await start();
    const { run } = api.parts.background;
    Object.assign(api.parts.background, { run: () => undefined });
    await apply(api, { ttl: 'P9D' });
    Object.assign(api.parts.background, { run });
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'rebuilding', generation: 1 });
    expect(await vector(api, 'SFO')).toEqual([31, 8.2, 8.2, false]);
    await api.parts.clock.advance(11_000);
    await sweep(api);
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'current', generation: 2 });
  });
});
