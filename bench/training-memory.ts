/**
 * Memory of a training set from files to file, at a size and at ten times that size, with the engine held to the same limit: what is more
 * goes to disk. `LAKEFOLD_BENCH_SPINE` rows (200,000) join `LAKEFOLD_BENCH_HISTORY` (1,000,000), and ten times as many; the engine may hold
 * `LAKEFOLD_BENCH_ENGINE_MIB` (256). Each is built in a process of its own, whose peak of resident memory is told.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { openDuckDbEngine } from '../lib/adapters/duckdb/engine.ts';
import { reportGoal } from './report.ts';
import { openLake, writeSpine } from './training-lake.ts';

const SPINE = Number(process.env['LAKEFOLD_BENCH_SPINE'] ?? 200_000);
const HISTORY = Number(process.env['LAKEFOLD_BENCH_HISTORY'] ?? 1_000_000);
const ENGINE_MIB = Number(process.env['LAKEFOLD_BENCH_ENGINE_MIB'] ?? 256);
const TIMES = 10;

interface Measured {
  readonly mib: number;
  readonly seconds: number;
  readonly rows: number;
}

/** In a process of its own: `build` makes the lake, `train` builds a set from it. */
async function work(step: string, directory: string, times: number): Promise<void> {
  const engine = await openDuckDbEngine({ scratchDirectory: join(directory, 'engine'), memoryLimitBytes: ENGINE_MIB * 1024 * 1024 });
  const lake = await openLake({ directory, engine, history: HISTORY * times });
  if (step === 'build') await writeSpine(directory, { rows: SPINE * times, history: HISTORY * times });
  else {
    const before = performance.now();
    const { counts } = await lake.train();
    const seconds = (performance.now() - before) / 1000;
    console.log(JSON.stringify({ mib: process.resourceUsage().maxRSS / 1024, seconds, rows: counts.rows } satisfies Measured));
  }
  await engine.close();
}

async function inProcess(step: string, directory: string, times: number): Promise<string> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), step, directory, String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return text(child.stdout);
}

async function measure(times: number): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), 'lakefold-training-memory-'));
  try {
    await inProcess('build', directory, times);
    return JSON.parse(await inProcess('train', directory, times)) as Measured;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const [step, directory, times] = process.argv.slice(2);
if (step !== undefined && directory !== undefined) await work(step, directory, Number(times));
else {
  const [one, ten] = [await measure(1), await measure(TIMES)];
  for (const { rows, mib, seconds } of [one, ten])
    console.log(`     ${rows} rows: peak resident memory ${mib.toFixed(0)} MiB, of which the engine may hold ${ENGINE_MIB}; ${seconds.toFixed(1)} s`);
  reportGoal({
    id: 'training-set-memory',
    what: `training set of ${SPINE * TIMES} rows over a history of ${HISTORY * TIMES}, files to file`,
    unit: 'MiB',
    value: ten.mib,
    peer: { name: `a tenth of the rows`, value: one.mib },
    limit: { kind: 'atMost', ratio: 3 },
  });
}
