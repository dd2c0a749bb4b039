/**
 * Opening a table of 100,000 files (with `--large` also of 1,000,000) from its checkpoint, against parquet-wasm's raw decode
 * of the same checkpoint, and opening it for a filter that leaves one file in a hundred, against opening all of it.
 *
 * Each is measured in a process of its own that has opened nothing before, with the file in the cache of the system, from
 * when the code is loaded and the wasm compiled: that start costs everyone the same. Figures are CPU time of the process, which
 * tells more than wall time on a machine that is not alone; wall time stands before them. A filter is compared like with like: the
 * snapshot alone (`pruned-open`), and the snapshot with a look at the statistics of every file it has, as planning a read
 * takes (`pruned-plan`).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import { initSync, readParquet } from 'parquet-wasm/esm';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows } from '../lib/core/batch.ts';
import { objectPath } from '../lib/core/path.ts';
import { tableVersion } from '../lib/core/version.ts';
import { serializeActions } from '../lib/delta/actions/action-codec.ts';
import type { Action, AddFile, Metadata } from '../lib/delta/actions/actions.ts';
import { writeCheckpoint } from '../lib/delta/checkpoint/checkpoint.ts';
import { FileColumns } from '../lib/delta/snapshot/file-columns.ts';
import { ADD_FORM } from '../lib/delta/snapshot/file-forms.ts';
import type { Filter } from '../lib/delta/filter/filter.ts';
import { checkpointPath, commitPath, lastCheckpointPath, logDirectory } from '../lib/delta/snapshot/log-path.ts';
import { eachFileThatMayPass } from '../lib/delta/rows/read.ts';
import { replay } from '../lib/delta/snapshot/replay.ts';
import { loadSnapshot, refreshSnapshot } from '../lib/delta/snapshot/snapshot.ts';
import type { ObjectStore } from '../lib/ports/object-store.ts';
import { localTableDeps } from '../lib/store/local-table.ts';
import { medianOf, reportGoal } from './report.ts';

const DAYS = 100;
const ROUNDS = 5;
const VERSIONS = 10_000;
const PROTOCOL = { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 } as const;
const METADATA: Metadata = {
  kind: 'metaData',
  id: 'bench',
  format: { provider: 'parquet', options: {} },
  schemaString: JSON.stringify({
    type: 'struct',
    fields: [
      { name: 'day', type: 'integer', nullable: true, metadata: {} },
      { name: 'entity', type: 'string', nullable: true, metadata: {} },
      { name: 'at', type: 'timestamp', nullable: true, metadata: {} },
      { name: 'value', type: 'double', nullable: true, metadata: {} },
    ],
  }),
  partitionColumns: ['day'],
  configuration: {},
};
const ONE_DAY: Filter = {
  kind: 'and',
  filters: [
    { kind: 'compare', column: 'day', op: '=', value: 42 },
    { kind: 'compare', column: 'value', op: '>=', value: 0 },
  ],
};
/** Of entities that were dealt to files at random, with bounds about a 4,000th of them all wide. */
const ONE_ENTITY: Filter = { kind: 'compare', column: 'entity', op: '=', value: 'user-2000000000' };
const EVERY_FILE: Filter = { kind: 'compare', column: 'value', op: '>=', value: 0 };

function fileOf(i: number): AddFile {
  const day = String(i % DAYS);
  const id = Math.imul(i, 2_654_435_761) >>> 0;
  const [low, high] = [`user-${String(id).padStart(10, '0')}`, `user-${String(id + 1e6).padStart(10, '0')}`];
  const bounds = `"minValues":{"entity":"${low}","at":"2024-01-01T00:00:00.${String(i % 1000).padStart(3, '0')}Z","value":${id / 7}},"maxValues":{"entity":"${high}","at":"2024-02-01T00:00:00.000Z","value":${id / 3}}`;
  return {
    kind: 'add',
    path: objectPath(
      `day=${day}/part-${String(i % 1000).padStart(5, '0')}-${id.toString(16).padStart(8, '0')}-7d3c-4e02-9d0a-${String(i).padStart(12, '0')}.c000.zstd.parquet`,
    ),
    partitionValues: { day },
    size: 1_000_000 + (id % 1_000_000),
    modificationTime: 1_700_000_000_000 + i,
    dataChange: false,
    stats: `{"numRecords":${1000 + (i % 500)},${bounds},"nullCount":{"entity":0,"at":0,"value":${i % 3}},"tightBounds":true}`,
  };
}

const info = (timestamp: number): Action => ({ kind: 'commitInfo', timestamp, operation: 'WRITE', engineInfo: 'lakefold/bench' });

async function build(directory: string, files: number): Promise<void> {
  const deps = await localTableDeps(directory);
  const start: readonly Action[] = [info(1), PROTOCOL, METADATA];
  const columns = new FileColumns(ADD_FORM);
  for (let i = 0; i < files; i += 1) {
    const add = fileOf(i);
    columns.setFile(add.path, add);
  }
  const empty = replay(undefined, [{ version: 0, actions: start }], new Map());
  await deps.store.overwrite(commitPath('t', 0), serializeActions(start));
  await writeCheckpoint(deps, 't', { ...empty, files: columns });
}

/** Of the version's commit, as a file has that was written then. */
function setTime(path: string, version: number): void {
  utimesSync(path, (1000 + version) / 1000, (1000 + version) / 1000);
}

/** A long history with two checkpoints: one just below the newest version, one in the middle. */
async function buildHistory(directory: string): Promise<void> {
  const deps = await localTableDeps(directory);
  mkdirSync(join(directory, logDirectory('h')), { recursive: true });
  for (let version = 0; version < VERSIONS; version += 1) {
    const actions: readonly Action[] = [info(1000 + version), ...(version === 0 ? [PROTOCOL, METADATA] : [fileOf(version)])];
    const path = join(directory, commitPath('h', version));
    writeFileSync(path, serializeActions(actions));
    setTime(path, version);
  }
  for (const version of [VERSIONS / 2, VERSIONS - 5]) {
    const columns = new FileColumns(ADD_FORM);
    for (let i = 1; i <= version; i += 1) columns.setFile(fileOf(i).path, fileOf(i));
    const empty = replay(undefined, [{ version: 0, actions: [info(1), PROTOCOL, METADATA] }], new Map());
    await writeCheckpoint(deps, 'h', { ...empty, version: tableVersion(version), files: columns });
    for (const path of [checkpointPath('h', version), lastCheckpointPath('h')]) setTime(join(directory, path), version);
  }
}

type Task = 'open' | 'plan' | 'select' | 'pruned' | 'pruned-plan' | 'raw' | 'latest' | 'as-of-version' | 'as-of-instant' | 'refresh';

/** What a child process does; its code is loaded and its wasm compiled before the clock starts, for both contenders alike. */
async function measure(task: Task, directory: string): Promise<Spent> {
  if (task === 'raw') {
    initSync({ module: readParquetWasm() });
    return spentOn(async () => {
      const table = tableFromIPC(readParquet(readFileSync(join(directory, checkpointPath('t', 0)))).intoIPCStream());
      if (table.numRows === 0) throw new Error('nothing was decoded');
    });
  }
  const deps = await localTableDeps(directory);
  if (task === 'refresh') {
    let requests = 0;
    const counted = <T extends readonly unknown[], R>(call: (...input: T) => R) => {
      return (...input: T): R => {
        requests += 1;
        return call(...input);
      };
    };
    const { store } = deps;
    const counting: ObjectStore = {
      ...store,
      location: store.location,
      get: counted(store.get.bind(store)),
      head: counted(store.head.bind(store)),
      list: counted(store.list.bind(store)),
    };
    await refreshSnapshot({ ...deps, store: counting }, 't', await loadSnapshot(deps, 't'));
    return { value: requests, wall: 0 };
  }
  await deps.codec.encode(batchOfRows([{ name: 'warm', type: { kind: 'int' }, nullable: true }], [[1]]));
  return spentOn(async () => {
    if (task === 'open') await loadSnapshot(deps, 't');
    else if (task === 'pruned') await loadSnapshot(deps, 't', {}, { where: () => ONE_DAY });
    else if (task === 'plan') checkCount(eachFileThatMayPass(await loadSnapshot(deps, 't'), EVERY_FILE), 1);
    else if (task === 'select') countOf(eachFileThatMayPass(await loadSnapshot(deps, 't'), ONE_ENTITY));
    else if (task === 'pruned-plan') checkCount(eachFileThatMayPass(await loadSnapshot(deps, 't', {}, { where: () => ONE_DAY }), ONE_DAY), DAYS);
    else if (task === 'latest') await loadSnapshot(deps, 'h');
    else if (task === 'as-of-version') await loadSnapshot(deps, 'h', { version: VERSIONS / 2 + 4 });
    else await loadSnapshot(deps, 'h', { instant: 1000 + VERSIONS / 2 + 4 });
  });
}

/** Whether one in so many files was left; a measurement of something else is none. */
function checkCount(found: Iterable<AddFile>, share: number): void {
  const files = Number(process.argv[4]);
  const count = countOf(found);
  if (count !== files / share) throw new Error(`expected ${files / share} files, found ${count}`);
}

function countOf(files: Iterable<AddFile>): number {
  let count = 0;
  for (const _ of files) count += 1;
  return count;
}

interface Spent {
  /** Milliseconds of CPU; of `refresh` requests. */
  readonly value: number;
  /** Milliseconds. */
  readonly wall: number;
}

/** Of this process alone: what the system calls its greatest resident set begins with that of the process which started it. */
function peakMegabytes(): number {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS) / 1024;
}

async function spentOn(work: () => Promise<void>): Promise<Spent> {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { value: (user + system) / 1000, wall: performance.now() - startedAt };
}

interface Place {
  readonly directory: string;
  readonly files: number;
}

interface Measured extends Spent {
  /** Peak resident memory of the process, MB. */
  readonly peak: number;
}

function inChild(task: Task, { directory, files }: Place): Measured {
  const child = spawnSync(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), task, directory, String(files)], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  const measured: Measured = JSON.parse(child.stdout);
  return measured;
}

/** Medians of each task, the tasks taking turns. */
function compare(tasks: readonly Task[], place: Place, rounds = ROUNDS): Readonly<Record<string, Measured>> {
  const runs = tasks.map((): Measured[] => []);
  for (let round = 0; round < rounds; round += 1) for (const [i, task] of tasks.entries()) runs[i]?.push(inChild(task, place));
  return Object.fromEntries(
    tasks.map((task, i): [Task, Measured] => {
      const taken = runs[i] ?? [];
      const wall = medianOf(taken.map((run) => run.wall));
      console.log(`${task}: wall ${wall.toFixed(0)} ms, peak ${Math.max(...taken.map((run) => run.peak)).toFixed(0)} MB`);
      return [task, { value: medianOf(taken.map((run) => run.value)), wall, peak: Math.max(...taken.map((run) => run.peak)) }];
    }),
  );
}

const atMost = (ratio: number): { readonly kind: 'atMost'; readonly ratio: number } => ({ kind: 'atMost', ratio });

async function opened(files: number, name: string, rounds = ROUNDS): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lakefold-bench-'));
  try {
    await build(directory, files);
    const place = { directory, files };
    const { open, pruned, raw, plan, 'pruned-plan': prunedPlan } = compare(['open', 'raw', 'pruned', 'plan', 'pruned-plan'], place, rounds);
    if (open === undefined || pruned === undefined || raw === undefined || plan === undefined || prunedPlan === undefined) return;
    reportGoal({
      id: `open-${name}`,
      what: `open ${files} files`,
      unit: 'CPU ms',
      value: open.value,
      peer: { name: 'parquet-wasm raw decode', value: raw.value },
      limit: atMost(1.5),
    });
    reportGoal({
      id: `pruned-open-${name}`,
      what: 'open 1 % of them',
      unit: 'CPU ms',
      value: pruned.value,
      peer: { name: 'opening all', value: open.value },
      limit: atMost(0.25),
    });
    reportGoal({
      id: `pruned-plan-${name}`,
      what: 'open 1 % of them and look at their statistics',
      unit: 'CPU ms',
      value: prunedPlan.value,
      peer: { name: 'the same of all', value: plan.value },
      limit: atMost(0.25),
    });
    reportGoal({
      id: `memory-${name}`,
      what: 'peak memory of opening',
      unit: 'MB',
      value: open.peak,
      peer: { name: 'bound', value: 600 },
      limit: atMost(1),
    });
    reportGoal({
      id: `plan-memory-${name}`,
      what: 'peak memory of opening and a plan by statistics, of all and of few',
      unit: 'MB',
      value: Math.max(plan.peak, inChild('select', place).peak),
      peer: { name: 'bound', value: 600 },
      limit: atMost(1),
    });
    reportGoal({
      id: `refresh-${name}`,
      what: 'requests of a warm refresh',
      unit: 'requests',
      value: inChild('refresh', place).value,
      peer: { name: 'floor', value: 1 },
      limit: atMost(1),
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function historic(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lakefold-bench-'));
  try {
    await buildHistory(directory);
    const { latest, 'as-of-version': version, 'as-of-instant': instant } = compare(['latest', 'as-of-version', 'as-of-instant'], { directory, files: 0 });
    if (latest === undefined || version === undefined || instant === undefined) return;
    const peer = { name: 'newest', value: latest.value };
    reportGoal({ id: 'as-of-version', what: `open a version of ${VERSIONS}`, unit: 'CPU ms', value: version.value, peer, limit: atMost(1.2) });
    reportGoal({ id: 'as-of-instant', what: `open ${VERSIONS} versions at an instant`, unit: 'CPU ms', value: instant.value, peer, limit: atMost(1.2) });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const [task, directory] = process.argv.slice(2);
if (task !== undefined && directory !== undefined) {
  const spent = await measure(task as Task, directory);
  console.log(JSON.stringify({ ...spent, peak: peakMegabytes() }));
} else {
  await opened(100_000, '100k');
  await historic();
  if (task === '--large') await opened(1_000_000, '1m', 1);
}
