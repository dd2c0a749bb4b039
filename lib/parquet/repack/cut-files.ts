/** Many Parquet files as one without some of their rows: pages of flat columns are made anew of the values that stay, other columns cut as Arrow has them. */
import type { Vector } from '../../core/batch.ts';
import { countRows, intersectRanges, type RowRanges } from '../../core/row-ranges.ts';
import { type CutFile, type CutPiece, bytesSource, type DecodeColumn } from '../../ports/table-codec.ts';
import { columnFile } from '../remake/column-file.ts';
import { cutByArrow, splitRows, stretchesOf } from './cut-arrow.ts';
import type { FlatColumn } from '../remake/flat-column.ts';
import { openParquet } from '../footer.ts';
import { finishOutput, isAlike, moveChunk, placeChunks, startOutput, type MovedChunk, type MovedGroup, type Output, type PlacedChunk } from './join-files.ts';
import { flatLeafOf, type LeafSchema, parseSchema, type TopColumn } from '../remake/leaf-schema.ts';
import { checkedFiles } from './pack-files.ts';
import { nodeOf } from '../projection.ts';
import { remakeColumn } from '../remake/remake-column.ts';
import { partsToRemake, type WeighedGroup } from '../remake/taken-pages.ts';
import { groupOfChunks } from './splice-files.ts';
import { boundsVector, type StoredBounds, uniteBounds } from '../remake/stored-bounds.ts';
import { listAt, numberAt, structOf, type ThriftStruct } from '../thrift.ts';
import { weighFile, type WeighDeps, type WeighedFile } from './weigh-file.ts';
import { ROW_GROUP_ROWS } from '../writer-properties.ts';

/**
 * Undefined where the files are not alike, lack a column, are laid out as Arrow rarely does, or have too wide rows for the memory.
 * @throws LakefoldError FILE_CORRUPT, LIMIT_EXCEEDED, UNSUPPORTED_FORMAT with the position of the file, as a read of it would
 */
export async function cutParquet(deps: WeighDeps, pieces: readonly CutPiece[], columns: readonly DecodeColumn[]): Promise<CutFile | undefined> {
  const files = await checkedFiles(
    deps,
    pieces.map(({ file }) => file),
  );
  const [first] = files;
  if (first === undefined || !files.every(({ meta }) => isAlike(first.meta, meta))) return undefined;
  const { footer } = await openParquet(bytesSource(first.bytes));
  const positions = columns.map((column) => footer.columns.findIndex((node) => node === nodeOf(footer, column)));
  const schema = parseSchema(first.meta);
  const groups = schema === undefined ? undefined : groupsOf(files, pieces, schema.leaves.length);
  if (positions.includes(-1) || files.map(stretchesOf).includes(undefined) || schema === undefined || groups === undefined) return undefined;
  const runs = runsOf(groups.flat());
  if (runs.length === 0) return undefined;
  const flats = schema.columns.map((column) => {
    const found = flatLeafOf(schema, column);
    return found === undefined || partsToRemake(groups.flat(), found.leaf) === undefined ? undefined : found;
  });
  const decoded = await cutOthers(
    deps,
    { schema, groups, columns: schema.columns.filter((_, i) => flats[i] === undefined) },
    columns.filter((_, i) => flats[positions[i] ?? 0] === undefined),
  );
  if (decoded === undefined) return undefined;
  const { bytes, bounds } = await cutRuns(deps, { schema, meta: first.meta, runs, flats, decoded });
  const others = decoded.bounds.values();
  const vectors: Vector[] = [];
  for (const [i, column] of columns.entries()) {
    const known = bounds.get(positions[i] ?? 0);
    const vector = known === undefined ? others.next().value : await boundsVector(deps, column, known);
    if (vector === undefined) return undefined;
    vectors.push(vector);
  }
  return { bytes, rowCount: runs.reduce((sum, run) => sum + rowsIn(run), 0), bounds: vectors };
}

interface CutGroup extends WeighedGroup {
  readonly group: ThriftStruct;
  readonly chunks: readonly PlacedChunk[];
  /** To keep, from its first one on. */
  readonly rows: RowRanges;
}

/** By file; undefined where one can't be moved. */
function groupsOf(files: readonly WeighedFile[], pieces: readonly CutPiece[], leafCount: number): readonly (readonly CutGroup[])[] | undefined {
  const all: CutGroup[][] = [];
  for (const [i, { bytes, meta, pages }] of files.entries()) {
    const groups: CutGroup[] = [];
    let end = 0;
    for (const [g, value] of listAt(meta, 4).entries()) {
      const group = structOf(value) ?? new Map();
      const start = end;
      end += numberAt(group, 3) ?? 0;
      const chunks = placeChunks(bytes, group);
      if (chunks?.length !== leafCount) return undefined;
      const rows = intersectRanges(pieces[i]?.rows ?? [], [{ start, end }]).map((range) => ({ start: range.start - start, end: range.end - start }));
      groups.push({ group, chunks, pages: pages[g] ?? [], rows });
    }
    all.push(groups);
  }
  return all;
}

function rowsIn(groups: readonly CutGroup[]): number {
  return groups.reduce((sum, { rows }) => sum + countRows(rows), 0);
}

/** Row groups of the usual size, each of parts of those there are. */
function runsOf(groups: readonly CutGroup[]): readonly (readonly CutGroup[])[] {
  const runs: CutGroup[][] = [];
  let room = 0;
  for (const group of groups) {
    for (let left = group.rows; left.length > 0;) {
      if (room === 0) {
        runs.push([]);
        room = ROW_GROUP_ROWS;
      }
      const { now, later } = splitRows(left, room);
      runs.at(-1)?.push({ ...group, rows: now });
      room -= countRows(now);
      left = later;
    }
  }
  return runs;
}

interface DecodedCut {
  /** Of each row group, in the order of the leaves that were cut that way. */
  readonly groups: readonly (readonly PlacedChunk[])[];
  readonly leaves: readonly number[];
  readonly bounds: readonly Vector[];
}

/** Columns that are cut as Arrow has them. */
async function cutOthers(
  deps: WeighDeps,
  { schema, groups, columns }: { readonly schema: LeafSchema; readonly groups: readonly (readonly CutGroup[])[]; readonly columns: readonly TopColumn[] },
  asked: readonly DecodeColumn[],
): Promise<DecodedCut | undefined> {
  if (columns.length === 0) return { groups: [], leaves: [], bounds: [] };
  const pieces: { readonly file: WeighedFile; readonly rows: RowRanges }[] = [];
  for (const ofFile of groups) {
    let end = 0;
    const rows = ofFile.flatMap(({ group, rows: kept }) => {
      const start = end;
      end += numberAt(group, 3) ?? 0;
      return kept.map((range) => ({ start: range.start + start, end: range.end + start }));
    });
    if (rows.length > 0) pieces.push({ file: await weighFile(deps, columnFile(schema, columns, ofFile)), rows });
  }
  const cut = await cutByArrow(deps, pieces, asked);
  if (cut === undefined) return undefined;
  const { meta } = await weighFile(deps, cut.bytes);
  const chunks = listAt(meta, 4).map((group) => placeChunks(cut.bytes, structOf(group) ?? new Map()) ?? []);
  return { groups: chunks, leaves: columns.flatMap(({ leaves }) => leaves), bounds: cut.bounds };
}

interface Cutting {
  readonly schema: LeafSchema;
  readonly meta: ThriftStruct;
  readonly runs: readonly (readonly CutGroup[])[];
  /** By column. */
  readonly flats: readonly ({ readonly leaf: number; readonly flat: FlatColumn } | undefined)[];
  readonly decoded: DecodedCut;
}

async function cutRuns(
  deps: WeighDeps,
  { schema, meta, runs, flats, decoded }: Cutting,
): Promise<{ readonly bytes: Uint8Array; readonly bounds: ReadonlyMap<number, StoredBounds> }> {
  const output = startOutput();
  const groups: MovedGroup[] = [];
  const bounds = new Map<number, StoredBounds>();
  for (const [r, run] of runs.entries()) {
    const chunks: MovedChunk[] = [];
    for (const [position, { leaves }] of schema.columns.entries()) {
      const found = flats[position];
      if (found === undefined) chunks.push(...moveDecoded(decoded, { run: r, leaves, output }));
      else {
        const parts = (partsToRemake(run, found.leaf) ?? []).map((part, i) => ({ ...part, rows: run[i]?.rows ?? [] }));
        const { moved, ...stored } = await remakeColumn(deps, found.flat, { parts, output });
        chunks.push(moved);
        bounds.set(position, uniteBounds(found.flat, bounds.get(position), stored));
      }
    }
    groups.push({ group: groupOfChunks(run[0]?.group ?? new Map(), rowsIn(run), chunks), chunks });
  }
  return { bytes: finishOutput(meta, groups, output), bounds };
}

function moveDecoded(
  { groups, leaves: known }: DecodedCut,
  { run, leaves, output }: { readonly run: number; readonly leaves: readonly number[]; readonly output: Output },
): MovedChunk[] {
  return leaves.flatMap((leaf) => {
    const placed = groups[run]?.[known.indexOf(leaf)];
    return placed === undefined ? [] : [moveChunk(placed, output)];
  });
}
