/**
 * Opening a table of 100,000 files (with `--large` also of 1,000,000) from its checkpoint, against parquet-wasm's raw decode
 * of the same checkpoint; each measured in a process of its own, with the file in the cache of the system.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import { initSync, readParquet } from 'parquet-wasm/esm';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows } from '../lib/core/batch.ts';
import { objectPath } from '../lib/core/path.ts';
import { tableVersion } from '../lib/core/version.ts';
import { serializeActions } from '../lib/delta/action-codec.ts';
import type { Action, AddFile, Metadata } from '../lib/delta/actions.ts';
import { writeCheckpoint } from '../lib/delta/checkpoint.ts';
import { FileColumns } from '../lib/delta/file-columns.ts';
import { ADD_FORM } from '../lib/delta/file-forms.ts';
import type { Filter } from '../lib/delta/filter.ts';
import { checkpointPath, commitPath, logDirectory } from '../lib/delta/log-path.ts';
import { filesThatMayPass } from '../lib/delta/read.ts';
import { replay } from '../lib/delta/replay.ts';
import { loadSnapshot, refreshSnapshot } from '../lib/delta/snapshot.ts';
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
const ONE_DAY: Filter = { kind: 'compare', column: 'day', op: '=', value: 42 };

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

/** A long history with a checkpoint every ten versions near where it is read: the newest, and the middle. */
async function buildHistory(directory: string): Promise<void> {
  const deps = await localTableDeps(directory);
  mkdirSync(join(directory, logDirectory('h')), { recursive: true });
  for (let version = 0; version < VERSIONS; version += 1) {
    const actions: readonly Action[] = [info(1000 + version), ...(version === 0 ? [PROTOCOL, METADATA] : [fileOf(version)])];
    writeFileSync(join(directory, commitPath('h', version)), serializeActions(actions));
  }
  for (const version of [VERSIONS / 2, VERSIONS - 5]) {
    const columns = new FileColumns(ADD_FORM);
    for (let i = 1; i <= version; i += 1) columns.setFile(fileOf(i).path, fileOf(i));
    const empty = replay(undefined, [{ version: 0, actions: [info(1), PROTOCOL, METADATA] }], new Map());
    await writeCheckpoint(deps, 'h', { ...empty, version: tableVersion(version), files: columns });
  }
}

type Task = 'open' | 'pruned' | 'raw' | 'latest' | 'as-of-version' | 'as-of-instant' | 'refresh';

/** What a child process does; its code is loaded and its wasm compiled before the clock starts, for both contenders alike. */
async function measure(task: Task, directory: string): Promise<number> {
  if (task === 'raw') {
    initSync({ module: readParquetWasm() });
    const startedAt = performance.now();
    const table = tableFromIPC(readParquet(readFileSync(join(directory, checkpointPath('t', 0)))).intoIPCStream());
    if (table.numRows === 0) throw new Error('nothing was decoded');
    return performance.now() - startedAt;
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
    return requests;
  }
  await deps.codec.encode(batchOfRows([{ name: 'warm', type: { kind: 'int' }, nullable: true }], [[1]]));
  const startedAt = performance.now();
  if (task === 'open') await loadSnapshot(deps, 't');
  else if (task === 'pruned') filesThatMayPass(await loadSnapshot(deps, 't', {}, { where: () => ONE_DAY }), ONE_DAY);
  else if (task === 'latest') await loadSnapshot(deps, 'h');
  else if (task === 'as-of-version') await loadSnapshot(deps, 'h', { version: VERSIONS / 2 + 4 });
  else await loadSnapshot(deps, 'h', { instant: 1000 + VERSIONS / 2 + 4 });
  return performance.now() - startedAt;
}

interface Measured {
  readonly value: number;
  /** Peak resident memory of the process, MB. */
  readonly peak: number;
}

function inChild(task: Task, directory: string): Measured {
  const child = spawnSync(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), task, directory], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  const measured: Measured = JSON.parse(child.stdout);
  return measured;
}

/** Medians of each task, the tasks taking turns. */
function compare(tasks: readonly Task[], directory: string): Readonly<Record<string, Measured>> {
  const runs = tasks.map((): Measured[] => []);
  for (let round = 0; round < ROUNDS; round += 1) for (const [i, task] of tasks.entries()) runs[i]?.push(inChild(task, directory));
  return Object.fromEntries(
    tasks.map((task, i) => [task, { value: medianOf((runs[i] ?? []).map(({ value }) => value)), peak: Math.max(...(runs[i] ?? []).map(({ peak }) => peak)) }]),
  );
}

const atMost = (ratio: number): { readonly kind: 'atMost'; readonly ratio: number } => ({ kind: 'atMost', ratio });

async function opened(files: number, name: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lakefold-bench-'));
  try {
    await build(directory, files);
    const { open, pruned, raw } = compare(['open', 'raw', 'pruned'], directory);
    if (open === undefined || pruned === undefined || raw === undefined) return;
    reportGoal({
      id: `open-${name}`,
      what: `open ${files} files`,
      unit: 'ms',
      value: open.value,
      peer: { name: 'parquet-wasm raw decode', value: raw.value },
      limit: atMost(1.5),
    });
    reportGoal({
      id: `pruned-open-${name}`,
      what: 'open 1 % of them',
      unit: 'ms',
      value: pruned.value,
      peer: { name: 'opening all', value: open.value },
      limit: atMost(0.25),
    });
    reportGoal({ id: `memory-${name}`, what: 'peak memory of opening', unit: 'MB', value: open.peak, peer: { name: 'bound', value: 600 }, limit: atMost(1) });
    reportGoal({
      id: `refresh-${name}`,
      what: 'requests of a warm refresh',
      unit: 'requests',
      value: inChild('refresh', directory).value,
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
    const { latest, 'as-of-version': version, 'as-of-instant': instant } = compare(['latest', 'as-of-version', 'as-of-instant'], directory);
    if (latest === undefined || version === undefined || instant === undefined) return;
    const peer = { name: 'newest', value: latest.value };
    reportGoal({ id: 'as-of-version', what: `open a version of ${VERSIONS}`, unit: 'ms', value: version.value, peer, limit: atMost(1.2) });
    reportGoal({ id: 'as-of-instant', what: `open ${VERSIONS} versions at an instant`, unit: 'ms', value: instant.value, peer, limit: atMost(1.2) });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const [task, directory] = process.argv.slice(2);
if (task !== undefined && directory !== undefined) {
  const value = await measure(task as Task, directory);
  console.log(JSON.stringify({ value, peak: process.resourceUsage().maxRSS / 1024 }));
} else {
  await opened(100_000, '100k');
  await historic();
  if (task === '--large') await opened(1_000_000, '1m');
}
