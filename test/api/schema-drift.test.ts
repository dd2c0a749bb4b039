/** Tables that another engine changed under the registry: reads go on, writes are refused by name. */
import { afterEach, describe, expect, it } from 'vitest';
import { DeltaTable } from '../../lib/delta/table.ts';
import { type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';
import { type ForeignField, foreignMetadata } from '../support/foreign-commit.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const ROOT = 'demo/feature-groups/airport_delays/1';

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const retype = (fields: readonly ForeignField[]): readonly unknown[] =>
  fields.map((field) => (field.name === 'flights_24h' ? { ...field, type: 'long' } : field));
const drop = (fields: readonly ForeignField[]): readonly unknown[] => fields.filter(({ name }) => name !== 'mean_delay_24h');
const more = (fields: readonly ForeignField[]): readonly unknown[] => [...fields, { name: 'extra', type: 'string', nullable: true, metadata: {} }];
const RETYPED = { column: 'flights_24h', expected: 'int', found: 'bigint' };
const DROPPED = { column: 'mean_delay_24h', expected: 'double', found: null };
const NEW_ROW = { origin: 'LAX', hour: '2001-03-01T10:00:00Z', flights_24h: 1, mean_delay_24h: 2 };

describe('a table that drifted', () => {
  it.each([
    ['retyped a column', retype, RETYPED],
    ['lacks a column', drop, DROPPED],
  ])('and %s is read as it is, and written by nobody', async (_, edit, drift) => {
    const api = await start();
    await foreignMetadata(api.parts, ROOT, edit);
    const expected = EXAMPLE_ROWS.map((row) => (drift.found === null ? { origin: row.origin, hour: row.hour, flights_24h: row.flights_24h } : row));
    expect(new Set(rowsOf(await api.post(`${GROUP}/read`)))).toEqual(new Set(expected));
    const writes: readonly (readonly [path: string, body: unknown])[] = [
      [`${GROUP}/rows`, { rows: [NEW_ROW] }],
      [`${GROUP}/rows?operation=append`, { rows: [NEW_ROW] }],
      [`${GROUP}/rows?operation=overwrite`, { rows: [NEW_ROW] }],
      [`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO' }] }],
      [`${GROUP}:restore`, { toVersion: 0 }],
      [`${GROUP}:optimize`, {}],
    ];
    for (const [path, body] of writes) expect(await api.post(path, body)).toMatchObject({ status: 409, body: { code: 'SCHEMA_DRIFT', drifts: [drift] } });
    expect((await DeltaTable.open(api.parts, ROOT)).snapshot.version).toBe(2);
    // What was published is served, whatever became of the table.
    const vector = await api.post(`${VIEW}/vector`, { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 } });
    expect(vector).toMatchObject({ status: 200, body: { features: [31, 8.2, 4, false] } });
    const message =
      drift.found === null
        ? 'expected column mean_delay_24h of type double in the table, found none'
        : 'expected column flights_24h of type int in the table, found bigint';
    expect((await api.get(GROUP)).body).toMatchObject({ warnings: [{ code: 'SCHEMA_DRIFT', message }] });
  });

  it('that is another table is written by nobody', async () => {
    const api = await start();
    await foreignMetadata(api.parts, ROOT, (fields) => fields, '00000000-0000-4000-8000-000000000000');
    expect(await api.post(`${GROUP}/rows`, { rows: [NEW_ROW] })).toMatchObject({
      status: 409,
      body: { code: 'SCHEMA_DRIFT', drifts: [{ column: null, found: '00000000-0000-4000-8000-000000000000' }] },
    });
    expect((await api.post(`${GROUP}/read`)).status).toBe(200);
  });

  it('is written again once the table has its column back', async () => {
    const api = await start();
    await foreignMetadata(api.parts, ROOT, retype);
    expect((await api.post(`${GROUP}/rows`, { rows: [NEW_ROW] })).status).toBe(409);
    await foreignMetadata(api.parts, ROOT, (fields) => fields.map((field) => (field.name === 'flights_24h' ? { ...field, type: 'integer' } : field)));
    await api.post(`${GROUP}/read`);
    expect((await api.post(`${GROUP}/rows`, { rows: [NEW_ROW] })).status).toBe(200);
  });
});

describe('a column of another engine', () => {
  it('is carried through, not served, and adopted by a definition that names it (storage §3)', async () => {
    const api = await start();
    await foreignMetadata(api.parts, ROOT, more);
    expect((await api.post(`${GROUP}/rows`, { rows: [NEW_ROW] })).status).toBe(200);
    expect((await api.get(GROUP)).body).toMatchObject({ schemaVersion: 1, warnings: [] });
    const adopted = await api.send('PATCH', GROUP, { body: { addFeatures: [{ name: 'extra', type: 'string', nullable: true }] } });
    expect(adopted).toMatchObject({ status: 200, body: { schemaVersion: 2, latestCommit: 4 } });
    await api.post(`${GROUP}/rows`, { rows: [{ ...NEW_ROW, extra: 'x' }] });
    expect(rowsOf(await api.post(`${GROUP}/read`, { where: { column: 'origin', op: '=', value: 'LAX' } }))).toEqual([{ ...NEW_ROW, extra: 'x' }]);
  });
});
