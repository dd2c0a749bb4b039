import { expect, it } from 'vitest';
import { hasLiteral, setRowsSql, type SetRows } from '../../lib/engine/set-sql.ts';

const ROWS: SetRows = {
  table: 'joined',
  spineColumns: ['k'],
  joins: [{ name: 'a', features: [{ name: 'a_v', type: { kind: 'float' }, default: 0.5 }] }],
  hasDiagnostics: false,
  dropMissing: true,
};

it('reads the rows of a set as they stand, and what a filter leaves of them sorted, so that every engine cuts its files alike', () => {
  const columns = `SELECT "k", CASE WHEN "__status_0" = 0 THEN "a_v" ELSE CAST(CAST('0.5' AS DOUBLE) AS FLOAT) END AS "a_v" FROM "joined"`;
  expect(setRowsSql(ROWS)).toBe(columns);
  expect(setRowsSql(ROWS, { start: -1n, end: 5n })).toBe(`${columns} WHERE "__label" >= -1 AND "__label" < 5 ORDER BY rowid`);
  const joins = [{ name: 'a', features: [{ name: 'a_v', type: { kind: 'float' as const }, default: undefined }] }];
  expect(setRowsSql({ ...ROWS, joins })).toBe('SELECT "k", "a_v" AS "a_v" FROM "joined" WHERE "__status_0" = 0 ORDER BY rowid');
});

it('writes no default as SQL that SQL would change or cut', () => {
  const cases = [
    hasLiteral({ kind: 'double' }, -0),
    hasLiteral({ kind: 'string' }, 'a\0b'),
    hasLiteral({ kind: 'vector', length: 1 }, [1]),
    hasLiteral({ kind: 'array', element: { kind: 'int' } }, [1]),
    hasLiteral({ kind: 'struct', fields: [] }, null),
    hasLiteral({ kind: 'string' }, "it's"),
    hasLiteral({ kind: 'double' }, 0),
  ];
  expect(cases).toEqual([false, false, false, false, true, true, true]);
});
