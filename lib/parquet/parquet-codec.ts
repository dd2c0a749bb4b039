/** The Parquet codec: rows to zstd Parquet and back, through parquet-wasm. */
import { tableFromIPC, tableToIPC, type RecordBatch } from 'apache-arrow';
import { Compression, EnabledStatistics, readParquet, Table, WriterPropertiesBuilder, WriterVersion, writeParquet } from 'parquet-wasm/esm';
import type { Batch } from '../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { BATCH_ROWS } from '../core/limits.ts';
import type { Column } from '../core/types.ts';
import type { DecodeColumn, DecodedBatch, DecodeOptions, EncodeOptions, FileSource, TableCodec } from '../ports/table-codec.ts';
import { nullVector, vectorOfArrow } from './arrow-decode.ts';
import { arrowTableOf } from './arrow-encode.ts';
import { finishParquet } from './finish.ts';
import { readFooter, type Footer, type RowGroup, type SchemaNode } from './footer.ts';
import { openRowGroups } from './row-groups.ts';
import { columnsOfSchema } from './parquet-types.ts';
import { corruptFile, nodeOf, projectRowGroup } from './projection.ts';
import { isTrap, runWasm, type ParquetWasm } from './wasm-runtime.ts';

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
    decode: (source, options) => decode(wasm, source, options),
    rowGroups: (source) => openRowGroups(wasm, source),
    describe,
  };
}

async function encode(wasm: ParquetWasm, batch: Batch, options: EncodeOptions): Promise<Uint8Array> {
  const ipc = tableToIPC(arrowTableOf(batch), 'stream');
  const work = (): Uint8Array => {
    const properties = new WriterPropertiesBuilder()
      .setCompression(Compression.ZSTD)
      .setWriterVersion(WriterVersion.V1)
      .setStatisticsEnabled(EnabledStatistics.Page)
      .setMaxRowGroupSize(options.rowGroupRows ?? ROW_GROUP_ROWS)
      .setCreatedBy(CREATED_BY)
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
    const footer = await readFooter(source);
    return { columns: columnsOfSchema(footer.columns), rowCount: footer.rowCount };
  } catch (cause) {
    if (isLakefoldError(cause, 'FILE_CORRUPT')) throw new LakefoldError('MALFORMED_FILE', cause.message, { cause, context: cause.context });
    throw cause;
  }
}

async function* decode(wasm: ParquetWasm, source: FileSource, options: DecodeOptions): AsyncIterable<DecodedBatch> {
  const near = source.sizeBytes <= WHOLE_FILE_BYTES ? await loaded(source) : source;
  const footer = await readFooter(near);
  const wanted = options.columns.map((column) => nodeOf(footer, column));
  let firstRow = 0;
  for (const group of footer.rowGroups) {
    options.signal?.throwIfAborted();
    yield* wanted.some((node) => node !== undefined)
      ? decodeGroup({ wasm, source: near, footer, wanted }, { group, firstRow }, options)
      : absentGroup(options.columns, { group, firstRow });
    firstRow += group.rowCount;
  }
}

async function loaded(source: FileSource): Promise<FileSource> {
  const bytes = await source.readAll();
  return { sizeBytes: source.sizeBytes, read: async (start, end) => bytes.subarray(start, end), readAll: async () => bytes };
}

interface DecodeContext {
  readonly wasm: ParquetWasm;
  readonly source: FileSource;
  readonly footer: Footer;
  readonly wanted: readonly (SchemaNode | undefined)[];
}

interface GroupAt {
  readonly group: RowGroup;
  readonly firstRow: number;
}

async function* decodeGroup(
  { wasm, source, footer, wanted }: DecodeContext,
  { group, firstRow }: GroupAt,
  options: DecodeOptions,
): AsyncIterable<DecodedBatch> {
  if (group.rowCount === 0) return;
  const nodes = [...new Set(wanted)].filter((node) => node !== undefined);
  const file = await projectRowGroup(source, { footer, group, nodes }, options);
  const ipc = await runWasm(
    wasm,
    () => readIpc(file),
    (cause) => corruptFile('the Parquet reader broke down', cause),
  );
  const batches = readBatches(ipc);
  const rowCount = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  if (rowCount !== group.rowCount) throw new LakefoldError('FILE_CORRUPT', `expected a row group of ${group.rowCount} rows, found ${rowCount}`);
  let row = firstRow;
  for (const part of batches) {
    const at = row;
    const vectors = options.columns.map((column, i) => {
      const node = wanted[i];
      const data = node === undefined ? undefined : part.data.children[nodes.indexOf(node)];
      return data === undefined ? nullVector(column.type, part.numRows) : vectorOfArrow(data, column.type, { column: column.name, firstRow: at });
    });
    yield { firstRow: at, batch: { columns: options.columns, vectors, rowCount: part.numRows } };
    row += part.numRows;
  }
}

function* absentGroup(columns: readonly DecodeColumn[], { group, firstRow }: GroupAt): Iterable<DecodedBatch> {
  for (let done = 0; done < group.rowCount; done += BATCH_ROWS) {
    const rowCount = Math.min(BATCH_ROWS, group.rowCount - done);
    yield { firstRow: firstRow + done, batch: { columns, vectors: columns.map((column) => nullVector(column.type, rowCount)), rowCount } };
  }
}

/** Synchronous, so that a trap comes back here; see projection.ts. */
function readIpc(file: Uint8Array): Uint8Array {
  try {
    return readParquet(file, { batchSize: BATCH_ROWS }).intoIPCStream();
  } catch (cause) {
    if (isTrap(cause)) throw cause;
    throw corruptFile(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function readBatches(ipc: Uint8Array): readonly RecordBatch[] {
  try {
    return tableFromIPC(ipc).batches;
  } catch (cause) {
    throw corruptFile('no Arrow data', cause);
  }
}
