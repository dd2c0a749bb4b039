/** What Parquet adds to the table codec contract: foreign files, projection, bytes, broken files, traps. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { Encoding, wasmMemory, WriterPropertiesBuilder } from 'parquet-wasm/esm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows, type Row } from '../../lib/core/batch.ts';
import { sha256, toBase64 } from '../../lib/core/bytes.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { instant, parseDate } from '../../lib/core/time.ts';
import { type Column, type Value } from '../../lib/core/types.ts';
import { openParquet } from '../../lib/parquet/footer.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { structAt } from '../../lib/parquet/thrift.ts';
import { runWasm } from '../../lib/parquet/wasm-runtime.ts';
import { column, decodeAll, sourceOf } from '../contract/table-codec.contract.ts';
import { anyType } from '../support/any-type.ts';
import { element, handMadeParquet, int96, levels } from '../support/hand-made-parquet.ts';

/** Size and SHA-256. */
const GOLDEN = [1198, 'xJjB0CMy6VMGc5i7vSwtZ9MwUrKqLR9+aXnvtCunNb4='];

const wasm = readParquetWasm();
const codec = createParquetCodec({ wasm });

let directory: string;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-parquet-'));
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
  await duckdb.run("SET TimeZone = 'UTC'");
});

afterAll(async () => {
  duckdb.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
});

/** The file DuckDB makes of `sql`. */
async function duckFile(sql: string, options = ''): Promise<Uint8Array> {
  const file = join(directory, 'from-duckdb.parquet');
  await duckdb.run(`COPY (${sql}) TO '${file}' (FORMAT parquet${options})`);
  return new Uint8Array(await readFile(file));
}

/** Rows DuckDB reads from `bytes`, as its JSON. */
async function readByDuck(bytes: Uint8Array, sql: string): Promise<unknown> {
  const file = join(directory, 'to-duckdb.parquet');
  await writeFile(file, bytes);
  return (await duckdb.run(sql.replace('FILE', `'${file}'`))).getRowsJson();
}

const EVERY_TYPE: readonly Column[] = [
  column('id', 'bigint', false),
  column('b', 'boolean'),
  column('i', 'int'),
  column('f', 'float'),
  column('g', 'double'),
  column('d9', 'decimal(9,2)'),
  column('d18', 'decimal(18,4)'),
  column('d38', 'decimal(38,10)'),
  column('s', 'string'),
  column('bin', 'binary'),
  column('day', 'date'),
  column('ts', 'timestamp'),
  column('ntz', 'timestampNtz'),
  column('a', 'array<string>'),
  column('st', 'struct<x:int,y:array<double>>'),
  column('m', 'map<string,int>'),
  column('v', 'vector(2)'),
];

describe('the Parquet codec', () => {
  it('writes the bytes it has always written', async () => {
    const rows: Row[] = [
      [1n, 'é', -5n, 1n, ['a', null]],
      [2n, null, null, null, null],
    ];
    const columns = [
      column('id', 'bigint', false),
      column('s', 'string'),
      column('d', 'decimal(9,2)'),
      column('ts', 'timestamp'),
      column('a', 'array<string>'),
    ];
    const bytes = await codec.encode(batchOfRows(columns, rows));
    expect([bytes.length, toBase64(sha256(bytes))]).toEqual(GOLDEN);
  });

  it('writes columns of mostly distinct values without dictionaries, in files of ten rows as of ten thousand', async () => {
    const columns = [column('id', 'bigint', false), column('s', 'string'), column('same', 'timestamp'), column('few', 'int')];
    for (const rowCount of [10, 1000, 10_000]) {
      const rows = Array.from({ length: rowCount }, (_, i): Row => [BigInt(i), `s${i}`, 1n, i % 3]);
      const { footer } = await openParquet(sourceOf(await codec.encode(batchOfRows(columns, rows))));
      const hasDictionary = footer.rowGroups.flatMap(({ chunks }) => chunks.map(({ element }) => structAt(element, 3)?.has(11) === true));
      expect([rowCount, hasDictionary]).toEqual([rowCount, [false, false, true, true]]);
    }
  });

  it('writes files that DuckDB reads equal', async () => {
    const rows: Row[] = [
      [
        1n,
        true,
        -2_147_483_648,
        Math.fround(0.5),
        -0,
        -1_234_567n,
        10n ** 17n,
        -(10n ** 37n),
        'é😀',
        new Uint8Array([0, 255]),
        parseDate('0001-01-01') ?? 0,
        instant('9999-12-31T23:59:59.999999Z'),
        -1n,
        ['a', null, ''],
        [1, [0.5, null]],
        [
          ['k', 1],
          ['l', null],
        ],
        [1, 2],
      ],
      [9_223_372_036_854_775_807n, ...EVERY_TYPE.slice(1).map(() => null)],
    ];
    const bytes = await codec.encode(batchOfRows(EVERY_TYPE, rows));
    expect(await readByDuck(bytes, 'SELECT * FROM read_parquet(FILE)')).toEqual([
      [
        '1',
        true,
        -2147483648,
        0.5,
        -0,
        '-12345.67',
        '10000000000000.0000',
        '-1000000000000000000000000000.0000000000',
        'é😀',
        '\\x00\\xFF',
        '0001-01-01',
        '9999-12-31 23:59:59.999999+00',
        '1969-12-31 23:59:59.999999',
        ['a', null, ''],
        { x: 1, y: [0.5, null] },
        [
          { key: 'k', value: 1 },
          { key: 'l', value: null },
        ],
        [1, 2],
      ],
      ['9223372036854775807', ...EVERY_TYPE.slice(1).map(() => null)],
    ]);
  });

  it('writes zstd, data pages V1, statistics, required columns, Spark’s nested names and the row groups asked for', async () => {
    const columns = [column('id', 'bigint', false), column('a', 'array<int>'), column('m', 'map<string,int>')];
    const bytes = await codec.encode(
      batchOfRows(columns, [
        [1n, [1], []],
        [2n, [], []],
        [3n, null, null],
      ]),
      { rowGroupRows: 2 },
    );
    expect(await readByDuck(bytes, 'SELECT name, repetition_type, logical_type FROM parquet_schema(FILE) OFFSET 1')).toEqual([
      ['id', 'REQUIRED', null],
      ['a', 'OPTIONAL', 'ListType()'],
      ['list', 'REPEATED', null],
      ['element', 'OPTIONAL', null],
      ['m', 'OPTIONAL', 'MapType()'],
      ['key_value', 'REPEATED', null],
      ['key', 'REQUIRED', 'StringType()'],
      ['value', 'OPTIONAL', null],
    ]);
    expect(
      await readByDuck(
        bytes,
        "SELECT row_group_id, row_group_num_rows, compression, stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata(FILE) WHERE path_in_schema = 'id'",
      ),
    ).toEqual([
      ['0', '2', 'ZSTD', '1', '2', '0'],
      ['1', '1', 'ZSTD', '3', '3', '0'],
    ]);
    expect(await readByDuck(bytes, 'SELECT created_by FROM parquet_file_metadata(FILE)')).toEqual([['lakefold version 0.1.0 (build parquet-wasm-0.8.0)']]);
  });

  it('writes files to be read by whole row groups without dictionaries and without a word of their pages', async () => {
    const columns = [column('s', 'string'), column('m', 'map<string,int>')];
    const rows: readonly Row[] = [
      ['a', [['k', 1]]],
      ['a', [['k', 2]]],
    ];
    const batches = [batchOfRows(columns, rows), batchOfRows(columns, rows)];
    const bytes = await codec.encodeGroups(Readable.from(batches), { remarks: { said: 'so' } });
    expect(
      await readByDuck(
        bytes,
        "SELECT row_group_id, path_in_schema, encodings LIKE '%DICTIONARY%', stats_null_count FROM parquet_metadata(FILE) ORDER BY row_group_id, column_id",
      ),
    ).toEqual(['0', '1'].flatMap((group) => ['s', 'm, key_value, key', 'm, key_value, value'].map((path) => [group, path, false, '0'])));
    const { footer } = await openParquet(sourceOf(bytes));
    const fields = footer.rowGroups.flatMap(({ chunks }) =>
      chunks.flatMap((chunk) => [...chunk.element.keys(), ...(structAt(chunk.element, 3)?.keys() ?? [])]),
    );
    expect([...new Set(fields)].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 9, 12]);
    expect(footer.rowGroups.flatMap(({ chunks }) => chunks.map((chunk) => [...chunk.element.keys()]))).toEqual(Array.from({ length: 6 }, () => [2, 3]));
    expect(await readByDuck(bytes, "SELECT s, m['k'] FROM FILE")).toEqual([
      ['a', 1],
      ['a', 2],
      ['a', 1],
      ['a', 2],
    ]);
  });

  it.each(['zstd', 'snappy', 'gzip', 'uncompressed', 'lz4_raw', 'brotli'])('reads what DuckDB writes as %s', async (compression) => {
    const bytes = await duckFile(
      `SELECT i::BIGINT id, i % 2 = 0 b, i::TINYINT i, (i / 8)::FLOAT f, i / 8 g, (i * 1.25)::DECIMAL(9,2) d9, i::DECIMAL(18,4) d18, (-i)::DECIMAL(38,10) d38, CASE WHEN i = 1 THEN NULL ELSE 'é' || i END s, encode('ab') bin, DATE '0001-01-01' + i::INT "day",
        TIMESTAMPTZ '2020-01-01 00:00:00.123456+00' + to_microseconds(i) ts, TIMESTAMP '1969-12-31 23:59:59.999999' ntz, ['a', NULL] a, {x: i::INT, y: [0.5::DOUBLE]} st, MAP {'k': i::INT} m, [1::FLOAT, 2] v FROM range(3) r(i)`,
      `, COMPRESSION ${compression}`,
    );
    const row = (i: number): Value[] => [
      BigInt(i),
      i % 2 === 0,
      i,
      i / 8,
      i / 8,
      BigInt(i * 125),
      BigInt(i * 10_000),
      -BigInt(i) * 10n ** 10n,
      i === 1 ? null : `é${i}`,
      new Uint8Array([97, 98]),
      (parseDate('0001-01-01') ?? 0) + i,
      instant('2020-01-01T00:00:00.123456Z') + BigInt(i),
      -1n,
      ['a', null],
      [i, [0.5]],
      [['k', i]],
      [1, 2],
    ];
    expect((await decodeAll(codec, bytes, EVERY_TYPE)).rows).toEqual([0, 1, 2].map(row));
  });

  it('reads dictionary pages, old and new page versions and many row groups', async () => {
    const sql = "SELECT i::BIGINT id, 'name-' || i % 10 s FROM range(10000) r(i)";
    const expected = Array.from({ length: 10_000 }, (_, i) => [BigInt(i), `name-${i % 10}`]);
    for (const version of ['V1', 'V2']) {
      const bytes = await duckFile(sql, `, ROW_GROUP_SIZE 2048, PARQUET_VERSION ${version}`);
      const { rows, batches } = await decodeAll(codec, bytes, [column('id', 'bigint'), column('s', 'string')]);
      expect(rows).toEqual(expected);
      expect(batches.map(({ firstRow }) => firstRow)).toEqual([0, 2048, 4096, 6144, 8192]);
    }
  });

  it('widens unsigned and short integers where they fit and refuses them where they do not, naming the row', async () => {
    const bytes = await duckFile(
      'SELECT 255::UTINYINT a, -300::SMALLINT b, 4294967295::UINTEGER c, 18446744073709551615::UBIGINT d UNION ALL SELECT 0, 0, 0, 0::UBIGINT ORDER BY a',
    );
    expect((await decodeAll(codec, bytes, [column('a', 'int'), column('b', 'bigint'), column('c', 'bigint'), column('d', 'decimal(20,0)')])).rows).toEqual([
      [0, 0n, 0n, 0n],
      [255, -300n, 4_294_967_295n, 18_446_744_073_709_551_615n],
    ]);
    await expect(decodeAll(codec, bytes, [column('c', 'int')])).rejects.toMatchObject({
      code: 'FILE_CORRUPT',
      context: { column: 'c', row: 1, fault: 'OUT_OF_RANGE' },
    });
    await expect(decodeAll(codec, bytes, [column('d', 'bigint')])).rejects.toMatchObject({
      code: 'FILE_CORRUPT',
      context: { column: 'd', row: 1, fault: 'OUT_OF_RANGE' },
    });
    expect(await codec.describe(sourceOf(bytes))).toEqual({
      rowCount: 2,
      columns: [column('a', 'int'), column('b', 'int'), column('c', 'bigint'), column('d', 'decimal(20,0)')],
    });
  });

  it('reads seconds, milliseconds and whole nanoseconds as microseconds and refuses finer ones, naming the row', async () => {
    const whole = await duckFile("SELECT TIMESTAMP_MS '1900-01-01 00:00:00.001' ms, TIMESTAMP_NS '2020-01-01 00:00:00.000001' ns");
    expect((await decodeAll(codec, whole, [column('ms', 'timestampNtz'), column('ns', 'timestampNtz')])).rows).toEqual([
      [instant('1900-01-01T00:00:00.001Z'), instant('2020-01-01T00:00:00.000001Z')],
    ]);
    const fine = await duckFile("SELECT NULL::TIMESTAMP_NS ns UNION ALL SELECT TIMESTAMP_NS '2020-01-01 00:00:00.000001001'");
    await expect(decodeAll(codec, fine, [column('ns', 'timestampNtz')])).rejects.toMatchObject({
      code: 'FILE_CORRUPT',
      context: { column: 'ns', row: 1, fault: 'TIMESTAMP_PRECISION' },
    });
  });

  it('tells instants from local times when it describes a file', async () => {
    const bytes = await duckFile(
      "SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00' ts, TIMESTAMP '2020-01-01 00:00:00' ntz, [{x: 1::DECIMAL(5,1)}] a, MAP {'k': [1.5::FLOAT]} m",
    );
    expect(await codec.describe(sourceOf(bytes))).toEqual({
      rowCount: 1,
      columns: [
        column('ts', 'timestamp'),
        column('ntz', 'timestampNtz'),
        column('a', 'array<struct<x:decimal(5,1)>>'),
        column('m', 'map<string,array<float>>'),
      ],
    });
  });

  it('names the column when a file has a type there is no column type for', async () => {
    const bytes = await duckFile("SELECT 1 a, TIME '12:00:00' t");
    await expect(codec.describe(sourceOf(bytes))).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT', context: { column: 't' } });
    expect((await decodeAll(codec, bytes, [column('a', 'int')])).rows).toEqual([[1]]);
  });

  it('finds columns by field id where the file has ids, whatever their names', async () => {
    const bytes = await duckFile('SELECT 1::BIGINT a, 2::BIGINT b', ', FIELD_IDS {a: 7, b: 8}');
    const asked = [
      { ...column('x', 'bigint'), physicalName: 'a', fieldId: 8 },
      { ...column('y', 'bigint'), physicalName: 'b', fieldId: 9 },
    ];
    expect((await decodeAll(codec, bytes, asked)).rows).toEqual([[2n, null]]);
  });

  it('takes a double for a float only when it is one', async () => {
    const bytes = await duckFile("SELECT 0.5::DOUBLE f, 0.1::DOUBLE g, 'NaN'::DOUBLE h");
    expect((await decodeAll(codec, bytes, [column('f', 'float'), column('h', 'float')])).rows).toEqual([[0.5, NaN]]);
    await expect(decodeAll(codec, bytes, [column('g', 'float')])).rejects.toMatchObject({
      code: 'FILE_CORRUPT',
      context: { column: 'g', row: 0, fault: 'OUT_OF_RANGE' },
    });
  });

  it('reads of a large file only the footer and the asked columns', async () => {
    const count = 200_000;
    const rows = Array.from({ length: count }, (_, i): Row => [BigInt(i) * 7_919n, Math.sin(i), `${Math.cos(i)}`]);
    const bytes = await codec.encode(batchOfRows([column('id', 'bigint', false), column('x', 'double'), column('s', 'string')], rows));
    const reads: [number, number][] = [];
    let seen = 0;
    for await (const { batch } of codec.decode(sourceOf(bytes, reads), { columns: [column('id', 'bigint')] })) seen += batch.rowCount;
    const bytesRead = reads.reduce((sum, [start, end]) => sum + end - start, 0);
    expect([seen, reads.length]).toEqual([count, 3]);
    expect(bytesRead).toBeLessThan(bytes.length / 3);
  });

  it('reads INT96 instants exactly, beyond the years nanoseconds reach', async () => {
    const bytes = handMadeParquet({
      schema: [element({ name: 't', physicalType: 3, repetition: 1 })],
      path: ['t'],
      physicalType: 3,
      rowCount: 4,
      valueCount: 4,
      page: Uint8Array.from([...levels(0b1011), ...int96(86_399_999_999_000n, 5_373_484), ...int96(0n, 1_721_426), ...int96(43_200_000_001_000n, 2_458_850)]),
    });
    expect((await decodeAll(codec, bytes, [column('t', 'timestamp')])).rows).toEqual([
      [instant('9999-12-31T23:59:59.999999Z')],
      [instant('0001-01-01T00:00:00Z')],
      [null],
      [instant('2020-01-01T12:00:00.000001Z')],
    ]);
    expect((await codec.describe(sourceOf(bytes))).columns).toEqual([column('t', 'timestamp')]);
  });

  it('reads lists of two levels, as old writers made them', async () => {
    const bytes = handMadeParquet({
      schema: [element({ name: 'a', repetition: 1, children: 1, convertedType: 3 }), element({ name: 'array', physicalType: 1, repetition: 2 })],
      path: ['a', 'array'],
      physicalType: 1,
      rowCount: 3,
      valueCount: 4,
      page: Uint8Array.from([...levels(0b0010), ...levels(0b00_01_10_10, 0), 5, 0, 0, 0, 6, 0, 0, 0]),
    });
    expect((await decodeAll(codec, bytes, [column('a', 'array<int>')])).rows).toEqual([[[5, 6]], [[]], [null]]);
    expect((await codec.describe(sourceOf(bytes))).columns).toEqual([column('a', 'array<int>')]);
  });

  it.each([
    ['INT32', 1, [0x2e, 0xfb, 0xff, 0xff]],
    ['INT64', 2, [0x2e, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['BYTE_ARRAY', 6, [2, 0, 0, 0, 0xfb, 0x2e]],
    ['FIXED_LEN_BYTE_ARRAY', 7, [0xff, 0xfb, 0x2e]],
  ])('reads a decimal stored as %s', async (_, physicalType, value) => {
    const bytes = handMadeParquet({
      schema: [element({ name: 'd', physicalType, repetition: 0, convertedType: 5, scale: 2, precision: 5, ...(physicalType === 7 ? { typeLength: 3 } : {}) })],
      path: ['d'],
      physicalType,
      rowCount: 1,
      valueCount: 1,
      page: Uint8Array.from(value),
    });
    expect((await decodeAll(codec, bytes, [column('d', 'decimal(5,2)')])).rows).toEqual([[-1234n]]);
    expect((await codec.describe(sourceOf(bytes))).columns).toEqual([column('d', 'decimal(5,2)', false)]);
  });

  it('replaces the instance after a trap, so that later calls work', async () => {
    const bytes = await codec.encode(batchOfRows([column('a', 'int')], [[1]]));
    const memories = new Set<unknown>();
    // More traps than there are spare instances.
    for (let i = 0; i < 20; i += 1) {
      const trap = (): void => {
        new WriterPropertiesBuilder().setEncoding(Encoding.RLE_DICTIONARY);
      };
      await expect(runWasm(wasm, trap, (cause) => new LakefoldError('FILE_CORRUPT', 'trapped', { cause }))).rejects.toMatchObject({
        code: 'FILE_CORRUPT',
        cause: { name: 'RuntimeError' },
      });
      expect((await decodeAll(codec, bytes, [column('a', 'int')])).rows).toEqual([[1]]);
      expect(await codec.encode(batchOfRows([column('a', 'int')], [[1]]))).toEqual(bytes);
      memories.add(wasmMemory());
    }
    expect(memories.size).toBeGreaterThan(10);
  });

  it('answers any damage to a file with an error of its own or with rows, never with a crash', async () => {
    const columns = EVERY_TYPE;
    const rows = Array.from({ length: 50 }, (_, i): Row => [
      BigInt(i),
      i % 2 === 0,
      i,
      i,
      i,
      BigInt(i),
      BigInt(i),
      BigInt(i),
      `s${i}`,
      new Uint8Array([i]),
      i,
      BigInt(i),
      BigInt(i),
      ['x', null],
      [i, [i]],
      [['k', i]],
      [i, i],
    ]);
    const bytes = await codec.encode(batchOfRows(columns, rows));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: bytes.length }),
        fc.boolean(),
        async (changes, cut, cuts) => {
          const damaged = bytes.slice(0, cuts ? cut : bytes.length);
          for (const [at, byte] of changes) if (at < damaged.length) damaged[at] = byte;
          const outcome = await decodeAll(codec, damaged, columns).then(
            () => 'rows',
            (error: unknown) => (error instanceof LakefoldError ? error.code : error),
          );
          expect(['rows', 'FILE_CORRUPT', 'UNSUPPORTED_FORMAT']).toContain(outcome);
        },
      ),
      { numRuns: 300 },
    );
    expect((await decodeAll(codec, bytes, columns)).rows.length).toBe(50);
  });
});

describe('the Parquet round trip', () => {
  it('gives back any batch of any types bit for bit', async () => {
    const batches = fc
      .array(anyType, { minLength: 1, maxLength: 4 })
      .chain((types) =>
        fc
          .array(fc.tuple(...types.map(([, values]) => fc.option(values))), { maxLength: 12 })
          .map((rows) => ({ columns: types.map(([type], i): Column => ({ name: `c${i}`, type, nullable: true })), rows })),
      );
    await fc.assert(
      fc.asyncProperty(batches, fc.integer({ min: 1, max: 5 }), async ({ columns, rows }, rowGroupRows) => {
        const bytes = await codec.encode(batchOfRows(columns, rows), { rowGroupRows });
        expect((await decodeAll(codec, bytes, columns)).rows).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });
});
