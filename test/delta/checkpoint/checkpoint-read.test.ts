/** Checkpoints in Parquet, read without an object a row: rows out of the ordinary, and rows that are wrong. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { utf8 } from '../../../lib/core/bytes.ts';
import { parseType, type Value } from '../../../lib/core/types.ts';
import { readCheckpoint, type CheckpointState } from '../../../lib/delta/checkpoint/checkpoint-read.ts';
import { FileColumns } from '../../../lib/delta/snapshot/file-columns.ts';
import { checkpointPath, commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { listLog } from '../../../lib/delta/snapshot/log-segment.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { emptyLog, METADATA, ownCommit, writeCommit, type LogFixture } from '../log-support.ts';

const codec = openParquetCodec();
const VECTOR = 'struct<storageType:string,pathOrInlineDv:string,offset:int,sizeInBytes:int,cardinality:bigint>';
const ADD = `struct<path:string,partitionValues:map<string,string>,size:bigint,modificationTime:bigint,dataChange:boolean,tags:map<string,string>,deletionVector:${VECTOR},stats:string>`;
const REMOVE = `struct<path:string,deletionTimestamp:bigint,dataChange:boolean,extendedFileMetadata:boolean,partitionValues:map<string,string>,size:bigint,deletionVector:${VECTOR}>`;
const COLUMNS = [
  { name: 'protocol', type: parseType('struct<minReaderVersion:int,minWriterVersion:int>'), nullable: true },
  { name: 'metaData', type: parseType('struct<id:string,schemaString:string,partitionColumns:array<string>>'), nullable: true },
  { name: 'add', type: parseType(ADD), nullable: true },
  { name: 'remove', type: parseType(REMOVE), nullable: true },
];

/** A table whose checkpoint of version 0 has these rows besides protocol and metadata, in row groups of two. */
async function checkpointOf(rows: { readonly adds?: readonly Value[]; readonly removes?: readonly Value[] }): Promise<LogFixture> {
  const log = emptyLog();
  const bytes = await codec.encode(
    batchOfRows(COLUMNS, [
      [[1, 2], null, null, null],
      [null, ['table-1', METADATA.schemaString, []], null, null],
      ...(rows.adds ?? []).map((add) => [null, null, add, null]),
      ...(rows.removes ?? []).map((remove) => [null, null, null, remove]),
    ]),
    { rowGroupRows: 2 },
  );
  await log.store.overwrite(checkpointPath('t', 0), bytes);
  return log;
}

async function read(log: LogFixture): Promise<CheckpointState> {
  const [checkpoint] = (await listLog(log.store, 't')).checkpoints;
  if (checkpoint === undefined) throw new Error('no checkpoint was written');
  return readCheckpoint({ store: log.store, codec }, 't', checkpoint);
}

const plain = (path: Value, more: { readonly [position: number]: Value } = {}): Value =>
  Object.assign([path, [], 5n, 6n, false, null, null, null] satisfies Value[], more);

describe('a checkpoint in Parquet', () => {
  it('is read into columns', async () => {
    expect((await read(await checkpointOf({ adds: [plain('a')] }))).files).toBeInstanceOf(FileColumns);
  });

  it('may have escaped, absolute and dotted paths, tags, deletion vectors, and members nobody has set', async () => {
    const log = await checkpointOf({
      adds: [
        plain('p=a%20b/x%231', { 1: [['p', 'a b']] }),
        plain(`${emptyLog().store.location}/t/abs.parquet`),
        plain('.hidden/é', { 4: null, 1: null }),
        plain('t', { 4: true, 5: [['k', null]], 7: '{"numRecords":1}' }),
        plain('v', { 6: ['u', 'x'.repeat(20), 1, 34, 2n] }),
        plain('a', { 2: 1n }),
        plain('a', { 2: 2n }),
      ],
      removes: [
        ['r%20s', 7n, true, true, [['p', null]], 8n, null],
        ['r2', null, null, null, null, null, null],
        ['r2', 9n, false, false, [], null, ['i', 'abcde', null, 4, 1n]],
      ],
    });
    const state = await read(log);
    const base = { kind: 'add', partitionValues: {}, size: 5, modificationTime: 6, dataChange: false };
    expect([...state.files.values()]).toEqual([
      { ...base, path: 'p=a b/x#1', partitionValues: { p: 'a b' } },
      { ...base, path: 'abs.parquet' },
      { ...base, path: '.hidden/é', dataChange: true },
      { ...base, path: 't', dataChange: true, tags: { k: null }, stats: '{"numRecords":1}' },
      { ...base, path: 'v', deletionVector: { storageType: 'u', pathOrInlineDv: 'x'.repeat(20), offset: 1, sizeInBytes: 34, cardinality: 2 } },
      { ...base, path: 'a', size: 2 },
    ]);
    expect([...state.tombstones]).toEqual([
      ['r s\0', { kind: 'remove', path: 'r s', deletionTimestamp: 7, dataChange: true, extendedFileMetadata: true, partitionValues: { p: null }, size: 8 }],
      ['r2\0', { kind: 'remove', path: 'r2', dataChange: true }],
      [
        'r2\0iabcde',
        {
          kind: 'remove',
          path: 'r2',
          deletionTimestamp: 9,
          dataChange: false,
          partitionValues: {},
          deletionVector: { storageType: 'i', pathOrInlineDv: 'abcde', sizeInBytes: 4, cardinality: 1 },
        },
      ],
    ]);
  });

  it.each([
    ['a path that climbs', plain('../x'), 'PATH_OUTSIDE_TABLE'],
    ['a path elsewhere', plain('s3://other/x'), 'PATH_OUTSIDE_TABLE'],
    ['a folder of the path left empty', plain('a//b'), 'PATH_OUTSIDE_TABLE'],
    ['a path with a broken escape', plain('a%2'), 'CHECKPOINT_CORRUPT'],
    ['no path', plain(null), 'CHECKPOINT_CORRUPT'],
    ['no size', plain('a', { 2: null }), 'CHECKPOINT_CORRUPT'],
    ['a size past what a double holds', plain('a', { 2: 9_007_199_254_740_993n }), 'CHECKPOINT_CORRUPT'],
    ['a deletion vector of no kind', plain('a', { 6: ['z', 'x', null, 1, 1n] }), 'CHECKPOINT_CORRUPT'],
  ])('refuses %s', async (_, row, code) => {
    await expect(read(await checkpointOf({ adds: [plain('ok'), row] }))).rejects.toMatchObject({ code });
  });

  it('names the row that is wrong', async () => {
    await expect(read(await checkpointOf({ adds: [plain('ok'), plain('a', { 2: null })] }))).rejects.toThrow(/add\.size to be a whole number.*line 4/);
  });

  it('whose columns are of other kinds is corrupt', async () => {
    const log = emptyLog();
    await log.store.overwrite(checkpointPath('t', 0), await codec.encode(batchOfRows([{ name: 'add', type: { kind: 'string' }, nullable: true }], [['x']])));
    await expect(read(log)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' });
  });

  it('takes a later commit on top', async () => {
    const log = await checkpointOf({ adds: [plain('a', { 7: '{"numRecords":1}' }), plain('b')] });
    await writeCommit(log.store, 0, [ownCommit(1)]);
    await log.store.overwrite(
      commitPath('t', 1),
      utf8(
        `${JSON.stringify({ commitInfo: { timestamp: 2, engineInfo: 'lakefold/0.1.0' } })}\n${JSON.stringify({ remove: { path: 'b', dataChange: true, deletionTimestamp: 2 } })}\n`,
      ),
    );
    const snapshot = await loadSnapshot({ store: log.store, codec }, 't');
    expect([[...snapshot.files.keys()], snapshot.files.get('a')?.stats, [...snapshot.tombstones.keys()]]).toEqual([['a'], '{"numRecords":1}', ['b\0']]);
  });
});
