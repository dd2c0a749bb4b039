/** Rows of a table as a file's bytes. */
import { concatBatches, rowAt, type Batch } from '../lib/core/batch.ts';
import { utf8 } from '../lib/core/bytes.ts';
import { canonicalRow } from '../lib/core/canonical.ts';
import type { Column } from '../lib/core/types.ts';
import { csvText } from '../lib/features/training/dataset-files.ts';
import type { TableCodec } from '../lib/ports/table-codec.ts';
import type { OutFormat } from './print-rows.ts';

/** NDJSON as the rows come; CSV, Parquet and Arrow as one piece. */
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
  yield await encodeWhole(codec, { ...whole, columns: shape }, format);
}

async function encodeWhole(codec: TableCodec, batch: Batch, format: Exclude<OutFormat, 'ndjson'>): Promise<Uint8Array> {
  switch (format) {
    case 'csv':
      return utf8(csvText(batch));
    case 'parquet':
      return codec.encode(batch);
    case 'arrow':
      return (await import('../lib/parquet/arrow/arrow-encode.ts')).arrowStreamOf(batch);
  }
}
