/**
 * A flat column of several row groups, or of some of their rows, as one column chunk: its pages are unpacked, the values copied as
 * they lie and packed again. What takes other encodings goes through Arrow.
 */
import { LakefoldError } from '../core/errors.ts';
import type { RowRanges } from '../core/row-ranges.ts';
import type { FlatColumn } from './flat-column.ts';
import type { MovedChunk, Output, PlacedChunk } from './join-files.ts';
import { appendPages, extremesOf, type PackedPage } from './made-chunk.ts';
import { packAll, type PageBytesDeps, unpackAll } from './page-bytes.ts';
import { buildPages, type MadePage } from './page-builder.ts';
import { DATA_PAGE, type PageHeader } from './page-headers.ts';
import { readPlainPage } from './plain-page.ts';
import { scratchBytes } from './scratch-bytes.ts';
import { numberAt } from './thrift.ts';

/** Encodings PLAIN and RLE. */
const [PLAIN, RLE] = [0, 3];
/** Unpacked bytes that are looked at at a time. */
const UNPACKED_BYTES = 4 * 1024 * 1024;

/** The chunks of a row group and the pages of each, by leaf. */
export interface WeighedGroup {
  readonly chunks: readonly PlacedChunk[];
  readonly pages: readonly (readonly PageHeader[])[];
}

/** A chunk whose pages can be made anew. */
export interface RemadePart {
  readonly placed: PlacedChunk;
  readonly pages: readonly PageHeader[];
}

/** Rows of a chunk, of its row group's first one on; all where it says nothing. */
export interface TakenPart extends RemadePart {
  readonly rows?: RowRanges;
}

export interface RemadeColumn {
  readonly moved: MovedChunk;
  /** As they are stored, in full; undefined where there are none but NaN and nulls. */
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  readonly hasNaN: boolean;
  readonly nullCount: number;
}

/** Undefined where a page is encoded in another way than plain. */
export function partsToRemake(groups: readonly WeighedGroup[], leaf: number): readonly RemadePart[] | undefined {
  const parts: RemadePart[] = [];
  for (const { chunks, pages: ofGroup } of groups) {
    const [placed, pages] = [chunks[leaf], ofGroup[leaf]];
    if (placed === undefined || pages?.every(isPlain) !== true) return undefined;
    parts.push({ placed, pages });
  }
  return parts;
}

function isPlain({ type, encoding, levelEncoding }: PageHeader): boolean {
  return type === DATA_PAGE && encoding === PLAIN && levelEncoding === RLE;
}

/** A page and the rows to take of it: where each stretch begins and ends. */
interface TakenPage {
  readonly bytes: Uint8Array;
  readonly codec: number;
  readonly page: PageHeader;
  readonly rows: readonly number[];
}

/** Appends the column; expects at least one row. @throws LakefoldError FILE_CORRUPT where pages hold less than they say */
export async function remakeColumn(
  deps: PageBytesDeps,
  column: FlatColumn,
  { parts, output }: { readonly parts: readonly TakenPart[]; readonly output: Output },
): Promise<RemadeColumn> {
  const [first] = parts;
  if (first === undefined) throw new LakefoldError('INTERNAL', 'expected parts of a column to be made anew, found none');
  const made: { readonly page: MadePage; readonly decodedBytes: number; packed: Uint8Array | undefined }[] = [];
  const waiting: { readonly i: number; readonly body: Uint8Array }[] = [];
  const builder = buildPages(column, (page, body) => {
    const packed = deps.zstd?.pack(body);
    if (packed === undefined) waiting.push({ i: made.length, body: body.slice() });
    made.push({ page, decodedBytes: body.length, packed });
  });
  const packWaiting = async (): Promise<void> => {
    const packed = await packAll(
      deps,
      waiting.map(({ body }) => body),
    );
    waiting.forEach(({ i }, w) => {
      const each = made[i];
      if (each !== undefined) each.packed = packed[w];
    });
    waiting.length = 0;
  };
  const aligned = scratchBytes();
  for (const batch of batchesOf(parts.flatMap(pagesTaken))) {
    const bodies = batch.map(({ bytes, page }) => ({ bytes, size: page.decodedBytes }));
    const unpacked = await unpackAll(deps, bodies, batch[0]?.codec ?? 0);
    batch.forEach(({ page, rows }, i) => {
      const shape = { rowCount: page.valueCount, kind: column.kind, isOptional: column.isOptional, aligned };
      builder.add(readPlainPage(unpacked[i] ?? new Uint8Array(), shape), rows);
    });
    await packWaiting();
  }
  builder.finish();
  await packWaiting();
  const pages = made.map(({ packed, ...page }): PackedPage => ({ ...page, packed: packed ?? new Uint8Array() }));
  return {
    moved: appendPages(column, pages, { like: first.placed, output }),
    ...extremesOf(column, pages),
    hasNaN: made.some(({ page }) => page.hasNaN),
    nullCount: made.reduce((sum, { page }) => sum + page.nullCount, 0),
  };
}

function pagesTaken({ placed, pages, rows }: TakenPart): readonly TakenPage[] {
  const chunk = placed.file.subarray(placed.start, placed.end);
  const codec = numberAt(placed.meta, 4) ?? 0;
  let end = 0;
  let next = 0;
  return pages.flatMap((page): TakenPage[] => {
    const start = end;
    end += page.valueCount;
    const taken: number[] = rows === undefined ? [0, page.valueCount] : [];
    for (; rows !== undefined && next < rows.length; next += 1) {
      const range = rows[next];
      if (range === undefined || range.start >= end) break;
      taken.push(Math.max(range.start, start) - start, Math.min(range.end, end) - start);
      if (range.end > end) break;
    }
    return taken.length === 0 || page.valueCount === 0 ? [] : [{ bytes: chunk.subarray(page.start, page.start + page.storedBytes), codec, page, rows: taken }];
  });
}

/** Neighbours of one codec, as many as are unpacked together. */
function batchesOf(pages: readonly TakenPage[]): readonly (readonly TakenPage[])[] {
  const batches: TakenPage[][] = [];
  let size = 0;
  for (const each of pages) {
    const open = batches.at(-1);
    if (open?.[0]?.codec === each.codec && size + each.page.decodedBytes <= UNPACKED_BYTES) {
      open.push(each);
      size += each.page.decodedBytes;
    } else {
      batches.push([each]);
      size = each.page.decodedBytes;
    }
  }
  return batches;
}
