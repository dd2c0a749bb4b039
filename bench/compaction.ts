/**
 * Twenty files to one, a million rows, in the ways compaction has: row groups copied, spliced page by page, encoded again inside the wasm,
 * and, where rows are taken out, decoded and encoded. Beside DuckDB's COPY of the same files, which decodes and encodes always.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import { concatBatches, sliceRows, takeRows, type Batch } from '../lib/core/batch.ts';
import type { Column, ColumnType } from '../lib/core/types.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import { interleaved, reportGoal } from './report.ts';

const ROWS = 1_000_000;
const FILES = 20;
const ROUNDS = 5;
/** Rows whose `a` is below it are taken out of a rewrite, as a deletion vector does. */
const TAKEN_BELOW = 0.1;

/** A generator with a seed, so that every run packs the same rows. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function rowsOfBench(): Batch {
  const next = numbers(1);
  const column = (name: string, kind: 'string' | 'bigint' | 'double' | 'int'): Column => ({ name, type: { kind }, nullable: name !== 'id' && name !== 'ts' });
  const columns = [column('id', 'string'), column('ts', 'bigint'), column('a', 'double'), column('b', 'double'), column('c', 'int')];
  const values = [
    Array.from({ length: ROWS }, () => `user-${String(Math.floor(next() * 100_000)).padStart(8, '0')}`),
    BigInt64Array.from({ length: ROWS }, (_, i) => 1_700_000_000_000_000n + BigInt(i) * 1_000_000n),
    Float64Array.from({ length: ROWS }, next),
    Float64Array.from({ length: ROWS }, () => next() * 1000),
    Int32Array.from({ length: ROWS }, (_, i) => i % 77),
  ];
  const vectors = columns.map(({ type }: { readonly type: ColumnType }, i) => ({ type, length: ROWS, values: values[i] ?? [] }));
  return { columns, vectors, rowCount: ROWS };
}

/** What purging deletion vectors does: rows decoded, taken out, and encoded. */
async function rewrite(files: readonly Uint8Array[], columns: readonly Column[]): Promise<Uint8Array> {
  const kept: Batch[] = [];
  for (const file of files) {
    const source = { sizeBytes: file.length, read: async (start: number, end: number) => file.subarray(start, end), readAll: async () => file };
    for await (const { batch } of codec.decode(source, { columns })) {
      const values = batch.vectors[2]?.values ?? [];
      kept.push(
        takeRows(
          batch,
          Array.from({ length: batch.rowCount }, (_, row) => row).filter((row) => Number(values[row]) >= TAKEN_BELOW),
        ),
      );
    }
  }
  return codec.encode(concatBatches(columns, kept));
}

const pack = async (files: readonly Uint8Array[]): Promise<Uint8Array> => (await codec.pack?.(files)) ?? new Uint8Array();

const codec = createParquetCodec({ wasm: readParquetWasm() });
const directory = await mkdtemp(join(tmpdir(), 'lakefold-compaction-'));
const instance = await DuckDBInstance.create(':memory:');
const duckdb = await instance.connect();
try {
  const batch = rowsOfBench();
  const rawBytes = batch.vectors.reduce((sum, { values }) => sum + ('byteLength' in values ? values.byteLength : 13 * ROWS), 0);
  const perFile = ROWS / FILES;
  for (const { id, how, rowGroupRows, where, ratio, run } of [
    { id: 'compaction-copy', how: 'row groups copied', rowGroupRows: perFile, where: 'true', ratio: 5, run: pack },
    { id: 'compaction-splice', how: 'pages spliced', rowGroupRows: 10_000, where: 'true', ratio: 0.8, run: pack },
    { id: 'compaction-splice-small', how: 'pages spliced', rowGroupRows: 2000, where: 'true', ratio: 0.8, run: pack },
    { id: 'compaction-recode', how: 'encoded again', rowGroupRows: 500, where: 'true', ratio: 0.8, run: pack },
    {
      id: 'compaction-rewrite',
      how: 'a tenth of the rows taken out',
      rowGroupRows: perFile,
      where: `a >= ${TAKEN_BELOW}`,
      ratio: 0.8,
      run: (files: readonly Uint8Array[]) => rewrite(files, batch.columns),
    },
  ] as const) {
    const files: Uint8Array[] = [];
    for (let i = 0; i < FILES; i += 1) {
      const file = await codec.encode(sliceRows(batch, i * perFile, (i + 1) * perFile), { rowGroupRows });
      await writeFile(join(directory, `${id}-${i}.parquet`), file);
      files.push(file);
    }
    const copy = async (threads: string): Promise<void> => {
      await duckdb.run(threads);
      await duckdb.run(
        `COPY (SELECT * FROM read_parquet('${join(directory, `${id}-*.parquet`)}') WHERE ${where}) TO '${join(directory, 'theirs.parquet')}' (FORMAT parquet, COMPRESSION zstd)`,
      );
    };
    const [ours = NaN, theirs = NaN, theirsAlone = NaN] = await interleaved(ROUNDS, [
      async () => writeFile(join(directory, 'ours.parquet'), await run(files)),
      async () => copy('RESET threads'),
      async () => copy('SET threads = 1'),
    ]);
    const rate = (millis: number): number => rawBytes / 1e6 / (millis / 1000);
    reportGoal({
      id,
      what: `${FILES} files to one, ${ROWS} rows, row groups of ${rowGroupRows}, ${how}`,
      unit: 'MB/s',
      value: rate(ours),
      peer: { name: 'DuckDB', value: rate(theirs) },
      limit: { kind: 'atLeast', ratio },
    });
    console.log(`     ${id} DuckDB with one thread: ${rate(theirsAlone).toFixed(0)} MB/s`);
  }
} finally {
  duckdb.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
}
