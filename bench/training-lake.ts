/** The lake of the benchmarks of training sets: a spine in Parquet, a feature group of random rows, a view that joins them. */
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { nodeFileSystem } from '../lib/adapters/fs/node-file-system.ts';
import { openFilesObjectStore } from '../lib/adapters/fs/files-object-store.ts';
import { openScratch } from '../lib/adapters/fs/scratch.ts';
import { MemoryControl } from '../lib/adapters/memory/control.ts';
import { MemoryOnlineStore } from '../lib/adapters/memory/online-store.ts';
import { SystemClock } from '../lib/adapters/system/clock.ts';
import { silentLog } from '../lib/adapters/system/log.ts';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import { SystemRandom } from '../lib/adapters/system/random.ts';
import { startNativeSha256 } from '../lib/adapters/system/sha256.ts';
import type { Batch } from '../lib/core/batch.ts';
import type { FeatureDeps } from '../lib/features/deps.ts';
import type { OpenGroup } from '../lib/features/open-group.ts';
import { Projects } from '../lib/features/definitions/projects.ts';
import { withReceipts } from '../lib/features/ingest/receipt-time.ts';
import { createTrainingDataset, type TrainingDataset } from '../lib/features/training/create-dataset.ts';
import { parseTrainingRequest } from '../lib/features/training/request.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import type { Engine } from '../lib/ports/engine.ts';
import { openLocalSource } from '../lib/store/local-source.ts';
import { featureViewOf } from '../lib/registry/state.ts';

const FILES = 5;
const START = 1_700_000_000_000_000n;
/** Of event and label times, seconds. */
const SPAN = 30 * 86_400;
const PROJECT = 'b';

/** Where the spine is, below the lake's folder. */
export const SPINE_FILE = 'spine.parquet';

/** Rows of one entity, in the mean. */
const ROWS_A_KEY = 50;

function keysOf(history: number): number {
  return Math.max(1, Math.floor(history / ROWS_A_KEY));
}

/** A generator with a seed, so that every run joins the same rows. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Rows with keys and times all over, a receipt each. */
function historyRows(count: number, { seed, keys }: { readonly seed: number; readonly keys: number }): Batch {
  const next = numbers(seed);
  const columns = [
    { name: 'id', type: { kind: 'bigint' }, nullable: false },
    { name: 'at', type: { kind: 'timestamp' }, nullable: false },
    { name: 'v', type: { kind: 'double' }, nullable: true },
    { name: 'n', type: { kind: 'bigint' }, nullable: true },
  ] as const;
  const values = [
    BigInt64Array.from({ length: count }, () => BigInt(Math.floor(next() * keys))),
    BigInt64Array.from({ length: count }, () => START + BigInt(Math.floor(next() * SPAN * 1e6))),
    Float64Array.from({ length: count }, next),
    BigInt64Array.from({ length: count }, () => BigInt(Math.floor(next() * 1000))),
  ];
  const batch = { columns, vectors: columns.map(({ type }, i) => ({ type, length: count, values: values[i] ?? [] })), rowCount: count };
  return withReceipts(batch, START + BigInt(seed), undefined);
}

const GROUP = {
  name: 'history',
  version: 1,
  schema: [
    { name: 'id', type: 'bigint' },
    { name: 'at', type: 'timestamp' },
    { name: 'v', type: 'double', nullable: true },
    { name: 'n', type: 'bigint', nullable: true },
  ],
  primaryKey: ['id'],
  eventTime: 'at',
};
const VIEW = {
  name: 'bench',
  version: 1,
  spine: [
    { name: 'id', type: 'bigint' },
    { name: 't', type: 'timestamp' },
    { name: 'label', type: 'int', nullable: true },
  ],
  labelTime: 't',
  labels: ['label'],
  joins: [{ featureGroup: 'history', version: 1, features: ['v', 'n'], prefix: 'f_' }],
};

export interface Lake {
  readonly group: OpenGroup;
  /** Of the spine's file. */
  readonly train: () => Promise<TrainingDataset>;
  /** The file of the set's one split. */
  readonly fileOf: (dataset: TrainingDataset) => string;
}

/** A lake in the folder, made of `history` rows where it has none yet. */
export async function openLake({
  directory,
  engine,
  history,
}: {
  readonly directory: string;
  readonly engine: Engine;
  readonly history: number;
}): Promise<Lake> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const deps: FeatureDeps = {
    store: await openFilesObjectStore({ fs: nodeFileSystem, directory, clock, random }),
    codec: createParquetCodec({ wasm: readParquetWasm() }),
    clock,
    random,
    log: silentLog,
    engineInfo: 'lakefold/bench',
    startSha256: startNativeSha256,
    online: new MemoryOnlineStore(),
    control: new MemoryControl(),
    background: { run: () => undefined },
  };
  const projects = new Projects(deps);
  const isNew = await projects.registry(PROJECT).then(
    () => false,
    () => true,
  );
  if (isNew) {
    await projects.create(PROJECT);
    await projects.createGroup(PROJECT, GROUP);
    await projects.createView(PROJECT, VIEW);
  }
  const group = await projects.group(PROJECT, GROUP.name, GROUP.version);
  const keys = keysOf(history);
  if (isNew)
    for (let i = 0; i < FILES; i += 1) await group.table.append(historyRows(Math.floor(history / FILES), { seed: i + 1, keys }), { sortBy: ['id', 'at'] });
  const training = {
    ...deps,
    engine,
    scratch: openScratch(join(directory, 'scratch')),
    functions: new Map(),
    openGroup: async () => group,
    openSource: (source: string) => openLocalSource(source, { cwd: directory }),
  };
  const view = featureViewOf((await projects.registry(PROJECT)).state, VIEW.name, VIEW.version);
  const request = parseTrainingRequest({ spine: { source: join(directory, SPINE_FILE), format: 'parquet' }, statistics: false });
  return {
    group,
    train: () => createTrainingDataset(training, { project: PROJECT, view, request }),
    fileOf: ({ trainingDataset, splits }) =>
      join(directory, PROJECT, 'training-datasets', VIEW.name, String(VIEW.version), String(trainingDataset), splits[0]?.files[0]?.path ?? ''),
  };
}

/** Writes the spine: keys and times all over, as those of a history of that many rows. */
export async function writeSpine(directory: string, { rows, history }: { readonly rows: number; readonly history: number }): Promise<string> {
  const path = join(directory, SPINE_FILE);
  const instance = await DuckDBInstance.create(':memory:');
  const duckdb = await instance.connect();
  await duckdb.run("SET TimeZone = 'UTC'");
  await duckdb.run(
    `COPY (SELECT CAST(hash(i) % ${keysOf(history)} AS BIGINT) AS id, make_timestamptz(${START} + CAST(hash(i + 1) % ${SPAN * 1_000_000} AS BIGINT)) AS t, CAST(i % 2 AS INTEGER) AS label FROM range(${rows}) r(i)) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`,
  );
  duckdb.closeSync();
  instance.closeSync();
  return path;
}
