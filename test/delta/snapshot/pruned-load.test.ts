/** Loading for one read alone: files of other partitions are not read out of the checkpoint. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { silentLog } from '../../../lib/adapters/system/log.ts';
import { toHex } from '../../../lib/core/bytes.ts';
import { CHECKPOINT_GROUP_ROWS_MIN } from '../../../lib/core/limits.ts';
import type { AddFile, Metadata } from '../../../lib/delta/actions/actions.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import type { Filter } from '../../../lib/delta/filter/filter.ts';
import { filesThatMayPass } from '../../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { checkpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { replay } from '../../../lib/delta/snapshot/replay.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import type { RowGroupReader, TableCodec } from '../../../lib/ports/table-codec.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { add, emptyLog, METADATA, ownCommit, PROTOCOL, remove, writeCommit, type LogFixture } from '../log-support.ts';

const DAYS: Metadata = {
  ...METADATA,
  schemaString: JSON.stringify({
    type: 'struct',
    fields: [
      { name: 'day', type: 'integer', nullable: true, metadata: {} },
      { name: 'k', type: 'long', nullable: true, metadata: {} },
    ],
  }),
  partitionColumns: ['day'],
};
const FILES = CHECKPOINT_GROUP_ROWS_MIN * 3;
const fileOfDay = (i: number): AddFile =>
  add(`f${i}`, { partitionValues: { day: String(i % 100) }, stats: `{"numRecords":1,"minValues":{"k":${i}},"maxValues":{"k":${i}}}` });
const inDay = (day: number): Filter => ({ kind: 'compare', column: 'day', op: '=', value: day });

type Remarks = ReadonlyMap<string, string>;

/** Says which columns of which row groups were decoded. */
function watched(codec: TableCodec, decoded: string[], editRemarks: (remarks: Remarks) => Remarks = (remarks) => remarks): TableCodec {
  return {
    ...codec,
    rowGroups: async (source) => {
      const opened = await codec.rowGroups(source);
      if (opened === undefined) return undefined;
      const groups = opened.groups.map((group): RowGroupReader => ({
        ...group,
        fetch: async (options) => {
          const fetched = await group.fetch(options);
          const fields = options.columns.flatMap(({ name, type }) => (type.kind === 'struct' && name === 'add' ? type.fields.map((field) => field.name) : []));
          return {
            ...fetched,
            raw: async () => {
              if (fields.length > 0) decoded.push(`${group.firstRow}: ${fields.length === 1 ? fields[0] : 'all'}`);
              return fetched.raw();
            },
          };
        },
      }));
      return { groups, remarks: editRemarks(opened.remarks) };
    },
  };
}

async function checkpointed(): Promise<LogFixture> {
  const log = emptyLog();
  const snapshot = replay(
    undefined,
    [
      {
        version: 0,
        actions: [ownCommit(1), PROTOCOL, DAYS, ...Array.from({ length: FILES }, (_, i) => fileOfDay(i)), remove('gone', { deletionTimestamp: 2000 })],
      },
    ],
    new Map(),
  );
  await writeCommit(log.store, 0, [ownCommit(1)]);
  await writeCheckpoint({ ...log, codec: openParquetCodec() }, 't', snapshot);
  const actions = [ownCommit(2), remove('f7'), remove('f8'), add('new', { partitionValues: { day: '7' } }), add('other', { partitionValues: { day: '8' } })];
  await writeCommit(log.store, 1, actions);
  return log;
}

describe('loading what a filter asks for', () => {
  it('decodes the row groups that are said to have a file that may pass, and nothing of the others', async () => {
    const decoded: string[] = [];
    const deps = { ...(await checkpointed()), codec: watched(openParquetCodec(), decoded) };
    const pruned = await loadSnapshot(deps, 't', {}, { where: () => inDay(7) });
    expect(decoded).toEqual(['8194: all']);
    const whole = await loadSnapshot(deps, 't');
    expect(filesThatMayPass(pruned, inDay(7))).toEqual(filesThatMayPass(whole, inDay(7)));
    expect([whole.files.size, pruned.version, pruned.committedAt]).toEqual([FILES, 1, 2]);
    expect([...pruned.files.values()].filter((file) => file.partitionValues['day'] !== '7').map(({ path }) => path)).toEqual(['other']);
  });

  const unsaid: readonly (readonly [string, (remarks: Remarks) => Remarks])[] = [
    ['says nothing of partition values', () => new Map()],
    ['lists them for other row groups', (remarks) => new Map([...remarks].map(([key, text]) => [key, text.replaceAll('4096', '4095')]))],
    [
      'lists more rows of them than there are',
      (remarks) => new Map([...remarks].map(([key, text]) => [key, text.replaceAll(/\[4096,(\d+),(\d+),0,/g, '[4096,$1,$2,1,')])),
    ],
    ['lists fewer rows of them than values', (remarks) => new Map([...remarks].map(([key, text]) => [key, text.replaceAll(/,\d+\]/g, ']')]))],
    ['lists them in a form that makes no sense', (remarks) => new Map([...remarks].map(([key]) => [key, '{"tuples":[{"day":7}],"groups":[]}']))],
  ];
  it.each(unsaid)('decodes partition values alone first where the checkpoint %s', async (_, edit) => {
    const decoded: string[] = [];
    const deps = { ...(await checkpointed()), codec: watched(openParquetCodec(), decoded, edit) };
    const pruned = await loadSnapshot(deps, 't', {}, { where: () => inDay(7) });
    const ofFiles = ['2: partitionValues', '4098: partitionValues', '8194: partitionValues', '8194: all'];
    // Of row groups without any partition values it can't be told whether they have adds.
    expect(decoded).toEqual(['0: partitionValues', '0: all', ...ofFiles, '12290: partitionValues', '12290: all']);
    expect(filesThatMayPass(pruned, inDay(7))).toEqual(filesThatMayPass(await loadSnapshot(deps, 't'), inDay(7)));
  });

  it('prunes nothing where a later commit has another schema', async () => {
    const deps = { ...(await checkpointed()), codec: openParquetCodec() };
    const renamed = { ...DAYS, configuration: { a: 'b' } };
    await writeCommit(deps.store, 2, [ownCommit(3), renamed]);
    expect((await loadSnapshot(deps, 't', {}, { where: () => inDay(7) })).files.size).toBe(FILES);
  });

  it('fetches of a large checkpoint little more than the row groups it decodes, in a handful of ranges', async () => {
    const log = emptyLog();
    const random = new SeededRandom(1);
    const adds = Array.from({ length: FILES * 2 }, (_, i) => {
      const { stats, ...file } = fileOfDay(i);
      return { ...file, stats: stats?.replace('{', `{"note":"${toHex(random.bytes(400))}",`) };
    });
    const snapshot = replay(undefined, [{ version: 0, actions: [ownCommit(1), PROTOCOL, DAYS, ...adds] }], new Map());
    await writeCommit(log.store, 0, [ownCommit(1)]);
    const codec = openParquetCodec();
    const { bytes: size } = await writeCheckpoint({ ...log, codec }, 't', snapshot);
    await writeCommit(log.store, 1, [ownCommit(2), remove('f7')]);
    const fetched: number[] = [];
    const store: ObjectStore = {
      ...log.store,
      get: async (path, options) => {
        const object = await log.store.get(path, options);
        if (path === checkpointPath('t', 0)) fetched.push(object?.bytes.length ?? 0);
        return object;
      },
    };
    const table = await DeltaTable.open({ store, codec, clock: new ManualClock(), random, log: silentLog, engineInfo: 'lakefold/test' }, 't');
    expect(fetched).toEqual([size]);
    fetched.length = 0;
    // By its statistics no file of that day has the key: nothing but the log is read.
    const where: Filter = { kind: 'and', filters: [inDay(7), { kind: 'compare', column: 'k', op: '=', value: 0n }] };
    for await (const batch of table.read({ asOf: { version: 0 }, where })) expect(batch.rowCount).toBe(0);
    expect(size).toBeGreaterThan(8 * 1024 * 1024);
    // The footer, what is no file, and of one row group in six files and statistics.
    expect(fetched).toHaveLength(5);
    expect(fetched.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(size * 0.18);
  });

  it('gives what the whole gives, by any filter', async () => {
    const deps = { ...(await checkpointed()), codec: openParquetCodec() };
    const whole = await loadSnapshot(deps, 't');
    const filters: readonly Filter[] = [
      { kind: 'in', column: 'day', values: [3, 99] },
      { kind: 'not', filter: { kind: 'compare', column: 'day', op: '>=', value: 2 } },
      { kind: 'or', filters: [inDay(1), { kind: 'compare', column: 'k', op: '=', value: 77n }] },
      { kind: 'isNull', column: 'day' },
    ];
    for (const where of filters) {
      const pruned = await loadSnapshot(deps, 't', { version: 1 }, { where: () => where });
      const paths = (files: readonly AddFile[]): string[] => files.map(({ path }) => path).toSorted();
      expect(paths(filesThatMayPass(pruned, where))).toEqual(paths(filesThatMayPass(whole, where)));
    }
  });
});
