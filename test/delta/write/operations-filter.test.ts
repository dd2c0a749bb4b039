/** Filters: SQL's nulls, and pruning that never costs a row. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { canonicalRow } from '../../../lib/core/canonical.ts';
import type { Value } from '../../../lib/core/types.ts';
import { type ColumnBounds, compareValues, type Filter, mayPass, passingRows } from '../../../lib/delta/filter/filter.ts';
import { anyFilter, FILTER_COLUMNS, filterRow, judgeRow } from '../../support/table-filters.ts';
import { rowsBatch, tableFixture } from '../../support/table-fixture.ts';

const textsOf = (rows: readonly (readonly Value[])[]): string[] => rows.map((row) => canonicalRow(FILTER_COLUMNS, row)).toSorted();

describe('a filter', () => {
  it('passes a row only where SQL says true', () => {
    fc.assert(
      fc.property(anyFilter, fc.array(filterRow, { maxLength: 12 }), (filter, rows) => {
        expect(passingRows(filter, batchOfRows(FILTER_COLUMNS, rows))).toEqual([...rows.keys()].filter((i) => judgeRow(filter, rows[i] ?? []) === true));
      }),
      { numRuns: 2000 },
    );
  });

  it('is never true of null, negated or not', () => {
    const batch = batchOfRows(FILTER_COLUMNS, [[null, null, null, null, null]]);
    const compare: Filter = { kind: 'compare', column: 'n', op: '=', value: 1 };
    expect(
      [
        compare,
        { kind: 'not', filter: compare },
        { kind: 'in', column: 'n', values: [1, null] },
        { kind: 'not', filter: { kind: 'in', column: 'n', values: [null] } },
      ].map((filter) => passingRows(filter as Filter, batch)),
    ).toEqual([[], [], [], []]);
  });

  it('orders numbers with NaN last and equal to itself, text by UTF-8 bytes', () => {
    expect([
      compareValues(Number.NaN, 1e308),
      compareValues(Number.NaN, Number.NaN),
      compareValues(1, Number.NaN),
      compareValues(-0, 0),
      Math.sign(compareValues('\u{1f600}', '\uffff')),
      Math.sign(compareValues(new Uint8Array([2]), new Uint8Array([1, 9]))),
      compareValues(false, true),
    ]).toEqual([1, 0, -1, 0, 1, 1, -1]);
  });

  it('refuses what it cannot order, and columns nobody has', async () => {
    const { table } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    const read = async (filter: Filter): Promise<void> => {
      for await (const _ of table.read({ where: filter }));
    };
    await expect(read({ kind: 'compare', column: 'k', op: '<', value: 1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(read({ kind: 'isNull', column: 'nobody' })).rejects.toMatchObject({ code: 'UNKNOWN_FEATURE', context: { column: 'nobody' } });
  });
});

describe('pruning', () => {
  it('drops no file that holds a passing row, by any statistics and partitions', async () => {
    const layouts = fc.record({
      partitionBy: fc.constantFrom<readonly string[]>([], ['n'], ['b', 'd'], ['t']),
      files: fc.array(fc.array(filterRow, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      stats: fc.constantFrom({}, { 'delta.dataSkippingNumIndexedCols': '2' }, { 'delta.dataSkippingStatsColumns': 'd,n' }),
      filters: fc.array(anyFilter, { minLength: 6, maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(layouts, async ({ partitionBy, files, stats, filters }) => {
        const { table, rows: read } = await tableFixture({ columns: FILTER_COLUMNS, partitionBy, configuration: stats });
        for (const rows of files) await table.append(batchOfRows(FILTER_COLUMNS, rows));
        const all = await read();
        await table.delete({ kind: 'where', filter: { kind: 'compare', column: 'n', op: '=', value: 2 } });
        const left = await read();
        expect(textsOf(left)).toEqual(textsOf(all.filter((row) => row[3] !== 2)));
        for (const where of filters) {
          expect(textsOf(await read({ where }))).toEqual(textsOf(left.filter((row) => judgeRow(where, row) === true)));
          expect(textsOf(await read({ where, columns: ['s', 't', 'd', 'n', 'b'], limit: 2 })).length).toBe(
            Math.min(2, left.filter((row) => judgeRow(where, row) === true).length),
          );
        }
      }),
      { numRuns: 120, endOnFailure: true },
    );
  });

  it('reads nothing of files whose bounds rule every row out', () => {
    const bounds =
      (known: Partial<ColumnBounds>): (() => ColumnBounds) =>
      () => ({ min: undefined, max: undefined, nullCount: undefined, rowCount: undefined, mayHaveNaN: false, ...known });
    const compare = (op: '=' | '!=' | '<' | '<=' | '>' | '>=', value: Value): Filter => ({ kind: 'compare', column: 'n', op, value });
    const between = bounds({ min: 10, max: 20, nullCount: 0, rowCount: 5 });
    const verdicts = [
      compare('=', 9),
      compare('=', 21),
      compare('<', 10),
      compare('<=', 9),
      compare('>', 20),
      compare('>=', 21),
      compare('=', null),
      { kind: 'isNull', column: 'n' },
      { kind: 'in', column: 'n', values: [1, 30, null] },
      { kind: 'and', filters: [compare('=', 15), compare('=', 9)] },
      { kind: 'or', filters: [compare('=', 9), compare('>', 20)] },
    ] as const;
    expect(verdicts.map((filter) => mayPass(filter as Filter, between))).toEqual(verdicts.map(() => false));
    const open = [
      compare('=', 10),
      compare('=', 20),
      compare('<', 11),
      compare('<=', 10),
      compare('>', 19),
      compare('>=', 20),
      compare('!=', 15),
      { kind: 'not', filter: compare('=', 15) },
      { kind: 'isNotNull', column: 'n' },
      { kind: 'in', column: 'n', values: [1, 12] },
    ] as const;
    expect(open.map((filter) => mayPass(filter as Filter, between))).toEqual(open.map(() => true));
    expect(mayPass({ kind: 'isNotNull', column: 'n' }, bounds({ nullCount: 5, rowCount: 5 }))).toBe(false);
    const not = (filter: Filter): Filter => ({ kind: 'not', filter });
    const within = (values: readonly Value[]): Filter => ({ kind: 'in', column: 'n', values });
    const ruledOut = [
      not(compare('>=', 10)),
      not({ kind: 'or', filters: [compare('<', 12), compare('>', 11)] }),
      not(not(compare('=', 9))),
      not({ kind: 'isNotNull', column: 'n' }),
      not(within([15, null])),
    ];
    expect(ruledOut.map((filter) => mayPass(filter, between))).toEqual([false, true, false, false, false]);
    const same = bounds({ min: 7, max: 7, nullCount: 1, rowCount: 5 });
    expect([compare('!=', 7), not(compare('=', 7)), not(within([7, 8])), compare('!=', 8), not(within([8]))].map((filter) => mayPass(filter, same))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(mayPass(compare('!=', 7), bounds({ min: 7, max: 7, mayHaveNaN: true }))).toBe(true);
    expect([compare('=', 1), compare('!=', 1), within([1])].map((filter) => mayPass(filter, bounds({ nullCount: 5, rowCount: 5 })))).toEqual([
      false,
      false,
      false,
    ]);
    expect(mayPass(compare('>', 20), bounds({ min: 10, max: 20, mayHaveNaN: true }))).toBe(true);
  });

  it('knows that null receipts read as the time of their file', async () => {
    const { foreign, file, rows } = await tableFixture();
    const add = async (name: string, values: readonly (bigint | null)[], stats: string): Promise<void> => {
      const data = await file(name, rowsBatch(...values.map((value): [string, number, bigint | null] => [name, 1, value])));
      await foreign([{ add: { ...data, partitionValues: {}, modificationTime: 5, dataChange: true, stats } }]);
    };
    await add('all', [null], '{"numRecords":1,"nullCount":{"_ingested_at":1}}');
    await add(
      'some',
      [null, 1000n],
      '{"numRecords":2,"minValues":{"_ingested_at":"1970-01-01T00:00:00.001Z"},"maxValues":{"_ingested_at":"1970-01-01T00:00:00.001Z"},"nullCount":{"_ingested_at":1}}',
    );
    await add(
      'unsaid',
      [null, 9000n],
      '{"numRecords":2,"minValues":{"_ingested_at":"1970-01-01T00:00:00.009Z"},"maxValues":{"_ingested_at":"1970-01-01T00:00:00.009Z"}}',
    );
    const keys = async (where: Filter): Promise<unknown[]> => (await rows({ where })).map(([k]) => k);
    expect(await keys({ kind: 'compare', column: '_ingested_at', op: '=', value: 5000n })).toEqual(['all', 'some', 'unsaid']);
    expect(await keys({ kind: 'isNotNull', column: '_ingested_at' })).toEqual(['all', 'some', 'some', 'unsaid', 'unsaid']);
    expect(await keys({ kind: 'isNull', column: '_ingested_at' })).toEqual([]);
  });
});
