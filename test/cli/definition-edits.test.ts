/** Definitions changed one by one, deprecated and deleted through the command. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lakefold, lakefoldJson, problem, temporaryFolder } from './cli-support.ts';

async function applied(): Promise<string> {
  const cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  await lakefoldJson(['apply', '--yes'], { cwd });
  return cwd;
}

/** Exit code, code of the problem document and what it says beside; stdout must be empty. */
async function refusal(cwd: string, ...argv: readonly string[]): Promise<{ readonly exit: number; readonly code: string; readonly problem: unknown }> {
  const result = await lakefold(argv, { cwd });
  expect(result.stdout).toBe('');
  const document = problem(result);
  return { exit: result.code, code: document.code, problem: document };
}

describe('fg update', () => {
  it('prints the group as it is then', async () => {
    const cwd = await applied();
    const body = await lakefoldJson(
      [
        'fg',
        'update',
        'customer_stats/1',
        '--owner',
        'data@example.com',
        '--tags',
        '{"team":"data"}',
        '--ttl',
        'P14D',
        '--add-features',
        '[{"name":"n","type":"int","nullable":true}]',
      ],
      { cwd },
    );
    expect(body).toMatchObject({ name: 'customer_stats', owner: 'data@example.com', tags: { team: 'data' }, ttl: 'P14D', schemaVersion: 2, etag: '"r2"' });
    expect(body.schema.at(-1)).toEqual({ name: 'n', type: 'int', nullable: true });
    expect(await lakefoldJson(['fg', 'update', 'customer_stats', '--owner', 'none', '--if-match', '"r2"'], { cwd })).toMatchObject({
      owner: null,
      etag: '"r3"',
    });
  });

  it('refuses with the code and the exit code of each fault', async () => {
    const cwd = await applied();
    const update = (...more: readonly string[]) => refusal(cwd, 'fg', 'update', 'customer_stats/1', ...more);
    expect(await update('--widen', '[{"name":"spend_30d","type":"string"}]')).toMatchObject({
      exit: 3,
      code: 'BREAKING_SCHEMA_CHANGE',
      problem: { newVersion: 2 },
    });
    expect(await update('--add-features', '[{"name":"_n","type":"int","nullable":true}]')).toMatchObject({
      exit: 3,
      code: 'INVALID_DEFINITION',
      problem: { errors: [{ code: 'RESERVED_NAME' }] },
    });
    expect(await update('--ttl', 'PT0S')).toMatchObject({
      exit: 3,
      code: 'INVALID_DEFINITION',
      problem: { errors: [{ field: 'ttl', code: 'ZERO_DURATION' }] },
    });
    expect(await update('--widen', '[{"name":"nowhere","type":"bigint"}]')).toMatchObject({ exit: 1, code: 'UNKNOWN_FEATURE' });
    expect(await update('--owner', 'a', '--if-match', '"r9"')).toMatchObject({ exit: 1, code: 'PRECONDITION_FAILED' });
    expect(await update('--status', 'GONE')).toMatchObject({ exit: 1, code: 'INVALID_ARGUMENT' });
    expect(await update()).toMatchObject({ exit: 2 });
    expect(await refusal(cwd, 'fg', 'update', 'nowhere/1', '--owner', 'a')).toMatchObject({ exit: 1, code: 'UNKNOWN_FEATURE_GROUP' });
  });

  it('deprecates a version, which names without a version then pass over (§7)', async () => {
    const cwd = await applied();
    const path = join(cwd, 'lakefold.config.ts');
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll('version: 1,', 'version: 2,'));
    await lakefoldJson(['apply', '--yes'], { cwd });
    const shown = async () => {
      const { code, stdout, stderr } = await lakefold(['fg', 'describe', 'customer_stats'], { cwd });
      return { code, version: JSON.parse(stdout).version, stderr };
    };
    expect(await shown()).toMatchObject({ code: 0, version: 2, stderr: 'using customer_stats/2\n' });
    await lakefoldJson(['fg', 'update', 'customer_stats/2', '--status', 'DEPRECATED'], { cwd });
    expect(await shown()).toMatchObject({ code: 0, version: 1, stderr: 'using customer_stats/1\n' });
    await lakefoldJson(['fg', 'update', 'customer_stats/1', '--status', 'DEPRECATED'], { cwd });
    expect(await shown()).toMatchObject({ code: 0, version: 2, stderr: 'using customer_stats/2, which is deprecated\n' });
  });
});

describe('plan and apply of wider types', () => {
  it('tell files and bytes, want --rewrite, and keep every value (§6)', async () => {
    const cwd = await applied();
    await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', 'customer_stats.csv'], { cwd });
    const before = (await lakefold(['fg', 'read', 'customer_stats/1'], { cwd })).stdout;
    const path = join(cwd, 'lakefold.config.ts');
    await writeFile(path, (await readFile(path, 'utf8')).replace('orders_30d: t.int()', 'orders_30d: t.bigint(), note: t.string().nullable()'));

    const shown = await lakefold(['plan'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });
    expect(shown.stdout).toMatch(
      /^~ feature group customer_stats\/1: 1 file, \d\.\d KiB, written again with apply --rewrite; or version 2 can be created instead\n {4}schema\.orders_30d: int → bigint\n {4}\+ schema\.note: string, nullable\n/,
    );
    const { changes } = await lakefoldJson(['plan'], { cwd });
    expect(changes[0]).toMatchObject({ verdict: 'rewrite', rewrite: { files: 1, bytes: expect.any(Number) } });
    // Refused at once: nobody need be asked.
    expect(await refusal(cwd, 'apply')).toMatchObject({ exit: 3, code: 'BREAKING_SCHEMA_CHANGE', problem: { newVersion: 2 } });
    expect(await lakefoldJson(['apply', '--yes', '--rewrite'], { cwd })).toMatchObject({
      applied: [{ name: 'customer_stats', action: 'update' }, { action: 'none' }],
    });
    const after = (await lakefold(['fg', 'read', 'customer_stats/1', '--features', 'customer,at,orders_30d,spend_30d'], { cwd })).stdout;
    expect(after.split('\n').toSorted()).toEqual(before.split('\n').toSorted());
    expect(
      (await lakefoldJson(['fg', 'update', 'customer_stats/1', '--add-features', '[{"name":"f","type":"float","nullable":true}]'], { cwd })).schemaVersion,
    ).toBe(3);
    expect((await lakefoldJson(['fg', 'update', 'customer_stats/1', '--widen', '[{"name":"f","type":"double"}]'], { cwd })).schemaVersion).toBe(4);
  });
});

describe('fv update', () => {
  it('changes description, tags and status alone', async () => {
    const cwd = await applied();
    expect(await lakefoldJson(['fv', 'update', 'basket_risk/1', '--description', 'Risk', '--tags', '{"a":"b"}'], { cwd })).toMatchObject({
      description: 'Risk',
      tags: { a: 'b' },
      etag: '"r2"',
    });
    expect(await refusal(cwd, 'fv', 'update', 'basket_risk/1', '--owner', 'a')).toMatchObject({ exit: 2 });
    expect(await refusal(cwd, 'fv', 'update', 'nowhere/1', '--description', 'a')).toMatchObject({ exit: 1, code: 'UNKNOWN_FEATURE_VIEW' });
    const path = join(cwd, 'lakefold.config.ts');
    await writeFile(path, (await readFile(path, 'utf8')).replace("name: 'basket_risk',", "name: 'basket_risk',\n  owner: 'else@example.com',"));
    expect(await refusal(cwd, 'apply', '--yes')).toMatchObject({ exit: 3, code: 'IMMUTABLE', problem: { newVersion: 2 } });
  });
});

describe('fg delete and fv delete', () => {
  it('want the version said, and refuse what is in use unless forced', async () => {
    const cwd = await applied();
    expect(await refusal(cwd, 'fg', 'delete', 'customer_stats')).toMatchObject({ exit: 2 });
    expect(await refusal(cwd, 'fg', 'delete', 'customer_stats/1')).toMatchObject({
      exit: 1,
      code: 'IN_USE',
      problem: { usedBy: ['feature-view:basket_risk/1'] },
    });
    expect(await refusal(cwd, 'fv', 'delete', 'basket_risk/1', '--if-match', '"r9"')).toMatchObject({ exit: 1, code: 'PRECONDITION_FAILED' });
    expect(await lakefoldJson(['fg', 'delete', 'customer_stats/1', '--force'], { cwd })).toEqual({ name: 'customer_stats', version: 1, status: 'DELETED' });
    expect(await lakefoldJson(['fv', 'delete', 'basket_risk/1'], { cwd })).toEqual({ name: 'basket_risk', version: 1, status: 'DELETED' });
    expect(await refusal(cwd, 'fg', 'delete', 'customer_stats/1')).toMatchObject({ exit: 1, code: 'UNKNOWN_FEATURE_GROUP' });
    expect(await refusal(cwd, 'apply', '--yes')).toMatchObject({ exit: 3, code: 'INVALID_DEFINITION' });
  });
});
