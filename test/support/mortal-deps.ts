/** Ports of a process whose every request waits for its turn, and which dies at one of them. */
import type { FeatureDeps } from '../../lib/features/deps.ts';
import type { Control } from '../../lib/ports/control.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';
import type { Crash } from './crashing-ports.ts';

export interface Mortality {
  /** Undefined = it lives. */
  readonly crash: Crash | undefined;
  /** Runs a request when its turn comes. */
  readonly turn: <T>(request: () => Promise<T>) => Promise<T>;
}

/** A dead process makes no more requests. */
export function mortalDeps(deps: FeatureDeps, { crash, turn }: Mortality): FeatureDeps {
  let count = 0;
  const ask = async <T>(request: () => Promise<T>): Promise<T> => {
    count += 1;
    const at = crash?.at ?? Number.POSITIVE_INFINITY;
    if (count > at || (count === at && crash?.when === 'before')) throw new Error('the process died');
    const answer = await turn(request);
    if (count >= at) throw new Error('the process died');
    return answer;
  };
  async function* askAll<T>(items: () => AsyncIterable<T>): AsyncIterable<T> {
    yield* await ask(async () => {
      const all: T[] = [];
      for await (const item of items()) all.push(item);
      return all;
    });
  }
  return {
    ...deps,
    store: mortalStore(deps.store, ask, askAll),
    online: mortalOnline(deps.online, ask, askAll),
    control: mortalControl(deps.control, ask, askAll),
  };
}

type Ask = <T>(request: () => Promise<T>) => Promise<T>;
type AskAll = <T>(items: () => AsyncIterable<T>) => AsyncIterable<T>;

function mortalStore(store: ObjectStore, ask: Ask, askAll: AskAll): ObjectStore {
  return {
    location: store.location,
    get: (path, options) => ask(() => store.get(path, options)),
    head: (path, options) => ask(() => store.head(path, options)),
    createIfAbsent: (path, bytes, options) => ask(() => store.createIfAbsent(path, bytes, options)),
    replaceIfMatch: (path, bytes, options) => ask(() => store.replaceIfMatch(path, bytes, options)),
    overwrite: (path, bytes, options) => ask(() => store.overwrite(path, bytes, options)),
    list: (prefix, options) => askAll(() => store.list(prefix, options)),
    delete: (path, options) => ask(() => store.delete(path, options)),
  };
}

function mortalOnline(online: OnlineStore, ask: Ask, askAll: AskAll): OnlineStore {
  return {
    read: (request, options) => ask(() => online.read(request, options)),
    merge: async (table, rows, options) => (await Promise.all(rows.map((row) => ask(() => online.merge(table, [row], options))))).flat(),
    edit: async (table, edits, options) => (await Promise.all(edits.map((edit) => ask(() => online.edit(table, [edit], options))))).flat(),
    load: async (table, rows, options) => void (await Promise.all(rows.map((row) => ask(() => online.load(table, [row], options))))),
    heal: async (table, heals, options) => (await Promise.all(heals.map((heal) => ask(() => online.heal(table, [heal], options))))).flat(),
    clear: (table, options) => ask(() => online.clear(table, options)),
    watermark: (table, options) => ask(() => online.watermark(table, options)),
    moveWatermark: (table, move, options) => ask(() => online.moveWatermark(table, move, options)),
    forget: (table, keys, options) => ask(() => online.forget(table, keys, options)),
    scan: (table, options) => askAll(() => online.scan(table, options)),
    close: async () => undefined,
  };
}

function mortalControl(control: Control, ask: Ask, askAll: AskAll): Control {
  return {
    get: (partition, sort, options) => ask(() => control.get(partition, sort, options)),
    put: (record, options) => ask(() => control.put(record, options)),
    delete: (partition, sort, options) => ask(() => control.delete(partition, sort, options)),
    query: (partition, options) => askAll(() => control.query(partition, options)),
    close: async () => undefined,
  };
}
