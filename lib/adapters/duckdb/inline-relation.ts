/** Rows in memory into a temporary table, a DuckDB vector at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BIGINT, DuckDBDataChunk, type DuckDBConnection, type DuckDBType, type DuckDBValue } from '@duckdb/node-api';
import { valueAt, type Batch } from '../../core/batch.ts';
import { duckTypeOf, toDuck } from './duckdb-types.ts';
import { quoteName, sqlType } from './sql-text.ts';

/** DuckDB's vector size. */
const CHUNK_ROWS = 2048;
/** Chunks appended before other work of the process gets its turn. */
const CHUNKS_PER_TURN = 32;

/** Makes the table `name` of the batch's columns and rows, in the batch's order. */
export async function loadBatch(connection: DuckDBConnection, name: string, batch: Batch): Promise<void> {
  const table = quoteName(name);
  await connection.run(`CREATE TEMP TABLE ${table} (${batch.columns.map((column) => `${quoteName(column.name)} ${sqlType(column.type)}`).join(', ')})`);
  const types = batch.columns.map((column) => duckTypeOf(column.type));
  await appendRows(connection, { name, types, rowCount: batch.rowCount }, (position, row) => {
    const column = batch.columns[position];
    const vector = batch.vectors[position];
    return column === undefined || vector === undefined ? null : toDuck(column.type, valueAt(vector, row));
  });
}

/** Makes the table `name` with columns `file`, `position`: the deleted rows of each file, by its number. */
export async function loadDeletions(connection: DuckDBConnection, name: string, deleted: readonly (readonly number[])[]): Promise<void> {
  await connection.run(`CREATE TEMP TABLE ${quoteName(name)} (file BIGINT, position BIGINT)`);
  const files = deleted.flatMap((positions, file) => positions.map(() => BigInt(file)));
  const positions = deleted.flatMap((list) => list.map(BigInt));
  await appendRows(connection, { name, types: [BIGINT, BIGINT], rowCount: files.length }, (position, row) => (position === 0 ? files : positions)[row] ?? null);
}

interface AppendTarget {
  readonly name: string;
  readonly types: readonly DuckDBType[];
  readonly rowCount: number;
}

async function appendRows(connection: DuckDBConnection, target: AppendTarget, valueOf: (position: number, row: number) => DuckDBValue): Promise<void> {
  if (target.types.length === 0 || target.rowCount === 0) return;
  const appender = await connection.createAppender(target.name, 'main', 'temp');
  try {
    for (let start = 0, chunks = 1; start < target.rowCount; start += CHUNK_ROWS, chunks += 1) {
      const rows = Math.min(CHUNK_ROWS, target.rowCount - start);
      const chunk = DuckDBDataChunk.create(target.types, rows);
      for (let position = 0; position < target.types.length; position += 1) {
        const vector = chunk.getColumnVector(position);
        for (let row = 0; row < rows; row += 1) vector.setItem(row, valueOf(position, start + row));
        vector.flush();
      }
      appender.appendDataChunk(chunk);
      if (chunks % CHUNKS_PER_TURN === 0) await nextTurn();
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
}
