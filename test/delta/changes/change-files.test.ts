/** Change files of tables with Delta's change feed: what is in them, and when there are none. */
import { describe, expect, it } from 'vitest';
import { batchOfRows, rowsOf } from '../../../lib/core/batch.ts';
import type { Value } from '../../../lib/core/types.ts';
import { readEntry } from '../../../lib/delta/changes/changes.ts';
import type { DeltaTable } from '../../../lib/delta/table.ts';
import { KEY, NUMBER, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const plainRows = (...rows: readonly (readonly Value[])[]): ReturnType<typeof batchOfRows> => batchOfRows([KEY, NUMBER], rows);
const isK = (value: string): Parameters<DeltaTable['delete']>[0] => ({ kind: 'where', filter: { kind: 'compare', column: 'k', op: '=', value } });

async function changesOf(table: DeltaTable, fromVersion: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const batch of table.changes({ fromVersion, columns: ['k', 'v'] })) {
    for (const [k, v, type, version] of rowsOf(batch)) lines.push(`${String(version)} ${String(type)} ${String(k)}=${String(v)}`);
  }
  return lines;
}

describe.each([['merge-on-read'], ['compatible']] as const)('a table with the change feed (%s)', (profile) => {
  const start = async (partitionBy: readonly string[] = []): Promise<TableFixture> => {
    const fixture = await tableFixture({ columns: [KEY, NUMBER], profile, partitionBy, configuration: { 'delta.enableChangeDataFeed': 'true' } });
    await fixture.table.append(plainRows(['a', 1], ['b', 2], ['c', 3]));
    return fixture;
  };
  const changeFiles = async ({ deps }: TableFixture, version: number): Promise<readonly string[]> =>
    (await readEntry(deps, T_ROOT, version))?.actions.flatMap((action) => (action.kind === 'cdc' ? [action.path] : [])) ?? [];

  it('has the feature in its protocol', async () => {
    const { table } = await start();
    expect(table.snapshot.protocol.writerFeatures).toContain('changeDataFeed');
    expect(table.snapshot.protocol.minReaderVersion).toBe(profile === 'compatible' ? 1 : 3);
  });

  it('brings one file with every changed row of a delete, an update and an upsert', async () => {
    const fixture = await start();
    const { table } = fixture;
    await table.delete(isK('b'));
    await table.update({ filter: { kind: 'compare', column: 'k', op: '=', value: 'a' }, set: new Map([['v', 10]]) });
    await table.upsert(plainRows(['c', 30], ['d', 4]), { keys: ['k'] });
    for (const version of [2, 3, 4]) expect(await changeFiles(fixture, version)).toEqual([expect.stringMatching(/^_change_data\/cdc-/)]);
    expect(await changesOf(table, 1)).toEqual([
      '2 delete b=2',
      '3 update_preimage a=1',
      '3 update_postimage a=10',
      '4 update_preimage c=3',
      '4 update_postimage c=30',
      '4 insert d=4',
    ]);
  });

  it('brings one where a file goes of which rows were gone before', async () => {
    const fixture = await start();
    for (const k of ['a', 'b', 'c']) await fixture.table.delete(isK(k));
    expect(fixture.table.snapshot.files.size).toBe(0);
    expect(await changeFiles(fixture, 4)).toHaveLength(profile === 'merge-on-read' ? 1 : 0);
    expect(await changesOf(fixture.table, 3)).toEqual(['4 delete c=3']);
  });

  it('brings none for what only adds or removes whole files', async () => {
    const fixture = await start();
    const { table } = fixture;
    await table.append(plainRows(['d', 4]));
    await table.overwrite(plainRows(['x', 9]));
    await table.restore({ version: 1 });
    await table.delete({ kind: 'where', filter: { kind: 'and', filters: [] } });
    for (const version of [1, 2, 3, 4, 5]) expect(await changeFiles(fixture, version)).toEqual([]);
    expect(await changesOf(table, 4)).toEqual(['5 delete a=1', '5 delete b=2', '5 delete c=3']);
  });

  it('brings one for an overwrite of the rows a filter passes', async () => {
    const fixture = await start();
    await fixture.table.overwrite(plainRows(['x', 3]), { where: { kind: 'compare', column: 'v', op: '>=', value: 2 } });
    expect(await changeFiles(fixture, 2)).toHaveLength(1);
    expect(await changesOf(fixture.table, 1)).toEqual(['2 delete b=2', '2 delete c=3', '2 insert x=3']);
  });

  it('keeps change files by partition, their values in the log', async () => {
    const fixture = await start(['v']);
    await fixture.table.update({ filter: { kind: 'compare', column: 'k', op: '=', value: 'a' }, set: new Map([['v', 2]]) });
    expect((await changeFiles(fixture, 2)).map((path) => path.replace(/cdc-.*/, ''))).toEqual(['_change_data/v=1/', '_change_data/v=2/']);
    expect(await changesOf(fixture.table, 1)).toEqual(['2 update_preimage a=1', '2 update_postimage a=2']);
  });

  it('keeps the files after the commits that lose a race', async () => {
    const fixture = await start();
    const other = await fixture.open();
    await fixture.table.delete(isK('a'));
    await other.delete(isK('b'));
    expect(await changeFiles(fixture, 3)).toHaveLength(1);
    expect(await changesOf(other, 2)).toEqual(['3 delete b=2']);
  });
});
