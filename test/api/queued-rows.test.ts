/** `mode=queued` on a local store: rows that are committed after the answer, and the jobs that tell of them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalStore, openLocalStore } from '../../cli/local-store.ts';
import { type QueuedRowsDeps, RowsQueue } from '../../functions/ingest/queued-rows.ts';
import { isRecord } from '../../lib/core/json.ts';

const PROJECT = '/v1/projects/default';
const GROUP = `${PROJECT}/feature-groups/delays/versions/1`;
const DEFINITION = {
  name: 'delays',
  version: 1,
  primaryKey: ['origin'],
  eventTime: 'hour',
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'hour', type: 'timestamp' },
    { name: 'flights', type: 'int', nullable: true },
  ],
};
const JOB_ID: unknown = expect.stringMatching(/^jb_[0-9A-Z]{26}$/);
const INSTANT: unknown = expect.stringMatching(/Z$/);

let folder: string;
let store: LocalStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lakefold-queued-'));
  store = await openLocalStore({ location: folder, logSink: { write: () => true } });
  await send('POST', `${PROJECT}/feature-groups`, DEFINITION);
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function send(method: string, path: string, json?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Sent> {
  const init = json === undefined ? { method, headers } : { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(json) };
  const response = await store.app.request(path, init);
  const body: unknown = await response.json();
  return { status: response.status, headers: response.headers, body: isRecord(body) ? body : {} };
}

const row = (origin: string, flights: unknown): object => ({ origin, hour: '2001-03-01T10:00:00Z', flights });

async function queue(rows: readonly object[], headers?: Readonly<Record<string, string>>): Promise<string> {
  const { body } = await send('POST', `${GROUP}/rows?mode=queued`, { rows }, headers);
  return jobIdOf(body);
}

function jobIdOf(body: Readonly<Record<string, unknown>>): string {
  return isRecord(body['job']) && typeof body['job']['id'] === 'string' ? body['job']['id'] : '';
}

/** The job once what was queued is through: the store is closed and opened again. */
async function finished(id: string): Promise<Readonly<Record<string, unknown>>> {
  await reopen();
  return (await send('GET', `${PROJECT}/jobs/${id}`)).body;
}

async function reopen(): Promise<void> {
  await store.close();
  store = await openLocalStore({ location: folder, logSink: { write: () => true } });
}

async function flights(): Promise<unknown> {
  const response = await store.app.request(`${GROUP}/read`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  const lines = (await response.text()).trim();
  return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line).flights);
}

/** A queue of a process that ended before it got to anything. */
function idle(deps: QueuedRowsDeps): RowsQueue {
  return new RowsQueue({ ...deps, background: { run: () => undefined } });
}

function request(rows: readonly object[]): Parameters<RowsQueue['add']>[0] {
  const body = new TextEncoder().encode(JSON.stringify({ rows }));
  return { project: 'default', name: 'delays', version: 1, rows: { format: 'json', body }, operation: 'upsert', wait: 'commit' };
}

describe('queued rows', () => {
  it('are answered by a job that waits, whose result is what a synchronous request answers', async () => {
    const sent = await send('POST', `${GROUP}/rows?mode=queued`, { rows: [row('SFO', 1), row('JFK', 2)] });
    const id = jobIdOf(sent.body);
    expect([sent.status, sent.headers.get('location'), sent.headers.get('retry-after')]).toEqual([202, `${PROJECT}/jobs/${id}`, '1']);
    const waiting = { id: JOB_ID, type: 'rows', createdAt: INSTANT, result: null, error: null };
    expect(sent.body['job']).toEqual({ ...waiting, state: 'QUEUED', progress: { done: 0, total: 0, unit: 'rows' }, startedAt: null, finishedAt: null });
    const { requestId: _, ...job } = await finished(id);
    expect(job).toEqual({
      ...waiting,
      state: 'SUCCEEDED',
      progress: { done: 2, total: 2, unit: 'rows' },
      startedAt: INSTANT,
      finishedAt: INSTANT,
      result: {
        featureGroup: { name: 'delays', version: 1 },
        received: 2,
        commit: {
          version: 1,
          committedAt: INSTANT,
          operation: 'upsert',
          rowsInserted: 2,
          rowsUpdated: 0,
          rowsDeleted: 0,
          dedupedInBatch: 0,
          stale: 0,
          rejected: 0,
          alreadyApplied: false,
        },
        online: null,
        validation: null,
        rejected: [],
        warnings: [],
      },
    });
    expect(await readdir(join(folder, 'default', '_uploads'), { recursive: true }).catch(() => [])).not.toContainEqual(expect.stringContaining('data'));
  });

  it('that are at fault end in a job that failed with the problem a synchronous request answers, and change nothing', async () => {
    const job = await finished(await queue([row('SFO', 1), row('JFK', 'many')]));
    expect([job['state'], job['result'], job['progress']]).toEqual(['FAILED', null, { done: 0, total: 0, unit: 'rows' }]);
    expect(job['error']).toMatchObject({
      status: 422,
      code: 'VALIDATION_FAILED',
      errors: [{ row: 1, feature: 'flights', code: 'TYPE_MISMATCH' }],
      errorCount: 1,
    });
    expect(await flights()).toEqual([]);
  });

  it('are refused at once where the request itself is at fault', async () => {
    expect((await send('POST', `${GROUP}/rows?mode=later`, { rows: [] })).body).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await send('POST', `${PROJECT}/feature-groups/other/versions/1/rows?mode=queued`, { rows: [] })).body).toMatchObject({
      code: 'UNKNOWN_FEATURE_GROUP',
    });
    expect((await send('GET', `${PROJECT}/jobs`)).body['items']).toEqual([]);
  });

  it('are committed in the order they came', async () => {
    await queue([row('SFO', 1)]);
    await queue([row('SFO', 2)]);
    // Asked for again while they wait, none is carried out twice.
    await store.resume();
    await finished(await queue([row('SFO', 3)]));
    expect(await flights()).toEqual([3]);
    expect((await send('GET', `${PROJECT}/jobs?state=SUCCEEDED`)).body['items']).toHaveLength(3);
  });

  it('are done once by a key of theirs, whoever repeats it and how', async () => {
    await finished(await queue([row('SFO', 1)], { 'idempotency-key': 'k' }));
    const again = await finished(await queue([row('SFO', 1)], { 'idempotency-key': 'k' }));
    expect(again['result']).toMatchObject({ commit: { version: 1, alreadyApplied: true } });
    expect((await finished(await queue([row('SFO', 9)], { 'idempotency-key': 'k' })))['error']).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  });

  it('are taken up after a restart, those under way too, and committed once', async () => {
    const waiting = await idle(store.deps).add(request([row('SFO', 1)]));
    // The process ends between the commit and the record of it.
    const { control } = store.deps;
    const put: typeof control.put = (record, options) =>
      new TextDecoder().decode(record.bytes).includes('"SUCCEEDED"') ? Promise.reject(new Error('ended')) : control.put(record, options);
    const failing = new RowsQueue({ ...store.deps, control: { ...bound(control), put } });
    const broken = await failing.add(request([row('JFK', 2)]));
    await reopen();
    const states = async (): Promise<unknown> =>
      Promise.all([waiting.id, broken.id].map(async (id) => (await send('GET', `${PROJECT}/jobs/${id}`)).body['state']));
    expect(await states()).toEqual(['QUEUED', 'RUNNING']);
    await store.resume();
    await reopen();
    expect(await states()).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect((await send('GET', `${PROJECT}/jobs/${broken.id}`)).body['result']).toMatchObject({ commit: { version: 1, alreadyApplied: true } });
    expect((await send('GET', `${GROUP}/commits`)).body['items']).toHaveLength(3);
  });

  it('can be cancelled while they wait, and stay so', async () => {
    const { id } = await idle(store.deps).add(request([row('SFO', 1)]));
    expect((await send('POST', `${PROJECT}/jobs/${id}:cancel`)).body).toMatchObject({ id, state: 'CANCELLED', finishedAt: INSTANT });
    await store.resume();
    expect((await finished(id))['state']).toBe('CANCELLED');
    expect(await flights()).toEqual([]);
    expect((await send('POST', `${PROJECT}/jobs/${id}:cancel`)).body).toMatchObject({ id, state: 'CANCELLED' });
    expect((await send('POST', `${PROJECT}/jobs/jb_01ARZ3NDEKTSV4RRFFQ69G5FAV:cancel`)).body).toMatchObject({ code: 'UNKNOWN_JOB' });
  });
});

/** Methods of a class instance as members, to be replaced one by one. */
function bound(control: QueuedRowsDeps['control']): QueuedRowsDeps['control'] {
  return {
    get: (...args) => control.get(...args),
    put: (...args) => control.put(...args),
    delete: (...args) => control.delete(...args),
    query: (...args) => control.query(...args),
    close: () => control.close(),
  };
}
