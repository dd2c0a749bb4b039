/** Files without some of their rows: as if the rows left had been decoded and encoded, values and statistics alike. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows, type Row } from '../../lib/core/batch.ts';
import type { RowRanges } from '../../lib/core/row-ranges.ts';
import type { Column } from '../../lib/core/types.ts';
import { collectStats } from '../../lib/delta/statistics/stats.ts';
import { openParquet } from '../../lib/parquet/footer.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import type { CutFile, CutPiece } from '../../lib/ports/table-codec.ts';
import { column, decodeAll, sourceOf } from '../contract/table-codec.contract.ts';
import { anyType } from '../support/any-type.ts';

const codec = createParquetCodec({ wasm: readParquetWasm() });

async function cut(pieces: readonly CutPiece[], columns: readonly Column[]): Promise<CutFile | undefined> {
  return codec.cut?.(pieces, columns);
}

/** The rows whose flag is set. */
function flagged(flags: readonly boolean[]): RowRanges {
  return flags.flatMap((isKept, i) => (isKept ? [{ start: i, end: i + 1 }] : []));
}

/** As a table has them. */
function statsOf(columns: readonly Column[], { bounds, rowCount }: Pick<CutFile, 'bounds' | 'rowCount'>): unknown {
  const known = columns.map((each) => ({ ...each, physicalName: each.name, metadata: {} }));
  return JSON.parse(collectStats({ columns, vectors: bounds, rowCount }, known));
}

describe('cutting rows out of files', () => {
  it('leaves the other rows and the statistics they have, of any types, files and row groups', async () => {
    const files = fc.array(anyType, { minLength: 1, maxLength: 4 }).chain((types) =>
      fc
        .array(fc.array(fc.tuple(fc.boolean(), ...types.map(([, values]) => fc.option(values))), { minLength: 1, maxLength: 12 }), {
          minLength: 1,
          maxLength: 3,
        })
        .map((rows) => ({ columns: types.map(([type], i): Column => ({ name: `c${i}`, type, nullable: true })), rows })),
    );
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 5 }), async ({ columns, rows }, rowGroupRows) => {
        const pieces: CutPiece[] = [];
        for (const each of rows) {
          const file = await codec.encode(
            batchOfRows(
              columns,
              each.map(([, ...row]): Row => row),
            ),
            { rowGroupRows },
          );
          pieces.push({ file, rows: flagged(each.map(([isKept]) => isKept)) });
        }
        const kept = rows.flat().flatMap(([isKept, ...row]): Row[] => (isKept ? [row] : []));
        const found = await cut(pieces, columns);
        if (kept.length === 0) {
          expect(found).toBeUndefined();
          return;
        }
        expect(found?.rowCount).toBe(kept.length);
        expect((await decodeAll(codec, found?.bytes ?? new Uint8Array(), columns)).rows).toEqual(kept);
        const batch = batchOfRows(columns, kept);
        expect(statsOf(columns, found ?? { bounds: [], rowCount: 0 })).toEqual(statsOf(columns, { bounds: batch.vectors, rowCount: batch.rowCount }));
      }),
      { numRuns: 100 },
    );
  });

  it('fills row groups across files, which DuckDB reads as the rows they had', async () => {
    const columns = [
      column('id', 'string', false),
      column('n', 'bigint', false),
      column('x', 'double'),
      column('flag', 'boolean'),
      column('tags', 'array<string>'),
    ];
    const rowOf = (i: number): Row => [`k${i % 1000}`, BigInt(i), i % 5 === 0 ? null : i / 7, i % 3 === 0, i % 4 === 0 ? null : [`t${i % 3}`, null]];
    const count = 60_000;
    const pieces: CutPiece[] = [];
    for (let f = 0; f < 3; f += 1) {
      const rows = Array.from({ length: count }, (_, i) => rowOf(f * count + i));
      const file = await codec.encode(batchOfRows(columns, rows), { rowGroupRows: 25_000 });
      pieces.push({ file, rows: flagged(rows.map((_, i) => (f * count + i) % 10 !== 0)) });
    }
    const found = await cut(pieces, columns);
    const bytes = found?.bytes ?? new Uint8Array();
    const { footer } = await openParquet(sourceOf(bytes));
    expect(footer.rowGroups.map(({ rowCount }) => rowCount)).toEqual([131_072, 162_000 - 131_072]);

    const directory = await mkdtemp(join(tmpdir(), 'lakefold-cut-'));
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const duckdb = await instance.connect();
    try {
      const of = async (sql: string): Promise<unknown> => (await duckdb.run(sql)).getRowsJson();
      const path = (name: string): string => join(directory, `${name}.parquet`);
      await writeFile(path('cut'), bytes);
      for (const [i, { file }] of pieces.entries()) await writeFile(path(`from-${i}`), file);
      const expected = `(FROM read_parquet('${path('from-*')}') WHERE n % 10 != 0)`;
      expect(await of(`(FROM '${path('cut')}' EXCEPT ALL ${expected}) UNION ALL (${expected} EXCEPT ALL FROM '${path('cut')}')`)).toEqual([]);
      expect(await of(`SELECT n FROM '${path('cut')}' WHERE n BETWEEN 120003 AND 120004`)).toEqual([['120003'], ['120004']]);
    } finally {
      duckdb.closeSync();
      instance.closeSync();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('declines files of other columns, and a column that they lack', async () => {
    const columns = [column('a', 'int'), column('b', 'string')];
    const all = [{ start: 0, end: 1 }];
    const file = await codec.encode(batchOfRows(columns, [[1, 'x']]));
    const other = await codec.encode(batchOfRows([column('a', 'bigint')], [[1n]]));
    expect(
      await cut(
        [
          { file, rows: all },
          { file: other, rows: all },
        ],
        columns,
      ),
    ).toBeUndefined();
    expect(await cut([{ file, rows: all }], [...columns, column('c', 'int')])).toBeUndefined();
  });

  it('names the file at fault', async () => {
    const columns = [column('a', 'int')];
    const file = await codec.encode(batchOfRows(columns, [[1]]));
    const rows = [{ start: 0, end: 1 }];
    await expect(
      cut(
        [
          { file, rows },
          { file: file.subarray(0, 40), rows },
        ],
        columns,
      ),
    ).rejects.toMatchObject({ code: 'FILE_CORRUPT', context: { file: 1 } });
  });
});
