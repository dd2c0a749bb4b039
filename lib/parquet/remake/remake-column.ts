/**
 * A flat column of several row groups, or of some of their rows, as one column chunk: its pages are unpacked, the values copied as
 * they lie and packed again. What takes other encodings goes through Arrow.
 */
import { LakefoldError } from '../../core/errors.ts';
import type { FlatColumn } from './flat-column.ts';
import type { MovedChunk, Output } from '../repack/join-files.ts';
import { appendPages, extremesOf } from './made-chunk.ts';
import { boundsOfValues } from './page-bounds.ts';
import { buildPages } from './page-builder.ts';
import { type PageBytesDeps, unpackAll } from './page-bytes.ts';
import { createPagePacker, type PagePacker } from './page-packer.ts';
import { readPlainPage } from './plain-page.ts';
import { makeIndexedPages } from './remake-indexed.ts';
import { scratchBytes } from './scratch-bytes.ts';
import { batchesOf, hasDictionary, pagesTaken, type TakenPart } from './taken-pages.ts';

export interface RemadeColumn {
  readonly moved: MovedChunk;
  /** As they are stored, in full; undefined where there are none but NaN and nulls. */
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  readonly hasNaN: boolean;
  readonly nullCount: number;
}

/** Appends the column; expects at least one row. @throws LakefoldError FILE_CORRUPT where pages hold less than they say */
export async function remakeColumn(
  deps: PageBytesDeps,
  column: FlatColumn,
  { parts, output }: { readonly parts: readonly TakenPart[]; readonly output: Output },
): Promise<RemadeColumn> {
  const [first] = parts;
  if (first === undefined) throw new LakefoldError('INTERNAL', 'expected parts of a column to be made anew, found none');
  const packer = createPagePacker(deps);
  const makePages = hasDictionary(first.pages) ? makeIndexedPages : makePlainPages;
  const dictionary = await makePages(deps, column, { parts, packer });
  const pages = await packer.pack();
  return {
    moved: appendPages(column, pages, { like: first.placed, output, dictionary }),
    ...extremesOf(column, pages),
    hasNaN: pages.some(({ page }) => page.hasNaN),
    nullCount: pages.reduce((sum, { page }) => sum + page.nullCount, 0),
  };
}

async function makePlainPages(
  deps: PageBytesDeps,
  { kind, isOptional }: FlatColumn,
  { parts, packer }: { readonly parts: readonly TakenPart[]; readonly packer: PagePacker },
): Promise<undefined> {
  const body = scratchBytes();
  const aligned = scratchBytes();
  const builder = buildPages({ kind, isOptional }, ({ levels, values, ...page }) =>
    packer.push({ ...page, ...boundsOfValues(kind, values) }, levels.length === 0 ? values : body.join(levels, values)),
  );
  for (const batch of batchesOf(parts.flatMap(pagesTaken))) {
    const bodies = batch.map(({ bytes, page }) => ({ bytes, size: page.decodedBytes }));
    const unpacked = await unpackAll(deps, bodies, batch[0]?.codec ?? 0);
    batch.forEach(({ page, rows }, i) =>
      builder.add(readPlainPage(unpacked[i] ?? new Uint8Array(), { rowCount: page.valueCount, kind, isOptional, aligned }), rows),
    );
    await packer.pack();
  }
  builder.finish();
  return undefined;
}
