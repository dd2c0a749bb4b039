/** Rows of a table as a file's bytes. */
import { concatBatches, rowAt, type Batch } from '../lib/core/batch.ts';
import { utf8 } from '../lib/core/bytes.ts';
import { canonicalRow } from '../lib/core/canonical.ts';
import type { Column } from '../lib/core/types.ts';
import { csvText } from '../lib/features/training/dataset-files.ts';
import type { TableCodec } from '../lib/ports/table-codec.ts';
import type { OutFormat } from './print-rows.ts';

/** NDJSON as the rows come; CSV and Parquet as one piece. */
export async function* encodeRows(
  codec: TableCodec,
  { columns, rows }: { readonly columns: readonly Column[]; readonly rows: AsyncIterable<Batch> },
  format: OutFormat,
): AsyncIterable<Uint8Array> {
  if (format === 'ndjson') {
    for await (const batch of rows) yield utf8(Array.from({ length: batch.rowCount }, (_, i) => `${canonicalRow(batch.columns, rowAt(batch, i))}\n`).join(''));
    return;
  }
  const batches: Batch[] = [];
  for await (const batch of rows) batches.push(batch);
  const shape = columns.map(({ name, type, nullable }) => ({ name, type, nullable }));
  const whole = concatBatches(shape, batches);
  yield format === 'csv' ? utf8(csvText(whole)) : await codec.encode({ ...whole, columns: shape });
}
