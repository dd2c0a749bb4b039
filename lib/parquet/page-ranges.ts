/** Which rows of a file may hold given values of a column, by row-group statistics and the page index. */
import { type RowRange, type RowRanges, uniteRanges } from '../core/row-ranges.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { DecodeColumn, FileSource, ValueRange } from '../ports/table-codec.ts';
import type { ColumnChunk, Footer, RowGroup, SchemaNode } from './footer.ts';
import { readPageStatistics } from './page-index.ts';
import { bytesAt, numberAt, structAt } from './thrift.ts';
import { type BoundReader, boundReader, type KeyRange, keyRanges, mayMeet } from './value-bounds.ts';

export interface PageRangesInput {
  readonly footer: Footer;
  /** The column in the file. */
  readonly node: SchemaNode;
  readonly column: DecodeColumn;
  readonly ranges: readonly ValueRange[];
}

interface PlacedGroup {
  readonly group: RowGroup;
  readonly chunk: ColumnChunk;
  readonly firstRow: number;
}

/** All rows of what can't be told apart: without page index whole row groups, without statistics the whole file. */
export async function findPageRanges(source: FileSource, input: PageRangesInput, options: RequestOptions): Promise<RowRanges> {
  const { footer, node, column } = input;
  const everything = uniteRanges([{ start: 0, end: footer.rowCount }]);
  const wanted = keyRanges(input.ranges, column.type);
  const read = footer.orderedLeaves.has(node.firstLeaf) ? boundReader(node, column.type) : undefined;
  if (wanted === undefined || read === undefined) return everything;
  const groups = placedGroups(footer, node).filter(({ group, chunk }) => mayHold({ read, wanted }, chunk, group.rowCount));
  const indexes = await readPageStatistics(
    source,
    groups.map(({ chunk, group }) => ({ chunk, rowCount: group.rowCount })),
    options,
  );
  return uniteRanges(
    groups.flatMap(({ group, firstRow }, i): RowRange[] => {
      const index = indexes[i];
      if (index === undefined) return [{ start: firstRow, end: firstRow + group.rowCount }];
      const { pages, statistics } = index;
      return pages.flatMap((page, at): RowRange[] => {
        if (statistics.isNullPage[at] === true) return [];
        const [min, max] = [boundOf(read, statistics.mins[at], 'min'), boundOf(read, statistics.maxs[at], 'max')];
        return mayMeet(wanted, min, max) ? [{ start: firstRow + page.firstRow, end: firstRow + page.endRow }] : [];
      });
    }),
  );
}

function placedGroups(footer: Footer, node: SchemaNode): readonly PlacedGroup[] {
  let firstRow = 0;
  return footer.rowGroups.flatMap((group): PlacedGroup[] => {
    const chunk = group.chunks[node.firstLeaf];
    const at = firstRow;
    firstRow += group.rowCount;
    return chunk === undefined ? [] : [{ group, chunk, firstRow: at }];
  });
}

interface Wanted {
  readonly read: BoundReader;
  readonly wanted: readonly KeyRange[];
}

function mayHold({ read, wanted }: Wanted, chunk: ColumnChunk, rowCount: number): boolean {
  const meta = structAt(chunk.element, 3);
  const statistics = meta === undefined ? undefined : structAt(meta, 12);
  if (rowCount === 0) return false;
  if (statistics === undefined) return mayMeet(wanted, undefined, undefined);
  if (numberAt(statistics, 3) === rowCount) return false;
  return mayMeet(wanted, boundOf(read, bytesAt(statistics, 6), 'min'), boundOf(read, bytesAt(statistics, 5), 'max'));
}

function boundOf(read: BoundReader, bytes: Uint8Array | undefined, side: 'min' | 'max'): ReturnType<BoundReader> {
  return bytes === undefined ? undefined : read(bytes, side);
}
