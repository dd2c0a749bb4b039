/** Filters as ranges of values: what a data file's own index is asked. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOfRows, rowsOf } from '../../../lib/core/batch.ts';
import type { Value } from '../../../lib/core/types.ts';
import { filterRanges } from '../../../lib/delta/filter/filter-ranges.ts';
import { compareValues, passingRows, type Filter } from '../../../lib/delta/filter/filter.ts';
import type { ValueRange } from '../../../lib/ports/table-codec.ts';
import { anyFilter, FILTER_COLUMNS, filterRow } from '../../support/table-filters.ts';

const isIn = (value: Value, ranges: readonly ValueRange[]): boolean =>
  value !== null &&
  ranges.some(({ low, high }) => (low === undefined || compareValues(low, value) <= 0) && (high === undefined || compareValues(value, high) <= 0));

const compare = (op: '=' | '<' | '>=' | '!=', value: Value, column = 'n'): Filter => ({ kind: 'compare', column, op, value });

describe('the ranges of a filter', () => {
  it('hold every value of a row that passes', () => {
    fc.assert(
      fc.property(anyFilter, fc.array(filterRow, { maxLength: 12 }), (filter, rows) => {
        const batch = batchOfRows(FILTER_COLUMNS, rows);
        const passing = passingRows(filter, batch).map((i) => rowsOf(batch)[i] ?? []);
        for (const { column, ranges } of filterRanges(filter)) {
          const position = FILTER_COLUMNS.findIndex((each) => each.name === column);
          for (const row of passing) expect(isIn(row[position] ?? null, ranges)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[string, Filter, unknown]>([
    ['a comparison', compare('>=', 5), [{ column: 'n', ranges: [{ low: 5 }] }]],
    ['a comparison that excludes one value alone', compare('!=', 5), []],
    ['a comparison with nothing, which passes no row', compare('=', null), [{ column: 'n', ranges: [] }]],
    [
      'a list',
      { kind: 'in', column: 'n', values: [1, null, 3] },
      [
        {
          column: 'n',
          ranges: [
            { low: 1, high: 1 },
            { low: 3, high: 3 },
          ],
        },
      ],
    ],
    [
      'what must all hold',
      { kind: 'and', filters: [compare('>=', 1), compare('<', 9, 'm')] },
      [
        { column: 'n', ranges: [{ low: 1 }] },
        { column: 'm', ranges: [{ high: 9 }] },
      ],
    ],
    [
      'alternatives that bound one column each time',
      {
        kind: 'or',
        filters: [{ kind: 'and', filters: [compare('=', 1), compare('=', 2, 'm')] }, compare('=', 3)],
      },
      [
        {
          column: 'n',
          ranges: [
            { low: 1, high: 1 },
            { low: 3, high: 3 },
          ],
        },
      ],
    ],
    ['alternatives on two columns', { kind: 'or', filters: [compare('=', 1), compare('=', 2, 'm')] }, []],
    ['a negation', { kind: 'not', filter: compare('=', 1) }, []],
  ])('of %s', (_, filter, ranges) => {
    expect(filterRanges(filter)).toEqual(ranges);
  });
});
