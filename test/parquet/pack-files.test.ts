/** Files put together without a row becoming a value: other readers read them, and their page indexes and statistics hold. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows, rowsOf, type Row } from '../../lib/core/batch.ts';
import type { Value } from '../../lib/core/types.ts';
import { openParquet } from '../../lib/parquet/footer.ts';
import { readPageStatistics } from '../../lib/parquet/page-index.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { column, decodeAll, sourceOf } from '../contract/table-codec.contract.ts';

const codec = createParquetCodec({ wasm: readParquetWasm() });
const COLUMNS = [column('id', 'string', false), column('n', 'bigint'), column('x', 'double'), column('a', 'array<int>'), column('m', 'map<string,int>')];
const rowOf = (i: number): Row => [`k${String(i).padStart(6, '0')}`, BigInt(i), i % 5 === 0 ? null : Math.sin(i), [i % 3, null], [['k', i]]];
const rowsFrom = (from: number, count: number): Row[] => Array.from({ length: count }, (_, i) => rowOf(from + i));

let directory: string;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-pack-'));
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
});

afterAll(async () => {
  duckdb.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
});

async function pack(files: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  return codec.pack?.(files);
}

async function sumsByDuck(bytes: Uint8Array): Promise<unknown> {
  const file = join(directory, 'packed.parquet');
  await writeFile(file, bytes);
  const sql = `SELECT count(*), sum(n), count(x), sum(a[1]), min(id), max(id) FROM read_parquet('${file}')`;
  const point = `SELECT n FROM read_parquet('${file}') WHERE id = 'k040005'`;
  return [await (await duckdb.run(sql)).getRowsJson(), await (await duckdb.run(point)).getRowsJson()];
}

describe('packing', () => {
  it.each([
    ['copies row groups that are large', 40_000, [40_000, 40_000], 131_072],
    ['splices small row groups into one', 20_103, [40_206], 131_072],
    ['encodes the smallest row groups again as one', 20_103, [40_206], 500],
  ] as const)('%s', async (_, count, groupRows, rowGroupRows) => {
    const encoded = (from: number): Promise<Uint8Array> => codec.encode(batchOfRows(COLUMNS, rowsFrom(from, count)), { rowGroupRows });
    const files = [await encoded(0), await encoded(count)];
    const packed = (await pack(files)) ?? new Uint8Array();
    const { footer, near } = await openParquet(sourceOf(packed));
    expect(footer.rowGroups.map(({ rowCount }) => rowCount)).toEqual(groupRows);
    const all = rowsFrom(0, 2 * count);
    expect((await decodeAll(codec, packed, COLUMNS)).rows).toEqual(all);

    expect(await sumsByDuck(packed)).toEqual([
      [
        [
          String(all.length),
          String((all.length * (all.length - 1)) / 2),
          String(all.length - Math.ceil(all.length / 5)),
          String(all.reduce((sum, __, i) => sum + (i % 3), 0)),
          'k000000',
          String(rowOf(all.length - 1)[0]),
        ],
      ],
      [['40005']],
    ]);
    const chunks = footer.rowGroups.flatMap((group) => group.chunks.map((chunk) => ({ chunk, rowCount: group.rowCount })));
    const indexes = await readPageStatistics(near, chunks, {});
    expect(indexes.every((index, i) => index?.pages[0]?.firstRow === 0 && index.pages.at(-1)?.endRow === chunks[i]?.rowCount)).toBe(true);
    const source = sourceOf(packed);
    const rows = await codec.pageRanges(source, { column: column('id', 'string'), ranges: [{ low: 'k040005', high: 'k040005' }] });
    expect(rows.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThanOrEqual(20_480);
    const found: Value[][] = [];
    for await (const { batch, firstRow } of codec.decode(source, { columns: COLUMNS, rows: [{ start: 40_005, end: 40_006 }] }))
      found.push(...rowsOf(batch).map((row, i) => [firstRow + i, ...row]));
    expect(found).toEqual([[40_005, ...rowOf(40_005)]]);
  });

  it('splices columns with one dictionary, with several and with none, of any depth and with nothing but nulls', async () => {
    const columns = [
      column('same', 'string', false),
      column('other', 'string'),
      column('flag', 'boolean'),
      column('sometimes', 'double'),
      column('deep', 'struct<a:array<string>,b:bigint>'),
      column('late', 'timestamp'),
    ];
    const count = 5000;
    const fileOf = (file: number): Row[] =>
      Array.from({ length: count }, (_, i): Row => {
        const n = file * count + i;
        return [
          `same${i % 3}`,
          `other${(n * 7) % (11 + file)}`,
          n % 3 === 0,
          file === 1 ? null : n % 2 === 0 ? -n : n / 7,
          n % 4 === 0 ? null : [[`x${n}`, null, `y${n % 3}`], BigInt(-n)],
          BigInt(n) * 1_000_000n,
        ];
      });
    const files: Uint8Array[] = [];
    for (let i = 0; i < 30; i += 1) files.push(await codec.encode(batchOfRows(columns, fileOf(i))));
    const packed = (await pack(files)) ?? new Uint8Array();
    expect((await decodeAll(codec, packed, columns)).rows).toEqual(Array.from({ length: 30 }, (_, i) => fileOf(i)).flat());

    const file = join(directory, 'spliced.parquet');
    await writeFile(file, packed);
    const of = async (sql: string): Promise<unknown> => (await duckdb.run(sql)).getRowsJson();
    expect(await of(`SELECT row_group_id, any_value(row_group_num_rows) FROM parquet_metadata('${file}') GROUP BY 1 ORDER BY 1`)).toEqual([
      ['0', '130000'],
      ['1', '20000'],
    ]);
    expect(
      await of(
        `SELECT path_in_schema, stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata('${file}') WHERE row_group_id = 0 AND path_in_schema IN ('same', 'sometimes') ORDER BY 1`,
      ),
    ).toEqual([
      ['same', 'same0', 'same2', '0'],
      ['sometimes', '-129998.0', '18571.285714285714', '5000'],
    ]);
    const each = files.map((_, i) => join(directory, `part-${i}.parquet`));
    for (const [i, path] of each.entries()) await writeFile(path, files[i] ?? new Uint8Array());
    const parts = `read_parquet([${each.map((path) => `'${path}'`).join()}])`;
    expect(await of(`(FROM '${file}' EXCEPT ALL FROM ${parts}) UNION ALL (FROM ${parts} EXCEPT ALL FROM '${file}')`)).toEqual([]);

    const source = sourceOf(packed);
    const low = 77_777n * 1_000_000n;
    const rows = await codec.pageRanges(source, { column: column('late', 'timestamp'), ranges: [{ low, high: low }] });
    expect(rows).toEqual([{ start: 75_000, end: 80_000 }]);
    const found: Value[][] = [];
    for await (const { batch } of codec.decode(source, { columns, rows: [{ start: 77_777, end: 77_779 }] })) found.push(...rowsOf(batch));
    expect(found).toEqual(fileOf(15).slice(2777, 2779));
  });

  it('gives equal bytes for equal files', async () => {
    const files = await Promise.all([0, 10, 20].map((from) => codec.encode(batchOfRows(COLUMNS, rowsFrom(from, 10)))));
    expect(await pack(files)).toEqual(await pack(files));
  });

  it('declines files of other columns, types or writers', async () => {
    const one = await codec.encode(batchOfRows(COLUMNS, rowsFrom(0, 10)));
    const fewer = await codec.encode(batchOfRows(COLUMNS.slice(0, 2), [['k', 1n]]));
    const nullable = await codec.encode(batchOfRows([column('id', 'string'), ...COLUMNS.slice(1)], rowsFrom(0, 1)));
    expect([await pack([one, fewer]), await pack([one, nullable])]).toEqual([undefined, undefined]);
  });

  it('keeps field ids and instants of another writer as they are', async () => {
    const files: Uint8Array[] = [];
    for (const i of [1, 2]) {
      const file = join(directory, `from-${i}.parquet`);
      await duckdb.run(
        `COPY (SELECT ${i}::BIGINT a, TIMESTAMP_NS '2020-01-01 00:00:00.000001' t, ${i}::DECIMAL(9,2) d) TO '${file}' (FORMAT parquet, FIELD_IDS {a: 7, t: 8, d: 9})`,
      );

      files.push(new Uint8Array(await readFile(file)));
    }
    const packed = (await pack(files)) ?? new Uint8Array();
    const { footer } = await openParquet(sourceOf(packed));
    expect(footer.columns.map(({ fieldId, name }) => [fieldId, name])).toEqual([
      [7, 'a'],
      [8, 't'],
      [9, 'd'],
    ]);
    expect(await codec.describe(sourceOf(packed))).toEqual({ rowCount: 2, columns: (await codec.describe(sourceOf(files[0] ?? new Uint8Array()))).columns });
    const asked = [column('a', 'bigint'), column('d', 'decimal(9,2)')];
    expect((await decodeAll(codec, packed, asked)).rows).toEqual([
      [1n, 100n],
      [2n, 200n],
    ]);
  });
});
