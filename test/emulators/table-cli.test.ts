/** `lakefold table … s3://…`: every verb from a shell, on an S3 of its own, found by the usual variables. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lakefold, lakefoldJson, lines, problem, temporaryFolder } from '../cli/cli-support.ts';
import { createBucket } from '../support/s3-for-test.ts';

const EMULATORS = [
  { name: 'LocalStack', endpoint: process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '' },
  { name: 'MiniStack', endpoint: process.env['LAKEFOLD_TEST_MINISTACK'] ?? '' },
];
const COLUMNS = [
  { name: 'city', type: 'string' },
  { name: 'n', type: 'int', nullable: true },
];

describe.each(EMULATORS)('lakefold table on $name', ({ endpoint }) => {
  let path: string;
  let options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };

  beforeAll(async () => {
    if (endpoint === '') return;
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    const { bucket } = await createBucket(endpoint);
    path = `s3://${bucket}/lake/cities`;
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  it.skipIf(endpoint === '')('creates, writes, reads, maintains and verifies a table by its URI', async () => {
    options = { cwd: await temporaryFolder(), env: { AWS_ENDPOINT_URL_S3: endpoint, AWS_REGION: 'us-east-1' } };
    const json = async (verb: string, ...more: string[]) => lakefoldJson(['table', verb, path, ...more], options);
    const rowsOf = async (verb: string, ...more: string[]) => lines((await lakefold(['table', verb, path, ...more], options)).stdout);
    const write = async (verb: string, rows: readonly object[], ...more: string[]) =>
      lakefoldJson(['table', verb, path, '--file', '-', '--format', 'ndjson', ...more], {
        ...options,
        stdin: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
      });
    await writeFile(join(options.cwd, 'columns.json'), JSON.stringify(COLUMNS));

    expect(problem(await lakefold(['table', 'read', path], options)).code).toBe('TABLE_NOT_FOUND');
    expect(await json('create', '--schema', 'columns.json')).toMatchObject({ location: path, version: 0 });
    for (const n of [1, 2, 3]) expect(await write('append', [{ city: `c${n}`, n }])).toMatchObject({ commit: { version: n, rowsInserted: 1 } });
    expect(await write('upsert', [{ city: 'c1', n: 10 }], '--keys', 'city')).toMatchObject({ commit: { version: 4, rowsUpdated: 1 } });
    expect(await json('delete', '--where', '{"column":"n","op":"=","value":2}')).toMatchObject({ commit: { version: 5, rowsDeleted: 1 } });
    expect(await json('optimize', '--z-order', 'city,n', '--dry-run')).toMatchObject({ commit: null, filesRemoved: 2, filesAdded: 1 });
    expect(await json('optimize', '--z-order', 'city,n')).toMatchObject({ commit: { version: 6 } });
    expect(await json('checkpoint')).toMatchObject({ version: 6, kind: 'classic' });
    expect(await write('overwrite', [{ city: 'c9' }])).toMatchObject({ commit: { version: 7, rowsDeleted: 2 } });
    expect(await json('restore', '--to', '6')).toMatchObject({ commit: { version: 8 } });

    const byCity = (a: { readonly city: string }, b: { readonly city: string }): number => (a.city < b.city ? -1 : 1);
    expect((await rowsOf('read')).toSorted(byCity)).toEqual([
      { city: 'c1', n: 10 },
      { city: 'c3', n: 3 },
    ]);
    expect(await rowsOf('read', '--as-of', '2', '--where', '{"column":"n","op":">","value":1}')).toEqual([{ city: 'c2', n: 2 }]);
    expect(await rowsOf('read', '--as-of', '7')).toEqual([{ city: 'c9', n: null }]);
    expect(await rowsOf('changes', '--after', '3', '--to', '4', '--keys', 'city')).toMatchObject([
      { city: 'c1', n: 1, _change_type: 'update_preimage' },
      { city: 'c1', n: 10, _change_type: 'update_postimage' },
    ]);
    expect((await rowsOf('history')).map(({ version, operation }) => `${version} ${operation}`)).toEqual([
      '8 restore',
      '7 overwrite',
      '6 optimize',
      '5 delete',
      '4 upsert',
      '3 append',
      '2 append',
      '1 append',
      '0 create',
    ]);
    expect(await rowsOf('files')).toMatchObject([{ rows: 2, deletionVector: null }]);
    expect(await json('describe')).toMatchObject({ location: path, version: 8, files: 1, rows: 2 });
    expect(await json('compatibility')).toMatchObject({ engines: expect.arrayContaining([expect.objectContaining({ name: 'delta-rs', write: true })]) });
    expect(await json('vacuum')).toMatchObject({ dryRun: true, files: 0 });
    expect(await json('verify')).toMatchObject({ ok: true, version: 8, findingCount: 0 });
    expect(await json('read', '--out', 'rows.parquet')).toMatchObject({ path: 'rows.parquet', rows: 2, version: 8 });
  });
});
