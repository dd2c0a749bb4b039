/** The Parquet codec: rows to zstd Parquet and back, through parquet-wasm. */
import { tableToIPC } from 'apache-arrow';
import { Compression, EnabledStatistics, Table, WriterPropertiesBuilder, WriterVersion, writeParquet } from 'parquet-wasm/esm';
import type { Batch } from '../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import type { RowRanges } from '../core/row-ranges.ts';
import type { Column } from '../core/types.ts';
import type { DecodedBatch, DecodeOptions, EncodeOptions, FileSource, PageRangesOptions, TableCodec } from '../ports/table-codec.ts';
import { arrowTableOf } from './arrow-encode.ts';
import { decodeRows } from './decode-rows.ts';
import { highCardinalityColumns } from './dictionary-choice.ts';
import { finishParquet } from './finish.ts';
import { openParquet, type OpenedFile } from './footer.ts';
import { joinParquet } from './join-files.ts';
import { findPageRanges } from './page-ranges.ts';
import { columnsOfSchema } from './parquet-types.ts';
import { nodeOf } from './projection.ts';
import { openRowGroups } from './row-groups.ts';
import { runWasm, type ParquetWasm } from './wasm-runtime.ts';

/** Rows of a row group unless asked otherwise: about 10 MiB of a feature group, which a reader holds at once. */
const ROW_GROUP_ROWS = 131_072;
/** A file up to this size is fetched whole: one request, where footer and columns would be two or more. */
const WHOLE_FILE_BYTES = 1024 * 1024;
/** In the form parquet-mr parses; it ignores the statistics of writers it can't make out. */
const CREATED_BY = 'lakefold version 0.1.0 (build parquet-wasm-0.8.0)';

/** The codec for `.zstd.parquet` files; `wasm` is parquet-wasm's binary, compiled at first use. */
export function createParquetCodec({ wasm }: { readonly wasm: ParquetWasm }): TableCodec {
  return {
    extension: 'zstd.parquet',
    encode: (batch, options = {}) => encode(wasm, batch, options),
    encodeGroups: async (batches) => {
      const files: Uint8Array[] = [];
      for await (const batch of batches) files.push(await encode(wasm, batch, { rowGroupRows: Math.max(1, batch.rowCount) }));
      return joinParquet(files);
    },
    decode: (source, options) => decode(wasm, source, options),
    rowGroups: (source) => openRowGroups(wasm, source),
    pageRanges,
    describe,
  };
}

async function encode(wasm: ParquetWasm, batch: Batch, options: EncodeOptions): Promise<Uint8Array> {
  const ipc = tableToIPC(arrowTableOf(batch), 'stream');
  const work = (): Uint8Array => {
    const builder = new WriterPropertiesBuilder()
      .setCompression(Compression.ZSTD)
      .setWriterVersion(WriterVersion.V1)
      .setStatisticsEnabled(EnabledStatistics.Page)
      .setMaxRowGroupSize(options.rowGroupRows ?? ROW_GROUP_ROWS)
      .setCreatedBy(CREATED_BY);
    // The writer counts values of a dictionary as next to nothing.
    const paged = options.pageBytes === undefined ? builder : builder.setDataPageSizeLimit(options.pageBytes).setDictionaryEnabled(false);
    const properties = highCardinalityColumns(batch)
      .reduce((each, name) => each.setColumnDictionaryEnabled(name, false), paged)
      .build();
    return writeParquet(Table.fromIPCStream(ipc), properties);
  };
  const file = await runWasm(
    wasm,
    work,
    (cause) =>
      new LakefoldError('LIMIT_EXCEEDED', `expected a batch the Parquet writer has memory for, found ${batch.rowCount} rows of ${ipc.length} bytes`, { cause }),
  );
  return finishParquet(file);
}

async function describe(source: FileSource): Promise<{ columns: Column[]; rowCount: number }> {
  try {
    const { footer } = await opened(source);
    return { columns: columnsOfSchema(footer.columns), rowCount: footer.rowCount };
  } catch (cause) {
    if (isLakefoldError(cause, 'FILE_CORRUPT')) throw new LakefoldError('MALFORMED_FILE', cause.message, { cause, context: cause.context });
    throw cause;
  }
}

async function* decode(wasm: ParquetWasm, source: FileSource, options: DecodeOptions): AsyncIterable<DecodedBatch> {
  options.signal?.throwIfAborted();
  const { near, footer } = await opened(source);
  const wanted = options.columns.map((column) => nodeOf(footer, column));
  yield* decodeRows({ wasm, source: near, footer, wanted }, options);
}

async function pageRanges(source: FileSource, { column, ranges, signal }: PageRangesOptions): Promise<RowRanges> {
  signal?.throwIfAborted();
  const { near, footer } = await opened(source);
  const node = nodeOf(footer, column);
  return node === undefined ? [] : findPageRanges(near, { footer, node, column, ranges }, signal === undefined ? {} : { signal });
}

/** What is known of sources still in use, so that footer and page index are read once for a search and the read that follows. */
const openedFiles = new WeakMap<FileSource, Promise<OpenedFile>>();

function opened(source: FileSource): Promise<OpenedFile> {
  const known = openedFiles.get(source);
  if (known !== undefined) return known;
  const opening = open(source);
  openedFiles.set(source, opening);
  opening.catch(() => openedFiles.delete(source));
  return opening;
}

async function open(source: FileSource): Promise<OpenedFile> {
  return openParquet(source.sizeBytes <= WHOLE_FILE_BYTES ? await loaded(source) : source);
}

async function loaded(source: FileSource): Promise<FileSource> {
  const bytes = await source.readAll();
  return { sizeBytes: source.sizeBytes, read: async (start, end) => bytes.subarray(start, end), readAll: async () => bytes };
}
