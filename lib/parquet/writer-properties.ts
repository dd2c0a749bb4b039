/** How Parquet is written: zstd, data pages V1, statistics of pages. */
import { Compression, EnabledStatistics, type WriterProperties, WriterPropertiesBuilder, WriterVersion } from 'parquet-wasm/esm';

/** Rows of a row group unless asked otherwise: about 10 MiB of a feature group, which a reader holds at once. */
export const ROW_GROUP_ROWS = 131_072;
/** In the form parquet-mr parses; it ignores the statistics of writers it can't make out. */
const CREATED_BY = 'lakefold version 0.1.0 (build parquet-wasm-0.8.0)';

export interface WriterChoices {
  readonly rowGroupRows?: number;
  readonly pageBytes?: number;
  /** Columns to write without dictionary; 'all': the file is read by whole row groups, of which the pages need no statistics either. */
  readonly plain: readonly string[] | 'all';
}

/** A wasm object: to be made and used up within one `runWasm`. */
export function writerProperties({ rowGroupRows = ROW_GROUP_ROWS, pageBytes, plain }: WriterChoices): WriterProperties {
  const builder = new WriterPropertiesBuilder()
    .setCompression(Compression.ZSTD)
    .setWriterVersion(WriterVersion.V1)
    .setStatisticsEnabled(plain === 'all' ? EnabledStatistics.Chunk : EnabledStatistics.Page)
    .setMaxRowGroupSize(rowGroupRows)
    .setCreatedBy(CREATED_BY);
  // The writer counts values of a dictionary as next to nothing.
  const paged = pageBytes === undefined ? builder : builder.setDataPageSizeLimit(pageBytes).setDictionaryEnabled(false);
  if (plain === 'all') return paged.setDictionaryEnabled(false).build();
  return plain.reduce((each, name) => each.setColumnDictionaryEnabled(name, false), paged).build();
}
