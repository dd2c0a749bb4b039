/** Lists and maps as other writers lay them out, read alike whichever way they are read; what is no such layout is refused by name. */
import { describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows, type Row } from '../../lib/core/batch.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { column, sourceOf } from '../contract/table-codec.contract.ts';
import { everyReadOf, readEveryWay } from '../support/every-read.ts';
import { type ElementChange, renamedParquet } from '../support/renamed-parquet.ts';

const codec = createParquetCodec({ wasm: readParquetWasm() });
const COLUMNS = [column('id', 'int', false), column('a', 'array<int>'), column('s', 'array<struct<x:int,y:string>>'), column('m', 'map<string,int>')];
const rowOf = (i: number): Row => [
  i,
  i % 5 === 0 ? null : i % 5 === 1 ? [] : [i, null, -i],
  i % 4 === 0 ? [null, [i, 'é']] : [[null, null]],
  i % 3 === 0 ? null : [[`k${i}`, i % 2 === 0 ? null : i]],
];
const ROWS = Array.from({ length: 22_000 }, (_, i) => rowOf(i));
// Rows of several pages and row groups, and between them none.
const RANGES = [
  { start: 3, end: 9 },
  { start: 19_990, end: 20_010 },
  { start: 20_990, end: 21_010 },
  { start: 21_999, end: 22_000 },
];
const [MAP, MAP_KEY_VALUE, LIST] = [1, 2, 3];

const FORMS: readonly (readonly [string, Readonly<Record<string, ElementChange>>])[] = [
  ['as the format names them', {}],
  [
    'as Hive did, in bags of array elements',
    {
      a: { convertedType: LIST },
      'a.list': { name: 'bag' },
      'a.list.element': { name: 'array_element' },
      s: { convertedType: LIST },
      's.list': { name: 'bag' },
      's.list.element': { name: 'array_element' },
    },
  ],
  ['as Arrow did, with items for elements', { 'a.list.element': { name: 'item' }, 's.list.element': { name: 'item' } }],
  ['with maps of maps of keys and values, as Avro and Thrift did', { m: { convertedType: MAP }, 'm.key_value': { name: 'map', convertedType: MAP_KEY_VALUE } }],
  ['with maps annotated as keys and values themselves', { m: { convertedType: MAP_KEY_VALUE }, 'm.key_value': { name: 'map', convertedType: null } }],
  ['with keys and values of other names', { 'm.key_value.key': { name: 'k' }, 'm.key_value.value': { name: 'v' }, 'm.key_value': { name: 'entries' } }],
];

describe('lists and maps of other writers', () => {
  it.each(FORMS)('%s are read alike by whole files, pages and row groups', async (_, changes) => {
    const file = renamedParquet(await codec.encode(batchOfRows(COLUMNS, ROWS), { rowGroupRows: 21_000 }), changes);
    expect(await readEveryWay(codec, file, { columns: COLUMNS, ranges: RANGES })).toEqual(everyReadOf(ROWS, RANGES));
    expect(await codec.describe(sourceOf(file))).toEqual({ columns: COLUMNS, rowCount: ROWS.length });
  });

  it('are refused by the name of their column where they are laid out as neither', async () => {
    const file = renamedParquet(await codec.encode(batchOfRows(COLUMNS, ROWS.slice(0, 3))), { a: { convertedType: MAP } });
    await expect(codec.describe(sourceOf(file))).rejects.toMatchObject({ code: 'MALFORMED_FILE', context: { column: 'a' } });
  });
});
