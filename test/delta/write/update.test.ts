/** Updates and partial overwrites: what changes, what stays, and what is refused. */
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../../lib/core/bytes.ts';
import { batchOfRows } from '../../../lib/core/batch.ts';
import type { Value } from '../../../lib/core/types.ts';
import { foldKindOf, readEntry } from '../../../lib/delta/changes/changes.ts';
import { type Filter, mustPass } from '../../../lib/delta/filter/filter.ts';
import { countingObjectStore } from '../../support/counting-store.ts';
import { KEY, NUMBER, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const equals = (column: string, value: Value): Filter => ({ kind: 'compare', column, op: '=', value });
const set = (values: Readonly<Record<string, Value>>): ReadonlyMap<string, Value> => new Map(Object.entries(values));
const PLAIN = { columns: [KEY, NUMBER] };
const plainRows = (...rows: readonly (readonly Value[])[]): ReturnType<typeof batchOfRows> => batchOfRows([KEY, NUMBER], rows);

const PROFILES = [['merge-on-read'], ['compatible']] as const;

async function threeRows(profile: 'merge-on-read' | 'compatible', partitionBy: readonly string[] = []): Promise<TableFixture> {
  const fixture = await tableFixture({ ...PLAIN, profile, partitionBy });
  await fixture.table.append(plainRows(['a', 1], ['b', 2]));
  await fixture.table.append(plainRows(['c', 2]));
  return fixture;
}

describe.each(PROFILES)('an update (%s)', (profile) => {
  it('changes the rows the filter passes and no other, in one commit', async () => {
    const { table, rows, deps } = await threeRows(profile);
    const outcome = await table.update({ filter: equals('v', 2), set: set({ v: 20 }) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 3, counts: { rowsInserted: 0, rowsUpdated: 2, rowsDeleted: 0 } });
    expect(await rows()).toEqual([
      ['a', 1],
      ['b', 20],
      ['c', 20],
    ]);
    expect(foldKindOf((await readEntry(deps, T_ROOT, 3))?.actions ?? [])).toBe('edit');
  });

  it('moves rows between partitions', async () => {
    const { table, rows } = await threeRows(profile, ['v']);
    await table.update({ filter: equals('k', 'b'), set: set({ v: null }) });
    expect(await rows()).toEqual([
      ['a', 1],
      ['b', null],
      ['c', 2],
    ]);
    expect([...table.snapshot.files.values()].map(({ partitionValues }) => String(partitionValues['v'])).toSorted(compareUtf8)).toEqual(['1', '2', 'null']);
  });

  it('commits nothing where no row passes', async () => {
    const { table } = await threeRows(profile);
    expect(await table.update({ filter: equals('v', 7), set: set({ v: 1 }) })).toMatchObject({ kind: 'nothing' });
    expect(table.snapshot.version).toBe(2);
  });

  it('refuses null in a required column and a column the table lacks', async () => {
    const { table, rows } = await threeRows(profile);
    const before = await rows();
    await expect(table.update({ filter: equals('v', 2), set: set({ k: null }) })).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED' });
    await expect(table.update({ filter: equals('v', 2), set: set({ w: 1 }) })).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE' });
    expect(await rows()).toEqual(before);
  });

  it('changes what the head holds when another process got in first', async () => {
    const { table, open, rows } = await threeRows(profile);
    await (await open()).delete({ kind: 'where', filter: equals('k', 'b') });
    await (await open()).append(plainRows(['d', 2]));
    expect(await table.update({ filter: equals('v', 2), set: set({ v: 20 }) })).toMatchObject({ counts: { rowsUpdated: 2 } });
    expect(await rows()).toEqual([
      ['a', 1],
      ['c', 20],
      ['d', 20],
    ]);
  });
});

describe('an update of rows with receipts', () => {
  it('counts them as received with the file that holds them', async () => {
    const { table, rows, clock } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 5n]));
    await table.update({ filter: equals('k', 'a'), set: set({ v: 2 }) });
    expect(await rows()).toEqual([['a', 2, BigInt(clock.now()) * 1000n]]);
  });
});

describe.each(PROFILES)('an overwrite by filter (%s)', (profile) => {
  it('replaces the rows the filter passes and no other', async () => {
    const { table, rows } = await threeRows(profile);
    const { outcome } = await table.overwrite(plainRows(['x', 2], ['y', 2], ['z', 2]), { where: equals('v', 2) });
    expect(outcome).toMatchObject({ kind: 'committed', counts: { rowsInserted: 3, rowsUpdated: 0, rowsDeleted: 2 } });
    expect(await rows()).toEqual([
      ['a', 1],
      ['x', 2],
      ['y', 2],
      ['z', 2],
    ]);
  });

  it('refuses a new row that the filter does not pass, and names it', async () => {
    const { table, rows } = await threeRows(profile);
    const before = await rows();
    await expect(table.overwrite(plainRows(['x', 2], ['y', 3]), { where: equals('v', 2) })).rejects.toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
      message: 'expected every new row to pass `v` = 2, found row 1: {"k":"y","v":3}',
      context: { row: 1 },
    });
    await expect(table.overwrite(batchOfRows([KEY], [['x']]), { where: equals('v', 2) })).rejects.toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
      context: { row: 0 },
    });
    expect(await rows()).toEqual(before);
  });

  it('takes rows out where there are no new ones, and commits nothing where there is neither', async () => {
    const { table, rows } = await threeRows(profile);
    expect((await table.overwrite(plainRows(), { where: equals('v', 2) })).outcome).toMatchObject({ counts: { rowsInserted: 0, rowsDeleted: 2 } });
    expect(await rows()).toEqual([['a', 1]]);
    expect((await table.overwrite(plainRows(), { where: equals('v', 2) })).outcome).toMatchObject({ kind: 'nothing' });
  });

  it('adds where it replaces nothing', async () => {
    const { table, rows } = await threeRows(profile);
    expect((await table.overwrite(plainRows(['x', 9]), { where: equals('v', 9) })).outcome).toMatchObject({ counts: { rowsInserted: 1, rowsDeleted: 0 } });
    expect(await rows()).toHaveLength(4);
  });
});

describe('a partition that goes as a whole', () => {
  it('is overwritten and deleted without reading a data file', async () => {
    const { table, store, open } = await threeRows('merge-on-read', ['v']);
    expect(table.snapshot.files.size).toBe(3);
    const counting = countingObjectStore(store);
    const other = await open(counting);
    await other.overwrite(plainRows(['x', 2]), { where: equals('v', 2) });
    await other.delete({ kind: 'where', filter: equals('v', 1) });
    expect(counting.requests.filter(({ kind, path }) => kind === 'GET' && path.includes('part-'))).toEqual([]);
    expect(other.snapshot.files.size).toBe(1);
  });
});

describe('what statistics prove of a whole file', () => {
  const bounds = { min: 1, max: 3, nullCount: 0, rowCount: 4, mayHaveNaN: false };
  it.each<[Filter, Partial<typeof bounds>, boolean]>([
    [{ kind: 'compare', column: 'v', op: '>=', value: 1 }, {}, true],
    [{ kind: 'compare', column: 'v', op: '>', value: 1 }, {}, false],
    [{ kind: 'compare', column: 'v', op: '<', value: 4 }, {}, true],
    [{ kind: 'compare', column: 'v', op: '<=', value: 2 }, {}, false],
    [{ kind: 'compare', column: 'v', op: '!=', value: 4 }, {}, true],
    [{ kind: 'compare', column: 'v', op: '!=', value: 2 }, {}, false],
    [{ kind: 'compare', column: 'v', op: '=', value: 1 }, { max: 1 }, true],
    [{ kind: 'compare', column: 'v', op: '=', value: null }, { max: 1 }, false],
    [{ kind: 'in', column: 'v', values: [null, 1] }, { max: 1 }, true],
    [{ kind: 'compare', column: 'v', op: '>=', value: 1 }, { nullCount: 1 }, false],
    [{ kind: 'compare', column: 'v', op: '>=', value: 1 }, { mayHaveNaN: true }, false],
    [{ kind: 'isNull', column: 'v' }, { nullCount: 4 }, true],
    [{ kind: 'isNull', column: 'v' }, { nullCount: 3 }, false],
    [{ kind: 'isNotNull', column: 'v' }, {}, true],
    [{ kind: 'and', filters: [] }, {}, true],
    [{ kind: 'or', filters: [] }, {}, false],
    [{ kind: 'not', filter: { kind: 'compare', column: 'v', op: '>', value: 9 } }, {}, false],
  ])('%j over %j: %s', (filter, changed, expected) => {
    expect(mustPass(filter, () => ({ ...bounds, ...changed }))).toBe(expected);
  });
});
