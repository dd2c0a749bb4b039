/**
 * A feature group over a real table, written by three processes and another engine and published by all of them at once,
 * requests to both stores in an order that follows from the seed; online ones get lost, come late or take effect twice.
 */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { toHex } from '../../lib/core/bytes.ts';
import { rowDigest } from '../../lib/core/canonical.ts';
import { encodeKey } from '../../lib/core/keys.ts';
import { orderBytes } from '../../lib/core/order.ts';
import type { Column } from '../../lib/core/types.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { Idempotency } from '../../lib/delta/write/write-outcome.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { ingest } from '../../lib/features/ingest/ingest.ts';
import { deleteRows, optimizeRows, restoreRows } from '../../lib/features/history/manage-rows.ts';
import { compileGroup, type OpenGroup } from '../../lib/features/open-group.ts';
import { publishGroup } from '../../lib/features/publish/publish-group.ts';
import type { Receipt } from '../../lib/features/ingest/receipt.ts';
import { ReceiptClock } from '../../lib/features/ingest/receipt-time.ts';
import { compilePayloadReader } from '../../lib/online/payload.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { Log } from '../../lib/ports/log.ts';
import type { OnlineStore, OnlineWrite } from '../../lib/ports/online-store.ts';
import type { Random } from '../../lib/ports/random.ts';
import type { FeatureGroupState } from '../../lib/registry/definition.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { tableLayout } from '../../lib/registry/table-layout.ts';
import { commitForeign } from './table-foreign.ts';
import { batchOf, columnsOf, rowsOfBatch, type TableShape } from './table-model.ts';
import { randomChange, randomOp } from './table-ops.ts';
import { isLogEntry, turningStore, turnsOf, type Turns } from './table-turns.ts';

const PROJECT = 'demo';
const FINGERPRINT = '00112233445566bb';
const PATH = 'feature-groups/g/1';

export interface PublisherOptions {
  readonly seed: number;
  readonly shape: TableShape;
  readonly online: OnlineStore;
  /** Another generation is another set of items. */
  readonly generation?: number;
}

interface World {
  readonly options: PublisherOptions;
  readonly random: Random;
  readonly turns: Turns;
  readonly inner: MemoryObjectStore;
  readonly state: FeatureGroupState;
  readonly faults: string[];
  readonly late: (() => Promise<unknown>)[];
  readonly plain: FeatureDeps;
}

/** What is wrong at the end, nothing when all is well. */
export async function runPublishers(options: PublisherOptions): Promise<readonly string[]> {
  const world = await createWorld(options);
  const { turns, random } = world;
  await turns.run([0, 1, 2].map((number) => runWriter(world, number)));
  const last = { deps: world.plain, group: await openAt(world, world.plain) };
  await publishGroup(last.deps, last.group);
  while (world.late.length > 0) await world.late.splice(Math.floor(random.unit() * world.late.length), 1)[0]?.();
  await publishGroup(last.deps, last.group);
  return [...world.faults, ...(await differences(world, last.group))];
}

async function createWorld(options: PublisherOptions): Promise<World> {
  const random = new SeededRandom(options.seed);
  const clock = new ManualClock({ sleeping: 'skip' });
  const inner = new MemoryObjectStore({ clock });
  const plain: FeatureDeps = {
    store: inner,
    codec: createNdjsonCodec(),
    clock,
    random: new SeededRandom(options.seed + 1),
    log: silentLog,
    engineInfo: 'lakefold/test',
    online: options.online,
    control: new MemoryControl(),
    background: { run: () => undefined },
  };
  const { shape } = options;
  const draft = parseFeatureGroup({
    name: 'g',
    primaryKey: ['k'],
    eventTime: shape.hasEventTime ? 'e' : null,
    onlineEnabled: true,
    profile: shape.profile,
    partitionBy: shape.partitionBy,
    schema: columnsOf(shape)
      .filter(({ name }) => name !== '_ingested_at')
      .map(({ name, type, nullable }) => ({ name, type: type.kind, nullable })),
  });
  const definition = { ...draft, version: 1 };
  const layout = tableLayout(PROJECT, definition);
  const { table } = await DeltaTable.create(plain, `${PROJECT}/${PATH}`, {
    columns: layout.columns,
    partitionBy: layout.partitionColumns,
    profile: definition.profile,
    configuration: layout.configuration,
  });
  const state: FeatureGroupState = {
    definition,
    createdAt: '',
    updatedAt: '',
    revision: 1,
    status: 'ACTIVE',
    path: PATH,
    tableId: table.snapshot.metadata.id,
    generation: options.generation ?? 1,
    onlineShards: 4,
    schemas: [
      {
        fingerprint: FINGERPRINT,
        columns: [
          ['p', 'string', true],
          ['v', 'int', true],
        ],
      },
    ],
  };
  return { options, random, turns: turnsOf(random), inner, state, faults: [], late: [], plain };
}

async function openAt(world: World, deps: FeatureDeps): Promise<OpenGroup> {
  const table = await DeltaTable.open(deps, `${PROJECT}/${PATH}`);
  return compileGroup({ project: PROJECT, state: world.state, table, receipts: new ReceiptClock(deps.clock) });
}

async function runWriter(world: World, number: number): Promise<void> {
  const { random, turns } = world;
  // Two clocks agree to the microsecond, the third is an hour ahead or behind.
  const clock = new ManualClock({ sleeping: 'skip', startMillis: 1_750_000_000_000 + (number < 2 ? 0 : random.unit() < 0.5 ? 3_600_000 : -3_600_000) });
  const deps: FeatureDeps = {
    ...world.plain,
    clock,
    log: reporting(world),
    random: new SeededRandom(Math.floor(random.unit() * 2 ** 31)),
    online: chaosOnline(world),
    store: turningStore(world.inner, turns, { random, faults: { lostAnswer: 0.05, lostRequest: 0 } }),
  };
  const group = await openAt(world, deps);
  const steps = 2 + Math.floor(random.unit() * 4);
  for (let i = 0; i < steps; i += 1) {
    if (random.unit() < 0.3) await clock.advance(1 + Math.floor(random.unit() * 5));
    // A publisher whose request was lost gives up, and a repeat goes to whoever is there.
    await step(world, { deps, group, key: `${number}/${i}` }).catch((error: unknown) => {
      if (!String(error).includes('the answer was lost')) world.faults.push(String(error));
    });
  }
}

/** A receipt hides why a publish failed; the log tells. */
function reporting(world: World): Log {
  return {
    ...silentLog,
    error: (event, fields) => {
      if (!String(fields?.['cause']).includes('the answer was lost')) world.faults.push(`${event}: ${String(fields?.['cause'])}`);
    },
  };
}

async function step(world: World, actor: { readonly deps: FeatureDeps; readonly group: OpenGroup; readonly key: string }): Promise<void> {
  const { random, options } = world;
  const { deps, group } = actor;
  const choice = random.unit();
  if (choice < 0.12) {
    await commitForeign(
      { ...deps, store: turningStore(world.inner, world.turns, { random, faults: { lostAnswer: 0, lostRequest: 0 } }) },
      group.table.root,
      randomChange(random, options.shape),
    );
    return;
  }
  if (choice < 0.3) {
    await publishGroup(deps, group);
    return;
  }
  const op = randomOp(random, { shape: options.shape, head: group.table.snapshot.version });
  const wait = random.unit() < 0.7 ? 'online' : 'commit';
  switch (op.kind) {
    case 'append':
    case 'upsert':
    case 'overwrite': {
      const idempotency: Idempotency = { kind: 'request', key: actor.key, bodyHash: 'same', windowMillis: 10 ** 12 };
      const columns = columnsOf(options.shape).filter(({ name }) => name !== '_ingested_at');
      const request = { operation: op.kind, batch: batchOf(columns, op.rows), received: op.rows.length, rejected: [], idempotency, wait } as const;
      const receipt = await ingest(deps, group, request);
      check(world, receipt);
      if (random.unit() < 0.3) checkRepeat(world, receipt, await ingest(deps, random.unit() < 0.5 ? group : await openAt(world, deps), request));
      return;
    }
    case 'deleteKeys': {
      const sets = [
        { columns: ['k'], rows: op.keys.filter(({ e }) => e === undefined).map(({ k }) => [k]) },
        ...(options.shape.hasEventTime ? [{ columns: ['k', 'e'], rows: op.keys.flatMap(({ k, e }) => (e === undefined ? [] : [[k, e]])) }] : []),
      ];
      await deleteRows(deps, group, { kind: 'keys', sets }, { wait });
      return;
    }
    case 'deleteWhere':
      await deleteRows(deps, group, { kind: 'where', filter: op.where.filter }, { wait });
      return;
    case 'restore':
      await restoreRows(deps, group, { version: op.version }, { wait });
      return;
    case 'optimize':
      await optimizeRows(deps, group);
      return;
    default:
      await group.table.checkpoint();
  }
}

/** U2: every row the commit brought is accounted for. */
function check(world: World, receipt: Receipt): void {
  const { commit, online } = receipt;
  if (commit === null) return;
  const sent = commit.rowsInserted + commit.rowsUpdated + commit.dedupedInBatch + commit.stale + commit.rejected;
  if (receipt.received !== sent) world.faults.push(`version ${commit.version}: received ${receipt.received}, counted ${sent}`);
  if (online?.state !== 'applied' || online.superseded + online.applied + online.stale + online.expired + online.failed === 0) return;
  const folded = online.superseded + online.applied + online.stale + online.expired + online.failed;
  if (folded !== commit.rowsInserted + commit.rowsUpdated)
    world.faults.push(`version ${commit.version} (${commit.operation}): ${commit.rowsInserted + commit.rowsUpdated} rows, folded ${JSON.stringify(online)}`);
}

/** U9. */
function checkRepeat(world: World, first: Receipt, repeat: Receipt): void {
  const expected = { ...first.commit, alreadyApplied: true };
  if (JSON.stringify(repeat.commit) !== JSON.stringify(expected))
    world.faults.push(`repeated: expected ${JSON.stringify(expected)}, found ${JSON.stringify(repeat.commit)}`);
  check(world, repeat);
}

function chaosOnline(world: World): OnlineStore {
  const {
    random,
    turns,
    late,
    options: { online },
  } = world;
  const request = <T>(run: () => Promise<T>, lost: () => Promise<T>): Promise<T> =>
    turns.take(async () => {
      const luck = random.unit();
      if (late.length > 0 && random.unit() < 0.1) await late.splice(Math.floor(random.unit() * late.length), 1)[0]?.();
      if (luck < 0.05) late.push(run);
      if (luck < 0.05) return lost();
      const answer = await run();
      if (luck < 0.1) late.push(run);
      return luck > 0.97 ? lost() : answer;
    });
  const failed = async (): Promise<readonly OnlineWrite[]> => ['failed'];
  const throwing = async (): Promise<never> => {
    throw new Error('the answer was lost');
  };
  return {
    read: (reads, readOptions) => turns.take(() => online.read(reads, readOptions)),
    merge: async (table, rows) => (await Promise.all(rows.map((row) => request(() => online.merge(table, [row]), failed)))).flat(),
    edit: async (table, edits) => (await Promise.all(edits.map((edit) => request(() => online.edit(table, [edit]), failed)))).flat(),
    watermark: (table, readOptions) => turns.take(() => online.watermark(table, readOptions)),
    moveWatermark: (table, move) => request(() => online.moveWatermark(table, move), throwing),
    load: (table, rows) => request(() => online.load(table, rows), throwing),
    heal: (table, heals) => request(() => online.heal(table, heals), throwing),
    clear: (table, options) => request(() => online.clear(table, options), throwing),
    forget: (table, keys) => request(() => online.forget(table, keys), throwing),
    scan: (table, scanOptions) => online.scan(table, scanOptions),
    close: async () => undefined,
  };
}

async function differences(world: World, group: OpenGroup): Promise<readonly string[]> {
  const expected = await newestAtHead(world, group);
  const read = compilePayloadReader(world.state.schemas, [
    { name: 'p', type: { kind: 'string' } },
    { name: 'v', type: { kind: 'int' } },
  ]);
  const found = new Map<string, string>();
  for await (const { key, item } of world.options.online.scan(group.onlineTable)) {
    if (item.deleted) continue;
    const payload = read(item.payload ?? new Uint8Array());
    found.set(toHex(key), `${toHex(item.order ?? new Uint8Array())} ${payload.kind === 'values' ? payload.values.join() : payload.kind}`);
  }
  const faults = [...new Set([...expected.keys(), ...found.keys()])].flatMap((key) =>
    expected.get(key) === found.get(key) ? [] : [`key ${key}: expected ${expected.get(key) ?? 'nothing'}, found ${found.get(key) ?? 'nothing'}`],
  );
  const watermark = await world.options.online.watermark(group.onlineTable, { consistent: true });
  let head = -1;
  for await (const { path } of world.inner.list(`${group.table.root}/_delta_log/`)) if (isLogEntry(path)) head += 1;
  return watermark?.version === head ? faults : [...faults, `watermark: expected ${head}, found ${watermark?.version ?? 'none'}`];
}

/** By the order of semantics §0, from nothing but the table. */
async function newestAtHead(world: World, group: OpenGroup): Promise<ReadonlyMap<string, string>> {
  const snapshot = await loadSnapshot(world.plain, group.table.root);
  const columns: readonly Column[] = columnsOf(world.options.shape).filter(({ name }) => name !== '_ingested_at');
  const newest = new Map<string, string>();
  for await (const batch of readRows(world.plain, { root: group.table.root, snapshot })) {
    for (const row of rowsOfBatch(batch)) {
      const values = (name: string): string | bigint | number | null => (name === 'k' ? row.k : name === 'e' ? row.e : name === 'p' ? row.p : row.v);
      const order = toHex(
        orderBytes(
          row.e,
          row.r,
          rowDigest(
            columns,
            columns.map(({ name }) => values(name)),
          ),
        ),
      );
      const key = toHex(encodeKey([{ kind: 'string' }], [row.k]));
      const text = `${order} ${[row.p, row.v].join()}`;
      if ((newest.get(key) ?? '') < text) newest.set(key, text);
    }
  }
  return newest;
}
