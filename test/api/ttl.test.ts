import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, type Api, GROUP, type memoryParts, NOW, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

/** The view's first join looks back two days, the group's ttl is seven. */
const TWO_DAYS_OLD = { origin: 'SFO', hour: '2001-02-27T10:30:00Z', flights_24h: 31, mean_delay_24h: 8.2 };
const JFK = { origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 7, mean_delay_24h: 4 };

async function start(...rows: readonly object[]): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows });
  return open;
}

async function online(api: Api, dest = 'JFK'): Promise<unknown> {
  const request = { entry: { origin: 'SFO', dest }, requestParameters: { distance: 1 }, options: { consistent: true }, metadata: { statuses: true } };
  const { body } = await api.post(`${VIEW}/vector`, request);
  return (body as { readonly metadata: { readonly statuses: readonly string[] } }).metadata.statuses.slice(1, 3);
}

async function offline(api: Api, at: string, dest = 'JFK'): Promise<unknown> {
  const spine = { rows: [{ origin: 'SFO', dest, predicted_at: at, distance: 1, delayed: true }] };
  await api.post(`${VIEW}/training-datasets`, { spine, format: 'ndjson', diagnostics: true });
  const { body } = await api.get(`${VIEW}/training-datasets`);
  const count = (body as { readonly items: readonly unknown[] }).items.length;
  const [row] = rowsOf(await api.get(`${VIEW}/training-datasets/${count}/data`));
  const { _status_dep, _status_arr } = row as Record<string, unknown>;
  return [_status_dep, _status_arr];
}

/** Changes the group in place. */
async function change(api: Api<ReturnType<typeof memoryParts>>, settings: object): Promise<void> {
  const changed = { ...JSON.parse(JSON.stringify(airportDelays.json)), ...settings };
  const { body } = await api.post('/v1/projects/demo/definitions:plan', { featureGroups: [changed] });
  const { planId } = body as { readonly planId: string };
  expect((await api.post('/v1/projects/demo/definitions:apply', { planId })).status).toBe(200);
  // Definitions are looked at again after ten seconds.
  await api.parts.clock.advance(11_000);
}

async function batchData(api: Api): Promise<unknown> {
  const spine = { rows: [{ origin: 'SFO', dest: 'SFO', predicted_at: NOW, distance: 1 }] };
  const [row] = rowsOf(await api.post(`${VIEW}/batch-data`, { spine }));
  return (row as Readonly<Record<string, unknown>>)['arr_mean_delay_24h'];
}

const ofJoin = (statuses: unknown): unknown => (Array.isArray(statuses) ? statuses[0] : statuses);

describe('a record older than its group and join allow', () => {
  it('is seen to the very end of the window, and is EXPIRED behind it, in training as online (T2)', async () => {
    const api = await start(TWO_DAYS_OLD, JFK);
    expect(ofJoin(await offline(api, NOW))).toBe('PRESENT');
    expect(ofJoin(await online(api))).toBe('PRESENT');
    await api.parts.clock.advance(1);
    expect(ofJoin(await offline(api, '2001-03-01T10:30:00.001Z'))).toBe('EXPIRED');
    expect(ofJoin(await online(api))).toBe('EXPIRED');
  });

  it('that is expired on arrival is kept offline, not online, and counted (T5)', async () => {
    const api = await start();
    const { body } = await api.post(`${GROUP}/rows`, { rows: [{ ...TWO_DAYS_OLD, hour: '2001-02-22T10:29:59Z' }] });
    expect(body).toMatchObject({ commit: { rowsInserted: 1 }, online: { applied: 0, expired: 1 } });
    expect(rowsOf(await api.post(`${GROUP}/read`))).toHaveLength(1);
    expect(ofJoin(await online(api))).toBe('NOT_FOUND');
  });

  it('is EXPIRED at once where the ttl is made shorter (T4)', async () => {
    const api = await start({ ...TWO_DAYS_OLD, hour: '2001-03-01T08:00:00Z' }, JFK);
    expect(ofJoin(await online(api))).toBe('PRESENT');
    await change(api, { ttl: 'PT2H' });
    expect(ofJoin(await online(api))).toBe('EXPIRED');
    expect(ofJoin(await offline(api, NOW))).toBe('EXPIRED');
  });

  it('is EXPIRED or not by the one ttl of the group, in training, batch data and vectors (T1)', async () => {
    const api = await start({ ...TWO_DAYS_OLD, hour: '2001-02-26T10:30:00Z' }, JFK);
    const seen = async (): Promise<unknown> => {
      const statuses = [await offline(api, NOW, 'SFO'), await online(api, 'SFO')];
      return [...statuses.map((each) => (Array.isArray(each) ? each[1] : each)), await batchData(api)];
    };
    expect(await seen()).toEqual(['PRESENT', 'PRESENT', 8.2]);
    await change(api, { ttl: 'P2D' });
    expect(await seen()).toEqual(['EXPIRED', 'EXPIRED', null]);
  });

  it('is back at once offline where the ttl is made longer (T4)', async () => {
    const api = await start({ ...TWO_DAYS_OLD, hour: '2001-02-20T10:30:00Z' });
    expect(await offline(api, NOW, 'SFO')).toEqual(['EXPIRED', 'EXPIRED']);
    await change(api, { ttl: 'P30D' });
    expect(await offline(api, NOW, 'SFO')).toEqual(['EXPIRED', 'PRESENT']);
  });
});
