/** The table protocol in as many schedules as are promised, with both cores to itself. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { node24, ROOT } from './environments.mjs';
import { exitCodeOf, startGroup } from './processes.mjs';

/** Promised with 8 actors, 300 requests and 5 kinds of fault; others, from other seeds, by hand: `npm run simulate -- --from 200000 --schedules 100000`. */
const PROMISED = 100_000;
/** In one of two hundred too little happens to count. */
const SCHEDULES = 101_500;
/** Of its own accord it starts no more schedules after this; what is missing then fails the run. */
const BUDGET_MINUTES = 35;
const LIMIT_MILLIS = (BUDGET_MINUTES + 5) * 60_000;

/**
 * Runs the schedules; every 5,000 of them are one test.
 *
 * @param {string} work a folder for the report
 * @param {{ asked: boolean }} options
 */
export async function runSimulationRing(work, { asked }) {
  if (!asked) return { ring: { name: 'simulation', kind: 'not asked', detail: `${PROMISED} schedules, with CI=true` } };
  console.log(`\n${PROMISED} schedules of the table protocol`);
  const file = join(work, 'simulation.json');
  const options = ['--schedules', String(SCHEDULES), '--minutes', String(BUDGET_MINUTES), '--report', file];
  // It runs them in two thirds of the time, by the same traces.
  const node = await node24().catch(() => process.execPath);
  const child = startGroup([node, '--import', 'tsx', join(ROOT, 'test/simulation/run.ts'), ...options], { cwd: ROOT, env: process.env });
  const exitCode = await exitCodeOf(child, LIMIT_MILLIS);
  const report = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  return countChunks(report, { exitCode, promised: PROMISED });
}

/**
 * The ring's line and its counts, from the report of one run.
 *
 * @param {{ schedules: number, counted: number, chunks: readonly { from: number, failures: readonly string[] }[] } | undefined} report
 */
export function countChunks(report, { exitCode, promised }) {
  const counts = { passed: 0, failed: 0, skipped: 0, contractCases: 0, notes: [], forbiddenSkips: [] };
  for (const { failures } of report?.chunks ?? []) {
    if (failures.length === 0) counts.passed += 1;
    else counts.failed += 1;
    counts.notes.push(...failures);
  }
  if (counts.failed === 0 && (exitCode !== 0 || report === undefined)) {
    counts.failed += 1;
    counts.notes.push(`the simulation ended with ${exitCode}`);
  }
  const { schedules = 0, counted = 0 } = report ?? {};
  if (counts.failed === 0 && counted < promised) {
    counts.failed += 1;
    counts.notes.push(`the simulation ran ${counted} schedules that count, ${promised} are promised`);
  }
  const fewer = counted < promised ? `, FEWER than the ${promised} promised` : '';
  return {
    ring: { name: 'simulation', kind: 'ready', detail: `${schedules} schedules, ${counted} of them with 8 actors, 300 requests and 5 kinds of fault${fewer}` },
    counts,
  };
}
