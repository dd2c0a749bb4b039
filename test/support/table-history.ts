/**
 * A random history of one table, made by several handles that take turns at every request, and what is wrong with it:
 * each version must hold what the naive model says, warm and read afresh, at once and at the end.
 */
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOptions } from '../../lib/delta/write/write-outcome.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { Random } from '../../lib/ports/random.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';
import { commitForeign } from './table-foreign.ts';
import { type Done, HISTORY_ROOT, headOf, judgeHistory, textsAt, NO_COUNTS } from './table-judge.ts';
import { columnsOf, configurationOf, type TableOp, type TableShape } from './table-model.ts';
import { randomChange, randomLayoutOp } from './table-ops.ts';
import { asKnown, isMapped, knownNames, knowsExtra, performOp } from './table-perform.ts';
import { turningStore, turnsOf, type Turns } from './table-turns.ts';

/** 2025-06-15T15:06:40Z, the manual clock's start. */
const START_MICROS = 1_750_000_000_000_000n;

export interface HistoryOptions {
  readonly seed: number;
  readonly shape: TableShape;
  readonly codec?: TableCodec;
  readonly opsMax?: number;
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
  await DeltaTable.create(plain, HISTORY_ROOT, {
    columns: columnsOf(options.shape),
    partitionBy: options.shape.partitionBy,
    profile: options.shape.profile,
    configuration: configurationOf(options.shape),
  });
  const world: World = { inner, turns: turnsOf(random), random, plain, done: [], faults: [], shape: options.shape };
  const handles = 1 + Math.floor(random.unit() * 3);
  const actors = Array.from({ length: handles }, (_, i) => handle(world, { number: i, codec, ops: 2 + Math.floor(random.unit() * (options.opsMax ?? 5)) }));
  // An engine that knows column mapping would be a second implementation.
  if (!isMapped(options.shape) && random.unit() < 0.4) actors.push(foreignWriter(world, codec));
  await world.turns.run(actors);
  return [...world.faults, ...(await judgeHistory(plain, { ...world, random }))];
}

async function handle(world: World, actor: { readonly number: number; readonly codec: TableCodec; readonly ops: number }): Promise<void> {
  const { random } = world;
  // Clocks of different machines are hours apart.
  const clock = new ManualClock({ sleeping: 'skip', startMillis: Number(START_MICROS / 1000n) + Math.floor((random.unit() - 0.5) * 2 * 3_600_000) });
  const store = turningStore(world.inner, world.turns, { random, faults: { lostAnswer: 0.08, lostRequest: 0.08 } });
  const deps: DeltaDeps = { ...world.plain, store, clock, codec: actor.codec, random: new SeededRandom(Math.floor(random.unit() * 2 ** 31)) };
  const table = await DeltaTable.open(deps, HISTORY_ROOT);
  for (let i = 0; i < actor.ops; i += 1) {
    await clock.advance(Math.floor(random.unit() * 50));
    const drawn = { shape: world.shape, head: await headOf(world.inner), names: knownNames(table), hasExtra: knowsExtra(table) };
    const op = randomLayoutOp(random, drawn);
    const key = random.unit() < 0.25 ? `${actor.number}/${i}` : undefined;
    const asked = { op, knew: table.snapshot.version };
    if (key === undefined) await perform(world, table, asked);
    else await Promise.all([perform(world, table, { ...asked, key }), perform(world, await DeltaTable.open(deps, HISTORY_ROOT), { ...asked, key })]);
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
    const { version, removed, added } = await commitForeign(deps, HISTORY_ROOT, randomChange(random, world.shape));
    const snapshot = await loadSnapshot(world.plain, HISTORY_ROOT, { version });
    const outcome: Done['outcome'] = {
      kind: 'committed',
      version,
      committedAt: snapshot.committedAt,
      counts: NO_COUNTS,
      filesAdded: 0,
      filesRemoved: 0,
      snapshot,
      attempts: 1,
    };
    world.done.push({ op: { kind: 'foreign', removed, added }, outcome, notFound: 0, knew: 0, from: 0, to: version, key: undefined });
  }
}

/** `knew`: the version the operation was thought of at. */
interface Asked {
  readonly op: TableOp;
  readonly knew: number;
  readonly key?: string;
}

async function perform(world: World, table: DeltaTable, { op: wanted, knew, key }: Asked): Promise<void> {
  const from = await headOf(world.inner);
  // A handle that has not seen the column writes rows without it.
  const op = asKnown(table, wanted);
  const options: WriteOptions = {
    attemptsMax: 1000,
    ...(key === undefined ? {} : { idempotency: { kind: 'request', key, bodyHash: 'same', windowMillis: 10 ** 12 } }),
  };
  const how = { shape: world.shape, random: world.random, options, deps: world.plain };
  const { outcome, notFound } = await performOp(table, op, how).catch((error: unknown) => {
    // Of columns that are called otherwise by now; the judge knows whether they are.
    if (!isLakefoldError(error, 'UNKNOWN_FEATURE') && !isLakefoldError(error, 'INVALID_ARGUMENT')) throw error;
    return { outcome: { kind: 'conflict', winner: knew, reason: error.message } as const, notFound: 0 };
  });
  if (outcome === undefined) return;
  world.done.push({ op, outcome, notFound, knew, from, to: await headOf(world.inner), key });
  if (outcome.kind !== 'committed') return;
  const warm = await textsAt(world.plain, outcome.snapshot);
  const loaded = await loadSnapshot(world.plain, HISTORY_ROOT, { version: outcome.version });
  const fresh = await textsAt(world.plain, loaded);
  if (warm.join() !== fresh.join())
    world.faults.push(`version ${outcome.version} (${op.kind}): the warm snapshot reads\n${warm.join('\n')}\na fresh one\n${fresh.join('\n')}`);
  if (loaded.committedAt !== outcome.committedAt && loaded.checkpointVersion === undefined)
    world.faults.push(`version ${outcome.version}: committed at ${outcome.committedAt} warm, ${loaded.committedAt} fresh`);
}
