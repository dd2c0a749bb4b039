/** Random filters with what SQL says of a row: a naive evaluator in three values. */
import fc from 'fast-check';
import { compareUtf8 } from '../../lib/core/bytes.ts';
import type { Row } from '../../lib/core/batch.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import type { Comparison, Filter } from '../../lib/delta/filter/filter.ts';

export const FILTER_COLUMNS: readonly Column[] = [
  { name: 's', type: { kind: 'string' }, nullable: true },
  { name: 't', type: { kind: 'timestamp' }, nullable: true },
  { name: 'd', type: { kind: 'double' }, nullable: true },
  { name: 'n', type: { kind: 'int' }, nullable: true },
  { name: 'b', type: { kind: 'boolean' }, nullable: true },
];

const LONG = 'x'.repeat(40);
/** Values that sit on the edges of what statistics keep: cut strings, floored instants, NaN, minus zero. */
const VALUES: Readonly<Record<string, readonly Value[]>> = {
  s: ['', 'a', 'b', LONG, `${LONG}a`, `${LONG}b`, `${'x'.repeat(31)}\u{10ffff}`, `${'x'.repeat(31)}\u{10ffff}z`, '\u{1f600}', '\uffff'],
  t: [0n, 1n, 999n, 1000n, 1001n, 1999n, -1n, -1000n],
  d: [Number.NaN, -0, 0, 1.5, -1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308],
  n: [-2, -1, 0, 1, 2],
  b: [true, false],
};

export const filterRow: fc.Arbitrary<Value[]> = fc.tuple(
  ...FILTER_COLUMNS.map(({ name }) => fc.option(fc.constantFrom(...(VALUES[name] ?? [])), { nil: null, freq: 3 })),
);

const leaf: fc.Arbitrary<Filter> = fc.constantFrom(...FILTER_COLUMNS.map(({ name }) => name)).chain((column) => {
  const value = fc.option(fc.constantFrom(...(VALUES[column] ?? [])), { nil: null, freq: 8 });
  return fc.oneof(
    fc.record({ kind: fc.constant('compare'), column: fc.constant(column), op: fc.constantFrom<Comparison>('=', '!=', '<', '<=', '>', '>='), value }),
    fc.record({ kind: fc.constant('in'), column: fc.constant(column), values: fc.array(value, { minLength: 1, maxLength: 3 }) }),
    fc.record({ kind: fc.constantFrom('isNull', 'isNotNull'), column: fc.constant(column) }),
  );
});

export const anyFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record({ kind: fc.constantFrom('and', 'or'), filters: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ kind: fc.constant('not'), filter: tie('filter') }),
  ),
})).filter;

/** True, false or unknown. */
export function judgeRow(filter: Filter, row: Row): boolean | null {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const parts = filter.filters.map((part) => judgeRow(part, row));
      const decisive = filter.kind === 'or';
      if (parts.includes(decisive)) return decisive;
      return parts.includes(null) ? null : !decisive;
    }
    case 'not': {
      const inner = judgeRow(filter.filter, row);
      return inner === null ? null : !inner;
    }
    case 'isNull':
      return valueIn(filter.column, row) === null;
    case 'isNotNull':
      return valueIn(filter.column, row) !== null;
    case 'in':
      return judgeRow({ kind: 'or', filters: filter.values.map((value) => ({ kind: 'compare', column: filter.column, op: '=', value })) }, row);
    case 'compare': {
      const value = valueIn(filter.column, row);
      if (value === null || filter.value === null) return null;
      const order = compare(value, filter.value);
      const holds: Readonly<Record<Comparison, boolean>> = {
        '=': order === 0,
        '!=': order !== 0,
        '<': order < 0,
        '<=': order <= 0,
        '>': order > 0,
        '>=': order >= 0,
      };
      return holds[filter.op];
    }
  }
}

function valueIn(column: string, row: Row): Value {
  return row[FILTER_COLUMNS.findIndex(({ name }) => name === column)] ?? null;
}

/** As Spark orders them: NaN is the greatest number and equal to itself, zeros are equal, text goes by its bytes. */
function compare(a: Value, b: Value): number {
  if (typeof a === 'string') return compareUtf8(a, String(b));
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0;
  const [left, right] = [Number(a), Number(b)];
  if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
  return left - right === 0 || left === right ? 0 : left < right ? -1 : 1;
}
