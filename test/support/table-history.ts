/**
 * A random history of one table, made by several handles that take turns at every request, and what is wrong with it:
 * each version must hold what the naive model says, warm and read afresh, at once and at the end.
 */
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { valueAt, vectorNamed } from '../../lib/core/batch.ts';
import { readChanges } from '../../lib/delta/change-feed.ts';
import { readEntry } from '../../lib/delta/changes.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { readRows } from '../../lib/delta/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot.ts';
import type { Snapshot } from '../../lib/delta/snapshot-state.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOptions, WriteOutcome } from '../../lib/delta/write-outcome.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { Random } from '../../lib/ports/random.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';
import { commitForeign } from './table-foreign.ts';
import { applyOp, columnsOf, rowsOfBatch, textsOf, type ModelRow, type TableOp, type TableShape } from './table-model.ts';
import { randomChange, randomOp } from './table-ops.ts';
import { asKnown, performOp } from './table-perform.ts';
import { isLogEntry, turningStore, turnsOf, type Turns } from './table-turns.ts';

const ROOT = 'demo/t';
/** 2025-06-15T15:06:40Z, the manual clock's start. */
const START_MICROS = 1_750_000_000_000_000n;

export interface HistoryOptions {
  readonly seed: number;
  readonly shape: TableShape;
  readonly codec?: TableCodec;
  readonly opsMax?: number;
}

/** What became of one operation. */
interface Done {
  readonly op: TableOp;
  readonly outcome: WriteOutcome;
  readonly notFound: number;
  /** Head when it began and when it was answered. */
  readonly from: number;
  readonly to: number;
  readonly key: string | undefined;
}

interface World {
  readonly inner: MemoryObjectStore;
  readonly turns: Turns;
  readonly random: Random;
  readonly plain: DeltaDeps;
  readonly done: Done[];
  readonly faults: string[];
  readonly shape: TableShape;
}

/** What is wrong, nothing when all is well. */
export async function runTableHistory(options: HistoryOptions): Promise<readonly string[]> {
  const random = new SeededRandom(options.seed);
  const clock = new ManualClock({ sleeping: 'skip' });
  const inner = new MemoryObjectStore({ clock });
  const codec = options.codec ?? createNdjsonCodec();
  const plain: DeltaDeps = { store: inner, codec, clock, random: new SeededRandom(options.seed + 1), log: silentLog, engineInfo: 'lakefold/test' };
  await DeltaTable.create(plain, ROOT, {
    columns: columnsOf(options.shape),
    partitionBy: options.shape.partitionBy,
    profile: options.shape.profile,
    configuration: {},
  });
  const world: World = { inner, turns: turnsOf(random), random, plain, done: [], faults: [], shape: options.shape };
  const handles = 1 + Math.floor(random.unit() * 3);
  const actors = Array.from({ length: handles }, (_, i) => handle(world, { number: i, codec, ops: 2 + Math.floor(random.unit() * (options.opsMax ?? 5)) }));
  if (random.unit() < 0.4) actors.push(foreignWriter(world, codec));
  await world.turns.run(actors);
  return [...world.faults, ...(await judge(world))];
}

async function handle(world: World, actor: { readonly number: number; readonly codec: TableCodec; readonly ops: number }): Promise<void> {
  const { random } = world;
  // Clocks of different machines are hours apart.
  const clock = new ManualClock({ sleeping: 'skip', startMillis: Number(START_MICROS / 1000n) + Math.floor((random.unit() - 0.5) * 2 * 3_600_000) });
  const store = turningStore(world.inner, world.turns, { random, faults: { lostAnswer: 0.08, lostRequest: 0.08 } });
  const deps: DeltaDeps = { ...world.plain, store, clock, codec: actor.codec, random: new SeededRandom(Math.floor(random.unit() * 2 ** 31)) };
  const table = await DeltaTable.open(deps, ROOT);
  for (let i = 0; i < actor.ops; i += 1) {
    await clock.advance(Math.floor(random.unit() * 50));
    const op = randomOp(random, { shape: world.shape, head: await headOf(world) });
    const key = random.unit() < 0.25 ? `${actor.number}/${i}` : undefined;
    if (key === undefined) await perform(world, table, { op });
    else await Promise.all([perform(world, table, { op, key }), perform(world, await DeltaTable.open(deps, ROOT), { op, key })]);
  }
}

async function foreignWriter(world: World, codec: TableCodec): Promise<void> {
  const { random, turns } = world;
  const deps: DeltaDeps = {
    ...world.plain,
    codec,
    store: turningStore(world.inner, turns, { random, faults: { lostAnswer: 0, lostRequest: 0 } }),
    random: new SeededRandom(Math.floor(random.unit() * 2 ** 31)),
  };
  for (let i = 0; i < 2; i += 1) {
    const { version, removed, added } = await commitForeign(deps, ROOT, randomChange(random, world.shape));
    const snapshot = await loadSnapshot(world.plain, ROOT, { version });
    const outcome: WriteOutcome = {
      kind: 'committed',
      version,
      committedAt: snapshot.committedAt,
      counts: { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 },
      filesAdded: 0,
      filesRemoved: 0,
      snapshot,
      attempts: 1,
    };
    world.done.push({ op: { kind: 'foreign', removed, added }, outcome, notFound: 0, from: 0, to: version, key: undefined });
  }
}

async function perform(world: World, table: DeltaTable, { op: wanted, key }: { readonly op: TableOp; readonly key?: string }): Promise<void> {
  const from = await headOf(world);
  // A handle that has not seen the column writes rows without it.
  const op = asKnown(table, wanted);
  const options: WriteOptions = {
    attemptsMax: 1000,
    ...(key === undefined ? {} : { idempotency: { kind: 'request', key, bodyHash: 'same', windowMillis: 10 ** 12 } }),
  };
  const { outcome, notFound } = await performOp(table, op, { shape: world.shape, random: world.random, options });
  if (outcome === undefined) return;
  world.done.push({ op, outcome, notFound, from, to: await headOf(world), key });
  if (outcome.kind === 'committed') {
    const warm = await textsAt(world.plain, outcome.snapshot);
    const fresh = await textsAt(world.plain, await loadSnapshot(world.plain, ROOT, { version: outcome.version }));
    if (warm.join() !== fresh.join())
      world.faults.push(`version ${outcome.version} (${op.kind}): the warm snapshot reads\n${warm.join('\n')}\na fresh one\n${fresh.join('\n')}`);
    const loaded = await loadSnapshot(world.plain, ROOT, { version: outcome.version });
    if (loaded.committedAt !== outcome.committedAt && loaded.checkpointVersion === undefined)
      world.faults.push(`version ${outcome.version}: committed at ${outcome.committedAt} warm, ${loaded.committedAt} fresh`);
  }
}

async function headOf(world: World): Promise<number> {
  let head = -1;
  for await (const { path } of world.inner.list(`${ROOT}/_delta_log/`)) if (isLogEntry(path)) head += 1;
  return head;
}

async function textsAt(deps: DeltaDeps, snapshot: Snapshot): Promise<string[]> {
  const rows: ModelRow[] = [];
  for await (const batch of readRows(deps, { root: ROOT, snapshot })) rows.push(...rowsOfBatch(batch));
  return textsOf(rows);
}

/** Replays what was committed, in version order, through the model. */
async function judge(world: World): Promise<readonly string[]> {
  const faults: string[] = [];
  const head = await headOf(world);
  const byVersion = await committedOps(world, { head, faults });
  const versions: (readonly ModelRow[])[] = [[]];
  for (let version = 1; version <= head; version += 1) {
    const done = byVersion.get(version);
    if (done === undefined) return [...faults, `version ${version}: no operation answers for it`];
    const step = applyOp(versions, done.op);
    const outcome = done.outcome;
    if (
      outcome.kind === 'committed' &&
      step.counts !== undefined &&
      done.op.kind !== 'foreign' &&
      JSON.stringify(outcome.counts) !== JSON.stringify(step.counts)
    )
      faults.push(`version ${version} (${done.op.kind}): expected counts ${JSON.stringify(step.counts)}, found ${JSON.stringify(outcome.counts)}`);
    if (
      outcome.kind === 'committed' &&
      done.op.kind === 'restore' &&
      outcome.counts.rowsInserted - outcome.counts.rowsDeleted !== step.rows.length - (versions.at(-1)?.length ?? 0)
    )
      faults.push(`version ${version} (restore): counts ${JSON.stringify(outcome.counts)}`);
    if (outcome.kind === 'committed' && done.notFound !== step.notFound)
      faults.push(`version ${version} (${done.op.kind}): expected ${step.notFound} not found, found ${done.notFound}`);
    versions.push(step.rows);
  }
  const hasForeign = world.done.some(({ op }) => op.kind === 'foreign');
  let previous = -1;
  for (const [version, rows] of versions.entries()) {
    const snapshot = await loadSnapshot(world.plain, ROOT, { version });
    const found = await textsAt(world.plain, snapshot);
    const expected = textsOf(rows);
    if (found.join() !== expected.join())
      return [...faults, `version ${version} (${byVersion.get(version)?.op.kind ?? 'create'}): expected\n${expected.join('\n')}\nfound\n${found.join('\n')}`];
    if (version > 0) faults.push(...(await changeFaults(world.plain, snapshot, { before: versions[version - 1] ?? [], after: rows })));
    // A checkpoint keeps no commit time, and a foreign entry is as old as its file: there only the log's start tells.
    if (snapshot.committedAt <= previous && !hasForeign) faults.push(`version ${version}: committed at ${snapshot.committedAt}, not after ${previous}`);
    previous = snapshot.committedAt;
  }
  return [...faults, ...uncommitted(world, versions)];
}

/**
 * What the change feed of one version gets wrong: the rows before it, less those that went, with those that came, are the
 * rows after it. Receipts aside: a row that was written again as it was is no change.
 */
async function changeFaults(
  deps: DeltaDeps,
  head: Snapshot,
  { before, after }: { readonly before: readonly ModelRow[]; readonly after: readonly ModelRow[] },
): Promise<readonly string[]> {
  const textsOfContents = (rows: readonly ModelRow[]): string[] => textsOf(rows.map((row) => ({ ...row, r: 0n })));
  const left = textsOfContents(before);
  const gone: string[] = [];
  const came: string[] = [];
  for await (const batch of readChanges(deps, { root: ROOT, head }, { fromVersion: head.version - 1, keys: ['k'] })) {
    const types = vectorNamed(batch, '_change_type');
    for (const [i, row] of rowsOfBatch(batch).entries())
      (['delete', 'update_preimage'].includes(String(valueAt(types, i))) ? gone : came).push(...textsOfContents([row]));
  }
  const unknown = gone.filter((text) => {
    const at = left.indexOf(text);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const found = [...left, ...came].toSorted();
  if (unknown.length === 0 && found.join() === textsOfContents(after).join()) return [];
  return [
    `changes of version ${head.version}: taken\n${gone.join('\n')}\nadded\n${came.join('\n')}\nbefore\n${textsOf(before).join('\n')}\nafter\n${textsOf(after).join('\n')}`,
  ];
}

/** The operation of each version; one whose answer stayed unknown is looked for in the log. */
async function committedOps(world: World, { head, faults }: { readonly head: number; readonly faults: string[] }): Promise<ReadonlyMap<number, Done>> {
  const versionOf = new Map<string, number>();
  for (let version = 0; version <= head; version += 1) {
    const entry = await readEntry(world.plain, ROOT, version);
    const info = entry?.actions.find((action) => action.kind === 'commitInfo');
    if (info?.txnId !== undefined) versionOf.set(info.txnId, version);
  }
  const byVersion = new Map<number, Done>();
  for (const done of world.done) {
    const version = done.outcome.kind === 'committed' ? done.outcome.version : done.outcome.kind === 'unknown' ? versionOf.get(done.outcome.txnId) : undefined;
    if (version === undefined) continue;
    if (byVersion.has(version)) faults.push(`version ${version} was answered for twice`);
    byVersion.set(version, done);
  }
  return byVersion;
}

/** What was refused or found nothing to do must have been so at some version between question and answer. */
function uncommitted(world: World, versions: readonly (readonly ModelRow[])[]): readonly string[] {
  const faults: string[] = [];
  for (const done of world.done) {
    const { op, outcome, from, to, key } = done;
    if (outcome.kind === 'conflict') faults.push(`${op.kind}: conflict, ${outcome.reason}`);
    if (outcome.kind === 'alreadyApplied') {
      const first = world.done.find((other) => other.key === key && other.outcome.kind === 'committed');
      if (first?.outcome.kind === 'committed' && first.outcome.version !== outcome.version)
        faults.push(`${op.kind}: key ${key} is said to be version ${outcome.version}, it is ${first.outcome.version}`);
    }
    if (outcome.kind !== 'nothing' || (op.kind !== 'deleteKeys' && op.kind !== 'deleteWhere' && op.kind !== 'update')) continue;
    const isTrue = Array.from({ length: to - from + 1 }, (_, i) => versions.slice(0, from + i + 1)).some((upTo) => {
      const step = applyOp(upTo, op);
      return step.counts?.rowsDeleted === 0 && step.counts.rowsUpdated === 0 && step.notFound === done.notFound;
    });
    if (!isTrue) faults.push(`${op.kind}: found nothing to change, though rows matched at every version from ${from} to ${to}`);
  }
  return faults;
}
