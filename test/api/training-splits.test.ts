import { afterEach, describe, expect, it } from 'vitest';
import { tableFromIPC } from 'apache-arrow';
import { sha256, toHex } from '../../lib/core/bytes.ts';
import { type Answer, type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';
import { type Example, readTfRecords } from '../support/tf-records.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const SETS = `${VIEW}/training-datasets`;
const AIRPORTS = ['SFO', 'JFK', 'BOS', 'LAX', 'SEA', 'ORD', 'DEN', 'ATL', 'MIA', 'PHX', 'IAH', 'MSP', 'DTW', 'PHL', 'SLC', 'SAN', 'TPA', 'PDX', 'BWI', 'STL'];
/** Four flights of each airport, an hour apart from the first of March on; two of them late. */
const SPINE = Array.from({ length: 80 }, (_, i) => ({
  origin: AIRPORTS[i % 20] ?? '',
  dest: 'JFK',
  predicted_at: new Date(Date.UTC(2001, 2, 1, 11 + i)).toISOString(),
  distance: i,
  delayed: Math.floor(i / 20) % 2 === 0,
}));

interface Flight {
  readonly origin: string;
  readonly distance: number;
  readonly delayed: boolean;
}

async function create(api: Api, request: object): Promise<Readonly<Record<string, unknown>>> {
  const answer = await api.post(SETS, { spine: { rows: SPINE }, ...request });
  expect([answer.status, answer.text]).toMatchObject([201, expect.any(String)]);
  return Object.fromEntries(Object.entries(answer.body ?? {}));
}

async function data(api: Api, number: unknown, split?: string): Promise<Answer> {
  return api.send('GET', `${SETS}/${String(number)}/data${split === undefined ? '' : `?split=${split}`}`, { headers: { accept: 'application/x-ndjson' } });
}

async function flights(api: Api, number: unknown, split: string): Promise<readonly Flight[]> {
  return rowsOf(await data(api, number, split)) as readonly Flight[];
}

const RANDOM = { type: 'random', fractions: { train: 0.8, test: 0.2 } };

describe('a training dataset divided at random', () => {
  it('has each row in one split, in exact shares, the same ones for the same seed', async () => {
    const api = await start();
    const first = await create(api, { split: { ...RANDOM, seed: 7 } });
    const second = await create(api, { split: { ...RANDOM, seed: 7 }, format: 'ndjson' });
    const other = await create(api, { split: { ...RANDOM, seed: 8 } });
    expect(first['splits']).toMatchObject([
      { name: 'train', rows: 64, files: [{ path: 'train/part-00000.parquet', rows: 64 }] },
      { name: 'test', rows: 16, files: [{ path: 'test/part-00000.parquet', rows: 16 }] },
    ]);
    expect(first['request']).toMatchObject({ split: { ...RANDOM, by: null, stratify: null, seed: 7 } });
    const [train, test] = [await flights(api, 1, 'train'), await flights(api, 1, 'test')];
    expect([...train, ...test].map(({ distance }) => distance).toSorted((a, b) => a - b)).toEqual(SPINE.map(({ distance }) => distance));
    expect(train.map(({ distance }) => distance)).toEqual(train.map(({ distance }) => distance).toSorted((a, b) => a - b));
    expect(second['contentHash']).toBe(first['contentHash']);
    expect(other['contentHash']).not.toBe(first['contentHash']);
  });

  it('has its content hash over the name and the lines of each split in order (P19)', async () => {
    const api = await start();
    const { contentHash } = await create(api, { split: { ...RANDOM, seed: 7 } });
    const text = `#train\n${(await data(api, 1, 'train')).text}#test\n${(await data(api, 1, 'test')).text}`;
    expect(contentHash).toBe(`sha256:${toHex(sha256(new TextEncoder().encode(text)))}`);
  });

  it('by a key leaks no entity into a second split, and puts it into the same one in a later set of other rows', async () => {
    const api = await start();
    const split = { ...RANDOM, by: 'origin', seed: 3 };
    await create(api, { split });
    const origins = async (number: number, name: string): Promise<Set<string>> => new Set((await flights(api, number, name)).map(({ origin }) => origin));
    const [train, test] = [await origins(1, 'train'), await origins(1, 'test')];
    expect([...train].filter((origin) => test.has(origin))).toEqual([]);
    expect([train.size + test.size, test.size > 0, train.size > test.size]).toEqual([20, true, true]);
    const later = SPINE.filter((_, i) => i % 3 === 0).map((row) => ({ ...row, distance: 5, predicted_at: '2001-04-01T00:00:00Z' }));
    await create(api, { spine: { rows: [...later.toReversed(), { ...SPINE[0], origin: 'NEW' }] }, split });
    for (const origin of await origins(2, 'test')) expect(train.has(origin)).toBe(false);
    for (const origin of await origins(2, 'train')) expect(test.has(origin)).toBe(false);
  });

  it('stratified has the same share of every class in each split', async () => {
    const api = await start();
    await create(api, { split: { ...RANDOM, stratify: 'delayed', seed: 1 } });
    const late = async (name: string): Promise<number> => (await flights(api, 1, name)).filter(({ delayed }) => delayed).length;
    expect([await late('train'), await late('test')]).toEqual([32, 8]);
  });

  it('needs the name of a split to be read', async () => {
    const api = await start();
    await create(api, { split: RANDOM });
    expect((await data(api, 1)).body).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'split' });
    expect((await data(api, 1, 'validation')).body).toMatchObject({
      code: 'INVALID_ARGUMENT',
      detail: 'expected one of the splits "train", "test", found "validation"',
    });
  });
});

describe('a training dataset divided by time', () => {
  it('has label times from a start on and before an end; rows in no interval are dropped and counted', async () => {
    const api = await start();
    const split = {
      type: 'time',
      boundaries: { train: ['2001-03-01T11:00:00Z', '2001-03-01T13:00:00Z'], test: ['2001-03-01T13:00:00Z', '2001-03-01T15:00:00Z'] },
    };
    const { counts, request } = await create(api, { split });
    expect([counts, request]).toMatchObject([{ spineRows: 80, rows: 4, dropped: 76 }, { split }]);
    const distances = async (name: string): Promise<readonly number[]> => (await flights(api, 1, name)).map(({ distance }) => distance);
    expect([await distances('train'), await distances('test')]).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});

describe('statistics inside a training dataset', () => {
  it('describe features and labels of each split as they stand in its file, or nothing where not asked for', async () => {
    const api = await start();
    const split = {
      type: 'time',
      boundaries: { early: ['2001-03-01T11:00:00Z', '2001-03-01T13:00:00Z'], late: ['2001-03-01T13:00:00Z', '2001-03-01T15:00:00Z'] },
    };
    const { splits } = await create(api, { split });
    expect(splits).toMatchObject([
      {
        name: 'early',
        statistics: [
          { name: 'delayed', type: 'boolean', count: 2, nulls: 0, topK: [{ value: true, count: 2 }] },
          { name: 'dep_flights_24h', type: 'int', count: 2, nulls: 0, nans: 0, min: 7, max: 31, sum: 38, mean: 19 },
          { name: 'dep_mean_delay_24h', type: 'double', count: 2, min: 4, max: 8.2 },
          { name: 'arr_mean_delay_24h', count: 2, min: 4, max: 4 },
          { name: 'is_long_haul', type: 'boolean', count: 2 },
        ],
      },
      {
        name: 'late',
        statistics: [{}, { name: 'dep_flights_24h', count: 2, min: 0, max: 0 }, { name: 'dep_mean_delay_24h', count: 0, nulls: 2, min: null }, {}, {}],
      },
    ]);
    expect(await create(api, { split, statistics: false })).toMatchObject({ request: { statistics: false }, splits: [{ statistics: [] }, { statistics: [] }] });
  });
});

describe('a filter over finished rows', () => {
  it('sees features and functions, and what it leaves out is counted', async () => {
    const api = await start();
    const where = {
      and: [
        { column: 'is_long_haul', op: '=', value: false },
        { column: 'dep_mean_delay_24h', op: 'isNotNull' },
        { column: 'distance', op: '<', value: 30 },
      ],
    };
    const { counts, request } = await create(api, { where, split: { ...RANDOM, fractions: { all: 1 } } });
    expect([counts, request]).toMatchObject([{ spineRows: 80, rows: 4, dropped: 76 }, { where }]);
    expect((await flights(api, 1, 'all')).map(({ distance }) => distance)).toEqual([0, 1, 20, 21]);
  });
});

describe('splits and filters nobody can carry out', () => {
  it.each([
    [{ split: { type: 'weekly' } }, 'INVALID_ARGUMENT', 'split.type'],
    [{ split: { ...RANDOM, fractions: { train: 0.8, test: 0.3 } } }, 'INVALID_ARGUMENT', 'split.fractions'],
    [{ split: { ...RANDOM, fractions: { train: 1, test: 0 } } }, 'INVALID_ARGUMENT', 'split.fractions.test'],
    [{ split: { ...RANDOM, fractions: { '../train': 1 } } }, 'INVALID_ARGUMENT', 'split.fractions'],
    [{ split: { ...RANDOM, by: 'origin', stratify: 'delayed' } }, 'INVALID_ARGUMENT', 'split'],
    [{ split: { ...RANDOM, by: 'delayed' } }, 'INVALID_ARGUMENT', 'split.by'],
    [{ split: { ...RANDOM, by: 'nothing' } }, 'UNKNOWN_FEATURE', 'split.by'],
    [{ split: { ...RANDOM, shuffle: true } }, 'UNKNOWN_FIELD', 'split.shuffle'],
    [{ split: { ...RANDOM, seed: 0.5 } }, 'INVALID_ARGUMENT', 'split.seed'],
    [{ split: { type: 'time', boundaries: { a: ['2001-01-02T00:00:00Z', '2001-01-01T00:00:00Z'] } } }, 'INVALID_ARGUMENT', 'split.boundaries.a'],
    [
      { split: { type: 'time', boundaries: { b: ['2001-01-01T00:00:00Z', '2001-01-03T00:00:00Z'], a: ['2001-01-02T00:00:00Z', '2001-01-04T00:00:00Z'] } } },
      'INVALID_ARGUMENT',
      'split.boundaries.a',
    ],
    [{ where: { column: 'nothing', op: '=', value: 1 } }, 'UNKNOWN_FEATURE', undefined],
  ])('as %j are refused by name', async (request, code, field) => {
    const api = await start();
    const answer = await api.post(SETS, { spine: { rows: SPINE }, ...request });
    expect([answer.status, answer.body]).toMatchObject([400, field === undefined ? { code } : { code, field }]);
    expect((await api.get(SETS)).body).toEqual({ items: [], nextCursor: null });
  });
});

describe('formats', () => {
  it('Arrow is a stream, as stored and of Parquet by Accept', async () => {
    const api = await start();
    for (const format of ['arrow', 'parquet']) await create(api, { format, spine: { rows: SPINE.slice(0, 2) } });
    for (const number of [1, 2]) {
      const answer = await api.send('GET', `${SETS}/${number}/data`, { headers: { accept: 'application/vnd.apache.arrow.stream' } });
      const table = tableFromIPC(answer.bytes);
      expect([answer.headers.get('content-type'), table.numRows, table.getChild('origin')?.toJSON(), table.getChild('dep_flights_24h')?.toJSON()]).toEqual([
        'application/vnd.apache.arrow.stream',
        2,
        ['SFO', 'JFK'],
        [31, 7],
      ]);
    }
    expect(await create(api, { format: 'arrow' })).toMatchObject({ splits: [{ files: [{ path: 'data/part-00000.arrow' }] }] });
  });

  it('TFRecord holds an example a row, its checksums right, nulls left out', async () => {
    const api = await start();
    const rows = [SPINE[0], { ...SPINE[2], delayed: null, distance: -5 }];
    expect(await create(api, { format: 'tfrecord', spine: { rows } })).toMatchObject({ splits: [{ files: [{ path: 'data/part-00000.tfrecord' }] }] });
    const answer = await api.get(`${SETS}/1/data`);
    const micros = BigInt(Date.UTC(2001, 2, 1, 11)) * 1000n;
    const common: Example = { dest: ['JFK'], arr_mean_delay_24h: [4], is_long_haul: [0n] };
    expect([answer.headers.get('content-type'), readTfRecords(answer.bytes)]).toEqual([
      'application/x-tfrecord',
      [
        { ...common, origin: ['SFO'], predicted_at: [micros], distance: [0n], delayed: [1n], dep_flights_24h: [31n], dep_mean_delay_24h: [Math.fround(8.2)] },
        { ...common, origin: ['BOS'], predicted_at: [micros + 7_200_000_000n], distance: [-5n], dep_flights_24h: [0n] },
      ],
    ]);
    expect((await data(api, 1)).body).toMatchObject({ code: 'NOT_ACCEPTABLE' });
  });
});
