/**
 * Row filters (api.md, `where`): `{ column, op, value }` combined by and, or, not; nulls compare as in SQL, so a row
 * passes only where the filter is true. Pure; also tells which files cannot hold a passing row.
 */
import { type Batch, type Vector, valueAt, findVector } from '../../core/batch.ts';
import { compareBytes, compareUtf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { Column, Value } from '../../core/types.ts';

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** A filter whose values are already typed as their columns. */
export type Filter =
  | { readonly kind: 'compare'; readonly column: string; readonly op: Comparison; readonly value: Value }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly Value[] }
  | { readonly kind: 'isNull' | 'isNotNull'; readonly column: string }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly Filter[] }
  | { readonly kind: 'not'; readonly filter: Filter };

/** What is known of a column in one file; `undefined` bounds are unknown. */
export interface ColumnBounds {
  readonly min: Value | undefined;
  readonly max: Value | undefined;
  readonly nullCount: number | undefined;
  readonly rowCount: number | undefined;
  readonly mayHaveNaN: boolean;
}

/** Total order of two values of one type; numbers numerically, NaN last, strings and bytes by byte. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return compareUtf8(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (typeof a === 'boolean' || typeof b === 'boolean') return Number(a === true || a === 1) - Number(b === true || b === 1);
  if ((typeof a === 'number' || typeof a === 'bigint') && (typeof b === 'number' || typeof b === 'bigint')) {
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
    if (Number.isNaN(b)) return -1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  throw new LakefoldError('INVALID_ARGUMENT', 'expected two values of one comparable type');
}

/** Columns the filter looks at. */
export function filterColumns(filter: Filter): ReadonlySet<string> {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return new Set(filter.filters.flatMap((part) => [...filterColumns(part)]));
    case 'not':
      return filterColumns(filter.filter);
    default:
      return new Set([filter.column]);
  }
}

/** Indices of the rows for which the filter is true, ascending. */
export function passingRows(filter: Filter, batch: Batch): number[] {
  const test = compile(filter, batch);
  const indices: number[] = [];
  for (let i = 0; i < batch.rowCount; i += 1) if (test(i) === true) indices.push(i);
  return indices;
}

/** False only when no row of a file with these bounds can pass. */
export function mayPass(filter: Filter, boundsOf: (column: string) => ColumnBounds): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.filters.every((part) => mayPass(part, boundsOf));
    case 'or':
      return filter.filters.some((part) => mayPass(part, boundsOf));
    case 'not':
      return mayPass(negated(filter.filter), boundsOf);
    case 'isNull':
      return boundsOf(filter.column).nullCount !== 0;
    case 'isNotNull': {
      const { nullCount, rowCount } = boundsOf(filter.column);
      return nullCount === undefined || rowCount === undefined || nullCount < rowCount;
    }
    case 'in':
      return filter.values.some((value) => value !== null && mayHold(boundsOf(filter.column), '=', value));
    case 'compare':
      return filter.value !== null && mayHold(boundsOf(filter.column), filter.op, filter.value);
  }
}

/** What is true of exactly the rows of which the filter is false: with SQL's nulls, negation goes all the way in. */
function negated(filter: Filter): Filter {
  switch (filter.kind) {
    case 'and':
      return { kind: 'or', filters: filter.filters.map(negated) };
    case 'or':
      return { kind: 'and', filters: filter.filters.map(negated) };
    case 'not':
      return filter.filter;
    case 'isNull':
      return { kind: 'isNotNull', column: filter.column };
    case 'isNotNull':
      return { kind: 'isNull', column: filter.column };
    case 'in':
      return { kind: 'and', filters: filter.values.map((value): Filter => ({ kind: 'compare', column: filter.column, op: '!=', value })) };
    case 'compare':
      return { ...filter, op: NEGATED[filter.op] };
  }
}

const NEGATED: Readonly<Record<Comparison, Comparison>> = { '=': '!=', '!=': '=', '<': '>=', '<=': '>', '>': '<=', '>=': '<' };

function mayHold({ min, max, nullCount, rowCount, mayHaveNaN }: ColumnBounds, op: Comparison, value: Value): boolean {
  // Nothing holds of a null.
  if (nullCount !== undefined && nullCount === rowCount) return false;
  const minKnown = min !== undefined && min !== null;
  // Writers leave NaN out of their bounds, and NaN is the greatest value there is.
  const maxKnown = max !== undefined && max !== null && !mayHaveNaN;
  switch (op) {
    case '=':
      return !(minKnown && compareValues(value, min) < 0) && !(maxKnown && compareValues(value, max) > 0);
    case '<':
      return !(minKnown && compareValues(min, value) >= 0);
    case '<=':
      return !(minKnown && compareValues(min, value) > 0);
    case '>':
      return !(maxKnown && compareValues(max, value) <= 0);
    case '>=':
      return !(maxKnown && compareValues(max, value) < 0);
    case '!=':
      return !(minKnown && maxKnown && compareValues(min, value) === 0 && compareValues(max, value) === 0);
  }
}

/** True only when every row of a file with these bounds passes, whichever of them are deleted. */
export function mustPass(filter: Filter, boundsOf: (column: string) => ColumnBounds): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.filters.every((part) => mustPass(part, boundsOf));
    case 'or':
      return filter.filters.some((part) => mustPass(part, boundsOf));
    case 'not':
      return false;
    case 'isNull': {
      const { nullCount, rowCount } = boundsOf(filter.column);
      return nullCount !== undefined && nullCount === rowCount;
    }
    case 'isNotNull':
      return boundsOf(filter.column).nullCount === 0;
    case 'in':
      return filter.values.some((value) => value !== null && allHold(boundsOf(filter.column), '=', value));
    case 'compare':
      return filter.value !== null && allHold(boundsOf(filter.column), filter.op, filter.value);
  }
}

function allHold({ min, max, nullCount, mayHaveNaN }: ColumnBounds, op: Comparison, value: Value): boolean {
  if (nullCount !== 0 || mayHaveNaN || min === undefined || min === null || max === undefined || max === null) return false;
  switch (op) {
    case '=':
      return compareValues(min, value) === 0 && compareValues(max, value) === 0;
    case '!=':
      return compareValues(max, value) < 0 || compareValues(min, value) > 0;
    case '<':
    case '<=':
      return holds(op, compareValues(max, value));
    case '>':
    case '>=':
      return holds(op, compareValues(min, value));
  }
}

type Test = (index: number) => boolean | null;

function compile(filter: Filter, batch: Batch): Test {
  switch (filter.kind) {
    case 'and': {
      const tests = filter.filters.map((part) => compile(part, batch));
      return (index) => tests.reduce<boolean | null>((result, test) => (result === false ? false : and(result, test(index))), true);
    }
    case 'or': {
      const tests = filter.filters.map((part) => compile(part, batch));
      return (index) => tests.reduce<boolean | null>((result, test) => (result === true ? true : or(result, test(index))), false);
    }
    case 'not': {
      const test = compile(filter.filter, batch);
      return (index) => {
        const result = test(index);
        return result === null ? null : !result;
      };
    }
    case 'isNull': {
      const vector = columnOf(filter.column, batch);
      return (index) => valueAt(vector, index) === null;
    }
    case 'isNotNull': {
      const vector = columnOf(filter.column, batch);
      return (index) => valueAt(vector, index) !== null;
    }
    case 'in': {
      const vector = columnOf(filter.column, batch);
      const hasNull = filter.values.includes(null);
      const values = filter.values.filter((value) => value !== null);
      return (index) => {
        const value = valueAt(vector, index);
        if (value === null) return null;
        return values.some((other) => compareValues(value, other) === 0) ? true : hasNull ? null : false;
      };
    }
    case 'compare': {
      const vector = columnOf(filter.column, batch);
      const { op, value: bound } = filter;
      return (index) => {
        const value = valueAt(vector, index);
        return value === null || bound === null ? null : holds(op, compareValues(value, bound));
      };
    }
  }
}

function columnOf(name: string, batch: Batch): Vector {
  const vector = findVector(batch, name);
  if (vector === undefined) throw unknownColumn(name, batch.columns);
  return vector;
}

export function unknownColumn(name: string, columns: readonly Pick<Column, 'name'>[]): LakefoldError {
  return new LakefoldError('UNKNOWN_FEATURE', `expected one of the columns ${columns.map((column) => column.name).join(', ')}, found ${JSON.stringify(name)}`, {
    context: { column: name },
  });
}

function holds(op: Comparison, order: number): boolean {
  switch (op) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function and(a: boolean | null, b: boolean | null): boolean | null {
  if (a === false || b === false) return false;
  return a === null || b === null ? null : true;
}

function or(a: boolean | null, b: boolean | null): boolean | null {
  if (a === true || b === true) return true;
  return a === null || b === null ? null : false;
}
