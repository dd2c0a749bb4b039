/** The closing lines of a test run: what counts as failed decides whether a change may land. */
import { describe, expect, it } from 'vitest';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly contractCases: number;
  readonly notes: readonly string[];
  readonly forbiddenSkips: readonly string[];
}

interface Results {
  readonly TOOK_TOO_LONG: number;
  countReport(report: object | undefined, options: { exitCode: number; root: string }): Counts;
  closeReport(input: { rings: readonly object[]; runs: readonly Counts[]; strict: boolean }): { lines: readonly string[]; exitCode: number };
}

// The runner is plain JavaScript, which Node 20 runs as it is; so it has no types of its own.
const modulePath: string = new URL('./results.mjs', import.meta.url).href;
const { countReport, closeReport, TOOK_TOO_LONG }: Results = await import(modulePath);

const GREEN: Counts = { passed: 3, failed: 0, skipped: 0, contractCases: 0, notes: [], forbiddenSkips: [] };
const SKIPPING: Counts = { ...GREEN, skipped: 1, forbiddenSkips: ['test/a.test.ts: one'] };
const PURE = { name: 'pure', kind: 'ready', detail: '' };
const NO_JAVA = { name: 'dynamodb local', kind: 'failed', detail: 'java not found' };

function report(path: string, statuses: readonly string[], status = 'passed') {
  const assertionResults = statuses.map((one, index) => ({ status: one, fullName: `test ${index}` }));
  return { testResults: [{ name: `/checkout/${path}`, status, message: 'Error: no such module\n  at line 1', assertionResults }] };
}

function count(input: object | undefined, exitCode = 0): Counts {
  return countReport(input, { exitCode, root: '/checkout' });
}

describe('counting a report', () => {
  it('counts passed, failed and skipped tests and names the skipped', () => {
    expect(count(report('test/a.test.ts', ['passed', 'failed', 'pending', 'skipped', 'todo']), 1)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 3,
      contractCases: 0,
      notes: [],
      forbiddenSkips: ['test/a.test.ts: test 2', 'test/a.test.ts: test 3', 'test/a.test.ts: test 4'],
    });
  });

  it.each(['test/delta/rows/read.golden-tables.test.ts', 'test/core/json.corpora.test.ts'])(
    'lets %s be skipped, which reads what is kept elsewhere',
    (path) => {
      expect(count(report(path, ['skipped', 'passed']))).toEqual({ passed: 1, failed: 0, skipped: 1, contractCases: 0, notes: [], forbiddenSkips: [] });
    },
  );

  it('counts the contract cases that passed, embedded and against emulators', () => {
    expect(count(report('test/contract/queue.test.ts', ['passed', 'passed', 'failed']), 1)).toMatchObject({ contractCases: 2 });
    expect(count(report('test/emulators/s3.test.ts', ['passed']))).toMatchObject({ contractCases: 1 });
  });

  it('counts a file that could not be loaded as one failure', () => {
    expect(count(report('test/a.test.ts', [], 'failed'), 1)).toEqual({
      ...GREEN,
      passed: 0,
      failed: 1,
      notes: ['test/a.test.ts failed outside its tests: Error: no such module'],
    });
  });

  it('counts a run as failed that ended badly although its tests passed', () => {
    expect(count(report('test/a.test.ts', ['passed']), 1)).toMatchObject({ passed: 1, failed: 1, notes: ['vitest ended with 1, and no test says why'] });
  });

  it('counts a run as failed that left no report or took too long', () => {
    expect(count(undefined)).toMatchObject({ failed: 1 });
    expect(count(undefined, TOOK_TOO_LONG)).toMatchObject({ failed: 1, notes: ['vitest was ended: it took too long'] });
  });
});

describe('closing', () => {
  it('tells how many contract cases passed', () => {
    const { lines } = closeReport({ rings: [PURE], runs: [{ ...GREEN, contractCases: 2 }], strict: true });
    expect(lines).toContain('contract suites: 2 cases passed, all adapters together');
  });

  it('adds the runs up in the last line', () => {
    expect(closeReport({ rings: [PURE], runs: [GREEN, GREEN], strict: true })).toEqual({
      lines: ['', 'rings', '  pure                 ran', '6 passed, 0 failed, 0 skipped'],
      exitCode: 0,
    });
  });

  it('says which ring could not run and passes, where that is allowed', () => {
    const { lines, exitCode } = closeReport({ rings: [PURE, NO_JAVA], runs: [SKIPPING], strict: false });
    expect(lines).toContain('  dynamodb local       COULD NOT RUN: java not found');
    expect([lines.at(-1), exitCode]).toEqual(['3 passed, 0 failed, 1 skipped', 0]);
  });

  it('fails where it is not allowed', () => {
    const { lines, exitCode } = closeReport({ rings: [PURE, NO_JAVA], runs: [GREEN], strict: true });
    expect([lines.at(-1), exitCode]).toEqual(['3 passed, 1 failed, 0 skipped', 1]);
  });

  it('fails on a skipped test where nothing may be skipped, and names it', () => {
    const { lines, exitCode } = closeReport({ rings: [PURE], runs: [SKIPPING], strict: true });
    expect(lines).toContain('! skipped, but nothing may be: test/a.test.ts: one');
    expect([lines.at(-1), exitCode]).toEqual(['3 passed, 0 failed, 1 skipped', 1]);
  });

  it('fails when a test failed', () => {
    expect(closeReport({ rings: [PURE], runs: [{ ...GREEN, failed: 1 }], strict: false })).toMatchObject({ exitCode: 1 });
  });
});
