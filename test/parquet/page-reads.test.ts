/** Reads of some pages of a file: what is fetched, and what files without a page index, or with a broken one, answer. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows, rowsOf, type Row } from '../../lib/core/batch.ts';
import { countRows, type RowRanges } from '../../lib/core/row-ranges.ts';
import { instant, parseDate } from '../../lib/core/time.ts';
import type { Value } from '../../lib/core/types.ts';
import { openParquet } from '../../lib/parquet/footer.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { planReads } from '../../lib/parquet/read-ranges.ts';
import { numberAt } from '../../lib/parquet/thrift.ts';
import type { DecodeColumn, FileSource, ValueRange } from '../../lib/ports/table-codec.ts';
import { column, sourceOf } from '../contract/table-codec.contract.ts';

const codec = createParquetCodec({ wasm: readParquetWasm() });
let directory: string;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-pages-'));
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
  await duckdb.run("SET TimeZone = 'UTC'");
});

afterAll(async () => {
  duckdb.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
});

async function duckFile(sql: string, options = ''): Promise<Uint8Array> {
  const file = join(directory, 'from-duckdb.parquet');
  await duckdb.run(`COPY (${sql}) TO '${file}' (FORMAT parquet${options})`);
  return new Uint8Array(await readFile(file));
}

const exactly = (...values: Value[]): ValueRange[] => values.map((value) => ({ low: value, high: value }));

async function decodeRowsOf(source: FileSource, columns: readonly DecodeColumn[], rows: RowRanges): Promise<Value[][]> {
  const found: Value[][] = [];
  for await (const { batch, firstRow } of codec.decode(source, { columns, rows })) found.push(...rowsOf(batch).map((row, i) => [firstRow + i, ...row]));
  return found;
}

const COLUMNS = [column('id', 'string', false), column('ts', 'timestamp', false), column('x', 'double'), column('text', 'string')];
const keyOf = (i: number): string => `key-${String(i).padStart(7, '0')}`;
const rowOf = (i: number): Row => [keyOf(i), BigInt(i) * 1_000_000n, Math.sin(i), `${Math.cos(i)}${Math.sin(i * 7)}`];

describe('a read of a few rows of a large file', () => {
  let bytes: Uint8Array;
  beforeAll(async () => {
    bytes = await codec.encode(
      batchOfRows(
        COLUMNS,
        Array.from({ length: 300_000 }, (_, i) => rowOf(i)),
      ),
    );
  });

  it('fetches the end of the file and the pages of the rows, in three requests', async () => {
    const reads: [number, number][] = [];
    const source = sourceOf(bytes, reads);
    const found = await codec.pageRanges(source, { column: column('id', 'string'), ranges: exactly(keyOf(123_456)) });
    expect(found.map(({ start, end }) => [start <= 123_456, end > 123_456, end - start <= 20_480])).toEqual([[true, true, true]]);
    expect(reads.map(([start, end]) => [end, end - start])).toEqual([[bytes.length, 65_536]]);
    const rows = await decodeRowsOf(source, COLUMNS.slice(0, 2), [{ start: 123_456, end: 123_457 }]);
    expect(rows).toEqual([[123_456, ...rowOf(123_456).slice(0, 2)]]);
    const bytesRead = reads.reduce((sum, [start, end]) => sum + end - start, 0);
    expect([reads.length <= 3, bytesRead < bytes.length / 10]).toEqual([true, true]);
  });

  it('yields the same rows as a read of everything, columns with other pages too', async () => {
    const source = sourceOf(bytes);
    const rows = [
      { start: 19_990, end: 20_010 },
      { start: 131_070, end: 131_075 },
      { start: 299_999, end: 300_000 },
    ];
    const expected = rows.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => [start + i, ...rowOf(start + i)]));
    expect(await decodeRowsOf(source, COLUMNS, rows)).toEqual(expected);
  });

  it('finds ranges over many pages and row groups, and nothing between or beyond the values there are', async () => {
    const source = sourceOf(bytes);
    const range = { low: BigInt(130_000) * 1_000_000n, high: BigInt(140_000) * 1_000_000n };
    const found = await codec.pageRanges(source, { column: column('ts', 'timestamp'), ranges: [range] });
    expect([found.length, (found[0]?.start ?? 0) <= 130_000, (found[0]?.end ?? 0) > 140_000, countRows(found) <= 60_000]).toEqual([1, true, true, true]);
    expect(await codec.pageRanges(source, { column: column('ts', 'timestamp'), ranges: exactly(-1n, 10n ** 15n) })).toEqual([]);
    expect(await codec.pageRanges(source, { column: column('id', 'string'), ranges: exactly('a', 'z') })).toEqual([]);
  });

  it('reads the whole row group where its page index is broken', async () => {
    const { footer } = await openParquet(sourceOf(bytes));
    const damaged = bytes.slice();
    for (const group of footer.rowGroups) {
      for (const { element } of group.chunks) {
        const start = numberAt(element, 4) ?? 0;
        damaged.fill(0xff, start, start + (numberAt(element, 5) ?? 0));
      }
    }
    const source = sourceOf(damaged);
    expect(await codec.pageRanges(source, { column: column('id', 'string'), ranges: exactly(keyOf(5)) })).toEqual([{ start: 0, end: 131_072 }]);
    expect(await decodeRowsOf(source, COLUMNS, [{ start: 5, end: 6 }])).toEqual([[5, ...rowOf(5)]]);
  });
});

describe('files of other writers', () => {
  it('answer by their row groups where they have no page index', async () => {
    const bytes = await duckFile("SELECT i::INTEGER i, 'k' || lpad(i::VARCHAR, 6, '0') s FROM range(10000) r(i)", ', ROW_GROUP_SIZE 2048');
    const source = sourceOf(bytes);
    const third = [{ start: 4096, end: 6144 }];
    expect(await codec.pageRanges(source, { column: column('s', 'string'), ranges: exactly('k005000') })).toEqual(third);
    expect(await codec.pageRanges(source, { column: column('i', 'bigint'), ranges: exactly(5000n) })).toEqual(third);
    expect(await decodeRowsOf(source, [column('s', 'string')], [{ start: 5000, end: 5002 }])).toEqual([
      [5000, 'k005000'],
      [5001, 'k005001'],
    ]);
  });

  it.each<[string, string, string, Value, Value]>([
    ['milliseconds', "TIMESTAMP_MS '2020-01-01 00:00:00.005'", 'timestampNtz', instant('2020-01-01T00:00:00.005Z'), instant('2020-01-01T00:00:00.006Z')],
    ['nanoseconds', "TIMESTAMP_NS '1960-01-01 00:00:00.000005'", 'timestampNtz', instant('1960-01-01T00:00:00.000005Z'), instant('1960-01-01T00:00:01Z')],
    ['dates as instants', "DATE '1960-01-02'", 'timestampNtz', instant('1960-01-02T00:00:00Z'), instant('1960-01-02T00:00:00.000001Z')],
    ['dates', "DATE '1960-01-02'", 'date', parseDate('1960-01-02') ?? 0, parseDate('1960-01-03') ?? 0],
    ['decimals in 32 bits', '-1.25::DECIMAL(5,2)', 'decimal(9,3)', -1250n, -1251n],
    ['decimals in 64 bits', '-1.25::DECIMAL(18,2)', 'decimal(18,2)', -125n, -124n],
    ['decimals in bytes', '-1.25::DECIMAL(38,2)', 'decimal(38,2)', -125n, 125n],
    ['short integers', '-5::TINYINT', 'bigint', -5n, -6n],
    ['integers as doubles', '7::INTEGER', 'double', 7, 7.5],
    ['floats', '0.1::FLOAT', 'double', Math.fround(0.1), 0.1],
    ['booleans', 'true', 'boolean', true, false],
  ])('are searched by %s', async (_, sql, type, there, absent) => {
    const source = sourceOf(await duckFile(`SELECT ${sql} v`));
    const find = (value: Value): Promise<RowRanges> => codec.pageRanges(source, { column: column('v', type), ranges: exactly(value) });
    expect([await find(there), await find(absent)]).toEqual([[{ start: 0, end: 1 }], []]);
  });

  it.each<[string, string, string, Value]>([
    ['unsigned integers', '4294967295::UINTEGER', 'bigint', 4_294_967_295n],
    ['unsigned integers of 64 bits', '18446744073709551615::UBIGINT', 'decimal(20,0)', 18_446_744_073_709_551_615n],
    ['NaN', "'NaN'::DOUBLE", 'double', Number.NaN],
    ['instants with a zone', "TIMESTAMPTZ '2020-01-01 00:00:00.000001+00'", 'timestamp', instant('2020-01-01T00:00:00.000001Z')],
    ['bytes', "'\\xFF\\x00'::BLOB", 'binary', Uint8Array.of(255, 0)],
  ])('never miss a row among %s', async (_, sql, type, there) => {
    const source = sourceOf(await duckFile(`SELECT ${sql} v`));
    expect(await codec.pageRanges(source, { column: column('v', type), ranges: exactly(there) })).toEqual([{ start: 0, end: 1 }]);
  });
});

describe('the reads of a file', () => {
  it('go over small holes, and over greater ones only where there would be too many', () => {
    const spans = (count: number, apart: number): { start: number; end: number }[] =>
      Array.from({ length: count }, (_, i) => ({ start: i * apart, end: i * apart + 10 }));
    expect(planReads([...spans(3, 1000), { start: 5, end: 5 }])).toEqual([{ start: 0, end: 2010 }]);
    expect(planReads(spans(3, 1_000_000)).length).toBe(3);
    const reads = planReads([...spans(40, 1_000_000), ...spans(3, 10).map(({ start, end }) => ({ start: start + 10 ** 9, end: end + 10 ** 9 }))]);
    expect([reads.length <= 16, reads.at(-1)]).toEqual([true, { start: 10 ** 9, end: 10 ** 9 + 30 }]);
  });
});
