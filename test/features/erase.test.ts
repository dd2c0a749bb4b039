/** Erasure held against everything that is kept (semantics D3): nothing decoded holds a byte of it, and a process may die at any request. */
import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { joinPath } from '../../lib/core/path.ts';
import { verifyTable } from '../../lib/delta/verify.ts';
import { eraseRows } from '../../lib/features/erase/erase-rows.ts';
import { parseErase } from '../../lib/features/erase/parse-erase.ts';
import { Projects } from '../../lib/features/projects.ts';
import { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import { type Api, type memoryParts, openMemoryApi, rowsOf } from '../support/api.ts';
import { Crashed, crashingPorts } from '../support/crashing-ports.ts';
import { placesHolding } from '../support/erased-scan.ts';

const P = '/v1/projects/demo';
const GROUP = `${P}/feature-groups/people/versions/1`;
const VIEW = `${P}/feature-views/model/versions/1`;
const ROOT = 'demo/feature-groups/people/1';
const KEYS = 100;

let api: Api<ReturnType<typeof memoryParts>>;
beforeEach(async () => {
  api = await openMemoryApi();
  await api.post(`${P}/feature-groups`, {
    name: 'people',
    version: 1,
    schema: [
      { name: 'person', type: 'string' },
      { name: 'at', type: 'timestamp' },
      { name: 'secret', type: 'binary', nullable: true },
      { name: 'note', type: 'string', nullable: true },
      { name: 'n', type: 'int' },
    ],
    primaryKey: ['person'],
    eventTime: 'at',
    onlineEnabled: true,
    changeFeed: true,
    validationPolicy: 'QUARANTINE',
    expectations: [{ expectationType: 'expect_column_value_lengths_to_be_between', kwargs: { column: 'note', max_value: 64 } }],
  });
  await api.post(`${P}/feature-views`, {
    name: 'model',
    version: 1,
    spine: [
      { name: 'person', type: 'string' },
      { name: 't', type: 'timestamp' },
    ],
    labelTime: 't',
    joins: [{ featureGroup: 'people', version: 1, on: { person: 'person' }, features: ['secret', 'note'], prefix: 'p_' }],
  });
});
afterEach(() => api.close());

interface Person {
  readonly person: string;
  readonly secret: Buffer;
  readonly note: string;
}

function person(): Person {
  const { random } = api.parts;
  const hex = (): string => Buffer.from(random.bytes(32)).toString('hex');
  return { person: hex(), secret: Buffer.from(random.bytes(32)), note: hex() };
}

const rowOf = ({ person: name, secret, note }: Person, n: number, minute = 0): object => ({
  person: name,
  at: `2001-03-01T10:${String(minute).padStart(2, '0')}:00Z`,
  secret: secret.toString('base64'),
  note,
  n,
});

/** Bounds of statistics are cut after 32 characters, and the last one of the upper bound is raised. */
const cut = (text: string): Uint8Array => Buffer.from(text.slice(0, 31));
const needlesOf = (people: readonly Person[]): readonly Uint8Array[] =>
  people.flatMap(({ person: name, secret, note }) => [cut(name), secret, cut(secret.toString('base64')), cut(note)]);

/** Rows in every place that keeps some: files live, hidden and removed, change files, checkpoints, statistics, reports, quarantine, training sets. */
async function fill(gone: readonly Person[], kept: readonly Person[]): Promise<void> {
  const all = [...gone, ...kept];
  await api.post(`${GROUP}/rows`, { rows: all.map((each) => rowOf(each, 1)) });
  await api.post(`${GROUP}/rows`, { rows: all.map((each) => rowOf(each, 2)) });
  for (let i = 0; i < 8; i += 1) await api.post(`${GROUP}/rows?operation=append`, { rows: all.map((each) => rowOf(each, 3, i + 1)) });
  await api.post(`${GROUP}/rows:delete`, { keys: [{ person: gone[0]?.person, at: '2001-03-01T10:01:00Z' }] });
  const faulty = { ...rowOf(gone[1] ?? person(), 1), n: 'none' };
  await api.post(`${GROUP}/rows`, { rows: [faulty, { ...rowOf(gone[2] ?? person(), 1), note: `${gone[2]?.note}${'x'.repeat(40)}` }] });
  for (const format of ['parquet', 'csv', 'ndjson', 'arrow'])
    await api.post(`${VIEW}/training-datasets`, { spine: { rows: all.map((each) => ({ person: each.person, t: '2001-03-01T10:20:00Z' })) }, format });
  await Promise.all(api.parts.later);
}

/** What nobody lists: a file of a write that died, a build that never was published, and what a helper left beside the table. */
async function plant(gone: readonly Person[]): Promise<void> {
  const { store } = api.parts;
  const live: string[] = [];
  for await (const { path } of store.list(`${ROOT}/part-`)) live.push(path);
  const bytes = (await store.get(joinPath(live[0] ?? '')))?.bytes ?? new Uint8Array();
  const text = new TextEncoder().encode(gone.map(({ note }) => note).join());
  await store.overwrite(joinPath(ROOT, 'part-00000000-0000-0000-0000-000000000000-00000.zstd.parquet'), bytes);
  await store.overwrite(joinPath(ROOT, '_change_data/cdc-orphan.parquet'), bytes);
  await store.overwrite(joinPath(ROOT, '_lakefold/statistics/orphan.bin'), text);
  await store.overwrite(joinPath(ROOT, '_lakefold/reports/vr_orphan.json'), text);
  await store.overwrite(joinPath('demo/_uploads/up_1/rows.csv'), text);
  await store.overwrite(joinPath('demo/training-datasets/model/1/99/data/part-00000.ndjson'), text);
}

const scan = (people: readonly Person[]): Promise<readonly string[]> =>
  placesHolding({ ...api.parts, tables: [{ project: 'demo', featureGroup: 'people', version: 1, generation: 1, shards: 16 }] }, needlesOf(people));

const PLACES = [
  /^online:/,
  /people\/1\/part-0{8}/,
  /people\/1\/part-(?!0{8})/,
  /_change_data\/(?!cdc-orphan)/,
  /cdc-orphan/,
  /_delta_log\/0{19}1\.json$/,
  /_delta_log\/.*\.checkpoint\.parquet$/,
  /_lakefold\/reports\/(?!vr_orphan)/,
  /vr_orphan/,
  /_lakefold\/statistics\/orphan/,
  /_quarantine\/part-/,
  /training-datasets\/model\/1\/1\/.*parquet$/,
  /training-datasets\/model\/1\/2\/.*csv$/,
  /training-datasets\/model\/1\/3\/.*ndjson$/,
  /training-datasets\/model\/1\/4\/.*arrow$/,
  /training-datasets\/model\/1\/1\/spine.parquet$/,
  /training-datasets\/model\/1\/99\//,
  /_uploads/,
];

describe('an erasure', () => {
  it('of 100 keys leaves no byte of them or their values in anything that is kept, listed or not, and all other rows', async () => {
    const gone = Array.from({ length: KEYS }, person);
    const kept = Array.from({ length: 5 }, person);
    await fill(gone, kept);
    await plant(gone);
    const before = await scan(gone);
    expect(PLACES.filter((place) => !before.some((path) => place.test(path)))).toEqual([]);

    const answer = await api.post(`${GROUP}/rows:erase`, { keys: gone.map((each) => ({ person: each.person })), reason: 'r' });
    expect(answer).toMatchObject({ status: 202, body: { job: { state: 'SUCCEEDED', result: { keys: KEYS, rowsErased: KEYS * 9 - 1 } } } });
    expect(await scan(gone)).toEqual([]);
    expect(rowsOf(await api.post(`${GROUP}/read`, {}))).toHaveLength(kept.length * 9);
    const head = (await api.get(`${GROUP}/online`)).body;
    expect(head).toMatchObject({ state: 'current' });
    const { table } = await api.projects.group('demo', 'people', 1);
    expect(await findingsOf(table.root)).toEqual([]);
    for (const version of [0, 1, 5, table.snapshot.version - 1])
      expect(await api.post(`${GROUP}/read`, { asOf: { version } })).toMatchObject({ status: 410, body: { code: 'HISTORY_EXPIRED', reason: 'ERASED' } });
  });

  it.each(['before', 'after'] as const)('goes on wherever it died, %s a request had its effect, and comes to the same', async (when) => {
    const gone = Array.from({ length: 3 }, person);
    const kept = Array.from({ length: 2 }, person);
    await fill(gone, kept);
    await plant(gone);
    const body = { keys: gone.map((each) => ({ person: each.person })), reason: 'r' };
    let deaths = 0;
    for (let at = 1; ; at += at < 10 ? 1 : 11) {
      const ports = crashingPorts({ ...api.parts, queue: new MemoryQueue({ clock: api.parts.clock }) }, { at, when });
      const deps = { ...api.parts, ...ports };
      try {
        const projects = new Projects(deps);
        const group = await projects.group('demo', 'people', 1);
        const { state } = await projects.registry('demo');
        const job = await eraseRows(deps, group, { ...parseErase(group, body), views: state.featureViews.map(({ definition }) => definition) });
        expect(job.result).toMatchObject({ keys: 3, rowsErased: 26 });
        break;
      } catch (error) {
        if (!(error instanceof Crashed) && !(isLakefoldError(error) && error.kind !== 'corrupt')) throw error;
        deaths += 1;
      }
    }
    expect(deaths).toBeGreaterThan(15);
    expect(await scan(gone)).toEqual([]);
    const again = new Projects(api.parts);
    const group = await again.group('demo', 'people', 1);
    const rows: number[] = [];
    for await (const batch of group.table.read()) rows.push(batch.rowCount);
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(18);
    expect(await findingsOf(group.table.root)).toEqual([]);
  });
});

async function findingsOf(root: string): Promise<Awaited<ReturnType<typeof verifyTable>>['findings']> {
  return (await verifyTable(api.parts, root)).findings;
}
