/** Time that passes only while everybody waits: events in their order, however long they are said to take. */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Random } from '../../lib/ports/random.ts';
import { wrappedStore } from './wrapped-store.ts';

export interface VirtualTime {
  readonly clock: Clock;
  readonly wait: (millis: number) => Promise<void>;
  /** Lets time pass until the work is done. */
  readonly run: (work: readonly Promise<unknown>[]) => Promise<void>;
}

export function virtualTime(): VirtualTime {
  const base = new ManualClock({ sleeping: 'skip' });
  const start = base.now();
  let now = 0;
  const waiting: { readonly at: number; readonly resolve: () => void }[] = [];
  const wait = async (millis: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ at: now + millis, resolve });
    });
  const clock: Clock = Object.assign(Object.create(base), { now: () => start + Math.floor(now), monotonicMillis: () => now, sleep: wait });
  const run = async (work: readonly Promise<unknown>[]): Promise<void> => {
    let isDone = false;
    const all = Promise.all(work).finally(() => {
      isDone = true;
    });
    for (;;) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      if (isDone) break;
      const next = waiting.reduce((first, event, i) => (event.at < (waiting[first]?.at ?? Number.POSITIVE_INFINITY) ? i : first), 0);
      const [event] = waiting.splice(next, 1);
      now = event?.at ?? now;
      event?.resolve();
    }
    await all;
  };
  return { clock, wait, run };
}

/** Latencies as measured on S3: lognormal around 55 ms for a PUT and 25 ms for a GET; a request takes effect halfway. */
export function latentStore(inner: ObjectStore, time: VirtualTime, random: Random): ObjectStore {
  const latency = (median: number): number => {
    const normal = Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
    return median * Math.exp(0.4 * normal);
  };
  const within = async <T>(median: number, request: () => Promise<T>): Promise<T> => {
    const millis = latency(median);
    await time.wait(millis / 2);
    const answer = await request();
    await time.wait(millis / 2);
    return answer;
  };
  return wrappedStore(inner, {
    get: (path, options) => within(25, () => inner.get(path, options)),
    head: (path, options) => within(25, () => inner.head(path, options)),
    createIfAbsent: (path, bytes, options) => within(55, () => inner.createIfAbsent(path, bytes, options)),
  });
}
