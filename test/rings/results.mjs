/** What the test runs found: counts from vitest's JSON reports, and the closing lines. */
import { relative } from 'node:path';

// These read tables and files kept outside the repository and may be skipped anywhere, CI included.
const MAY_SKIP = /\.(golden-tables|corpora)\.test\.ts$/;
// Contract cases run once for every adapter, here for the embedded ones and in the rings for the others.
const CONTRACTS = /^test\/(contract\/|emulators\/(s3|dynamodb)\.test)/;
const REASON_CHARACTERS = 400;
const WORDS = { ready: 'ran', failed: 'COULD NOT RUN', 'not asked': 'not run' };

/** The exit code that stands for a run that was ended because it took too long. */
export const TOOK_TOO_LONG = 124;

/**
 * Counts one run of vitest from its JSON report.
 *
 * A file that could not be loaded counts as one failed test, as does a run that failed otherwise or left no report.
 *
 * @param {object | undefined} report
 * @param {{ exitCode: number, root: string }} options
 * @returns {{ passed: number, failed: number, skipped: number, notes: string[], contractCases: number, forbiddenSkips: string[] }}
 */
export function countReport(report, { exitCode, root }) {
  const counts = { passed: 0, failed: 0, skipped: 0, contractCases: 0, notes: [], forbiddenSkips: [] };
  for (const file of report?.testResults ?? []) countFile(file, relative(root, file.name), counts);
  if (counts.failed === 0 && (exitCode !== 0 || report === undefined)) {
    counts.failed += 1;
    counts.notes.push(exitCode === TOOK_TOO_LONG ? 'vitest was ended: it took too long' : `vitest ended with ${exitCode}, and no test says why`);
  }
  return counts;
}

/**
 * The rings, what is wrong, and last the line `N passed, N failed, N skipped`; and the exit code they amount to.
 *
 * Where nothing may be missing (`strict`), a ring that could not run counts as failed and a skipped test fails the run.
 */
export function closeReport({ rings, runs, strict }) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const run of runs) for (const key of Object.keys(total)) total[key] += run[key];
  const forbiddenSkips = strict ? runs.flatMap((run) => run.forbiddenSkips) : [];
  const absent = rings.filter((ring) => ring.kind === 'failed');
  if (strict) total.failed += absent.length;
  const contractCases = runs.reduce((sum, run) => sum + (run.contractCases ?? 0), 0);
  const lines = [
    ...runs.flatMap((run) => run.notes.map((note) => `! ${note}`)),
    ...forbiddenSkips.map((name) => `! skipped, but nothing may be: ${name}`),
    '',
    'rings',
    ...rings.map((ring) => ringLine(ring, strict)),
    ...(contractCases > 0 ? [`contract suites: ${contractCases} cases passed, all adapters together`] : []),
    ...(absent.length > 0 && !strict ? ['  tests of rings that could not run are skipped or not counted'] : []),
    `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`,
  ];
  return { lines, exitCode: total.failed > 0 || forbiddenSkips.length > 0 ? 1 : 0 };
}

function countFile({ status, message, assertionResults }, path, counts) {
  for (const test of assertionResults) {
    if (test.status === 'passed') {
      counts.passed += 1;
      if (CONTRACTS.test(path)) counts.contractCases += 1;
    } else if (test.status === 'failed') counts.failed += 1;
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

function ringLine({ name, kind, detail }, strict) {
  const reason = strict ? detail : detail.replaceAll(/\s+/g, ' ').slice(0, REASON_CHARACTERS);
  return `  ${name.padEnd(20)} ${WORDS[kind]}${reason === '' ? '' : `: ${reason}`}`;
}
