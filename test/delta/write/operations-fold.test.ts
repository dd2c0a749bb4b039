/** What the fold and the receipts rely on, between processes and beside other engines. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { batchOfRows, rowsOf, type Batch } from '../../../lib/core/batch.ts';
import { utf8 } from '../../../lib/core/bytes.ts';
import { stringifyJson } from '../../../lib/core/json.ts';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { foldSourceOf } from '../../../lib/features/publish/fold-source.ts';
import { newestReceiptBound } from '../../../lib/features/ingest/receipt-time.ts';
import { publishGroup } from '../../../lib/features/publish/publish-group.ts';
import { KEY, NUMBER, RECEIVED, rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';
import { groupFixture, type GroupFixture } from '../../support/table-group-fixture.ts';

const START = 1_750_000_000_000;

async function foreignCommit({ store, group }: GroupFixture, actions: readonly object[]): Promise<void> {
  const { version } = await group.table.refresh();
  await store.createIfAbsent(commitPath(group.table.root, version + 1), utf8(actions.map((action) => `${stringifyJson(action)}\n`).join('')), {
    identity: `f${version}`,
  });
}

async function textOf(rows: AsyncIterable<Batch> | undefined): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const batch of rows ?? []) all.push(...rowsOf(batch));
  return all;
}

describe('receipts (§0)', () => {
  it('grow beyond those of a writer whose clock is ahead, once its commit was met', async () => {
    const behind = await groupFixture();
    const ahead = await behind.reopen(new ManualClock({ sleeping: 'skip', startMillis: START + 3_600_000 }));
    await ahead.ingest([['a', 1]]);
    // Loses the race: its receipt is older than the winner's, which it learns of only now.
    await behind.ingest([['b', 1]]);
    expect((await behind.ingest([['a', 2]])).commit).toMatchObject({ rowsUpdated: 1, stale: 0 });
  });

  it('grow beyond rows that have none and read as received when their file was written', async () => {
    const { foreign, file, table } = await tableFixture();
    const data = await file('one', rowsBatch(['a', 1, null], ['b', 2, 7n]));
    await foreign([
      {
        add: {
          ...data,
          partitionValues: {},
          modificationTime: 5_000,
          dataChange: true,
          stats:
            '{"numRecords":2,"minValues":{"_ingested_at":"1970-01-01T00:00:00.000Z"},"maxValues":{"_ingested_at":"1970-01-01T00:00:00.000Z"},"nullCount":{"_ingested_at":1}}',
        },
      },
    ]);
    expect(newestReceiptBound(await table.refresh())).toBe(5_000_000n);
  });
});

describe('the fold of a foreign commit', () => {
  it('finds the keys of a removed file whose partition values the remove leaves out', async () => {
    const fixture = await groupFixture({ partitionBy: ['k'] });
    await fixture.ingest([
      ['a', 1],
      ['b', 2],
    ]);
    const gone = [...fixture.group.table.snapshot.files.values()].find(({ path }) => path.startsWith('k=a'));
    await foreignCommit(fixture, [{ remove: { path: gone?.path.replace('=', '%3D'), dataChange: true, deletionTimestamp: START } }]);
    await publishGroup(fixture.deps, fixture.group);
    expect(await fixture.onlineKeys()).toEqual(['b']);
  });

  it('reads columns that another process has added since this one looked', async () => {
    const { table, open, deps } = await tableFixture();
    const extra = { name: 'x', type: { kind: 'int' }, nullable: true } as const;
    const other = await open();
    await other.alter({ columns: [KEY, NUMBER, extra, RECEIVED], configuration: {} });
    await other.append(batchOfRows([KEY, extra, RECEIVED], [['a', 7, 1n]]));
    const [, commit] = await foldSourceOf(deps, table, { keyColumns: [KEY] }).commits(0, 2);
    expect(commit?.kind === 'merge' ? await textOf(commit.rows()) : commit).toEqual([['a', null, 7, 1n]]);
  });
});

describe('the fold of a commit that changes deletion vectors', () => {
  it('names the rows that one hides and the other does not, and no more', async () => {
    const { table, deps } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n], ['c', 1, 1n], ['d', 1, 1n]));
    for (const k of ['a', 'b', 'c']) await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [[k]] }] });
    await table.restore({ version: 2 });
    const commits = await foldSourceOf(deps, table, { keyColumns: [KEY] }).commits(1, 5);
    const told = await Promise.all(
      commits.map(async (commit) => (commit.kind === 'edit' ? { came: await textOf(commit.rows()), went: await textOf(commit.removed()) } : commit.kind)),
    );
    expect(told).toEqual([
      { came: [], went: [['a', 1, 1n]] },
      { came: [], went: [['b', 1, 1n]] },
      { came: [], went: [['c', 1, 1n]] },
      {
        came: [
          ['b', 1, 1n],
          ['c', 1, 1n],
        ],
        went: [],
      },
    ]);
  });
});

describe('the fold of a commit that writes files again', () => {
  it('counts the rows it brings, not those it carries along', async () => {
    const { table, deps } = await tableFixture({ profile: 'compatible' });
    await table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n], ['c', 1, 1n]));
    await table.upsert(rowsBatch(['a', 2, 2n]), { keys: ['k'] });
    await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['b']] }] });
    await table.restore({ version: 2 });
    const commits = await foldSourceOf(deps, table, { keyColumns: [KEY] }).commits(1, 4);
    const told = await Promise.all(commits.map(async (commit) => (commit.kind === 'none' ? commit.kind : [commit.kind, await textOf(commit.rows())])));
    // A file carried along by one commit is brought by another that restores it.
    expect(told).toEqual([
      ['merge', [['a', 2, 2n]]],
      ['edit', []],
      [
        'edit',
        [
          ['b', 1, 1n],
          ['c', 1, 1n],
        ],
      ],
    ]);
  });

  it('says what an edit took away though the file is long replaced, and that it is gone when it is', async () => {
    const { table, deps, store } = await tableFixture({ profile: 'compatible' });
    await table.append(rowsBatch(['a', 1, 1n]));
    const [path] = table.snapshot.files.keys();
    await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] });
    const [commit] = await foldSourceOf(deps, table, { keyColumns: [KEY] }).commits(1, 2);
    expect(commit?.kind === 'edit' ? await textOf(commit.removed()) : commit).toEqual([['a', 1, 1n]]);
    await store.delete(objectPath(`${T_ROOT}/${path}`));
    await expect(commit?.kind === 'edit' ? textOf(commit.removed()) : undefined).rejects.toMatchObject({ code: 'HISTORY_EXPIRED' });
  });

  it('never takes a commit the log has lost for one without rows', async () => {
    const { table, deps, store } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    await store.delete(commitPath(T_ROOT, 1));
    await expect(foldSourceOf(deps, table, { keyColumns: [KEY] }).commits(0, 1)).rejects.toMatchObject({ code: 'HISTORY_EXPIRED', context: { version: 1 } });
  });
});
