/**
 * The test command. `npm test [-- options] [-- paths and vitest options]`
 *
 *   (nothing)   every ring that can run here, then a summary and the counts
 *   --quick     only what needs nothing but Node
 *   --up        brings the emulators up, prints their variables for a shell, stays until Ctrl-C
 *   path ...    only the test files whose path contains one of these, and the rings they need
 *
 * With CI=true a ring that cannot run and a skipped test fail the run.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasNode24, node24, ROOT } from './rings/environments.mjs';
import { exitCodeOf, startGroup, stopAllGroups } from './rings/processes.mjs';
import { closeReport, countReport } from './rings/results.mjs';
import { openRings } from './rings/rings.mjs';
import { runRulesRing } from './rings/rules.mjs';
import { runSimulationRing } from './rings/simulation.mjs';

const RUN_LIMIT_MILLIS = 40 * 60_000;
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const RING_PROJECTS = ['emulators', 'interop'];

const strict = process.env['CI'] === 'true' || process.env['CI'] === '1';
const withDynamodbLocal = strict || process.env['LAKEFOLD_DYNAMODB_LOCAL'] === '1';

/** Reads the command line: own flags first, the rest is vitest's; leading words are path filters. */
function parseArguments(args) {
  const own = args.filter((arg) => arg === '--quick' || arg === '--up');
  const forwarded = args.filter((arg) => !own.includes(arg));
  const firstFlag = forwarded.findIndex((arg) => arg.startsWith('-'));
  const filters = firstFlag === -1 ? forwarded : forwarded.slice(0, firstFlag);
  return { quick: own.includes('--quick'), up: own.includes('--up'), forwarded, filters };
}

/** The ring projects that have a test file some filter selects. */
async function wantedProjects(filters) {
  const wanted = new Set();
  for (const project of RING_PROJECTS) {
    const entries = await readdir(join(ROOT, 'test', project), { recursive: true }).catch(() => []);
    const files = entries.filter((entry) => entry.endsWith('.test.ts')).map((entry) => `test/${project}/${entry}`);
    if (files.some((file) => filters.length === 0 || filters.some((filter) => file.includes(filter.replace(/^\.\//, ''))))) wanted.add(project);
  }
  return wanted;
}

async function runVitest({ node, projects, forwarded, env, work }) {
  const report = join(work, `${projects.join('-')}-${Date.now()}.json`);
  const selection = projects.flatMap((project) => ['--project', project]);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const command = [node, VITEST, 'run', ...forwarded, ...selection, ...reporters];
  const child = startGroup(command, { cwd: ROOT, env: { AWS_EC2_METADATA_DISABLED: 'true', ...process.env, ...env } });
  const exitCode = await exitCodeOf(child, RUN_LIMIT_MILLIS);
  const written = await readFile(report, 'utf8').then(JSON.parse, () => undefined);
  return countReport(written, { exitCode, root: ROOT });
}

/** The pure tests once more under Node 24: in CI, and wherever it has been fetched before. */
async function runOnNode24({ forwarded, work }) {
  if (!strict && !(await hasNode24())) return { ring: { name: 'node 24', kind: 'not asked', detail: 'runs with CI=true' } };
  try {
    const node = await node24();
    console.log('\nthe pure tests under Node 24');
    return { ring: { name: 'node 24', kind: 'ready', detail: '' }, counts: await runVitest({ node, projects: ['pure'], forwarded, env: {}, work }) };
  } catch (error) {
    return { ring: { name: 'node 24', kind: 'failed', detail: error.message } };
  }
}

async function runTests({ quick, forwarded, filters }, work) {
  const projects = quick ? new Set() : await wantedProjects(filters);
  const rings = await openRings(work, { projects, withDynamodbLocal, environment: process.env });
  const runs = [];
  const summary = [{ name: 'pure', kind: 'ready', detail: `node ${process.versions.node}` }, ...rings];
  try {
    const ready = RING_PROJECTS.filter((project) => rings.some((ring) => ring.project === project && ring.kind === 'ready'));
    const env = Object.assign({}, ...rings.map((ring) => ring.variables));
    runs.push(await runVitest({ node: process.execPath, projects: ['pure', ...ready], forwarded, env, work }));
  } finally {
    await stopAllGroups();
  }
  if (!quick && filters.length === 0) {
    const { ring, counts } = await runOnNode24({ forwarded, work });
    summary.push(ring);
    if (counts !== undefined) runs.push(counts);
    const rules = await runRulesRing(work);
    summary.push(rules.ring);
    runs.push(rules.counts);
    const simulation = await runSimulationRing(work, { asked: strict });
    summary.push(simulation.ring);
    if (simulation.counts !== undefined) runs.push(simulation.counts);
  }
  const { lines, exitCode } = closeReport({ rings: summary, runs, strict });
  console.log(lines.join('\n'));
  return exitCode;
}

/** Keeps the emulators up for a developer's own vitest runs. */
async function keepUp(work) {
  const rings = await openRings(work, { projects: new Set(RING_PROJECTS), withDynamodbLocal, environment: {} });
  for (const { name, kind, detail, variables } of rings) {
    for (const [variable, value] of Object.entries(variables)) console.log(`export ${variable}='${value}'`);
    if (kind !== 'ready') console.error(`# ${name}: ${detail}`);
  }
  console.error('# up; Ctrl-C ends them');
  const idle = setInterval(() => {}, 60_000);
  await interrupted;
  clearInterval(idle);
  await stopAllGroups();
  return 0;
}

const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve(signal));
});

const work = await mkdtemp(join(tmpdir(), 'lakefold-test-'));
const options = parseArguments(process.argv.slice(2));
try {
  if (options.up) process.exitCode = await keepUp(work);
  else {
    const outcome = await Promise.race([runTests(options, work), interrupted]);
    if (typeof outcome === 'number') process.exitCode = outcome;
    else await stopAllGroups();
    if (typeof outcome !== 'number') process.exitCode = 130;
  }
} finally {
  await rm(work, { recursive: true, force: true });
}
process.exit();
