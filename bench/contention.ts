/**
 * Writers that contend for one table, in virtual time: every request takes as long as it would on S3 and DynamoDB, nothing
 * else takes any. Group commit is the production code; its peer is the loop that writers without it run.
 */
import { ManualClock } from '../lib/adapters/memory/clock.ts';
import { MemoryControl } from '../lib/adapters/memory/control.ts';
import { MemoryObjectStore } from '../lib/adapters/memory/object-store.ts';
import { MemoryQueue } from '../lib/adapters/memory/queue.ts';
import { SeededRandom } from '../lib/adapters/memory/random.ts';
import { silentLog } from '../lib/adapters/system/log.ts';
import { batchOfRows } from '../lib/core/batch.ts';
import type { Column } from '../lib/core/types.ts';
import { UlidSource } from '../lib/core/ulid.ts';
import { answerDoorbell } from '../lib/delta/group/group-drain.ts';
import { enqueueWrite, inboxOf, type InboxDeps } from '../lib/delta/group/group-inbox.ts';
import { DeltaTable } from '../lib/delta/table.ts';
import { createNdjsonCodec } from '../lib/parquet/ndjson-codec.ts';
import type { Clock } from '../lib/ports/clock.ts';
import type { Control } from '../lib/ports/control.ts';
import type { ObjectStore } from '../lib/ports/object-store.ts';
import type { Queue } from '../lib/ports/queue.ts';
import type { Random } from '../lib/ports/random.ts';

const COLUMNS: readonly Column[] = [
  { name: 'k', type: { kind: 'string' }, nullable: false },
  { name: 'v', type: { kind: 'int' }, nullable: true },
];

/** Medians, ms (lognormal). */
const LATENCY = { put: 55, get: 25, list: 35, keyValue: 6 };
/** The 99th percentile is about 2.3 times the median. */
const SIGMA = 0.36;
const STEP_MILLIS = 50;
/** Pause between a waiting producer's questions. */
const POLL_MILLIS = 4;
const MINUTES_MAX = 30;

export interface Contention {
  readonly writers: number;
  readonly writesEach: number;
  readonly seed: number;
}

export interface ContentionReport {
  readonly writesPerSecond: number;
  /** Object-store requests a write. */
  readonly requestsPerWrite: number;
  /** Of a write, ms. */
  readonly p99Millis: number;
  readonly versions: number;
}

/** A round trip to the store, ms. */
export const ROUND_TRIP_MILLIS = LATENCY.put;

/** Runs the work while moving the clock. */
async function inVirtualTime<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const state = { isDone: false };
  const watched = work.finally(() => {
    state.isDone = true;
  });
  watched.catch(() => {});
  while (!state.isDone && clock.monotonicMillis() < MINUTES_MAX * 60_000) await clock.advance(STEP_MILLIS);
  return watched;
}

/** A request takes half of its time on the way there and half on the way back. */
function travelling(clock: Pick<Clock, 'sleep'>, random: Random): <T>(median: number, request: () => Promise<T>) => Promise<T> {
  return async (median, request) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
    const millis = median * Math.exp(SIGMA * normal);
    await clock.sleep(millis / 2);
    const answer = await request();
    await clock.sleep(millis / 2);
    return answer;
  };
}

/** Group commit: every writer stages, enqueues and waits until its intent has left the inbox; committers serve doorbells. */
export async function runGroupCommit({ writers, writesEach, seed }: Contention): Promise<ContentionReport> {
  const clock = new ManualClock();
  const random = new SeededRandom(seed);
  const travel = travelling(clock, random);
  const inner = new MemoryObjectStore({ clock });
  let requests = 0;
  const store = remoteStore(inner, (median, request) => {
    requests += 1;
    return travel(median, request);
  });
  const near = { codec: createNdjsonCodec(), clock, random, log: silentLog, engineInfo: 'lakefold/test' };
  await DeltaTable.create({ ...near, store: inner }, 't', { columns: COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} });
  const deps: InboxDeps = { ...near, store, control: remoteControl(new MemoryControl(), travel), queue: remoteQueue(new MemoryQueue({ clock }), travel) };
  const table = await DeltaTable.open({ ...near, store: inner }, 't');
  const { snapshot } = table;
  const latencies: number[] = [];
  let open = writers;
  let answeredAt = 0;
  const write = async (writer: number): Promise<void> => {
    const ids = new UlidSource(deps);
    for (let i = 0; i < writesEach; i += 1) {
      const startedAt = clock.monotonicMillis();
      const batch = batchOfRows(COLUMNS, [[`${writer}/${i}`, i]]);
      const intent = await enqueueWrite(deps, { name: 't', root: 't', snapshot, ids }, { batch, what: { kind: 'append' } });
      while ((await deps.control.get(inboxOf('t'), intent.id)) !== undefined) await clock.sleep(POLL_MILLIS);
      answeredAt = clock.monotonicMillis();
      latencies.push(answeredAt - startedAt);
    }
    open -= 1;
  };
  const commit = async (): Promise<void> => {
    const own = await DeltaTable.open(deps, 't');
    while (open > 0) {
      const messages = await deps.queue.receive({ countMax: 10, visibilitySeconds: 60 });
      for (const message of messages) await answerDoorbell(deps, message, async () => own);
      if (messages.length === 0) await clock.sleep(10);
    }
  };
  await inVirtualTime(clock, Promise.all([...Array.from({ length: writers }, (_, i) => write(i)), commit(), commit()]));
  const { version } = await table.refresh();
  return reportOf({ latencies, requests, millis: answeredAt, versions: version });
}

/** The peer: LIST, then GET of every winner one after the other, then a conditional PUT, at once again when that is lost, without end. */
export async function runListLoop({ writers, writesEach, seed }: Contention): Promise<ContentionReport> {
  const clock = new ManualClock();
  const travel = travelling(clock, new SeededRandom(seed));
  let requests = 0;
  const ask = <T>(median: number, request: () => T): Promise<T> => {
    requests += 1;
    return travel(median, async () => request());
  };
  let head = 0;
  let answeredAt = 0;
  const latencies: number[] = [];
  const write = async (): Promise<void> => {
    let known = 0;
    for (let i = 0; i < writesEach; i += 1) {
      const startedAt = clock.monotonicMillis();
      await ask(LATENCY.put, () => undefined);
      for (let landed = false; !landed;) {
        const listed = await ask(LATENCY.list, () => head);
        for (; known < listed; known += 1) await ask(LATENCY.get, () => undefined);
        landed = await ask(LATENCY.put, () => {
          if (head !== known) return false;
          head += 1;
          return true;
        });
        if (landed) known += 1;
      }
      answeredAt = clock.monotonicMillis();
      latencies.push(answeredAt - startedAt);
    }
  };
  await inVirtualTime(clock, Promise.all(Array.from({ length: writers }, write)));
  return reportOf({ latencies, requests, millis: answeredAt, versions: head });
}

function reportOf(run: {
  readonly latencies: readonly number[];
  readonly requests: number;
  /** Until the last answer. */
  readonly millis: number;
  readonly versions: number;
}): ContentionReport {
  const { latencies, requests, millis, versions } = run;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    writesPerSecond: (latencies.length * 1000) / millis,
    requestsPerWrite: requests / latencies.length,
    p99Millis: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN,
    versions,
  };
}

type Ask = <T>(median: number, request: () => Promise<T>) => Promise<T>;

function remoteStore(inner: ObjectStore, ask: Ask): ObjectStore {
  return {
    location: inner.location,
    replaceIfMatch: (path, bytes, options) => ask(LATENCY.put, () => inner.replaceIfMatch(path, bytes, options)),
    get: (path, options) => ask(LATENCY.get, () => inner.get(path, options)),
    head: (path, options) => ask(LATENCY.get, () => inner.head(path, options)),
    createIfAbsent: (path, bytes, options) => ask(LATENCY.put, () => inner.createIfAbsent(path, bytes, options)),
    overwrite: (path, bytes, options) => ask(LATENCY.put, () => inner.overwrite(path, bytes, options)),
    list: (prefix, options) => listed(LATENCY.list, ask, () => inner.list(prefix, options)),
    delete: (path, options) => ask(LATENCY.put, () => inner.delete(path, options)),
  };
}

function remoteControl(inner: Control, ask: Ask): Control {
  return {
    get: (partition, sort, options) => ask(LATENCY.keyValue, () => inner.get(partition, sort, options)),
    put: (record, options) => ask(LATENCY.keyValue, () => inner.put(record, options)),
    delete: (partition, sort, options) => ask(LATENCY.keyValue, () => inner.delete(partition, sort, options)),
    query: (partition, options) => listed(LATENCY.keyValue, ask, () => inner.query(partition, options)),
    close: () => inner.close(),
  };
}

function remoteQueue(inner: Queue, ask: Ask): Queue {
  return {
    send: (body, options) => ask(LATENCY.keyValue, () => inner.send(body, options)),
    receive: (options) => ask(LATENCY.keyValue, () => inner.receive(options)),
    acknowledge: (receipt, options) => ask(LATENCY.keyValue, () => inner.acknowledge(receipt, options)),
    release: (receipt, options) => ask(LATENCY.keyValue, () => inner.release(receipt, options)),
    close: () => inner.close(),
  };
}

async function* listed<T>(median: number, ask: Ask, items: () => AsyncIterable<T>): AsyncIterable<T> {
  yield* await ask(median, async () => {
    const all: T[] = [];
    for await (const item of items()) all.push(item);
    return all;
  });
}
