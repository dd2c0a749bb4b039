/**
 * A training set from files to files: a spine in Parquet, a feature group's table, the set's Parquet with its content hash and manifest. Beside
 * DuckDB's own COPY of an ASOF join over the same files and, where `LAKEFOLD_TEST_INTEROP_PYTHON` has them, Polars' `join_asof`
 * and pandas' `merge_asof`, each with all its threads and to the same checksum; where `LAKEFOLD_BENCH_FEAST_PYTHON` has Feast
 * (feast 0.67.0 with duckdb, in an environment of its own), its two local offline stores.
 * `LAKEFOLD_BENCH_SPINE` rows (1,000,000) join `LAKEFOLD_BENCH_HISTORY` (5,000,000); `LAKEFOLD_BENCH_ROUNDS` (3) in turn.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { openDuckDbEngine } from '../lib/adapters/duckdb/engine.ts';
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
import { Projects } from '../lib/features/projects.ts';
import { withReceipts } from '../lib/features/receipt-time.ts';
import { createTrainingDataset, type TrainingDataset } from '../lib/features/training/create-dataset.ts';
import { parseTrainingRequest } from '../lib/features/training/request.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import { openLocalSource } from '../lib/store/local-source.ts';
import { featureViewOf } from '../lib/registry/state.ts';
import { interleavedTimes, medianOf, noteRatios, reportGoal } from './report.ts';

const SPINE = Number(process.env['LAKEFOLD_BENCH_SPINE'] ?? 1_000_000);
const HISTORY = Number(process.env['LAKEFOLD_BENCH_HISTORY'] ?? 5_000_000);
const ROUNDS = Number(process.env['LAKEFOLD_BENCH_ROUNDS'] ?? 3);
const FILES = 5;
const KEYS = Math.max(1, Math.floor(HISTORY / 50));
const START = 1_700_000_000_000_000n;
/** Of event and label times, seconds. */
const SPAN = 30 * 86_400;

/** A generator with a seed, so that every run joins the same rows. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Rows with keys and times all over, a receipt each. */
function historyRows(count: number, seed: number): Batch {
  const next = numbers(seed);
  const columns = [
    { name: 'id', type: { kind: 'bigint' }, nullable: false },
    { name: 'at', type: { kind: 'timestamp' }, nullable: false },
    { name: 'v', type: { kind: 'double' }, nullable: true },
    { name: 'n', type: { kind: 'bigint' }, nullable: true },
  ] as const;
  const values = [
    BigInt64Array.from({ length: count }, () => BigInt(Math.floor(next() * KEYS))),
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

interface Peer {
  readonly ask: (question: Readonly<Record<string, unknown>>) => Promise<unknown>;
  readonly stop: () => void;
}

/** A Python that answers, line by line, how long one of its libraries took; undefined, and said so, where none is named. */
function startPeer(variable: string, libraries: string): Peer | undefined {
  const python = process.env[variable];
  if (python === undefined) {
    console.log(`     MISSING ${libraries}: ${variable} names no Python that has them, so nothing is said about them`);
    return undefined;
  }
  const child = spawn(python, [fileURLToPath(new URL('point-in-time-peer.py', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (question) => {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value } = await lines.next();
      return JSON.parse(String(value));
    },
    stop: () => void child.stdin.end(),
  };
}

interface Contender {
  readonly name: string;
  readonly out: string;
  readonly run: () => Promise<unknown>;
}

/** Notes the processor time of this process, ms: unlike time by the clock, it hardly depends on what else the machine does. */
function counted(run: () => Promise<unknown>, into: number[]): () => Promise<unknown> {
  return async () => {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    into.push((user + system) / 1000);
  };
}

const directory = await mkdtemp(join(tmpdir(), 'lakefold-point-in-time-'));
const instance = await DuckDBInstance.create(':memory:');
const duckdb = await instance.connect();
await duckdb.run("SET TimeZone = 'UTC'");
const engine = await openDuckDbEngine({ scratchDirectory: directory });
const peer = startPeer('LAKEFOLD_TEST_INTEROP_PYTHON', 'Polars, pandas');
const feast = startPeer('LAKEFOLD_BENCH_FEAST_PYTHON', 'Feast');
try {
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
  await projects.create('b');
  await projects.createGroup('b', GROUP);
  await projects.createView('b', VIEW);
  const group = await projects.group('b', 'history', 1);
  for (let i = 0; i < FILES; i += 1) await group.table.append(historyRows(Math.floor(HISTORY / FILES), i + 1), { sortBy: ['id', 'at'] });
  const history = [...group.table.snapshot.files.keys()].map((path) => join(directory, group.table.root, path));
  const spine = join(directory, 'spine.parquet');
  await duckdb.run(
    `COPY (SELECT CAST(hash(i) % ${KEYS} AS BIGINT) AS id, make_timestamptz(${START} + CAST(hash(i + 1) % ${SPAN * 1_000_000} AS BIGINT)) AS t, CAST(i % 2 AS INTEGER) AS label FROM range(${SPINE}) r(i)) TO '${spine}' (FORMAT parquet, COMPRESSION zstd)`,
  );
  const training = {
    ...deps,
    engine,
    scratch: openScratch(directory),
    functions: new Map(),
    openGroup: async () => group,
    openSource: (source: string) => openLocalSource(source, { cwd: directory }),
  };
  const view = featureViewOf((await projects.registry('b')).state, 'bench', 1);
  let dataset: TrainingDataset | undefined;
  const ours = async (): Promise<void> => {
    dataset = await createTrainingDataset(training, {
      project: 'b',
      view,
      request: parseTrainingRequest({ spine: { source: spine, format: 'parquet' }, statistics: false }),
    });
  };
  const list = history.map((path) => `'${path}'`).join(', ');
  const theirs = join(directory, 'theirs.parquet');
  // In the spine's order, as a training set is.
  const copy = async (): Promise<void> =>
    void (await duckdb.run(
      `COPY (SELECT s.id, s.t, s.label, h.v AS f_v, h.n AS f_n FROM (SELECT *, row_number() OVER () AS o FROM read_parquet('${spine}')) s ASOF LEFT JOIN read_parquet([${list}]) h ON s.id = h.id AND s.t >= h.at ORDER BY s.o) TO '${theirs}' (FORMAT parquet, COMPRESSION zstd)`,
    ));
  const checksum = async (file: string, where = 'true'): Promise<string> => {
    const typed = 'CAST(id AS BIGINT), epoch_us(t), CAST(label AS INTEGER), f_v, CAST(f_n AS BIGINT)';
    const result = await duckdb.run(`SELECT count(*), count(f_v), sum(CAST(hash(${typed}) % 1000003 AS BIGINT)) FROM read_parquet('${file}') WHERE ${where}`);
    return (await result.getRows()).join(' ');
  };
  const namesOf = async (from: Peer | undefined, wanted: (name: string) => boolean): Promise<readonly Contender[]> =>
    (((await from?.ask({ op: 'names' })) ?? []) as readonly string[]).filter(wanted).map((name) => {
      const out = join(directory, `${name}.parquet`);
      return { name, out, run: async () => from?.ask({ op: 'join', name, spine, history, out }) };
    });
  const isFeast = (name: string): boolean => name.startsWith('feast');
  const others = [...(await namesOf(peer, (name) => !isFeast(name))), ...(await namesOf(feast, isFeast))];
  const cpu: readonly number[][] = [[], []];
  const [own = [], floor = [], ...rest] = await interleavedTimes(ROUNDS, [
    counted(ours, cpu[0] ?? []),
    counted(copy, cpu[1] ?? []),
    ...others.map(({ run }) => run),
  ]);
  const file = join(directory, 'b/training-datasets/bench/1', String(dataset?.trainingDataset), dataset?.splits[0]?.files[0]?.path ?? '');
  // Feast's file store leaves rows out that found nothing.
  const isWhole = ({ name }: { readonly name: string }): boolean => name !== 'feast_file';
  const sums = await Promise.all([file, theirs, ...others.filter(isWhole).map(({ out }) => out)].map((each) => checksum(each)));
  if (new Set(sums).size !== 1) throw new Error(`expected equal checksums, found ${sums.join(', ')}`);
  const found = await Promise.all([file, ...others.filter((other) => !isWhole(other)).map(({ out }) => out)].map((each) => checksum(each, 'f_v IS NOT NULL')));
  if (new Set(found).size !== 1) throw new Error(`expected equal checksums of rows with a feature, found ${found.join(', ')}`);
  const what = `training set of ${SPINE} rows over a history of ${HISTORY}, files to file`;
  const [millis, copyMillis] = [medianOf(own), medianOf(floor)];
  const rows = (time: number): number => SPINE / (time / 1000);
  const copyPeer = { name: "DuckDB's COPY of the join", value: copyMillis };
  reportGoal({ id: 'training-set-copy', what, unit: 'ms', value: millis, peer: copyPeer, limit: { kind: 'atMost', ratio: 1.2 } });
  noteRatios('time of ours to COPY', own, floor);
  noteRatios('processor time of ours to COPY', cpu[0] ?? [], cpu[1] ?? []);
  const all = [{ name: 'DuckDB', times: floor }, ...others.map(({ name }, i) => ({ name, times: rest[i] ?? [] }))];
  const joins = all.filter(({ name }) => !isFeast(name)).toSorted((a, b) => medianOf(a.times) - medianOf(b.times));
  const goals = [
    { id: 'training-set-join', peer: joins[0], ratio: 1 },
    { id: 'training-set-feast-duckdb', peer: all.find(({ name }) => name === 'feast_duckdb'), ratio: 3 },
    { id: 'training-set-feast-file', peer: all.find(({ name }) => name === 'feast_file'), ratio: 10 },
  ];
  for (const { id, peer: other, ratio } of goals) {
    if (other === undefined) continue;
    const best = { name: other.name, value: rows(medianOf(other.times)) };
    reportGoal({ id, what, unit: 'rows/s', value: rows(millis), peer: best, limit: { kind: 'atLeast', ratio } });
    noteRatios(`time of ours to ${other.name}`, own, other.times);
  }
  for (const { name, times } of all) console.log(`     ${name}: ${medianOf(times).toFixed(0)} ms`);
} finally {
  peer?.stop();
  feast?.stop();
  await engine.close();
  duckdb.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
}
