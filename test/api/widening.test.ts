/** Columns that get wider types (§6): every file written again in one commit, history and online values as they were. */
import { afterEach, describe, expect, it } from 'vitest';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { joinPath } from '../../lib/core/path.ts';
import { type Api, type memoryParts, openMemoryApi, rowsOf } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const GROUPS = '/v1/projects/demo/feature-groups';
const WIDE = `${GROUPS}/wide/versions/1`;
const DEFINITION = {
  name: 'wide',
  version: 1,
  primaryKey: ['id'],
  eventTime: 'at',
  onlineEnabled: true,
  schema: [
    { name: 'id', type: 'int' },
    { name: 'at', type: 'timestamp' },
    { name: 'n', type: 'int' },
    { name: 'm', type: 'int', nullable: true },
    { name: 'f', type: 'float', nullable: true },
    { name: 'd', type: 'decimal(6,2)', nullable: true },
  ],
};
const WIDEN = [
  { name: 'id', type: 'bigint' },
  { name: 'n', type: 'bigint' },
  { name: 'm', type: 'double' },
  { name: 'f', type: 'double' },
  { name: 'd', type: 'decimal(12,2)' },
];
const WIDER = { ...DEFINITION, schema: DEFINITION.schema.map((column) => ({ ...column, ...WIDEN.find(({ name }) => name === column.name) })) };
const VIEW = {
  name: 'view',
  version: 1,
  spine: [
    { name: 'id', type: 'bigint' },
    { name: 'asked_at', type: 'timestamp' },
  ],
  labelTime: 'asked_at',
  joins: [{ featureGroup: 'wide', version: 1, features: ['n', 'm', 'f', 'd'] }],
};
const row = (id: number, more: object = {}): object => ({ id, at: '2001-03-01T10:00:00Z', n: id * 10, m: null, f: 0.1, d: '12.50', ...more });
// 0.1 as a float is this double, before and after.
const stored = (id: number, more: object = {}): object => ({ ...row(id), f: 0.10000000149011612, ...more });

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openMemoryApi();
  await open.post(GROUPS, DEFINITION);
  await open.post('/v1/projects/demo/feature-views', VIEW);
  await open.post(`${WIDE}/rows?operation=append`, { rows: [row(1), row(2, { m: 7 })] });
  await open.post(`${WIDE}/rows`, { rows: [row(2, { m: 8 }), row(3)] });
  return open;
}

const patch = (api: Api, body: unknown) => api.send('PATCH', WIDE, { body });
const plan = async (api: Api, group: object) => (await api.post('/v1/projects/demo/definitions:plan', { featureGroups: [group] })).body;
const rowSet = async (api: Api, body: object = {}): Promise<ReadonlySet<unknown>> => new Set(rowsOf(await api.post(`${WIDE}/read`, body)));
const vector = async (api: Api, id: number | string): Promise<unknown> => {
  const { body } = await api.post('/v1/projects/demo/feature-views/view/versions/1/vector', { entry: { id } });
  return typeof body === 'object' && body !== null && 'features' in body ? body.features : body;
};

describe('a widening', () => {
  it('is planned with the files and bytes it writes again, and refused without rewrite', async () => {
    const api = await start();
    const table = await DeltaTable.open(api.parts, 'demo/feature-groups/wide/1');
    const bytes = [...table.snapshot.files.values()].reduce((sum, file) => sum + file.size, 0);
    const planned = await plan(api, WIDER);
    expect(planned).toMatchObject({
      breaking: false,
      changes: [{ action: 'update', verdict: 'rewrite', rewrite: { files: table.snapshot.files.size, bytes }, newVersion: 2 }],
    });
    const before = (await api.get(WIDE)).body;
    for (const body of [{ planId: planIdOf(planned) }, { planId: planIdOf(planned), rewrite: false }])
      expect(await api.post('/v1/projects/demo/definitions:apply', body)).toMatchObject({
        status: 409,
        body: { code: 'BREAKING_SCHEMA_CHANGE', newVersion: 2 },
      });
    expect((await api.get(WIDE)).body).toEqual(before);
  });

  it('writes new metadata and all files in the new types in one commit, and keeps every value and what was deleted', async () => {
    const api = await start();
    const before = await rowSet(api);
    const head = (await DeltaTable.open(api.parts, 'demo/feature-groups/wide/1')).snapshot;
    const applied = await api.post('/v1/projects/demo/definitions:apply', { planId: planIdOf(await plan(api, WIDER)), rewrite: true });
    expect([applied.status, applied.body]).toMatchObject([200, { applied: [{ name: 'wide', action: 'update' }] }]);
    const { snapshot } = await DeltaTable.open(api.parts, 'demo/feature-groups/wide/1');
    expect([snapshot.version, [...snapshot.files.keys()].filter((path) => head.files.has(path))]).toEqual([head.version + 1, []]);
    for (const file of snapshot.files.values()) {
      const object = await api.parts.store.get(joinPath('demo/feature-groups/wide/1', file.path));
      const types = (await api.parts.codec.describe(bytesSource(object?.bytes ?? new Uint8Array()))).columns.map(({ name, type }) => [name, type]);
      expect(types).toEqual(snapshot.columns.map(({ name, type }) => [name, type]));
      expect([file.dataChange, file.deletionVector]).toEqual([false, undefined]);
    }
    expect(before).toEqual(new Set([stored(1), stored(2, { m: 8 }), stored(3)]));
    expect(await rowSet(api)).toEqual(before);
    expect((await api.get(`${WIDE}/commits?limit=1`)).body).toMatchObject({
      items: [{ operation: 'schemaChange', engineOperation: 'CHANGE COLUMN', rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0 }],
    });
    expect((await api.get(WIDE)).body).toMatchObject({ schema: WIDER.schema.map((column) => ({ nullable: false, ...column })), schemaVersion: 2 });
  });

  it('lets wider values in from then on, and reads earlier versions in their own types', async () => {
    const api = await start();
    const early = { ...row(2_200_000_000), n: 9 };
    expect((await api.post(`${WIDE}/rows`, { rows: [early] })).body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ code: 'OUT_OF_RANGE' }] });
    expect((await patch(api, { widen: WIDEN })).status).toBe(200);
    const big = { ...row(2_200_000_000), n: '9007199254740993', m: 0.5, f: 0.1, d: '1234567890.25' };
    expect((await api.post(`${WIDE}/rows`, { rows: [big] })).status).toBe(200);
    expect(await rowSet(api)).toEqual(new Set([stored(1), stored(2, { m: 8 }), stored(3), big]));
    expect(await rowSet(api, { asOf: { version: 1 } })).toEqual(new Set([stored(1), stored(2, { m: 7 })]));
  });

  it('serves what was published before and after, raised by the schema it was written in', async () => {
    const api = await start();
    const before = [await vector(api, 1), await vector(api, 2)];
    expect(before).toEqual([
      [10, null, 0.10000000149011612, '12.50'],
      [20, 8, 0.10000000149011612, '12.50'],
    ]);
    await patch(api, { widen: WIDEN });
    expect([await vector(api, 1), await vector(api, 2)]).toEqual(before);
    await api.post(`${WIDE}/rows`, { rows: [{ ...row(1), at: '2001-03-01T10:10:00Z', n: '9007199254740993', m: 0.5 }] });
    expect([await vector(api, 1), await vector(api, 2)]).toEqual([['9007199254740993', 0.5, 0.1, '12.50'], before[1]]);
    expect((await api.post(`${WIDE}:publish`)).body).toMatchObject({ applied: 0, failed: 0 });
  });

  it('loses no row that was committed while it went on', async () => {
    const api = await start();
    const writes = Array.from({ length: 12 }, (_, i) => api.post(`${WIDE}/rows`, { rows: [row(100 + i)] }));
    const [widened, ...written] = await Promise.all([patch(api, { widen: WIDEN }), ...writes]);
    expect(widened?.status).toBe(200);
    const kept = written.flatMap(({ status }, i) => (status === 200 ? [100 + i] : []));
    const refused = written.filter(({ status }) => status !== 200).map(({ body }) => body);
    for (const body of refused) expect(body).toMatchObject({ status: 409 });
    const rows = rowsOf(await api.post(`${WIDE}/read`, { features: ['id'] }));
    expect(new Set(rows)).toEqual(new Set([1, 2, 3, ...kept].map((id) => ({ id }))));
  });

  it('is finished by the next apply where it ended between table and registry; until then reads go on and writes are refused', async () => {
    const api = await start();
    const table = await DeltaTable.open(api.parts, 'demo/feature-groups/wide/1');
    const wide = { int: { kind: 'bigint' }, float: { kind: 'double' } } as const;
    const columns = table.snapshot.columns.map(({ name, type, nullable }) => ({
      name,
      nullable,
      type: type.kind === 'float' ? wide.float : name === 'n' ? wide.int : type,
    }));
    expect((await table.alter({ columns, configuration: {} }, { rewrite: true })).kind).toBe('committed');
    const half = {
      ...DEFINITION,
      schema: DEFINITION.schema.map((column) =>
        column.name === 'n' ? { ...column, type: 'bigint' } : column.name === 'f' ? { ...column, type: 'double' } : column,
      ),
    };

    expect(await rowSet(api)).toEqual(new Set([stored(1), stored(2, { m: 8 }), stored(3)]));
    expect(await api.post(`${WIDE}/rows`, { rows: [row(4)] })).toMatchObject({ status: 409, body: { code: 'SCHEMA_DRIFT' } });
    const planned = await plan(api, half);
    expect(planned).toMatchObject({ changes: [{ verdict: 'rewrite', rewrite: { files: 0, bytes: 0 } }] });
    await api.post('/v1/projects/demo/definitions:apply', { planId: planIdOf(planned), rewrite: true });
    expect((await api.post(`${WIDE}/rows`, { rows: [row(4)] })).status).toBe(200);
  });
});

describe('a deployment whose definitions may touch no data', () => {
  it('refuses a widening by name, before anything is written', async () => {
    const api = await start();
    const projects = new Projects({ ...api.parts, rewrites: 'refused' });
    const { planId } = await projects.plan('demo', { featureGroups: [WIDER] });
    await expect(projects.apply('demo', planId, { rewrite: true })).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION', context: { newVersion: 2 } });
    expect((await api.get(WIDE)).body).toMatchObject({ schemaVersion: 1, latestCommit: 2 });
  });
});

function planIdOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'planId' in body ? String(body.planId) : '';
}
