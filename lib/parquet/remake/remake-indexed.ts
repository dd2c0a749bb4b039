/** Pages of indices into a dictionary made anew: the dictionaries become one, of the values that are still there alone. */
import { concatBytes } from '../../core/bytes.ts';
import type { FlatColumn } from './flat-column.ts';
import { readIndices, widthOfIndices, writeIndices } from './index-runs.ts';
import type { PackedDictionary } from './made-chunk.ts';
import { mergeDictionaries, type MergedDictionary, plainDictionary, ranksOf } from './merged-dictionary.ts';
import type { PageBounds } from './page-bounds.ts';
import { buildPages } from './page-builder.ts';
import { packAll, type PageBytesDeps, unpackAll } from './page-bytes.ts';
import type { PagePacker } from './page-packer.ts';
import { splitLevels } from './plain-page.ts';
import { batchesOf, pagesTaken, type TakenPart } from './taken-pages.ts';
import { numberAt } from '../thrift.ts';
import { corruptFile } from '../wasm-runtime.ts';

interface IndexPage {
  readonly rowCount: number;
  readonly nullCount: number;
  readonly levels: Uint8Array;
  /** Places in the merged dictionary. */
  readonly places: Int32Array;
}

/** Pushes the pages; answers the dictionary, undefined where no row has a value. @throws LakefoldError FILE_CORRUPT where pages hold less than they say */
export async function makeIndexedPages(
  deps: PageBytesDeps,
  column: FlatColumn,
  { parts, packer }: { readonly parts: readonly TakenPart[]; readonly packer: PagePacker },
): Promise<PackedDictionary | undefined> {
  const merged = mergeDictionaries(column);
  const mappings = await mapDictionaries(deps, merged, parts);
  const pages: IndexPage[] = [];
  const builder = buildPages({ kind: 'int32', isOptional: column.isOptional }, ({ values, ...page }) =>
    pages.push({ ...page, places: new Int32Array(values.slice().buffer) }),
  );
  for (const batch of batchesOf(parts.flatMap(pagesTaken))) {
    const bodies = batch.map(({ bytes, page }) => ({ bytes, size: page.decodedBytes }));
    const unpacked = await unpackAll(deps, bodies, batch[0]?.codec ?? 0);
    batch.forEach(({ part, page, rows }, i) => {
      const { levels, count, rest } = splitLevels(unpacked[i] ?? new Uint8Array(), page.valueCount, column.isOptional);
      const places = placesOf(readIndices(rest, count), mappings.get(part) ?? new Int32Array());
      builder.add({ rowCount: page.valueCount, levels, values: new Uint8Array(places.buffer) }, rows);
    });
  }
  builder.finish();
  // A value of rows that are gone must not stay in the dictionary.
  const used = renumber(pages, merged.size());
  if (used.length === 0) {
    // Nothing but nulls: plain pages of levels alone.
    for (const { rowCount, nullCount, levels } of pages) packer.push({ rowCount, nullCount, min: undefined, max: undefined, hasNaN: false }, levels);
    return undefined;
  }
  const values = used.map((place) => merged.valueAt(place));
  const ranks = ranksOf(column, values);
  const width = widthOfIndices(values.length);
  for (const { places, levels, ...page } of pages)
    packer.push({ ...page, ...boundsOf(places, { ranks, values }) }, concatBytes([levels, writeIndices(places, width)]));
  const body = plainDictionary(column, values);
  const [packed = deps.zstd?.pack(body)] = deps.zstd === undefined ? await packAll(deps, [body]) : [];
  return packed === undefined ? undefined : { valueCount: values.length, decodedBytes: body.length, packed };
}

async function mapDictionaries(deps: PageBytesDeps, merged: MergedDictionary, parts: readonly TakenPart[]): Promise<ReadonlyMap<TakenPart, Int32Array>> {
  const mappings = new Map<TakenPart, Int32Array>();
  const pages = parts.flatMap((part) => {
    const [page] = part.pages;
    if (page === undefined) return [];
    const start = part.placed.start + page.start;
    return [{ part, page, bytes: part.placed.file.subarray(start, start + page.storedBytes), codec: numberAt(part.placed.meta, 4) ?? 0, rows: [] }];
  });
  for (const batch of batchesOf(pages)) {
    const bodies = batch.map(({ bytes, page }) => ({ bytes, size: page.decodedBytes }));
    const unpacked = await unpackAll(deps, bodies, batch[0]?.codec ?? 0);
    batch.forEach(({ part, page }, i) => mappings.set(part, merged.add(unpacked[i] ?? new Uint8Array(), page.valueCount)));
  }
  return mappings;
}

/** In place. */
function placesOf(indices: Int32Array, mapping: Int32Array): Int32Array {
  for (let i = 0; i < indices.length; i += 1) {
    const place = mapping[indices[i] ?? 0];
    if (place === undefined) throw corruptFile('an index beyond its dictionary', undefined);
    indices[i] = place;
  }
  return indices;
}

/** Numbers the places anew in the order they come, in the pages too; answers which place each number was. */
function renumber(pages: readonly IndexPage[], count: number): readonly number[] {
  const numbers = new Int32Array(count).fill(-1);
  const used: number[] = [];
  for (const { places } of pages)
    for (let i = 0; i < places.length; i += 1) {
      const place = places[i] ?? 0;
      if (numbers[place] === -1) {
        numbers[place] = used.length;
        used.push(place);
      }
      places[i] = numbers[place] ?? 0;
    }
  return used;
}

function boundsOf(places: Int32Array, { ranks, values }: { readonly ranks: Int32Array; readonly values: readonly Uint8Array[] }): PageBounds {
  let min = -1;
  let max = -1;
  let hasNaN = false;
  for (let i = 0; i < places.length; i += 1) {
    const place = places[i] ?? 0;
    const rank = ranks[place] ?? -1;
    if (rank < 0) hasNaN = true;
    else {
      if (min < 0 || rank < (ranks[min] ?? 0)) min = place;
      if (max < 0 || rank > (ranks[max] ?? 0)) max = place;
    }
  }
  return { min: values[min], max: values[max], hasNaN };
}
