import { describe, expect, it } from 'vitest';
import { batchOfRows, rowsOf } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { parseType, type Column, type Value } from '../../lib/core/types.ts';
import { parseRows, type ParseRowsOptions } from '../../lib/features/ingest/parse-rows.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';

const codec = createParquetCodec({ wasm: readParquetWasm() });
const column = (name: string, type: string): Column => ({ name, type: parseType(type), nullable: true });
const sourceOf = (bytes: Uint8Array) => ({
  sizeBytes: bytes.length,
  read: async (start: number, end: number) => bytes.subarray(start, end),
  readAll: async () => bytes,
});

/** A file of the stored columns, read as the wanted ones. */
async function read(
  stored: readonly Column[],
  rows: readonly (readonly Value[])[],
  wanted: readonly Column[],
  options: Partial<ParseRowsOptions> = {},
): Promise<{ readonly rows: readonly (readonly Value[])[]; readonly faults: readonly string[] }> {
  const bytes = await codec.encode(batchOfRows(stored, rows), { rowGroupRows: 2 });
  const received = await parseRows({ codec }, { format: 'parquet', body: sourceOf(bytes) }, { columns: wanted, ...options });
  return { rows: rowsOf(received.batch), faults: received.faults.list().map(({ row, feature, code }) => `${row} ${feature ?? '-'} ${code}`) };
}
const one = (from: string, values: readonly Value[], to: string, options: Partial<ParseRowsOptions> = {}): ReturnType<typeof read> =>
  read(
    [column('v', from)],
    values.map((value) => [value]),
    [column('v', to)],
    options,
  );

describe('rows of a Parquet file', () => {
  it('stand in the order of the columns asked for, over several row groups', async () => {
    const stored = [column('v', 'double'), column('k', 'string'), column('at', 'timestamp')];
    expect(
      await read(
        stored,
        [
          [1.5, 'a', 1n],
          [null, 'b', 2n],
          [2.5, null, 3n],
        ],
        [column('k', 'string'), column('at', 'timestamp'), column('v', 'double')],
      ),
    ).toEqual({
      rows: [
        ['a', 1n, 1.5],
        ['b', 2n, null],
        [null, 3n, 2.5],
      ],
      faults: [],
    });
  });

  it('have a null or the default where a column is missing, and a fault where one is unknown', async () => {
    const wanted = [column('k', 'string'), column('n', 'int'), { ...column('d', 'int'), default: 7 }];
    expect(
      await read(
        [column('k', 'string'), column('x', 'int')],
        [
          ['a', 1],
          ['b', 2],
        ],
        wanted,
      ),
    ).toEqual({
      rows: [
        ['a', null, 7],
        ['b', null, 7],
      ],
      faults: ['0 x UNKNOWN_FEATURE', '1 x UNKNOWN_FEATURE'],
    });
    expect((await read([column('x', 'int')], [[1]], wanted, { ignoreUnknown: true })).rows).toEqual([[null, null, 7]]);
  });

  it.each([
    ['bigint', [1n, 2n ** 31n, null], 'int', [1, null, null], ['1 v OUT_OF_RANGE']],
    ['int', [1, -1, null], 'bigint', [1n, -1n, null], []],
    ['decimal(20,0)', [5n, 10n ** 19n], 'bigint', [5n, null], ['1 v OUT_OF_RANGE']],
    ['bigint', [5n, 9_007_199_254_740_993n], 'double', [5, null], ['1 v UNSAFE_INTEGER']],
    ['double', [0.5, 0.1, NaN, null], 'float', [0.5, null, NaN, null], ['1 v OUT_OF_RANGE']],
    ['float', [0.5, null], 'double', [0.5, null], []],
    ['decimal(9,4)', [12_500n, 12_345n], 'decimal(9,2)', [125n, null], ['1 v DECIMAL_SCALE']],
    ['string', ['12', null], 'int', [null, null], ['0 v TYPE_MISMATCH']],
    ['int', [12, null], 'string', [null, null], ['0 v TYPE_MISMATCH']],
    [
      'array<double>',
      [[1, 0.5], [1], [1, null], [0.1, 1], null],
      'vector(2)',
      [[1, 0.5], null, null, null, null],
      ['1 v VECTOR_LENGTH', '2 v TYPE_MISMATCH', '3 v OUT_OF_RANGE'],
    ],
    ['array<int>', [[1, null], []], 'array<bigint>', [[1n, null], []], []],
    ['struct<a:int,b:string>', [[1, 'x']], 'struct<b:string,a:bigint,c:date>', [['x', 1n, null]], []],
    ['struct<a:int>', [[1]], 'struct<b:int>', [null], ['0 v TYPE_MISMATCH']],
    [
      'map<string,int>',
      [
        [
          ['a', 1],
          ['b', null],
        ],
      ],
      'map<string,double>',
      [
        [
          ['a', 1],
          ['b', null],
        ],
      ],
      [],
    ],
    ['timestamp', [0n, 253_402_300_800_000_000n], 'timestamp', [0n, null], ['1 v OUT_OF_RANGE']],
    ['date', [0, 2_932_897], 'date', [0, null], ['1 v OUT_OF_RANGE']],
    ['timestampNtz', [0n, null], 'timestamp', [null, null], ['0 v NAIVE_TIMESTAMP']],
  ])('turn %s %s into %s without losing anything', async (from, values, to, expected, faults) => {
    expect(await one(from, values, to)).toEqual({ rows: expected.map((value) => [value]), faults });
  });

  it('take local times with a time zone and epoch numbers with a unit', async () => {
    expect((await one('timestampNtz', [3_600_000_000n], 'timestamp', { timezone: 'UTC' })).rows).toEqual([[3_600_000_000n]]);
    expect((await one('timestampNtz', [3_600_000_000n], 'timestamp', { timezone: 'Europe/Vienna' })).rows).toEqual([[0n]]);
    expect((await read([column('v', 'bigint')], [[2n]], [{ ...column('v', 'timestamp'), unit: 's' } as Column])).rows).toEqual([[2_000_000n]]);
    expect((await one('bigint', [2n], 'timestamp')).faults).toEqual(['0 v TYPE_MISMATCH']);
  });

  it('are refused as a malformed file when it is cut short or no Parquet at all', async () => {
    const bytes = await codec.encode(batchOfRows([column('v', 'int')], [[1], [2]]));
    for (const broken of [bytes.subarray(0, bytes.length - 5), bytes.subarray(0, 3), new Uint8Array(0), new TextEncoder().encode('k,v\n1,2\n')]) {
      await expect(parseRows({ codec }, { format: 'parquet', body: sourceOf(broken) }, { columns: [column('v', 'int')] })).rejects.toMatchObject({
        code: 'MALFORMED_FILE',
      });
    }
  });

  it('name row and column of a value that the file format can hold and no column can', async () => {
    const failing: TableCodec = {
      ...codec,
      describe: async () => ({ columns: [column('v', 'timestamp')], rowCount: 3 }),
      decode: () => {
        throw new LakefoldError('FILE_CORRUPT', 'expected whole microseconds', {
          context: { fault: 'TIMESTAMP_PRECISION', row: 2, column: 'v', expected: 'whole microseconds', found: '1 ns' },
        });
      },
    };
    await expect(
      parseRows({ codec: failing }, { format: 'parquet', body: sourceOf(new Uint8Array(1)) }, { columns: [column('v', 'timestamp')] }),
    ).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [{ row: 2, feature: 'v', code: 'TIMESTAMP_PRECISION', expected: 'whole microseconds', found: '1 ns' }],
    });
  });
});
