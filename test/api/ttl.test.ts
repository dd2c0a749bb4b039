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

async function online(api: Api): Promise<unknown> {
  const request = { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 }, options: { consistent: true }, metadata: { statuses: true } };
  const { body } = await api.post(`${VIEW}/vector`, request);
  return (body as { readonly metadata: { readonly statuses: readonly string[] } }).metadata.statuses.slice(1, 3);
}

async function offline(api: Api, at: string): Promise<unknown> {
  const spine = { rows: [{ origin: 'SFO', dest: 'JFK', predicted_at: at, distance: 1, delayed: true }] };
  await api.post(`${VIEW}/training-datasets`, { spine, format: 'ndjson', diagnostics: true });
  const { body } = await api.get(`${VIEW}/training-datasets`);
  const count = (body as { readonly items: readonly unknown[] }).items.length;
  const [row] = rowsOf(await api.get(`${VIEW}/training-datasets/${count}/data`));
  const { _status_dep, _status_arr } = row as Record<string, unknown>;
  return [_status_dep, _status_arr];
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
    const shorter = { ...JSON.parse(JSON.stringify(airportDelays.json)), ttl: 'PT2H' };
    const { body } = await api.post('/v1/projects/demo/definitions:plan', { featureGroups: [shorter] });
    await api.post('/v1/projects/demo/definitions:apply', { planId: (body as { readonly planId: string }).planId });
    await api.parts.clock.advance(11_000);
    expect(ofJoin(await online(api))).toBe('EXPIRED');
    expect(ofJoin(await offline(api, NOW))).toBe('EXPIRED');
  });
});
