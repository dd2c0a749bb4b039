/**
 * Appends, upserts and durable commits on a local disk, beside delta-rs and beside a floor that does the same system calls.
 * `LAKEFOLD_TEST_INTEROP_PYTHON` names a Python that has `deltalake`; without it the goals that need it are left out.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, open, link, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Batch } from '../lib/core/batch.ts';
import type { Column } from '../lib/core/types.ts';
import { DeltaTable } from '../lib/delta/table.ts';
import { localTableDeps } from '../lib/store/local-table.ts';
import { interleavedTimes, medianOf, noteUndisturbed, reportGoal } from './report.ts';

const COLUMNS: readonly Column[] = [
  { name: 'k', type: { kind: 'string' }, nullable: false },
  { name: 'e', type: { kind: 'timestamp' }, nullable: false },
  { name: 'v', type: { kind: 'double' }, nullable: true },
  { name: 'w', type: { kind: 'bigint' }, nullable: true },
  { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: true },
];
const START = 1_750_000_000_000_000n;
const KEYS = { keys: ['k'], eventTime: 'e' } as const;
/** Commits before the clock runs, to a table of their own: until then the engine still compiles what a writer runs. */
const WARMING_ROUNDS = 200;

interface RowSpec {
  readonly first: number;
  readonly count: number;
  readonly step: number;
  readonly receipt: number;
}

function rowsOf({ first, count, step, receipt }: RowSpec): Batch {
  const numbers = Array.from({ length: count }, (_, i) => first + i * step);
  const values = [
    numbers.map((n) => `key-${String(n).padStart(9, '0')}`),
    BigInt64Array.from(numbers, (n) => START + BigInt(n)),
    Float64Array.from(numbers, (n) => n * 0.5 + receipt),
    BigInt64Array.from(numbers, BigInt),
    new BigInt64Array(count).fill(BigInt(receipt)),
  ];
  const vectors = COLUMNS.map(({ type }, i) => ({ type, length: count, values: values[i] ?? [] }));
  return { columns: COLUMNS, vectors, rowCount: count };
}

interface Peer {
  readonly ask: (question: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, number>>>;
  readonly stop: () => void;
}

function startPeer(): Peer | undefined {
  const python = process.env['LAKEFOLD_TEST_INTEROP_PYTHON'];
  if (python === undefined) return undefined;
  const child: ChildProcess = spawn(python, [fileURLToPath(new URL('writes-peer.py', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null) return undefined;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (question) => {
      child.stdin?.write(`${JSON.stringify(question)}\n`);
      const { value } = await lines.next();
      return JSON.parse(String(value));
    },
    stop: () => void child.stdin?.end(),
  };
}

async function newTable(path: string): Promise<DeltaTable> {
  const deps = await localTableDeps(path, undefined, 'create');
  return (await DeltaTable.create(deps, '', { columns: COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} })).table;
}

async function warm(path: string, count: number): Promise<void> {
  const table = await newTable(path);
  for (let i = 0; i < WARMING_ROUNDS; i += 1) await table.append(rowsOf({ first: i * count, count, step: 1, receipt: 1 }));
}

async function bytesUnder(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(names.filter((name) => name.isFile()).map(async (name) => (await stat(join(name.parentPath, name.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function benchAppend(scratch: string, peer: Peer): Promise<void> {
  const ours = await newTable(join(scratch, 'append-ours'));
  const theirs = join(scratch, 'append-theirs');
  let next = 0;
  const spec = (): RowSpec => ({ first: (next += 1000), count: 1000, step: 1, receipt: 1 });
  await warm(join(scratch, 'append-warm'), 1000);
  for (let i = 0; i < WARMING_ROUNDS; i += 1) await peer.ask({ do: 'append', path: `${theirs}-warm`, rows: spec() });
  await peer.ask({ do: 'append', path: theirs, rows: spec() });
  await peer.ask({ do: 'open', path: theirs });
  for (let i = 0; i < 10; i += 1) await ours.append(rowsOf(spec()));
  const peerTimes: number[] = [];
  const batches = Array.from({ length: 40 }, () => rowsOf(spec()));
  const [own = []] = await interleavedTimes(30, [
    async () => ours.append(batches.pop() ?? rowsOf(spec())),
    async () => peerTimes.push((await peer.ask({ do: 'append', path: theirs, rows: spec() }))['millis'] ?? Number.NaN),
  ]);
  report({ id: 'append-1000', what: 'append 1,000 rows', value: medianOf(own), peer: { name: 'delta-rs', value: medianOf(peerTimes) }, ratio: 1 });
  noteUndisturbed('append-1000', own, peerTimes);
}

function report({ id, what, value, peer, ratio }: { id: string; what: string; value: number; peer: { name: string; value: number }; ratio: number }): void {
  reportGoal({ id, what, unit: 'ms', value, peer, limit: { kind: 'atMost', ratio } });
}

async function sumOf(table: DeltaTable): Promise<{ readonly rows: number; readonly sum: number }> {
  let [rows, sum] = [0, 0];
  for await (const batch of table.read({ columns: ['v'] })) {
    rows += batch.rowCount;
    for (const value of batch.vectors[0]?.values ?? []) sum += Number(value);
  }
  return { rows, sum };
}

// Every 200th key of the table and as many between them: every file is met, half of the rows are new.
async function benchUpsert(scratch: string, peer: Peer): Promise<void> {
  const ours = await newTable(join(scratch, 'upsert-ours'));
  const theirs = join(scratch, 'upsert-theirs');
  for (let file = 0; file < 8; file += 1) {
    const spec = { first: file * 250_000, count: 125_000, step: 2, receipt: 1 };
    await ours.append(rowsOf(spec), { sortBy: ['k', 'e'] });
    await peer.ask({ do: 'append', path: theirs, rows: spec });
  }
  const round = (i: number): RowSpec => ({ first: i % 2 === 0 ? i : i - 1, count: 10_000, step: 199, receipt: 2 + i });
  const times: { own: number[]; peer: number[] } = { own: [], peer: [] };
  const written = { own: 0, peer: 0 };
  for (let i = 0; i < 7; i += 1) {
    const rows = rowsOf(round(i));
    const before = { own: await bytesUnder(join(scratch, 'upsert-ours')), peer: (await peer.ask({ do: 'bytes', path: theirs }))['bytes'] ?? 0 };
    const startedAt = performance.now();
    await ours.upsert(rows, KEYS);
    times.own.push(performance.now() - startedAt);
    times.peer.push((await peer.ask({ do: 'merge', path: theirs, rows: round(i) }))['millis'] ?? Number.NaN);
    written.own += (await bytesUnder(join(scratch, 'upsert-ours'))) - before.own;
    written.peer += ((await peer.ask({ do: 'bytes', path: theirs }))['bytes'] ?? 0) - before.peer;
  }
  const [a, b] = [await sumOf(ours), await peer.ask({ do: 'sum', path: theirs })];
  if (a.rows !== b['rows'] || Math.abs(a.sum - (b['sum'] ?? 0)) > 1) throw new Error(`rows differ: ${JSON.stringify({ a, b })}`);
  report({
    id: 'upsert-10k',
    what: 'upsert 10,000 rows into 1,000,000',
    value: medianOf(times.own.slice(2)),
    peer: { name: 'delta-rs', value: medianOf(times.peer.slice(2)) },
    ratio: 1,
  });
  reportGoal({
    id: 'upsert-bytes',
    what: 'bytes that upsert writes',
    unit: 'B',
    value: written.own,
    peer: { name: 'delta-rs', value: written.peer },
    limit: { kind: 'atMost', ratio: 0.05 },
  });
}

// In turns, since the machine may be busier at the end than at the start.
async function benchOpenTable(scratch: string): Promise<void> {
  let n = 0;
  const commit = async (table: DeltaTable): Promise<unknown> => table.append(rowsOf({ first: (n += 1), count: 1, step: 1, receipt: 1 }));
  const [old, young] = [await newTable(join(scratch, 'versions-old')), await newTable(join(scratch, 'versions-young'))];
  for (let version = 1; version < 1000; version += 1) await commit(old);
  for (let version = 1; version < 10; version += 1) await commit(young);
  const [atThousand = [], atTen = []] = await interleavedTimes(100, [async () => commit(old), async () => commit(young)]);
  report({
    id: 'commit-1000',
    what: 'commit at 1,000 uncheckpointed versions',
    value: medianOf(atThousand),
    peer: { name: 'at 10 to 110', value: medianOf(atTen) },
    ratio: 1.2,
  });
  noteUndisturbed('commit-1000', atThousand, atTen);
}

async function writeDurably(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(folder, `.tmp-${name}`);
  const file = await open(temporary, 'wx');
  await file.write(bytes);
  await file.sync();
  await file.close();
  await link(temporary, join(folder, name));
  await unlink(temporary);
  const directory = await open(folder, 'r');
  await directory.sync();
  await directory.close();
}

async function benchDurable(scratch: string): Promise<void> {
  await warm(join(scratch, 'durable-warm'), 10);
  const table = await newTable(join(scratch, 'durable'));
  const { outcome } = await table.append(rowsOf({ first: 0, count: 10, step: 1, receipt: 1 }));
  if (outcome.kind !== 'committed') throw new Error(outcome.kind);
  const [file] = [...outcome.snapshot.files.values()];
  const entry = await stat(join(scratch, 'durable', '_delta_log', `${'1'.padStart(20, '0')}.json`));
  const folders = [await mkdtemp(join(scratch, 'floor-')), await mkdtemp(join(scratch, 'floor-'))] as const;
  let n = 0;
  const [own = [], floor = []] = await interleavedTimes(100, [
    async () => table.append(rowsOf({ first: (n += 10), count: 10, step: 1, receipt: 1 })),
    async () => {
      await writeDurably(folders[0], `${(n += 10)}`, new Uint8Array(file?.size ?? 0));
      await writeDurably(folders[1], `${n}`, new Uint8Array(entry.size));
    },
  ]);
  reportGoal({
    id: 'durable-commits',
    what: 'durable commits by one writer',
    unit: '/s',
    value: 1000 / medianOf(own),
    peer: { name: 'write, sync, link', value: 1000 / medianOf(floor) },
    limit: { kind: 'atLeast', ratio: 0.7 },
  });
  noteUndisturbed('durable-commits', own, floor);
}

const scratch = await mkdtemp(join(tmpdir(), 'lakefold-writes-'));
const peer = startPeer();
try {
  await benchDurable(scratch);
  if (peer === undefined) console.log('LAKEFOLD_TEST_INTEROP_PYTHON is not set: append and upsert are not compared');
  else {
    await benchAppend(scratch, peer);
    await benchUpsert(scratch, peer);
  }
  await benchOpenTable(scratch);
} finally {
  peer?.stop();
  await rm(scratch, { recursive: true });
}
