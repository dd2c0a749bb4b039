/** Many ranges of a file in few reads. */
import { mapConcurrent } from '../core/concurrency.ts';
import { LakefoldError } from '../core/errors.ts';
import { FILE_READS_MAX, READ_GAP_BYTES_MAX } from '../core/limits.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { FileSource } from '../ports/table-codec.ts';

/** Half-open `[start, end)`. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/** Parallel reads of one file. */
const READ_CONCURRENCY = 4;

/**
 * The bytes of each span, in the order given. Neighbours come in one read; there are at most `FILE_READS_MAX` reads.
 * @throws LakefoldError FILE_CORRUPT when the file is shorter than it says
 */
export async function readSpans(source: FileSource, spans: readonly ByteSpan[], options: RequestOptions): Promise<Uint8Array[]> {
  const reads = planReads(spans);
  const parts = await mapConcurrent(reads, { concurrencyMax: READ_CONCURRENCY }, async ({ start, end }) => {
    options.signal?.throwIfAborted();
    const bytes = await source.read(start, end);
    if (bytes.length !== end - start) throw new LakefoldError('FILE_CORRUPT', `expected ${end - start} bytes at offset ${start}, found ${bytes.length}`);
    return bytes;
  });
  return spans.map(({ start, end }) => {
    if (start >= end) return new Uint8Array();
    const i = reads.findLastIndex((read) => read.start <= start);
    const from = reads[i]?.start ?? 0;
    return (parts[i] ?? new Uint8Array()).subarray(start - from, end - from);
  });
}

/** Pure: the reads that cover the spans, ascending. Holes are read over, greater ones only where there would be too many reads. */
export function planReads(spans: readonly ByteSpan[]): readonly ByteSpan[] {
  const sorted = spans.filter(({ start, end }) => start < end).toSorted((a, b) => a.start - b.start);
  for (let gap = READ_GAP_BYTES_MAX; ; gap *= 2) {
    const reads: ByteSpan[] = [];
    for (const span of sorted) {
      const last = reads.at(-1);
      if (last === undefined || span.start > last.end + gap) reads.push(span);
      else if (span.end > last.end) reads[reads.length - 1] = { start: last.start, end: span.end };
    }
    if (reads.length <= FILE_READS_MAX) return reads;
  }
}
