/** What the test runs found: counts from vitest's JSON reports, and the closing lines. */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { ROOT } from './environments.mjs';

// These read tables and files kept outside the repository and may be skipped anywhere, CI included.
const MAY_SKIP = /\.(golden-tables|corpora)\.test\.ts$/;

/**
 * Counts one run of vitest.
 *
 * A file that could not be loaded counts as one failed test, as does a run that failed otherwise.
 *
 * @returns {Promise<{ passed: number, failed: number, skipped: number, notes: string[], forbiddenSkips: string[] }>}
 */
export async function readReport(file, exitCode) {
  const counts = { passed: 0, failed: 0, skipped: 0, notes: [], forbiddenSkips: [] };
  const report = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  for (const { name, status, message, assertionResults } of report?.testResults ?? []) {
    const path = relative(ROOT, name);
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') counts.failed += 1;
      else {
        counts.skipped += 1;
        if (!MAY_SKIP.test(path)) counts.forbiddenSkips.push(`${path}: ${test.fullName}`);
      }
    }
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
      counts.failed += 1;
      counts.notes.push(`${path} failed outside its tests: ${(message ?? '').split('\n')[0]}`);
    }
  }
  if (exitCode !== 0 && counts.failed === 0) {
    counts.failed += 1;
    counts.notes.push(exitCode === 124 ? 'vitest was ended: it took too long' : `vitest ended with ${exitCode} although no test failed`);
  }
  if (report === undefined && exitCode === 0) {
    counts.failed += 1;
    counts.notes.push('vitest wrote no report');
  }
  return counts;
}

/**
 * Prints the rings, what is wrong, and last the line `N passed, N failed, N skipped`; returns the exit code.
 *
 * Where nothing may be missing (`strict`), a ring that could not run counts as failed and a skipped test fails the run.
 */
export function closeReport({ rings, runs, strict }) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const run of runs) {
    for (const key of Object.keys(total)) total[key] += run[key];
    for (const note of run.notes) console.log(`! ${note}`);
  }
  const forbiddenSkips = strict ? runs.flatMap((run) => run.forbiddenSkips) : [];
  console.log('\nrings');
  for (const { name, kind, detail } of rings) {
    console.log(`  ${name.padEnd(20)} ${kind === 'ready' ? 'ran' : kind === 'failed' ? 'COULD NOT RUN' : 'not run'}${detail === '' ? '' : `: ${detail}`}`);
    if (kind === 'failed' && strict) total.failed += 1;
  }
  if (rings.some((ring) => ring.kind === 'failed') && !strict) console.log('  tests of rings that could not run are skipped or not counted');
  for (const name of forbiddenSkips) console.log(`! skipped, but nothing may be: ${name}`);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 || forbiddenSkips.length > 0 ? 1 : 0;
}
