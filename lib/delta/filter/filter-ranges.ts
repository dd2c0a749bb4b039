/** The values a filter leaves of a column, as ranges, for a data file's own index. Pure. */
import type { ValueRange } from '../../ports/table-codec.ts';
import type { Filter } from './filter.ts';

/** A passing row has a value of `column` in one of `ranges`. */
export interface ColumnRanges {
  readonly column: string;
  readonly ranges: readonly ValueRange[];
}

/** What must hold, all of it, of a row that passes; nothing where the filter leaves every value open. */
export function filterRanges(filter: Filter): readonly ColumnRanges[] {
  switch (filter.kind) {
    case 'and':
      return filter.filters.flatMap(filterRanges);
    case 'or':
      return commonRanges(filter.filters.map(filterRanges));
    case 'in':
      return [{ column: filter.column, ranges: filter.values.flatMap((value) => (value === null ? [] : [{ low: value, high: value }])) }];
    case 'compare':
      return compareRanges(filter);
    case 'isNotNull':
      return [{ column: filter.column, ranges: [{}] }];
    default:
      return [];
  }
}

/** Alternatives bound a column only if each of them does. */
function commonRanges(alternatives: readonly (readonly ColumnRanges[])[]): readonly ColumnRanges[] {
  const [first, ...others] = alternatives;
  return (first ?? []).flatMap(({ column, ranges }) => {
    const rest = others.map((other) => other.find((each) => each.column === column));
    const isBounded = rest.every((each) => each !== undefined);
    return isBounded ? [{ column, ranges: [...ranges, ...rest.flatMap((each) => each.ranges)] }] : [];
  });
}

function compareRanges({ column, op, value }: Filter & { readonly kind: 'compare' }): readonly ColumnRanges[] {
  if (value === null) return [{ column, ranges: [] }];
  switch (op) {
    case '=':
      return [{ column, ranges: [{ low: value, high: value }] }];
    case '<':
    case '<=':
      return [{ column, ranges: [{ high: value }] }];
    case '>':
    case '>=':
      return [{ column, ranges: [{ low: value }] }];
    case '!=':
      return [];
  }
}
