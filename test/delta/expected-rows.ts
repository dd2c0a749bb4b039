/** The rows a golden table must have, read off its `expected` Parquet files by DuckDB, which shares no code with our reader. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { fromDuck } from '../../lib/adapters/duckdb/duckdb-types.ts';
import { type Batch, vectorOf } from '../../lib/core/batch.ts';
import type { Column } from '../../lib/core/types.ts';

/** The columns named, in their types. */
export async function expectedRows(folder: string, columns: readonly Column[]): Promise<Batch> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.parquet'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone='UTC'");
    const names = columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`).join(', ');
    const list = files.map((file) => `'${join(folder, file).replaceAll("'", "''")}'`).join(', ');
    const reader = await connection.runAndReadAll(`SELECT ${names} FROM read_parquet([${list}], union_by_name = true, hive_partitioning = true)`);
    const found = reader.getColumns();
    const vectors = columns.map(({ name, type }, i) =>
      vectorOf(
        type,
        (found[i] ?? []).map((value) => fromDuck(value, name)),
      ),
    );
    return { columns, vectors, rowCount: reader.currentRowCount };
  } finally {
    connection.disconnectSync();
    instance.closeSync();
  }
}
