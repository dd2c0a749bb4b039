import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, type Api, GROUP, type memoryParts, openExampleApi, openMemoryApi, rowsOf } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const SFO = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 31, mean_delay_24h: 8.2 };
const JFK = { origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 7, mean_delay_24h: 4 };
const SFO_LATER = { ...SFO, flights_24h: 32 };

const at = (version: number): string => `2001-03-01T10:30:00.00${version}Z`;
const change = (row: object, type: string, version: number): object => ({
  ...row,
  _change_type: type,
  _commit_version: version,
  _commit_timestamp: at(version),
});

/** Version 1 inserts two, 2 changes one, 3 deletes one, 4 packs, 5 restores version 1. */
async function history(api: Api): Promise<void> {
  await api.post(`${GROUP}/rows`, { rows: [SFO, JFK] });
  await api.post(`${GROUP}/rows`, { rows: [SFO_LATER] });
  await api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'JFK' }] });
  await api.post(`${GROUP}:optimize`, { clusterBy: ['hour'] });
  await api.post(`${GROUP}:restore`, { toVersion: 1 });
}

const FEED = [
  [change(JFK, 'insert', 1), change(SFO, 'insert', 1)],
  [change(SFO, 'update_preimage', 2), change(SFO_LATER, 'update_postimage', 2)],
  [change(JFK, 'delete', 3)],
  [],
  [change(SFO_LATER, 'update_preimage', 5), change(JFK, 'insert', 5), change(SFO, 'update_postimage', 5)],
];

describe('changes', () => {
  it.each(['derived', 'from change files'])('are %s: commits ascending, images paired by key and event time, in Delta names', async (kind) => {
    open = await openMemoryApi();
    await open.post('/v1/projects/demo/feature-groups', { ...JSON.parse(JSON.stringify(airportDelays.json)), changeFeed: kind !== 'derived' });
    await history(open);
    const answer = await open.post(`${GROUP}/changes`);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('x-lakefold-version')]).toEqual([200, 'application/x-ndjson', '5']);
    expect(rowsOf(answer)).toEqual(FEED.flat());
    const files: string[] = [];
    for await (const { path } of open.parts.store.list('demo/feature-groups/airport_delays/1/_change_data/')) files.push(path);
    expect(files.length > 0).toBe(kind !== 'derived');
  });

  it('of a range leave its first version out and take its last one in, so that ranges chain', async () => {
    open = await openExampleApi();
    await history(open);
    const chained: unknown[] = [];
    for (let version = 0; version <= 5; version += 1)
      chained.push(...rowsOf(await open.post(`${GROUP}/changes`, { ...(version === 0 ? {} : { fromVersion: version - 1 }), toVersion: version })));
    expect(chained).toEqual(FEED.flat());
    expect(rowsOf(await open.post(`${GROUP}/changes`, { fromVersion: 5 }))).toEqual([]);
    expect(rowsOf(await open.post(`${GROUP}/changes`, { fromVersion: 2, toVersion: 2 }))).toEqual([]);
  });

  it('are answered as CSV and Parquet too', async () => {
    open = await openExampleApi();
    await history(open);
    const csv = await open.post(`${GROUP}/changes`, { fromVersion: 2, toVersion: 3 }, { accept: 'text/csv' });
    expect(csv.text.split(/\r?\n/).slice(0, 2)).toEqual([
      'origin,hour,flights_24h,mean_delay_24h,_change_type,_commit_version,_commit_timestamp',
      `JFK,2001-03-01T10:00:00Z,7,4,delete,3,${at(3)}`,
    ]);
    const parquet = await open.post(`${GROUP}/changes`, { toVersion: 1 }, { accept: 'application/vnd.apache.parquet' });
    expect(new TextDecoder().decode(parquet.bytes.subarray(0, 4))).toBe('PAR1');
    expect((await open.post(`${GROUP}/changes`, {}, { accept: 'image/png' })).body).toMatchObject({ code: 'NOT_ACCEPTABLE' });
  });

  it('of a column added later are null before it', async () => {
    open = await openExampleApi();
    await open.post(`${GROUP}/rows`, { rows: [SFO] });
    const wider = JSON.parse(JSON.stringify(airportDelays.json));
    wider.schema.push({ name: 'extra', type: 'int', nullable: true });
    const { body } = await open.post('/v1/projects/demo/definitions:plan', { featureGroups: [wider] });
    await open.post('/v1/projects/demo/definitions:apply', { planId: (body as { readonly planId: string }).planId });
    await open.post(`${GROUP}/rows`, { rows: [{ ...JFK, extra: 1 }] });
    expect(rowsOf(await open.post(`${GROUP}/changes`))).toMatchObject([
      { origin: 'SFO', extra: null, _commit_version: 1 },
      { origin: 'JFK', extra: 1, _commit_version: 3 },
    ]);
    expect(rowsOf(await open.post(`${GROUP}/changes`, { toVersion: 1 }))).toEqual([change(SFO, 'insert', 1)]);
  });

  it.each([
    [{ fromVersion: 3, toVersion: 2 }, 400, 'INVALID_ARGUMENT'],
    [{ fromVersion: 9 }, 400, 'INVALID_ARGUMENT'],
    [{ toVersion: 9 }, 404, 'NO_SUCH_COMMIT'],
    [{ toVersion: '2' }, 400, 'INVALID_ARGUMENT'],
    [{ after: 1 }, 400, 'UNKNOWN_FIELD'],
  ])('of no range are refused: %o', async (body, status, code) => {
    open = await openExampleApi();
    await history(open);
    expect(await open.post(`${GROUP}/changes`, body)).toMatchObject({ status, body: { code } });
  });

  it('whose files vacuum took are expired, and what came after is not', async () => {
    open = await openExampleApi();
    await history(open);
    await open.post(`${GROUP}/rows?operation=overwrite`, { rows: [JFK] });
    await open.parts.clock.advance(8 * 86_400_000);
    await open.post(`${GROUP}:vacuum`, { retention: 'P7D', dryRun: false });
    expect(await open.post(`${GROUP}/changes`)).toMatchObject({ status: 410, body: { code: 'HISTORY_EXPIRED', reason: 'RETENTION' } });
    await open.post(`${GROUP}/rows`, { rows: [{ ...SFO, hour: '2001-03-09T10:00:00Z' }] });
    expect(rowsOf(await open.post(`${GROUP}/changes`, { fromVersion: 6 }))).toMatchObject([{ origin: 'SFO', _change_type: 'insert', _commit_version: 7 }]);
  });
});
