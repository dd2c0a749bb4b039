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
import type { TrainingDataset } from '../lib/features/training/create-dataset.ts';
import { interleavedTimes, medianOf, noteRatios, reportGoal } from './report.ts';
import { openLake, writeSpine } from './training-lake.ts';

const SPINE = Number(process.env['LAKEFOLD_BENCH_SPINE'] ?? 1_000_000);
const HISTORY = Number(process.env['LAKEFOLD_BENCH_HISTORY'] ?? 5_000_000);
const ROUNDS = Number(process.env['LAKEFOLD_BENCH_ROUNDS'] ?? 3);

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
  const lake = await openLake({ directory, engine, history: HISTORY });
  const { root, snapshot } = lake.group.table;
  const history = [...snapshot.files.keys()].map((path) => join(directory, root, path));
  const spine = await writeSpine(directory, { rows: SPINE, history: HISTORY });
  let dataset: TrainingDataset | undefined;
  const ours = async (): Promise<void> => {
    dataset = await lake.train();
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
  if (dataset === undefined) throw new Error('expected a training set');
  const file = lake.fileOf(dataset);
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
