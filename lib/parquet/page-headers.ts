/** The headers of the pages of a column chunk, walked before anything is decompressed. */
import { LakefoldError } from '../core/errors.ts';
import { numberAt, readThriftPrefix, structAt } from './thrift.ts';

/** PageType of the format. */
export const DICTIONARY_PAGE = 2;

export interface PageHeader {
  readonly type: number;
  readonly valueCount: number;
  /** Bytes of the page behind its header, as stored and as declared after decompression. */
  readonly storedBytes: number;
  readonly decodedBytes: number;
  readonly headerBytes: number;
}

/** Pages laid end to end in `bytes`, dictionary first where there is one. @throws LakefoldError FILE_CORRUPT where they don't fill the bytes */
export function readPageHeaders(bytes: Uint8Array): readonly PageHeader[] {
  const pages: PageHeader[] = [];
  for (let at = 0; at < bytes.length;) {
    const { struct, length } = readThriftPrefix(bytes.subarray(at));
    const type = numberAt(struct, 1);
    const decodedBytes = numberAt(struct, 2);
    const storedBytes = numberAt(struct, 3);
    // Data page, dictionary page, data page V2; an index page holds no values.
    const body = structAt(struct, 5) ?? structAt(struct, 7) ?? structAt(struct, 8);
    const valueCount = body === undefined ? 0 : numberAt(body, 1);
    if (type === undefined || !isCount(decodedBytes) || !isCount(storedBytes) || !isCount(valueCount))
      throw new LakefoldError('FILE_CORRUPT', 'expected a page with sizes and a count of values, found another header');
    at += length + storedBytes;
    if (at > bytes.length)
      throw new LakefoldError('FILE_CORRUPT', `expected a page that ends inside its column of ${bytes.length} bytes, found one of ${storedBytes} bytes`);
    pages.push({ type, valueCount, storedBytes, decodedBytes, headerBytes: length });
  }
  return pages;
}

/** The fields are 32-bit in the format. */
function isCount(value: number | undefined): value is number {
  return value !== undefined && value >= 0 && value <= 2_147_483_647;
}
