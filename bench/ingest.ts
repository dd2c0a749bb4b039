/**
 * Rows of a request and rows of a large file, from bytes to a commit with its statistics. Each contender runs in a process of its own, so that
 * the memory it took is its own; beside the goals stand DuckDB's COPY of the same file and `JSON.parse` with an encoder of Parquet.
 */
import { fork } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { silentLog } from '../lib/adapters/system/log.ts';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import { type Batch, vectorOf } from '../lib/core/batch.ts';
import { utf8 } from '../lib/core/bytes.ts';
import { ingestRows } from '../lib/features/ingest/ingest-rows.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import { backgroundWork } from '../lib/store/background-work.ts';
import { openEmbedded } from '../lib/store/embedded.ts';
import { fileSource } from '../lib/store/local-source.ts';
import { ensureProject } from '../lib/store/open-store.ts';
import { medianOf, reportGoal } from './report.ts';

const ROWS = Number(process.env['LAKEFOLD_BENCH_ROWS'] ?? 3_000_000);
const REQUEST_ROWS = 10_000;
const REQUESTS = 40;
/** Before the clock runs: until then the engine still compiles what it runs. */
const WARMING_REQUESTS = 20;
const MEBIBYTE = 1024 * 1024;

const GROUP = {
  name: 'events',
  version: 1,
  schema: [
    { name: 'user_id', type: 'string' },
    { name: 'happened_at', type: 'timestamp' },
    { name: 'amount', type: 'double', nullable: true },
    { name: 'clicks', type: 'bigint', nullable: true },
    { name: 'country', type: 'string', nullable: true },
  ],
  primaryKey: ['user_id'],
  eventTime: 'happened_at',
  onlineEnabled: false,
};

interface Measured {
  readonly millis: number;
  /** Greatest resident set of the process. */
  readonly bytes: number;
}

async function measure(name: string, scratch: string): Promise<Measured> {
  const millis = await TASKS[name]?.(scratch);
  // Kibibytes.
  return { millis: millis ?? Number.NaN, bytes: process.resourceUsage().maxRSS * 1024 };
}

async function runAll(): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'lakefold-ingest-'));
  try {
    await writeRows(join(scratch, 'rows.parquet'));
    await writeFile(join(scratch, 'rows.json'), requestBody(0));
    const [requests, floor] = [await inProcess('requests', scratch), await inProcess('floor', scratch)];
    reportRate('ingest-json', `ingest ${REQUEST_ROWS} JSON rows`, { rows: REQUEST_ROWS, own: requests, goal: 100_000 });
    reportRatio('ingest-json-floor', { own: requests, peer: floor, name: 'JSON.parse and Parquet alone' });
    for (const operation of ['append', 'upsert']) {
      const file = await inProcess(operation, scratch);
      const copy = await inProcess('copy', scratch);
      reportRate(`ingest-parquet-${operation}`, `${operation} ${ROWS} rows of Parquet`, { rows: ROWS, own: file, goal: 500_000 });
      reportRatio(`ingest-parquet-${operation}-copy`, { own: file, peer: copy, name: "DuckDB's COPY" });
      reportGoal({
        id: `ingest-parquet-${operation}-memory`,
        what: `memory of that (of a process that only opens the store ${Math.round((await inProcess('nothing', scratch)).bytes / MEBIBYTE)})`,
        unit: 'MiB',
        value: file.bytes / MEBIBYTE,
        peer: { name: 'the bound', value: 1024 },
        limit: { kind: 'atMost', ratio: 1 },
      });
    }
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function reportRate(id: string, what: string, { rows, own, goal }: { readonly rows: number; readonly own: Measured; readonly goal: number }): void {
  reportGoal({
    id,
    what,
    unit: 'rows/s',
    value: (rows / own.millis) * 1000,
    peer: { name: 'the goal', value: goal },
    limit: { kind: 'atLeast', ratio: 1 },
  });
}

function reportRatio(id: string, { own, peer, name }: { readonly own: Measured; readonly peer: Measured; readonly name: string }): void {
  console.log(`     ${id} ${own.millis.toFixed(0)} ms vs ${name} ${peer.millis.toFixed(0)} ms, ratio ${(own.millis / peer.millis).toFixed(2)}`);
}

function inProcess(name: string, scratch: string): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [name, scratch], { execArgv: process.execArgv });
    child.on('message', (message) => resolve(message as Measured));
    child.on('exit', (code) => (code === 0 ? undefined : reject(new Error(`${name} ended with ${code}`))));
  });
}

const TASKS: Readonly<Record<string, (scratch: string) => Promise<number>>> = {
  nothing: async (scratch) => {
    await (await openStore(scratch, 'nothing')).close();
    return 0;
  },
  append: (scratch) => ingestFile(scratch, 'append'),
  upsert: (scratch) => ingestFile(scratch, 'upsert'),
  requests: ingestRequests,
  floor: parseAndEncode,
  copy: copyFile,
};

async function openStore(
  scratch: string,
  name: string,
): Promise<Awaited<ReturnType<typeof openEmbedded>> & { readonly group: Awaited<ReturnType<typeof groupOf>> }> {
  const store = await openEmbedded({ location: await mkdtemp(join(scratch, `${name}-`)), log: silentLog });
  return { ...store, group: await groupOf(store) };
}

async function groupOf(store: Awaited<ReturnType<typeof openEmbedded>>): ReturnType<typeof store.projects.group> {
  await ensureProject(store.projects, 'default');
  await store.projects.createGroup('default', GROUP);
  return store.projects.group('default', GROUP.name, 1);
}

async function ingestFile(scratch: string, operation: 'append' | 'upsert'): Promise<number> {
  const store = await openStore(scratch, operation);
  const path = join(scratch, 'rows.parquet');
  const startedAt = performance.now();
  const body = fileSource(path, (await stat(path)).size);
  const receipt = await ingestRows(store.deps, store.group, { rows: { format: 'parquet', body }, operation, wait: 'commit' });
  // Statistics are part of it.
  await store.close();
  const millis = performance.now() - startedAt;
  if (receipt.commit?.rowsInserted !== ROWS) throw new Error(JSON.stringify(receipt));
  return millis;
}

async function ingestRequests(scratch: string): Promise<number> {
  const store = await openStore(scratch, 'requests');
  const background = backgroundWork(silentLog);
  const deps = { ...store.deps, background };
  const bodies = Array.from({ length: WARMING_REQUESTS + REQUESTS }, (_, i) => utf8(requestBody(i)));
  const times: number[] = [];
  for (const body of bodies) {
    const startedAt = performance.now();
    await ingestRows(deps, store.group, { rows: { format: 'json', body }, operation: 'upsert', wait: 'commit' });
    await background.settled();
    times.push(performance.now() - startedAt);
  }
  await store.close();
  return medianOf(times.slice(WARMING_REQUESTS));
}

async function parseAndEncode(scratch: string): Promise<number> {
  const codec = createParquetCodec({ wasm: readParquetWasm() });
  const body = await readFile(join(scratch, 'rows.json'));
  const times: number[] = [];
  for (let i = 0; i < WARMING_REQUESTS + REQUESTS; i += 1) {
    const startedAt = performance.now();
    const rows: readonly Readonly<Record<string, string | number>>[] = JSON.parse(new TextDecoder().decode(body)).rows;
    await codec.encode(batchOfJson(rows));
    times.push(performance.now() - startedAt);
  }
  return medianOf(times.slice(WARMING_REQUESTS));
}

function batchOfJson(rows: readonly Readonly<Record<string, string | number>>[]): Batch {
  const columns = [
    { name: 'user_id', type: { kind: 'string' }, nullable: false },
    { name: 'happened_at', type: { kind: 'string' }, nullable: false },
    { name: 'amount', type: { kind: 'double' }, nullable: true },
    { name: 'clicks', type: { kind: 'double' }, nullable: true },
    { name: 'country', type: { kind: 'string' }, nullable: true },
  ] as const;
  const vectors = columns.map(({ name, type }) =>
    vectorOf(
      type,
      rows.map((row) => row[name] ?? null),
    ),
  );
  return { columns, vectors, rowCount: rows.length };
}

async function copyFile(scratch: string): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const startedAt = performance.now();
  await connection.run(
    `COPY (SELECT * FROM '${join(scratch, 'rows.parquet')}' ORDER BY user_id, happened_at) TO '${join(scratch, 'copy.parquet')}' (FORMAT parquet, COMPRESSION zstd)`,
  );
  return performance.now() - startedAt;
}

function requestBody(request: number): string {
  const rows = Array.from({ length: REQUEST_ROWS }, (_, i) => {
    const n = request * REQUEST_ROWS + i;
    return {
      user_id: `user-${String((n * 7919) % 100_000).padStart(8, '0')}`,
      happened_at: new Date(1_700_000_000_000 + n * 1000).toISOString(),
      amount: ((n * 31) % 1000) + 0.25,
      clicks: n % 77,
      country: ['SE', 'DE', 'US', 'IN', 'BR'][n % 5],
    };
  });
  return JSON.stringify({ rows });
}

async function writeRows(path: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT 'user-' || lpad(((i * 7919) % 100000)::VARCHAR, 8, '0') AS user_id, make_timestamptz(1700000000000000 + i * 1000000) AS happened_at,
      hash(i) / 18446744073709551615.0 AS amount, CASE WHEN i % 11 = 0 THEN NULL ELSE i % 77 END AS clicks, ['SE', 'DE', 'US', 'IN', 'BR'][i % 5 + 1] AS country
      FROM range(${ROWS}) rows(i)) TO '${path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`,
  );
}

const [task, scratchOf] = process.argv.slice(2);
if (task === undefined || scratchOf === undefined) await runAll();
else {
  const measured = await measure(task, scratchOf);
  if (process.send === undefined) console.log(measured);
  else process.send(measured, () => process.disconnect());
}
