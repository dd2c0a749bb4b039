/** Rows in answers: the format by `Accept`, streamed. */
import { type Batch, concatBatches, rowAt } from '../../lib/core/batch.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { canonicalRow, type CanonicalOptions } from '../../lib/core/canonical.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import type { Column } from '../../lib/core/types.ts';
import { encodeRows } from '../../lib/features/training/dataset-files.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';

export const NDJSON_TYPE = 'application/x-ndjson';
export const CSV_TYPE = 'text/csv';
export const PARQUET_TYPE = 'application/vnd.apache.parquet';
/** One schema message, then record batches: Arrow's streaming format. */
export const ARROW_TYPE = 'application/vnd.apache.arrow.stream';

export type RowsFormat = 'ndjson' | 'csv' | 'parquet' | 'arrow';

const FORMAT_OF: Readonly<Record<string, RowsFormat>> = {
  [NDJSON_TYPE]: 'ndjson',
  [CSV_TYPE]: 'csv',
  [PARQUET_TYPE]: 'parquet',
  [ARROW_TYPE]: 'arrow',
  '*/*': 'ndjson',
  'application/*': 'ndjson',
  'text/*': 'csv',
};
const TYPE_OF: Readonly<Record<RowsFormat, string>> = { ndjson: NDJSON_TYPE, csv: CSV_TYPE, parquet: PARQUET_TYPE, arrow: ARROW_TYPE };

export function mediaTypeOf(format: RowsFormat): string {
  return TYPE_OF[format];
}

/** The first type of `Accept` we have; NDJSON without one. @throws LakefoldError NOT_ACCEPTABLE */
export function acceptedFormat(request: Request): RowsFormat {
  const accept = request.headers.get('accept');
  if (accept === null || accept.trim() === '') return 'ndjson';
  for (const part of accept.split(',')) {
    const format = FORMAT_OF[part.split(';')[0]?.trim().toLowerCase() ?? ''];
    if (format !== undefined) return format;
  }
  throw new LakefoldError('NOT_ACCEPTABLE', `expected one of ${Object.values(TYPE_OF).join(', ')}, found ${JSON.stringify(accept)}`);
}

/** The same batches with the first one drawn, so that what fails at once is an answer of its own and not a body cut short. */
async function started(batches: AsyncIterable<Batch>): Promise<AsyncIterable<Batch>> {
  const iterator = batches[Symbol.asyncIterator]();
  let first: IteratorResult<Batch> | undefined = await iterator.next();
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const drawn = first;
        first = undefined;
        return drawn ?? iterator.next();
      },
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    }),
  };
}

/** Rows as canonical NDJSON, a chunk a batch; a fault midway errors the stream, so a body that ends is whole. */
function ndjsonStream(batches: AsyncIterable<Batch>, options: CanonicalOptions = {}): ReadableStream<Uint8Array> {
  const iterator = batches[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await iterator.next();
      if (next.done === true) return controller.close();
      const batch = next.value;
      let text = '';
      for (let i = 0; i < batch.rowCount; i += 1) text += `${canonicalRow(batch.columns, rowAt(batch, i), options)}\n`;
      return controller.enqueue(utf8(text));
    },
    cancel: async () => {
      await iterator.return?.();
    },
  });
}

/** All rows as one body in a format that is made whole, or as lines while they come. */
export async function rowsBody(
  codec: TableCodec,
  rows: { readonly columns: readonly Column[]; readonly batches: AsyncIterable<Batch> },
  { format, ...options }: CanonicalOptions & { readonly format: RowsFormat },
): Promise<ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>> {
  if (format === 'ndjson') return ndjsonStream(await started(rows.batches), options);
  if (format === 'arrow') return chunkStream((await import('../../lib/parquet/arrow/arrow-encode.ts')).arrowChunks(rows.columns, await started(rows.batches)));
  const batches: Batch[] = [];
  for await (const batch of rows.batches) batches.push(batch);
  return new Uint8Array(await encodeRows({ codec }, { ...concatBatches(rows.columns, batches), columns: rows.columns }, format));
}

/** Chunks as a body, each made when it is asked for; a fault midway errors the stream. */
function chunkStream(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: async () => {
      await iterator.return?.();
    },
  });
}
