/** Rows to the bytes of one data file and back: Parquet in production, NDJSON in simulation. */
import type { Batch, Vector } from '../core/batch.ts';
import type { RawColumn } from '../core/raw-column.ts';
import type { RowRanges } from '../core/row-ranges.ts';
import type { SealState } from '../core/seal.ts';
import type { Column, Value } from '../core/types.ts';
import type { RequestOptions } from './object-store.ts';

export interface EncodeOptions {
  /** Rows of one row group; a reader's unit of memory. */
  readonly rowGroupRows?: number;
  /** Bytes of one page of a column before compression, about; a reader's unit of selection. A page has 20,000 rows at most. Goes without dictionaries. */
  readonly pageBytes?: number;
  /** What the file says besides its rows, by name; at most a few kilobytes. Other readers pass it over. */
  readonly remarks?: Readonly<Record<string, string>>;
}

/** Bytes that may be read piecemeal. */
export interface FileSource {
  readonly sizeBytes: number;
  /** Half-open `[start, end)`. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** The whole file, where that is cheaper than many ranges. */
  readAll(): Promise<Uint8Array>;
}

/** Bytes that are in memory already. */
export function bytesSource(bytes: Uint8Array): FileSource {
  return { sizeBytes: bytes.length, read: async (start, end) => bytes.subarray(start, end), readAll: async () => bytes };
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
  /** Physical positions to read; others are neither fetched, where the file tells its pages apart, nor returned. Default: every row. */
  readonly rows?: RowRanges;
}

/** Closed; an end that is left out is open. Absent values are in no range; NaN is above every number. */
export interface ValueRange {
  readonly low?: Value;
  readonly high?: Value;
}

export interface PageRangesOptions extends RequestOptions {
  readonly column: DecodeColumn;
  readonly ranges: readonly ValueRange[];
}

/** A decoded piece of a file: `firstRow` is the physical position of its first row. */
export interface DecodedBatch {
  readonly batch: Batch;
  readonly firstRow: number;
}

/** Columns of one row group, fetched and not yet decoded. */
export interface FetchedColumns {
  /** What is held in memory until they are decoded. */
  readonly sizeBytes: number;
  /** As they lie in the file, in the order asked for; undefined for a column of which the group has no value. @throws LakefoldError FILE_CORRUPT */
  raw(): Promise<readonly (RawColumn | undefined)[]>;
  /** As `raw`, at once. @throws LakefoldError FILE_CORRUPT, also where the codec can't decode just now */
  rawNow(): readonly (RawColumn | undefined)[];
  /** As values of the types asked for, at once. @throws as `rawNow` */
  vectorsNow(): readonly Vector[];
}

/** A piece of a file that can be read by itself. */
export interface RowGroupReader {
  readonly firstRow: number;
  readonly rowCount: number;
  /** Of a struct only the fields its type names. */
  fetch(options: Omit<DecodeOptions, 'rows'>): Promise<FetchedColumns>;
}

/** The row groups of a file in order, and the remarks it was written with. */
export interface RowGroups {
  readonly groups: readonly RowGroupReader[];
  readonly remarks: ReadonlyMap<string, string>;
}

/** A whole file and the rows to keep of it. */
export interface CutPiece {
  readonly file: Uint8Array;
  readonly rows: RowRanges;
}

export interface CutFile {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  /** A vector for each column asked for, with the least and the greatest value of the file and as many absent ones; of the others perhaps fewer. */
  readonly bounds: readonly Vector[];
}

export interface TableCodec {
  /** File-name ending without the dot: `zstd.parquet`, `ndjson`. */
  readonly extension: string;
  /** Equal batches and options give equal bytes. Columns that are not nullable are written as required. */
  encode(batch: Batch, options?: EncodeOptions): Promise<Uint8Array>;
  /**
   * One file of batches with the same columns, at least one; each is a row group, so that only one is in memory as rows. It is made
   * to be read by whole row groups: without dictionaries and without what would find pages. Sealed. Equal batches and options give
   * equal bytes.
   */
  encodeGroups(batches: AsyncIterable<Batch>, options?: Pick<EncodeOptions, 'remarks'>): Promise<Uint8Array>;
  /** Whether a file is, byte for byte, one that `encodeGroups` made; `absent` where it bears no seal. */
  checkSeal(file: Uint8Array): Promise<SealState>;
  /** Every row asked for in physical order, the rows of a batch without holes, columns in the order asked for. @throws LakefoldError FILE_CORRUPT */
  decode(source: FileSource, options: DecodeOptions): AsyncIterable<DecodedBatch>;
  /** The row groups of a file, for who wants columns by their bytes, later or never; undefined from a codec without columns. @throws LakefoldError FILE_CORRUPT */
  rowGroups(source: FileSource): Promise<RowGroups | undefined>;
  /**
   * Rows that may have a value of `column` in one of the ranges; never misses one. As close as the file's statistics of
   * pages or row groups are. Called with the same `source` as `decode`, the two share what they read of the file's structure.
   * @throws LakefoldError FILE_CORRUPT
   */
  pageRanges(source: FileSource, options: PageRangesOptions): Promise<RowRanges>;
  /**
   * The rows of whole files in order as one file, values untouched; undefined where the files are not alike enough, or
   * the codec has no cheaper way than decoding them.
   * @throws LakefoldError as `decode`, with `context.file` the position of the file at fault
   */
  pack?(files: readonly Uint8Array[]): Promise<Uint8Array | undefined>;
  /**
   * As `pack`, without the rows that are not asked for, and what statistics need of `columns`, which are all the files have; undefined also where no
   * row is left.
   * @throws LakefoldError as `pack`
   */
  cut?(pieces: readonly CutPiece[], columns: readonly DecodeColumn[]): Promise<CutFile | undefined>;
  /** Columns a foreign file says it has, for ingestion. @throws LakefoldError MALFORMED_FILE */
  describe(source: FileSource): Promise<{ readonly columns: readonly Column[]; readonly rowCount: number }>;
}
