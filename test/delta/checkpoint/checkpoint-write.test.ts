/** Checkpoints of large tables: row groups, sorted; V2 with sidecars; statistics in the forms a table asks for. */
import { describe, expect, it } from 'vitest';
import { decodeUtf8 } from '../../../lib/core/bytes.ts';
import { CHECKPOINT_GROUP_ROWS_MIN } from '../../../lib/core/limits.ts';
import { formatType } from '../../../lib/core/types.ts';
import type { Action, AddFile, Metadata } from '../../../lib/delta/actions/actions.ts';
import { writeCheckpoint, type CheckpointOptions, type WrittenCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { PARTITION_COLUMN } from '../../../lib/delta/checkpoint/checkpoint-rows.ts';
import { checkpointPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { replay } from '../../../lib/delta/snapshot/replay.ts';
import { applyCommit, loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { plainValueAt } from '../../../lib/core/raw-column.ts';
import { sourceOf } from '../../contract/table-codec.contract.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { add, emptyLog, METADATA, ownCommit, PROTOCOL, remove, vector, writeCommit, type LogFixture } from '../log-support.ts';

const codec = openParquetCodec();
const DAYS: Metadata = {
  ...METADATA,
  schemaString: JSON.stringify({
    type: 'struct',
    fields: [
      { name: 'day', type: 'date', nullable: true, metadata: {} },
      { name: 'k', type: 'long', nullable: true, metadata: {} },
      { name: 's', type: { type: 'struct', fields: [{ name: 'at', type: 'timestamp', nullable: true, metadata: {} }] }, nullable: true, metadata: {} },
      { name: 'd', type: 'decimal(20,2)', nullable: true, metadata: {} },
    ],
  }),
  partitionColumns: ['day'],
};
const WITH_V2 = { ...PROTOCOL, minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['v2Checkpoint'], writerFeatures: ['v2Checkpoint'] };

const fileOfDay = (i: number, more: Partial<AddFile> = {}): AddFile =>
  add(`day=${i % 7}/f${i}`, { partitionValues: { day: `2024-01-0${1 + (i % 7)}` }, stats: `{"numRecords":${i}}`, dataChange: false, ...more });

function tableOf(actions: readonly Action[], metadata: Metadata = DAYS, protocol: typeof PROTOCOL = PROTOCOL): Snapshot {
  return replay(undefined, [{ version: 0, actions: [ownCommit(1), protocol, metadata, ...actions] }], new Map());
}

/** Writes it beside its commit and loads the table from there. */
async function throughCheckpoint(
  snapshot: Snapshot,
  options: CheckpointOptions = {},
): Promise<{ readonly log: LogFixture; readonly written: WrittenCheckpoint; readonly loaded: Snapshot }> {
  const log = emptyLog();
  await writeCommit(log.store, 0, [ownCommit(1)]);
  const deps = { ...log, codec };
  const written = await writeCheckpoint(deps, 't', snapshot, options);
  return { log, written, loaded: await loadSnapshot(deps, 't', { version: 0 }) };
}

const byPath = (files: Iterable<AddFile>): AddFile[] => [...files].toSorted((a, b) => (a.path < b.path ? -1 : 1));

describe('a checkpoint of many files', () => {
  const count = CHECKPOINT_GROUP_ROWS_MIN * 2;
  const files = Array.from({ length: count }, (_, i) => fileOfDay(i, i % 100 === 0 ? { deletionVector: vector(String(i)), tags: { t: 'x' } } : {}));

  it('comes in row groups, sorted by partition values and path, and reads back whole', async () => {
    const { log, loaded, written } = await throughCheckpoint(tableOf([...files, remove('gone', { deletionTimestamp: 999_999_999 })]));
    expect(byPath(loaded.files.values())).toEqual(byPath(files));
    const bytes = (await log.store.get(checkpointPath('t', 0)))?.bytes ?? new Uint8Array();
    expect(written).toEqual({ version: 0, kind: 'classic', parts: 1, bytes: bytes.length });
    const groups = (await codec.rowGroups(sourceOf(bytes)))?.groups ?? [];
    expect(groups.map(({ rowCount }) => rowCount)).toEqual([2, CHECKPOINT_GROUP_ROWS_MIN, CHECKPOINT_GROUP_ROWS_MIN, 1]);
    const days: string[] = [];
    for (const group of groups) {
      const [raw] = await (await group.fetch({ columns: [PARTITION_COLUMN] })).raw();
      for (let row = 0; raw !== undefined && row < raw.length; row += 1) {
        const value = plainValueAt(raw, row) as { readonly partitionValues: { readonly day: string } } | null;
        if (value !== null) days.push(value.partitionValues.day);
      }
    }
    expect(days).toEqual(days.toSorted());
    expect(days).toHaveLength(count);
  });

  it('is carried over from the one before, statistics and all, with what changed since', async () => {
    const { loaded } = await throughCheckpoint(tableOf(files));
    const later = applyCommit(loaded, {
      version: 1,
      actions: [ownCommit(2), remove(files[5]?.path ?? ''), add('new', { partitionValues: { day: null }, stats: '{}' })],
    });
    const log = emptyLog();
    const deps = { ...log, codec };
    await writeCheckpoint(deps, 't', later);
    await writeCommit(log.store, 1, [ownCommit(2)]);
    const again = await loadSnapshot(deps, 't');
    expect(byPath(again.files.values())).toEqual(
      byPath([...files.filter((_, i) => i !== 5), add('new', { partitionValues: { day: null }, stats: '{}', dataChange: false })]),
    );
    expect([...again.tombstones.keys()]).toEqual([`${files[5]?.path}\0`]);
  });
});

describe('a V2 checkpoint', () => {
  const files = Array.from({ length: 25 }, (_, i) => fileOfDay(i));
  const actions: readonly Action[] = [
    ...files,
    remove('gone', { deletionTimestamp: 999_999_999, dataChange: false }),
    { kind: 'txn', appId: 'stream', version: 3 },
    { kind: 'domainMetadata', domain: 'd', configuration: '{}', removed: false },
  ];
  const options = { v2FilesMin: 20, sidecarRowsMax: 10 };

  it('is written for many files where the table has the feature, with sidecars of bounded size', async () => {
    const { log, written, loaded } = await throughCheckpoint(tableOf(actions, DAYS, WITH_V2), options);
    const names: string[] = [];
    let bytes = 0;
    for await (const info of log.store.list('t/_delta_log/')) {
      names.push(info.path.slice('t/_delta_log/'.length).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID'));
      if (info.path.includes('checkpoint.') || info.path.includes('_sidecars/')) bytes += info.sizeBytes;
    }
    expect(names).toEqual([
      '00000000000000000000.checkpoint.UUID.json',
      '00000000000000000000.json',
      '_last_checkpoint',
      ...Array.from({ length: 4 }, () => '_sidecars/UUID.parquet'),
    ]);
    expect(written).toEqual({ version: 0, kind: 'v2', parts: 4, bytes });
    expect([byPath(loaded.files.values()), [...loaded.tombstones.values()], [...loaded.txns.keys()], [...loaded.domains.keys()], loaded.protocol]).toEqual([
      byPath(files),
      [remove('gone', { deletionTimestamp: 999_999_999, dataChange: false })],
      ['stream'],
      ['d'],
      WITH_V2,
    ]);
    expect(loaded.checkpointVersion).toBe(0);
  });

  it('written again is the same files', async () => {
    const snapshot = tableOf(actions, DAYS, WITH_V2);
    const { log } = await throughCheckpoint(snapshot, options);
    const listed = async (): Promise<string[]> => {
      const paths: string[] = [];
      for await (const { path } of log.store.list('t/')) paths.push(path);
      return paths;
    };
    const before = await listed();
    log.setNow(5000);
    await writeCheckpoint({ ...log, codec }, 't', snapshot, options);
    expect(await listed()).toEqual(before);
  });

  it('is not written without the feature, nor for few files', async () => {
    expect([
      (await throughCheckpoint(tableOf(actions), options)).written.kind,
      (await throughCheckpoint(tableOf(actions, DAYS, WITH_V2))).written.kind,
    ]).toEqual(['classic', 'classic']);
  });
});

describe('statistics in a checkpoint', () => {
  const stats =
    '{"numRecords":3,"minValues":{"k":-9007199254740993,"s":{"at":"2024-01-01T00:00:00.001Z"},"d":-1.50},"maxValues":{"k":9007199254740993,"s":{"at":"2024-01-02T00:00:00.000Z"},"d":12345678901234567.25},"nullCount":{"k":0,"s":{"at":1},"d":2},"tightBounds":true}';
  const configured = (json: string, struct: string): Metadata => ({
    ...DAYS,
    configuration: { 'delta.checkpoint.writeStatsAsJson': json, 'delta.checkpoint.writeStatsAsStruct': struct },
  });
  const columnsOf = async (log: LogFixture): Promise<string> => {
    const bytes = (await log.store.get(checkpointPath('t', 0)))?.bytes ?? new Uint8Array();
    const { columns } = await codec.describe(sourceOf(bytes));
    return columns.filter(({ name }) => name === 'add').map(({ type }) => formatType(type))[0] ?? '';
  };

  it.each([
    ['true', 'true'],
    ['false', 'true'],
  ])('as JSON %s, as a struct %s, are read back as they were', async (json, struct) => {
    const { log, loaded } = await throughCheckpoint(tableOf([fileOfDay(1, { stats }), fileOfDay(2, { stats: undefined })], configured(json, struct)));
    expect([...loaded.files.values()].map((file) => [file.path, file.stats])).toEqual([
      ['day=1/f1', stats],
      ['day=2/f2', undefined],
    ]);
    const columns = await columnsOf(log);
    expect([
      columns.includes('partitionValues_parsed:struct<day:date>'),
      columns.includes('stats_parsed:struct<numRecords:bigint,minValues:struct<k:bigint'),
    ]).toEqual([true, true]);
  });

  it('in neither form are left out', async () => {
    const { log, loaded } = await throughCheckpoint(tableOf([fileOfDay(1, { stats })], configured('false', 'false')));
    expect([[...loaded.files.values()].map((file) => file.stats), (await columnsOf(log)).includes('_parsed')]).toEqual([[undefined], false]);
  });
});

describe('the pointer', () => {
  it('counts the actions of a checkpoint and the bytes of all its files', async () => {
    const { log, written } = await throughCheckpoint(tableOf([fileOfDay(1), fileOfDay(2)], DAYS, WITH_V2), { v2FilesMin: 1, sidecarRowsMax: 1 });
    const pointer = JSON.parse(decodeUtf8((await log.store.get(lastCheckpointPath('t')))?.bytes ?? new Uint8Array()) ?? '');
    expect(pointer).toMatchObject({ version: 0, size: 4, sizeInBytes: written.bytes, numOfAddFiles: 2 });
  });
});
