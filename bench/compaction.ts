/**
 * Twenty files to one, a million rows, in the ways compaction has: row groups copied, spliced page by page, their pages made anew, and rows
 * taken out. Beside DuckDB's COPY of the same files, which decodes and encodes always, with all its threads (the goal) and with one.
 *
 * `npx tsx bench/compaction.ts [id...]` runs the cases named alone. Pages are packed by Node's own Zstandard where it has one;
 * LAKEFOLD_BENCH_ZSTD=wasm does without. LAKEFOLD_BENCH_ROUNDS: 5 unless given.
 */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { systemZstd } from '../lib/adapters/system/zstd.ts';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import { type Batch, sliceRows } from '../lib/core/batch.ts';
import { type RowRanges, uniteRanges } from '../lib/core/row-ranges.ts';
import type { Column } from '../lib/core/types.ts';
import { collectStats } from '../lib/delta/statistics/stats.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import { interleavedTimes, medianOf, reportGoal } from './report.ts';

const ROWS = 1_000_000;
const FILES = 20;
const ROUNDS = Number(process.env['LAKEFOLD_BENCH_ROUNDS'] ?? 5);
const ONLY = process.argv.slice(2);
/** Rows whose `a` is below it are taken out of a rewrite, as a deletion vector does. */
const TAKEN_BELOW = 0.1;

const COLUMNS: readonly Column[] = [
  { name: 'id', type: { kind: 'string' }, nullable: false },
  { name: 'ts', type: { kind: 'bigint' }, nullable: false },
  { name: 'a', type: { kind: 'double' }, nullable: true },
  { name: 'b', type: { kind: 'double' }, nullable: true },
  { name: 'c', type: { kind: 'int' }, nullable: true },
];

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
  const values = [
    Array.from({ length: ROWS }, () => `user-${String(Math.floor(next() * 100_000)).padStart(8, '0')}`),
    BigInt64Array.from({ length: ROWS }, (_, i) => 1_700_000_000_000_000n + BigInt(i) * 1_000_000n),
    Float64Array.from({ length: ROWS }, next),
    Float64Array.from({ length: ROWS }, () => next() * 1000),
    Int32Array.from({ length: ROWS }, (_, i) => i % 77),
  ];
  const vectors = COLUMNS.map(({ type }, i) => ({ type, length: ROWS, values: values[i] ?? [] }));
  return { columns: COLUMNS, vectors, rowCount: ROWS };
}

/** What purging deletion vectors does; the rows to keep are known from the vectors. */
async function rewrite(files: readonly Uint8Array[], kept: readonly RowRanges[]): Promise<Uint8Array> {
  const pieces = files.map((file, i) => ({ file, rows: kept[i] ?? [] }));
  const cut = await codec.cut?.(pieces, COLUMNS);
  if (cut === undefined) throw new Error('expected files to be cut, found them declined');
  collectStats(
    { columns: COLUMNS, vectors: cut.bounds, rowCount: cut.rowCount },
    COLUMNS.map((each) => ({ ...each, physicalName: each.name, metadata: {} })),
  );
  return cut.bytes;
}

/** The rows of each file that stay. */
function rowsKept(batch: Batch, perFile: number): readonly RowRanges[] {
  const values = batch.vectors[2]?.values ?? [];
  return Array.from({ length: FILES }, (_, file) =>
    uniteRanges(
      Array.from({ length: perFile }, (__, row) => ({ start: row, end: row + 1 })).filter(({ start }) => Number(values[file * perFile + start]) >= TAKEN_BELOW),
    ),
  );
}

/** The ratio of rates among the rounds. */
function spread(ours: readonly number[], theirs: readonly number[]): string {
  const ratios = ours.map((millis, i) => (theirs[i] ?? Number.NaN) / millis).toSorted((a, b) => a - b);
  return `ratio ${[ratios[0], medianOf(ratios), ratios.at(-1)].map((ratio) => (ratio ?? Number.NaN).toFixed(2)).join(' / ')} (least, median, greatest)`;
}

const pack = async (files: readonly Uint8Array[]): Promise<Uint8Array> => (await codec.pack?.(files)) ?? new Uint8Array();

const zstd = process.env['LAKEFOLD_BENCH_ZSTD'] === 'wasm' ? undefined : systemZstd();
const codec = createParquetCodec({ wasm: readParquetWasm(), zstd });
const directory = await mkdtemp(join(tmpdir(), 'lakefold-compaction-'));
const instance = await DuckDBInstance.create(':memory:');
const duckdb = await instance.connect();
try {
  const batch = rowsOfBench();
  const rawBytes = batch.vectors.reduce((sum, { values }) => sum + ('byteLength' in values ? values.byteLength : 13 * ROWS), 0);
  const perFile = ROWS / FILES;
  const kept = rowsKept(batch, perFile);
  for (const { id, how, rowGroupRows, where, ratio, run } of [
    { id: 'compaction-copy', how: 'row groups copied', rowGroupRows: perFile, where: 'true', ratio: 5, run: pack },
    { id: 'compaction-splice', how: 'pages spliced', rowGroupRows: 10_000, where: 'true', ratio: 0.8, run: pack },
    { id: 'compaction-splice-small', how: 'pages spliced', rowGroupRows: 2000, where: 'true', ratio: 0.8, run: pack },
    { id: 'compaction-recode', how: 'pages made anew', rowGroupRows: 500, where: 'true', ratio: 0.8, run: pack },
    {
      id: 'compaction-rewrite',
      how: 'a tenth of the rows taken out',
      rowGroupRows: perFile,
      where: `a >= ${TAKEN_BELOW}`,
      ratio: 0.8,
      run: (files: readonly Uint8Array[]) => rewrite(files, kept),
    },
  ] as const) {
    if (ONLY.length > 0 && !ONLY.includes(id)) continue;
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
    const [ours = [], theirs = [], theirsAlone = []] = await interleavedTimes(ROUNDS, [
      async () => writeFile(join(directory, 'ours.parquet'), await run(files)),
      async () => copy('RESET threads'),
      async () => copy('SET threads = 1'),
    ]);
    const rate = (millis: number): number => rawBytes / 1e6 / (millis / 1000);
    reportGoal({
      id,
      what: `${FILES} files to one, ${ROWS} rows, row groups of ${rowGroupRows}, ${how}`,
      unit: 'MB/s',
      value: rate(medianOf(ours)),
      peer: { name: 'DuckDB', value: rate(medianOf(theirs)) },
      limit: { kind: 'atLeast', ratio },
    });
    const [ourBytes, theirBytes] = await Promise.all(['ours', 'theirs'].map(async (name) => (await stat(join(directory, `${name}.parquet`))).size));
    console.log(
      `     ${id} round by round: ${spread(ours, theirs)}; with one thread DuckDB ${rate(medianOf(theirsAlone)).toFixed(0)} MB/s: ${spread(ours, theirsAlone)}`,
    );
    console.log(`     ${id} bytes: ${((ourBytes ?? 0) / 1e6).toFixed(1)} MB, DuckDB ${((theirBytes ?? 0) / 1e6).toFixed(1)} MB`);
  }
} finally {
  duckdb.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
}
