/** `lakefold table` on what others keep: changes, compatibility, tables in S3, folders that are nobody's to write. */
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTable, openTable } from '../../lib/delta/index.ts';
import { startS3Stub, type S3Stub } from '../support/s3-stub.ts';
import { lakefold, lakefoldJson, lines, problem, temporaryFolder } from './cli-support.ts';

const COLUMNS = [
  { name: 'city', type: 'string' },
  { name: 'n', type: 'int', nullable: true },
];

async function localTable(): Promise<string> {
  const cwd = await temporaryFolder();
  const table = await createTable(join(cwd, 't'), { schema: COLUMNS });
  await table.append([
    { city: 'Graz', n: 1 },
    { city: 'Linz', n: 2 },
  ]);
  await table.upsert([{ city: 'Graz', n: 3 }], { keys: ['city'] });
  return cwd;
}

describe('table changes', () => {
  it('prints what commits did, as NDJSON or into a file', async () => {
    const cwd = await localTable();
    const shown = (line: Readonly<Record<string, unknown>>): string =>
      `${String(line['_commit_version'])} ${String(line['_change_type'])} ${String(line['city'])}=${String(line['n'])}`;
    const all = await lakefold(['table', 'changes', 't', '--keys', 'city'], { cwd });
    expect(lines(all.stdout).map(shown)).toEqual(['1 insert Graz=1', '1 insert Linz=2', '2 update_preimage Graz=1', '2 update_postimage Graz=3']);
    expect(Object.keys(lines(all.stdout)[0] ?? {})).toEqual(['city', 'n', '_change_type', '_commit_version', '_commit_timestamp']);
    const some = await lakefold(['table', 'changes', 't', '--after', '1', '--to', '2', '--columns', 'city', '--format', 'csv'], { cwd });
    expect(some.stdout).toMatch(/^city,_change_type,_commit_version,_commit_timestamp\r?\nGraz,delete,2,.*Z\r?\nGraz,insert,2,/);
    expect(await lakefoldJson(['table', 'changes', 't', '--as-of', '1', '--out', 'c.parquet'], { cwd })).toMatchObject({
      path: 'c.parquet',
      rows: 2,
      version: 1,
    });
  });

  it('refuses what it cannot answer', async () => {
    const cwd = await localTable();
    expect(problem(await lakefold(['table', 'changes', 't', '--to', '9'], { cwd }))).toMatchObject({ code: 'NO_SUCH_COMMIT' });
    expect(problem(await lakefold(['table', 'changes', 't', '--keys', 'x'], { cwd }))).toMatchObject({ code: 'UNKNOWN_FEATURE' });
    expect((await lakefold(['table', 'changes', 't', '--to', '1', '--as-of', '1'], { cwd })).code).toBe(2);
  });
});

describe('table compatibility', () => {
  it('prints one line of engines, and a list for people', async () => {
    const cwd = await localTable();
    const { engines } = await lakefoldJson(['table', 'compatibility', 't'], { cwd });
    expect(engines[0]).toEqual({ name: 'Spark', since: 'Delta Lake 4.4.0', read: true, write: true, reasons: [] });
    expect((await lakefold(['table', 'compatibility', 't'], { cwd, tty: 'yes' })).stdout).toMatch(/Athena engine version 3 .*✓ reads.*✗ writes/);
  });
});

describe('a table in a folder that cannot be written', () => {
  it('is read, and the folder left as it was', async () => {
    const cwd = await localTable();
    const folder = join(cwd, 't');
    const names = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).toSorted((a, b) => (a < b ? -1 : 1));
    const before = (await names()).filter((name) => !name.includes('.tmp-'));
    await Promise.all(
      (await readdir(folder)).filter((name) => name.startsWith('.tmp-')).map((name) => import('node:fs/promises').then(({ rm }) => rm(join(folder, name)))),
    );
    await chmod(folder, 0o555);
    try {
      expect(lines((await lakefold(['table', 'read', 't'], { cwd })).stdout)).toHaveLength(2);
      const table = await openTable(folder);
      for await (const file of table.files()) expect(file.rows).toBeGreaterThan(0);
      expect(await names()).toEqual(before);
    } finally {
      await chmod(folder, 0o755);
    }
  });
});

describe('a table in S3', () => {
  let stub: S3Stub;
  beforeAll(async () => {
    stub = await startS3Stub();
  });
  afterAll(() => stub.close());
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is created, written, read and maintained by its URI, the service found by the usual variables', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    const cwd = await temporaryFolder();
    const options = { cwd, env: { AWS_ENDPOINT_URL: stub.endpoint, AWS_DEFAULT_REGION: 'us-east-1' } };
    await writeFile(join(cwd, 'columns.json'), JSON.stringify(COLUMNS));
    const path = 's3://bucket/some/table';
    expect(await lakefoldJson(['table', 'create', path, '--schema', 'columns.json'], options)).toMatchObject({ location: path, version: 0 });
    expect(problem(await lakefold(['table', 'create', path, '--schema', 'columns.json'], options))).toMatchObject({ code: 'ALREADY_EXISTS' });
    const rows = '{"city":"Graz","n":1}\n{"city":"Linz","n":2}\n';
    expect(await lakefoldJson(['table', 'append', path, '--file', '-', '--format', 'ndjson'], { ...options, stdin: rows })).toMatchObject({
      location: path,
      commit: { version: 1, rowsInserted: 2 },
    });
    expect(await lakefoldJson(['table', 'delete', path, '--where', '{"column":"n","op":"=","value":2}'], options)).toMatchObject({
      commit: { rowsDeleted: 1 },
    });
    expect((await lakefold(['table', 'read', `${path}/`], options)).stdout).toBe('{"city":"Graz","n":1}\n');
    expect(lines((await lakefold(['table', 'changes', path, '--after', '1'], options)).stdout)).toMatchObject([{ city: 'Linz', _change_type: 'delete' }]);
    expect(lines((await lakefold(['table', 'history', path], options)).stdout).map(({ operation }) => operation)).toEqual(['delete', 'append', 'create']);
    expect(await lakefoldJson(['table', 'checkpoint', path], options)).toMatchObject({ version: 2 });
    expect([...stub.objects.keys()].every((key) => key.startsWith('some/table/'))).toBe(true);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', stub.endpoint);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    expect((await openTable(path)).version).toBe(2);
  });

  it('that is none is told so, and another scheme refused', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    const options = { cwd: await temporaryFolder(), env: { AWS_ENDPOINT_URL_S3: stub.endpoint, AWS_REGION: 'us-east-1' } };
    expect(problem(await lakefold(['table', 'read', 's3://bucket/nothing'], options))).toMatchObject({ code: 'TABLE_NOT_FOUND' });
    expect(problem(await lakefold(['table', 'read', 'gs://bucket/t'], options))).toMatchObject({ code: 'UNSUPPORTED_OPERATION' });
  });
});
