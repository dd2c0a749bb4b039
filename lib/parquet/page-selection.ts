/** Which pages of which columns to read for some rows of a row group. Pure. */
import { type RowRanges, uniteRanges } from '../core/row-ranges.ts';
import type { SchemaNode } from './footer.ts';
import type { PageLocation } from './page-index.ts';
import { leavesOf } from './projection.ts';

/** Data pages by number of the leaf, in order. */
export type PagesOfLeaves = ReadonlyMap<number, readonly PageLocation[]>;

/** Columns whose pages begin and end alike, read together: `rows` of the row group, and more than was asked only to the ends of pages. */
export interface PageUnit {
  readonly nodes: readonly SchemaNode[];
  readonly rows: RowRanges;
  /** Pages of a leaf that hold exactly `rows`. */
  readonly pagesOf: (leaf: number) => LeafPages;
}

/** Pages taken of a leaf, and where its first page of all begins, before which the dictionary is. */
export interface LeafPages {
  readonly dataStart: number;
  readonly pages: readonly PageLocation[];
}

/** The columns in as few units as their pages allow, each covering `rows`. */
export function coveringUnits({
  nodes,
  pages,
  rows,
}: {
  readonly nodes: readonly SchemaNode[];
  readonly pages: PagesOfLeaves;
  readonly rows: RowRanges;
}): readonly PageUnit[] {
  const units = new Map<string, { nodes: SchemaNode[]; rows: RowRanges }>();
  for (const node of nodes) {
    const covered = coverRows(node, pages, rows);
    const key = covered.map(({ start, end }) => `${start}-${end}`).join();
    const unit = units.get(key);
    if (unit === undefined) units.set(key, { nodes: [node], rows: covered });
    else unit.nodes.push(node);
  }
  return [...units.values()].map((unit) => ({ ...unit, pagesOf: (leaf) => leafPages(pages.get(leaf) ?? [], unit.rows) }));
}

function leafPages(pages: readonly PageLocation[], rows: RowRanges): LeafPages {
  return { dataStart: pages[0]?.start ?? 0, pages: pagesMeeting(pages, rows) };
}

/** The fewest rows that hold `rows` and begin and end with a page in every leaf of the column. */
function coverRows(node: SchemaNode, pages: PagesOfLeaves, rows: RowRanges): RowRanges {
  let covered = rows;
  for (let before = -1, count = 0; count !== before;) {
    before = count;
    for (const leaf of leavesOf(node))
      covered = uniteRanges(pagesMeeting(pages.get(leaf) ?? [], covered).map(({ firstRow, endRow }) => ({ start: firstRow, end: endRow })));
    count = covered.reduce((sum, { start, end }) => sum + end - start, 0);
  }
  return covered;
}

function pagesMeeting(pages: readonly PageLocation[], rows: RowRanges): readonly PageLocation[] {
  const meeting: PageLocation[] = [];
  for (let i = 0, j = 0; i < pages.length && j < rows.length;) {
    const page = pages[i];
    const range = rows[j];
    if (page === undefined || range === undefined) break;
    if (range.end <= page.firstRow) j += 1;
    else {
      if (range.start < page.endRow) meeting.push(page);
      i += 1;
    }
  }
  return meeting;
}
