/** LMDB as many processes share it: no update lost, nothing acknowledged lost, no lock left behind by the dead. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLmdbControl } from '../../lib/adapters/lmdb/control.ts';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { openLmdbQueue } from '../../lib/adapters/lmdb/queue.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';
import { itemAt, itemOf, rowOf, tableOf, watermarkOf } from '../support/online-rows.ts';

const PROCESSES = 16;
const ROUNDS = 12;
const VICTIMS = 12;
const KILL_AFTER_MAX_MILLIS = 60;
const SEED = 20_250_615;
const table = tableOf('demo');

interface Worker {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly isReady: Promise<void>;
  readonly hasEnded: Promise<void>;
}

let bundles: string;
let worker: string;
let directory: string;

beforeAll(async () => {
  bundles = await mkdtemp(join(tmpdir(), 'lakefold-lmdb-worker-'));
  worker = join(bundles, 'worker.cjs');
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  await build({
    entryPoints: [fileURLToPath(new URL('../support/lmdb-worker.ts', import.meta.url))],
    outfile: worker,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
    plugins: [{ name: 'lmdb', setup: (setup) => setup.onResolve({ filter: /^lmdb$/ }, () => ({ path: lmdb, external: true })) }],
  });
});
afterAll(() => rm(bundles, { recursive: true, force: true }));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-lmdb-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function start(name: number, rounds: number): Worker {
  const child = spawn(process.execPath, [worker, directory, String(name), String(rounds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const isReady = new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('ended before it was ready')));
    createInterface({ input: child.stdout }).on('line', (line) => (line === 'ready' ? resolve() : lines.push(line)));
  });
  const hasEnded = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { child, lines, isReady, hasEnded };
}

async function counted(): Promise<number> {
  const control = openLmdbControl({ directory });
  const record = await control.get('counter', 'k');
  await control.close();
  return Number(new TextDecoder().decode(record?.bytes));
}

/** Everything still in the queue, what was handed out included: its time is over on a clock that is a day ahead. */
async function drained(): Promise<string[]> {
  const queue = openLmdbQueue({ directory, clock: new ManualClock({ startMillis: new SystemClock().now() + 86_400_000 }) });
  const bodies: string[] = [];
  for (
    let page = await queue.receive({ countMax: 10, visibilitySeconds: 3600 });
    page.length > 0;
    page = await queue.receive({ countMax: 10, visibilitySeconds: 3600 })
  ) {
    bodies.push(...page.map(({ body }) => body));
  }
  await queue.close();
  return bodies;
}

const ended = (workers: readonly Worker[], word: string): string[] =>
  workers.flatMap(({ lines }) => lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length + 1)));

describe('an LMDB folder', () => {
  it(`is shared by ${PROCESSES} processes without losing an update`, async () => {
    const workers = Array.from({ length: PROCESSES }, (_, i) => start(i, ROUNDS));
    await Promise.all(workers.map(({ hasEnded }) => hasEnded));
    expect(ended(workers, 'counted')).toHaveLength(PROCESSES * ROUNDS);
    expect(await counted()).toBe(PROCESSES * ROUNDS);
    const sent = ended(workers, 'sent').sort();
    expect(sent).toHaveLength(PROCESSES * ROUNDS);
    expect([...ended(workers, 'done'), ...(await drained())].sort()).toEqual(sent);
    const newest = ROUNDS * 1000 + PROCESSES - 1;
    const online = openLmdbOnlineStore({ directory });
    for (const name of ['k0', 'k19']) expect(await itemAt(online, table, name)).toEqual(itemOf({ eventTime: newest, commit: newest }));
    await online.close();
  });

  it(`outlives processes killed at any moment (seed ${SEED})`, async () => {
    const random = new SeededRandom(SEED);
    const workers: Worker[] = [];
    for (let i = 0; i < VICTIMS; i += 2) {
      // Two at a time, so that one dies while the other waits for the lock it may hold.
      const pair = [start(i, 100_000), start(i + 1, 100_000)];
      await Promise.all(pair.map(({ isReady }) => isReady));
      for (const { child } of pair) setTimeout(() => child.kill('SIGKILL'), random.unit() * KILL_AFTER_MAX_MILLIS);
      await Promise.all(pair.map(({ hasEnded }) => hasEnded));
      workers.push(...pair);
    }
    const survivor = start(VICTIMS, 1);
    await survivor.hasEnded;
    workers.push(survivor);
    const acknowledged = ended(workers, 'counted').length;
    const total = await counted();
    expect(total).toBeGreaterThanOrEqual(acknowledged);
    expect(total).toBeLessThanOrEqual(acknowledged + VICTIMS);
    const online = openLmdbOnlineStore({ directory });
    const newest = Math.max(...ended(workers, 'merged').map(Number));
    for (const name of ['k0', 'k19']) expect((await itemAt(online, table, name))?.commit).toBeGreaterThanOrEqual(newest);
    await online.close();
    // What was sent is done or there, but for what a process acknowledged and died before it could say so.
    const left = new Set([...ended(workers, 'done'), ...(await drained())]);
    const missing = ended(workers, 'sent').filter((body) => !left.has(body));
    expect(missing.length).toBeLessThanOrEqual(VICTIMS);
  });
});

describe('an LMDB store', () => {
  it('has everything after it was closed and opened again', async () => {
    const clock = new ManualClock();
    const open = () => ({ online: openLmdbOnlineStore({ directory }), control: openLmdbControl({ directory }), queue: openLmdbQueue({ directory, clock }) });
    const before = open();
    await before.online.merge(table, [rowOf('a', { eventTime: 1, commit: 1 })]);
    await before.online.moveWatermark(table, { expected: undefined, next: watermarkOf(1, [3]) });
    await before.control.put({ partition: 'p', sort: 's', bytes: utf8('kept') });
    await before.queue.send('acknowledged');
    await before.queue.send('handed out');
    const [first] = await before.queue.receive({ countMax: 2, visibilitySeconds: 30 });
    await before.queue.acknowledge(first?.receipt ?? '');
    await before.queue.send('waiting');
    await Promise.all([before.online.close(), before.control.close(), before.queue.close()]);
    const after = open();
    expect(await itemAt(after.online, table, 'a')).toEqual(itemOf({ eventTime: 1, commit: 1 }));
    expect(await after.online.watermark(table)).toEqual(watermarkOf(1, [3]));
    expect((await after.control.get('p', 's'))?.bytes).toEqual(utf8('kept'));
    await clock.advance(31_000);
    const messages = await after.queue.receive({ countMax: 10, visibilitySeconds: 30 });
    expect(messages.map(({ body, receiveCount }) => ({ body, receiveCount })).sort((a, b) => b.receiveCount - a.receiveCount)).toEqual([
      { body: 'handed out', receiveCount: 2 },
      { body: 'waiting', receiveCount: 1 },
    ]);
    await Promise.all([after.online.close(), after.control.close(), after.queue.close()]);
  });

  it('is seen through every handle of a process, and outlives the closing of one', async () => {
    const stores: OnlineStore[] = [openLmdbOnlineStore({ directory }), openLmdbOnlineStore({ directory })];
    const [one, other] = stores;
    if (one === undefined || other === undefined) throw new Error('expected two stores');
    expect(await itemAt(other, table, 'a')).toBeUndefined();
    await one.merge(table, [rowOf('a', { eventTime: 1, commit: 1 })]);
    expect(await itemAt(other, table, 'a')).toEqual(itemOf({ eventTime: 1, commit: 1 }));
    await one.close();
    expect(await other.merge(table, [rowOf('a', { eventTime: 2, commit: 2 })])).toEqual(['applied']);
    await other.close();
  });

  it('keeps queues of different names apart', async () => {
    const clock = new ManualClock();
    const jobs = openLmdbQueue({ directory, clock, name: 'jobs' });
    const doorbell = openLmdbQueue({ directory, clock, name: 'doorbell' });
    await jobs.send('a job');
    expect(await doorbell.receive({ countMax: 10, visibilitySeconds: 1 })).toEqual([]);
    expect((await jobs.receive({ countMax: 10, visibilitySeconds: 1 })).map(({ body }) => body)).toEqual(['a job']);
    await Promise.all([jobs.close(), doorbell.close()]);
  });

  it('writes all rows of a call or, when one cannot be stored, none', async () => {
    const online = openLmdbOnlineStore({ directory });
    const bad = { ...rowOf('b', { eventTime: 1, commit: 1 }), order: new Uint8Array(7) };
    await expect(online.merge(table, [rowOf('a', { eventTime: 1, commit: 1 }), bad])).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await itemAt(online, table, 'a')).toBeUndefined();
    await online.close();
  });
});
