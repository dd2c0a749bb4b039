/** Parquet files of Arrow's own writer in every encoding, codec and page version it has: read equal whichever way they are read, or refused by name. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { measureStream } from '../../lib/adapters/system/stream-measure.ts';
import { batchOfRows } from '../../lib/core/batch.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { sourceOf } from '../contract/table-codec.contract.ts';
import { everyReadOf, readEveryWay } from '../support/every-read.ts';
import { batchLines } from '../support/row-lines.ts';
import { type Engines, interopPython, startEngines } from './engines.ts';

const codec = createParquetCodec({ wasm: readParquetWasm(), measure: measureStream });
const ROWS = 3000;
// Within a page, over pages, over row groups.
const RANGES = [
  { start: 1, end: 2 },
  { start: 690, end: 760 },
  { start: 1399, end: 1401 },
  { start: 2999, end: 3000 },
];
const SMALL_PAGES = { row_group_size: 700, data_page_size: 1500, write_batch_size: 64, write_page_index: true };
const DELTA = {
  id: 'DELTA_BINARY_PACKED',
  i: 'DELTA_BINARY_PACKED',
  l: 'DELTA_BINARY_PACKED',
  f: 'BYTE_STREAM_SPLIT',
  d: 'BYTE_STREAM_SPLIT',
  b: 'RLE',
  s: 'DELTA_BYTE_ARRAY',
  bin: 'DELTA_LENGTH_BYTE_ARRAY',
  at: 'DELTA_BINARY_PACKED',
  day: 'DELTA_BINARY_PACKED',
  'a.list.element': 'DELTA_BINARY_PACKED',
  'st.y.list.element': 'DELTA_BYTE_ARRAY',
  'm.key_value.key': 'DELTA_LENGTH_BYTE_ARRAY',
};

type FileCase = readonly [name: string, options: Readonly<Record<string, unknown>>, without: readonly string[]];

const FILES = (
  [
    ...['none', 'snappy', 'gzip', 'zstd', 'lz4', 'brotli'].flatMap((compression) =>
      ['1.0', '2.0'].map((version) => [`${compression}, pages of version ${version}`, { ...SMALL_PAGES, compression, data_page_version: version }] as const),
    ),
    ...['1.0', '2.0'].map(
      (version) =>
        [
          `deltas, split bytes and runs of booleans, pages of version ${version}`,
          { ...SMALL_PAGES, data_page_version: version, use_dictionary: false, column_encoding: DELTA },
        ] as const,
    ),
    ['dictionaries that are given up', { ...SMALL_PAGES, row_group_size: 3000, dictionary_pagesize_limit: 400 }],
    ['no dictionaries and no page index', { row_group_size: 700, use_dictionary: false, write_statistics: false }],
    ['decimals as integers', { ...SMALL_PAGES, store_decimal_as_integer: true }],
    [
      'decimals as integers in deltas',
      { ...SMALL_PAGES, store_decimal_as_integer: true, use_dictionary: false, column_encoding: { d5: 'DELTA_BINARY_PACKED', d18: 'DELTA_BINARY_PACKED' } },
    ],
    ['decimals in split bytes', { ...SMALL_PAGES, use_dictionary: false, column_encoding: { d5: 'BYTE_STREAM_SPLIT', d38: 'BYTE_STREAM_SPLIT' } }],
    ['integers in split bytes', { ...SMALL_PAGES, use_dictionary: false, column_encoding: { i: 'BYTE_STREAM_SPLIT', l: 'BYTE_STREAM_SPLIT' } }],
    ['INT96', { ...SMALL_PAGES, use_deprecated_int96_timestamps: true }, ['local']],
    ['milliseconds', { ...SMALL_PAGES, coerce_timestamps: 'ms' }],
    ['nanoseconds', { ...SMALL_PAGES, version: '2.6', coerce_timestamps: 'us' }],
    ['lists of items', { ...SMALL_PAGES, use_compliant_nested_type: false }],
    ['the first version of the format', { ...SMALL_PAGES, version: '1.0' }],
    ['page checksums', { ...SMALL_PAGES, write_page_checksum: true }],
  ] satisfies (readonly [name: string, options: Readonly<Record<string, unknown>>, without?: readonly string[]])[]
).map(([name, options, without = []]): FileCase => [name, options, without]);

describe.skipIf(interopPython === undefined)('a Parquet file of Arrow', () => {
  let engines: Engines;
  let folder: string;
  beforeAll(async () => {
    engines = startEngines(interopPython ?? '');
    folder = await mkdtemp(join(tmpdir(), 'lakefold-foreign-parquet-'));
  });
  afterAll(async () => {
    engines.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(FILES)('with %s is read equal by whole files, pages and row groups', async (name, options, without) => {
    const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.parquet`);
    const { rows: expected } = await engines.ask('arrow_write', { path, count: ROWS, without, options });
    const bytes = new Uint8Array(await readFile(path));
    const { columns, rowCount } = await codec.describe(sourceOf(bytes));
    const read = await readEveryWay(codec, bytes, { columns, ranges: RANGES });
    expect(rowCount).toBe(ROWS);
    expect(batchLines([batchOfRows(columns, read.whole)])).toEqual((expected as string[]).toSorted());
    expect(read).toEqual(everyReadOf(read.whole, RANGES));
  });
});
