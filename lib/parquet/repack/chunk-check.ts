/**
 * The pages of a column chunk held against each other, their row group and the limits, before the reader sees them: it
 * believes what headers say, and allocates it.
 */
import { LakefoldError } from '../../core/errors.ts';
import { PARQUET_PAGE_BYTES_MAX, PARQUET_PAGE_RATIO_MAX } from '../../core/limits.ts';
import type { SchemaNode } from '../footer.ts';
import { DICTIONARY_PAGE, type PageHeader, readPageHeaders } from '../page-headers.ts';
import { checkCodec, checkUnpackedSize, type StreamMeasure, UNCOMPRESSED } from '../unpacked-size.ts';

/** Physical types of the format. */
const [BOOLEAN, INT96, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY] = [0, 3, 6, 7];
/** Encodings of the format. */
const PLAIN_DICTIONARY = 2;
const DELTA_BYTE_ARRAY = 7;
const RLE_DICTIONARY = 8;
const READABLE: ReadonlySet<number> = new Set([0, PLAIN_DICTIONARY, 3, 5, 6, DELTA_BYTE_ARRAY, RLE_DICTIONARY, 9]);
const OFFSET_BYTES = 4;

/** A leaf of the schema and how it is nested. */
export interface Leaf {
  readonly node: SchemaNode;
  /** Whether it or a group around it is repeated; whether any of them may be absent. */
  readonly isRepeated: boolean;
  readonly isOptional: boolean;
}

export interface ChunkBytes {
  readonly leaf: Leaf;
  readonly bytes: Uint8Array;
  readonly codec: number | undefined;
  readonly rowCount: number;
}

/** What a chunk decodes to. */
export interface DecodedSize {
  /** Bytes whatever the values are. */
  readonly certain: number;
  /** Pages whose values may be longer than the page: prefixes and dictionary entries repeat. */
  readonly expanding: readonly PageHeader[];
  readonly pages: readonly PageHeader[];
}

/** @throws LakefoldError FILE_CORRUPT, LIMIT_EXCEEDED, UNSUPPORTED_FORMAT for a codec or encoding that is not read */
export function checkChunk({ leaf, bytes, codec: given, rowCount }: ChunkBytes, measure: StreamMeasure | undefined): DecodedSize {
  const codec = checkCodec(given);
  const pages = readPageHeaders(bytes);
  const { node } = leaf;
  const hasDictionary = pages[0]?.type === DICTIONARY_PAGE;
  let values = 0;
  let certain = 0;
  const expanding: PageHeader[] = [];
  for (const page of pages) {
    checkPage(page, { node, hasDictionary });
    checkPacked(bytes, page, { codec, measure });
    if (page.type === DICTIONARY_PAGE) continue;
    values += page.valueCount;
    certain += page.valueCount * widthOf(node);
    if (node.physicalType !== BYTE_ARRAY) continue;
    if (isIndexed(page) || page.encoding === DELTA_BYTE_ARRAY) expanding.push(page);
    else certain += page.decodedBytes;
  }
  const isCounted = leaf.isRepeated ? values >= rowCount : values === rowCount;
  if (!isCounted) throw new LakefoldError('FILE_CORRUPT', `expected pages of ${rowCount} rows in column ${node.name}, found ${values} values`);
  return { certain, expanding, pages };
}

export function isIndexed(page: PageHeader): boolean {
  return page.encoding === PLAIN_DICTIONARY || page.encoding === RLE_DICTIONARY;
}

function checkPage(page: PageHeader, { node, hasDictionary }: { readonly node: SchemaNode; readonly hasDictionary: boolean }): void {
  const { encoding, valueCount, decodedBytes, storedBytes } = page;
  if (encoding !== undefined && !READABLE.has(encoding))
    throw new LakefoldError(
      'UNSUPPORTED_FORMAT',
      `expected column ${node.name} in an encoding that is read, found ${encoding === 4 ? 'BIT_PACKED' : `encoding ${encoding}`}`,
    );
  if (decodedBytes > Math.max(PARQUET_PAGE_BYTES_MAX, storedBytes * PARQUET_PAGE_RATIO_MAX))
    throw new LakefoldError(
      'LIMIT_EXCEEDED',
      `expected pages of at most ${PARQUET_PAGE_BYTES_MAX} bytes in column ${node.name}, found one of ${decodedBytes}`,
      {
        context: { limit: 'PARQUET_PAGE_BYTES_MAX' },
      },
    );
  if (page.type === DICTIONARY_PAGE) {
    // A value of text takes its length of four bytes at least.
    const width = node.physicalType === BYTE_ARRAY ? OFFSET_BYTES : storedWidth(node);
    if (valueCount * width > decodedBytes)
      throw new LakefoldError('FILE_CORRUPT', `expected a dictionary of ${valueCount} values in column ${node.name}, found ${decodedBytes} bytes`);
  } else if (isIndexed(page) && !hasDictionary && valueCount > 0)
    throw new LakefoldError('FILE_CORRUPT', `expected the dictionary of column ${node.name} before its indices, found none`);
}

function checkPacked(bytes: Uint8Array, page: PageHeader, options: { readonly codec: number; readonly measure: StreamMeasure | undefined }): void {
  const { start, levelBytes, storedBytes, decodedBytes, isPacked } = page;
  const declared = decodedBytes - levelBytes;
  if (storedBytes === levelBytes && declared === 0) return;
  checkUnpackedSize(bytes.subarray(start + levelBytes, start + storedBytes), declared, isPacked ? options : { ...options, codec: UNCOMPRESSED });
}

/** Bytes of a value in a page. */
function storedWidth(node: SchemaNode): number {
  switch (node.physicalType) {
    case BOOLEAN:
      return 0;
    case 1:
    case 4:
      return 4;
    case INT96:
      return 12;
    case FIXED_LEN_BYTE_ARRAY:
      return node.typeLength;
    default:
      return 8;
  }
}

/** Bytes of a slot in memory, filled or not; a decimal takes 16. */
function widthOf(node: SchemaNode): number {
  if (node.physicalType === BYTE_ARRAY) return OFFSET_BYTES;
  return node.physicalType === FIXED_LEN_BYTE_ARRAY ? Math.max(16, node.typeLength) : Math.max(1, storedWidth(node));
}
