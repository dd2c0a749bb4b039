/** What a warm request costs: counted at the stores, under the whole HTTP path. */
import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, delayModel, type Api, EXAMPLE_ROWS, GROUP, memoryParts, openApi, VIEW } from '../support/api.ts';
import { countingObjectStore, countingOnlineStore, type CountingObjectStore, type CountingOnlineStore } from '../support/counting-store.ts';

type CountedApi = Api<
  ReturnType<typeof memoryParts> extends infer Parts
    ? Omit<Parts, 'store' | 'online'> & { readonly store: CountingObjectStore; readonly online: CountingOnlineStore }
    : never
>;

let open: CountedApi | undefined;
afterEach(() => open?.close());

/** The example's server, its first commit made, with the counts at zero. */
async function warmApi(): Promise<CountedApi> {
  const parts = memoryParts();
  open = await openApi({ ...parts, store: countingObjectStore(parts.store), online: countingOnlineStore(parts.online) });
  await open.post('/v1/projects', { name: 'demo' });
  await open.post('/v1/projects/demo/feature-groups', airportDelays.json);
  await open.post('/v1/projects/demo/feature-views', delayModel.json);
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  await Promise.all(parts.later);
  forget(open);
  return open;
}

function forget({ parts }: CountedApi): void {
  parts.store.requests.length = 0;
  parts.online.calls.length = 0;
}

/** Requests that an answer waits for, with what is random taken out of their paths. */
function asked({ parts }: CountedApi): readonly string[] {
  return parts.store.requests
    .filter(({ path }) => !path.includes('/_lakefold/statistics/'))
    .map(({ kind, path }) => `${kind} ${path.replace('demo/feature-groups/airport_delays/1/', '').replace(/part-[0-9a-f-]+-/, 'part-')}`);
}

const LATER = [
  { origin: 'SFO', hour: '2001-03-01T10:15:00Z', flights_24h: 32, mean_delay_24h: 8.5 },
  { origin: 'LAX', hour: '2001-03-01T10:15:00Z', flights_24h: 3, mean_delay_24h: null },
];

describe('a warm write', () => {
  it.each(['append', 'upsert'])('costs an %s without candidates one data PUT and one conditional PUT', async (operation) => {
    const api = await warmApi();
    const answer = await api.post(`${GROUP}/rows?operation=${operation}`, { rows: LATER }, { 'idempotency-key': 'k' });
    expect(answer.body).toMatchObject({ commit: { version: 2, rowsInserted: 2 }, online: { state: 'applied', watermark: 2, applied: 2 } });
    expect(asked(api)).toEqual(['PUT IF ABSENT part-00000.zstd.parquet', 'PUT IF ABSENT _delta_log/00000000000000000002.json']);
    expect(api.parts.online.calls).toEqual(['watermark', 'merge', 'moveWatermark']);
  });

  it('leaves the statistics of its rows by one PUT that no answer waits for', async () => {
    const api = await warmApi();
    await api.post(`${GROUP}/rows`, { rows: LATER });
    await Promise.all(api.parts.later);
    const paths = api.parts.store.requests
      .map(({ kind, path }) => `${kind} ${path.replace(/[0-9a-f-]{36}/, '…')}`)
      .filter((line) => line.includes('/_lakefold/'));
    expect(paths).toEqual(['PUT demo/feature-groups/airport_delays/1/_lakefold/statistics/….bin']);
  });

  it('stays as cheap commit after commit, whatever the format of the rows', async () => {
    const api = await warmApi();
    for (let i = 0; i < 5; i += 1) {
      await api.post(`${GROUP}/rows`, `origin,hour,flights_24h,mean_delay_24h\nSFO,2001-03-01T10:1${i}:00Z,${i},\n`, { 'content-type': 'text/csv' });
    }
    expect(asked(api)).toEqual(
      [2, 3, 4, 5, 6].flatMap((version) => ['PUT IF ABSENT part-00000.zstd.parquet', `PUT IF ABSENT _delta_log/0000000000000000000${version}.json`]),
    );
  });

  it('reads only the candidate file for an upsert that meets its rows', async () => {
    const api = await warmApi();
    const answer = await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS.slice(0, 1) });
    expect(answer.body).toMatchObject({ commit: { rowsInserted: 0, rowsUpdated: 1 } });
    expect(asked(api).filter((line) => !line.startsWith('PUT'))).toEqual(['GET part-00000.zstd.parquet']);
  });

  it('lists and reads nothing before it refuses rows, and writes the report of them', async () => {
    const api = await warmApi();
    expect((await api.post(`${GROUP}/rows`, { rows: [{ origin: null }] })).status).toBe(422);
    expect(asked(api)).toEqual([expect.stringMatching(/^PUT _lakefold\/reports\/vr_[0-9A-Z]{26}\.json$/)]);
  });
});

describe('a lookup', () => {
  const entries = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ origin: `A${i}`, dest: `A${i}` }));
  const lookUp = (api: CountedApi, count: number) => api.post(`${VIEW}/vectors`, { entries: entries(count), requestParameters: { distance: 1 } });

  it('of 99 keys and a watermark costs one store request and none of the object store', async () => {
    const api = await warmApi();
    expect((await lookUp(api, 99)).body).toMatchObject({ timings: { storeRequests: 1 } });
    expect([api.parts.online.calls, asked(api)]).toEqual([['read: 1'], []]);
  });

  it('of 100 keys costs one request while the watermark is cached, two when it is not', async () => {
    const api = await warmApi();
    await lookUp(api, 100);
    await lookUp(api, 100);
    expect([api.parts.online.calls, asked(api)]).toEqual([['read: 2', 'read: 1'], []]);
  });

  it('reads the same key once, whatever the entries and joins that want it', async () => {
    const api = await warmApi();
    await api.post(`${VIEW}/vectors`, { entries: Array.from({ length: 500 }, () => ({ origin: 'SFO', dest: 'SFO' })), requestParameters: { distance: 1 } });
    expect(api.parts.online.calls).toEqual(['read: 1']);
  });
});
