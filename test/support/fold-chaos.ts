/**
 * A history of one table folded by three publishers at once over a store whose answers come in any order, get lost, come
 * late or whose requests take effect twice. Everything follows from the seed.
 */
import { toHex } from '../../lib/core/bytes.ts';
import { compilePayloadReader } from '../../lib/online/payload.ts';
import { applyEdit, applyMerges, type FoldDeps } from '../../lib/online/fold.ts';
import { publish, type PublishInput } from '../../lib/online/publish.ts';
import type { FoldCommit } from '../../lib/online/fold-source.ts';
import type { FoldGroup } from '../../lib/online/fold-group.ts';
import type { OnlineStore, OnlineTable, OnlineWrite } from '../../lib/ports/online-store.ts';
import type { Random } from '../../lib/ports/random.ts';
import { recordedLog, seededRandom, testClock } from './fold-ports.ts';
import { FINGERPRINT, FOLD_TABLE, foldGroupOf, keyOf, modelTable, orderOfModel, type ModelRow, type ModelTable } from './fold-table.ts';

const KEYS = ['a', 'b', 'c'];

/** One publisher's attempt: the real one, or one that schedules by other rules. */
export type PublishOnce = (
  deps: Parameters<typeof publish>[0],
  input: PublishInput & { readonly source: ModelTable; readonly group: FoldGroup },
) => Promise<unknown>;

export interface ChaosOptions {
  readonly seed: number;
  readonly store: OnlineStore;
  readonly table?: OnlineTable;
  readonly publisher?: PublishOnce;
  readonly commitsMax?: number;
}

/**
 * What is wrong at the end, nothing when all is well: items that are not the newest row per key at the head, a watermark
 * that is not there, commits that do something when applied again, edits that did not wait for their turn.
 */
export async function runHistory(options: ChaosOptions): Promise<readonly string[]> {
  const random = seededRandom(options.seed);
  let isExact = false;
  const table = modelTable('table-1', { alsoTouched: () => !isExact && random.unit() < 0.3 });
  const online = options.table ?? FOLD_TABLE;
  const group = foldGroupOf();
  const turns: string[] = [];
  const chaos = chaosStore(
    inTurn(options.store, (fault) => turns.push(fault)),
    random,
  );
  const clock = testClock(0n);
  const publisher = options.publisher ?? publish;
  const deps = { clock, random, log: recordedLog() };
  const busy = [false, false, false];
  const start = (i: number, known?: FoldCommit): void => {
    busy[i] = true;
    const input = { table: online, source: table, group, ...(known === undefined ? {} : { known }) };
    // A publisher whose watermark request was lost gives up; another takes over.
    void publisher({ ...deps, online: chaos.store }, input)
      .catch(() => undefined)
      .finally(() => {
        busy[i] = false;
      });
  };
  const commits = 2 + Math.floor(random.unit() * (options.commitsMax ?? 8));
  let made = 0;
  for (let step = 0; step < 4000 && (made < commits || chaos.pending() > 0); step += 1) {
    const idle = busy.findIndex((is) => !is);
    const choice = random.unit();
    if (made < commits && (choice < 0.15 || chaos.pending() === 0)) {
      const commit = randomCommit(table, random);
      made += 1;
      if (idle >= 0 && random.unit() < 0.4) start(idle, commit);
    } else if (idle >= 0 && choice < 0.3 && made < commits + 1) start(idle);
    else await chaos.step();
    await settle();
  }
  await finish({ chaos, busy });
  const last = { ...deps, online: options.store };
  await publish(last, { table: online, source: table, group });
  await chaos.landLate();
  await publish(last, { table: online, source: table, group });
  isExact = true;
  const ends = await differences(table, { store: options.store, table: online });
  return [...turns, ...ends, ...(await repeatedWrites(last, { table, online, group }))];
}

/** U6: whoever writes an edit at v finds every commit before it published. */
function inTurn(store: OnlineStore, report: (fault: string) => void): OnlineStore {
  return wrapped(store, {
    edit: async (table, edits, options) => {
      const watermark = await store.watermark(table, { consistent: true });
      for (const { version } of edits)
        if ((watermark?.version ?? -1) < version - 1)
          report(`edit ${version}: expected the watermark at ${version - 1}, found ${watermark?.version ?? 'none'}`);
      return store.edit(table, edits, options);
    },
  });
}

/** The store with some of its methods replaced; a spread would lose the methods of a class. */
function wrapped(store: OnlineStore, changes: Partial<OnlineStore>): OnlineStore {
  return {
    read: (request, options) => store.read(request, options),
    merge: (table, rows, options) => store.merge(table, rows, options),
    edit: (table, edits, options) => store.edit(table, edits, options),
    watermark: (table, options) => store.watermark(table, options),
    moveWatermark: (table, move, options) => store.moveWatermark(table, move, options),
    load: (table, rows, options) => store.load(table, rows, options),
    heal: (table, heals, options) => store.heal(table, heals, options),
    clear: (table, options) => store.clear(table, options),
    forget: (table, keys, options) => store.forget(table, keys, options),
    scan: (table, options) => store.scan(table, options),
    close: () => store.close(),
    ...changes,
  };
}

/** Every commit once more: nothing may be written. */
async function repeatedWrites(
  deps: FoldDeps,
  target: { readonly table: ModelTable; readonly online: OnlineTable; readonly group: FoldGroup },
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const commit of await target.table.commits(-1, target.table.version())) {
    if (commit.kind === 'none') continue;
    const at = { table: target.online, source: target.table, group: target.group };
    const { counts } = commit.kind === 'edit' ? await applyEdit(deps, { ...at, commit }) : await applyMerges(deps, { ...at, commits: [commit] });
    const { applied = 0, deleted = 0 } = counts.get(commit.version) ?? {};
    if (applied + (commit.kind === 'edit' ? 0 : deleted) > 0) faults.push(`commit ${commit.version}: expected no write when applied again, found ${applied}`);
  }
  return faults;
}

async function finish(run: { readonly chaos: Chaos; readonly busy: readonly boolean[] }): Promise<void> {
  for (let step = 0; step < 20_000 && run.busy.some((is) => is); step += 1) {
    await run.chaos.step({ calm: true });
    await settle();
  }
}

/** Lets every publisher run on to its next request. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function randomCommit(table: ModelTable, random: Random): FoldCommit {
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random.unit() * items.length)];
  const newRow = (): ModelRow => ({
    key: pick(KEYS) ?? 'a',
    eventTime: BigInt(1 + Math.floor(random.unit() * 4)),
    // Received in any order: a batch received early may commit late.
    ingestedAt: BigInt(1 + Math.floor(random.unit() * 30)),
    value: Math.floor(random.unit() * 1000),
  });
  const newRows = (): ModelRow[] => Array.from({ length: 1 + Math.floor(random.unit() * 3) }, newRow);
  const some = (): ModelRow[] => table.rows().filter(() => random.unit() < 0.4);
  const choice = random.unit();
  if (choice < 0.2) return table.append(newRows());
  if (choice < 0.5) return table.upsert(newRows());
  if (choice < 0.65) return table.delete({ key: pick(KEYS) ?? 'a' });
  if (choice < 0.75) {
    const row = pick(table.rows());
    return row?.key === undefined || row.key === null || row.eventTime === null
      ? table.append(newRows())
      : table.delete({ key: row.key, eventTime: row.eventTime });
  }
  if (choice < 0.8) return table.overwrite(newRows());
  if (choice < 0.88) return table.restore(Math.floor(random.unit() * (table.version() + 1)));
  if (choice < 0.97) return table.foreign({ removed: some(), added: random.unit() < 0.5 ? newRows() : [] });
  return table.foreign({ removed: [], added: [] });
}

interface Chaos {
  readonly store: OnlineStore;
  readonly pending: () => number;
  readonly step: (options?: { readonly calm?: boolean }) => Promise<void>;
  /** Lets every request that was thought lost, and every repeat, take effect. */
  readonly landLate: () => Promise<void>;
}

type Fate = 'answered' | 'lostAnswer' | 'late' | 'twice';

function chaosStore(inner: OnlineStore, random: Random): Chaos {
  const waiting: ((fate: Fate) => Promise<void>)[] = [];
  const late: (() => Promise<unknown>)[] = [];
  /** `lost` is what the publisher sees when the answer does not come back. */
  const request = <T>(run: () => Promise<T>, lost: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      waiting.push(async (fate) => {
        if (fate === 'late' || fate === 'twice') late.push(run);
        if (fate === 'late') lost().then(resolve, reject);
        else {
          const answer = run();
          (fate === 'lostAnswer' ? answer.then(lost) : answer).then(resolve, reject);
          await answer.catch(() => undefined);
        }
      });
    });
  const failed = async (): Promise<readonly OnlineWrite[]> => ['failed'];
  const throwing = async (): Promise<never> => {
    throw new Error('the answer was lost');
  };
  const take = <T>(items: T[]): T | undefined => items.splice(Math.floor(random.unit() * items.length), 1)[0];
  const store = wrapped(inner, {
    merge: async (table, rows) => (await Promise.all(rows.map((row) => request(() => inner.merge(table, [row]), failed)))).flat(),
    edit: async (table, edits) => (await Promise.all(edits.map((edit) => request(() => inner.edit(table, [edit]), failed)))).flat(),
    watermark: (table, options) => request(() => inner.watermark(table, options), throwing),
    moveWatermark: (table, move) => request(() => inner.moveWatermark(table, move), throwing),
  });
  return {
    store,
    pending: () => waiting.length,
    step: async (options = {}) => {
      if (options.calm !== true && late.length > 0 && random.unit() < 0.15) await take(late)?.();
      const luck = options.calm === true ? 1 : random.unit();
      await take(waiting)?.(luck < 0.06 ? 'lostAnswer' : luck < 0.14 ? 'late' : luck < 0.22 ? 'twice' : 'answered');
    },
    landLate: async () => {
      while (late.length > 0) await take(late)?.();
    },
  };
}

async function differences(table: ModelTable, online: { readonly store: OnlineStore; readonly table: OnlineTable }): Promise<readonly string[]> {
  const read = compilePayloadReader([{ fingerprint: FINGERPRINT, columns: [['v', 'int', true]] }], [{ name: 'v', type: { kind: 'int' } }]);
  const expected = new Map([...table.newest()].map(([key, row]) => [toHex(keyOf(key)), `${toHex(orderOfModel(row))} ${row.value}`] as const));
  const found = new Map<string, string>();
  for await (const { key, item } of online.store.scan(online.table)) {
    if (item.deleted) continue;
    const payload = read(item.payload ?? new Uint8Array());
    found.set(toHex(key), `${toHex(item.order ?? new Uint8Array())} ${payload.kind === 'values' ? String(payload.values[0]) : payload.kind}`);
  }
  const faults = [...new Set([...expected.keys(), ...found.keys()])].flatMap((key) =>
    expected.get(key) === found.get(key) ? [] : [`key ${key}: expected ${expected.get(key) ?? 'nothing'}, found ${found.get(key) ?? 'nothing'}`],
  );
  const watermark = await online.store.watermark(online.table, { consistent: true });
  const head = await table.head();
  return watermark?.version === head ? faults : [...faults, `watermark: expected ${head}, found ${watermark?.version ?? 'none'}`];
}

/** Kept for stores that outlive one history: another generation is another set of items. */
export function generationOf(table: OnlineTable, generation: number): OnlineTable {
  return { ...table, generation };
}
