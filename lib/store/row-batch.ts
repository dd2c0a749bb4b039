/** Rows as a TypeScript program reads them. */
import { type Batch, valueAt } from '../core/batch.ts';
import { formatType } from '../core/types.ts';
import { toNative } from '../online/native-values.ts';

export interface BatchColumn {
  readonly name: string;
  /** As definitions spell it. */
  readonly type: string;
}

/** Some of the rows of a read, in no particular order. */
export interface RowBatch<R = Readonly<Record<string, unknown>>> {
  readonly columns: readonly BatchColumn[];
  readonly rowCount: number;
  /** One object a row; values as the types of a schema say, absent ones null. */
  toRows(): R[];
}

export async function* rowBatches<R>(batches: AsyncIterable<Batch>): AsyncIterable<RowBatch<R>> {
  for await (const batch of batches) yield rowBatch(batch);
}

export function rowBatch<R = Readonly<Record<string, unknown>>>(batch: Batch): RowBatch<R> {
  const columns = batch.columns.map(({ name, type }) => ({ name, type: formatType(type) }));
  return { columns, rowCount: batch.rowCount, toRows: () => Array.from({ length: batch.rowCount }, (_, row) => rowObject<R>(batch, row)) };
}

function rowObject<R>(batch: Batch, row: number): R {
  const object = Object.fromEntries(
    batch.vectors.map((vector, position) => [batch.columns[position]?.name ?? '', toNative(vector.type, valueAt(vector, row))]),
  );
  // The batch's columns are those of the schema that `R` was read off.
  return object as R;
}
