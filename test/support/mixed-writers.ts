/**
 * Writers that do everything to one table at once, with a compactor and a vacuum beside them, and what is wrong afterwards:
 * every version must hold what the model says when the committed operations are replayed one by one, in commit order.
 *
 * They work in rounds with days between them, so that the vacuum and the log clean-up of later rounds delete what earlier
 * ones replaced, while the writers write. Each round is judged at its end, with all its files; in the end every version
 * that was the newest within the retention must still be readable, and any older one equal or expired.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { commitInfoOf } from '../../lib/delta/actions/commit-info.ts';
import { readEntry } from '../../lib/delta/changes/changes.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { applyCommit, loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../lib/delta/snapshot/snapshot-state.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOutcome } from '../../lib/delta/write/write-outcome.ts';
import type { ObjectStore, StoredObject } from '../../lib/ports/object-store.ts';
import { leapingTime } from './leaping-time.ts';
import { wrappedStore } from './wrapped-store.ts';
import { applyOp, columnsOf, rowsOfBatch, textsOf, type ModelRow, type TableOp, type TableShape } from './table-model.ts';
import { randomOp } from './table-ops.ts';
import { asKnown, performOp } from './table-perform.ts';

const ROOT = 'demo/t';
const DAY_MILLIS = 86_400_000;
const RETENTION_MILLIS = 7 * DAY_MILLIS;
const ROUNDS = 5;
const LEAP_MILLIS = 4 * DAY_MILLIS;
/** A restore leaves alone what expires within half a day, since a vacuum may be about to take it. */
const RESTORE_MARGIN_MILLIS = DAY_MILLIS / 2;
/** Of the versions that need not be kept, one in so many is read in the end. */
const EXPIRED_READ_EVERY = 4;

export interface MixedRun {
  readonly seed: number;
  readonly shape: TableShape;
  readonly writers: number;
  /** Of each writer, in all rounds together. */
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
  /** Files the vacuum deleted while the writers wrote. */
  readonly vacuumed: number;
  /** Versions that had expired in the end, of those that were asked for. */
  readonly expired: number;
}

interface Done {
  readonly op: TableOp;
  readonly outcome: WriteOutcome;
}

/** A version as the model has it. */
interface Replayed {
  readonly rows: readonly ModelRow[];
  readonly committedAt: number;
}

interface World {
  readonly run: MixedRun;
  readonly open: () => DeltaDeps;
  readonly done: Done[];
  readonly faults: string[];
  /** By version, as far as it has been judged. */
  readonly versions: Replayed[];
  readonly vacuumed: Set<string>;
}

type Actor = (isWriting: () => boolean) => Promise<void>;

export async function runMixedWriters(run: MixedRun): Promise<MixedReport> {
  const time = leapingTime();
  const open = (): DeltaDeps => {
    const deps = run.open();
    return { ...deps, clock: time.clock, store: time.storeOf(deps.store) };
  };
  const world: World = { run, open, done: [], faults: [], versions: [], vacuumed: new Set() };
  const deps = open();
  const { shape } = run;
  const retention = { 'delta.logRetentionDuration': 'interval 7 days', 'delta.deletedFileRetentionDuration': 'interval 7 days' };
  await DeltaTable.create(deps, ROOT, { columns: columnsOf(shape), partitionBy: shape.partitionBy, profile: shape.profile, configuration: retention });
  const writers = await Promise.all(Array.from({ length: run.writers }, (_, i) => writer(world, new SeededRandom(run.seed + i))));
  const others = [await compactor(world), await vacuumer(world)];
  const first = await loadSnapshot(deps, ROOT, { version: 0 });
  world.versions.push({ rows: [], committedAt: first.committedAt });
  const committed: Record<string, number> = {};
  for (let round = 0, judged = first; round < ROUNDS; round += 1) {
    let writing = writers.length;
    const isWriting = (): boolean => writing > 0;
    const write = async (each: Actor): Promise<void> => each(isWriting).finally(() => (writing -= 1));
    await Promise.all([...writers.map(write), ...others.map((each) => each(isWriting))]);
    judged = await judgeRound({ ...deps, store: remembering(deps.store) }, { world, judged, committed });
    if (world.faults.length > 0) break;
    if (round < ROUNDS - 1) await time.leap(LEAP_MILLIS);
  }
  const expired = world.faults.length > 0 ? 0 : await judgeKept(deps, world);
  const attempts = world.done.reduce((sum, { outcome }) => sum + (outcome.kind === 'committed' ? outcome.attempts : 0), 0);
  return { faults: world.faults, committed, attempts, versions: world.versions.length - 1, vacuumed: world.vacuumed.size, expired };
}

async function writer(world: World, random: SeededRandom): Promise<Actor> {
  const { shape, operations } = world.run;
  const { deps, table } = await openTable(world);
  return async () => {
    for (let i = 0; i < operations / ROUNDS; i += 1) {
      const drawn = randomOp(random, { shape, head: table.snapshot.version });
      // Restores are rare, and packing is the compactor's.
      const wanted = drawn.kind === 'optimize' || (drawn.kind === 'restore' && random.unit() < 0.7) ? { kind: 'checkpoint' as const } : drawn;
      const op = asKnown(table, wanted);
      const { outcome } = await performOp(table, op, { shape, random, options: { attemptsMax: 1000 } }).catch((error: unknown) => {
        if (op.kind !== 'restore' || !isLakefoldError(error, 'HISTORY_EXPIRED') || isKept(world, op.version, deps.clock.now() + RESTORE_MARGIN_MILLIS))
          throw error;
        return { outcome: undefined };
      });
      if (outcome !== undefined) world.done.push({ op, outcome });
    }
  };
}

async function compactor(world: World): Promise<Actor> {
  const { shape, seed } = world.run;
  const { table } = await openTable(world);
  const random = new SeededRandom(seed + 1000);
  return async (isWriting) => {
    while (isWriting()) {
      const { outcome } = await performOp(table, { kind: 'optimize' }, { shape, random, options: { attemptsMax: 1000 } });
      if (outcome !== undefined) world.done.push({ op: { kind: 'optimize' }, outcome });
      await table.maintainLog();
      await sleep(20);
    }
  };
}

async function vacuumer(world: World): Promise<Actor> {
  const { table } = await openTable(world);
  return async (isWriting) => {
    for (let i = 0; isWriting(); i += 1) {
      const plan = await table.vacuum({ retentionMillis: RETENTION_MILLIS, dryRun: false, scope: i % 4 === 3 ? 'full' : 'log' });
      for (const { path } of plan.files) world.vacuumed.add(path);
      await sleep(100);
    }
  };
}

async function openTable({ open }: World): Promise<{ readonly deps: DeltaDeps; readonly table: DeltaTable }> {
  const deps = open();
  return { deps, table: await DeltaTable.open(deps, ROOT) };
}

/** Whether the version was the newest one within the retention that ends at `now`. */
function isKept({ versions }: World, version: number, now: number): boolean {
  const next = versions[version + 1];
  return next === undefined || next.committedAt >= now - RETENTION_MILLIS;
}

/** Holds the versions of the round against the model; answers the last of them. */
async function judgeRound(
  deps: DeltaDeps,
  { world, judged, committed }: { readonly world: World; readonly judged: Snapshot; readonly committed: Record<string, number> },
): Promise<Snapshot> {
  const { done, faults, versions } = world;
  const head = (await loadSnapshot(deps, ROOT)).version;
  for (const { op, outcome } of done) if (outcome.kind === 'conflict') faults.push(`${op.kind}: conflict, ${outcome.reason}`);
  const byTxn = new Map(done.flatMap(({ op, outcome }) => (outcome.kind === 'unknown' ? [[outcome.txnId, op] as const] : [])));
  const byVersion = new Map<number, TableOp>();
  for (const { op, outcome } of done) {
    if (outcome.kind !== 'committed') continue;
    if (byVersion.has(outcome.version)) faults.push(`version ${outcome.version} was answered for twice`);
    byVersion.set(outcome.version, op);
  }
  let snapshot = judged;
  for (let version = judged.version + 1; version <= head; version += 1) {
    const entry = await readEntry(deps, ROOT, version);
    const op = byVersion.get(version) ?? byTxn.get(commitInfoOf(entry?.actions ?? [])?.txnId ?? '');
    if (entry === undefined || op === undefined) {
      faults.push(`version ${version}: no operation answers for it`);
      return snapshot;
    }
    committed[op.kind] = (committed[op.kind] ?? 0) + 1;
    snapshot = applyCommit(snapshot, entry, entry.modifiedAt);
    versions.push({
      rows: applyOp(
        versions.map(({ rows }) => rows),
        op,
      ).rows,
      committedAt: snapshot.committedAt,
    });
    faults.push(...differences(`version ${version} (${op.kind})`, versions[version], await textsAt(deps, snapshot)));
    if (faults.length > 0) return snapshot;
  }
  if (byVersion.size > head) faults.push(`${byVersion.size} versions were acknowledged, the log has ${head}`);
  return snapshot;
}

/** Reads versions as a new process does, after all that was deleted; answers how many have expired. */
async function judgeKept(deps: DeltaDeps, world: World): Promise<number> {
  const { faults, versions } = world;
  const table = await DeltaTable.open({ ...deps, store: remembering(deps.store) }, ROOT);
  const now = deps.clock.now();
  let expired = 0;
  for (const version of versions.keys()) {
    const kept = isKept(world, version, now);
    if (!kept && version % EXPIRED_READ_EVERY !== 0) continue;
    const rows: ModelRow[] = [];
    try {
      for await (const batch of table.read({ asOf: { version } })) rows.push(...rowsOfBatch(batch));
    } catch (error) {
      if (kept || !isLakefoldError(error, 'HISTORY_EXPIRED')) throw error;
      expired += 1;
      continue;
    }
    faults.push(...differences(`version ${version}, read again`, versions[version], textsOf(rows)));
  }
  return expired;
}

function differences(what: string, replayed: Replayed | undefined, found: readonly string[]): readonly string[] {
  const expected = textsOf(replayed?.rows ?? []);
  return expected.join() === found.join() ? [] : [`${what}: expected\n${expected.join('\n')}\nfound\n${found.join('\n')}`];
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
