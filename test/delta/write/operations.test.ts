/** Single operations, and what goes wrong with them between two processes. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { decodeUtf8, utf8 } from '../../../lib/core/bytes.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { readEntry, foldKindOf } from '../../../lib/delta/changes/changes.ts';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { encodeRoaring } from '../../../lib/delta/rows/roaring.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import { encodeZ85 } from '../../../lib/delta/rows/z85.ts';
import { isLogEntry } from '../../support/table-turns.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';
import { KEY, NUMBER, pathsIn, RECEIVED, rowsBatch, T_ROOT, tableFixture, TIME } from '../../support/table-fixture.ts';

const KEYS = { keys: ['k'] } as const;
const DELETE_A = { kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] } as const;

describe('a handle that has fallen behind', () => {
  it('deletes what another process has inserted since (D1)', async () => {
    const { table, open, rows } = await tableFixture();
    const other = await open();
    await other.append(rowsBatch(['a', 1, 1n]));
    expect(await table.delete(DELETE_A)).toMatchObject({ outcome: { kind: 'committed', version: 2, counts: { rowsDeleted: 1 } }, notFound: 0 });
    expect(await rows()).toEqual([]);
  });

  it('counts as not found only what the head does not have (D4)', async () => {
    const { table, open } = await tableFixture();
    await (await open()).append(rowsBatch(['b', 1, 1n]));
    expect(await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['a'], ['a'], ['z']] }] })).toMatchObject({
      outcome: { kind: 'nothing' },
      notFound: 2,
    });
  });

  it('writes columns another process has added', async () => {
    const { table, open, rows } = await tableFixture();
    const extra = { name: 'x', type: { kind: 'int' }, nullable: true } as const;
    await (await open()).alter({ columns: [KEY, NUMBER, extra, RECEIVED], configuration: {} });
    expect(await table.append(batchOfRows([KEY, extra, RECEIVED], [['a', 7, 1n]]))).toMatchObject({ outcome: { kind: 'committed', version: 2 } });
    expect(await rows()).toEqual([['a', null, 7, 1n]]);
  });

  it('still refuses what the head refuses, and tells why', async () => {
    const { table } = await tableFixture();
    expect(await table.append(batchOfRows([KEY, { name: 'w', type: { kind: 'int' }, nullable: true }], [['a', 1]]))).toMatchObject({
      outcome: { kind: 'conflict', reason: 'the table has no column w' },
    });
  });

  it('gives up after the attempts it was allowed, without another round', async () => {
    const { store, open } = await tableFixture();
    let puts = 0;
    const busy = wrappedStore(store, {
      createIfAbsent: async (path, bytes, options) => {
        if (!isLogEntry(path)) return store.createIfAbsent(path, bytes, options);
        puts += 1;
        await store.createIfAbsent(path, utf8('{"commitInfo":{"timestamp":1,"engineInfo":"another/1"}}\n'), { identity: `r${puts}` });
        return { kind: 'exists' };
      },
    });
    expect(await (await open(busy)).append(rowsBatch(['a', 1, 1n]), { attemptsMax: 3 })).toMatchObject({ outcome: { kind: 'conflict', reason: 'contention' } });
    expect(puts).toBe(3);
  });

  it('does not commit files staged for other partitions', async () => {
    const { table, foreign, rows } = await tableFixture();
    const { metadata } = table.snapshot;
    await foreign([{ metaData: { ...metadata, kind: undefined, partitionColumns: ['k'] } }]);
    expect(await table.append(rowsBatch(['a', 1, 1n]))).toMatchObject({
      outcome: { kind: 'conflict', reason: 'the table is partitioned by other columns now' },
    });
    expect(await rows()).toEqual([]);
    expect(await table.append(rowsBatch(['a', 1, 1n]))).toMatchObject({ outcome: { kind: 'committed' } });
    expect(await rows()).toEqual([['a', 1, 1n]]);
  });

  it('does not commit rows that lack what has become required', async () => {
    const { table, foreign } = await tableFixture();
    const { metadata } = table.snapshot;
    await foreign([
      {
        metaData: {
          ...metadata,
          kind: undefined,
          schemaString: metadata.schemaString.replace('"name":"v","type":"integer","nullable":true', '"name":"v","type":"integer","nullable":false'),
        },
      },
    ]);
    expect(await table.upsert(rowsBatch(['a', null, 1n]), KEYS)).toMatchObject({ outcome: { kind: 'conflict', reason: 'column v is required now' } });
  });
});

describe('an upsert', () => {
  it('decides equal receipts by content, whatever the order of its columns (§0)', async () => {
    const values = [
      [1, 2],
      [2, 1],
      [3, 4],
      [4, 3],
    ] as const;
    for (const [first, second] of values) {
      const found = await Promise.all(
        [
          [first, second],
          [second, first],
        ].map(async (order) => {
          const { table, rows } = await tableFixture();
          for (const [i, value] of order.entries()) {
            const batch = i === 0 ? rowsBatch(['a', value ?? 0, 5n]) : batchOfRows([RECEIVED, NUMBER, KEY], [[5n, value ?? 0, 'a']]);
            await table.upsert(batch, KEYS);
          }
          return rows();
        }),
      );
      expect(found[0]).toEqual(found[1]);
    }
  });

  it('replaces every appended row of its identity by one (acceptance vector "upsert onto two appended rows")', async () => {
    const { table, rows } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n], ['a', 2, 2n]));
    expect(await table.upsert(rowsBatch(['a', 3, 3n]), KEYS)).toMatchObject({
      outcome: { counts: { rowsInserted: 0, rowsUpdated: 1, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 } },
    });
    expect(await rows()).toEqual([['a', 3, 3n]]);
  });

  it('keeps counts and key of a batch that is stale as a whole in a commit without files', async () => {
    const { table, deps } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 9n]));
    const { outcome } = await table.upsert(rowsBatch(['a', 2, 1n]), KEYS);
    expect(outcome).toMatchObject({ kind: 'committed', version: 2, counts: { rowsInserted: 0, rowsUpdated: 0, stale: 1 }, filesAdded: 0, filesRemoved: 0 });
    const entry = await readEntry(deps, T_ROOT, 2);
    expect([entry?.actions.length, foldKindOf(entry?.actions ?? [])]).toEqual([1, 'none']);
  });

  it('takes null identities for rows of their own', async () => {
    const { table, rows } = await tableFixture({ columns: [{ ...KEY, nullable: true }, NUMBER] });
    const columns = [{ ...KEY, nullable: true }, NUMBER];
    await table.append(
      batchOfRows(columns, [
        ['a', 1],
        [null, 2],
      ]),
    );
    expect(
      await table.upsert(
        batchOfRows(columns, [
          [null, 3],
          ['a', 4],
        ]),
        KEYS,
      ),
    ).toMatchObject({ outcome: { counts: { rowsInserted: 1, rowsUpdated: 1 } } });
    expect(await rows()).toEqual(
      [
        [null, 2],
        [null, 3],
        ['a', 4],
      ].toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    );
  });

  it('is an edit for the fold where its rows have no receipts, since they replace greater ones (U1)', async () => {
    const { table, deps, rows } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 9_000_000_000_000_000n]));
    await table.upsert(batchOfRows([KEY, NUMBER], [['a', 2]]), KEYS);
    expect(foldKindOf((await readEntry(deps, T_ROOT, 2))?.actions ?? [])).toBe('edit');
    await table.upsert(rowsBatch(['a', 3, null]), KEYS);
    expect((await rows()).map(([k, v]) => [k, v])).toEqual([['a', 3]]);
  });

  it('reads no file whose event times or keys cannot meet the batch', async () => {
    const { table, store, open } = await tableFixture({ columns: [KEY, TIME, NUMBER, RECEIVED] });
    const row = (k: string, e: bigint): [string, bigint, number, bigint] => [k, e, 1, 1n];
    const of = (...rows: ReturnType<typeof row>[]): ReturnType<typeof batchOfRows> => batchOfRows([KEY, TIME, NUMBER, RECEIVED], rows);
    await table.append(of(row('a', 1_000_000n), row('b', 1_000_999n)));
    const [first] = table.snapshot.files.keys();
    const reads: string[] = [];
    const counted = await open(
      wrappedStore(store, {
        get: (path, options) => {
          if (path.includes('part-')) reads.push(path);
          return store.get(path, options);
        },
      }),
    );
    const times = { keys: ['k'], eventTime: 'e' };
    await counted.upsert(of(row('a', 2_000_000n)), times);
    await counted.upsert(of(row('c', 1_000_500n)), times);
    // Neither pair lies in both ranges of one file, though each range meets the batch's.
    await counted.upsert(of(row('a', 5_000_000n), row('z', 1_000_000n)), times);
    expect(reads).toEqual([]);
    expect(await counted.upsert(of(row('b', 1_000_999n)), times)).toMatchObject({ outcome: { counts: { rowsUpdated: 1 } } });
    expect(reads).toContain(`${T_ROOT}/${first}`);
  });
});

describe('a restore', () => {
  it('counts the rows that come and go, not whole files', async () => {
    const { table, rows } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n], ['b', 2, 1n], ['c', 3, 1n]));
    await table.delete(DELETE_A);
    expect(await table.restore({ version: 1 })).toMatchObject({ counts: { rowsInserted: 1, rowsDeleted: 0 } });
    expect(await table.restore({ version: 2 })).toMatchObject({ counts: { rowsInserted: 0, rowsDeleted: 1 } });
    expect(await table.restore({ version: 0 })).toMatchObject({ counts: { rowsInserted: 0, rowsDeleted: 2 } });
    expect(await rows({ asOf: { version: 3 } })).toHaveLength(3);
  });

  it('names the file that is no longer kept (G9)', async () => {
    const { table, store } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    const [file] = [...table.snapshot.files.keys()];
    await table.overwrite(rowsBatch(['b', 1, 1n]));
    await store.delete(objectPath(`${T_ROOT}/${file}`));
    await expect(table.restore({ version: 1 })).rejects.toMatchObject({ code: 'HISTORY_EXPIRED', context: { path: `${T_ROOT}/${file}` } });
  });

  it('brings back files whose deletion vectors stand in the log itself', async () => {
    const { table, foreign, rows } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n], ['b', 2, 1n]));
    const [add] = [...table.snapshot.files.values()];
    const bitmap = encodeRoaring([0]);
    const inline = { storageType: 'i', pathOrInlineDv: encodeZ85(bitmap), sizeInBytes: bitmap.length, cardinality: 1 };
    await foreign([
      { remove: { path: add?.path, dataChange: true, deletionTimestamp: 1 } },
      { add: { path: add?.path, partitionValues: {}, size: add?.size, modificationTime: 1, dataChange: true, deletionVector: inline } },
    ]);
    expect(await rows()).toEqual([['b', 2, 1n]]);
    await table.overwrite(rowsBatch());
    await table.restore({ version: 2 });
    expect(await rows()).toEqual([['b', 2, 1n]]);
    expect((await table.vacuum({ retentionMillis: 0, dryRun: true, force: true })).files).toEqual([]);
  });
});

describe('a change of metadata', () => {
  it('adds columns before the system column and leaves the other fields as they stand', async () => {
    const { table, foreign } = await tableFixture();
    const { metadata } = table.snapshot;
    const odd = '{"name":"s","type":"short","nullable":true,"metadata":{"engine":"keeps this","max":9007199254740993}}';
    await foreign([{ metaData: { ...metadata, kind: undefined, schemaString: metadata.schemaString.replace('{"name":"v"', `${odd},{"name":"v"`) } }]);
    await table.alter({
      columns: [KEY, NUMBER, { name: 'x', type: { kind: 'double' }, nullable: true, description: 'new' }, RECEIVED],
      configuration: { 'delta.checkpointInterval': '10' },
    });
    const fields = table.snapshot.columns.map(({ name }) => name);
    expect(fields).toEqual(['k', 's', 'v', 'x', '_ingested_at']);
    expect(table.snapshot.metadata.schemaString).toContain(odd);
    expect(table.snapshot.metadata.configuration).toMatchObject({ 'delta.enableDeletionVectors': 'true', 'delta.checkpointInterval': '10' });
  });

  it('makes a required column nullable (§6)', async () => {
    const { table, rows } = await tableFixture();
    expect(await table.alter({ columns: [{ ...KEY, nullable: true }, NUMBER, RECEIVED], configuration: {} })).toMatchObject({ kind: 'committed' });
    await table.append(batchOfRows([{ ...KEY, nullable: true }, NUMBER, RECEIVED], [[null, 1, 1n]]));
    expect(await rows()).toEqual([[null, 1, 1n]]);
    expect(await table.alter({ columns: [KEY, NUMBER, RECEIVED], configuration: {} })).toMatchObject({ kind: 'nothing' });
  });

  it('conflicts with a column of the name that has another type', async () => {
    const { table, open } = await tableFixture();
    await (await open()).alter({ columns: [KEY, NUMBER, { name: 'x', type: { kind: 'string' }, nullable: true }, RECEIVED], configuration: {} });
    expect(await table.alter({ columns: [{ name: 'x', type: { kind: 'int' }, nullable: true }], configuration: {} })).toMatchObject({
      kind: 'conflict',
      reason: 'column x is string in the table, not int',
    });
    expect(await table.alter({ columns: [{ name: 'y', type: { kind: 'int' }, nullable: false }], configuration: {} })).toMatchObject({
      kind: 'conflict',
      reason: "column y is required and the table's rows lack it",
    });
  });
});

describe('creating a table', () => {
  it('finds the one that is there, its first entries cleaned away or not', async () => {
    const { deps, table, store } = await tableFixture();
    for (let i = 0; i < 3; i += 1) await table.append(rowsBatch(['a', i, 1n]));
    await table.checkpoint();
    for (const version of [0, 1, 2]) await store.delete(commitPath(T_ROOT, version));
    const before = await pathsIn(store);
    const again = await DeltaTable.create(deps, T_ROOT, { columns: [KEY], partitionBy: [], profile: 'merge-on-read', configuration: {} });
    expect([again.kind, again.table.snapshot.version, again.table.snapshot.metadata.id]).toEqual(['exists', 3, table.snapshot.metadata.id]);
    expect(await pathsIn(store)).toEqual(before);
  });

  it('says so when it cannot be told whether it was created', async () => {
    const { deps, store } = await tableFixture();
    const dark = wrappedStore(store, { createIfAbsent: async () => ({ kind: 'unknown', cause: new Error('timeout') }) });
    await expect(
      DeltaTable.create({ ...deps, store: dark }, 'demo/new', { columns: [KEY], partitionBy: [], profile: 'merge-on-read', configuration: {} }),
    ).rejects.toMatchObject({ code: 'COMMIT_OUTCOME_UNKNOWN' });
  });
});

describe('staging', () => {
  it('refuses the empty text as a partition value, which would read back as null', async () => {
    const { table } = await tableFixture({ partitionBy: ['k'] });
    await expect(table.append(rowsBatch(['a', 1, 1n], ['', 2, 1n]))).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED', context: { column: 'k', row: 1 } });
    expect((await table.refresh()).version).toBe(0);
  });

  it('refuses a null in a required column before anything is written', async () => {
    const { table, store } = await tableFixture();
    const before = await pathsIn(store);
    await expect(
      table.append(
        batchOfRows(
          [{ ...KEY, nullable: true }, NUMBER],
          [
            ['a', 1],
            [null, 2],
          ],
        ),
      ),
    ).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED', context: { column: 'k', row: 1 } });
    expect(await pathsIn(store)).toEqual(before);
  });
});

describe('bin-packing', () => {
  it('drops the bin that another commit has taken a file of and packs the others', async () => {
    const { table, rows, open } = await tableFixture({ partitionBy: ['k'] });
    for (const k of ['a', 'a', 'b', 'b']) await table.append(rowsBatch([k, 1, 1n]));
    const before = await rows();
    const late = await open();
    const packing = late.optimize();
    await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] });
    expect(await packing).toMatchObject({ kind: 'committed', filesAdded: 1, filesRemoved: 2, counts: { rowsInserted: 0, rowsDeleted: 0 } });
    expect(await rows()).toEqual(before.filter(([k]) => k === 'b'));
    expect(await rows({ asOf: { version: 4 } })).toEqual(before);
  });

  it('says that it changes no data, so that nobody downstream reads it as rows (U8)', async () => {
    const { table, deps } = await tableFixture();
    for (const v of [1, 2]) await table.append(rowsBatch(['a', v, 1n]));
    await table.optimize();
    const actions = (await readEntry(deps, T_ROOT, 3))?.actions ?? [];
    expect(actions.flatMap((action) => (action.kind === 'add' || action.kind === 'remove' ? [[action.kind, action.dataChange]] : []))).toEqual([
      ['remove', false],
      ['remove', false],
      ['add', false],
    ]);
    expect(foldKindOf(actions)).toBe('none');
  });

  it('writes down the receipts that null ones read as (§0)', async () => {
    const { table, store, foreign, file, rows } = await tableFixture();
    const first = await file('one', rowsBatch(['a', 1, null]));
    const second = await file('two', rowsBatch(['b', 2, null], ['c', 3, 7n]));
    for (const [i, data] of [first, second].entries()) await foreign([{ add: { ...data, partitionValues: {}, modificationTime: 1000 + i, dataChange: true } }]);
    const expected = [
      ['a', 1, 1_000_000n],
      ['b', 2, 1_001_000n],
      ['c', 3, 7n],
    ];
    expect(await rows()).toEqual(expected);
    await table.optimize();
    const [packed] = [...(await table.refresh()).files.values()];
    expect(table.snapshot.files.size).toBe(1);
    expect(decodeUtf8((await store.get(objectPath(`${T_ROOT}/${packed?.path}`)))?.bytes ?? new Uint8Array())).not.toContain('null');
    expect(await rows()).toEqual(expected);
  });
});

describe('a checkpoint', () => {
  it('is remembered by the handle that wrote it', async () => {
    const { table, deps } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    await table.checkpoint();
    expect(table.snapshot.checkpointVersion).toBe(1);
    await table.append(rowsBatch(['b', 1, 1n]));
    expect(table.snapshot.checkpointVersion).toBe(1);
    expect((await loadSnapshot(deps, T_ROOT)).checkpointVersion).toBe(1);
  });
});
