/**
 * A feature group whose online values are loaded anew, repaired, resharded and cleared while writers, another engine, publishers and
 * readers go on, each with definitions of its own age; processes die at any request. Everything follows from the seed.
 */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { toHex } from '../../lib/core/bytes.ts';
import { rowDigest } from '../../lib/core/canonical.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { orderBytes } from '../../lib/core/order.ts';
import type { Value } from '../../lib/core/types.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { foldSourceOf } from '../../lib/features/publish/fold-source.ts';
import { tendGenerations } from '../../lib/features/publish/generations.ts';
import { ingest } from '../../lib/features/ingest/ingest.ts';
import { deleteRows, publishRows, restoreRows } from '../../lib/features/history/manage-rows.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { publishTable } from '../../lib/features/publish/publish-group.ts';
import { verifyGroup } from '../../lib/features/publish/verify-group.ts';
import { parseVectorsBody } from '../../lib/online/vector-request.ts';
import { getVectors } from '../../lib/online/vectors.ts';
import { compileView, type ServedView } from '../../lib/online/view-plan.ts';
import { WatermarkCache } from '../../lib/online/watermark-cache.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';
import type { Random } from '../../lib/ports/random.ts';
import { mortalDeps } from './mortal-deps.ts';
import { commitForeign } from './table-foreign.ts';
import { batchOf, columnsOf, rowsOfBatch, type ModelRow, type TableShape } from './table-model.ts';
import { randomChange, randomOp } from './table-ops.ts';
import { isLogEntry, turnsOf, type Turns } from './table-turns.ts';

const KEYS = ['a', 'b', 'ü\u{1f600}'];
/** Of one reader: it takes turns from everybody else. */
const READS_MAX = 40;
const SHAPE: TableShape = { profile: 'merge-on-read', hasEventTime: true, partitionBy: [] };
const VIEW: ServedView = {
  name: 'view',
  version: 1,
  spine: [{ name: 'k', type: 'string', nullable: false }],
  labels: [],
  joins: [
    { name: 'g', featureGroup: 'g', version: 1, on: { k: 'k' }, features: ['p', 'v'], prefix: '', lookback: null, filter: null, defaults: {}, via: null },
  ],
  onDemand: [],
  transforms: {},
  inferenceHelpers: [],
  trainingHelpers: [],
};

export interface GenerationsOptions {
  readonly seed: number;
  readonly online: OnlineStore;
  /** One a history, where the store outlives them. */
  readonly project: string;
}

interface World extends GenerationsOptions {
  readonly random: Random;
  readonly clock: ManualClock;
  readonly turns: Turns;
  readonly plain: FeatureDeps;
  readonly root: string;
  readonly faults: string[];
  readonly seen: Seen[];
}

/** What a reader was told of a key, and between which versions it was told so. */
interface Seen {
  readonly reader: number;
  readonly key: string;
  readonly watermark: number;
  /** Of the log when the answer was there. */
  readonly head: number;
  /** Event time and values; undefined = no record. */
  readonly record: string | undefined;
  readonly eventTime: bigint | undefined;
}

/** What is wrong, nothing when all is well. */
export async function runGenerations(options: GenerationsOptions): Promise<readonly string[]> {
  const world = await createWorld(options);
  let working = 4;
  const work = [runWriter(world, 0), runWriter(world, 1), runTender(world), runTender(world)].map((each) =>
    each.finally(() => {
      working -= 1;
    }),
  );
  await world.turns.run([...work, ...[0, 1].map((reader) => runReader(world, reader, () => working > 0))]);
  return [...world.faults, ...(await settledFaults(world)), ...(await readFaults(world))];
}

async function createWorld(options: GenerationsOptions): Promise<World> {
  const random = new SeededRandom(options.seed);
  // Two days after the rows' instants, so that none is of the future.
  const clock = new ManualClock({ sleeping: 'skip', startMillis: 1_750_200_000_000 });
  const plain: FeatureDeps = {
    store: new MemoryObjectStore({ clock }),
    codec: createNdjsonCodec(),
    clock,
    random: new SeededRandom(options.seed + 1),
    log: silentLog,
    engineInfo: 'lakefold/test',
    online: options.online,
    control: new MemoryControl(),
    background: { run: () => undefined },
  };
  const projects = new Projects(plain);
  await projects.create(options.project);
  await projects.createGroup(options.project, definitionOf('P7D', 4));
  const root = `${options.project}/feature-groups/g/1`;
  return { ...options, random, clock, plain, root, turns: turnsOf(random), faults: [], seen: [] };
}

function definitionOf(ttl: string, onlineShards: number) {
  const schema = columnsOf(SHAPE)
    .filter(({ name }) => name !== '_ingested_at')
    .map(({ name, type, nullable }) => ({ name, type: type.kind, nullable }));
  return { name: 'g', version: 1, primaryKey: ['k'], eventTime: 'e', onlineEnabled: true, ttl, onlineShards, schema };
}

/** A process: ports that take turns, definitions of its own. It dies at its k-th request, or never. */
function process(world: World, dies: boolean): { readonly deps: FeatureDeps; readonly projects: Projects } {
  const { random, turns, plain } = world;
  const crash = dies ? { at: 1 + Math.floor(random.unit() * 60), when: random.unit() < 0.5 ? ('before' as const) : ('after' as const) } : undefined;
  const deps = mortalDeps(
    { ...plain, random: new SeededRandom(Math.floor(random.unit() * 2 ** 31)) },
    {
      crash,
      turn: async (request) => {
        if (random.unit() < 0.1) await world.clock.advance(Math.floor(random.unit() * 3000));
        return turns.take(request);
      },
    },
  );
  return { deps, projects: new Projects(deps) };
}

async function runWriter(world: World, number: number): Promise<void> {
  const { random } = world;
  const { deps, projects } = process(world, false);
  const steps = 3 + Math.floor(random.unit() * 5);
  for (let i = 0; i < steps; i += 1) {
    await attempt(world, async () => {
      const group = await projects.group(world.project, 'g', 1);
      await group.table.refresh();
      if (random.unit() < 0.15) return void (await commitForeign(deps, world.root, randomChange(random, SHAPE)));
      await writeOnce(world, deps, { group, key: `${number}/${i}` });
    });
  }
}

async function writeOnce(world: World, deps: FeatureDeps, to: { readonly group: Awaited<ReturnType<Projects['group']>>; readonly key: string }): Promise<void> {
  const { random } = world;
  const { group } = to;
  const op = randomOp(random, { shape: SHAPE, head: group.table.snapshot.version });
  const wait = random.unit() < 0.7 ? 'online' : 'commit';
  switch (op.kind) {
    case 'append':
    case 'upsert':
    case 'overwrite': {
      const columns = columnsOf(SHAPE).filter(({ name }) => name !== '_ingested_at');
      await ingest(deps, group, { operation: op.kind, batch: batchOf(columns, op.rows), received: op.rows.length, rejected: [], wait });
      return;
    }
    case 'deleteKeys':
      await deleteRows(deps, group, { kind: 'keys', sets: [{ columns: ['k'], rows: op.keys.map(({ k }) => [k]) }] }, { wait });
      return;
    case 'restore':
      await restoreRows(deps, group, { version: op.version }, { wait });
      return;
    default:
      await publishRows(deps, group, { tending: 'left' });
  }
}

/** Rebuilds, repairs, changes definitions and tends, dying now and then. */
async function runTender(world: World): Promise<void> {
  const { random } = world;
  const steps = 3 + Math.floor(random.unit() * 4);
  for (let i = 0; i < steps; i += 1) {
    const { deps, projects } = process(world, random.unit() < 0.5);
    await attempt(world, async () => {
      const group = await projects.group(world.project, 'g', 1);
      const choice = random.unit();
      if (choice < 0.35) await publishRows(deps, group, { rebuild: true });
      else if (choice < 0.5) await publishRows(deps, group, { repair: true });
      else if (choice < 0.65) {
        const ttl = `P${7 + Math.floor(random.unit() * 3)}D`;
        const { planId } = await projects.plan(world.project, { featureGroups: [definitionOf(ttl, random.unit() < 0.5 ? 4 : 8)] });
        await projects.apply(world.project, planId);
      } else if (choice < 0.75) {
        await world.clock.advance(61_000);
        await tendGenerations(deps, group);
      } else await publishTable(deps, group);
    });
  }
}

/** What may come of doing many things at once. */
async function attempt(world: World, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isExpected = ['COMMIT_CONFLICT', 'STORE_THROTTLED', 'PLAN_STALE', 'NO_SUCH_COMMIT'].some((code) => isLakefoldError(error, code as never));
    if (!isExpected && !String(error).includes('the process died')) world.faults.push(String(error instanceof Error ? (error.stack ?? error) : error));
  }
}

async function runReader(world: World, reader: number, goesOn: () => boolean): Promise<void> {
  const { random } = world;
  const { deps, projects } = process(world, false);
  const watermarks = new WatermarkCache();
  for (let read = 0; read < READS_MAX && goesOn(); read += 1) {
    const { state } = await projects.registry(world.project);
    const plan = compileView({ project: world.project, view: VIEW, groups: state.featureGroups, functions: new Map() });
    const request = parseVectorsBody({ entries: KEYS.map((k) => ({ k })), options: { consistent: random.unit() < 0.5 } });
    const { rows, watermarks: told } = await getVectors({ ...deps, watermarks }, { plan, request });
    const head = await headOf(world);
    rows.forEach((row, i) => {
      if (row.statuses.includes('ERROR')) world.faults.push(`reader ${reader}: ${row.statuses.join()}`);
      const eventTime = row.eventTimes[0];
      const record = eventTime === undefined ? undefined : recordOf(eventTime, row.values);
      world.seen.push({ reader, key: KEYS[i] ?? '', watermark: told[0]?.watermark?.version ?? -1, head, record, eventTime });
    });
  }
}

const recordOf = (eventTime: bigint | null, values: readonly Value[]): string => `${eventTime} ${values.join('|')}`;

async function headOf({ plain, root }: World): Promise<number> {
  let head = -1;
  for await (const { path } of plain.store.list(`${root}/_delta_log/`)) if (isLogEntry(path)) head += 1;
  return head;
}

/** Once everything is published and tended, the online values are the newest rows of the table. */
async function settledFaults(world: World): Promise<readonly string[]> {
  const { plain, project } = world;
  const projects = new Projects(plain);
  for (let round = 0; round < 4; round += 1) {
    await world.clock.advance(61_000);
    await publishTable(plain, await projects.group(project, 'g', 1));
  }
  await world.clock.advance(61_000);
  const group = await projects.group(project, 'g', 1);
  const head = await headOf(world);
  const expected = newestOf(await rowsAt(world, head));
  const found = new Map<string, string>();
  const plan = compileView({ project, view: VIEW, groups: [group.state], functions: new Map() });
  const request = parseVectorsBody({ entries: KEYS.map((k) => ({ k })), options: { consistent: true } });
  const { rows } = await getVectors({ ...plain, watermarks: new WatermarkCache() }, { plan, request });
  rows.forEach(({ eventTimes: [eventTime], values }, i) => {
    if (eventTime !== undefined) found.set(KEYS[i] ?? '', recordOf(eventTime, values));
  });
  const faults = KEYS.flatMap((key) =>
    expected.get(key) === found.get(key) ? [] : [`end: key ${key}: expected ${expected.get(key)}, found ${found.get(key)}`],
  );
  const { ok, watermark, findings } = await verifyGroup(plain, group, { table: false, online: true });
  const others = group.state.otherGenerations?.filter(({ generation }) => generation < group.state.generation) ?? [];
  return [
    ...faults,
    ...(ok ? [] : [`end: ${JSON.stringify(findings)}`]),
    ...(watermark === head ? [] : [`end: expected the watermark at ${head}, found ${watermark}`]),
    ...(others.length === 0 && group.state.loadWantedSince === undefined
      ? []
      : [`end: expected nothing left to do, found ${JSON.stringify(group.state.otherGenerations)}`]),
  ];
}

/** The oracle: by event time, receipt and content. */
function newestOf(rows: readonly ModelRow[]): ReadonlyMap<string, string> {
  const newest = new Map<string, { readonly rank: string; readonly record: string }>();
  for (const row of rows) {
    const rank = rankOf(row);
    if ((newest.get(row.k)?.rank ?? '') < rank) newest.set(row.k, { rank, record: recordOf(row.e, [row.p, row.v]) });
  }
  return new Map([...newest].map(([key, { record }]) => [key, record]));
}

function rankOf(row: ModelRow): string {
  const columns = columnsOf(SHAPE).filter(({ name }) => name !== '_ingested_at');
  const valueOf = (name: string): Value => (name === 'k' ? row.k : name === 'e' ? row.e : name === 'p' ? row.p : row.v);
  return toHex(
    orderBytes(
      row.e,
      row.r,
      rowDigest(
        columns,
        columns.map(({ name }) => valueOf(name)),
      ),
    ),
  );
}

async function rowsAt({ plain, root }: World, version: number, opened?: DeltaTable): Promise<readonly ModelRow[]> {
  const table = opened ?? (await DeltaTable.open(plain, root));
  const rows: ModelRow[] = [];
  for await (const batch of readRows(plain, { root, snapshot: await table.at({ version }) })) rows.push(...rowsOfBatch(batch));
  return rows;
}

/**
 * Every record a reader was told of was the newest of its key at some version from the watermark on, or a row that a commit since then
 * brought (merges may go ahead); and no reader went back: neither its watermark, nor a record while nothing was edited.
 */
async function readFaults(world: World): Promise<readonly string[]> {
  const head = await headOf(world);
  const table = await DeltaTable.open(world.plain, world.root);
  const newest: ReadonlyMap<string, string>[] = [];
  const records: ReadonlySet<string>[] = [];
  for (let version = 0; version <= head; version += 1) {
    const rows = await rowsAt(world, version, table);
    newest.push(newestOf(rows));
    records.push(new Set(rows.map((row) => `${row.k} ${recordOf(row.e, [row.p, row.v])}`)));
  }
  const commits = await foldSourceOf(world.plain, table, { keyColumns: columnsOf(SHAPE).slice(0, 1) }).commits(-1, head);
  const isEdited = (after: number, to: number): boolean => commits.some(({ version, kind }) => kind === 'edit' && version > after && version <= to);
  const faults: string[] = [];
  const last = new Map<string, Seen>();
  for (const seen of world.seen) {
    const { reader, key, watermark, record } = seen;
    const told = `reader ${reader}: key ${key} at watermark ${watermark}, head ${seen.head}: ${record}`;
    const versions = newest.slice(Math.max(0, watermark), seen.head + 1);
    const isNewest = versions.some((each) => each.get(key) === record) || (watermark < 0 && record === undefined);
    const isNew = record !== undefined && records.slice(watermark + 1, seen.head + 1).some((each) => each.has(`${key} ${record}`));
    if (!isNewest && !isNew) faults.push(`${told}, which was never the newest`);
    const before = last.get(`${reader} ${key}`);
    last.set(`${reader} ${key}`, seen);
    if (before === undefined) continue;
    if (before.watermark > watermark) faults.push(`${told}, after watermark ${before.watermark}`);
    if ((before.eventTime ?? 0n) > (seen.eventTime ?? 0n) && !isEdited(before.watermark, seen.head)) faults.push(`${told}, after ${before.record}`);
  }
  return faults;
}
