/** Processes that run schedules side by side. */
import { fork } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleSimulation, type Patch } from './bundle.ts';
import type { WorkOrder, WorkReport } from './worker.ts';

// Beside `node_modules`, where the bundle finds its packages.
const BUNDLES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist', 'simulation');

/** Seeds handed to a worker at once. */
const CHUNK = 250;

export interface SimulationOptions {
  readonly from: number;
  readonly schedules: number;
  /** From one seed to the next. */
  readonly step?: number;
  readonly workers: number;
  readonly patches?: readonly Patch[];
  readonly untilFirst?: boolean;
  readonly drain?: WorkOrder['drain'];
  readonly trace?: boolean;
  /** No seeds are handed out after this, by `performance.now`. */
  readonly untilMillis?: number;
  /** Called after each chunk. */
  readonly onReport?: (report: WorkReport, from: number) => void;
}

/** Runs the seeds from `from` on and adds the reports up; stops early at the first failures. */
export async function runSimulation(options: SimulationOptions): Promise<WorkReport> {
  await mkdir(BUNDLES, { recursive: true });
  const folder = await mkdtemp(join(BUNDLES, 'run-'));
  try {
    const bundle = join(folder, 'worker.mjs');
    await bundleSimulation(bundle, options.patches);
    const reports: WorkReport[] = [];
    const { step = 1 } = options;
    let next = options.from;
    const end = options.from + options.schedules * step;
    const pump = async (): Promise<void> => {
      const worker = startWorker(bundle);
      try {
        while (next < end && performance.now() < (options.untilMillis ?? Number.POSITIVE_INFINITY) && !reports.some((report) => report.failures.length > 0)) {
          const from = next;
          const schedules = Math.min(CHUNK, (end - from) / step);
          next += schedules * step;
          const report = await worker.run({
            from,
            schedules,
            step,
            drain: options.drain ?? 'checkpoint',
            untilFirst: options.untilFirst === true,
            trace: options.trace === true,
          });
          reports.push(report);
          options.onReport?.(report, from);
        }
      } finally {
        worker.stop();
      }
    };
    await Promise.all(Array.from({ length: options.workers }, pump));
    return reports.reduce(addReports);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function startWorker(bundle: string): { readonly run: (order: WorkOrder) => Promise<WorkReport>; readonly stop: () => void } {
  const child = fork(bundle, { execArgv: ['--no-warnings', '--max-semi-space-size=64'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    run: (order) =>
      new Promise((resolve, reject) => {
        const onExit = (code: number | null): void => reject(new Error(`a worker ended with ${code ?? 'a signal'} while it ran seeds from ${order.from} on`));
        child.once('exit', onExit);
        child.once('message', (answer: { readonly report?: WorkReport; readonly error?: string }) => {
          child.off('exit', onExit);
          if (answer.report === undefined) reject(new Error(answer.error));
          else resolve(answer.report);
        });
        child.send(order);
      }),
    stop: () => child.kill(),
  };
}

function addReports(a: WorkReport, b: WorkReport): WorkReport {
  const faults: Record<string, number> = { ...a.faults };
  for (const [kind, count] of Object.entries(b.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  return {
    schedules: a.schedules + b.schedules,
    counted: a.counted + b.counted,
    requests: a.requests + b.requests,
    requestsMax: Math.max(a.requestsMax, b.requestsMax),
    commits: a.commits + b.commits,
    faults,
    hash: a.hash + b.hash,
    failures: [...a.failures, ...b.failures],
    lines: [...a.lines, ...b.lines],
  };
}
