/** The Parquet codec: rows to zstd Parquet and back, through parquet-wasm. */
import { Table, writeParquet } from 'parquet-wasm/esm';
import { type Batch, sliceRows } from '../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import type { RowRanges } from '../core/row-ranges.ts';
import type { Column } from '../core/types.ts';
import {
  bytesSource,
  type DecodedBatch,
  type DecodeOptions,
  type EncodeOptions,
  type FileSource,
  type PageRangesOptions,
  type TableCodec,
} from '../ports/table-codec.ts';
import type { Zstd } from '../ports/zstd.ts';
import { arrowStreamOf } from './arrow/arrow-encode.ts';
import { cutParquet } from './repack/cut-files.ts';
import { decodeRows } from './decode-rows.ts';
import { highCardinalityColumns } from './repack/dictionary-choice.ts';
import { finishParquet } from './repack/finish.ts';
import { openParquet, type OpenedFile } from './footer.ts';
import { joinParquet } from './repack/join-files.ts';
import { packParquet } from './repack/pack-files.ts';
import { findPageRanges } from './page-ranges.ts';
import { columnsOfSchema } from './parquet-types.ts';
import { nodeOf } from './projection.ts';
import { openRowGroups } from './row-groups.ts';
import { checkParquetSeal, SEAL_REMARK, sealParquet } from './seal-file.ts';
import type { StreamMeasure } from './unpacked-size.ts';
import { runWasm, type ParquetWasm } from './wasm-runtime.ts';
import { ROW_GROUP_ROWS, writerProperties } from './writer-properties.ts';

/** A file up to this size is fetched whole: one request, where footer and columns would be two or more. */
const WHOLE_FILE_BYTES = 1024 * 1024;

export interface ParquetCodecDeps {
  /** parquet-wasm's binary, compiled at first use. */
  readonly wasm: ParquetWasm;
  /** Tells how far gzip and brotli pages of foreign files unpack; without it their headers are believed. */
  readonly measure?: StreamMeasure;
  /** Packs the pages of files that are made of others; without it the Parquet writer does, in a third of the rate. */
  readonly zstd?: Zstd | undefined;
}

/** The codec for `.zstd.parquet` files. */
export function createParquetCodec({ wasm, measure, zstd }: ParquetCodecDeps): TableCodec {
  return {
    extension: 'zstd.parquet',
    encode: (batch, options = {}) => encode(wasm, batch, options),
    encodeGroups: async (batches, options = {}) => {
      const files: Uint8Array[] = [];
      const remarks = { ...options.remarks, ...SEAL_REMARK };
      for await (const batch of batches)
        files.push(await encodeGroup(wasm, batch, { options: { ...options, remarks, rowGroupRows: Math.max(1, batch.rowCount) }, start: 0, isWhole: true }));
      return sealParquet(joinAlike(files));
    },
    checkSeal: async (file) => checkParquetSeal(file),
    decode: (source, options) => decode({ wasm, measure }, source, options),
    rowGroups: (source) => openRowGroups({ wasm, measure }, source),
    pageRanges,
    pack: (files) => packParquet({ wasm, measure, zstd }, files),
    cut: (pieces, columns) => cutParquet({ wasm, measure, zstd }, pieces, columns),
    describe,
  };
}

/** Row group by row group, so that the wasm holds one at a time. */
async function encode(wasm: ParquetWasm, batch: Batch, options: EncodeOptions): Promise<Uint8Array> {
  const rows = options.rowGroupRows ?? ROW_GROUP_ROWS;
  const groups: Uint8Array[] = [];
  for (let start = 0; start === 0 || start < batch.rowCount; start += rows)
    groups.push(await encodeGroup(wasm, sliceRows(batch, start, Math.min(batch.rowCount, start + rows)), { options, start }));
  return joinAlike(groups);
}

function joinAlike(files: readonly Uint8Array[]): Uint8Array {
  const file = joinParquet(files);
  if (file === undefined) throw new LakefoldError('INTERNAL', 'expected batches with the same columns, found others');
  return file;
}

async function encodeGroup(
  wasm: ParquetWasm,
  group: Batch,
  { options, start, isWhole = false }: { readonly options: EncodeOptions; readonly start: number; readonly isWhole?: boolean },
): Promise<Uint8Array> {
  const ipc = arrowStreamOf(group, start);
  const plain = isWhole ? 'all' : highCardinalityColumns(group);
  const file = await runWasm(
    wasm,
    () => writeParquet(Table.fromIPCStream(ipc), writerProperties({ ...options, plain })),
    (cause) =>
      new LakefoldError('LIMIT_EXCEEDED', `expected rows the Parquet writer has memory for, found ${group.rowCount} of ${ipc.length} bytes`, { cause }),
  );
  return finishParquet(file, { remarks: options.remarks ?? {}, isWhole });
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

async function* decode(
  parts: { readonly wasm: ParquetWasm; readonly measure: StreamMeasure | undefined },
  source: FileSource,
  options: DecodeOptions,
): AsyncIterable<DecodedBatch> {
  options.signal?.throwIfAborted();
  const { near, footer } = await opened(source);
  const wanted = options.columns.map((column) => nodeOf(footer, column));
  yield* decodeRows({ ...parts, source: near, footer, wanted }, options);
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

/** Of the size its reader was told, so that a file of another one is found. */
async function loaded(source: FileSource): Promise<FileSource> {
  return { ...bytesSource(await source.readAll()), sizeBytes: source.sizeBytes };
}
