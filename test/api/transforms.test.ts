import { afterEach, describe, expect, it } from 'vitest';
import { t } from '../../lib/registry/column-builder.ts';
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { featureGroup } from '../../lib/registry/define-group.ts';
import {
  imputer,
  labelEncoder,
  logTransform,
  minMaxScaler,
  modelTransform,
  oneHotEncoder,
  quantileBinner,
  robustScaler,
  standardScaler,
} from '../../lib/registry/define-transform.ts';
import { featureView, join, onDemand } from '../../lib/registry/define-view.ts';
import { type Answer, type Api, type memoryParts, memoryParts as newParts, openApi, rowsOf } from '../support/api.ts';

type Opened = Api<ReturnType<typeof memoryParts>>;

const opened: Opened[] = [];
afterEach(async () => {
  for (const api of opened.splice(0)) await api.close();
});

const stats = featureGroup({
  name: 'stats',
  version: 1,
  schema: {
    id: t.string(),
    at: t.timestamp(),
    a: t.double().nullable(),
    b: t.bigint().nullable(),
    c: t.float().nullable(),
    d: t.double().nullable(),
    e: t.string().nullable(),
    f: t.string().nullable(),
    g: t.int().nullable(),
    h: t.double().nullable(),
    i: t.double().nullable(),
    raw: t.double().nullable(),
  },
  primaryKey: ['id'],
  eventTime: 'at',
  onlineEnabled: true,
});
const clip = modelTransform({
  name: 'clip_median',
  input: t.double(),
  output: t.double(),
  fit: ({ quantile, count }) => ({ high: quantile(0.5), seen: count }),
  apply: (value, { high }) => {
    if (value === 666) throw new Error('a beast');
    return Math.min(value, high);
  },
});
const double = onDemand({ name: 'twice', inputs: { raw: t.double() }, returns: t.double(), compute: ({ raw }) => raw * 2 });
const model = featureView({
  name: 'model',
  version: 1,
  spine: { id: t.string(), at: t.timestamp(), y: t.boolean().nullable() },
  labelTime: 'at',
  labels: ['y'],
  joins: [join(stats, { features: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'raw'], defaults: { d: 100 } })],
  onDemand: [double],
  transforms: {
    a: standardScaler(),
    b: minMaxScaler(),
    c: robustScaler(),
    d: imputer({ strategy: 'median' }),
    e: labelEncoder({ unknown: -7 }),
    f: oneHotEncoder(),
    g: quantileBinner({ bins: 4 }),
    h: logTransform({ offset: 1 }),
    i: clip,
    twice: standardScaler(),
  },
});

const NUMBERS = [1, 2, 3, 4, 10];
const NAMES = ['blue', 'red', 'blue', 'green', 'red'];
/** Five rows that train, then one with a null in every column and one unlike all that trained. */
const ROWS = [
  ...NUMBERS.map((n, i) => ({ id: `r${i}`, at: AT(i), a: n, b: n, c: n, d: n, e: NAMES[i], f: NAMES[i], g: n, h: n, i: n, raw: n })),
  { id: 'r5', at: AT(5), a: null, b: null, c: null, d: null, e: null, f: null, g: null, h: null, i: null, raw: null },
  { id: 'r6', at: AT(6), a: 0.1, b: '9007199254740993', c: 0.1, d: -0.5, e: 'pink', f: 'pink', g: 3, h: 0.1, i: 0.1, raw: 0.1 },
];
const SPINE = ROWS.map(({ id }, i) => ({ id, at: i < 5 ? '2001-03-01T10:29:00Z' : '2001-03-01T10:30:00Z', y: i % 2 === 0 }));
const SPLIT = {
  type: 'time',
  boundaries: { test: ['2001-03-01T10:30:00Z', '2001-03-01T11:00:00Z'], train: ['2001-03-01T10:00:00Z', '2001-03-01T10:30:00Z'] },
};
const PARAMETERS = [
  { feature: 'a', function: 'standard_scaler', parameters: { mean: 4, stddev: Math.sqrt(10) } },
  { feature: 'b', function: 'min_max_scaler', parameters: { min: 1, max: 10 } },
  { feature: 'c', function: 'robust_scaler', parameters: { median: 3, q1: 2, q3: 4 } },
  { feature: 'd', function: 'imputer', parameters: { value: 3 } },
  { feature: 'e', function: 'label_encoder', parameters: { classes: ['blue', 'green', 'red'], unknown: -7 } },
  { feature: 'f', function: 'one_hot_encoder', parameters: { categories: ['blue', 'green', 'red'], unknown: 'zeros' } },
  { feature: 'g', function: 'quantile_binner', parameters: { edges: [2, 3, 4] } },
  { feature: 'h', function: 'log_transform', parameters: { offset: 1 } },
  { feature: 'i', function: 'clip_median', parameters: { high: 3, seen: 5 } },
  { feature: 'twice', function: 'standard_scaler', parameters: { mean: 8, stddev: Math.sqrt(40) } },
];

const GROUP = '/v1/projects/demo/feature-groups/stats/versions/1';
const VIEW = '/v1/projects/demo/feature-views/model/versions/1';
const SETS = `${VIEW}/training-datasets`;

function AT(minute: number): string {
  return `2001-03-01T10:0${minute}:00Z`;
}

async function start(): Promise<Opened> {
  const api = await openApi(newParts(), collectDefinitions({ stats, model }).functions);
  opened.push(api);
  await api.post('/v1/projects', { name: 'demo' });
  expect((await api.post('/v1/projects/demo/feature-groups', stats.json)).status).toBe(201);
  const created = await api.post('/v1/projects/demo/feature-views', model.json);
  expect([created.status, created.text]).toMatchObject([201, expect.any(String)]);
  expect((await api.post(`${GROUP}/rows`, { rows: ROWS })).status).toBe(200);
  return api;
}

async function create(api: Opened, request: object): Promise<Readonly<Record<string, unknown>>> {
  const answer = await api.post(SETS, { spine: { rows: SPINE }, split: SPLIT, ...request });
  expect([answer.status, answer.text]).toMatchObject([201, expect.any(String)]);
  return Object.fromEntries(Object.entries(answer.body ?? {}));
}

async function file(api: Opened, number: number, split: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const answer = await api.send('GET', `${SETS}/${number}/data?split=${split}`, { headers: { accept: 'application/x-ndjson' } });
  return rowsOf(answer) as readonly Readonly<Record<string, unknown>>[];
}

function vectors(api: Opened, trainingDataset: number | null, extra: object = {}): Promise<Answer> {
  return api.post(`${VIEW}/vectors`, {
    entries: ROWS.map(({ id }) => ({ id })),
    options: { format: 'objects', trainingDataset },
    metadata: { statuses: true, types: true },
    ...extra,
  });
}

function featuresOf(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !['id', 'at', 'y'].includes(name)));
}

describe('model-dependent transforms (P18)', () => {
  it('are fitted on the training split alone, with the population deviation and interpolated quantiles, and stored as exact numbers', async () => {
    const api = await start();
    const { transforms, schema } = await create(api, {});
    expect(transforms).toEqual(PARAMETERS);
    expect(schema).toMatchObject([
      { name: 'id', type: 'string' },
      { name: 'at', type: 'timestamp' },
      { name: 'y', type: 'boolean' },
      ...[
        ['a', 'double'],
        ['b', 'double'],
        ['c', 'double'],
        ['d', 'double'],
        ['e', 'int'],
        ['f', 'vector(3)'],
        ['g', 'int'],
        ['h', 'double'],
        ['i', 'double'],
        ['raw', 'double'],
        ['twice', 'double'],
      ].map(([name, type]) => ({ name, type, role: name === 'twice' ? 'onDemand' : 'feature' })),
    ]);
  });

  it('turn every value of the files by what was fitted; null stays null but where it is filled, an unseen category is its declared unknown', async () => {
    const api = await start();
    await create(api, {});
    expect((await file(api, 1, 'train')).map(featuresOf)).toEqual(
      NUMBERS.map((n, i) => ({
        a: (n - 4) / Math.sqrt(10),
        b: (n - 1) / 9,
        c: (n - 3) / 2,
        d: n,
        e: ['blue', 'green', 'red'].indexOf(NAMES[i] ?? ''),
        f: ['blue', 'green', 'red'].map((name) => Number(name === NAMES[i])),
        g: [0, 1, 2, 3, 3][i],
        h: Math.log(n + 1),
        i: Math.min(n, 3),
        raw: n,
        twice: (2 * n - 8) / Math.sqrt(40),
      })),
    );
    const nothing = { a: null, b: null, c: null, e: null, f: null, g: null, h: null, i: null, raw: null, twice: null };
    expect((await file(api, 1, 'test')).map(featuresOf)).toEqual([
      { ...nothing, d: 3 },
      {
        a: (0.1 - 4) / Math.sqrt(10),
        b: (2 ** 53 - 1) / 9,
        c: (Math.fround(0.1) - 3) / 2,
        d: -0.5,
        e: -7,
        f: [0, 0, 0],
        g: 2,
        h: Math.log(1.1),
        i: 0.1,
        raw: 0.1,
        twice: (0.2 - 8) / Math.sqrt(40),
      },
    ]);
  });

  it('answer vectors and batch data equal to the training file, bit for bit', async () => {
    const api = await start();
    await create(api, {});
    const lines = [...(await file(api, 1, 'train')), ...(await file(api, 1, 'test'))].map((row) => JSON.stringify(featuresOf(row)));
    const online = await vectors(api, 1);
    const { features, metadata } = online.body as {
      readonly features: readonly object[];
      readonly metadata: { readonly features: readonly object[]; readonly statuses: readonly string[][] };
    };
    expect(features.map((row) => JSON.stringify(row))).toEqual(lines);
    expect(metadata.features.slice(4, 6)).toMatchObject([{ type: 'int' }, { type: 'vector(3)' }]);
    expect(metadata.statuses[5]).toEqual([...Array.from({ length: 10 }, () => 'NULL_VALUE'), 'NULL_VALUE']);
    const batch = await api.post(`${VIEW}/batch-data`, { spine: { rows: ROWS.map(({ id }) => ({ id })) }, trainingDataset: 1 });
    expect(rowsOf(batch).map((row) => JSON.stringify(featuresOf(row as Readonly<Record<string, unknown>>)))).toEqual(lines);
  });

  it('divide a feature that never varies by 1', async () => {
    const api = await start();
    const { transforms } = await create(api, { spine: { rows: SPINE.slice(1, 2) }, split: null, format: 'ndjson' });
    expect((transforms as typeof PARAMETERS).slice(0, 3).map(({ parameters }) => parameters)).toEqual([
      { mean: 2, stddev: 0 },
      { min: 2, max: 2 },
      { median: 2, q1: 2, q3: 2 },
    ]);
    const { features } = (await vectors(api, 1, { entries: [{ id: 'r1' }, { id: 'r4' }] })).body as { readonly features: readonly object[] };
    expect(features).toMatchObject([
      { a: 0, b: 0, c: 0, twice: 0 },
      { a: 8, b: 8, c: 8, twice: 16 },
    ]);
  });

  it('fit the same whatever the other splits hold', async () => {
    const api = await start();
    await create(api, {});
    const spine = { rows: [...SPINE.slice(0, 5), ...SPINE.map((row) => ({ ...row, at: '2001-03-01T10:45:00Z' }))] };
    expect((await create(api, { spine }))['transforms']).toEqual(PARAMETERS);
    expect((await create(api, { split: null }))['transforms']).not.toEqual(PARAMETERS);
  });

  it('are left out where asked, and the set then leaves vectors alone, too', async () => {
    const api = await start();
    const set = await create(api, { transform: false, split: null });
    expect([set['transforms'], set['request']]).toMatchObject([[], { transform: false }]);
    expect((await file(api, 1, 'data'))[0]).toMatchObject({ a: 1, e: 'blue', f: 'blue' });
    expect((await vectors(api, 1)).body).toMatchObject({ features: [{ a: 1, e: 'blue' }, {}, {}, {}, {}, {}, {}] });
    expect((await vectors(api, null)).body).toMatchObject({ features: [{ a: 1, e: 'blue' }, {}, {}, {}, {}, {}, {}] });
  });

  it('apply to what a caller passes, not to what functions are given', async () => {
    const api = await start();
    await create(api, {});
    const passed = await vectors(api, 1, { entries: [{ id: 'r0' }], passedFeatures: [{ a: 4, raw: 4 }] });
    expect(passed.body).toMatchObject({ features: [{ a: 0, raw: 4, twice: 0 }] });
  });

  it('verify: fitted again they are the same', async () => {
    const api = await start();
    await create(api, {});
    await api.post(`${GROUP}/rows`, { rows: [{ ...ROWS[0], a: 77 }] });
    expect((await api.post(`${SETS}/1:verify`)).body).toMatchObject({ equal: true });
  });

  it('of a set without training rows make every value null', async () => {
    const api = await start();
    const { transforms } = await create(api, { spine: { rows: [] }, split: null });
    expect((transforms as typeof PARAMETERS)[0]).toEqual({ feature: 'a', function: 'standard_scaler', parameters: null });
    expect((await vectors(api, 1)).body).toMatchObject({ features: [{ a: null, raw: 1 }, {}, {}, {}, {}, {}, {}] });
  });
});

describe('an erased entity', () => {
  it('leaves no category that it alone had, in the set and in what is served, and the codes of the others as they were', async () => {
    const api = await start();
    await create(api, {});
    expect((await api.post(`${GROUP}/rows:erase`, { keys: [{ id: 'r3' }], reason: 'asked' })).status).toBe(202);
    const answer = await api.get(`${SETS}/1`);
    expect(answer.body).toMatchObject({
      erased: true,
      transforms: [
        {},
        { parameters: { min: 1, max: 10 } },
        {},
        {},
        { parameters: { classes: ['blue', null, 'red'] } },
        { parameters: { categories: ['blue', null, 'red'] } },
        {},
        {},
        {},
        {},
      ],
    });
    expect(answer.text).not.toContain('green');
    const online = await vectors(api, 1, { entries: [{ id: 'r1' }] });
    expect(online.body).toMatchObject({ features: [{ e: 2, f: [0, 0, 1] }] });
    for await (const record of api.parts.control.query('transforms/demo')) expect(new TextDecoder().decode(record.bytes)).not.toContain('green');
  });

  it('takes the bound with it that was its own value: what was scaled by it is null, the rest is as it was', async () => {
    const api = await start();
    await create(api, {});
    expect((await api.post(`${GROUP}/rows:erase`, { keys: [{ id: 'r4' }], reason: 'asked' })).status).toBe(202);
    const { erased, transforms } = (await api.get(`${SETS}/1`)).body as { readonly erased: boolean; readonly transforms: readonly object[] };
    expect([erased, ...transforms.slice(0, 2)]).toEqual([true, PARAMETERS[0], { ...PARAMETERS[1], parameters: null }]);
    const after = await vectors(api, 1, { entries: [{ id: 'r1' }] });
    expect(after.body).toMatchObject({ features: [{ a: (2 - 4) / Math.sqrt(10), b: null, e: 2 }] });
  });
});

describe('model-dependent transforms that fail', () => {
  it('fail the training set, naming rows, and answer ERROR online for the one feature', async () => {
    const api = await start();
    await create(api, {});
    await api.post(`${GROUP}/rows`, { rows: [{ ...ROWS[1], at: '2001-03-01T10:20:00Z', i: 666 }] });
    const refused = await api.post(SETS, { spine: { rows: SPINE } });
    expect([refused.status, refused.body]).toMatchObject([422, { code: 'ON_DEMAND_FAILED', errors: [{ row: 1, feature: 'i' }], errorCount: 1 }]);
    const online = await vectors(api, 1, { entries: [{ id: 'r1' }] });
    expect(online.body).toMatchObject({ status: ['ERROR'], features: [{ a: -2 / Math.sqrt(10), i: null }] });
  });

  it('are refused for a set that is not there, and where the bundle lacks the code', async () => {
    const api = await start();
    expect((await vectors(api, 1)).body).toMatchObject({ code: 'UNKNOWN_TRAINING_DATASET' });
    await create(api, {});
    const other = { ...model, transforms: {} };
    const bare = await openApi(api.parts, collectDefinitions({ stats, other }).functions);
    opened.push(bare);
    expect(await vectors(bare, 1)).toMatchObject({ status: 409, body: { code: 'FUNCTION_MISMATCH' } });
    expect(await vectors(bare, null)).toMatchObject({ status: 200 });
    expect((await bare.post(`${SETS}/1:verify`)).body).toMatchObject({ equal: false, reason: 'FUNCTION_CHANGED' });
    expect((await bare.post(SETS, { spine: { rows: SPINE } })).body).toMatchObject({ code: 'FUNCTION_MISMATCH' });
  });

  it.each([
    [{ nothing: { function: 'standard_scaler' } }, 'transforms.nothing'],
    [{ y: { function: 'label_encoder' } }, 'transforms.y'],
    [{ e: { function: 'standard_scaler' } }, 'transforms.e'],
    [{ a: { function: 'label_encoder' } }, 'transforms.a'],
    [{ a: { function: 'imputer' } }, 'transforms.a'],
    [{ g: { function: 'imputer', arguments: { strategy: 'constant', value: 'many' } } }, 'transforms.g'],
    [{ a: { function: 'standard_scaler', arguments: { mean: 1 } } }, 'transforms.a'],
    [{ a: { function: 'quantile_binner', arguments: { bins: 1 } } }, 'transforms.a'],
    [{ g: clip.definition }, 'transforms.g'],
  ])('are refused in the definition: %j', async (transforms, field) => {
    const api = await start();
    const refused = await api.post('/v1/projects/demo/feature-views', { ...model.json, name: 'other', transforms });
    expect([refused.status, refused.body]).toMatchObject([422, { code: 'INVALID_DEFINITION', errors: [{ field }] }]);
  });
});
