/** `lakefold/delta` as a program uses it: writes beyond adding rows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/adapters/memory/clock.ts';
import { MemoryObjectStore } from '../lib/adapters/memory/object-store.ts';
import { createTable, openTable, type RowBatch, type Table } from '../lib/delta/index.ts';
import { type CountingObjectStore, countingObjectStore } from './support/counting-store.ts';

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

function inMemory(): CountingObjectStore {
  return countingObjectStore(new MemoryObjectStore({ clock: new ManualClock() }));
}

async function allOf<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
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

  it('is opened as it stood at a version or an instant: to read, not to write', async () => {
    const store = inMemory();
    const now = await createTable('t', { schema: SCHEMA, columnMapping: 'name', store });
    await now.append([{ city: 'Graz', n: 1 }]);
    await now.renameColumn('n', 'count');
    await now.append([{ city: 'Linz', count: 2 }]);
    const [, , first] = await allOf(now.history());
    const then = await openTable('t', { store, asOf: { instant: first?.committedAt ?? '' } });
    expect([then.version, then.schema.map(({ name }) => name), await then.refresh(), then.version]).toEqual([1, ['city', 'n'], 3, 1]);
    expect(await rowsOf(then.read())).toEqual([{ city: 'Graz', n: 1 }]);
    expect(await rowsOf(then.read({ where: { column: 'n', op: '=', value: 1 } }))).toHaveLength(1);
    expect(await rowsOf(then.read({ asOf: { version: 3 } }))).toHaveLength(2);
    expect(await allOf(then.files())).toMatchObject([{ rows: 1, stats: { minValues: { city: 'Graz', n: 1 } } }]);
    const changes = await allOf(then.changes());
    expect(changes.flatMap((batch) => batch.toRows()).map(({ _commit_version: version }) => version)).toEqual([1n]);
    for (const write of [
      () => then.append([{ city: 'Wien' }]),
      () => then.delete({ where: { column: 'n', op: 'isNull' } }),
      () => then.dropColumn('n'),
      () => then.checkpoint(),
      () => then.optimize(),
      () => then.vacuum(),
    ])
      await expect(write()).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION', context: { version: 1 } });
    await expect(openTable('t', { store, asOf: { version: 9 } })).rejects.toMatchObject({ code: 'NO_SUCH_COMMIT' });
  });

  it('is found by the URL of its folder, and by none of another machine', async () => {
    const path = await mkdtemp(join(tmpdir(), 'lakefold table '));
    folders.push(path);
    await createTable(pathToFileURL(path).href, { schema: SCHEMA });
    expect((await openTable(path)).version).toBe(0);
    expect((await openTable(pathToFileURL(path).href)).version).toBe(0);
    await expect(openTable('file://elsewhere/t')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('loads a version once to read it by a filter', async () => {
    const store = inMemory();
    const table = await createTable('t', { schema: SCHEMA, store });
    for (const n of [1, 2, 3]) await table.append([{ city: 'Graz', n }]);
    store.requests.splice(0);
    expect(await rowsOf(table.read({ asOf: { version: 2 }, where: { column: 'n', op: '=', value: 2 } }))).toHaveLength(1);
    const entries = store.requests.filter(({ path }) => path.endsWith('.json'));
    expect(entries.map(({ kind, path }) => `${kind} ${path.slice(-6, -5)}`).toSorted()).toEqual(['GET 0', 'GET 1', 'GET 2']);
  });

  it('tells its files by the names its columns have now', async () => {
    const table = await newTable({
      schema: [...SCHEMA, { name: 'at', type: 'struct<lat:double>', nullable: true }],
      columnMapping: 'name',
      partitionBy: ['city'],
    });
    await table.append([{ city: 'Graz', n: 1, at: { lat: 47 } }]);
    await table.renameColumn('city', 'town');
    await table.renameColumn('at', 'place');
    await table.dropColumn('n');
    expect(await allOf(table.files())).toMatchObject([
      {
        rows: 1,
        partitionValues: { town: 'Graz' },
        stats: { numRecords: 1, minValues: { place: { lat: 47 } }, maxValues: { place: { lat: 47 } }, nullCount: { place: { lat: 0 } } },
      },
    ]);
  });

  it('is emptied only when told so', async () => {
    const table = await newTable();
    await table.append([{ city: 'Graz', n: 1 }]);
    await expect(table.overwrite([])).rejects.toMatchObject({ code: 'EMPTY_OVERWRITE' });
    expect(await table.overwrite([], { allowEmpty: true })).toMatchObject({ rowsInserted: 0, rowsDeleted: 1 });
    expect(await table.overwrite([], { allowEmpty: true, where: { column: 'n', op: '=', value: 1 } })).toBeNull();
  });

  it('is not committed to by writes without rows, which answer null; an earlier commit of their txn is told', async () => {
    const table = await newTable();
    const txn = { appId: 'loader', version: 1 };
    const writes = (): readonly Promise<unknown>[] => [
      table.append([]),
      table.append([], { txn }),
      table.upsert([], { keys: ['city'] }),
      table.groupCommitter().append([]),
      table.groupCommitter().upsert([], { keys: ['city'], txn }),
    ];
    expect(await Promise.all(writes())).toEqual([null, null, null, null, null]);
    expect(await table.refresh()).toBe(0);
    // What was not committed took no number: it is free for rows.
    expect(await table.append([{ city: 'Graz' }], { txn })).toMatchObject({ version: 1, alreadyApplied: false });
    expect(await table.append([], { txn })).toMatchObject({ version: 1, alreadyApplied: true });
    expect(await table.refresh()).toBe(1);
  });

  it.each([
    ['an upsert without keys', (table: Table) => table.upsert([{ city: 'Linz', n: 2 }], { keys: [] })],
    ['keys that are no list', (table: Table) => table.delete({ keys: 'city' as never })],
    ['a delete of nothing said', (table: Table) => table.delete({} as never)],
    ['rows that are no list', (table: Table) => table.append({ city: 'Linz' } as never)],
    ['a count that is not whole', (table: Table) => table.append([{ city: 'Linz' }], { txn: { appId: 'a', version: 1.5 } })],
    ['a count below 0', (table: Table) => table.append([{ city: 'Linz' }], { txn: { appId: 'a', version: -1 } })],
    ['a count of nobody', (table: Table) => table.append([{ city: 'Linz' }], { txn: { appId: '', version: 1 } })],
    ['a version that is none', (table: Table) => table.restore(1 as never)],
    ['an order of values that have none', (table: Table) => table.optimize({ zOrder: ['city', 'marks'] })],
  ])('refuses %s and changes nothing', async (_, write) => {
    const table = await newTable({ schema: [...SCHEMA, { name: 'marks', type: 'array<int>', nullable: true }] });
    const rows = ['Graz', 'Wien'].map((city) => ({ city, n: 1, marks: [1] }));
    await table.append(rows);
    await expect(write(table)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect([await table.refresh(), await rowsOf(table.read())]).toEqual([1, rows]);
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
