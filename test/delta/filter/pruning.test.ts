/** Pruning by partition values: once a distinct tuple, before anything is known of a file's statistics. */
import { describe, expect, it } from 'vitest';
import { FILE_OBJECTS_KEPT_MAX } from '../../../lib/core/limits.ts';
import { objectPath } from '../../../lib/core/path.ts';
import type { AddFile, Metadata } from '../../../lib/delta/actions/actions.ts';
import { FileColumns } from '../../../lib/delta/snapshot/file-columns.ts';
import { ADD_FORM } from '../../../lib/delta/snapshot/file-forms.ts';
import type { Filter } from '../../../lib/delta/filter/filter.ts';
import { LazyStats } from '../../../lib/delta/statistics/lazy-stats.ts';
import { OverlayMap } from '../../../lib/delta/snapshot/overlay-map.ts';
import { PartitionTuples } from '../../../lib/delta/snapshot/partition-tuples.ts';
import { filesInPartitions, partitionTest } from '../../../lib/delta/filter/pruning.ts';
import { eachFileThatMayPass, filesThatMayPass } from '../../../lib/delta/rows/read.ts';
import { replay } from '../../../lib/delta/snapshot/replay.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import type { FetchedColumns } from '../../../lib/ports/table-codec.ts';
import { add, METADATA, ownCommit, PROTOCOL } from '../log-support.ts';

const PARTITIONED: Metadata = {
  ...METADATA,
  schemaString: JSON.stringify({
    type: 'struct',
    fields: [
      { name: 'day', type: 'date', nullable: true, metadata: { 'delta.columnMapping.physicalName': 'col-1', 'delta.columnMapping.id': 1 } },
      { name: 'n', type: 'long', nullable: true, metadata: { 'delta.columnMapping.physicalName': 'col-2', 'delta.columnMapping.id': 2 } },
    ],
  }),
  partitionColumns: ['day'],
  configuration: { 'delta.columnMapping.mode': 'name' },
};
const EMPTY = replay(undefined, [{ version: 0, actions: [ownCommit(1), { ...PROTOCOL, minReaderVersion: 2, minWriterVersion: 5 }, PARTITIONED] }], new Map());

const inDay = (path: string, day: string | null, stats?: string): AddFile =>
  add(path, { partitionValues: { 'col-1': day }, ...(stats === undefined ? {} : { stats }) });
const compare = (column: string, op: '=' | '!=' | '>=', value: number | bigint): Filter => ({ kind: 'compare', column, op, value });

/** Ten files a day; files come in turns of days. */
function manyFiles(days: number): FileColumns<AddFile> {
  const files = new FileColumns(ADD_FORM);
  for (let i = 0; i < days * 10; i += 1) {
    const file = inDay(`f${i}`, `1970-01-${String(2 + (i % days)).padStart(2, '0')}`, `{"numRecords":1,"minValues":{"col-2":${i}},"maxValues":{"col-2":${i}}}`);
    files.setFile(file.path, file);
  }
  return files;
}

describe('files in partitions', () => {
  it('are asked for once a distinct tuple, whatever lies on top', () => {
    const asked: string[] = [];
    const test = (values: Readonly<Record<string, string | null>>): boolean => {
      asked.push(values['col-1'] ?? 'null');
      return values['col-1'] === '1970-01-03';
    };
    const files = OverlayMap.of<AddFile>(manyFiles(5)).with(
      new Map<string, AddFile | undefined>([
        ['f1', undefined],
        ['f6', inDay('f6', '1970-01-03')],
        ['g', inDay('g', '1970-01-02')],
      ]),
    );
    expect([...filesInPartitions(files, test)].map(({ path }) => path)).toEqual(['f11', 'f16', 'f21', 'f26', 'f31', 'f36', 'f41', 'f46', 'f6']);
    expect(asked.toSorted()).toEqual(['1970-01-02', '1970-01-02', '1970-01-03', '1970-01-03', '1970-01-04', '1970-01-05', '1970-01-06']);
    expect([...filesInPartitions(new Map(files), test)]).toEqual([...filesInPartitions(files, test)]);
  });

  it('follow physical names, and pass where only other columns are asked', () => {
    const passes = (where: Filter, day: string | null): boolean => partitionTest(EMPTY, where)({ 'col-1': day });
    expect([passes(compare('day', '=', 1), '1970-01-02'), passes(compare('day', '=', 1), '1970-01-03'), passes(compare('day', '!=', 1), '1970-01-02')]).toEqual(
      [true, false, false],
    );
    expect([passes(compare('n', '=', 1n), '1970-01-02'), passes(compare('day', '=', 1), null), passes({ kind: 'isNull', column: 'day' }, null)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(passes({ kind: 'or', filters: [compare('day', '=', 1), compare('n', '=', 1n)] }, '1970-01-03')).toBe(true);
  });
});

describe('files that may pass', () => {
  it('are pruned by statistics after partitions', () => {
    const snapshot: Snapshot = { ...EMPTY, files: manyFiles(5) };
    const both: Filter = { kind: 'and', filters: [compare('day', '=', 2), compare('n', '>=', 30n)] };
    expect(filesThatMayPass(snapshot, both).map(({ path }) => path)).toEqual(['f31', 'f36', 'f41', 'f46']);
  });

  it('are made one by one, and of more than are kept none stays that did not pass', () => {
    const made: string[] = [];
    const files = new FileColumns<AddFile>({
      ...ADD_FORM,
      fromRecord: (key, record, shared) => {
        made.push(key);
        return ADD_FORM.fromRecord(key, record, shared);
      },
    });
    for (let i = 0; i <= FILE_OBJECTS_KEPT_MAX; i += 1)
      files.setFile(`f${i}`, inDay(`f${i}`, null, `{"numRecords":1,"minValues":{"col-2":${i}},"maxValues":{"col-2":${i}}}`));
    const passing = eachFileThatMayPass({ ...EMPTY, files }, compare('n', '>=', BigInt(FILE_OBJECTS_KEPT_MAX - 1)));
    const first = passing.next().value;
    expect([first?.path, made.length]).toEqual([`f${FILE_OBJECTS_KEPT_MAX - 1}`, FILE_OBJECTS_KEPT_MAX + 1]);
    expect([...passing].map(({ path }) => path)).toEqual([`f${FILE_OBJECTS_KEPT_MAX}`]);
    made.length = 0;
    expect([files.get('f7')?.path, files.get(`f${FILE_OBJECTS_KEPT_MAX - 1}`) === first]).toEqual(['f7', true]);
    expect(made).toEqual(['f7']);
  });

  it('look at no statistics of a pruned file', () => {
    const stats = new LazyStats();
    const fail = (): never => {
      throw new Error('statistics were read');
    };
    const unread: FetchedColumns = { sizeBytes: 1, raw: async () => fail(), rawNow: fail, vectorsNow: fail };
    stats.add({ rowCount: 1, text: unread, parsed: undefined });
    const files = new FileColumns(ADD_FORM, { tuples: new PartitionTuples(), stats });
    const key = new TextEncoder().encode(objectPath('a'));
    const tuple = files.shared.tuples.idOf({ 'col-1': '1970-01-02' });
    files.set(
      { bytes: key, start: 0, end: key.length },
      { size: 1, time: 1, dataChange: false, extendedFileMetadata: false, tuple, extras: undefined, stats: 0 },
    );
    expect(filesThatMayPass({ ...EMPTY, files }, compare('day', '=', 9))).toEqual([]);
    expect(() => filesThatMayPass({ ...EMPTY, files }, { kind: 'and', filters: [compare('day', '=', 1), compare('n', '=', 1n)] })).toThrow(
      'statistics were read',
    );
  });
});
