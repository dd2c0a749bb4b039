/** Pages made anew of the values of others: as the Parquet writer would have written the rows that are left, statistics included. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { systemZstd } from '../../lib/adapters/system/zstd.ts';
import { batchOfRows, type Row } from '../../lib/core/batch.ts';
import { parseType, type Column, type Value } from '../../lib/core/types.ts';
import { openParquet } from '../../lib/parquet/footer.ts';
import type { Zstd } from '../../lib/ports/zstd.ts';
import { readPageStatistics } from '../../lib/parquet/page-index.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { bytesAt, numberAt, structAt } from '../../lib/parquet/thrift.ts';
import { column, decodeAll, sourceOf } from '../contract/table-codec.contract.ts';

const wasm = readParquetWasm();

/** Frames of blocks as they are, which every Zstandard reads. */
const stored: Zstd = {
  pack: (bytes) => {
    const head = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0);
    new DataView(head.buffer).setUint32(5, bytes.length, true);
    const out = [...head];
    for (let at = 0; at < bytes.length; at += 65_536) {
      const block = bytes.subarray(at, at + 65_536);
      const header = block.length * 8 + (at + block.length === bytes.length ? 1 : 0);
      out.push(header & 255, (header >> 8) & 255, header >> 16, ...block);
    }
    return Uint8Array.from(out);
  },
  unpack: () => undefined,
};
const codecs = [undefined, stored, systemZstd()].map((zstd) => createParquetCodec({ wasm, zstd }));
const plain = createParquetCodec({ wasm });

const TYPES: readonly (readonly [string, fc.Arbitrary<Value>])[] = [
  ['int', fc.integer({ min: -2_147_483_648, max: 2_147_483_647 })],
  ['bigint', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['float', fc.oneof(fc.float(), fc.constantFrom(0, -0, Number.NaN))],
  ['double', fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN))],
  ['decimal(9,2)', fc.bigInt({ min: -999_999_999n, max: 999_999_999n })],
  ['date', fc.integer({ min: -719_162, max: 2_932_896 })],
  ['timestamp', fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })],
  [
    'string',
    fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: fc.constantFrom('a', 'é', '世', '🙂', '\u{7f}', '\u{7ff}'), minLength: 20, maxLength: 90 })),
  ],
  ['binary', fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ min: 254, minLength: 60, maxLength: 90 }))],
  // Few values: the writer makes dictionaries of them.
  ['string', fc.constantFrom('a', 'bb', 'é'.repeat(40), '')],
  ['double', fc.constantFrom(0, -0, Number.NaN, 1.5)],
  ['bigint', fc.constantFrom(1n, -(2n ** 40n))],
  ['int', fc.constantFrom(7, -1)],
  ['binary', fc.constantFrom(new Uint8Array(), Uint8Array.of(255, 0))],
];

interface Case {
  readonly columns: readonly Column[];
  readonly files: readonly (readonly { readonly isKept: boolean; readonly row: Row }[])[];
}

const cases: fc.Arbitrary<Case> = fc.array(fc.tuple(fc.constantFrom(...TYPES), fc.boolean()), { minLength: 1, maxLength: 5 }).chain((drawn) => {
  const columns = drawn.map(([[type], nullable], i): Column => ({ name: `c${i}`, type: parseType(type), nullable }));
  const row = fc.tuple(...drawn.map(([[, values], nullable]) => (nullable ? fc.option(values, { freq: 3 }) : values)));
  const file = fc.array(fc.record({ isKept: fc.boolean(), row }), { minLength: 1, maxLength: 25 });
  return fc.record({ columns: fc.constant(columns), files: fc.array(file, { minLength: 1, maxLength: 3 }) });
});

/** Of each column of the only row group: nulls, bounds and whether they are exact. */
async function statisticsOf(bytes: Uint8Array): Promise<unknown> {
  const { footer } = await openParquet(sourceOf(bytes));
  return footer.rowGroups.map(({ chunks }) =>
    chunks.map(({ element }) => {
      const statistics = structAt(structAt(element, 3) ?? new Map(), 12) ?? new Map();
      const [max, min] = [bytesAt(statistics, 5), bytesAt(statistics, 6)];
      return [
        numberAt(statistics, 3),
        max,
        min,
        max === undefined ? undefined : statistics.get(7)?.value,
        min === undefined ? undefined : statistics.get(8)?.value,
      ];
    }),
  );
}

describe('pages made anew', () => {
  it.each([0, 1, 2])('hold the rows left, with the statistics the writer gives them, whoever packs them (%i)', async (which) => {
    const codec = codecs[which] ?? plain;
    await fc.assert(
      fc.asyncProperty(cases, fc.integer({ min: 1, max: 9 }), async ({ columns, files }, rowGroupRows) => {
        const encoded = await Promise.all(
          files.map((rows) =>
            codec.encode(
              batchOfRows(
                columns,
                rows.map(({ row }) => row),
              ),
              { rowGroupRows },
            ),
          ),
        );
        const all = files.flat();
        const packed = (await codec.pack?.(encoded)) ?? new Uint8Array();
        expect((await decodeAll(codec, packed, columns)).rows).toEqual(all.map(({ row }) => row));

        const pieces = encoded.map((file, f) => ({ file, rows: (files[f] ?? []).flatMap(({ isKept }, i) => (isKept ? [{ start: i, end: i + 1 }] : [])) }));
        const kept = all.filter(({ isKept }) => isKept).map(({ row }) => row);
        const cut = await codec.cut?.(pieces, columns);
        if (kept.length === 0) {
          expect(cut).toBeUndefined();
          return;
        }
        expect((await decodeAll(codec, cut?.bytes ?? new Uint8Array(), columns)).rows).toEqual(kept);
        expect(await statisticsOf(cut?.bytes ?? new Uint8Array())).toEqual(await statisticsOf(await codec.encode(batchOfRows(columns, kept))));
      }),
      { numRuns: 40 },
    );
  });

  it('keep no value in a dictionary whose rows are gone', async () => {
    const codec = codecs[1] ?? plain;
    const columns = [column('id', 'string')];
    const file = await codec.encode(
      batchOfRows(
        columns,
        Array.from({ length: 300 }, (_, i): Row => [['stays', 'forgotten', null][i % 3] ?? null]),
      ),
      { rowGroupRows: 90 },
    );
    const rows = Array.from({ length: 300 }, (_, i) => i).flatMap((i) => (i % 3 === 1 ? [] : [{ start: i, end: i + 1 }]));
    const cut = await codec.cut?.([{ file, rows }], columns);
    const text = new TextDecoder('latin1').decode(cut?.bytes);
    expect([text.includes('stays'), text.includes('forgotten')]).toEqual([true, false]);
    expect((await decodeAll(codec, cut?.bytes ?? new Uint8Array(), columns)).rows).toEqual(
      Array.from({ length: 300 }, (_, i) => i).flatMap((i): Row[] => (i % 3 === 1 ? [] : [[i % 3 === 0 ? 'stays' : null]])),
    );
  });

  it('are as long as the writer makes them, and found by the page index', async () => {
    const columns = [column('id', 'string', false), column('n', 'bigint'), column('x', 'double'), column('fat', 'string', false), column('none', 'int')];
    const rowOf = (i: number): Row => [`k${String(i).padStart(6, '0')}`, BigInt(i), i % 5 === 0 ? null : Math.sin(i), `${i}-`.repeat(20), null];
    const rows = Array.from({ length: 50_000 }, (_, i) => rowOf(i));
    const file = await plain.encode(batchOfRows(columns, rows), { rowGroupRows: 15_000 });
    const kept = rows.filter((_, i) => i % 10 !== 3);
    const cut = await plain.cut?.([{ file, rows: kept.map((row) => ({ start: Number(row[1]), end: Number(row[1]) + 1 })) }], columns);
    const bytes = cut?.bytes ?? new Uint8Array();
    const { footer, near } = await openParquet(sourceOf(bytes));
    const chunks = (footer.rowGroups[0]?.chunks ?? []).map((chunk) => ({ chunk, rowCount: kept.length }));
    const indexes = await readPageStatistics(near, chunks, {});
    expect(indexes.slice(0, 3).map((index) => index?.pages.map(({ endRow }) => endRow))).toEqual(Array(3).fill([20_000, 40_000, 45_000]));
    expect(indexes[3]?.pages.every(({ firstRow, endRow }) => endRow - firstRow < 20_000)).toBe(true);
    const directory = await mkdtemp(join(tmpdir(), 'lakefold-pages-'));
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const duckdb = await instance.connect();
    try {
      const path = (name: string): string => join(directory, `${name}.parquet`);
      await writeFile(path('cut'), bytes);
      await writeFile(path('from'), file);
      const of = async (sql: string): Promise<unknown> => (await duckdb.run(sql)).getRowsJson();
      const expected = `(FROM '${path('from')}' WHERE n % 10 != 3)`;
      expect(await of(`(FROM '${path('cut')}' EXCEPT ALL ${expected}) UNION ALL (${expected} EXCEPT ALL FROM '${path('cut')}')`)).toEqual([]);
      expect(await of(`SELECT n FROM '${path('cut')}' WHERE id BETWEEN 'k040002' AND 'k040004'`)).toEqual([['40002'], ['40004']]);
    } finally {
      duckdb.closeSync();
      instance.closeSync();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
