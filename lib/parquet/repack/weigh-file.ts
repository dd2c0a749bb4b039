/** Whole files held against themselves before their bytes become part of another, as row groups are before they are decoded. */
import { bytesSource } from '../../ports/table-codec.ts';
import { checkChunk } from './chunk-check.ts';
import { decodedBytes, type MeasuredChunk, rowsOfPiece } from '../decoded-size.ts';
import { openParquet } from '../footer.ts';
import { leafNodesOf } from '../projection.ts';
import type { PageHeader } from '../page-headers.ts';
import { numberAt, structAt, type ThriftStruct } from '../thrift.ts';
import { checkCodec, type StreamMeasure } from '../unpacked-size.ts';
import type { PageBytesDeps } from '../remake/page-bytes.ts';

export interface WeighDeps extends PageBytesDeps {
  readonly measure: StreamMeasure | undefined;
}

export interface WeighedFile {
  readonly bytes: Uint8Array;
  /** Of all its columns, at most. */
  readonly decodedBytes: number;
  /** Its footer. */
  readonly meta: ThriftStruct;
  /** The pages of each chunk, by row group and leaf. */
  readonly pages: readonly (readonly (readonly PageHeader[])[])[];
}

/**
 * A file whose pages add up, and what it decodes to.
 * @throws LakefoldError FILE_CORRUPT where footer, pages and row groups contradict each other, LIMIT_EXCEEDED where a row group decodes to too much even in pieces, UNSUPPORTED_FORMAT
 */
export async function weighFile({ wasm, measure }: WeighDeps, file: Uint8Array): Promise<WeighedFile> {
  const { footer } = await openParquet(bytesSource(file));
  const leaves = footer.columns.flatMap((node) => leafNodesOf(node));
  let total = 0;
  const pages: (readonly (readonly PageHeader[])[])[] = [];
  for (const group of footer.rowGroups) {
    const chunks = leaves.flatMap((leaf): MeasuredChunk[] => {
      const chunk = group.chunks[leaf.node.firstLeaf];
      if (chunk === undefined) return [];
      const bytes = file.subarray(chunk.start, chunk.end);
      const codec = checkCodec(numberAt(structAt(chunk.element, 3) ?? new Map(), 4));
      return [{ leaf, bytes, codec, size: checkChunk({ leaf, bytes, codec, rowCount: group.rowCount }, measure) }];
    });
    const decoded = await decodedBytes(wasm, chunks);
    const stored = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (group.rowCount > 0) rowsOfPiece({ stored, decoded }, group.rowCount);
    total += decoded;
    pages.push(chunks.map(({ size }) => size.pages));
  }
  return { bytes: file, decodedBytes: total, meta: footer.meta, pages };
}
