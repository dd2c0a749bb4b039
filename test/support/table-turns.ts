/**
 * Writers that take turns: every request to the object store waits until the scheduler lets it through, in an order that
 * follows from the seed. A log entry's answer may be lost after the entry landed, or the request before it did.
 */
import type { ObjectInfo, ObjectStore } from '../../lib/ports/object-store.ts';
import type { Random } from '../../lib/ports/random.ts';
import { wrappedStore } from './wrapped-store.ts';

export interface Turns {
  /** Runs the request when its turn comes. */
  readonly take: <T>(request: () => Promise<T>) => Promise<T>;
  /** Gives turns until the work is done. @throws the first failure of the work */
  readonly run: (work: readonly Promise<unknown>[]) => Promise<void>;
}

const IDLE_ROUNDS_MAX = 200_000;

export function turnsOf(random: Random): Turns {
  const waiting: (() => void)[] = [];
  return {
    take: async (request) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
      return request();
    },
    run: async (work) => {
      let isDone = false;
      const all = Promise.allSettled(work).then((settled) => {
        isDone = true;
        return settled;
      });
      for (let idle = 0; !isDone && idle < IDLE_ROUNDS_MAX; idle += 1) {
        const [next] = waiting.splice(Math.floor(random.unit() * waiting.length), 1);
        if (next !== undefined) idle = 0;
        next?.();
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      for (const outcome of await all) if (outcome.status === 'rejected') throw outcome.reason;
    },
  };
}

export interface Faults {
  /** Of the log entries written: the answer is lost after the entry landed. */
  readonly lostAnswer: number;
  /** Of the log entries written: the request is lost. */
  readonly lostRequest: number;
}

export function isLogEntry(path: string): boolean {
  return /\/_delta_log\/\d{20}\.json$/.test(`/${path}`);
}

/** The store as one of the writers sees it. */
export function turningStore(inner: ObjectStore, turns: Turns, input: { readonly random: Random; readonly faults: Faults }): ObjectStore {
  const { random, faults } = input;
  return wrappedStore(inner, {
    get: (path, options) => turns.take(() => inner.get(path, options)),
    head: (path, options) => turns.take(() => inner.head(path, options)),
    createIfAbsent: (path, bytes, options) =>
      turns.take(async () => {
        const luck = isLogEntry(path) ? random.unit() : 1;
        if (luck < faults.lostRequest) return { kind: 'unknown', cause: new Error('the request was lost') };
        const outcome = await inner.createIfAbsent(path, bytes, options);
        return luck < faults.lostRequest + faults.lostAnswer ? { kind: 'unknown', cause: new Error('the answer was lost') } : outcome;
      }),
    overwrite: (path, bytes, options) => turns.take(() => inner.overwrite(path, bytes, options)),
    list: async function* list(prefix, options) {
      yield* await turns.take(async () => {
        const infos: ObjectInfo[] = [];
        for await (const info of inner.list(prefix, options)) infos.push(info);
        return infos;
      });
    },
    delete: (path, options) => turns.take(() => inner.delete(path, options)),
  });
}
