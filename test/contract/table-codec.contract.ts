/** What every `TableCodec` does, as data: the suite registers the cases, and broken codecs are shown to fail them. */
import fc from 'fast-check';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { batchOfRows, rowsOf, type Row } from '../../lib/core/batch.ts';
import { BATCH_ROWS } from '../../lib/core/limits.ts';
import { plainValueAt } from '../../lib/core/raw-column.ts';
import { uniteRanges } from '../../lib/core/row-ranges.ts';
import { parseType, type Column, type Value } from '../../lib/core/types.ts';
import { compareValues } from '../../lib/delta/filter/filter.ts';
import type { DecodeColumn, DecodedBatch, FileSource, TableCodec, ValueRange } from '../../lib/ports/table-codec.ts';

export interface TableCodecCase {
  readonly name: string;
  run(codec: TableCodec): Promise<void>;
}

/** Registers every case. */
export function describeTableCodec(name: string, make: () => TableCodec): void {
  describe(`table codec contract: ${name}`, () => {
    for (const each of tableCodecCases) it(each.name, () => each.run(make()));
  });
}

/** Bytes as a source; `reads` collects what was asked for. */
export function sourceOf(bytes: Uint8Array, reads: [number, number][] = []): FileSource {
  return {
    sizeBytes: bytes.length,
    read: async (start, end) => {
      reads.push([start, end]);
      return bytes.slice(start, end);
    },
    readAll: async () => {
      reads.push([0, bytes.length]);
      return bytes.slice();
    },
  };
}

export function column(name: string, type: string, nullable = true): Column {
  return { name, type: type === 'timestampNtz' ? { kind: 'timestampNtz' } : parseType(type), nullable };
}

export async function decodeAll(
  codec: TableCodec,
  bytes: Uint8Array,
  columns: readonly DecodeColumn[],
): Promise<{ readonly rows: Value[][]; readonly batches: DecodedBatch[] }> {
  const batches: DecodedBatch[] = [];
  for await (const decoded of codec.decode(sourceOf(bytes), { columns })) batches.push(decoded);
  return { rows: batches.flatMap(({ batch }) => rowsOf(batch)), batches };
}

async function roundTrip(codec: TableCodec, columns: readonly Column[], rows: readonly Row[]): Promise<Value[][]> {
  const bytes = await codec.encode(batchOfRows(columns, rows));
  return (await decodeAll(codec, bytes, columns)).rows;
}

/** Type and values, extremes first. Map keys ascend, for a codec may order them. */
const VALUES: readonly (readonly [string, readonly Value[]])[] = [
  ['boolean', [true, false]],
  ['int', [-2_147_483_648, 2_147_483_647, 0, -1]],
  ['bigint', [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n, 0n, 9_007_199_254_740_993n]],
  ['float', [Math.fround(0.1), 3.4028234663852886e38, 1.401298464324817e-45, -0, NaN, Infinity, -Infinity]],
  ['double', [0.1, 1.7976931348623157e308, 5e-324, -0, NaN, Infinity, -Infinity, 1e21, 12_345_678_901_234_567_890]],
  ['decimal(9,2)', [999_999_999n, -999_999_999n, 0n, -5n]],
  ['decimal(18,0)', [999_999_999_999_999_999n, -1n]],
  ['decimal(38,10)', [10n ** 38n - 1n, -(10n ** 38n) + 1n, 1n, -(2n ** 64n)]],
  ['string', ['', 'a', 'é', '😀', '\u0000', '\uFEFFbom', '\u2028', '"\\\n', 'ﬃ'.repeat(300)]],
  ['binary', [new Uint8Array(), new Uint8Array([0, 255, 128])]],
  ['date', [-719_162, 2_932_896, 0, -1]],
  ['timestamp', [-62_135_596_800_000_000n, 253_402_300_799_999_999n, -1n, 1n, 1_500_000_000_123_456n]],
  ['timestampNtz', [-62_135_596_800_000_000n, 253_402_300_799_999_999n, -1n]],
  ['array<string>', [[], ['a', null, ''], [null]]],
  ['array<array<bigint>>', [[[1n], [], null], []]],
  [
    'struct<a:int,b:array<double>>',
    [
      [1, [0.5, null]],
      [null, null],
      [null, []],
    ],
  ],
  [
    'map<string,bigint>',
    [
      [],
      [
        ['', null],
        ['a', 1n],
        ['b', -1n],
      ],
    ],
  ],
  ['map<string,struct<x:decimal(5,1)>>', [[['k', [12n]]], [['k', null]]]],
  [
    'map<int,string>',
    [
      [
        [1, 'x'],
        [2, null],
      ],
    ],
  ],
  [
    'vector(3)',
    [
      [1, -0, Math.fround(0.3)],
      [NaN, Infinity, 0],
    ],
  ],
];

/** Columns of every type that has an order, and two that have none; the sorted and the scattered alike. */
const PAGED_COLUMNS: readonly Column[] = [
  column('id', 'bigint', false),
  column('s', 'string'),
  column('long', 'string'),
  column('i', 'int'),
  column('b', 'boolean'),
  column('f', 'float'),
  column('g', 'double'),
  column('d9', 'decimal(9,2)'),
  column('d38', 'decimal(38,3)'),
  column('bin', 'binary'),
  column('day', 'date'),
  column('ts', 'timestamp'),
  column('ntz', 'timestampNtz'),
  column('a', 'array<string>'),
  column('st', 'struct<x:int,y:array<int>>'),
];

/** The i-th row: two columns sorted, nulls in stretches and alone, and values that are awkward as bounds. */
const PAGED_ROW = (i: number): Row => {
  const scattered = (i * 7919) % 1009;
  const orNull = (value: Value): Value => ((i >= 60 && i < 90) || scattered % 11 === 0 ? null : value);
  const awkward = [NaN, Infinity, -Infinity, -0, 0][scattered % 40] ?? scattered - 500.5;
  return [
    BigInt(i) * 3n,
    `é${String(i >> 1).padStart(5, '0')}`,
    orNull(`${'😀'.repeat(40)}${'\uffff'.repeat(scattered % 3)}${scattered}`),
    orNull(scattered - 500),
    orNull(scattered % 2 === 0),
    orNull(Math.fround(awkward)),
    orNull(awkward),
    orNull(BigInt(scattered - 500)),
    orNull(BigInt(scattered - 500) * 10n ** 20n),
    orNull(Uint8Array.of(scattered & 255, 255, 0)),
    orNull(scattered - 500),
    BigInt(i) * 1_000_001n - 50_000_000n,
    orNull(BigInt(scattered - 500) * 1_000_003n),
    orNull(Array.from({ length: scattered % 4 }, (_, k) => (k === 1 ? null : `${scattered}`))),
    orNull([scattered, Array.from({ length: scattered % 3 }, (_, k) => k)]),
  ];
};

/** Values without order are in no range. */
function isInRanges(value: Value, ranges: readonly ValueRange[]): boolean {
  if (value === null || Array.isArray(value)) return false;
  return ranges.some(({ low, high }) => (low === undefined || compareValues(low, value) <= 0) && (high === undefined || compareValues(value, high) <= 0));
}

export const tableCodecCases: readonly TableCodecCase[] = [
  ...VALUES.map(([type, values]): TableCodecCase => ({
    name: `gives back every value of ${type}, absent ones too`,
    run: async (codec) => {
      const rows = [null, ...values, null].map((value) => [value]);
      expect(await roundTrip(codec, [column('c', type)], rows)).toEqual(rows);
    },
  })),
  {
    name: 'gives back a column of nothing but nulls',
    run: async (codec) => {
      const columns = [column('a', 'bigint'), column('b', 'array<string>')];
      expect(
        await roundTrip(codec, columns, [
          [null, null],
          [null, null],
        ]),
      ).toEqual([
        [null, null],
        [null, null],
      ]);
    },
  },
  {
    name: 'decodes a file without rows to no rows',
    run: async (codec) => {
      expect(await roundTrip(codec, [column('a', 'bigint', false)], [])).toEqual([]);
    },
  },
  {
    name: 'tells the position of each batch and keeps the physical order over many batches',
    run: async (codec) => {
      const count = BATCH_ROWS * 2 + 3;
      const columns = [column('n', 'int', false)];
      const bytes = await codec.encode(
        batchOfRows(
          columns,
          Array.from({ length: count }, (_, i) => [i]),
        ),
        { rowGroupRows: BATCH_ROWS + 1 },
      );
      const { batches } = await decodeAll(codec, bytes, columns);
      let next = 0;
      for (const { batch, firstRow } of batches) {
        expect(firstRow).toBe(next);
        expect(batch.rowCount).toBeLessThanOrEqual(BATCH_ROWS);
        expect(batch.vectors[0]?.values).toEqual(Int32Array.from({ length: batch.rowCount }, (_, i) => next + i));
        next += batch.rowCount;
      }
      expect(next).toBe(count);
    },
  },
  {
    name: 'yields the columns asked for, in the order asked for',
    run: async (codec) => {
      const columns = [column('a', 'int'), column('b', 'string'), column('c', 'double')];
      const bytes = await codec.encode(
        batchOfRows(columns, [
          [1, 'x', 0.5],
          [2, null, null],
        ]),
      );
      const asked = [column('c', 'double'), column('a', 'int')];
      const { rows, batches } = await decodeAll(codec, bytes, asked);
      expect(rows).toEqual([
        [0.5, 1],
        [null, 2],
      ]);
      expect(batches[0]?.batch.columns).toEqual(asked);
    },
  },
  {
    name: 'yields nulls for a column the file lacks, also when it has none of those asked for',
    run: async (codec) => {
      const bytes = await codec.encode(batchOfRows([column('a', 'int')], [[1], [2]]));
      expect((await decodeAll(codec, bytes, [column('later', 'array<string>'), column('a', 'int')])).rows).toEqual([
        [null, 1],
        [null, 2],
      ]);
      expect((await decodeAll(codec, bytes, [column('later', 'bigint')])).rows).toEqual([[null], [null]]);
    },
  },
  {
    name: 'finds a renamed column by its physical name',
    run: async (codec) => {
      const bytes = await codec.encode(batchOfRows([column('col-1', 'int'), column('name', 'int')], [[1, 2]]));
      expect((await decodeAll(codec, bytes, [{ ...column('name', 'int'), physicalName: 'col-1' }])).rows).toEqual([[1]]);
    },
  },
  {
    name: 'widens what the file stores narrower, exactly',
    run: async (codec) => {
      const stored = [column('i', 'int'), column('f', 'float'), column('d', 'decimal(5,2)')];
      const bytes = await codec.encode(
        batchOfRows(stored, [
          [-7, Math.fround(0.1), -12_345n],
          [null, null, null],
        ]),
      );
      const asked: DecodeColumn[] = [
        column('i', 'bigint'),
        { ...column('i2', 'double'), physicalName: 'i' },
        column('f', 'double'),
        column('d', 'decimal(20,2)'),
      ];
      expect((await decodeAll(codec, bytes, asked)).rows).toEqual([
        [-7n, -7, Math.fround(0.1), -12_345n],
        [null, null, null, null],
      ]);
    },
  },
  {
    name: 'gives equal bytes for equal batches',
    run: async (codec) => {
      const columns = [column('k', 'string', false), column('m', 'map<string,int>'), column('v', 'double')];
      const rows = Array.from({ length: 500 }, (_, i): Row => [`k${i}`, [[`m${i % 3}`, i]], i / 7]);
      expect(await codec.encode(batchOfRows(columns, rows))).toEqual(await codec.encode(batchOfRows(columns, rows)));
    },
  },
  {
    name: 'refuses a null in a column that is not nullable',
    run: async (codec) => {
      await expect(codec.encode(batchOfRows([column('a', 'int', false)], [[1], [null]]))).rejects.toMatchObject({
        code: 'INTERNAL',
        context: { column: 'a', row: 1 },
      });
      await expect(codec.encode(batchOfRows([column('s', 'string', false)], [[null]]))).rejects.toMatchObject({
        code: 'INTERNAL',
        context: { column: 's', row: 0 },
      });
    },
  },
  {
    name: 'refuses a column of another type, naming it',
    run: async (codec) => {
      const bytes = await codec.encode(batchOfRows([column('a', 'string')], [['x']]));
      await expect(decodeAll(codec, bytes, [column('a', 'bigint')])).rejects.toMatchObject({
        code: 'FILE_CORRUPT',
        context: { column: 'a', fault: 'TYPE_MISMATCH' },
      });
    },
  },
  {
    name: 'refuses a file cut short',
    run: async (codec) => {
      const bytes = await codec.encode(batchOfRows([column('a', 'string')], [['some text'], ['more']]));
      for (const length of [0, 1, 7, bytes.length - 1]) {
        const cut = bytes.slice(0, length);
        // Nothing at all is an empty NDJSON file.
        if (length === 0 && codec.extension === 'ndjson') continue;
        await expect(decodeAll(codec, cut, [column('a', 'string')])).rejects.toMatchObject({ code: 'FILE_CORRUPT' });
        await expect(codec.describe(sourceOf(cut))).rejects.toMatchObject({ code: 'MALFORMED_FILE' });
      }
    },
  },
  {
    name: 'reads the rows asked for alone, at their positions',
    run: async (codec) => {
      const rows = Array.from({ length: 230 }, (_, i) => PAGED_ROW(i));
      const sets = fc.array(fc.tuple(fc.nat(240), fc.nat(60)), { maxLength: 6 });
      const layouts = fc.record({ rowGroupRows: fc.constantFrom(37, 100, 1000), pageBytes: fc.constantFrom(1, 64, 240) });
      await fc.assert(
        fc.asyncProperty(layouts, sets, fc.subarray([...PAGED_COLUMNS], { minLength: 1 }), async (layout, picked, columns) => {
          const bytes = await codec.encode(batchOfRows(PAGED_COLUMNS, rows), layout);
          const asked = uniteRanges(picked.map(([start, length]) => ({ start, end: start + length })));
          const batches: DecodedBatch[] = [];
          for await (const decoded of codec.decode(sourceOf(bytes), { columns, rows: asked })) batches.push(decoded);
          const found = batches.flatMap(({ batch, firstRow }) => rowsOf(batch).map((row, i) => [firstRow + i, ...row]));
          const positions = asked.flatMap(({ start, end }) => [...rows.keys()].slice(start, end));
          expect(found).toEqual(positions.map((position) => [position, ...columns.map((each) => rows[position]?.[PAGED_COLUMNS.indexOf(each)])]));
        }),
        { numRuns: 60 },
      );
    },
  },
  {
    name: 'yields nulls for the rows asked for of a column the file lacks',
    run: async (codec) => {
      const bytes = await codec.encode(batchOfRows([column('a', 'int')], [[1], [2], [3], [4]]));
      const batches: DecodedBatch[] = [];
      const rows = [
        { start: 1, end: 2 },
        { start: 3, end: 9 },
      ];
      for await (const decoded of codec.decode(sourceOf(bytes), { columns: [column('b', 'string')], rows })) batches.push(decoded);
      expect(batches.flatMap(({ batch, firstRow }) => rowsOf(batch).map((row, i) => [firstRow + i, ...row]))).toEqual([
        [1, null],
        [3, null],
      ]);
    },
  },
  ...PAGED_COLUMNS.map((each): TableCodecCase => ({
    name: `finds every row whose ${each.name} is in a range`,
    run: async (codec) => {
      const position = PAGED_COLUMNS.indexOf(each);
      const rows = Array.from({ length: 150 }, (_, i) => PAGED_ROW(i));
      const ends = fc.option(fc.nat(149).map((i) => rows[i]?.[position] ?? null));
      const ranges = fc.array(fc.tuple(ends, ends), { maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(40, 1000), fc.constantFrom(1, 56, 100_000), ranges, async (rowGroupRows, pageBytes, picked) => {
          const bytes = await codec.encode(batchOfRows(PAGED_COLUMNS, rows), { rowGroupRows, pageBytes });
          const asked = picked.map(([low, high]) => ({ ...(low === null ? {} : { low }), ...(high === null ? {} : { high }) }));
          const found = await codec.pageRanges(sourceOf(bytes), { column: each, ranges: asked });
          const missed = [...rows.keys()].filter(
            (row) => isInRanges(rows[row]?.[position] ?? null, asked) && !found.some(({ start, end }) => row >= start && row < end),
          );
          expect(missed).toEqual([]);
        }),
        { numRuns: 60 },
      );
    },
  })),
  {
    name: 'finds no row in no range, nor in a column the file lacks',
    run: async (codec) => {
      const bytes = await codec.encode(batchOfRows([column('a', 'int')], [[1], [null]]));
      expect(await codec.pageRanges(sourceOf(bytes), { column: column('a', 'int'), ranges: [] })).toEqual([]);
      expect(await codec.pageRanges(sourceOf(bytes), { column: column('b', 'int'), ranges: [{}] })).toEqual([]);
    },
  },
  {
    name: 'tells the few rows of a sorted column that may hold a value',
    run: async (codec) => {
      const rows = Array.from({ length: 1000 }, (_, i): Row => [`k${String(i).padStart(4, '0')}`]);
      const bytes = await codec.encode(batchOfRows([column('k', 'string')], rows), { rowGroupRows: 400, pageBytes: 1 });
      const found = await codec.pageRanges(sourceOf(bytes), {
        column: column('k', 'string'),
        ranges: ['k0123', 'k0777', 'k'].map((low) => ({ low, high: low })),
      });
      expect(found).toEqual([
        { start: 123, end: 124 },
        { start: 777, end: 778 },
      ]);
    },
  },
  {
    name: 'stops when told to',
    run: async (codec) => {
      const bytes = await codec.encode(batchOfRows([column('a', 'int')], [[1]]));
      const decoded = codec.decode(sourceOf(bytes), { columns: [column('a', 'int')], signal: AbortSignal.abort(new Error('enough')) });
      await expect(decoded[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
    },
  },
  {
    name: 'describes how many rows and which columns a file has',
    run: async (codec) => {
      const bytes = await codec.encode(
        batchOfRows(
          [column('s', 'string'), column('b', 'boolean')],
          [
            ['x', true],
            ['y', null],
          ],
        ),
      );
      expect(await codec.describe(sourceOf(bytes))).toEqual({ rowCount: 2, columns: [column('s', 'string'), column('b', 'boolean')] });
    },
  },
  {
    name: 'fetches row groups piecemeal, where it has such, and gives their columns as they lie',
    run: async (codec) => {
      const columns = [column('s', 'struct<t:string,n:bigint,b:boolean,m:map<string,string>,l:array<string>>'), column('absent', 'string')];
      const rows: readonly Row[] = [
        [['é', 5n, true, [['k', null]], ['x', '']], null],
        [null, null],
        [[null, -9_007_199_254_740_993n, false, [], null], null],
      ];
      const bytes = await codec.encode(batchOfRows(columns, rows), { rowGroupRows: 2 });
      const groups = (await codec.rowGroups(sourceOf(bytes)))?.groups;
      if (groups === undefined) return;
      expect(groups.map(({ firstRow, rowCount }) => [firstRow, rowCount])).toEqual([
        [0, 2],
        [2, 1],
      ]);
      const asked = [
        column('s', 'struct<m:map<string,string>,t:string,n:bigint,b:boolean,l:array<string>>'),
        column('absent', 'string'),
        column('other', 'int'),
      ];
      const found: unknown[] = [];
      for (const group of groups) {
        const fetched = await group.fetch({ columns: asked });
        const now = fetched.rawNow();
        expect(await fetched.raw()).toEqual(now);
        for (let row = 0; row < group.rowCount; row += 1) found.push(now.map((raw) => (raw === undefined ? undefined : plainValueAt(raw, row))));
        expect(fetched.vectorsNow().map((vector) => vector.length)).toEqual(asked.map(() => group.rowCount));
      }
      expect(found).toEqual([
        [{ t: 'é', n: 5n, b: true, m: { k: null }, l: ['x', ''] }, undefined, undefined],
        [null, undefined, undefined],
        [{ t: null, n: -9_007_199_254_740_993n, b: false, m: {}, l: null }, undefined, undefined],
      ]);
      const some = await groups[0]?.fetch({ columns: [column('s', 'struct<t:string>')] });
      expect(some?.vectorsNow().map((vector) => vector.values)).toEqual([[['é'], null]]);
    },
  },
  {
    name: 'writes batches as one file, which has their rows in order and equal bytes for equal batches',
    run: async (codec) => {
      const columns = [column('s', 'string'), column('m', 'map<string,bigint>')];
      const batches = [
        [['a', [['k', 1n]]]],
        [
          ['b', null],
          [null, []],
        ],
        [['é', [['x', null]]]],
      ].map((rows) => batchOfRows(columns, rows as Row[]));
      const write = (): Promise<Uint8Array> => codec.encodeGroups(Readable.from(batches));
      const bytes = await write();
      expect((await decodeAll(codec, bytes, columns)).rows).toEqual(batches.flatMap(rowsOf));
      expect((await codec.describe(sourceOf(bytes))).rowCount).toBe(4);
      const groups = (await codec.rowGroups(sourceOf(bytes)))?.groups;
      if (groups !== undefined) expect(groups.map(({ rowCount }) => rowCount)).toEqual([1, 2, 1]);
      expect(await write()).toEqual(bytes);
    },
  },
  {
    name: 'seals the file of batches, so that none of its bytes changes unnoticed, nor its end goes missing',
    run: async (codec) => {
      const columns = [column('s', 'string'), column('n', 'bigint')];
      const batches = [[['a', 1n]], [['é', null]]].map((rows) => batchOfRows(columns, rows as Row[]));
      const bytes = await codec.encodeGroups(Readable.from(batches), { remarks: { 'lakefold.other': 'x' } });
      expect([await codec.checkSeal(bytes), await codec.checkSeal(await codec.encode(batches[0] ?? batchOfRows(columns, [])))]).toEqual(['intact', 'absent']);
      const unnoticed: number[] = [];
      for (let at = 0; at < bytes.length; at += 1) {
        for (const bit of [1, 0x20, 0x80]) {
          const changed = bytes.slice();
          changed[at] = (changed[at] ?? 0) ^ bit;
          if ((await codec.checkSeal(changed)) !== 'broken') unnoticed.push(at);
        }
      }
      expect(unnoticed).toEqual([]);
      expect(await codec.checkSeal(bytes.subarray(0, bytes.length - 1))).toBe('broken');
    },
  },
  {
    name: 'keeps remarks where it has row groups, and rows the same with and without them',
    run: async (codec) => {
      const columns = [column('s', 'string')];
      const remarks = { 'a.b': '{"é":1}', empty: '' };
      const write = (options: { readonly remarks?: Readonly<Record<string, string>> }): Promise<Uint8Array> =>
        codec.encodeGroups(Readable.from([['a'], ['b']].map((row) => batchOfRows(columns, [row]))), options);
      const [bytes, plain] = [await write({ remarks }), await write({})];
      expect((await decodeAll(codec, bytes, columns)).rows).toEqual([['a'], ['b']]);
      const [said, unsaid] = [await codec.rowGroups(sourceOf(bytes)), await codec.rowGroups(sourceOf(plain))];
      if (said !== undefined) expect([[...said.remarks], [...(unsaid?.remarks ?? [])]]).toEqual([Object.entries(remarks), []]);
    },
  },
];
