/** The story of the first five minutes, and what follows it, through the command alone. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JSON_BODY_BYTES_MAX } from '../../lib/core/limits.ts';
import { lakefold, lakefoldJson, lines, problem, temporaryFolder } from './cli-support.ts';

const ADA = { customer: 'ada', at: '2024-05-20T08:00:00Z', orders_30d: 5, spend_30d: 160 };

async function starter(): Promise<string> {
  const cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  return cwd;
}

async function filled(): Promise<string> {
  const cwd = await starter();
  await lakefoldJson(['apply', '--yes'], { cwd });
  await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', 'customer_stats.csv'], { cwd });
  return cwd;
}

describe('init', () => {
  it('scaffolds what it lists, and overwrites nothing', async () => {
    const cwd = await temporaryFolder();
    const { stdout } = await lakefold(['init', 'shop'], { cwd });

    expect(JSON.parse(stdout)).toEqual({ created: ['lakefold.config.ts', 'customer_stats.csv', 'orders.ndjson', '.gitignore'] });
    expect((await readdir(join(cwd, 'shop'))).sort()).toEqual(['.gitignore', 'customer_stats.csv', 'lakefold.config.ts', 'orders.ndjson']);
    const again = await lakefold(['init', 'shop'], { cwd });
    expect({ code: again.code, stdout: again.stdout, problem: problem(again).code }).toEqual({ code: 1, stdout: '', problem: 'ALREADY_EXISTS' });
  });
});

describe('plan and apply', () => {
  it('show the diff, register it once, and then have nothing to do', async () => {
    const cwd = await starter();
    const planned = await lakefold(['plan'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });
    expect(planned.stdout).toBe('+ feature group customer_stats/1\n+ feature view basket_risk/1\n2 changes\n');

    const applied = await lakefoldJson(['apply', '--yes'], { cwd });
    expect(applied).toEqual({
      applied: [
        { type: 'featureGroup', name: 'customer_stats', version: 1, action: 'create' },
        { type: 'featureView', name: 'basket_risk', version: 1, action: 'create' },
      ],
      revision: 1,
      requestId: expect.any(String),
    });
    // Nothing to confirm, so nobody need be asked.
    expect((await lakefoldJson(['apply'], { cwd })).revision).toBe(1);
  });

  it('refuse to change anything unasked where nobody can answer', async () => {
    const cwd = await starter();
    const result = await lakefold(['apply'], { cwd });

    expect({ code: result.code, stdout: result.stdout, detail: problem(result).detail }).toEqual({
      code: 2,
      stdout: '',
      detail: 'expected --yes: there are changes, and nobody to ask about them',
    });
    expect((await lakefoldJson(['fg', 'list'], { cwd })).items).toEqual([]);
  });

  it('refuse a breaking change with exit code 3 and the version that can be had', async () => {
    const cwd = await filled();
    const path = join(cwd, 'lakefold.config.ts');
    await writeFile(path, (await readFile(path, 'utf8')).replace('orders_30d: t.int()', 'orders_30d: t.string()').replace(', defaults: { orders_30d: 0 }', ''));
    const result = await lakefold(['apply', '--yes'], { cwd });

    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 3, stdout: '' });
    expect(problem(result)).toMatchObject({ code: 'BREAKING_SCHEMA_CHANGE', name: 'customer_stats', version: 1, newVersion: 2 });
  });

  it('tell what is missing without definitions', async () => {
    const result = await lakefold(['plan'], { cwd: await temporaryFolder() });

    expect(result.code).toBe(1);
    expect(problem(result).detail).toContain('lakefold init makes one');
  });
});

describe('rows of a feature group', () => {
  it('are ingested with a receipt, once for one key', async () => {
    const cwd = await starter();
    await lakefoldJson(['apply', '--yes'], { cwd });
    const ingest = ['fg', 'ingest', 'customer_stats/1', '--file', 'customer_stats.csv', '--idempotency-key', 'k'];
    const receipt = await lakefoldJson(ingest, { cwd });

    expect(receipt).toMatchObject({
      featureGroup: { name: 'customer_stats', version: 1 },
      received: 5,
      commit: { version: 1, operation: 'upsert', rowsInserted: 5, alreadyApplied: false },
      online: { state: 'applied', watermark: 1, applied: 3, superseded: 2 },
    });
    expect((await lakefoldJson(ingest, { cwd })).commit).toEqual({ ...receipt.commit, alreadyApplied: true });
  });

  it('of every format and of stdin are the same rows', async () => {
    const cwd = await filled();
    await lakefoldJson(['fg', 'read', 'customer_stats', '--out', 'rows.parquet'], { cwd });
    await lakefoldJson(['fg', 'read', 'customer_stats', '--out', 'rows.ndjson'], { cwd });
    const ndjson = await readFile(join(cwd, 'rows.ndjson'), 'utf8');
    await writeFile(join(cwd, 'rows.json'), JSON.stringify({ rows: lines(ndjson) }));
    for (const file of ['rows.parquet', 'rows.ndjson', 'rows.json']) {
      expect((await lakefoldJson(['fg', 'ingest', 'customer_stats', '--operation', 'overwrite', '--file', file], { cwd })).commit.rowsInserted).toBe(5);
      expect((await lakefold(['fg', 'read', 'customer_stats'], { cwd })).stdout).toBe(ndjson);
    }
    const one = await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', '-', '--format', 'ndjson', '--wait', 'commit'], {
      cwd,
      stdin: `${JSON.stringify(ADA)}\n`,
    });
    expect(one).toMatchObject({ received: 1, commit: { rowsUpdated: 1 }, online: { state: 'pending' } });
  });

  it('of a file larger than a request may be are ingested all the same', async () => {
    const cwd = await starter();
    await lakefoldJson(['apply', '--yes'], { cwd });
    const rows = Array.from({ length: 1000 }, (_, i) => ({ ...ADA, customer: `${i}${'x'.repeat(6000)}`.slice(0, 900) }));
    const padding = ' '.repeat(JSON_BODY_BYTES_MAX);
    await writeFile(join(cwd, 'large.json'), `${padding}${JSON.stringify({ rows })}`);
    const ingest = ['fg', 'ingest', 'customer_stats', '--file', 'large.json', '--idempotency-key', 'k'];
    const receipt = await lakefoldJson(ingest, { cwd });

    expect(receipt).toMatchObject({
      received: 1000,
      commit: { version: 1, operation: 'upsert', rowsInserted: 1000 },
      online: { state: 'applied', applied: 1000 },
      requestId: expect.any(String),
    });
    expect((await lakefoldJson(ingest, { cwd })).commit).toEqual({ ...receipt.commit, alreadyApplied: true });
  });

  it('with faults are refused whole with exit code 3, each fault by row and column', async () => {
    const cwd = await filled();
    const result = await lakefold(['fg', 'ingest', 'customer_stats', '--file', '-', '--format', 'csv'], {
      cwd,
      stdin: 'customer,at,orders_30d,spend_30d\nada,2024-06-01T00:00:00,1.5,2\n',
    });

    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 3, stdout: '' });
    expect(problem(result)).toMatchObject({
      code: 'VALIDATION_FAILED',
      errorCount: 2,
      errors: [
        { row: 0, feature: 'at', code: 'NAIVE_TIMESTAMP' },
        { row: 0, feature: 'orders_30d', code: 'TYPE_MISMATCH' },
      ],
    });
    expect((await lakefoldJson(['fg', 'describe', 'customer_stats'], { cwd })).latestCommit).toBe(1);
  });

  it('are shown to a person as a table', async () => {
    const cwd = await filled();
    const { stdout, stderr } = await lakefold(['fg', 'preview', 'customer_stats', '--limit', '2'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });

    expect({ stdout, stderr }).toEqual({
      stdout:
        'customer  at                    orders_30d  spend_30d\nada       2024-05-01T08:00:00Z           2         40\nada       2024-05-20T08:00:00Z           5        160\n',
      stderr: 'using customer_stats/1\n2 rows\n',
    });
  });

  it('are read as they were, narrowed, and written to a file that tells what it holds', async () => {
    const cwd = await filled();
    await lakefoldJson(['fg', 'delete-rows', 'customer_stats', '--file', '-'], { cwd, stdin: '{"customer":"grace"}\n{"customer":"nobody"}\n' });

    expect(
      lines(
        (
          await lakefold(
            ['fg', 'read', 'customer_stats', '--as-of', '1', '--where', '{"column":"customer","op":"=","value":"ada"}', '--start', '2024-05-15T00:00:00Z'],
            { cwd },
          )
        ).stdout,
      ),
    ).toEqual([ADA]);
    expect(lines((await lakefold(['fg', 'read', 'customer_stats', '--features', 'customer', '--limit', '9'], { cwd })).stdout)).toEqual([
      { customer: 'ada' },
      { customer: 'ada' },
      { customer: 'linus' },
    ]);
    const out = await lakefoldJson(['fg', 'read', 'customer_stats', '--as-of', '1', '--format', 'csv', '--out', 'old/rows.csv'], { cwd });
    expect(out).toEqual({ path: 'old/rows.csv', rows: 5, bytes: (await readFile(join(cwd, 'old/rows.csv'))).length, version: 1 });
    expect(await lakefoldJson(['fg', 'read', 'customer_stats', '--as-of', '1', '--out', 'rows.arrow'], { cwd })).toMatchObject({ path: 'rows.arrow', rows: 5 });
    expect(await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', 'rows.arrow', '--operation', 'overwrite'], { cwd })).toMatchObject({
      commit: { operation: 'overwrite', rowsInserted: 5 },
    });
  });

  it('are deleted, restored, and the log tells', async () => {
    const cwd = await filled();
    const deleted = await lakefoldJson(['fg', 'delete-rows', 'customer_stats', '--where', '{"column":"orders_30d","op":"<","value":3}'], { cwd });
    expect(deleted).toMatchObject({ commit: { version: 2, operation: 'delete', rowsDeleted: 3 } });
    expect(await lakefoldJson(['fg', 'restore', 'customer_stats', '--to', '1'], { cwd })).toMatchObject({ commit: { version: 3, operation: 'restore' } });

    const { items } = await lakefoldJson(['fg', 'commits', 'customer_stats'], { cwd });
    expect(items.map((commit: { version: number; operation: string }) => `${commit.version} ${commit.operation}`)).toEqual([
      '3 restore',
      '2 delete',
      '1 upsert',
      '0 create',
    ]);
    expect((await lakefoldJson(['fg', 'commits', 'customer_stats', '--limit', '2'], { cwd })).nextCursor).toEqual(expect.any(String));
    expect(lines((await lakefold(['fg', 'read', 'customer_stats'], { cwd })).stdout)).toHaveLength(5);
  });

  it('are packed, checked for what is left over, and published', async () => {
    const cwd = await filled();
    await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', '-', '--format', 'ndjson'], {
      cwd,
      stdin: `${JSON.stringify({ ...ADA, customer: 'new' })}\n`,
    });

    expect(await lakefoldJson(['fg', 'optimize', 'customer_stats'], { cwd })).toMatchObject({
      commit: { version: 3, operation: 'optimize' },
      filesRemoved: 2,
      filesAdded: 1,
    });
    expect(await lakefoldJson(['fg', 'vacuum', 'customer_stats'], { cwd })).toEqual({
      dryRun: true,
      files: 0,
      bytes: 0,
      oldestReadable: 0,
      paths: [],
      complete: true,
      requestId: expect.any(String),
    });
    expect(await lakefoldJson(['fg', 'publish', 'customer_stats'], { cwd })).toMatchObject({ to: 3, failed: 0 });
    const short = await lakefold(['fg', 'vacuum', 'customer_stats', '--retention', 'PT1H'], { cwd });
    expect({ code: short.code, problem: problem(short).code }).toEqual({ code: 1, problem: 'RETENTION_TOO_SHORT' });
  });
});

describe('online vectors', () => {
  it('are looked up by typed keys and parameters, functions of the definitions included', async () => {
    const cwd = await filled();
    const answer = await lakefoldJson(['fv', 'get', 'basket_risk', 'customer=ada', '--param', 'amount=120'], { cwd });

    expect(answer).toMatchObject({
      featureView: { name: 'basket_risk', version: 1 },
      features: [5, 160, 0.75],
      status: 'COMPLETE',
      metadata: { statuses: ['PRESENT', 'PRESENT', 'COMPUTED'] },
    });
    const shown = await lakefold(['fv', 'get', 'basket_risk/1', 'customer=nobody', '--param', 'amount=120'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });
    expect(shown.stdout).toBe(
      'basket_risk/1 MISSING\nfeature          value  status     event time\norders_30d           0  DEFAULT    ·\nspend_30d            ·  NOT_FOUND  ·\namount_to_spend      ·  COMPUTED   ·\n',
    );
  });

  it('of a file are one line an entry, parameters beside the keys or for all', async () => {
    const cwd = await filled();
    await writeFile(join(cwd, 'entries.ndjson'), '{"customer":"ada","amount":16}\n{"customer":"grace"}\n');
    const { stdout } = await lakefold(['fv', 'batch', 'basket_risk', '--file', 'entries.ndjson', '--param', 'amount=75.25'], { cwd });

    expect(lines(stdout)).toEqual([
      {
        index: 0,
        status: 'COMPLETE',
        features: { orders_30d: 5, spend_30d: 160, amount_to_spend: 0.1 },
        statuses: { orders_30d: 'PRESENT', spend_30d: 'PRESENT', amount_to_spend: 'COMPUTED' },
      },
      {
        index: 1,
        status: 'COMPLETE',
        features: { orders_30d: 3, spend_30d: 75.25, amount_to_spend: 1 },
        statuses: { orders_30d: 'PRESENT', spend_30d: 'PRESENT', amount_to_spend: 'COMPUTED' },
      },
    ]);
  });

  it('name a wrong key and a broken line', async () => {
    const cwd = await filled();
    expect(problem(await lakefold(['fv', 'get', 'basket_risk', 'custmer=ada'], { cwd })).code).toBe('UNKNOWN_ENTRY_KEY');
    expect(problem(await lakefold(['fv', 'get', 'basket_risk', 'ada'], { cwd }))).toMatchObject({ detail: 'expected an entry key as name=value, found "ada"' });
    expect(problem(await lakefold(['fv', 'batch', 'basket_risk', '--file', '-'], { cwd, stdin: '{"customer":"ada"}\nnonsense\n' }))).toMatchObject({
      code: 'MALFORMED_FILE',
      entry: 1,
    });
  });

  it('are refused where the functions are not', async () => {
    const cwd = await filled();
    const elsewhere = await temporaryFolder();
    const result = await lakefold(['fv', 'get', 'basket_risk', 'customer=ada', '--param', 'amount=1', '--location', join(cwd, '.lakefold')], {
      cwd: elsewhere,
    });

    expect({ code: result.code, problem: problem(result).code }).toEqual({ code: 1, problem: 'FUNCTION_MISMATCH' });
  });
});

describe('training datasets', () => {
  it('are created point in time from a spine file, copied, listed and described', async () => {
    const cwd = await filled();
    const dataset = await lakefoldJson(
      ['td', 'create', 'basket_risk', '--spine', 'orders.ndjson', '--format', 'ndjson', '--pin', 'customer_stats=1', '--out', 'training'],
      { cwd },
    );

    expect(dataset).toMatchObject({
      trainingDataset: 1,
      counts: { spineRows: 4, rows: 4, joins: [{ join: 'customer_stats', matched: 3, missing: 1 }] },
      pins: [{ featureGroup: 'customer_stats', version: 1, commitVersion: 1 }],
    });
    expect(JSON.parse(await readFile(join(cwd, 'training/training-dataset.json'), 'utf8'))).toEqual(dataset);
    expect(
      lines(await readFile(join(cwd, 'training/data/part-00000.ndjson'), 'utf8')).map((row) => [row.customer, row.orders_30d, row.amount_to_spend]),
    ).toEqual([
      ['ada', 2, 0.5],
      ['ada', 5, 2],
      ['grace', 3, 25.5 / 75.25],
      ['linus', 0, null],
    ]);
    expect((await lakefoldJson(['td', 'list', 'basket_risk'], { cwd })).items).toHaveLength(1);
    expect((await lakefoldJson(['td', 'describe', 'basket_risk', '1'], { cwd })).contentHash).toBe(dataset.contentHash);
    expect(problem(await lakefold(['td', 'describe', 'basket_risk', '2'], { cwd })).code).toBe('UNKNOWN_TRAINING_DATASET');
  });

  it('are divided, verified against their pins and applied to rows to predict for', async () => {
    const cwd = await filled();
    const dataset = await lakefoldJson(
      [
        'td',
        'create',
        'basket_risk',
        '--spine',
        'orders.ndjson',
        '--split',
        'train=0.5,test=0.5',
        '--split-by',
        'customer',
        '--seed',
        '7',
        '--format',
        'csv',
        '--out',
        'training',
      ],
      { cwd },
    );
    expect(dataset).toMatchObject({
      request: { split: { type: 'random', fractions: { train: 0.5, test: 0.5 }, by: 'customer', seed: 7 } },
      splits: [{ name: 'train' }, { name: 'test' }],
    });
    const rows = await Promise.all(
      ['train', 'test'].map(async (split) => (await readFile(join(cwd, `training/${split}/part-00000.csv`), 'utf8')).split('\r\n').length - 2),
    );
    expect((rows[0] ?? 0) + (rows[1] ?? 0)).toBe(4);
    expect(await lakefoldJson(['td', 'verify', 'basket_risk', '1'], { cwd })).toEqual({
      equal: true,
      expected: dataset.contentHash,
      actual: dataset.contentHash,
      reason: null,
      requestId: expect.any(String),
    });
    await writeFile(join(cwd, '.lakefold/default/training-datasets/basket_risk/1/1/test/part-00000.csv'), 'customer\r\n');
    const differs = await lakefold(['td', 'verify', 'basket_risk', '1'], { cwd });
    expect([differs.code, JSON.parse(differs.stdout)]).toMatchObject([4, { equal: false, reason: 'CONTENT_DIFFERS' }]);
    await writeFile(join(cwd, 'today.ndjson'), '{"customer":"ada","amount":16}\n');
    const batch = await lakefold(['fv', 'batch-data', 'basket_risk', '--spine', 'today.ndjson'], { cwd });
    expect(lines(batch.stdout)).toMatchObject([{ customer: 'ada', amount: 16, orders_30d: 5, amount_to_spend: 0.1 }]);
    expect(await lakefoldJson(['fv', 'batch-data', 'basket_risk', '--spine', 'today.ndjson', '--out', 'today.arrow'], { cwd })).toMatchObject({
      path: 'today.arrow',
      rows: 1,
    });
  });

  it('check options before anything is asked of the store', async () => {
    const cwd = await filled();
    expect(problem(await lakefold(['td', 'create', 'basket_risk', '--spine', 'orders.xlsx'], { cwd })).detail).toContain('expected a spine that ends in');
    expect(problem(await lakefold(['td', 'create', 'basket_risk', '--spine', 'orders.ndjson', '--pin', 'other=1'], { cwd })).detail).toBe(
      'expected a group of the view after --pin, found "other"',
    );
    expect(problem(await lakefold(['td', 'create', 'basket_risk', '--spine', 'orders.ndjson', '--split', 'train:0.8'], { cwd })).detail).toBe(
      'expected --split name=fraction,…, found "train:0.8"',
    );
  });
});

describe('projects', () => {
  it('keep definitions apart; one must be created before it is used', async () => {
    const cwd = await starter();
    const unknown = await lakefold(['apply', '--yes', '--project', 'other'], { cwd });
    expect({ code: unknown.code, problem: problem(unknown).code }).toEqual({ code: 1, problem: 'UNKNOWN_PROJECT' });

    await lakefoldJson(['project', 'create', 'other'], { cwd });
    await lakefoldJson(['apply', '--yes', '--project', 'other'], { cwd });
    expect((await lakefoldJson(['fg', 'list'], { cwd })).items).toEqual([]);
    expect((await lakefoldJson(['fg', 'list', '--project', 'other'], { cwd })).items).toHaveLength(1);
    expect((await lakefoldJson(['project', 'list'], { cwd })).items.map((project: { name: string }) => project.name)).toEqual(['default', 'other']);
  });
});

describe('names without a version', () => {
  it('mean the latest, which is said on stderr unless --quiet', async () => {
    const cwd = await temporaryFolder();
    const definition = (version: number): object => ({
      name: 'g',
      version,
      schema: [
        { name: 'id', type: 'int' },
        { name: `v${version}`, type: 'int', nullable: true },
      ],
      primaryKey: ['id'],
      onlineEnabled: false,
    });
    await mkdir(join(cwd, 'defs'));
    await writeFile(join(cwd, 'defs/all.json'), JSON.stringify({ featureGroups: [definition(1), definition(10), definition(9)] }));
    await lakefoldJson(['apply', '--yes', '--config', 'defs/all.json'], { cwd });

    const loud = await lakefold(['fg', 'describe', 'g'], { cwd });
    expect({ version: JSON.parse(loud.stdout).version, stderr: loud.stderr }).toEqual({ version: 10, stderr: 'using g/10\n' });
    expect((await lakefold(['fg', 'describe', 'g', '--quiet'], { cwd })).stderr).toBe('');
    expect(JSON.parse((await lakefold(['fg', 'describe', 'g/9'], { cwd })).stdout).version).toBe(9);
  });
});
