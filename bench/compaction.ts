/** Twenty files to one, a million rows: row groups copied, and encoded again, beside DuckDB's COPY of the same files. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import { sliceRows, type Batch } from '../lib/core/batch.ts';
import type { Column, ColumnType } from '../lib/core/types.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import { interleaved, reportGoal } from './report.ts';

const ROWS = 1_000_000;
const FILES = 20;
const ROUNDS = 5;

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

const codec = createParquetCodec({ wasm: readParquetWasm() });
const directory = await mkdtemp(join(tmpdir(), 'lakefold-compaction-'));
const instance = await DuckDBInstance.create(':memory:');
const duckdb = await instance.connect();
try {
  const batch = rowsOfBench();
  const rawBytes = batch.vectors.reduce((sum, { values }) => sum + ('byteLength' in values ? values.byteLength : 13 * ROWS), 0);
  const perFile = ROWS / FILES;
  for (const [id, rowGroupRows, ratio] of [
    ['compaction-copy', perFile, 5],
    ['compaction-recode', 10_000, 0.8],
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
        `COPY (SELECT * FROM read_parquet('${join(directory, `${id}-*.parquet`)}')) TO '${join(directory, 'theirs.parquet')}' (FORMAT parquet, COMPRESSION zstd)`,
      );
    };
    const [ours = NaN, theirs = NaN, theirsAlone = NaN] = await interleaved(ROUNDS, [
      async () => writeFile(join(directory, 'ours.parquet'), (await codec.pack?.(files)) ?? new Uint8Array()),
      async () => copy('RESET threads'),
      async () => copy('SET threads = 1'),
    ]);
    const rate = (millis: number): number => rawBytes / 1e6 / (millis / 1000);
    reportGoal({
      id,
      what: `${FILES} files to one, ${ROWS} rows, row groups of ${rowGroupRows}`,
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
