import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, type Api, GROUP, type memoryParts, openExampleApi, VIEW } from '../support/api.ts';

type MemoryApi = Api<ReturnType<typeof memoryParts>>;
let open: MemoryApi | undefined;
afterEach(() => open?.close());

const row = (i: number, hour: string, mean: number | null): object => ({ origin: `A${i}`, hour, flights_24h: i % 10, mean_delay_24h: mean });

/** Version 1: 200 rows of nine o'clock. Version 2: 150 of ten o'clock, whose delays are longer. */
async function start(): Promise<MemoryApi> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: Array.from({ length: 200 }, (_, i) => row(i, '2001-03-01T09:00:00Z', i)) });
  await open.post(`${GROUP}/rows`, { rows: Array.from({ length: 150 }, (_, i) => row(i, '2001-03-01T10:00:00Z', i + 100)) });
  return open;
}

const post = (api: MemoryApi, body: object): Promise<Answer> => api.post(`${GROUP}/drift`, body);
const FIRST = { basis: 'commits', from: 0, to: 1 };
const SECOND = { basis: 'commits', from: 1, to: 2 };

describe('drift', () => {
  it('between the rows of two ranges of commits', async () => {
    const api = await start();
    const answer = await post(api, { target: SECOND, reference: FIRST, metrics: ['PSI', 'KS'], thresholds: { PSI: 0.2 } });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      drifted: true,
      features: [
        { name: 'flights_24h', status: 'OK', targetRows: 150, referenceRows: 200, metrics: { KS: 0 } },
        { name: 'mean_delay_24h', status: 'DRIFTED', targetRows: 150, referenceRows: 200, metrics: { PSI: expect.any(Number), KS: 0.5 } },
      ],
    });
  });

  it('between windows and versions of the table', async () => {
    const api = await start();
    const target = { basis: 'snapshot', version: 2, startTime: '2001-03-01T10:00:00Z' };
    const reference = { basis: 'snapshot', version: 1 };
    expect((await post(api, { target, reference, features: ['mean_delay_24h'], metrics: ['KS'] })).body).toMatchObject({
      drifted: false,
      features: [{ name: 'mean_delay_24h', targetRows: 150, referenceRows: 200, metrics: { KS: 0.5 } }],
    });
    const late = { basis: 'snapshot', startTime: '2001-03-01T11:00:00Z', endTime: null };
    expect((await post(api, { target: late, reference, features: ['mean_delay_24h'] })).body).toMatchObject({
      drifted: false,
      features: [{ status: 'INSUFFICIENT_DATA', targetRows: 0, referenceRows: 200 }],
    });
  });

  it.each(['parquet', 'ndjson', 'csv'])('from a training set in %s, by the names of the group’s features', async (format) => {
    const api = await start();
    const spine = Array.from({ length: 150 }, (_, i) => ({
      origin: `A${i}`,
      dest: `A${i}`,
      predicted_at: '2001-03-01T09:30:00Z',
      distance: 1,
      delayed: null,
    }));
    const made = await api.post(`${VIEW}/training-datasets?wait=10`, { spine: { rows: spine }, format });
    expect(made.status).toBe(201);
    const reference = { featureView: { name: 'delay_model', version: 1 }, trainingDataset: 1 };
    const answer = await post(api, { target: SECOND, reference, metrics: ['KS'] });
    // Two joins bring mean_delay_24h: it goes by their names alone.
    expect(answer.body).toMatchObject({ features: [{ name: 'flights_24h', status: 'OK', targetRows: 150, referenceRows: 150, metrics: { KS: 0 } }] });
    const both = await post(api, { target: reference, reference, features: ['dep_mean_delay_24h'], metrics: ['KS'] });
    expect(both.body).toMatchObject({ drifted: false, features: [{ name: 'dep_mean_delay_24h', metrics: { KS: 0 } }] });
    expect((await post(api, { target: SECOND, reference: { ...reference, split: 'test' } })).body).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'split' });
    expect((await post(api, { target: SECOND, reference: { ...reference, trainingDataset: 9 } })).body).toMatchObject({ code: 'UNKNOWN_TRAINING_DATASET' });
  });

  it.each<[string, object, number, string]>([
    ['without a reference', { target: FIRST }, 400, 'INVALID_ARGUMENT'],
    ['with a sample of no kind', { target: FIRST, reference: { basis: 'rows' } }, 400, 'INVALID_ARGUMENT'],
    ['with members of another kind of sample', { target: FIRST, reference: { basis: 'snapshot', from: 1 } }, 400, 'UNKNOWN_FIELD'],
    ['with a member it does not know', { target: FIRST, reference: FIRST, bins: 10 }, 400, 'UNKNOWN_FIELD'],
    ['with a metric it does not know', { target: FIRST, reference: FIRST, metrics: ['CHI2'] }, 400, 'INVALID_ARGUMENT'],
    ['with a threshold that is none', { target: FIRST, reference: FIRST, thresholds: { PSI: 0 } }, 400, 'INVALID_ARGUMENT'],
    ['with a threshold of a metric not asked for', { target: FIRST, reference: FIRST, metrics: ['KS'], thresholds: { PSI: 1 } }, 400, 'INVALID_ARGUMENT'],
    ['of a feature it does not have', { target: FIRST, reference: FIRST, features: ['nothing'] }, 400, 'UNKNOWN_FEATURE'],
    ['of a version above the head', { target: FIRST, reference: { basis: 'snapshot', version: 9 } }, 404, 'NO_SUCH_COMMIT'],
    ['of commits above the head', { target: FIRST, reference: { basis: 'commits', to: 9 } }, 404, 'NO_SUCH_COMMIT'],
  ])('%s is refused', async (_, body, status, code) => {
    const api = await start();
    const answer = await post(api, body);
    expect([answer.status, answer.body]).toMatchObject([status, { code }]);
  });
});
