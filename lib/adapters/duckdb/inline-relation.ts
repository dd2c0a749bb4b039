/** Rows in memory into a temporary table, a DuckDB vector at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BIGINT, DuckDBDataChunk, type DuckDBConnection, type DuckDBType, type DuckDBVector } from '@duckdb/node-api';
import type { Batch } from '../../core/batch.ts';
import { duckTypeOf } from './duckdb-types.ts';
import { quoteName, sqlType } from './sql-text.ts';
import { CHUNK_ROWS, fillVector } from './typed-columns.ts';

/** Chunks appended before other work of the process gets its turn. */
const CHUNKS_PER_TURN = 32;
const BIGINT_TYPE = { kind: 'bigint' } as const;

/** Makes the table `name` of the batch's columns and rows, in the batch's order. */
export async function loadBatch(connection: DuckDBConnection, name: string, batch: Batch): Promise<void> {
  const table = quoteName(name);
  await connection.run(`CREATE TEMP TABLE ${table} (${batch.columns.map((column) => `${quoteName(column.name)} ${sqlType(column.type)}`).join(', ')})`);
  const types = batch.columns.map((column) => duckTypeOf(column.type));
  const filled = batch.columns.flatMap(({ type }, i) => {
    const source = batch.vectors[i];
    return source === undefined ? [] : [{ type, source }];
  });
  await appendRows(connection, { name, types, rowCount: batch.rowCount }, (vector, position, at) => {
    const column = filled[position];
    if (column !== undefined) fillVector(vector, column, at);
  });
}

/** Makes the table `name` with columns `file`, `position`: the deleted rows of each file, by its number. */
export async function loadDeletions(connection: DuckDBConnection, name: string, deleted: readonly (readonly number[])[]): Promise<void> {
  await connection.run(`CREATE TEMP TABLE ${quoteName(name)} (file BIGINT, position BIGINT)`);
  const files = BigInt64Array.from(deleted.flatMap((list, file) => list.map(() => BigInt(file))));
  const positions = BigInt64Array.from(deleted.flatMap((list) => list.map(BigInt)));
  const columns = [files, positions].map((values) => ({ type: BIGINT_TYPE, source: { type: BIGINT_TYPE, length: values.length, values } }));
  await appendRows(connection, { name, types: [BIGINT, BIGINT], rowCount: files.length }, (vector, position, at) => {
    const column = columns[position];
    if (column !== undefined) fillVector(vector, column, at);
  });
}

interface AppendTarget {
  readonly name: string;
  readonly types: readonly DuckDBType[];
  readonly rowCount: number;
}

type Fill = (vector: DuckDBVector, position: number, at: { readonly start: number; readonly rows: number }) => void;

async function appendRows(connection: DuckDBConnection, target: AppendTarget, fill: Fill): Promise<void> {
  if (target.types.length === 0 || target.rowCount === 0) return;
  const appender = await connection.createAppender(target.name, 'main', 'temp');
  try {
    for (let start = 0, chunks = 1; start < target.rowCount; start += CHUNK_ROWS, chunks += 1) {
      const rows = Math.min(CHUNK_ROWS, target.rowCount - start);
      const chunk = DuckDBDataChunk.create(target.types, rows);
      for (let position = 0; position < target.types.length; position += 1) fill(chunk.getColumnVector(position), position, { start, rows });
      appender.appendDataChunk(chunk);
      if (chunks % CHUNKS_PER_TURN === 0) await nextTurn();
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
}
