/** Ten of the changes that break a rule, drawn by the commit: each turns its test red. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './environments.mjs';
import { exitCodeOf, startGroup } from './processes.mjs';

const SAMPLE = 10;
const LIMIT_MILLIS = 5 * 60_000;

/**
 * Makes the changes; each is one test. The tests themselves are run, unchanged, by the pure ring.
 *
 * @param {string} work a folder for the report
 */
export async function runRulesRing(work) {
  console.log(`\n${SAMPLE} changes that break a rule`);
  const file = join(work, 'rules.json');
  const options = ['--sample', String(SAMPLE), '--changed-only', '--report', file];
  const child = startGroup([process.execPath, '--import', 'tsx', join(ROOT, 'test/rules/run.ts'), ...options], { cwd: ROOT, env: process.env });
  const exitCode = await exitCodeOf(child, LIMIT_MILLIS);
  const report = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  return countChanges(report, { exitCode, sample: SAMPLE });
}

/**
 * The ring's line and its counts, from the report of one run.
 *
 * @param {{ seed: string, results: readonly { rule: string, promise: string, fault: string | null }[] } | undefined} report
 */
export function countChanges(report, { exitCode, sample }) {
  const results = report?.results ?? [];
  const failed = results.filter(({ fault }) => fault !== null);
  const notes = failed.map(({ rule, promise, fault }) => `rule ${rule}, ${promise}: ${fault} (seed ${report.seed})`);
  if (failed.length === 0 && (exitCode !== 0 || results.length < sample))
    notes.push(`the rules ended with ${exitCode} after ${results.length} of ${sample} changes`);
  return {
    ring: { name: 'rules', kind: 'ready', detail: `${results.length} changes by seed ${report?.seed ?? 'unknown'}` },
    counts: { passed: results.length - failed.length, failed: notes.length, skipped: 0, contractCases: 0, notes, forbiddenSkips: [] },
  };
}
