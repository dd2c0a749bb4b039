import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { lakefold, lakefoldJson, lines, problem, temporaryFolder } from './cli-support.ts';

const COLUMNS = [
  { name: 'id', type: 'int' },
  { name: 'Label', type: 'string', nullable: true, description: 'a word' },
  { name: 'part', type: 'string', nullable: true },
];

async function table(rows = '{"id":1,"Label":"a","part":"x"}\n{"id":2,"Label":null,"part":"y"}\n'): Promise<string> {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'columns.json'), JSON.stringify(COLUMNS));
  await lakefoldJson(['table', 'create', 't', '--schema', 'columns.json', '--partition-by', 'part'], { cwd });
  if (rows !== '') await lakefoldJson(['table', 'append', 't', '--file', '-', '--format', 'ndjson'], { cwd, stdin: rows });
  return cwd;
}

const read = async (cwd: string, ...options: string[]): Promise<readonly unknown[]> =>
  lines((await lakefold(['table', 'read', 't', ...options], { cwd })).stdout);

describe('table create', () => {
  it('makes an empty table and describes it', async () => {
    const cwd = await table('');

    expect(await lakefoldJson(['table', 'describe', 't'], { cwd })).toEqual({
      location: pathToFileURL(join(cwd, 't')).href,
      version: 0,
      protocol: {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ['deletionVectors'],
        writerFeatures: ['deletionVectors', 'appendOnly', 'invariants'],
      },
      schema: [
        { name: 'id', type: 'int', nullable: false },
        { name: 'Label', type: 'string', nullable: true, description: 'a word' },
        { name: 'part', type: 'string', nullable: true },
      ],
      partitionColumns: ['part'],
      properties: { 'delta.enableDeletionVectors': 'true' },
      files: 0,
      rows: 0,
      bytes: 0,
      createdAt: expect.stringMatching(/Z$/),
      latestCommit: 0,
    });
  });

  it.each([
    ['[]', 'INVALID_ARGUMENT', /^expected a list of 1 to 1000 columns/],
    ['[{"name":"a b","type":"int"}]', 'INVALID_ARGUMENT', /^expected a column name without spaces/],
    ['[{"name":"a","type":"integer"}]', 'INVALID_ARGUMENT', /position 0 of type "integer"/],
    ['[{"name":"a","type":"int","unit":"s"}]', 'UNKNOWN_FIELD', /found "unit"/],
    ['[{"name":"a","type":"int"},{"name":"A","type":"int"}]', 'INVALID_ARGUMENT', /found "A" again/],
    ['{', 'MALFORMED_JSON', /^expected /],
  ])('refuses the schema %s', async (schema, code, detail) => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 's.json'), schema);
    const result = await lakefold(['table', 'create', 't', '--schema', 's.json'], { cwd });

    expect(problem(result)).toMatchObject({ code, detail: expect.stringMatching(detail) });
    expect(await readdir(cwd)).toEqual(['s.json']);
  });

  it('refuses a folder that is a table already', async () => {
    const cwd = await table();
    const result = await lakefold(['table', 'create', 't', '--schema', 'columns.json'], { cwd });

    expect({ code: result.code, problem: problem(result).code }).toEqual({ code: 1, problem: 'ALREADY_EXISTS' });
  });
});

describe('table writes', () => {
  it('upsert by keys, delete by filter, overwrite, restore, each as one commit', async () => {
    const cwd = await table();
    const upserted = await lakefoldJson(['table', 'upsert', 't', '--keys', 'id', '--file', '-', '--format', 'csv'], {
      cwd,
      stdin: 'id,Label,part\n2,b,y\n3,c,\n',
    });
    expect(upserted).toEqual({
      location: pathToFileURL(join(cwd, 't')).href,
      received: 2,
      commit: {
        version: 2,
        committedAt: expect.any(String),
        operation: 'upsert',
        rowsInserted: 1,
        rowsUpdated: 1,
        rowsDeleted: 0,
        dedupedInBatch: 0,
        stale: 0,
        rejected: 0,
        alreadyApplied: false,
      },
    });
    expect((await lakefoldJson(['table', 'delete', 't', '--where', '{"column":"id","op":"=","value":1}'], { cwd })).commit).toMatchObject({
      version: 3,
      rowsDeleted: 1,
    });
    expect(await lakefoldJson(['table', 'delete', 't', '--where', '{"column":"id","op":"=","value":1}'], { cwd })).toMatchObject({ commit: null });
    expect((await lakefoldJson(['table', 'overwrite', 't', '--file', '-', '--format', 'json'], { cwd, stdin: '{"rows":[{"id":9}]}' })).commit).toMatchObject({
      version: 4,
      rowsInserted: 1,
      rowsDeleted: 2,
    });
    expect((await lakefoldJson(['table', 'restore', 't', '--to', '1'], { cwd })).commit).toMatchObject({ version: 5, operation: 'restore' });

    expect(await read(cwd)).toEqual([
      { id: 1, Label: 'a', part: 'x' },
      { id: 2, Label: null, part: 'y' },
    ]);
    expect(await read(cwd, '--as-of', '4')).toEqual([{ id: 9, Label: null, part: null }]);
    expect(
      lines((await lakefold(['table', 'history', 't', '--limit', '3'], { cwd })).stdout).map((commit) => [
        commit.version,
        commit.operation,
        commit.engineOperation,
      ]),
    ).toEqual([
      [5, 'restore', 'RESTORE'],
      [4, 'overwrite', 'WRITE'],
      [3, 'delete', 'DELETE'],
    ]);
  });

  it('refuse faulty rows whole with exit code 3', async () => {
    const cwd = await table();
    const result = await lakefold(['table', 'append', 't', '--file', '-', '--format', 'ndjson'], {
      cwd,
      stdin: '{"id":5}\n{"id":"six"}\n{"id":7,"extra":1}\n{"Label":"x"}\n',
    });

    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 3, stdout: '' });
    expect(problem(result).errors.map(({ row, feature, code }: { row: number; feature: string; code: string }) => [row, feature, code])).toEqual([
      [1, 'id', 'TYPE_MISMATCH'],
      [2, 'extra', 'UNKNOWN_FEATURE'],
      [3, 'id', 'NULL_NOT_ALLOWED'],
    ]);
    expect(await read(cwd)).toHaveLength(2);
  });

  it('refuse to empty a table, and keys it lacks', async () => {
    const cwd = await table();
    expect(problem(await lakefold(['table', 'overwrite', 't', '--file', '-', '--format', 'ndjson'], { cwd })).code).toBe('EMPTY_OVERWRITE');
    expect(
      problem(await lakefold(['table', 'upsert', 't', '--keys', 'nope', '--file', '-', '--format', 'ndjson'], { cwd, stdin: '{"id":1}\n' })),
    ).toMatchObject({ code: 'UNKNOWN_FEATURE', column: 'nope' });
    expect((await lakefoldJson(['table', 'overwrite', 't', '--allow-empty', '--file', '-', '--format', 'ndjson'], { cwd })).commit).toMatchObject({
      rowsDeleted: 2,
    });
  });
});

describe('table reads', () => {
  it('narrow columns and rows, by path or file URL', async () => {
    const cwd = await table();

    expect(await read(cwd, '--columns', 'Label,id', '--where', '{"column":"part","op":"=","value":"x"}')).toEqual([{ Label: 'a', id: 1 }]);
    expect((await lakefoldJson(['table', 'describe', pathToFileURL(join(cwd, 't')).href], { cwd: '/' })).rows).toBe(2);
  });

  it('write files that can be appended again', async () => {
    const cwd = await table();
    expect(await lakefoldJson(['table', 'read', 't', '--out', 'rows.parquet'], { cwd })).toMatchObject({ path: 'rows.parquet', rows: 2, version: 1 });
    await lakefoldJson(['table', 'append', 't', '--file', 'rows.parquet'], { cwd });
    await lakefoldJson(['table', 'read', 't', '--format', 'csv', '--out', 'rows.csv'], { cwd });

    expect(await readFile(join(cwd, 'rows.csv'), 'utf8')).toBe('id,Label,part\r\n1,a,x\r\n2,,y\r\n1,a,x\r\n2,,y\r\n');
    expect((await readdir(cwd)).sort()).toEqual(['columns.json', 'rows.csv', 'rows.parquet', 't']);
  });

  it('write Arrow streams, for a file or a pipe', async () => {
    const cwd = await table();
    expect(await lakefoldJson(['table', 'read', 't', '--columns', 'id,Label', '--out', 'rows.arrow'], { cwd })).toMatchObject({ path: 'rows.arrow', rows: 2 });
    const rows = tableFromIPC(await readFile(join(cwd, 'rows.arrow')));
    expect(rows.toArray().map((row) => ({ ...row }))).toEqual([
      { id: 1, Label: 'a' },
      { id: 2, Label: null },
    ]);
    await lakefoldJson(['table', 'changes', 't', '--format', 'arrow', '--out', 'changes'], { cwd });
    const changes = tableFromIPC(await readFile(join(cwd, 'changes')));
    expect(changes.schema.fields.map(({ name }) => name)).toEqual(['id', 'Label', 'part', '_change_type', '_commit_version', '_commit_timestamp']);
    expect((await lakefold(['table', 'read', 't', '--format', 'arrow'], { cwd, tty: 'yes' })).code).toBe(2);
  });

  it('list files with their partition, statistics and deletions', async () => {
    const cwd = await table('{"id":1,"Label":"a","part":"x"}\n{"id":2,"Label":"b","part":"x"}\n');
    await lakefoldJson(['table', 'delete', 't', '--where', '{"column":"id","op":"=","value":2}'], { cwd });

    expect(lines((await lakefold(['table', 'files', 't'], { cwd })).stdout)).toEqual([
      {
        path: expect.stringMatching(/^part=x\/part-.*\.parquet$/),
        size: expect.any(Number),
        rows: 1,
        partitionValues: { part: 'x' },
        deletionVector: { cardinality: 1 },
        stats: {
          numRecords: 2,
          minValues: { id: 1, Label: 'a' },
          maxValues: { id: 2, Label: 'b' },
          nullCount: { id: 0, Label: 0 },
          tightBounds: expect.any(Boolean),
        },
      },
    ]);
  });

  it('tell where there is no table and make none', async () => {
    const cwd = await temporaryFolder();
    const result = await lakefold(['table', 'read', 'nope'], { cwd });

    expect({ code: result.code, problem: problem(result).code }).toEqual({ code: 1, problem: 'TABLE_NOT_FOUND' });
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe('table maintenance', () => {
  it('checkpoints, packs and finds nothing to vacuum in a young table', async () => {
    const cwd = await table();
    await lakefoldJson(['table', 'append', 't', '--file', '-', '--format', 'ndjson'], { cwd, stdin: '{"id":3,"part":"x"}\n' });

    expect(await lakefoldJson(['table', 'optimize', 't', '--dry-run'], { cwd })).toMatchObject({
      commit: null,
      filesRemoved: 2,
      filesAdded: 1,
      bytesWritten: 0,
    });
    expect(await lakefoldJson(['table', 'optimize', 't'], { cwd })).toMatchObject({
      commit: { version: 3, operation: 'optimize' },
      filesRemoved: 2,
      filesAdded: 1,
    });
    expect(await lakefoldJson(['table', 'checkpoint', 't'], { cwd })).toEqual({ version: 3, kind: 'classic', parts: 1, bytes: expect.any(Number) });
    expect(await lakefoldJson(['table', 'vacuum', 't'], { cwd })).toEqual({ dryRun: true, files: 0, bytes: 0, oldestReadable: 0, paths: [], complete: true });
    expect(problem(await lakefold(['table', 'vacuum', 't', '--retention', 'PT1H', '--no-dry-run'], { cwd })).code).toBe('RETENTION_TOO_SHORT');
    const stray = join(cwd, 't', 'part-stray.parquet');
    await writeFile(stray, 'x');
    const longAgo = new Date(Date.now() - 2 * 86_400_000);
    await utimes(stray, longAgo, longAgo);
    const found = async (scope: string): Promise<unknown> => lakefoldJson(['table', 'vacuum', 't', '--scope', scope, '--no-dry-run'], { cwd });
    expect(await found('log')).toMatchObject({ files: 0 });
    expect(await found('full')).toMatchObject({ dryRun: false, files: 1, bytes: 1, paths: ['part-stray.parquet'] });
    expect(problem(await lakefold(['table', 'vacuum', 't', '--scope', 'folder'], { cwd })).code).toBe('INVALID_ARGUMENT');
    expect(await read(cwd)).toHaveLength(3);
  });
});
