/** The filter of a join (P17), tried on single records. */
import { batchOfRows } from '../core/batch.ts';
import type { Column, Value } from '../core/types.ts';
import { passingRows, type Filter } from '../delta/filter/filter.ts';

/** True where the filter is true of the row; `row[i]` is the value of `columns[i]`. */
export function rowPasses(filter: Filter, columns: readonly Column[], row: readonly Value[]): boolean {
  return passingRows(filter, batchOfRows(columns, [row])).length === 1;
}
