/** Our Arrow streams, read by Arrow's own reader. */
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { batchOfRows, type Row } from '../../lib/core/batch.ts';
import { arrowStreamOf } from '../../lib/parquet/arrow/arrow-encode.ts';
import { column } from '../contract/table-codec.contract.ts';

const COLUMNS = [
  column('id', 'bigint', false),
  { name: 'nothing', type: { kind: 'void' }, nullable: true } as const,
  column('flag', 'boolean'),
  column('text', 'string'),
  column('price', 'decimal(9,2)'),
  column('list', 'array<string>'),
  column('deep', 'struct<a:array<int>,m:map<string,double>>'),
];
const ROWS: readonly Row[] = [
  [1n, null, true, 'é', 5n, ['a', null], [[1, null], [['k', 0.5]]]],
  [2n, null, null, null, null, null, null],
  [-3n, null, false, '', -1n, [], [null, []]],
];

describe('an Arrow stream', () => {
  it('names the columns, nullability and all, and leaves those of type void out', () => {
    const { schema } = tableFromIPC(arrowStreamOf(batchOfRows(COLUMNS, ROWS)));
    expect(schema.fields.map(({ name, type, nullable }) => `${name} ${String(type)}${nullable ? '' : ' not null'}`)).toEqual([
      'id Int64 not null',
      'flag Bool',
      'text Utf8',
      'price Decimal[9e+2]',
      'list List<Utf8>',
      'deep Struct<{a:List<Int32>, m:Map<{key:Utf8, value:Float64}>}>',
    ]);
  });

  it('holds the rows, of the first batch of a schema and of later ones', () => {
    for (const rows of [ROWS, ROWS.toReversed(), []]) {
      const table = tableFromIPC(arrowStreamOf(batchOfRows(COLUMNS, rows)));
      expect([table.numRows, table.batches.length]).toEqual([rows.length, 1]);
      expect(table.toArray().map((row) => JSON.parse(JSON.stringify([Number(row.id), row.flag, row.text, row.list, row.deep])))).toEqual(
        rows.map(([id, , flag, text, , list, deep]) => {
          const [a, m] = Array.isArray(deep) ? deep : [];
          return [Number(id), flag, text, list, deep === null ? null : { a, m: Object.fromEntries(Array.isArray(m) ? m.filter(Array.isArray) : []) }];
        }),
      );
    }
  });
});
