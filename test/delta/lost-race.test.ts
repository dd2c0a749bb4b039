/** What plans depend on beside rows they take out: constraints being added, change files, names of partitions. */
import { describe, expect, it } from 'vitest';
import { constraintPlanner } from '../../lib/delta/alter-constraint.ts';
import { deletePlanner } from '../../lib/delta/delete-rows.ts';
import type { Snapshot } from '../../lib/delta/snapshot-state.ts';
import { stagedConflict } from '../../lib/delta/stage.ts';
import { loseRace, type Write } from '../support/lost-race.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../support/table-fixture.ts';

const addPositive: Write = (deps) => constraintPlanner(deps, T_ROOT, { name: 'positive', expression: 'v > 0' });
const deleteA: Write = (deps) =>
  deletePlanner(deps, { root: T_ROOT, txnId: 'loser', sortBy: ['k'] }, { kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] }).plan;

describe('a constraint that is added while another writer wins', () => {
  it('is held against the rows that won, and those alone', async () => {
    const raced = await tableFixture();
    await raced.table.append(rowsBatch(['a', 1, 1n]));
    const { outcome, requests } = await loseRace(raced, addPositive, { win: async () => (await raced.open()).append(rowsBatch(['b', 2, 1n])) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 3, attempts: 2 });
    const { files } = (await raced.open()).snapshot;
    expect(requests.map(({ path }) => path)).toEqual([`${T_ROOT}/${[...files.keys()][1]}`]);
  });

  it('is not added when a row that won breaks it', async () => {
    const raced = await tableFixture();
    await raced.table.append(rowsBatch(['a', 1, 1n]));
    const race = loseRace(raced, addPositive, { win: async () => (await raced.open()).append(rowsBatch(['b', -2, 1n])) });
    await expect(race).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED' });
  });

  it('is not added when a row that breaks it comes back into a file that passed', async () => {
    const raced = await tableFixture();
    await raced.table.append(rowsBatch(['a', -1, 1n], ['b', 2, 1n]));
    await raced.table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] });
    const race = loseRace(raced, addPositive, { win: async () => (await raced.open()).restore({ version: 1 }) });
    await expect(race).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED' });
  });
});

it('a plan that stands after a lost race names the change files it wrote before', async () => {
  const raced = await tableFixture({ configuration: { 'delta.enableChangeDataFeed': 'true' } });
  await raced.table.append(rowsBatch(['a', 1, 1n], ['b', 2, 1n]));
  const { outcome, requests } = await loseRace(raced, deleteA, { win: async () => (await raced.open()).append(rowsBatch(['x', 3, 1n])) });
  expect(outcome).toMatchObject({ kind: 'committed', version: 3, attempts: 2 });
  expect(requests).toEqual([]);
});

it('staged files outlive a new name of a partition column, not another partition column', async () => {
  const { table } = await tableFixture({ partitionBy: ['v'] });
  const before = table.snapshot;
  const renamed = (physicalName: string): Snapshot => ({
    ...before,
    metadata: { ...before.metadata, partitionColumns: ['number'] },
    columns: before.columns.map((column) => (column.name === 'v' ? { ...column, name: 'number', physicalName } : column)),
  });
  expect(stagedConflict(before, renamed('v'))).toBeUndefined();
  expect(stagedConflict(before, renamed('other'))).toBe('the table is partitioned by other columns now');
});
