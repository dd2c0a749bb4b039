import { describe, expect, it } from 'vitest';
import type { Json } from '../../lib/core/json.ts';
import { parseType, type Column, type Value } from '../../lib/core/types.ts';
import { parseFilter } from '../../lib/delta/filter/parse-filter.ts';
import { rowPasses } from '../../lib/online/join-filter.ts';

const COLUMNS: readonly Column[] = [
  { name: 'n', type: parseType('int'), nullable: true },
  { name: 's', type: parseType('string'), nullable: true },
];
const passes = (filter: Json, row: readonly Value[]): boolean => rowPasses(parseFilter(filter, COLUMNS), COLUMNS, row);

describe('join filters (P17)', () => {
  it('compare as SQL does, a null being neither true nor false', () => {
    expect([
      passes({ column: 'n', op: '>=', value: 2 }, [2, 'x']),
      passes({ column: 'n', op: '!=', value: 2 }, [null, 'x']),
      passes({ not: { column: 'n', op: '=', value: 2 } }, [null, 'x']),
    ]).toEqual([true, false, false]);
    expect([
      passes(
        {
          or: [
            { column: 'n', op: 'isNull' },
            { column: 's', op: 'in', value: ['a', 'b'] },
          ],
        },
        [null, null],
      ),
      passes(
        {
          and: [
            { column: 'n', op: 'isNotNull' },
            { column: 's', op: 'in', value: ['a'] },
          ],
        },
        [1, 'b'],
      ),
    ]).toEqual([true, false]);
  });

  it.each<[string, Json, string]>([
    ['another shape', 7, 'INVALID_ARGUMENT'],
    ['an unknown operator', { column: 'n', op: '~', value: 1 }, 'INVALID_ARGUMENT'],
    ['a further member', { column: 'n', op: '=', value: 1, also: 2 }, 'UNKNOWN_FIELD'],
    ['an unknown column', { column: 'x', op: '=', value: 1 }, 'UNKNOWN_FEATURE'],
    ['a value of another type', { column: 'n', op: '=', value: '1' }, 'TYPE_MISMATCH'],
    ['in without an array', { column: 'n', op: 'in', value: 1 }, 'INVALID_ARGUMENT'],
    ['and beside another member', { and: [], or: [] }, 'UNKNOWN_FIELD'],
    ['nesting without end', Array.from({ length: 20 }).reduce<Json>((inner) => ({ not: inner }), { column: 'n', op: 'isNull' }), 'LIMIT_EXCEEDED'],
  ])('refuse %s', (_, filter, code) => {
    expect(() => parseFilter(filter, COLUMNS)).toThrow(expect.objectContaining({ code }));
  });
});
