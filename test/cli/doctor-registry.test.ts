/** What doctor says of a store's registry and tables, and how it lists lost groups again. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lakefold, lakefoldJson, problem, temporaryFolder } from './cli-support.ts';

async function filled(): Promise<string> {
  const cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  await lakefoldJson(['apply', '--yes'], { cwd });
  await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', 'customer_stats.csv'], { cwd });
  return cwd;
}

async function registryCheck(cwd: string, ...more: readonly string[]) {
  const { code, stdout } = await lakefold(['doctor', ...more], { cwd });
  const { checks } = JSON.parse(stdout);
  return { code, check: checks.find(({ name }: { readonly name: string }) => name === 'registry') };
}

describe('doctor', () => {
  it('tells that registry and tables agree, and names the column where they do not', async () => {
    const cwd = await filled();
    expect(await registryCheck(cwd)).toEqual({
      code: 0,
      check: { name: 'registry', ok: true, detail: 'default, revision 1: 1 group, whose tables are what it says' },
    });
    const log = join(cwd, '.lakefold/default/feature-groups/customer_stats/1/_delta_log');
    const [first = ''] = (await readdir(log)).toSorted((a, b) => a.localeCompare(b));
    const line = (await readFile(join(log, first), 'utf8')).split('\n').find((action) => action.startsWith('{"metaData"')) ?? '';
    await writeFile(
      join(log, `${'2'.padStart(20, '0')}.json`),
      `${line.replace(String.raw`\"name\":\"spend_30d\",\"type\":\"double\"`, String.raw`\"name\":\"spend_30d\",\"type\":\"string\"`)}\n`,
    );

    const drift = 'expected column spend_30d of type double in the table, found string';
    expect(await registryCheck(cwd)).toEqual({ code: 1, check: { name: 'registry', ok: false, detail: `SCHEMA_DRIFT: customer_stats/1: ${drift}` } });
    const refused = await lakefold(['fg', 'ingest', 'customer_stats/1', '--file', 'customer_stats.csv'], { cwd });
    expect({ exit: refused.code, stdout: refused.stdout, code: problem(refused).code }).toEqual({ exit: 1, stdout: '', code: 'SCHEMA_DRIFT' });
    expect((await lakefoldJson(['fg', 'describe', 'customer_stats/1'], { cwd })).warnings).toEqual([{ code: 'SCHEMA_DRIFT', message: drift }]);
  });

  it('lists groups again from their tables by --rebuild-registry', async () => {
    const cwd = await filled();
    const before = (await lakefold(['fg', 'read', 'customer_stats/1'], { cwd })).stdout;
    await rm(join(cwd, '.lakefold/default/_registry'), { recursive: true });
    expect(await registryCheck(cwd, '--rebuild-registry')).toEqual({
      code: 0,
      check: { name: 'registry', ok: true, detail: 'default, revision 1: listed again customer_stats/1' },
    });
    expect((await lakefold(['fg', 'read', 'customer_stats/1'], { cwd })).stdout).toBe(before);
    expect(await lakefoldJson(['apply', '--yes'], { cwd })).toMatchObject({ applied: [{ name: 'customer_stats' }, { name: 'basket_risk', action: 'create' }] });
    expect((await registryCheck(cwd, '--rebuild-registry')).check).toMatchObject({ ok: true, detail: 'default, revision 2: no group was missing' });
  });

  it('wants a store to rebuild', async () => {
    expect(await registryCheck(await temporaryFolder(), '--rebuild-registry')).toMatchObject({
      code: 1,
      check: { ok: false, detail: expect.stringContaining('INVALID_ARGUMENT: expected a store at ') },
    });
  });
});
