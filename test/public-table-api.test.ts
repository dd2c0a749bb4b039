/** `lakefold/delta` as a program uses it: writes beyond adding rows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createTable, type RowBatch, type Table } from '../lib/delta/index.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

const SCHEMA = [
  { name: 'city', type: 'string' },
  { name: 'n', type: 'int', nullable: true },
] as const;

async function newTable(options: Partial<Parameters<typeof createTable>[1]> = {}): Promise<Table> {
  const path = await mkdtemp(join(tmpdir(), 'lakefold-table-'));
  folders.push(path);
  return createTable(path, { schema: SCHEMA, ...options });
}

async function rowsOf(batches: AsyncIterable<RowBatch>): Promise<readonly unknown[]> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  for await (const batch of batches) rows.push(...batch.toRows());
  return rows.toSorted((a, b) => (String(a['city']) < String(b['city']) ? -1 : 1));
}

describe.each([['merge-on-read'], ['compatible']] as const)('a table (%s)', (profile) => {
  it('updates the rows of a filter, and all without one', async () => {
    const table = await newTable({ profile });
    await table.append([
      { city: 'Graz', n: 1 },
      { city: 'Linz', n: 2 },
    ]);
    expect(await table.update({ where: { column: 'city', op: '=', value: 'Graz' }, set: { n: 7 } })).toMatchObject({
      version: 2,
      operation: 'update',
      rowsInserted: 0,
      rowsUpdated: 1,
      rowsDeleted: 0,
    });
    expect(await rowsOf(table.read())).toEqual([
      { city: 'Graz', n: 7 },
      { city: 'Linz', n: 2 },
    ]);
    expect(await table.update({ set: { n: null } })).toMatchObject({ rowsUpdated: 2 });
    expect(await rowsOf(table.read({ where: { column: 'n', op: 'isNull' } }))).toHaveLength(2);
    expect(await table.update({ where: { column: 'city', op: '=', value: 'Wien' }, set: { n: 1 } })).toBeNull();
  });

  it('overwrites the rows of a filter', async () => {
    const table = await newTable({ profile });
    await table.append([
      { city: 'Graz', n: 1 },
      { city: 'Linz', n: 2 },
    ]);
    const where = { column: 'n', op: '>=', value: 2 } as const;
    expect(await table.overwrite([{ city: 'Bern', n: 3 }], { where })).toMatchObject({ operation: 'overwrite', rowsInserted: 1, rowsDeleted: 1 });
    await expect(table.overwrite([{ city: 'Bern', n: 1 }], { where })).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED', status: 422 });
    expect(await rowsOf(table.read())).toEqual(
      [
        { city: 'Graz', n: 1 },
        { city: 'Bern', n: 3 },
      ].toSorted((a, b) => (a.city < b.city ? -1 : 1)),
    );
  });
});

describe('a table', () => {
  it('has constraints from the start, or once its rows pass them', async () => {
    const table = await newTable({ constraints: { positive: 'n > 0' } });
    expect(table.constraints).toEqual({ positive: 'n > 0' });
    await expect(table.append([{ city: 'Graz', n: 0 }])).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED', status: 422 });
    expect(await table.dropConstraint('positive')).toMatchObject({ operation: 'schemaChange' });
    await table.append([{ city: 'Graz', n: 0 }]);
    await expect(table.addConstraint('positive', 'n > 0')).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED' });
    expect(await table.addConstraint('cities', "city LIKE 'G%'")).toMatchObject({ version: 3 });
    expect(table.constraints).toEqual({ cities: "city LIKE 'G%'" });
    await expect(newTable({ constraints: { positive: 'length(city) > 0' } })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('has the change feed, in-commit timestamps and the profile it was made with', async () => {
    const table = await newTable({ profile: 'compatible', changeFeed: true, inCommitTimestamp: true });
    expect([table.protocol, table.properties]).toEqual([
      { minReaderVersion: 1, minWriterVersion: 7, readerFeatures: [], writerFeatures: ['appendOnly', 'invariants', 'changeDataFeed', 'inCommitTimestamp'] },
      { 'delta.enableChangeDataFeed': 'true', 'delta.enableInCommitTimestamps': 'true' },
    ]);
    expect(table.compatibility().engines.find(({ name }) => name === 'delta-rs')).toMatchObject({ read: true, write: false });
  });

  it('renames and drops columns once it maps them, and reads what it had', async () => {
    const table = await newTable({ constraints: { named: "city <> ''" } });
    await table.append([{ city: 'Graz', n: 1 }]);
    await expect(table.renameColumn('n', 'count')).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION' });
    expect(await table.mapColumns()).toMatchObject({ operation: 'schemaChange' });
    expect(await table.mapColumns()).toBeNull();
    expect(table.protocol).toMatchObject({ minReaderVersion: 3, readerFeatures: ['deletionVectors', 'columnMapping'] });
    await table.renameColumn('n', 'count');
    await table.append([{ city: 'Linz', count: 2 }]);
    await table.addColumns([
      { name: 'n', type: 'int' },
      { name: 'place', type: 'struct<lat:double,lon:double>', description: 'degrees' },
    ]);
    await table.append([{ city: 'Wien', count: 3, n: 30, place: { lat: 48.2, lon: 16.4 } }]);
    await table.update({ where: { column: 'city', op: '=', value: 'Linz' }, set: { n: 20 } });
    expect(await rowsOf(table.read())).toEqual([
      { city: 'Graz', count: 1, n: null, place: null },
      { city: 'Linz', count: 2, n: 20, place: null },
      { city: 'Wien', count: 3, n: 30, place: { lat: 48.2, lon: 16.4 } },
    ]);
    await table.dropColumn('count');
    await table.addColumns([{ name: 'count', type: 'string' }]);
    expect(await rowsOf(table.read({ columns: ['city', 'count'], where: { column: 'city', op: '=', value: 'Graz' } }))).toEqual([
      { city: 'Graz', count: null },
    ]);
    await expect(table.renameColumn('city', 'town')).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION', context: { constraint: 'named' } });
    await expect(table.renameColumn('n', 'City')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(table.dropColumn('nothing')).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE' });
  });

  it('is partitioned by a column that is renamed', async () => {
    const table = await newTable({ columnMapping: 'name', partitionBy: ['n'] });
    await table.append([{ city: 'Graz', n: 1 }]);
    await table.renameColumn('n', 'part');
    await table.append([{ city: 'Linz', part: 2 }]);
    expect(table.partitionColumns).toEqual(['part']);
    expect(await rowsOf(table.read())).toEqual([
      { city: 'Graz', part: 1 },
      { city: 'Linz', part: 2 },
    ]);
  });

  it('has its properties and descriptions changed, and its protocol raised only for what asks for it', async () => {
    const table = await newTable({ profile: 'compatible' });
    expect(await table.setProperties({ 'delta.appendOnly': 'true', note: 'x' })).toMatchObject({ operation: 'schemaChange' });
    expect(table.protocol.minWriterVersion).toBe(2);
    expect(await table.setProperties({ note: null })).toMatchObject({ version: 2 });
    expect(await table.setProperties({ note: null })).toBeNull();
    await table.setProperties({ 'delta.enableInCommitTimestamps': 'true' });
    expect(table.protocol.writerFeatures).toEqual(['appendOnly', 'invariants', 'inCommitTimestamp']);
    expect(table.properties).toEqual({
      'delta.appendOnly': 'true',
      'delta.enableInCommitTimestamps': 'true',
      'delta.inCommitTimestampEnablementVersion': '3',
      'delta.inCommitTimestampEnablementTimestamp': expect.stringMatching(/^\d{13}$/),
    });
    await expect(table.setProperties({ 'delta.columnMapping.mode': 'id' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await table.commentOn('city', 'its name');
    await table.makeNullable('city');
    expect(table.schema[0]).toEqual({ name: 'city', type: 'string', nullable: true, description: 'its name' });
    await table.commentOn('city', null);
    expect(table.schema[0]).toEqual({ name: 'city', type: 'string', nullable: true });
    await table.append([{ city: 'Graz', n: 1 }]);
    await expect(table.delete({ where: { column: 'n', op: '=', value: 1 } })).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED' });
  });

  it('tells what a range of commits did', async () => {
    const table = await newTable();
    await table.append([{ city: 'Graz', n: 1 }]);
    await table.upsert([{ city: 'Graz', n: 2 }], { keys: ['city'] });
    const committedAt: string[] = [];
    for await (const commit of table.history()) committedAt.push(commit.committedAt);
    const rows: unknown[] = [];
    for await (const batch of table.changes({ fromVersion: 1, toVersion: 2, keys: ['city'] })) rows.push(...batch.toRows());
    const stamp = { _commit_version: 2n, _commit_timestamp: committedAt[0] };
    expect(rows).toEqual([
      { city: 'Graz', n: 1, _change_type: 'update_preimage', ...stamp },
      { city: 'Graz', n: 2, _change_type: 'update_postimage', ...stamp },
    ]);
  });

  it('is emptied only when told so', async () => {
    const table = await newTable();
    await table.append([{ city: 'Graz', n: 1 }]);
    await expect(table.overwrite([])).rejects.toMatchObject({ code: 'EMPTY_OVERWRITE' });
    expect(await table.overwrite([], { allowEmpty: true })).toMatchObject({ rowsInserted: 0, rowsDeleted: 1 });
    expect(await table.overwrite([], { allowEmpty: true, where: { column: 'n', op: '=', value: 1 } })).toBeNull();
  });

  it.each([
    ['no column to set', {}, 'INVALID_ARGUMENT'],
    ['a column it lacks', { m: 1 }, 'UNKNOWN_FEATURE'],
    ['a value of another type', { n: 'seven' }, 'TYPE_MISMATCH'],
    ['null in a required column', { city: null }, 'CONSTRAINT_VIOLATED'],
  ])('refuses to update with %s', async (_, set, code) => {
    const table = await newTable();
    await table.append([{ city: 'Graz', n: 1 }]);
    await expect(table.update({ set })).rejects.toMatchObject({ code });
  });
});
