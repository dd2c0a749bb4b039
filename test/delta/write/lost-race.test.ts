/** What plans depend on beside rows they take out: constraints being added, change files, names of partitions. */
import { describe, expect, it } from 'vitest';
import { constraintPlanner } from '../../../lib/delta/schema/alter-constraint.ts';
import { schemaPlanner } from '../../../lib/delta/schema/alter-schema.ts';
import { deletePlanner } from '../../../lib/delta/write/delete-rows.ts';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { stagedConflict } from '../../../lib/delta/write/stage.ts';
import { countingObjectStore } from '../../support/counting-store.ts';
import { loseRace, type Write } from '../../support/lost-race.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';
import { isLogEntry } from '../../support/table-turns.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

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

describe('a writer that is behind', () => {
  // Ends of the log are found by reading past them, in windows of four.
  it.each([
    [1, 4],
    [2, 4],
    [3, 4],
    [4, 8],
    [9, 12],
  ])('by %i versions reads each entry it missed once, in %i requests with the end of the log, and none before', async (behind, gets) => {
    const fixture = await tableFixture();
    await fixture.table.append(rowsBatch(['a', 1, 1n]));
    const counting = countingObjectStore(fixture.store);
    const late = await fixture.open(counting);
    for (let i = 0; i < behind; i += 1) await fixture.table.append(rowsBatch([`b${i}`, i, 1n]));
    counting.requests.length = 0;
    const { outcome } = await late.append(rowsBatch(['z', 9, 1n]));
    expect(outcome).toMatchObject({ kind: 'committed', version: behind + 2, attempts: 2 });
    const read = counting.requests.flatMap(({ kind, path }) => (kind === 'GET' ? [path] : []));
    expect(read.toSorted()).toEqual(Array.from({ length: gets }, (_, i) => commitPath(T_ROOT, i + 2)));
    expect(counting.requests.filter(({ kind }) => kind !== 'GET').map(({ kind }) => kind)).toEqual(['PUT IF ABSENT', 'PUT IF ABSENT', 'PUT IF ABSENT']);
  });

  it('and is told to stop commits nothing, and asks for nothing more', async () => {
    const fixture = await tableFixture();
    const counting = countingObjectStore(fixture.store);
    const controller = new AbortController();
    const refusing = wrappedStore(counting, {
      createIfAbsent: async (path, bytes, options) => {
        const outcome = await counting.createIfAbsent(path, bytes, options);
        if (isLogEntry(path)) controller.abort(new Error('told to stop'));
        return outcome;
      },
    });
    const late = await fixture.open(refusing);
    await fixture.table.append(rowsBatch(['a', 1, 1n]));
    counting.requests.length = 0;
    await expect(late.append(rowsBatch(['z', 9, 1n]), { signal: controller.signal })).rejects.toThrow('told to stop');
    expect(counting.requests.map(({ kind }) => kind)).toEqual(['PUT IF ABSENT', 'PUT IF ABSENT']);
    expect(await fixture.rows()).toEqual([['a', 1, 1n]]);
  });
});

it('a change that raises the protocol keeps the features that a winner added', async () => {
  const raced = await tableFixture();
  const { protocol } = raced.table.snapshot;
  const features = ['readerFeatures', 'writerFeatures'] as const;
  const win = (): Promise<unknown> =>
    raced.foreign([
      { protocol: { ...protocol, kind: undefined, ...Object.fromEntries(features.map((kind) => [kind, [...(protocol[kind] ?? []), 'timestampNtz']])) } },
    ]);
  const { outcome } = await loseRace(raced, (deps) => schemaPlanner(deps, { kind: 'mapColumns' }), { win });
  expect(outcome).toMatchObject({ kind: 'committed', version: 2 });
  const found = (await raced.open()).snapshot.protocol;
  for (const kind of features) expect(found[kind]).toEqual(expect.arrayContaining(['timestampNtz', 'columnMapping']));
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
