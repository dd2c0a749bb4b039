/** The derived change feed: what single operations did to rows, in both profiles. */
import { describe, expect, it } from 'vitest';
import { batchOfRows, rowsOf } from '../../../lib/core/batch.ts';
import { objectPath } from '../../../lib/core/path.ts';
import type { Value } from '../../../lib/core/types.ts';
import type { ChangesOptions } from '../../../lib/delta/changes/change-feed.ts';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import type { DeltaTable } from '../../../lib/delta/table.ts';
import { KEY, NUMBER, rowsBatch, T_ROOT, tableFixture, type TableFixture, TIME } from '../../support/table-fixture.ts';

const KEYS = { keys: ['k'] } as const;
const PLAIN = { columns: [KEY, NUMBER] };
const plainRows = (...rows: readonly (readonly Value[])[]): ReturnType<typeof batchOfRows> => batchOfRows([KEY, NUMBER], rows);
const isK = (value: string): Parameters<DeltaTable['delete']>[0] => ({ kind: 'where', filter: { kind: 'compare', column: 'k', op: '=', value } });

/** `version type k=v`, in the order they come. */
async function changesOf(table: DeltaTable, options: ChangesOptions = {}): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const batch of table.changes({ columns: ['k', 'v'], ...options })) {
    for (const [k, v, type, version] of rowsOf(batch)) lines.push(`${String(version)} ${String(type)} ${String(k)}=${String(v)}`);
  }
  return lines;
}

describe.each([['merge-on-read'], ['compatible']] as const)('changes (%s)', (profile) => {
  const start = async (definition: Parameters<typeof tableFixture>[0] = PLAIN): Promise<TableFixture> => {
    const fixture = await tableFixture({ ...definition, profile });
    await fixture.table.append(plainRows(['a', 1], ['b', 2], ['c', 3]));
    return fixture;
  };

  it('are inserts, deletes and the two images of an update, removals first', async () => {
    const { table } = await start();
    await table.delete(isK('b'));
    await table.update({ filter: { kind: 'compare', column: 'k', op: '=', value: 'a' }, set: new Map([['v', 10]]) });
    await table.upsert(plainRows(['c', 30], ['d', 4]), KEYS);
    expect(await changesOf(table, KEYS)).toEqual([
      '1 insert a=1',
      '1 insert b=2',
      '1 insert c=3',
      '2 delete b=2',
      '3 update_preimage a=1',
      '3 update_postimage a=10',
      '4 update_preimage c=3',
      '4 update_postimage c=30',
      '4 insert d=4',
    ]);
  });

  it('are deletes and inserts where nothing identifies a row, but for an update', async () => {
    const { table } = await start();
    await table.upsert(plainRows(['c', 30]), KEYS);
    await table.update({ filter: { kind: 'compare', column: 'k', op: '=', value: 'a' }, set: new Map([['v', 10]]) });
    expect(await changesOf(table, { fromVersion: 1 })).toEqual(['2 delete c=3', '2 insert c=30', '3 update_preimage a=1', '3 update_postimage a=10']);
  });

  it('pair rows by key and event time where the table of a feature group names them', async () => {
    const { table } = await tableFixture({
      columns: [KEY, TIME, NUMBER],
      profile,
      configuration: { 'lakefold.primaryKey': '["k"]', 'lakefold.eventTime': 'e' },
    });
    const rows = (...values: readonly (readonly Value[])[]): ReturnType<typeof batchOfRows> => batchOfRows([KEY, TIME, NUMBER], values);
    await table.append(rows(['a', 1n, 1], ['a', 2n, 2]));
    await table.upsert(rows(['a', 2n, 20], ['a', 3n, 3]), { keys: ['k'], eventTime: 'e' });
    expect(await changesOf(table, { fromVersion: 1 })).toEqual(['2 update_preimage a=2', '2 update_postimage a=20', '2 insert a=3']);
  });

  it('take the row received last for the preimage of the one that replaces several', async () => {
    const { table } = await tableFixture({ profile });
    await table.append(rowsBatch(['a', 2, 20n], ['a', 1, 10n], ['a', 3, 30n]));
    await table.upsert(rowsBatch(['a', 4, 40n]), KEYS);
    expect(await changesOf(table, { ...KEYS, fromVersion: 1 })).toEqual(['2 delete a=2', '2 delete a=1', '2 update_preimage a=3', '2 update_postimage a=4']);
  });

  it('of an overwrite and of a restore are what differs, of packing none', async () => {
    const { table } = await start();
    await table.overwrite(plainRows(['a', 1], ['x', 9]));
    await table.append(plainRows(['y', 8]));
    await table.optimize();
    await table.restore({ version: 1 });
    expect(await changesOf(table, { ...KEYS, fromVersion: 1 })).toEqual([
      '2 update_preimage a=1',
      '2 delete b=2',
      '2 delete c=3',
      '2 update_postimage a=1',
      '2 insert x=9',
      '3 insert y=8',
      '5 update_preimage a=1',
      '5 delete x=9',
      '5 delete y=8',
      '5 update_postimage a=1',
      '5 insert b=2',
      '5 insert c=3',
    ]);
  });

  it('are read in the newest schema of the range', async () => {
    const { table } = await start();
    await table.alter({ columns: [KEY, NUMBER, { name: 'w', type: { kind: 'int' }, nullable: true }], configuration: {} });
    await table.delete(isK('a'));
    const rows: Value[][] = [];
    for await (const batch of table.changes({ fromVersion: 1 })) rows.push(...rowsOf(batch));
    expect(rows.map((row) => row.slice(0, 5))).toEqual([['a', 1, null, 'delete', 3n]]);
  });

  it('carry the commit time', async () => {
    const { table } = await start();
    const times: Value[] = [];
    for await (const batch of table.changes()) times.push(...rowsOf(batch).map((row) => row.at(-1) ?? null));
    expect(times).toEqual(Array.from({ length: 3 }, () => BigInt(table.snapshot.committedAt) * 1000n));
  });

  it('have expired once a file of the range is gone, but not those of other commits', async () => {
    const { table, store } = await start();
    const [path = ''] = table.snapshot.files.keys();
    await table.overwrite(plainRows(['x', 9]));
    await table.append(plainRows(['y', 8]));
    await store.delete(objectPath(`${T_ROOT}/${path}`));
    await expect(changesOf(table)).rejects.toMatchObject({ code: 'HISTORY_EXPIRED', context: { version: 1, reason: 'RETENTION' } });
    expect(await changesOf(table, { fromVersion: 2 })).toEqual(['3 insert y=8']);
  });
});

describe('changes', () => {
  it('of files another engine wrote again leave out the rows that stayed', async () => {
    const { table, foreign, file } = await tableFixture(PLAIN);
    const [before, after] = [await file('one.x', plainRows(['a', 1], ['b', 2], ['b', 2])), await file('two.x', plainRows(['b', 2], ['a', 7]))];
    const add = { partitionValues: {}, modificationTime: 1, dataChange: true };
    await foreign([{ add: { ...add, ...before } }]);
    await foreign([{ commitInfo: { operation: 'MERGE' } }, { remove: { path: before.path, dataChange: true } }, { add: { ...add, ...after } }]);
    expect(await changesOf(table, { ...KEYS, fromVersion: 1 })).toEqual(['2 update_preimage a=1', '2 delete b=2', '2 update_postimage a=7']);
  });

  it('have expired where the log no longer keeps a commit of the range', async () => {
    const { table, store } = await tableFixture(PLAIN);
    await table.append(plainRows(['a', 1]));
    await table.checkpoint();
    await store.delete(commitPath(T_ROOT, 0));
    await expect(changesOf(table)).rejects.toMatchObject({ code: 'HISTORY_EXPIRED', context: { version: 0, oldest: 1 } });
    expect(await changesOf(table, { fromVersion: 0 })).toEqual(['1 insert a=1']);
  });

  it.each([
    [{ fromVersion: 2, toVersion: 1 }, 'INVALID_ARGUMENT'],
    [{ fromVersion: -2 }, 'INVALID_ARGUMENT'],
    [{ fromVersion: 0.5 }, 'INVALID_ARGUMENT'],
    [{ toVersion: 3 }, 'NO_SUCH_COMMIT'],
    [{ columns: ['z'] }, 'UNKNOWN_FEATURE'],
    [{ keys: ['z'] }, 'UNKNOWN_FEATURE'],
  ])('refuse %j', async (options, code) => {
    const { table } = await tableFixture(PLAIN);
    await table.append(plainRows(['a', 1]));
    await expect(changesOf(table, options)).rejects.toMatchObject({ code });
  });

  it('are refused across a change of type, naming the version', async () => {
    const { table, foreign } = await tableFixture(PLAIN);
    await table.append(plainRows(['a', 1]));
    const { metadata } = table.snapshot;
    await foreign([{ metaData: { ...metadata, kind: undefined, schemaString: metadata.schemaString.replace('"integer"', '"string"') } }]);
    await expect(changesOf(table, { fromVersion: 0 })).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION', context: { version: 1 } });
    expect(await changesOf(table, { fromVersion: 0, toVersion: 1 })).toEqual(['1 insert a=1']);
  });
});
