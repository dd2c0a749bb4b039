/** `:verify` lists every difference between a table and its online values, `:publish {repair}` heals them while serving. */
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { encodeKey, entityKey, type EntityKey } from '../../lib/core/keys.ts';
import type { Column } from '../../lib/core/types.ts';
import type { OnlineItem, OnlineTable } from '../../lib/ports/online-store.ts';
import { type Api, GROUP, type memoryParts, openExampleApi, VIEW } from '../support/api.ts';
import { foreignAppend } from '../support/foreign-commit.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

type MemoryApi = Api<ReturnType<typeof memoryParts>>;

const ONLINE: OnlineTable = { project: 'demo', featureGroup: 'airport_delays', version: 1, generation: 1, shards: 16 };
const HOUR = '2001-03-01T10:00:00Z';
const AIRPORTS = ['SFO', 'JFK', 'LAX', 'BOS', 'ORD'];
const NOTHING = { superseded: 0, applied: 0, stale: 0, duplicate: 0, expired: 0, deleted: 0, invalid: 0, failed: 0 };

async function start(): Promise<MemoryApi> {
  open = await openExampleApi();
  const rows = AIRPORTS.map((origin, i) => ({ origin, hour: HOUR, flights_24h: i, mean_delay_24h: i / 2 }));
  await open.post(`${GROUP}/rows`, { rows: rows.map((row) => ({ ...row, hour: '2001-03-01T09:00:00Z', flights_24h: 100 })) });
  await open.post(`${GROUP}/rows`, { rows });
  await open.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'ORD' }] });
  return open;
}

const keyOf = (origin: string): EntityKey => encodeKey([{ kind: 'string' }], [origin]);

async function itemOf({ parts }: MemoryApi, origin: string): Promise<OnlineItem | undefined> {
  const [read] = (await parts.online.read({ items: [{ table: ONLINE, key: keyOf(origin) }], watermarks: [] })).items;
  return read?.kind === 'item' ? read.item : undefined;
}

/** Puts into the store what no publisher would. */
async function damage(
  api: MemoryApi,
  key: EntityKey,
  change: (item: OnlineItem | undefined) => { readonly order: Uint8Array; readonly payload: Uint8Array },
): Promise<void> {
  const [read] = (await api.parts.online.read({ items: [{ table: ONLINE, key }], watermarks: [] })).items;
  const item = read?.kind === 'item' ? read.item : undefined;
  await api.parts.online.load(ONLINE, [{ key, commit: 2, ...change(item) }]);
}

async function damageAll(api: MemoryApi): Promise<void> {
  const contentOf = (item: OnlineItem | undefined) => ({
    order: item?.order?.slice() ?? new Uint8Array(24),
    payload: item?.payload?.slice() ?? new Uint8Array(0),
  });
  await damage(api, keyOf('JFK'), (item) => {
    const { order, payload } = contentOf(item);
    return { order, payload: payload.map((byte, i) => (i === 10 ? byte ^ 1 : byte)) };
  });
  const newer = await itemOf(api, 'LAX');
  await damage(api, keyOf('LAX'), () => ({ ...contentOf(newer), order: contentOf(newer).order.map((byte, i) => (i === 7 ? byte + 1 : byte)) }));
  await damage(api, keyOf('ORD'), () => contentOf(newer));
  await damage(api, keyOf('XXX'), () => contentOf(newer));
  await damage(api, entityKey(utf8('no key')), () => contentOf(newer));
  // Taken away: marked deleted by an edit that never was, then forgotten.
  await api.parts.online.heal(ONLINE, [{ key: keyOf('BOS'), version: 2, seen: await itemOf(api, 'BOS') }]);
  await api.parts.online.forget(ONLINE, [keyOf('BOS')]);
}

async function flights(api: MemoryApi, origin: string): Promise<unknown> {
  const { body } = await api.post(`${VIEW}/vector`, { entry: { origin, dest: origin }, requestParameters: { distance: 1 }, options: { consistent: true } });
  return (body as { readonly features: readonly unknown[] }).features[0];
}

const codesByKey = (body: unknown): unknown =>
  Object.fromEntries(
    (body as { readonly findings: readonly { readonly code: string; readonly key: { readonly origin: string } | null }[] }).findings.map(({ code, key }) => [
      key?.origin ?? 'none',
      code,
    ]),
  );

const DIFFERENCES = { JFK: 'VALUE_DIFFERS', LAX: 'ORDER_DIFFERS', ORD: 'EXTRA_ONLINE', XXX: 'EXTRA_ONLINE', none: 'EXTRA_ONLINE', BOS: 'MISSING_ONLINE' };

describe(':verify', () => {
  it('finds nothing where every online value is the newest row of its key', async () => {
    const api = await start();
    expect((await api.post(`${GROUP}:verify`)).body).toEqual({ ok: true, version: 3, watermark: 3, keysCompared: 5, findings: [], findingCount: 0 });
  });

  it('lists every difference by its key, and changes nothing', async () => {
    const api = await start();
    await damageAll(api);
    const { body } = await api.post(`${GROUP}:verify`, { table: false });
    expect(codesByKey(body)).toEqual(DIFFERENCES);
    expect(body).toMatchObject({ ok: false, version: 3, watermark: 3, findingCount: 6 });
    expect((await api.post(`${GROUP}:verify`, { table: false })).body).toEqual(body);
    expect((await api.post(`${GROUP}:verify`, { online: false })).body).toEqual({
      ok: true,
      version: 3,
      watermark: null,
      keysCompared: null,
      findings: [],
      findingCount: 0,
    });
  });

  it('holds an expired record that is gone for equal to one that is there (T3)', async () => {
    const api = await start();
    await api.parts.clock.advance(8 * 86_400_000);
    expect((await api.post(`${GROUP}:verify`)).body).toMatchObject({ ok: true, watermark: 3 });
    await api.parts.online.clear(ONLINE, { itemsMax: 100 });
    expect((await api.post(`${GROUP}:verify`)).body).toMatchObject({ ok: true, watermark: 3 });
  });

  it('lists rows that no service checked: without key or event time, or of the far future (U13)', async () => {
    const api = await start();
    const columns: readonly Column[] = [
      { name: 'origin', type: { kind: 'string' }, nullable: true },
      { name: 'hour', type: { kind: 'timestamp' }, nullable: true },
      { name: 'flights_24h', type: { kind: 'int' }, nullable: true },
      { name: 'mean_delay_24h', type: { kind: 'double' }, nullable: true },
    ];
    const rows = [
      [null, 983_441_700_000_000n, 6, 1],
      ['BOS', null, 6, 1],
      ['SFO', 1_893_456_000_000_000n, 99, 1],
    ] as const;
    await foreignAppend(api.parts, { root: 'demo/feature-groups/airport_delays/1', version: 4, columns, rows });
    await api.post(`${GROUP}:publish`);
    const { body } = await api.post(`${GROUP}:verify`, { table: false });
    const { findings } = body as { readonly findings: readonly { readonly code: string; readonly key: unknown; readonly version: number }[] };
    expect(findings.map(({ code, key, version }) => [code, key, version])).toEqual([
      ['INVALID_ROW', null, 4],
      ['INVALID_ROW', null, 4],
      ['FUTURE_EVENT_TIME', { origin: 'SFO' }, 4],
    ]);
  });

  it('does not take what is published meanwhile for a difference', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows?wait=commit`, { rows: [{ origin: 'SFO', hour: '2001-03-01T10:10:00Z', flights_24h: 9, mean_delay_24h: null }] });
    expect((await api.post(`${GROUP}:verify`, { table: false })).body).toMatchObject({ ok: true, version: 4, watermark: 3 });
  });

  it('is told members it does not know, and that a group is not there', async () => {
    const api = await start();
    expect(await api.post(`${GROUP}:verify`, { tables: true })).toMatchObject({ status: 400, body: { code: 'UNKNOWN_FIELD' } });
    expect(await api.post(`${GROUP.replace('airport_delays', 'other')}:verify`)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_FEATURE_GROUP' } });
  });
});

describe(':publish {repair: true}', () => {
  it('heals every difference, and tells how many items it wrote and marked', async () => {
    const api = await start();
    await damageAll(api);
    expect((await api.post(`${GROUP}:publish`, { repair: true })).body).toEqual({ from: 3, to: 3, ...NOTHING, applied: 3, deleted: 3 });
    expect((await api.post(`${GROUP}:verify`)).body).toMatchObject({ ok: true, watermark: 3 });
    expect([await flights(api, 'SFO'), await flights(api, 'JFK'), await flights(api, 'LAX'), await flights(api, 'BOS'), await flights(api, 'ORD')]).toEqual([
      0, 1, 2, 3, 0,
    ]);
    expect((await api.post(`${GROUP}:publish`, { repair: true })).body).toEqual({ from: 3, to: 3, ...NOTHING });
  });

  it('publishes first, and what is written after it wins over what it healed', async () => {
    const api = await start();
    await damageAll(api);
    await api.post(`${GROUP}/rows?wait=commit`, { rows: [{ origin: 'LAX', hour: '2001-03-01T10:10:00Z', flights_24h: 9, mean_delay_24h: null }] });
    expect((await api.post(`${GROUP}:publish`, { repair: true })).body).toMatchObject({ from: 3, to: 4 });
    expect(await flights(api, 'LAX')).toBe(9);
    await api.post(`${GROUP}/rows`, { rows: [{ origin: 'LAX', hour: '2001-03-01T10:20:00Z', flights_24h: 10, mean_delay_24h: null }] });
    expect(await flights(api, 'LAX')).toBe(10);
    expect((await api.post(`${GROUP}:verify`)).body).toMatchObject({ ok: true });
  });

  it('loses no commit that met the wrong item while it was at work', async () => {
    const api = await start();
    await damageAll(api);
    const heal = api.parts.online.heal.bind(api.parts.online);
    let late = 0;
    api.parts.online.heal = async (...call) => {
      // A commit whose publisher finds the wrong item in its way, just before it is healed.
      if (late === 0) {
        late = 1;
        await api.post(`${GROUP}/rows`, { rows: [{ origin: 'LAX', hour: '2001-03-01T10:00:00Z', flights_24h: 77, mean_delay_24h: null }] });
      }
      return heal(...call);
    };
    await api.post(`${GROUP}:publish`, { repair: true });
    expect(await flights(api, 'LAX')).toBe(77);
    expect((await api.post(`${GROUP}:verify`)).body).toMatchObject({ ok: true, watermark: 4 });
  });
});
