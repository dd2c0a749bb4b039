/** Rows to the bytes of one data file and back: Parquet in production, NDJSON in simulation. */
import type { Batch } from '../core/batch.ts';
import type { Column } from '../core/types.ts';
import type { RequestOptions } from './object-store.ts';

export interface EncodeOptions {
  /** Rows of one row group; a reader's unit of memory. */
  readonly rowGroupRows?: number;
}

/** Bytes that may be read piecemeal. */
export interface FileSource {
  readonly sizeBytes: number;
  /** Half-open `[start, end)`. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** The whole file, where that is cheaper than many ranges. */
  readAll(): Promise<Uint8Array>;
}

/** A column as the reader wants it. A file that lacks `physicalName` yields nulls; a narrower stored type is widened exactly. */
export interface DecodeColumn extends Column {
  /** Name in the file; defaults to `name`. */
  readonly physicalName?: string;
  /** Column-mapping id; where given it wins over the name. */
  readonly fieldId?: number;
}

export interface DecodeOptions extends RequestOptions {
  readonly columns: readonly DecodeColumn[];
}

/** A decoded piece of a file: `firstRow` is the physical position of its first row. */
export interface DecodedBatch {
  readonly batch: Batch;
  readonly firstRow: number;
}

export interface TableCodec {
  /** File-name ending without the dot: `zstd.parquet`, `ndjson`. */
  readonly extension: string;
  /** Equal batches and options give equal bytes. Columns that are not nullable are written as required. */
  encode(batch: Batch, options?: EncodeOptions): Promise<Uint8Array>;
  /** Every row in physical order, columns in the order asked for. @throws LakefoldError FILE_CORRUPT */
  decode(source: FileSource, options: DecodeOptions): AsyncIterable<DecodedBatch>;
  /** Columns a foreign file says it has, for ingestion. @throws LakefoldError MALFORMED_FILE */
  describe(source: FileSource): Promise<{ readonly columns: readonly Column[]; readonly rowCount: number }>;
}
