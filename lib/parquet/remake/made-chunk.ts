/** Pages made anew as one column chunk, with the statistics and the page index that the Parquet writer gives. */
import { boundOrder } from '../bound-order.ts';
import type { FlatColumn } from './flat-column.ts';
import { append, i64, type MovedChunk, type Output, type PlacedChunk } from '../repack/join-files.ts';
import type { PageBounds } from './page-bounds.ts';
import { dataPageHeader, DICTIONARY_PAGE } from '../page-headers.ts';
import { BINARY, I32, I64, LIST, numberAt, STRUCT, type ThriftField, type ThriftStruct, type ThriftValue, withFields, writeThriftStruct } from '../thrift.ts';
import { ZSTD } from '../unpacked-size.ts';

export interface MadePage extends PageBounds {
  readonly rowCount: number;
  readonly nullCount: number;
}

/** Its values in plain encoding, packed. */
export interface PackedDictionary {
  readonly valueCount: number;
  readonly decodedBytes: number;
  readonly packed: Uint8Array;
}

/** A page and its body, packed. */
export interface PackedPage {
  readonly page: MadePage;
  readonly decodedBytes: number;
  readonly packed: Uint8Array;
}

/** Encodings PLAIN, RLE and RLE_DICTIONARY; a list of booleans holds elements of type 1. */
const [PLAIN, RLE, RLE_DICTIONARY] = [0, 3, 8];
const BOOLS = 1;
/** BoundaryOrder UNORDERED, which is true of any pages. */
const UNORDERED: ThriftField = { type: I32, value: 0 };
/** Bytes of a bound; a longer one is cut, the upper one upwards. */
const BOUND_BYTES_MAX = 64;

const i32 = (value: number): ThriftField => ({ type: I32, value });
const bool = (value: boolean): ThriftField => ({ type: BOOLS, value });

/** Appends the pages; `like` is a chunk of the same column, of which path and type are taken. */
export function appendPages(
  column: FlatColumn,
  pages: readonly PackedPage[],
  { like, output, dictionary }: { readonly like: PlacedChunk; readonly output: Output; readonly dictionary: PackedDictionary | undefined },
): MovedChunk {
  const start = output.cursor.at;
  const header = dictionary === undefined ? new Uint8Array() : dictionaryHeader(dictionary);
  append(output, header);
  append(output, dictionary?.packed ?? new Uint8Array());
  const dataStart = output.cursor.at;
  const encoding = dictionary === undefined ? PLAIN : RLE_DICTIONARY;
  let firstRow = 0;
  let decoded = header.length + (dictionary?.decodedBytes ?? 0);
  const locations: ThriftValue[] = [];
  for (const { page, decodedBytes, packed } of pages) {
    const pageHeader = dataPageHeader({ valueCount: page.rowCount, encoding, decodedBytes, storedBytes: packed.length });
    const at = append(output, pageHeader);
    append(output, packed);
    locations.push(
      new Map([
        [1, i64(at)],
        [2, i32(pageHeader.length + packed.length)],
        [3, i64(firstRow)],
      ]),
    );
    firstRow += page.rowCount;
    decoded += pageHeader.length + decodedBytes;
  }
  const meta = new Map<number, ThriftField>([
    [1, i32(numberAt(like.meta, 1) ?? 0)],
    [2, { type: LIST, value: { elementType: I32, items: dictionary === undefined ? [PLAIN, RLE] : [PLAIN, RLE, RLE_DICTIONARY] } }],
    [3, like.meta.get(3) ?? { type: LIST, value: { elementType: BINARY, items: [] } }],
    [4, i32(ZSTD)],
    [5, i64(firstRow)],
    [6, i64(decoded)],
    [7, i64(output.cursor.at - start)],
    [9, i64(dataStart)],
    ...(dictionary === undefined ? [] : [[11, i64(start)] as const]),
    [12, { type: STRUCT, value: statisticsOf(column, pages) }],
  ]);
  const chunk = new Map<number, ThriftField>([
    [2, i64(0)],
    [3, { type: STRUCT, value: meta }],
  ]);
  return {
    chunk,
    columnIndex: columnIndexOf(column, pages),
    offsetIndex: writeThriftStruct(new Map([[1, { type: LIST, value: { elementType: STRUCT, items: locations } }]])),
  };
}

function dictionaryHeader({ valueCount, decodedBytes, packed }: PackedDictionary): Uint8Array {
  const dictionary: ThriftStruct = new Map([
    [1, i32(valueCount)],
    [2, i32(PLAIN)],
  ]);
  return writeThriftStruct(
    new Map([
      [1, i32(DICTIONARY_PAGE)],
      [2, i32(decodedBytes)],
      [3, i32(packed.length)],
      [7, { type: STRUCT, value: dictionary }],
    ]),
  );
}

/** The least and the greatest of the pages' values as they are. */
export function extremesOf(column: FlatColumn, pages: readonly PackedPage[]): { readonly min: Uint8Array | undefined; readonly max: Uint8Array | undefined } {
  const order = boundOrder(column.element);
  const most = (values: readonly (Uint8Array | undefined)[], sign: 1 | -1): Uint8Array | undefined =>
    values.reduce((best, value) => (best === undefined || (value !== undefined && (order?.(value, best) ?? 0) * sign > 0) ? value : best), undefined);
  return {
    min: most(
      pages.map(({ page }) => page.min),
      -1,
    ),
    max: most(
      pages.map(({ page }) => page.max),
      1,
    ),
  };
}

function statisticsOf(column: FlatColumn, pages: readonly PackedPage[]): ThriftStruct {
  const { min, max } = extremesOf(column, pages);
  const lower = min === undefined ? undefined : lowerBound(column, min);
  const upper = max === undefined ? undefined : upperBound(column, max);
  return withFields(new Map([[3, i64(pages.reduce((sum, { page }) => sum + page.nullCount, 0))]]), {
    5: upper === undefined ? undefined : { type: BINARY, value: upper },
    6: lower === undefined ? undefined : { type: BINARY, value: lower },
    7: upper === undefined ? undefined : bool(upper.length === max?.length),
    8: lower === undefined ? undefined : bool(lower.length === min?.length),
  });
}

/** Undefined where a page has values and no bound, as one of nothing but NaN. */
function columnIndexOf(column: FlatColumn, pages: readonly PackedPage[]): Uint8Array | undefined {
  const isNull = pages.map(({ page }) => page.nullCount === page.rowCount);
  if (pages.some(({ page }, i) => isNull[i] === false && page.min === undefined)) return undefined;
  const list = (elementType: number, items: readonly ThriftValue[]): ThriftField => ({ type: LIST, value: { elementType, items } });
  const none = new Uint8Array();
  return writeThriftStruct(
    new Map([
      [1, list(BOOLS, isNull)],
      [
        2,
        list(
          BINARY,
          pages.map(({ page }) => (page.min === undefined ? none : lowerBound(column, page.min))),
        ),
      ],
      [
        3,
        list(
          BINARY,
          pages.map(({ page }) => (page.max === undefined ? none : upperBound(column, page.max))),
        ),
      ],
      [4, UNORDERED],
      [
        5,
        list(
          I64,
          pages.map(({ page }) => page.nullCount),
        ),
      ],
    ]),
  );
}

/** The value, or what begins as a long one does; of zeros the negative one, since readers differ on which is the lesser. */
function lowerBound(column: FlatColumn, min: Uint8Array): Uint8Array {
  if (column.kind !== 'bytes') return signedZero(column, min, true);
  return min.length <= BOUND_BYTES_MAX ? min : min.subarray(0, cutAt(column, min));
}

/** The value, or the least of its first bytes that is above a long one; the value itself where there is no such. */
function upperBound(column: FlatColumn, max: Uint8Array): Uint8Array {
  if (column.kind !== 'bytes') return signedZero(column, max, false);
  if (max.length <= BOUND_BYTES_MAX) return max;
  for (let end = cutAt(column, max); end > 0; end -= 1) {
    const byte = max[end - 1] ?? 0;
    // The last byte of a character counted up within its kind makes the next character: text stays text.
    const isCounted = column.isText ? isBoundary(max, end) && (byte < 0x7f || (byte >= 0x80 && byte < 0xbf)) : byte < 0xff;
    if (!isCounted) continue;
    const bound = max.slice(0, column.isText ? end : BOUND_BYTES_MAX).fill(0, end);
    bound[end - 1] = byte + 1;
    return bound;
  }
  return max;
}

/** Where `BOUND_BYTES_MAX` bytes end, or the character before that. */
function cutAt({ isText }: FlatColumn, bytes: Uint8Array): number {
  let end = BOUND_BYTES_MAX;
  while (isText && end > 0 && !isBoundary(bytes, end)) end -= 1;
  return end;
}

/** Whether no character of a text goes on at `at`. */
function isBoundary(text: Uint8Array, at: number): boolean {
  return ((text[at] ?? 0) & 0xc0) !== 0x80;
}

function signedZero({ kind }: FlatColumn, bound: Uint8Array, isNegative: boolean): Uint8Array {
  if (kind !== 'float' && kind !== 'double') return bound;
  const isZero = bound.every((byte, i) => (i === bound.length - 1 ? byte & 0x7f : byte) === 0);
  return isZero ? Uint8Array.from(bound, (_, i) => (isNegative && i === bound.length - 1 ? 0x80 : 0)) : bound;
}
