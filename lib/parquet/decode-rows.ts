/** Rows of a Parquet file, row group by row group: whole ones, or of a selection the pages that hold it. */
import { tableFromIPC, type RecordBatch } from 'apache-arrow';
import { readParquet, type ReaderOptions } from 'parquet-wasm/esm';
import { type Batch, sliceRows, type Vector } from '../core/batch.ts';
import { LakefoldError } from '../core/errors.ts';
import { BATCH_ROWS } from '../core/limits.ts';
import { countRows, intersectRanges, type RowRanges } from '../core/row-ranges.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { DecodeColumn, DecodedBatch, DecodeOptions, FileSource } from '../ports/table-codec.ts';
import { nullVector, vectorOfArrow } from './arrow/arrow-decode.ts';
import type { Footer, RowGroup, SchemaNode } from './footer.ts';
import { readPageLocations } from './page-index.ts';
import { coveringUnits, type PagesOfLeaves, type PageUnit } from './page-selection.ts';
import { type TextCoder, textCoders } from './text-coder.ts';
import { leavesOf, type ProjectedGroup, projectRowGroup } from './projection.ts';
import { rowsOfPiece } from './decoded-size.ts';
import type { StreamMeasure } from './unpacked-size.ts';
import { corruptFile, isTrap, runWasm, type ParquetWasm } from './wasm-runtime.ts';

export interface DecodeContext {
  readonly wasm: ParquetWasm;
  readonly source: FileSource;
  readonly measure: StreamMeasure | undefined;
  readonly footer: Footer;
  /** By column asked for; undefined where the file lacks it. */
  readonly wanted: readonly (SchemaNode | undefined)[];
  /** By column asked for, where its texts are coded. */
  readonly coders: readonly (TextCoder | undefined)[];
}

/** A row group with rows to read; `rows` are positions in it. */
interface GroupRows {
  readonly group: RowGroup;
  readonly firstRow: number;
  readonly rows: RowRanges;
}

/** @throws LakefoldError FILE_CORRUPT */
export async function* decodeRows(context: Omit<DecodeContext, 'coders'>, options: DecodeOptions): AsyncIterable<DecodedBatch> {
  yield* decodeGroups({ ...context, coders: textCoders(options.columns, context.footer.rowCount) }, options);
}

async function* decodeGroups(context: DecodeContext, options: DecodeOptions): AsyncIterable<DecodedBatch> {
  const groups = groupsOf(context.footer, options.rows);
  const nodes = [...new Set(context.wanted)].filter((node) => node !== undefined);
  const selected = groups.filter(({ group, rows }) => countRows(rows) < group.rowCount);
  const pages = await pagesOfLeaves(context, { groups: selected, nodes }, options);
  for (const at of groups) {
    options.signal?.throwIfAborted();
    if (nodes.length === 0) {
      yield* piecesOf(at, ({ start, end }) => absentRows(options.columns, end - start));
      continue;
    }
    const found = pages.get(at.group);
    if (found === undefined) yield* wholeGroup(context, { at, nodes }, options);
    else yield* selectedRows(context, { at, nodes, pages: found }, options);
  }
}

function groupsOf(footer: Footer, rows: RowRanges | undefined): readonly GroupRows[] {
  let firstRow = 0;
  return footer.rowGroups.flatMap((group): GroupRows[] => {
    const at = firstRow;
    firstRow += group.rowCount;
    if (group.rowCount === 0) return [];
    const all = [{ start: at, end: firstRow }];
    const inside = rows === undefined ? all : intersectRanges(rows, all);
    return inside.length === 0 ? [] : [{ group, firstRow: at, rows: inside.map(({ start, end }) => ({ start: start - at, end: end - at })) }];
  });
}

/** The pages of each wanted leaf of groups that are read in part; a group with a leaf whose pages are not known is not there. */
async function pagesOfLeaves(
  { source }: DecodeContext,
  { groups, nodes }: { readonly groups: readonly GroupRows[]; readonly nodes: readonly SchemaNode[] },
  options: RequestOptions,
): Promise<ReadonlyMap<RowGroup, PagesOfLeaves>> {
  const leaves = nodes.flatMap(leavesOf);
  const chunks = groups.flatMap(({ group }) => leaves.flatMap((leaf) => group.chunks[leaf] ?? []).map((chunk) => ({ chunk, rowCount: group.rowCount })));
  const located = await readPageLocations(source, chunks, options);
  const result = new Map<RowGroup, PagesOfLeaves>();
  groups.forEach(({ group }, i) => {
    const ofGroup = located.slice(i * leaves.length, (i + 1) * leaves.length);
    const known = new Map(leaves.flatMap((leaf, k) => (ofGroup[k] === undefined ? [] : [[leaf, ofGroup[k]] as const])));
    if (known.size === leaves.length) result.set(group, known);
  });
  return result;
}

interface GroupColumns {
  readonly at: GroupRows;
  readonly nodes: readonly SchemaNode[];
}

/** All rows of a row group in pieces that fit in memory, of which those wanted are kept. */
async function* wholeGroup(context: DecodeContext, { at, nodes }: GroupColumns, options: DecodeOptions): AsyncIterable<DecodedBatch> {
  const { group } = at;
  const projected = await projectRowGroup(context, { footer: context.footer, group, nodes }, options);
  const pieceRows = rowsOfPiece(sizesOf(projected), group.rowCount);
  let row = 0;
  for (let offset = 0; offset < group.rowCount; offset += pieceRows) {
    options.signal?.throwIfAborted();
    const rowCount = Math.min(pieceRows, group.rowCount - offset);
    const piece = pieceRows < group.rowCount ? { offset } : {};
    for (const part of await readArrow(context.wasm, projected.file, { batchRows: BATCH_ROWS, rowCount, ...piece })) {
      const [start, end] = [row, row + part.numRows];
      row = end;
      const kept = intersectRanges(at.rows, [{ start, end }]);
      if (kept.length === 0) continue;
      const firstRow = at.firstRow + start;
      const vectors = options.columns.map((column, i) =>
        vectorAt(part, nodes.indexOf(context.wanted[i] ?? MISSING), { column, firstRow, coder: context.coders[i] }),
      );
      const batch: Batch = { columns: options.columns, vectors, rowCount: part.numRows };
      for (const range of kept)
        yield {
          firstRow: at.firstRow + range.start,
          batch: countRows([range]) === part.numRows ? batch : sliceRows(batch, range.start - start, range.end - start),
        };
    }
  }
}

function sizesOf({ file, decodedBytes }: ProjectedGroup): { readonly stored: number; readonly decoded: number } {
  return { stored: file.length, decoded: decodedBytes };
}

/** Stands for a column the file lacks. */
const MISSING: SchemaNode = {
  name: '',
  element: new Map(),
  repetition: 'optional',
  fieldId: undefined,
  physicalType: undefined,
  typeLength: 0,
  children: [],
  firstLeaf: 0,
  leafCount: 0,
};

async function* selectedRows(
  context: DecodeContext,
  { at, nodes, pages }: GroupColumns & { readonly pages: PagesOfLeaves },
  options: DecodeOptions,
): AsyncIterable<DecodedBatch> {
  const { group } = at;
  const units: readonly PageUnit[] = coveringUnits({ nodes, pages, rows: at.rows });
  const decoded = new Map<SchemaNode, { readonly unit: PageUnit; readonly vectorOf: (column: DecodeColumn) => Vector }>();
  for (const unit of units) {
    const rowCount = countRows(unit.rows);
    const selection = { pagesOf: unit.pagesOf, rowCount };
    const projected = await projectRowGroup(context, { footer: context.footer, group, nodes: unit.nodes, selection }, options);
    if (rowsOfPiece(sizesOf(projected), rowCount) < rowCount) {
      yield* wholeGroup(context, { at, nodes }, options);
      return;
    }
    const [part] = await readArrow(context.wasm, projected.file, { batchRows: rowCount, rowCount });
    if (part?.numRows !== rowCount) throw new LakefoldError('FILE_CORRUPT', `expected ${rowCount} rows in one batch, found ${part?.numRows ?? 0}`);
    // Rows of several stretches have no common first row to be named by.
    const [only, ...others] = unit.rows;
    const firstRow = others.length === 0 && only !== undefined ? at.firstRow + only.start : undefined;
    unit.nodes.forEach((node, i) => decoded.set(node, { unit, vectorOf: (column) => vectorAt(part, i, { column, firstRow }) }));
  }
  const columns = options.columns.map((column, i) => {
    const found = decoded.get(context.wanted[i] ?? MISSING);
    if (found === undefined) return { column, rows: undefined, batch: undefined };
    const vector = found.vectorOf(column);
    return { column, rows: found.unit.rows, batch: { columns: [column], vectors: [vector], rowCount: vector.length } };
  });
  yield* piecesOf(at, ({ start, end }) => ({
    columns: options.columns,
    rowCount: end - start,
    vectors: columns.flatMap(({ column, rows, batch }) => {
      if (rows === undefined || batch === undefined) return [nullVector(column.type, end - start)];
      const from = offsetIn(rows, start);
      return sliceRows(batch, from, from + end - start).vectors;
    }),
  }));
}

/** Where the row at `position` comes in a list of the rows of `ranges`. */
function offsetIn(ranges: RowRanges, position: number): number {
  let before = 0;
  for (const { start, end } of ranges) {
    if (position < end) return before + position - start;
    before += end - start;
  }
  return before;
}

function* piecesOf({ rows, firstRow }: GroupRows, batchOf: (piece: { readonly start: number; readonly end: number }) => Batch): Iterable<DecodedBatch> {
  for (const range of rows) {
    for (let { start } = range; start < range.end; start += BATCH_ROWS) {
      yield { firstRow: firstRow + start, batch: batchOf({ start, end: Math.min(range.end, start + BATCH_ROWS) }) };
    }
  }
}

function absentRows(columns: readonly DecodeColumn[], rowCount: number): Batch {
  return { columns, vectors: columns.map((column) => nullVector(column.type, rowCount)), rowCount };
}

function vectorAt(
  part: RecordBatch,
  index: number,
  { column, firstRow, coder }: { readonly column: DecodeColumn; readonly firstRow: number | undefined; readonly coder?: TextCoder | undefined },
): Vector {
  const data = part.data.children[index];
  return data === undefined ? nullVector(column.type, part.numRows) : vectorOfArrow(data, column.type, { column: column.name, firstRow, coder });
}

async function readArrow(
  wasm: ParquetWasm,
  file: Uint8Array,
  { batchRows, rowCount, offset }: { readonly batchRows: number; readonly rowCount: number; readonly offset?: number },
): Promise<readonly RecordBatch[]> {
  const ipc = await runWasm(
    wasm,
    () => readIpc(file, { batchSize: batchRows, ...(offset === undefined ? {} : { offset, limit: rowCount }) }),
    (cause) => corruptFile('the Parquet reader broke down', cause),
  );
  const batches = readBatches(ipc);
  const found = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  if (found !== rowCount) throw new LakefoldError('FILE_CORRUPT', `expected ${rowCount} rows, found ${found}`);
  return batches;
}

/** Synchronous, so that a trap comes back here; see projection.ts. */
function readIpc(file: Uint8Array, options: ReaderOptions): Uint8Array {
  try {
    return readParquet(file, options).intoIPCStream();
  } catch (cause) {
    if (isTrap(cause)) throw cause;
    throw corruptFile(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function readBatches(ipc: Uint8Array): readonly RecordBatch[] {
  try {
    return tableFromIPC(ipc).batches;
  } catch (cause) {
    throw corruptFile('no Arrow data', cause);
  }
}
