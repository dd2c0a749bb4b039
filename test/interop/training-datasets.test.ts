/** P19: what a training set's hash is over can be computed by anyone who reads its rows. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { startServer } from '../../cli/server.ts';
import { EXAMPLE_ROWS, GROUP, openExampleApi, VIEW } from '../support/api.ts';
import { interopPython } from './engines.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe.skipIf(interopPython === undefined)('the content hash of a training dataset', () => {
  it.each([
    [null, 40],
    [{ type: 'random', fractions: { train: 0.7, test: 0.3 }, by: 'origin', seed: 7 }, 40],
    [{ type: 'time', boundaries: { test: ['2001-03-01T12:00:00Z', '2001-03-01T13:00:00Z'], train: ['2001-03-01T11:00:00Z', '2001-03-01T12:00:00Z'] } }, 40],
  ])('divided by %j is what Python computes from the rows it gets', async (split, rows) => {
    const api = await openExampleApi();
    const server = await startServer(api.app, { port: 0 });
    closing.push(
      () => server.close(),
      () => api.close(),
    );
    await api.post(`${GROUP}/rows`, {
      rows: [...EXAMPLE_ROWS, { origin: 'Zürich "é" \u2028', hour: '2001-03-01T10:00:00Z', flights_24h: 1, mean_delay_24h: 1e-7 }],
    });
    const origins = ['SFO', 'JFK', 'Zürich "é" \u2028', 'ÅÄÖ'];
    const spine = Array.from({ length: rows }, (_, i) => ({
      origin: origins[i % 4],
      dest: origins[(i + 1) % 4],
      predicted_at: new Date(Date.UTC(2001, 2, 1, 11, 3 * i)).toISOString(),
      distance: i,
      delayed: i % 2 === 0,
    }));
    const created = await api.post(`${VIEW}/training-datasets`, { spine: { rows: spine }, split, diagnostics: true });
    expect(created.status).toBe(201);
    const script = fileURLToPath(new URL('training_dataset_hash.py', import.meta.url));
    const { stdout } = await promisify(execFile)(interopPython ?? '', [script, `${server.url}${VIEW}/training-datasets/1`]);
    const answer: { readonly told: string } = JSON.parse(stdout);
    expect(answer).toEqual({ rows, told: answer.told, asSent: answer.told, anew: answer.told });
  });
});
