/** What NDJSON adds to the table codec contract: its text, and what it infers of a foreign file. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { instant, parseDate } from '../../lib/core/time.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import { column, decodeAll, sourceOf } from '../contract/table-codec.contract.ts';

const codec = createNdjsonCodec();

describe('the NDJSON codec', () => {
  it('writes canonical rows, one a line', async () => {
    const columns = [
      column('n', 'bigint'),
      column('d', 'decimal(5,2)'),
      column('f', 'double'),
      column('day', 'date'),
      column('ts', 'timestamp'),
      column('m', 'map<string,int>'),
    ];
    const bytes = await codec.encode(
      batchOfRows(columns, [
        [
          9_007_199_254_740_993n,
          -5n,
          -0,
          parseDate('2001-02-03') ?? 0,
          instant('2001-02-03T04:05:06.5Z'),
          [
            ['b', 1],
            ['a', 2],
          ],
        ],
        [1n, null, NaN, null, null, null],
      ]),
    );
    expect(new TextDecoder().decode(bytes)).toBe(
      '{"n":"9007199254740993","d":"-0.05","f":-0.0,"day":"2001-02-03","ts":"2001-02-03T04:05:06.5Z","m":{"a":2,"b":1}}\n{"n":1,"d":null,"f":"NaN","day":null,"ts":null,"m":null}\n',
    );
  });

  it('infers the narrowest types that hold every row', async () => {
    const text =
      '{"i":1,"f":1,"s":"x","b":true,"a":[],"o":{"x":1},"n":null,"mix":1}\n{"i":9007199254740993,"f":0.5,"s":null,"a":[1],"o":{"y":"z"},"n":null,"mix":"t"}\n';
    expect(await codec.describe(sourceOf(utf8(text)))).toEqual({
      rowCount: 2,
      columns: [
        column('i', 'bigint'),
        column('f', 'double'),
        column('s', 'string'),
        column('b', 'boolean'),
        column('a', 'array<bigint>'),
        column('o', 'struct<x:bigint,y:string>'),
        { name: 'n', type: { kind: 'void' }, nullable: true },
        column('mix', 'string'),
      ],
    });
  });

  it('reads keys of a map in the order of their bytes, whole numbers among them', async () => {
    const bytes = await codec.encode(
      batchOfRows(
        [column('m', 'map<string,int>')],
        [
          [
            [
              ['9', 1],
              ['10', 2],
              ['é', 3],
              ['z', 4],
            ],
          ],
        ],
      ),
    );
    expect((await decodeAll(codec, bytes, [column('m', 'map<string,int>')])).rows).toEqual([
      [
        [
          ['10', 2],
          ['9', 1],
          ['z', 4],
          ['é', 3],
        ],
      ],
    ]);
  });

  it.each([
    ['an array', '[1]\n'],
    ['a key twice', '{"a":1,"a":2}\n'],
    ['a value of another type', '{"a":"1"}\n'],
    ['a number that is no int', '{"a":1.5}\n'],
    ['an empty line', '{"a":1}\n\n'],
  ])('refuses %s, naming the row', async (_, text) => {
    const row = text.split('\n').length - 2;
    await expect(decodeAll(codec, utf8(text), [column('a', 'int')])).rejects.toMatchObject({ code: 'FILE_CORRUPT', context: { row } });
  });
});
