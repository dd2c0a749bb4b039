import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { decodeUtf8, utf8 } from '../../../lib/core/bytes.ts';
import { IDEMPOTENCY_KEPT_MILLIS } from '../../../lib/core/limits.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { parseType } from '../../../lib/core/types.ts';
import type { Action, RemoveFile, Txn } from '../../../lib/delta/actions/actions.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { readLastCheckpoint } from '../../../lib/delta/checkpoint/last-checkpoint.ts';
import { readCheckpoint, type CheckpointState } from '../../../lib/delta/checkpoint/checkpoint-read.ts';
import { listLog } from '../../../lib/delta/snapshot/log-segment.ts';
import { checkpointPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { replay } from '../../../lib/delta/snapshot/replay.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { add, emptyLog, METADATA, ownCommit, PROTOCOL, remove, vector, type LogFixture } from '../log-support.ts';

const WEEK = 7 * 86_400_000;
const PARQUET = openParquetCodec();

function snapshotOf(actions: readonly Action[], more: Partial<Snapshot> = {}): Snapshot {
  return { ...replay(undefined, [{ version: 0, actions: [ownCommit(1), ...actions] }], new Map()), ...more };
}

/** Everything an action can carry. */
const FULL = snapshotOf([
  { kind: 'protocol', minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'], writerFeatures: ['deletionVectors', 'domainMetadata'] },
  { ...METADATA, name: 'n', description: 'ü', partitionColumns: ['v'], configuration: { 'delta.checkpointInterval': '10' }, createdTime: 7 },
  { kind: 'txn', appId: 'stream', version: 9007199254740991, lastUpdated: 3 },
  { kind: 'txn', appId: 'other', version: 1 },
  { kind: 'domainMetadata', domain: 'foreign', configuration: '{"a":1}', removed: false },
  add('v=a b/x#1', { partitionValues: { v: 'a b' }, stats: '{"numRecords":9007199254740993}', tags: { t: null, u: 'x' }, deletionVector: vector('1', 3) }),
  add('plain', { partitionValues: { v: null } }),
  remove('gone', {
    deletionTimestamp: 900,
    extendedFileMetadata: true,
    partitionValues: { v: 'g' },
    size: 12,
    deletionVector: { storageType: 'i', pathOrInlineDv: 'abcde', sizeInBytes: 4, cardinality: 1 },
  }),
]);

async function written(snapshot: Snapshot, fixture: Pick<LogFixture, 'store' | 'clock'> & { readonly codec: LogFixture['codec'] }): Promise<CheckpointState> {
  await writeCheckpoint(fixture, 't', snapshot);
  const [files] = (await listLog(fixture.store, 't')).checkpoints;
  if (files === undefined) throw new Error('no checkpoint was written');
  return readCheckpoint(fixture, 't', files);
}

const contents = (state: Pick<CheckpointState, keyof CheckpointState>): unknown => ({
  protocol: state.protocol,
  metadata: state.metadata,
  files: [...state.files.values()],
  tombstones: [...state.tombstones.values()],
  txns: [...state.txns.values()],
  domains: [...state.domains.values()],
});

describe.each([
  ['NDJSON', undefined],
  ['Parquet', PARQUET],
])('a checkpoint in %s', (_, codec) => {
  const fixture = (): LogFixture => ({ ...emptyLog(), ...(codec === undefined ? {} : { codec }) });

  it('reads back every member of every action', async () => {
    const byPath = (a: { readonly path: string }, b: { readonly path: string }): number => (a.path < b.path ? -1 : 1);
    expect(contents(await written(FULL, fixture()))).toEqual({
      protocol: FULL.protocol,
      metadata: FULL.metadata,
      domains: [...FULL.domains.values()],
      files: [...FULL.files.values()].map((file) => ({ ...file, dataChange: false })).toSorted(byPath),
      tombstones: [...FULL.tombstones.values()].map((file) => ({ ...file, dataChange: false })),
      txns: [...FULL.txns.values()].toSorted((a, b) => (a.appId < b.appId ? -1 : 1)),
    });
  });

  it('of a table without features has the old protocol', async () => {
    expect((await written(snapshotOf([PROTOCOL, METADATA]), fixture())).protocol).toEqual(PROTOCOL);
  });

  it('cut short is corrupt', async () => {
    const log = fixture();
    await written(FULL, log);
    const whole = (await log.store.get(checkpointPath('t', 0)))?.bytes ?? new Uint8Array();
    await log.store.overwrite(checkpointPath('t', 0), whole.subarray(0, whole.length - 20));
    const [files] = (await listLog(log.store, 't')).checkpoints;
    await expect(files === undefined ? undefined : readCheckpoint(log, 't', files)).rejects.toMatchObject({
      code: 'CHECKPOINT_CORRUPT',
      context: { version: 0 },
    });
  });
});

describe('writing a checkpoint', () => {
  it('points at it, and never back to an older one', async () => {
    const log = emptyLog();
    await log.store.overwrite(lastCheckpointPath('t'), utf8('{"version":0}'));
    const outcome = await writeCheckpoint(log, 't', { ...FULL, version: replay(FULL, [{ version: 1, actions: [] }], new Map()).version });
    expect(outcome).toEqual({ version: 1, kind: 'classic', parts: 1, bytes: (await log.store.head(checkpointPath('t', 1)))?.sizeBytes });
    expect(JSON.parse(decodeUtf8((await log.store.get(lastCheckpointPath('t')))?.bytes ?? new Uint8Array()) ?? '')).toEqual({
      'lakefold.crc32': expect.stringMatching(/^[0-9a-f]{8}$/),
      version: 1,
      size: 8,
      sizeInBytes: outcome.bytes,
      numOfAddFiles: 2,
      tags: { 'lakefold.checkpoint': '00000000000000000001.checkpoint.parquet' },
    });
    await writeCheckpoint(log, 't', FULL);
    expect(await readLastCheckpoint(log.store, 't')).toEqual({ version: 1, name: '00000000000000000001.checkpoint.parquet', modifiedAt: 1000 });
  });

  it('leaves one that is there alone', async () => {
    const log = emptyLog();
    await log.store.overwrite(checkpointPath('t', 0), utf8('theirs'));
    expect(await writeCheckpoint(log, 't', FULL)).toEqual({ version: 0, kind: 'classic', parts: 1, bytes: 6 });
    expect(decodeUtf8((await log.store.get(checkpointPath('t', 0)))?.bytes ?? new Uint8Array())).toBe('theirs');
  });

  it('gives equal bytes for equal states, however they were reached', async () => {
    const actions = fc.shuffledSubarray<Action>(
      [add('a'), add('b'), add('c'), remove('x'), remove('y'), { kind: 'txn', appId: 'p', version: 1 }, { kind: 'txn', appId: 'q', version: 1 }],
      { minLength: 7 },
    );
    const bytesOf = async (list: readonly Action[]): Promise<Uint8Array | undefined> => {
      const log = emptyLog();
      await writeCheckpoint(log, 't', snapshotOf([PROTOCOL, METADATA, ...list]));
      return (await log.store.get(checkpointPath('t', 0)))?.bytes;
    };
    await fc.assert(
      fc.asyncProperty(actions, actions, async (a, b) => {
        expect(await bytesOf(a)).toEqual(await bytesOf(b));
      }),
      { numRuns: 20 },
    );
  });

  it('drops tombstones past their retention and those without a time', async () => {
    const log = emptyLog();
    log.setNow(WEEK + 1000);
    const tombstone = (path: string, deletionTimestamp: number): RemoveFile => remove(path, { deletionTimestamp });
    const timeless: RemoveFile = { kind: 'remove', path: objectPath('timeless'), dataChange: true };
    const removed = [tombstone('old', 1000), tombstone('young', 1001), timeless];
    expect([...(await written(snapshotOf([PROTOCOL, METADATA, ...removed]), log)).tombstones.values()].map(({ path }) => path)).toEqual(['young']);
    const shorter = { ...METADATA, configuration: { 'delta.deletedFileRetentionDuration': 'interval 1 second' } };
    const later = emptyLog();
    later.setNow(2500);
    expect(
      [...(await written(snapshotOf([PROTOCOL, shorter, tombstone('a', 1500), tombstone('b', 1501)]), later)).tombstones.values()].map(({ path }) => path),
    ).toEqual(['b']);
  });

  it('drops idempotency keys that not even a queued write asks for any more, never streams or foreign transactions', async () => {
    const log = emptyLog();
    log.setNow(IDEMPOTENCY_KEPT_MILLIS + 1000);
    const txn = (appId: string, lastUpdated: number): Txn => ({ kind: 'txn', appId, version: 1, lastUpdated });
    const txns = [txn('lakefold/r/old', 999), txn('lakefold/r/young', 1000), txn('lakefold/s/old', 1), txn('spark', 1)];
    expect([...(await written(snapshotOf([PROTOCOL, METADATA, ...txns]), log)).txns.keys()]).toEqual(['lakefold/r/young', 'lakefold/s/old', 'spark']);
  });
});

describe('checkpoints of others', () => {
  it('may keep their adds in sidecars of a JSON checkpoint, with statistics as a struct', async () => {
    const log = emptyLog();
    const uuid = '6374b053-df23-479b-b2cf-c9c550132b49';
    const top = [
      { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['v2Checkpoint'], writerFeatures: ['v2Checkpoint'] } },
      { metaData: { ...METADATA, kind: undefined } },
      { checkpointMetadata: { version: 0 } },
      { sidecar: { path: 's1.parquet', sizeInBytes: 1, modificationTime: 1 } },
    ];
    await log.store.overwrite(
      objectPath(`t/_delta_log/00000000000000000000.checkpoint.${uuid}.json`),
      utf8(top.map((line) => `${JSON.stringify(line)}\n`).join('')),
    );
    const type = parseType(
      'struct<path:string,partitionValues:map<string,string>,size:bigint,modificationTime:bigint,dataChange:boolean,stats_parsed:struct<numRecords:bigint,minValues:struct<k:bigint,v:string>,maxValues:struct<k:bigint,v:string>,nullCount:struct<k:bigint,v:bigint>>>',
    );
    const row = [['a%20b', [], 5n, 6n, false, [2n, [1n, 'x'], [9007199254740993n, null], [0n, 1n]]]];
    await log.store.overwrite(
      objectPath('t/_delta_log/_sidecars/s1.parquet'),
      await PARQUET.encode(batchOfRows([{ name: 'add', type, nullable: true }], [row])),
    );
    const snapshot = await loadSnapshot({ ...log, codec: PARQUET }, 't');
    expect([...snapshot.files.values()]).toEqual([
      add('a b', {
        size: 5,
        modificationTime: 6,
        dataChange: false,
        stats: '{"numRecords":2,"minValues":{"k":1,"v":"x"},"maxValues":{"k":9007199254740993},"nullCount":{"k":0,"v":1}}',
      }),
    ]);
  });
});
