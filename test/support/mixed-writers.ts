/**
 * Writers that do everything to one table at once, with a compactor and a vacuum beside them, and what is wrong afterwards:
 * every version must hold what the model says when the committed operations are replayed one by one, in commit order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { commitInfoOf } from '../../lib/delta/commit-info.ts';
import { readEntry } from '../../lib/delta/changes.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { readRows } from '../../lib/delta/read.ts';
import { applyCommit, loadSnapshot } from '../../lib/delta/snapshot.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOutcome } from '../../lib/delta/write-outcome.ts';
import type { ObjectStore, StoredObject } from '../../lib/ports/object-store.ts';
import { wrappedStore } from './table-turns.ts';
import { applyOp, columnsOf, rowsOfBatch, textsOf, type ModelRow, type TableOp, type TableShape } from './table-model.ts';
import { randomOp } from './table-ops.ts';
import { asKnown, performOp } from './table-perform.ts';

const ROOT = 'demo/t';
const WEEK_MILLIS = 7 * 86_400_000;

export interface MixedRun {
  readonly seed: number;
  readonly shape: TableShape;
  readonly writers: number;
  readonly operations: number;
  /** Ports of one writer: its own handles, as in a process of its own. */
  readonly open: () => DeltaDeps;
}

export interface MixedReport {
  readonly faults: readonly string[];
  /** Versions by operation. */
  readonly committed: Readonly<Record<string, number>>;
  /** Log entries tried for, and how many landed. */
  readonly attempts: number;
  readonly versions: number;
}

interface Done {
  readonly op: TableOp;
  readonly outcome: WriteOutcome;
}

export async function runMixedWriters(run: MixedRun): Promise<MixedReport> {
  const { shape, seed } = run;
  const deps = run.open();
  await DeltaTable.create(deps, ROOT, { columns: columnsOf(shape), partitionBy: shape.partitionBy, profile: shape.profile, configuration: {} });
  const done: Done[] = [];
  let writing = run.writers;
  const isWriting = (): boolean => writing > 0;
  const writers = Array.from({ length: run.writers }, async (_, i) => {
    try {
      await writeAll(run, { random: new SeededRandom(seed + i), done });
    } finally {
      writing -= 1;
    }
  });
  await Promise.all([...writers, compactAll(run, { isWriting, done }), vacuumAll(run, isWriting)]);
  return judge(deps, done);
}

async function writeAll(run: MixedRun, { random, done }: { readonly random: SeededRandom; readonly done: Done[] }): Promise<void> {
  const table = await DeltaTable.open(run.open(), ROOT);
  for (let i = 0; i < run.operations; i += 1) {
    const drawn = randomOp(random, { shape: run.shape, head: table.snapshot.version });
    // Restores are rare, and packing is the compactor's.
    const wanted = drawn.kind === 'optimize' || (drawn.kind === 'restore' && random.unit() < 0.7) ? { kind: 'checkpoint' as const } : drawn;
    const op = asKnown(table, wanted);
    const { outcome } = await performOp(table, op, { shape: run.shape, random, options: { attemptsMax: 1000 } });
    if (outcome !== undefined) done.push({ op, outcome });
  }
}

async function compactAll(run: MixedRun, { isWriting, done }: { readonly isWriting: () => boolean; readonly done: Done[] }): Promise<void> {
  const table = await DeltaTable.open(run.open(), ROOT);
  const random = new SeededRandom(run.seed + 1000);
  while (isWriting()) {
    const { outcome } = await performOp(table, { kind: 'optimize' }, { shape: run.shape, random, options: { attemptsMax: 1000 } });
    if (outcome !== undefined) done.push({ op: { kind: 'optimize' }, outcome });
    await table.maintainLog();
    await sleep(20);
  }
}

async function vacuumAll(run: MixedRun, isWriting: () => boolean): Promise<void> {
  const table = await DeltaTable.open(run.open(), ROOT);
  while (isWriting()) {
    await table.vacuum({ retentionMillis: WEEK_MILLIS, dryRun: false });
    await sleep(50);
  }
}

async function judge(deps: DeltaDeps, done: readonly Done[]): Promise<MixedReport> {
  const cached: DeltaDeps = { ...deps, store: remembering(deps.store) };
  const head = (await loadSnapshot(cached, ROOT)).version;
  const faults = done.flatMap(({ op, outcome }) => (outcome.kind === 'conflict' ? [`${op.kind}: conflict, ${outcome.reason}`] : []));
  const byTxn = new Map(done.flatMap(({ op, outcome }) => (outcome.kind === 'unknown' ? [[outcome.txnId, op] as const] : [])));
  const byVersion = new Map<number, TableOp>();
  for (const { op, outcome } of done) {
    if (outcome.kind !== 'committed') continue;
    if (byVersion.has(outcome.version)) faults.push(`version ${outcome.version} was answered for twice`);
    byVersion.set(outcome.version, op);
  }
  const committed: Record<string, number> = {};
  const versions: (readonly ModelRow[])[] = [[]];
  let snapshot = await loadSnapshot(cached, ROOT, { version: 0 });
  for (let version = 1; version <= head; version += 1) {
    const entry = await readEntry(cached, ROOT, version);
    const op = byVersion.get(version) ?? byTxn.get(commitInfoOf(entry?.actions ?? [])?.txnId ?? '');
    if (entry === undefined || op === undefined) return report([...faults, `version ${version}: no operation answers for it`]);
    committed[op.kind] = (committed[op.kind] ?? 0) + 1;
    snapshot = applyCommit(snapshot, entry, entry.modifiedAt);
    versions.push(applyOp(versions, op).rows);
    const [expected, found] = [textsOf(versions[version] ?? []), await textsAt(cached, snapshot)];
    if (expected.join() !== found.join())
      return report([...faults, `version ${version} (${op.kind}): expected\n${expected.join('\n')}\nfound\n${found.join('\n')}`]);
  }
  if (byVersion.size > head) faults.push(`${byVersion.size} versions were acknowledged, the log has ${head}`);
  const fresh = await textsAt(deps, await loadSnapshot(deps, ROOT));
  if (fresh.join() !== textsOf(versions.at(-1) ?? []).join()) faults.push('the newest version reads otherwise from its checkpoint');
  return report(faults);

  function report(all: readonly string[]): MixedReport {
    const attempts = done.reduce((sum, { outcome }) => sum + (outcome.kind === 'committed' ? outcome.attempts : 0), 0);
    return { faults: all, committed, attempts, versions: head };
  }
}

async function textsAt(deps: DeltaDeps, snapshot: Awaited<ReturnType<typeof loadSnapshot>>): Promise<string[]> {
  const rows: ModelRow[] = [];
  for await (const batch of readRows(deps, { root: ROOT, snapshot })) rows.push(...rowsOfBatch(batch));
  return textsOf(rows);
}

/** What was read whole is not asked for again: nothing of a table is ever changed in place. */
function remembering(store: ObjectStore): ObjectStore {
  const objects = new Map<string, Promise<StoredObject | undefined>>();
  return wrappedStore(store, {
    get: async (path, options = {}) => {
      const known = objects.get(path) ?? store.get(path);
      objects.set(path, known);
      const object = await known;
      if (object === undefined || options.range === undefined) return object;
      const { range, ...rest } = options;
      const { length } = object.bytes;
      const [start, end] = 'last' in range ? [Math.max(0, length - range.last), length] : [range.start, Math.min(range.end, length)];
      return { ...object, ...rest, bytes: object.bytes.subarray(Math.min(start, length), Math.max(start, end)) };
    },
  });
}
