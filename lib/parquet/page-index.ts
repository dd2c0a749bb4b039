/** The page index of a Parquet file: where the pages of a column are, which rows they hold and between which values. */
import type { RequestOptions } from '../ports/object-store.ts';
import type { FileSource } from '../ports/table-codec.ts';
import type { ColumnChunk } from './footer.ts';
import { type ByteSpan, readSpans } from './read-ranges.ts';
import { listAt, numberAt, readThriftStruct, structOf, type ThriftStruct } from './thrift.ts';

/** A data page: bytes `[start, end)` of the file, rows `[firstRow, endRow)` of the row group. */
export interface PageLocation extends ByteSpan {
  readonly firstRow: number;
  readonly endRow: number;
}

/** Bounds of the pages of a chunk; `undefined` where a page has none. */
export interface PageStatistics {
  readonly isNullPage: readonly boolean[];
  readonly mins: readonly (Uint8Array | undefined)[];
  readonly maxs: readonly (Uint8Array | undefined)[];
}

/** A chunk and how many rows its row group has. */
export interface ChunkRows {
  readonly chunk: ColumnChunk;
  readonly rowCount: number;
}

/** The pages of each chunk in order; undefined where the file does not say, or not so that it makes sense. */
export async function readPageLocations(
  source: FileSource,
  chunks: readonly ChunkRows[],
  options: RequestOptions,
): Promise<readonly (readonly PageLocation[] | undefined)[]> {
  const bytes = await readSpans(
    source,
    chunks.map(({ chunk }) => offsetIndexSpan(source, chunk)),
    options,
  );
  return chunks.map((each, i) => parsePageLocations(structIn(bytes[i]), each));
}

/** Locations and bounds of the pages of each chunk; undefined where the file lacks either. */
export async function readPageStatistics(
  source: FileSource,
  chunks: readonly ChunkRows[],
  options: RequestOptions,
): Promise<readonly ({ readonly pages: readonly PageLocation[]; readonly statistics: PageStatistics } | undefined)[]> {
  const spans = chunks.flatMap(({ chunk }) => [offsetIndexSpan(source, chunk), columnIndexSpan(source, chunk)]);
  const bytes = await readSpans(source, spans, options);
  return chunks.map((each, i) => {
    const pages = parsePageLocations(structIn(bytes[i * 2]), each);
    const statistics = pages === undefined ? undefined : parsePageStatistics(structIn(bytes[i * 2 + 1]), pages.length);
    return pages === undefined || statistics === undefined ? undefined : { pages, statistics };
  });
}

function offsetIndexSpan(source: FileSource, chunk: ColumnChunk): ByteSpan {
  return indexSpan(source, numberAt(chunk.element, 4), numberAt(chunk.element, 5));
}

function columnIndexSpan(source: FileSource, chunk: ColumnChunk): ByteSpan {
  return indexSpan(source, numberAt(chunk.element, 6), numberAt(chunk.element, 7));
}

/** Empty where there is no index, or one that can't be. */
function indexSpan(source: FileSource, offset: number | undefined, length: number | undefined): ByteSpan {
  const isThere = offset !== undefined && length !== undefined && offset >= 4 && length > 0 && offset + length <= source.sizeBytes;
  return isThere ? { start: offset, end: offset + length } : { start: 0, end: 0 };
}

// An index only spares reads: a file whose index is broken is read without.
function structIn(bytes: Uint8Array | undefined): ThriftStruct | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return readThriftStruct(bytes);
  } catch {
    return undefined;
  }
}

function parsePageLocations(index: ThriftStruct | undefined, { chunk, rowCount }: ChunkRows): readonly PageLocation[] | undefined {
  const items = index === undefined ? [] : listAt(index, 1).map(structOf);
  const pages: PageLocation[] = [];
  for (const [i, item] of items.entries()) {
    const start = item === undefined ? undefined : numberAt(item, 1);
    const length = item === undefined ? undefined : numberAt(item, 2);
    const firstRow = item === undefined ? undefined : numberAt(item, 3);
    const next = items[i + 1];
    const endRow = next === undefined ? rowCount : numberAt(next, 3);
    if (start === undefined || length === undefined || firstRow === undefined || endRow === undefined) return undefined;
    const previous = pages.at(-1);
    const isInOrder = start >= (previous?.end ?? chunk.start) && length > 0 && start + length <= chunk.end;
    if (!isInOrder || endRow <= firstRow || endRow > rowCount || (previous === undefined && firstRow !== 0)) return undefined;
    pages.push({ start, end: start + length, firstRow, endRow });
  }
  return pages.length === 0 ? undefined : pages;
}

function parsePageStatistics(index: ThriftStruct | undefined, pageCount: number): PageStatistics | undefined {
  if (index === undefined) return undefined;
  const isNullPage = listAt(index, 1).map((value) => value === true);
  const boundsAt = (id: number): (Uint8Array | undefined)[] => listAt(index, id).map((value) => (value instanceof Uint8Array ? value : undefined));
  const statistics = { isNullPage, mins: boundsAt(2), maxs: boundsAt(3) };
  const isWhole = isNullPage.length === pageCount && statistics.mins.length === pageCount && statistics.maxs.length === pageCount;
  return isWhole ? statistics : undefined;
}
