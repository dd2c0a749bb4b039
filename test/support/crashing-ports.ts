/** Ports of a process that dies at its k-th request: before the request has its effect, or after it and before the answer. */
import type { Control } from '../../lib/ports/control.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { Queue } from '../../lib/ports/queue.ts';

export interface Crash {
  readonly at: number;
  readonly when: 'before' | 'after';
}

export class Crashed extends Error {}

export interface CrashingPorts {
  readonly store: ObjectStore;
  readonly control: Control;
  readonly queue: Queue;
  /** Requests made; the process is dead when it reached the crash. */
  readonly isDead: () => boolean;
}

/** A dead process makes no more requests. */
export function crashingPorts(ports: { readonly store: ObjectStore; readonly control: Control; readonly queue: Queue }, crash: Crash): CrashingPorts {
  let count = 0;
  let isDead = false;
  const dying = async <T>(request: () => Promise<T>): Promise<T> => {
    if (isDead) throw new Crashed();
    count += 1;
    if (count < crash.at) return request();
    isDead = true;
    if (crash.when === 'after') await request();
    throw new Crashed();
  };
  async function* dyingList<T>(items: () => AsyncIterable<T>): AsyncIterable<T> {
    const all = await dying(async () => {
      const listed: T[] = [];
      for await (const item of items()) listed.push(item);
      return listed;
    });
    yield* all;
  }
  const { store, control, queue } = ports;
  return {
    isDead: () => isDead,
    store: {
      location: store.location,
      get: (path, options) => dying(() => store.get(path, options)),
      head: (path, options) => dying(() => store.head(path, options)),
      createIfAbsent: (path, bytes, options) => dying(() => store.createIfAbsent(path, bytes, options)),
      replaceIfMatch: (path, bytes, options) => dying(() => store.replaceIfMatch(path, bytes, options)),
      overwrite: (path, bytes, options) => dying(() => store.overwrite(path, bytes, options)),
      list: (prefix, options) => dyingList(() => store.list(prefix, options)),
      delete: (path, options) => dying(() => store.delete(path, options)),
    },
    control: {
      get: (partition, sort, options) => dying(() => control.get(partition, sort, options)),
      put: (record, options) => dying(() => control.put(record, options)),
      delete: (partition, sort, options) => dying(() => control.delete(partition, sort, options)),
      query: (partition, options) => dyingList(() => control.query(partition, options)),
      close: () => control.close(),
    },
    queue: {
      send: (body, options) => dying(() => queue.send(body, options)),
      receive: (options) => dying(() => queue.receive(options)),
      acknowledge: (receipt, options) => dying(() => queue.acknowledge(receipt, options)),
      release: (receipt, options) => dying(() => queue.release(receipt, options)),
      close: () => queue.close(),
    },
  };
}
