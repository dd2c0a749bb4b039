/** The pages of a column that rows are taken of, where they can be made anew. */
import type { RowRanges } from '../../core/row-ranges.ts';
import { isIndexed } from '../repack/chunk-check.ts';
import type { PlacedChunk } from '../repack/join-files.ts';
import { DATA_PAGE, DICTIONARY_PAGE, type PageHeader } from '../page-headers.ts';
import { numberAt } from '../thrift.ts';

/** Encodings PLAIN, PLAIN_DICTIONARY and RLE. */
const [PLAIN, PLAIN_DICTIONARY, RLE] = [0, 2, 3];
/** Bytes of the dictionaries that become one, which is held as values. */
const DICTIONARY_BYTES_MAX = 4 * 1024 * 1024;
/** Unpacked bytes that are looked at at a time. */
const UNPACKED_BYTES = 4 * 1024 * 1024;

/** The chunks of a row group and the pages of each, by leaf. */
export interface WeighedGroup {
  readonly chunks: readonly PlacedChunk[];
  readonly pages: readonly (readonly PageHeader[])[];
}

/** A chunk whose pages can be made anew: a dictionary and indices into it, or plain values. */
export interface RemadePart {
  readonly placed: PlacedChunk;
  readonly pages: readonly PageHeader[];
}

/** Rows of a chunk, of its row group's first one on; all where it says nothing. */
export interface TakenPart extends RemadePart {
  readonly rows?: RowRanges;
}

/** Undefined where pages are encoded in other ways, not all in one, or dictionaries are too large. */
export function partsToRemake(groups: readonly WeighedGroup[], leaf: number): readonly RemadePart[] | undefined {
  const parts: RemadePart[] = [];
  let dictionaryBytes = 0;
  for (const { chunks, pages: ofGroup } of groups) {
    const [placed, pages = []] = [chunks[leaf], ofGroup[leaf]];
    if (placed === undefined || !(pages.every(isPlain) || isDictionary(pages))) return undefined;
    if (hasDictionary(pages)) dictionaryBytes += pages[0]?.decodedBytes ?? 0;
    if (hasDictionary(pages) !== hasDictionary(parts[0]?.pages ?? pages) || dictionaryBytes > DICTIONARY_BYTES_MAX) return undefined;
    parts.push({ placed, pages });
  }
  return parts;
}

export function hasDictionary(pages: readonly PageHeader[]): boolean {
  return pages[0]?.type === DICTIONARY_PAGE;
}

function isDictionary([dictionary, ...pages]: readonly PageHeader[]): boolean {
  const isFirst = dictionary?.type === DICTIONARY_PAGE && (dictionary.encoding === PLAIN || dictionary.encoding === PLAIN_DICTIONARY);
  return isFirst && pages.every((page) => page.type === DATA_PAGE && page.levelEncoding === RLE && isIndexed(page));
}

function isPlain({ type, encoding, levelEncoding }: PageHeader): boolean {
  return type === DATA_PAGE && encoding === PLAIN && levelEncoding === RLE;
}

/** A page and the rows to take of it: where each stretch begins and ends. */
export interface TakenPage {
  readonly part: TakenPart;
  readonly bytes: Uint8Array;
  readonly codec: number;
  readonly page: PageHeader;
  readonly rows: readonly number[];
}

/** Data pages of which there are rows to take. */
export function pagesTaken(part: TakenPart): readonly TakenPage[] {
  const { placed, pages, rows } = part;
  const chunk = placed.file.subarray(placed.start, placed.end);
  const codec = numberAt(placed.meta, 4) ?? 0;
  let end = 0;
  let next = 0;
  return (hasDictionary(pages) ? pages.slice(1) : pages).flatMap((page): TakenPage[] => {
    const start = end;
    end += page.valueCount;
    const taken: number[] = rows === undefined ? [0, page.valueCount] : [];
    for (; rows !== undefined && next < rows.length; next += 1) {
      const range = rows[next];
      if (range === undefined || range.start >= end) break;
      taken.push(Math.max(range.start, start) - start, Math.min(range.end, end) - start);
      if (range.end > end) break;
    }
    return taken.length === 0 || page.valueCount === 0
      ? []
      : [{ part, bytes: chunk.subarray(page.start, page.start + page.storedBytes), codec, page, rows: taken }];
  });
}

/** Neighbours of one codec, as many as are unpacked together. */
export function batchesOf(pages: readonly TakenPage[]): readonly (readonly TakenPage[])[] {
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
