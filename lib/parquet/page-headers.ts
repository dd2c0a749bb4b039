/** The headers of the pages of a column chunk, walked before anything is decompressed. */
import { LakefoldError } from '../core/errors.ts';
import { PARQUET_PAGES_MAX } from '../core/limits.ts';
import { numberAt, readThriftPrefix, structAt, type ThriftStruct } from './thrift.ts';

/** PageType of the format. */
export const DATA_PAGE = 0;
export const DICTIONARY_PAGE = 2;
const DATA_PAGE_V2 = 3;
/** Encoding of levels. */
const RLE = 3;

export interface PageHeader {
  readonly type: number;
  /** 0 of a page that is neither data nor dictionary. */
  readonly valueCount: number;
  readonly encoding: number | undefined;
  /** Where the bytes behind the header begin, and how many there are. */
  readonly start: number;
  readonly storedBytes: number;
  /** As declared, after decompression. */
  readonly decodedBytes: number;
  readonly headerBytes: number;
  /** Of the definition levels of a page V1. */
  readonly levelEncoding?: number | undefined;
  /** Of a page V2 the bytes of its levels, which are never packed. */
  readonly levelBytes: number;
  readonly isPacked: boolean;
}

/**
 * Pages laid end to end in `bytes`, dictionary first where there is one.
 * @throws LakefoldError FILE_CORRUPT where they don't fill the bytes, LIMIT_EXCEEDED for more than `PARQUET_PAGES_MAX`
 */
export function readPageHeaders(bytes: Uint8Array): readonly PageHeader[] {
  const pages: PageHeader[] = [];
  for (let at = 0; at < bytes.length;) {
    if (pages.length >= PARQUET_PAGES_MAX)
      throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${PARQUET_PAGES_MAX} pages of a column chunk, found more`, {
        context: { limit: 'PARQUET_PAGES_MAX' },
      });
    const { struct, length } = readThriftPrefix(bytes.subarray(at));
    const page = readHeader(struct, { start: at + length, headerBytes: length });
    if (page === undefined) throw new LakefoldError('FILE_CORRUPT', 'expected a page with sizes and a count of values, found another header');
    at = page.start + page.storedBytes;
    if (at > bytes.length)
      throw new LakefoldError('FILE_CORRUPT', `expected a page that ends inside its column of ${bytes.length} bytes, found one of ${page.storedBytes} bytes`);
    if (page.type === DICTIONARY_PAGE && pages.length > 0) throw new LakefoldError('FILE_CORRUPT', 'expected the dictionary before the data, found it behind');
    pages.push(page);
  }
  return pages;
}

function readHeader(struct: ThriftStruct, place: { readonly start: number; readonly headerBytes: number }): PageHeader | undefined {
  const type = numberAt(struct, 1);
  const decodedBytes = numberAt(struct, 2);
  const storedBytes = numberAt(struct, 3);
  if (type === undefined || !isCount(decodedBytes) || !isCount(storedBytes)) return undefined;
  const page = { ...place, type, decodedBytes, storedBytes };
  // Each kind has its own field; an index page holds no values.
  const body =
    type === DATA_PAGE ? structAt(struct, 5) : type === DICTIONARY_PAGE ? structAt(struct, 7) : type === DATA_PAGE_V2 ? structAt(struct, 8) : undefined;
  if (body === undefined) return type === 1 ? { ...page, valueCount: 0, encoding: undefined, levelBytes: 0, isPacked: true } : undefined;
  const valueCount = numberAt(body, 1);
  const encoding = numberAt(body, type === DATA_PAGE_V2 ? 4 : 2);
  if (!isCount(valueCount) || encoding === undefined) return undefined;
  if (type !== DATA_PAGE_V2) return { ...page, valueCount, encoding, levelEncoding: numberAt(body, 3), levelBytes: 0, isPacked: true };
  const [nulls, rows, definition, repetition] = [numberAt(body, 2), numberAt(body, 3), numberAt(body, 5), numberAt(body, 6)];
  if (!isCount(nulls) || !isCount(rows) || !isCount(definition) || !isCount(repetition)) return undefined;
  const levelBytes = definition + repetition;
  if (nulls > valueCount || rows > valueCount || levelBytes > storedBytes || levelBytes > decodedBytes) return undefined;
  return { ...page, valueCount, encoding, levelBytes, isPacked: body.get(7)?.value !== false };
}

/** The header of a data page V1 with levels as runs: the few bytes of Thrift, which a tree of it would take longer to write. */
export function dataPageHeader(page: {
  readonly valueCount: number;
  readonly encoding: number;
  readonly decodedBytes: number;
  readonly storedBytes: number;
}): Uint8Array {
  const out: number[] = [];
  // Fields 1 to 3, then the struct of field 5 with fields 1 to 4; each header says how far its number is from the last one's, and the type.
  for (const value of [DATA_PAGE, page.decodedBytes, page.storedBytes]) writeI32(out, value);
  out.push(0x2c);
  for (const value of [page.valueCount, page.encoding, RLE, RLE]) writeI32(out, value);
  out.push(0, 0);
  return Uint8Array.from(out);
}

/** Not negative. */
function writeI32(out: number[], value: number): void {
  out.push(0x15);
  let rest = value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
}

/** The fields are 32-bit in the format. */
function isCount(value: number | undefined): value is number {
  return value !== undefined && value >= 0 && value <= 2_147_483_647;
}
