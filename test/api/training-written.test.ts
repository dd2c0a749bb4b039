/** Training sets that the engine writes by itself, through the API: as those built row by row, and as good to verify, read and erase. */
import { afterEach, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { joinPath } from '../../lib/core/path.ts';
import { instant } from '../../lib/core/time.ts';
import { type Column, parseType, type Value } from '../../lib/core/types.ts';
import { type Api, delayModel, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf } from '../support/api.ts';

type Opened = Api<ReturnType<typeof memoryParts>>;

const opened: Opened[] = [];
afterEach(async () => {
  for (const api of opened.splice(0)) await api.close();
});

const SETS = '/v1/projects/demo/feature-views/plain/versions/1/training-datasets';
const STORED = 'demo/training-datasets/plain/1';
const COLUMNS = [
  ['origin', 'string'],
  ['dest', 'string'],
  ['predicted_at', 'timestamp'],
  ['distance', 'int'],
  ['delayed', 'boolean'],
  ['note', 'string'],
].map(([name = '', type = '']): Column => ({ name, type: parseType(type), nullable: true }));
const SPINE: readonly (readonly Value[])[] = [
  ['SFO', 'JFK', instant('2001-03-01T10:05:00Z'), 2000, true, 'a "note"'],
  ['JFK', 'SFO', instant('2001-03-01T10:15:00.000001Z'), 100, null, null],
  ['NOPE', 'SFO', instant('2001-03-01T09:00:00Z'), 7, false, ''],
];
/** The view of the example without its function. */
const PLAIN = { ...delayModel.json, name: 'plain', onDemand: [] };

async function start(): Promise<{ readonly api: Opened; readonly spine: object; readonly file: Uint8Array }> {
  const api = await openExampleApi();
  opened.push(api);
  await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  expect((await api.post('/v1/projects/demo/feature-views', PLAIN)).status).toBe(201);
  const file = await api.parts.codec.encode(batchOfRows(COLUMNS, SPINE));
  const announced = await api.post('/v1/projects/demo/uploads', { bytes: file.length, contentType: 'application/vnd.apache.parquet' });
  const { uploadId, url } = announced.body as { readonly uploadId: string; readonly url: string };
  expect((await api.send('PUT', new URL(url).pathname, { body: file })).status).toBe(204);
  return { api, file, spine: { source: { uploadId }, format: 'parquet' } };
}

interface Made {
  readonly contentHash: string;
  readonly counts: object;
  readonly schema: readonly object[];
  readonly splits: readonly { readonly rows: number; readonly files: readonly { readonly sha256: string }[]; readonly statistics: readonly object[] }[];
}

async function create(api: Opened, request: object): Promise<Made> {
  const answer = await api.post(SETS, request);
  expect([answer.status, answer.text]).toMatchObject([201, expect.any(String)]);
  return answer.body as unknown as Made;
}

const TIME_SPLIT = {
  type: 'time',
  boundaries: { early: ['2001-03-01T08:00:00Z', '2001-03-01T10:05:00Z'], late: ['2001-03-01T10:05:00Z', '2001-03-01T11:00:00Z'] },
};

describe('a training set the engine writes', () => {
  it.each([
    ['whole', {}],
    ['with statuses', { diagnostics: true }],
    ['without rows that miss a feature', { dropMissing: true }],
    ['split by time', { split: TIME_SPLIT, diagnostics: true }],
  ])('is %s what it is when it is built row by row: content, counts, columns, statistics', async (_what, request) => {
    const { api, spine } = await start();
    const written = await create(api, { spine, ...request });
    const built = await create(api, { spine, ...request, format: 'ndjson' });
    const shown = ({ contentHash, counts, schema, splits }: Made): object => ({
      contentHash,
      counts,
      schema,
      splits: splits.map(({ rows, statistics }) => ({ rows, statistics })),
    });
    expect(shown(written)).toEqual(shown(built));
  });

  it('has the same bytes each time, keeps the spine’s own file, and is found equal when it is verified', async () => {
    const { api, spine, file } = await start();
    const [first, second] = [await create(api, { spine, split: TIME_SPLIT }), await create(api, { spine, split: TIME_SPLIT })];
    expect(second.splits).toEqual(first.splits);
    expect((await api.parts.store.get(joinPath(STORED, '1/spine.parquet')))?.bytes).toEqual(file);
    expect((await api.post(`${SETS}/1:verify`)).body).toEqual({ equal: true, expected: first.contentHash, actual: first.contentHash, reason: null });
  });

  it('is read in other formats, and loses the rows of erased keys', async () => {
    const { api, spine } = await start();
    await create(api, { spine });
    const read = async (): Promise<readonly unknown[]> => rowsOf(await api.send('GET', `${SETS}/1/data`, { headers: { accept: 'application/x-ndjson' } }));
    expect(await read()).toEqual([
      expect.objectContaining({ origin: 'SFO', note: 'a "note"', dep_flights_24h: 31, dep_mean_delay_24h: 8.2, arr_mean_delay_24h: 4 }),
      expect.objectContaining({ origin: 'JFK', note: null, predicted_at: '2001-03-01T10:15:00.000001Z', dep_flights_24h: 7, arr_mean_delay_24h: 8.2 }),
      expect.objectContaining({ origin: 'NOPE', note: '', dep_flights_24h: 0, dep_mean_delay_24h: null, arr_mean_delay_24h: null }),
    ]);
    await api.post(`${GROUP}/rows:erase`, { keys: [{ origin: 'SFO' }], reason: 'asked to be forgotten' });
    expect((await api.get(`${SETS}/1`)).body).toMatchObject({ erased: true, counts: { rows: 0 } });
    expect(await read()).toEqual([]);
  });
});
