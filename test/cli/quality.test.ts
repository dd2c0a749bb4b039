import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CliResult, lakefold, lakefoldJson, lines, problem, temporaryFolder } from './cli-support.ts';

const GROUP = {
  name: 'delays',
  version: 1,
  primaryKey: ['origin'],
  onlineEnabled: false,
  validationPolicy: 'QUARANTINE',
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'flights', type: 'int', nullable: true },
  ],
  expectations: [
    { expectationType: 'expect_column_values_to_be_between', kwargs: { column: 'flights', min_value: 0 } },
    { expectationType: 'expect_table_row_count_to_be_between', kwargs: { max_value: 200 } },
  ],
};
const ROWS = '{"origin":"SFO","flights":31}\n{"origin":"LAX","flights":-1}\n{"origin":"BOS","flights":"many"}\n';

/** A folder with the group registered, and the command line in it. */
async function project(): Promise<(argv: readonly string[], stdin?: string) => Promise<CliResult>> {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'lakefold.config.json'), JSON.stringify({ featureGroups: [GROUP], featureViews: [] }));
  await lakefoldJson(['apply', '--yes', '--config', 'lakefold.config.json'], { cwd });
  return (argv, stdin) => lakefold(argv, { cwd, ...(stdin === undefined ? {} : { stdin }) });
}

describe('fg validate', () => {
  it('prints the report and ends with 3 where rows fail, with 0 where they do not', async () => {
    const run = await project();
    const failed = await run(['fg', 'validate', 'delays/1', '--file', '-', '--format', 'ndjson'], ROWS);
    expect([failed.code, JSON.parse(failed.stdout)]).toMatchObject([3, { success: false, rows: 3, rowFaults: 1, ingestionResult: 'EXPERIMENT' }]);
    const passed = await run(['fg', 'validate', 'delays/1', '--file', '-', '--format', 'ndjson'], ROWS.split('\n')[0] ?? '');
    expect([passed.code, JSON.parse(passed.stdout)]).toMatchObject([0, { success: true, rows: 1 }]);
    expect(JSON.parse((await run(['fg', 'reports', 'delays/1'])).stdout)).toMatchObject({ items: [], nextCursor: null });
  });
});

describe('fg reports and fg quarantine', () => {
  it('tell what became of an ingestion', async () => {
    const run = await project();
    const receipt = JSON.parse((await run(['fg', 'ingest', 'delays/1', '--file', '-', '--format', 'ndjson'], ROWS)).stdout);
    const { reportId } = receipt.validation;
    expect(receipt).toMatchObject({ commit: { rowsInserted: 1, rejected: 2 }, validation: { ingestionResult: 'QUARANTINED' } });
    const list = JSON.parse((await run(['fg', 'reports', 'delays/1', '--limit', '10'])).stdout);
    expect(list).toMatchObject({ items: [{ reportId, commitVersion: 1 }] });
    const one = JSON.parse((await run(['fg', 'reports', 'delays/1', reportId])).stdout);
    expect(one).toMatchObject(list.items[0]);
    const rows = lines((await run(['fg', 'quarantine', 'delays/1', '--report-id', reportId, '--limit', '5'])).stdout);
    expect(rows.map(({ _row, _code, _payload }) => [_row, _code, _payload]).toSorted(([a], [b]) => a - b)).toEqual([
      [1, 'EXPECTATION_FAILED', '{"origin":"LAX","flights":-1}'],
      [2, 'TYPE_MISMATCH', '{"origin":"BOS","flights":"many"}'],
    ]);
    expect((await run(['fg', 'quarantine', 'delays/1', '--since', '2100-01-01T00:00:00Z'])).stdout).toBe('');
  });

  it('name a report nobody knows', async () => {
    const run = await project();
    const result = await run(['fg', 'reports', 'delays/1', 'vr_0']);
    expect([result.code, result.stdout, problem(result)]).toMatchObject([1, '', { code: 'UNKNOWN_REPORT', status: 404, report: 'vr_0' }]);
  });

  it('of a refused batch are named by the problem', async () => {
    const run = await project();
    const refused = await run(['fg', 'ingest', 'delays/1', '--file', '-', '--format', 'ndjson', '--operation', 'append'], ROWS.repeat(150));
    const { code, reportId } = problem(refused);
    expect([refused.code, refused.stdout, code]).toEqual([3, '', 'VALIDATION_FAILED']);
    expect(JSON.parse((await run(['fg', 'reports', 'delays/1', reportId])).stdout)).toMatchObject({ ingestionResult: 'REJECTED', commitVersion: null });
  });

  it('are a table where a person looks', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'lakefold.config.json'), JSON.stringify({ featureGroups: [GROUP], featureViews: [] }));
    await lakefoldJson(['apply', '--yes', '--config', 'lakefold.config.json'], { cwd });
    const screen = { cwd, tty: 'yes', env: { NO_COLOR: '1' }, stdin: ROWS } as const;
    const shown = await lakefold(['fg', 'validate', 'delays/1', '--file', '-', '--format', 'ndjson'], screen);
    expect(shown.stdout).toContain('expect_column_values_to_be_between');
    expect((await lakefold(['fg', 'reports', 'delays/1'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } })).stdout).toContain('no validation reports');
  });
});

describe('fg stats and fg drift', () => {
  const rows = (count: number, from: number): string => Array.from({ length: count }, (_, i) => `{"origin":"A${from + i}","flights":${from + i}}\n`).join('');

  async function filled(): Promise<Awaited<ReturnType<typeof project>>> {
    const run = await project();
    for (const from of [0, 100]) {
      const { code, stderr } = await run(['fg', 'ingest', 'delays/1', '--file', '-', '--format', 'ndjson'], rows(120, from));
      if (code !== 0) throw new Error(stderr);
    }
    return run;
  }

  it('print the bodies of their routes', async () => {
    const run = await filled();
    expect(JSON.parse((await run(['fg', 'stats', 'delays/1', '--features', 'flights'])).stdout)).toMatchObject({
      basis: 'snapshot',
      version: 2,
      rows: 220,
      features: [{ name: 'flights', min: 0, max: 219, mean: 109.5 }],
    });
    expect(JSON.parse((await run(['fg', 'stats', 'delays/1', '--from', '1', '--to', '2'])).stdout)).toMatchObject({ basis: 'commits', from: 1, rows: 120 });
    const samples = ['--target', '{"basis":"commits","from":1}', '--reference', '{"basis":"commits","from":0,"to":1}'];
    expect(JSON.parse((await run(['fg', 'drift', 'delays/1', ...samples, '--metrics', 'KS', '--thresholds', '{"KS":0.5}'])).stdout)).toMatchObject({
      drifted: true,
      features: [{ name: 'flights', status: 'DRIFTED', targetRows: 120, referenceRows: 120, metrics: { KS: 100 / 120 } }],
    });
  });

  it('tell what is wrong with what they were asked', async () => {
    const run = await filled();
    const unknown = await run(['fg', 'stats', 'delays/1', '--features', 'nothing']);
    expect([unknown.code, unknown.stdout, problem(unknown).code]).toEqual([1, '', 'UNKNOWN_FEATURE']);
    const lacking = await run(['fg', 'drift', 'delays/1', '--target', '{"basis":"snapshot"}']);
    expect([lacking.code, problem(lacking).detail]).toEqual([2, 'expected --target and --reference']);
    const missing = await run(['fg', 'drift', 'delays/1', '--target', '{"basis":"snapshot"}', '--reference', '{"basis":"snapshot","version":9}']);
    expect([missing.code, problem(missing).code]).toEqual([1, 'NO_SUCH_COMMIT']);
  });
});
