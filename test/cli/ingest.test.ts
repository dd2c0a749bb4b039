/** `fg ingest` beyond what the route answers: queued rows, and how far a long load came. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ingestLargeFile } from '../../cli/ingest-large-file.ts';
import { openLocalStore } from '../../cli/local-store.ts';
import { batchOfRows } from '../../lib/core/batch.ts';
import { openParquetCodec } from '../support/embedded.ts';
import { lakefold, lakefoldJson, problem, temporaryFolder } from './cli-support.ts';

const GROUP = {
  name: 'delays',
  version: 1,
  primaryKey: ['origin'],
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'flights', type: 'int', nullable: true },
  ],
};

async function folderWithGroup(): Promise<string> {
  const cwd = await temporaryFolder();
  const store = await openLocalStore({ location: join(cwd, '.lakefold'), logSink: { write: () => true } });
  await store.projects.createGroup('default', GROUP);
  await store.close();
  return cwd;
}

describe('fg ingest', () => {
  it('--mode queued prints the job, which is done when the command ends', async () => {
    const cwd = await folderWithGroup();
    const rows = '{"origin":"SFO","flights":1}\n';
    const { job } = await lakefoldJson(['fg', 'ingest', 'delays', '--file', '-', '--format', 'ndjson', '--mode', 'queued', '--json'], { cwd, stdin: rows });
    expect([job.type, job.state, job.result]).toEqual(['rows', 'QUEUED', null]);
    const store = await openLocalStore({ location: join(cwd, '.lakefold') });
    const answer: unknown = await (await store.app.request(`/v1/projects/default/jobs/${job.id}`)).json();
    await store.close();
    expect(answer).toMatchObject({ id: job.id, state: 'SUCCEEDED', result: { commit: { version: 1, rowsInserted: 1 } } });
  });

  it('tells where a person looks which job it is', async () => {
    const cwd = await folderWithGroup();
    const rows = '{"origin":"SFO","flights":1}\n';
    const { stdout } = await lakefold(['fg', 'ingest', 'delays', '--file', '-', '--format', 'ndjson', '--mode', 'queued'], { cwd, stdin: rows, tty: 'yes' });
    expect(stdout).toMatch(/queued as job jb_[0-9A-Z]{26}/);
  });

  it('refuses a mode there is not', async () => {
    const result = await lakefold(['fg', 'ingest', 'delays', '--file', '-', '--format', 'ndjson', '--mode', 'later', '--json'], {
      cwd: await folderWithGroup(),
      stdin: '',
    });
    expect([result.code, result.stdout, problem(result).code]).toEqual([2, '', 'INVALID_ARGUMENT']);
  });
});

describe('a large file', () => {
  it('tells how many rows of how many were read, row group by row group', async () => {
    const cwd = await folderWithGroup();
    const store = await openLocalStore({ location: join(cwd, '.lakefold') });
    const codec = openParquetCodec();
    const columns = [
      { name: 'origin', type: { kind: 'string' }, nullable: false },
      { name: 'flights', type: { kind: 'int' }, nullable: true },
    ] as const;
    const bytes = await codec.encode(
      batchOfRows(
        columns,
        Array.from({ length: 5 }, (_, i) => [`k${i}`, i]),
      ),
      { rowGroupRows: 2 },
    );
    await writeFile(join(cwd, 'rows.parquet'), bytes);
    const told: [number, number][] = [];
    const { body } = await ingestLargeFile(
      { store, project: 'default' },
      {
        name: 'delays',
        version: 1,
        rows: { format: 'parquet', mediaType: 'application/vnd.apache.parquet', bytes },
        key: 'k',
        query: { operation: undefined, wait: undefined, timezone: undefined, ignoreUnknown: undefined, allowEmpty: undefined },
        onProgress: (done, total) => told.push([done, total]),
      },
    );
    await store.close();
    expect([told, body['received']]).toEqual([
      [
        [2, 5],
        [4, 5],
        [5, 5],
      ],
      5,
    ]);
  });
});
