/** What columns of a row group take once decoded, before they are. */
import { LakefoldError } from '../core/errors.ts';
import { PARQUET_GROUP_BYTES_MAX, PARQUET_GROUP_RATIO_MAX, PARQUET_PIECE_BYTES, PARQUET_PIECES_MAX } from '../core/limits.ts';
import { type DecodedSize, isIndexed, type Leaf } from './repack/chunk-check.ts';
import { deltaTextBytes } from './delta-lengths.ts';
import type { PageHeader } from './page-headers.ts';
import { longestPlainValue, unpackPage } from './repack/unpack-page.ts';
import { corruptFile, isTrap, runWasm, type ParquetWasm } from './wasm-runtime.ts';

export interface MeasuredChunk {
  readonly leaf: Leaf;
  readonly bytes: Uint8Array;
  readonly codec: number;
  readonly size: DecodedSize;
}

/**
 * Bytes the columns decode to, at most.
 * @throws LakefoldError LIMIT_EXCEEDED where what is certain is more than any honest file of that size takes
 */
export async function decodedBytes(wasm: ParquetWasm, chunks: readonly MeasuredChunk[]): Promise<number> {
  const stored = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  let total = chunks.reduce((sum, { size }) => sum + size.certain, 0);
  if (total > Math.max(PARQUET_GROUP_BYTES_MAX, stored * PARQUET_GROUP_RATIO_MAX)) throw tooLarge(total);
  for (const chunk of chunks) {
    const loose = chunk.size.expanding.reduce((sum, page) => sum + page.valueCount * longestIn(chunk.size, page), 0);
    // Looking into pages costs; most are too small to matter.
    total +=
      total + loose <= PARQUET_PIECE_BYTES
        ? loose
        : await runWasm(
            wasm,
            () => expandedBytes(chunk),
            (cause) => corruptFile('the Parquet reader broke down', cause),
          );
  }
  return total;
}

/**
 * Rows of a row group to decode at a time, so that a piece takes about `PARQUET_PIECE_BYTES`.
 * @throws LakefoldError LIMIT_EXCEEDED where there would be more than `PARQUET_PIECES_MAX` of them
 */
export function rowsOfPiece({ stored, decoded }: { readonly stored: number; readonly decoded: number }, rowCount: number): number {
  const pieces = Math.ceil(decoded / Math.max(PARQUET_PIECE_BYTES, stored * 2));
  if (pieces > Math.min(PARQUET_PIECES_MAX, rowCount)) throw tooLarge(decoded);
  return Math.ceil(rowCount / Math.max(1, pieces));
}

export function tooLarge(bytes: number): LakefoldError {
  return new LakefoldError('LIMIT_EXCEEDED', `expected a row group that decodes to at most ${PARQUET_GROUP_BYTES_MAX} bytes, found one of up to ${bytes}`, {
    context: { limit: 'PARQUET_GROUP_BYTES_MAX' },
  });
}

/** No value is longer than the page it is in or the dictionary it comes from. */
function longestIn({ pages }: DecodedSize, page: PageHeader): number {
  return isIndexed(page) ? (pages[0]?.decodedBytes ?? 0) : page.decodedBytes;
}

/** Synchronous, for `runWasm`. */
function expandedBytes({ leaf, bytes, codec, size }: MeasuredChunk): number {
  const [dictionary] = size.pages;
  let longest: number | undefined;
  let total = 0;
  try {
    for (const page of size.expanding) {
      if (page.valueCount === 0) continue;
      if (isIndexed(page)) total += page.valueCount * (longest ??= dictionary === undefined ? 0 : longestPlainValue(unpackPage(bytes, dictionary, codec)));
      else total += deltaTextBytes(unpackPage(bytes, page, codec), { leaf, page });
    }
  } catch (cause) {
    if (isTrap(cause) || cause instanceof LakefoldError) throw cause;
    throw corruptFile(cause instanceof Error ? cause.message : String(cause), cause);
  }
  return total;
}
