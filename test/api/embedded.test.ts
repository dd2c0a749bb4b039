/** The same apps over files and LMDB: what the embedded store answers is what memory answers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeFileSystem } from '../../lib/adapters/fs/node-file-system.ts';
import { openFilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import { openLmdbControl } from '../../lib/adapters/lmdb/control.ts';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { airportDelays, type Answer, type Api, delayModel, EXAMPLE_ROWS, GROUP, memoryParts, openApi, VIEW } from '../support/api.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-embedded-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The main path, answer by answer. */
async function run(api: Api): Promise<readonly Answer[]> {
  const post = (path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => () => api.post(path, body, headers);
  const steps = [
    post('/v1/projects', { name: 'demo' }),
    post('/v1/projects/demo/feature-groups', airportDelays.json),
    post('/v1/projects/demo/feature-views', delayModel.json),
    post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS }, { 'idempotency-key': 'k' }),
    post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS }, { 'idempotency-key': 'k' }),
    post(`${GROUP}/rows`, { rows: [{ ...EXAMPLE_ROWS[0], flights_24h: 32 }] }),
    post(`${GROUP}/rows:delete`, { keys: [{ origin: 'JFK' }] }),
    post(`${GROUP}:restore`, { toVersion: 1 }),
    post(`${VIEW}/vectors`, {
      entries: [
        { origin: 'SFO', dest: 'JFK' },
        { origin: 'XXX', dest: 'YYY' },
      ],
      requestParameters: { distance: 2000 },
      metadata: { names: true, types: true, statuses: true, eventTimes: true, watermarks: true },
    }),
    post(`${GROUP}/read`, { asOf: { version: 2 } }),
    post(`${GROUP}/read`),
    () => api.get(`${GROUP}/commits`),
    () => api.get(`${GROUP}/online`),
    post(`${GROUP}:optimize`),
    post(`${GROUP}:vacuum`),
    post(`${VIEW}/training-datasets`, {
      spine: { rows: [{ origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:20:00Z', distance: 2000, delayed: true }] },
      diagnostics: true,
      format: 'ndjson',
    }),
    () => api.get(`${VIEW}/training-datasets/1/data`),
    post(`${GROUP}/rows`, { rows: [{ origin: null }] }),
  ];
  const answers: Answer[] = [];
  for (const step of steps) answers.push(await step());
  return answers;
}

/** Bodies with what names the place of a store taken out. */
function comparable(answers: readonly Answer[], location: string): readonly unknown[] {
  return answers.map(({ status, text }) => [
    status,
    text
      .replaceAll(location, '<location>')
      .replace(/"requestId":"[^"]*"/, '"requestId":"…"')
      .replace(/vr_[0-9A-Z]{26}/g, 'vr_…')
      .replace(/part-[0-9a-f-]{36}/g, 'part-…'),
  ]);
}

it('gives the same bodies on files and LMDB as in memory, and after a restart', async () => {
  const memory = await openApi(memoryParts());
  const expected = comparable(await run(memory), memory.parts.store.location);
  await memory.close();

  const { clock, random, ...parts } = memoryParts();
  const store = await openFilesObjectStore({ fs: nodeFileSystem, directory, clock, random });
  const openParts = (): FeatureDeps & { readonly log: typeof parts.log } => ({
    ...parts,
    clock,
    random,
    store,
    online: openLmdbOnlineStore({ directory }),
    control: openLmdbControl({ directory }),
  });
  const first = await openApi(openParts());
  expect(comparable(await run(first), store.location)).toEqual(expected);
  await first.close();
  await first.parts.online.close();
  await first.parts.control.close();

  const second = await openApi(openParts());
  const vector = { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 } };
  expect((await second.post(`${VIEW}/vector`, vector)).body).toMatchObject({ features: [31, 8.2, 4, false], status: 'COMPLETE' });
  expect((await second.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS }, { 'idempotency-key': 'k' })).body).toMatchObject({
    commit: { version: 1, alreadyApplied: true },
  });
  await second.close();
  await second.parts.online.close();
  await second.parts.control.close();
});
