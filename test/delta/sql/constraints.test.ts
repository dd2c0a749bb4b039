/** Constraints and invariants: checked on every way in, added only where they hold. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import type { Value } from '../../../lib/core/types.ts';
import { KEY, NUMBER, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { readEntry } from '../../../lib/delta/changes/changes.ts';

const POSITIVE = { 'delta.constraints.positive': 'v > 0' };
const plainRows = (...rows: readonly (readonly Value[])[]): ReturnType<typeof batchOfRows> => batchOfRows([KEY, NUMBER], rows);
const refusal = (row: number, constraint = 'positive'): unknown =>
  expect.objectContaining({ code: 'CONSTRAINT_VIOLATED', context: expect.objectContaining({ constraint, row }) });

describe.each([['merge-on-read'], ['compatible']] as const)('a table with a constraint (%s)', (profile) => {
  const start = async (): Promise<TableFixture> => {
    const fixture = await tableFixture({ columns: [KEY, NUMBER], profile, configuration: POSITIVE });
    await fixture.table.append(plainRows(['a', 1], ['b', 2]));
    return fixture;
  };

  it('takes no row that does not make it true, null included, whatever the operation', async () => {
    const { table, rows } = await start();
    const everyRow = { kind: 'and', filters: [] } as const;
    await expect(table.append(plainRows(['c', 3], ['d', 0]))).rejects.toThrow(refusal(1));
    await expect(table.append(plainRows(['c', null]))).rejects.toThrow(refusal(0));
    await expect(table.append(batchOfRows([KEY], [['c']]))).rejects.toThrow(refusal(0));
    await expect(table.upsert(plainRows(['a', -1]), { keys: ['k'] })).rejects.toThrow(refusal(0));
    await expect(table.overwrite(plainRows(['a', -1]))).rejects.toThrow(refusal(0));
    await expect(table.update({ filter: everyRow, set: new Map([['v', 0]]) })).rejects.toThrow(refusal(0));
    expect(await rows()).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(table.snapshot.version).toBe(1);
  });

  it('shows constraint, expression, row and values', async () => {
    const { table } = await start();
    await expect(table.append(plainRows(['c', 0]))).rejects.toMatchObject({
      message: 'expected positive (v > 0) to be true, found false in row 0: {"k":"c","v":0}',
      context: { constraint: 'positive', expression: 'v > 0', row: 0, values: '{"k":"c","v":0}' },
    });
  });

  it('is written, changed and emptied as long as it holds', async () => {
    const { table, rows } = await start();
    await table.upsert(plainRows(['a', 5]), { keys: ['k'] });
    await table.delete({ kind: 'where', filter: { kind: 'compare', column: 'k', op: '=', value: 'b' } });
    expect(await rows()).toEqual([['a', 5]]);
  });
});

describe('a constraint', () => {
  it('is added once every row passes it, with the feature it needs', async () => {
    const { table, deps } = await tableFixture({ columns: [KEY, NUMBER], profile: 'compatible' });
    await table.append(plainRows(['a', 1], ['b', null]));
    await expect(table.alterConstraint({ name: 'positive', expression: 'v > 0' })).rejects.toThrow(refusal(1));
    expect(table.snapshot.protocol).toMatchObject({ minReaderVersion: 1, minWriterVersion: 2 });
    expect(await table.alterConstraint({ name: 'Positive', expression: 'v > 0 OR v IS NULL' })).toMatchObject({ kind: 'committed', version: 2 });
    expect(table.snapshot.protocol).toEqual({
      kind: 'protocol',
      minReaderVersion: 1,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'invariants', 'checkConstraints'],
    });
    expect(table.snapshot.metadata.configuration).toMatchObject({ 'delta.constraints.positive': 'v > 0 OR v IS NULL' });
    expect((await readEntry(deps, T_ROOT, 2))?.actions.map(({ kind }) => kind)).toEqual(['commitInfo', 'protocol', 'metaData']);
    await expect(table.append(plainRows(['c', 0]))).rejects.toThrow(refusal(0));
  });

  it('is neither added twice nor silently changed, and dropped by name', async () => {
    const { table } = await tableFixture({ columns: [KEY, NUMBER], configuration: POSITIVE });
    expect(await table.alterConstraint({ name: 'positive', expression: 'v > 0' })).toMatchObject({ kind: 'nothing' });
    await expect(table.alterConstraint({ name: 'positive', expression: 'v > 1' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(await table.alterConstraint({ name: 'POSITIVE', expression: null })).toMatchObject({ kind: 'committed' });
    expect(await table.alterConstraint({ name: 'positive', expression: null })).toMatchObject({ kind: 'nothing' });
    expect(await table.append(plainRows(['c', 0]))).toMatchObject({ outcome: { kind: 'committed' } });
  });

  it.each([
    ['a b', 'v > 0'],
    ['positive', 'v >'],
    ['positive', 'w > 0'],
    ['positive', 'v'],
  ])('is refused as %s: %s', async (name, expression) => {
    const { table } = await tableFixture({ columns: [KEY, NUMBER] });
    await expect(table.alterConstraint({ name, expression })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('that another process adds holds back rows staged before it', async () => {
    const { table, open, rows } = await tableFixture({ columns: [KEY, NUMBER] });
    await (await open()).alterConstraint({ name: 'positive', expression: 'v > 0' });
    const { outcome } = await table.append(plainRows(['a', 0]));
    expect(outcome).toMatchObject({ kind: 'conflict', reason: 'constraint positive was added' });
    expect(await rows()).toEqual([]);
  });

  it('that cannot be checked closes the table for writes and leaves it open for reads', async () => {
    const { table, foreign, open, rows } = await tableFixture({ columns: [KEY, NUMBER] });
    await table.append(plainRows(['a', 1]));
    const { metadata, protocol } = table.snapshot;
    await foreign([
      { protocol: { ...protocol, kind: undefined, writerFeatures: [...(protocol.writerFeatures ?? []), 'checkConstraints'] } },
      { metaData: { ...metadata, kind: undefined, configuration: { ...metadata.configuration, 'delta.constraints.even': 'pmod(v, 2) = 0' } } },
    ]);
    expect(await rows()).toEqual([['a', 1]]);
    await expect((await open()).append(plainRows(['b', 2]))).rejects.toMatchObject({
      code: 'UNSUPPORTED_TABLE_FEATURE',
      context: { feature: 'checkConstraints', constraint: 'even' },
    });
  });
});

describe('an invariant', () => {
  it('is checked as a constraint is', async () => {
    const { table, foreign, open } = await tableFixture({ columns: [KEY, NUMBER] });
    const { metadata } = table.snapshot;
    const invariant = JSON.stringify({ 'delta.invariants': JSON.stringify({ expression: { expression: 'v >= 3' } }) });
    const schemaString = metadata.schemaString.replace(
      '"name":"v","type":"integer","nullable":true,"metadata":{}',
      `"name":"v","type":"integer","nullable":true,"metadata":${invariant}`,
    );
    await foreign([{ metaData: { ...metadata, kind: undefined, schemaString } }]);
    const other = await open();
    await expect(other.append(plainRows(['a', 2]))).rejects.toThrow(refusal(0, 'v'));
    expect(await other.append(plainRows(['a', 3]))).toMatchObject({ outcome: { kind: 'committed' } });
  });
});
