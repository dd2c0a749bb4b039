/** Columns that get a wider type: every file is written again in one commit, whatever else is committed meanwhile. */
import { describe, expect, it } from 'vitest';
import { alterPlanner } from '../../../lib/delta/schema/alter.ts';
import { createRewriter } from '../../../lib/delta/write/rewrite-files.ts';
import { upsertPlanner } from '../../../lib/delta/write/upsert.ts';
import { contentOf, loseRace, type Write } from '../../support/lost-race.ts';
import { KEY, NUMBER, RECEIVED, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const WIDE = [KEY, { ...NUMBER, type: { kind: 'bigint' } as const }, RECEIVED];
const widen: Write = (deps) => alterPlanner({ columns: WIDE, configuration: {} }, createRewriter(deps, { root: T_ROOT, txnId: 'wide', memoryBytesMax: 64 }));

async function filled(): Promise<TableFixture> {
  const fixture = await tableFixture();
  await fixture.table.append(rowsBatch(['a', 1, 1n], ['b', 2, 1n], ['c', null, 1n]));
  await fixture.table.append(rowsBatch(['d', 4, 1n]));
  await fixture.table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['b']] }] });
  return fixture;
}

describe('a widening', () => {
  it('is one commit of new metadata and all files, without the rows that were deleted', async () => {
    const fixture = await filled();
    const before = fixture.table.snapshot;
    const outcome = await fixture.table.alter({ columns: WIDE, configuration: { x: 'y' } }, { rewrite: true });
    expect(outcome).toMatchObject({ kind: 'committed', version: before.version + 1, counts: { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0 } });
    const { snapshot } = await fixture.open();
    expect(snapshot.columns.map(({ type }) => type.kind)).toEqual(['string', 'bigint', 'timestamp']);
    expect([...snapshot.files.keys()].filter((path) => before.files.has(path))).toEqual([]);
    expect([...snapshot.files.values()].map(({ dataChange, deletionVector }) => [dataChange, deletionVector])).toEqual([
      [false, undefined],
      [false, undefined],
    ]);
    expect(await fixture.rows()).toEqual([
      ['a', 1n, 1n],
      ['c', null, 1n],
      ['d', 4n, 1n],
    ]);
    expect(await fixture.rows({ asOf: { version: 1 } })).toEqual([
      ['a', 1, 1n],
      ['b', 2, 1n],
      ['c', null, 1n],
    ]);
    expect((await fixture.table.alter({ columns: WIDE, configuration: { x: 'y' } }, { rewrite: true })).kind).toBe('nothing');
  });

  it('is a conflict where files may not be written again, and where the type is no wider one', async () => {
    const fixture = await filled();
    expect(await fixture.table.alter({ columns: WIDE, configuration: {} })).toMatchObject({
      kind: 'conflict',
      reason: 'column v is int in the table, not bigint',
    });
    const other = [KEY, { ...NUMBER, type: { kind: 'string' } as const }, RECEIVED];
    expect(await fixture.table.alter({ columns: other, configuration: {} }, { rewrite: true })).toMatchObject({ kind: 'conflict' });
  });

  it.each([
    ['an append', (table) => table.append(rowsBatch(['z', 9, 2n])), ['a,1,1', 'c,,1', 'd,4,1', 'z,9,2']],
    ['a delete', (table) => table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] }), ['c,,1', 'd,4,1']],
    ['an upsert', (table) => table.upsert(rowsBatch(['a', 7, 2n]), { keys: ['k'] }), ['a,7,2', 'c,,1', 'd,4,1']],
    ['a compaction', (table) => table.optimize(), ['a,1,1', 'c,,1', 'd,4,1']],
    ['a restore', (table) => table.restore({ version: 1 }), ['a,1,1', 'b,2,1', 'c,,1']],
    [
      'a column that is added',
      (table) => table.alter({ columns: [KEY, NUMBER, { ...NUMBER, name: 'w' }, RECEIVED], configuration: {} }),
      ['a,1,,1', 'c,,,1', 'd,4,,1'],
    ],
  ] satisfies readonly (readonly [string, (table: TableFixture['table']) => Promise<unknown>, readonly string[]])[])(
    'that loses to %s takes what that did along',
    async (_, win, rows) => {
      const fixture = await filled();
      const { outcome } = await loseRace(fixture, widen, { win: async () => win(await fixture.open()) });
      expect(outcome).toMatchObject({ kind: 'committed', attempts: 2 });
      expect((await contentOf(fixture)).rows).toEqual(rows);
      const { snapshot } = await fixture.open();
      expect(snapshot.columns.find(({ name }) => name === 'v')?.type).toEqual({ kind: 'bigint' });
      expect([...snapshot.files.keys()].every((path) => path.includes('wide'))).toBe(true);
    },
  );

  it('ends what a restore can bring back: of files of the narrower type not every engine reads any', async () => {
    const fixture = await filled();
    await fixture.table.alter({ columns: WIDE, configuration: {} }, { rewrite: true });
    await expect(fixture.table.restore({ version: 1 })).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION', context: { version: 1, column: 'v' } });
    expect((await fixture.rows()).length).toBe(3);
  });

  it('refuses rows that were staged in the narrower type', async () => {
    const upsert: Write = (deps) =>
      upsertPlanner(deps, { root: T_ROOT, txnId: 'late' }, { batch: rowsBatch(['a', 7, 2n]), keys: ['k'], eventTime: undefined }).plan;
    const fixture = await filled();
    const win = async (): Promise<unknown> => (await fixture.open()).alter({ columns: WIDE, configuration: {} }, { rewrite: true });
    expect((await loseRace(fixture, upsert, { win })).outcome).toMatchObject({ kind: 'conflict', reason: 'column v was int, it is bigint now' });
  });
});
