/**
 * Files of small row groups as one file of large ones, column by column: pages are copied, or made anew of their values where they
 * would be too small, and only columns of other encodings are decoded.
 */
import { bytesEqual } from '../../core/bytes.ts';
import { PARQUET_GROUP_BYTES_MAX } from '../../core/limits.ts';
import { readFooterStruct } from '../footer.ts';
import {
  finishOutput,
  i64,
  isAlike,
  moveChunk,
  placeChunks,
  startOutput,
  type MovedChunk,
  type MovedGroup,
  type Output,
  type PlacedChunk,
} from './join-files.ts';
import type { FlatColumn } from '../remake/flat-column.ts';
import { flatLeafOf, type LeafSchema, parseSchema, type TopColumn } from '../remake/leaf-schema.ts';
import type { PageBytesDeps } from '../remake/page-bytes.ts';
import type { PageHeader } from '../page-headers.ts';
import type { WeighedFile } from './weigh-file.ts';
import { remakeColumn } from '../remake/remake-column.ts';
import { partsToRemake, type RemadePart } from '../remake/taken-pages.ts';
import { columnFile, elementBytes, elementsOf } from '../remake/column-file.ts';
import { canSplice, spliceChunks, type ChunkPart } from './splice-chunks.ts';
import { listAt, numberAt, structOf, withFields, type ThriftStruct } from '../thrift.ts';
import { ROW_GROUP_ROWS } from '../writer-properties.ts';

export interface SpliceOptions extends PageBytesDeps {
  /** Encodes a file again as one row group; undefined where that takes too much memory. */
  readonly recode: (file: Uint8Array) => Promise<Uint8Array | undefined>;
  /** Whether pages are large enough to stand as they are. */
  readonly keepsPages: boolean;
}

interface SourceGroup {
  readonly group: ThriftStruct;
  readonly rows: number;
  /** By number of the leaf. */
  readonly chunks: readonly PlacedChunk[];
  readonly pages: readonly (readonly PageHeader[])[];
}

/** The rows of the files in order, in row groups of about the usual size; undefined where the files are not alike, or a column is not encoded as it was. */
export async function spliceParquet(files: readonly WeighedFile[], options: SpliceOptions): Promise<Uint8Array | undefined> {
  const metas = files.map(({ meta }) => meta);
  const [first] = metas;
  const schema = first === undefined ? undefined : parseSchema(first);
  if (first === undefined || schema === undefined || !metas.every((meta) => isAlike(first, meta))) return undefined;
  const runs = runsOf(files, schema.leaves.length);
  if (runs === undefined) return undefined;
  const output = startOutput();
  const groups: MovedGroup[] = [];
  for (const run of runs) {
    const chunks = await mergeGroups(schema, run, { ...options, output });
    if (chunks === undefined) return undefined;
    groups.push({ group: groupOf(run, chunks), chunks });
  }
  return finishOutput(first, groups, output);
}

/** Neighbouring row groups that fit into one; undefined where one can't be moved. */
function runsOf(files: readonly WeighedFile[], leafCount: number): readonly (readonly SourceGroup[])[] | undefined {
  const runs: SourceGroup[][] = [];
  let room = 0;
  for (const { bytes, meta, pages } of files) {
    for (const [g, value] of listAt(meta, 4).entries()) {
      const group = structOf(value) ?? new Map();
      const rows = numberAt(group, 3) ?? 0;
      const chunks = placeChunks(bytes, group);
      if (chunks?.length !== leafCount) return undefined;
      if (rows === 0) continue;
      const run = runs.at(-1);
      if (run !== undefined && rows <= room) {
        run.push({ group, rows, chunks, pages: pages[g] ?? [] });
        room -= rows;
      } else {
        runs.push([{ group, rows, chunks, pages: pages[g] ?? [] }]);
        room = ROW_GROUP_ROWS - rows;
      }
    }
  }
  return runs;
}

interface Merging extends SpliceOptions {
  readonly output: Output;
}

async function mergeGroups(schema: LeafSchema, run: readonly SourceGroup[], options: Merging): Promise<readonly MovedChunk[] | undefined> {
  const { output } = options;
  const partsOf = (leaf: number): readonly ChunkPart[] =>
    run.flatMap(({ chunks, rows }) => {
      const placed = chunks[leaf];
      return placed === undefined ? [] : [{ placed, rows }];
    });
  const unlike = run.length === 1 ? [] : schema.columns.filter(({ leaves }) => !options.keepsPages || !leaves.every((leaf) => canSplice(partsOf(leaf))));
  const remade = new Map<number, { readonly flat: FlatColumn; readonly parts: readonly RemadePart[] }>();
  const decoded = unlike.filter((column) => {
    const found = flatLeafOf(schema, column);
    const parts = found === undefined || decodedSize(run, found.leaf) > PARQUET_GROUP_BYTES_MAX ? undefined : partsToRemake(run, found.leaf);
    if (found !== undefined && parts !== undefined) remade.set(found.leaf, { flat: found.flat, parts });
    return parts === undefined;
  });
  const recoded = await recodeColumns(schema, decoded, { run, recode: options.recode });
  if (recoded === undefined) return undefined;
  const moved: MovedChunk[] = [];
  for (const [leaf, element] of schema.leaves.entries()) {
    const again = recoded.get(leaf);
    const anew = remade.get(leaf);
    const [only] = run.length === 1 ? partsOf(leaf) : [];
    if (again !== undefined) moved.push(moveChunk(again, output));
    else if (anew !== undefined) moved.push((await remakeColumn(options, anew.flat, { parts: anew.parts, output })).moved);
    else moved.push(only === undefined ? spliceChunks(element, partsOf(leaf), output) : moveChunk(only.placed, output));
  }
  return moved;
}

function decodedSize(run: readonly SourceGroup[], leaf: number): number {
  return run.reduce((total, { pages }) => (pages[leaf] ?? []).reduce((sum, { decodedBytes }) => sum + decodedBytes, total), 0);
}

/** Leaf → its chunk in a file of its own; undefined where the columns come back otherwise than they were. */
async function recodeColumns(
  schema: LeafSchema,
  columns: readonly TopColumn[],
  { run, recode }: { readonly run: readonly SourceGroup[]; readonly recode: SpliceOptions['recode'] },
): Promise<ReadonlyMap<number, PlacedChunk> | undefined> {
  if (columns.length === 0) return new Map();
  const leaves = columns.flatMap((column) => column.leaves);
  const elements = elementsOf(schema, columns);
  const file = await recode(columnFile(schema, columns, run));
  if (file === undefined) return undefined;
  const found = readFooterStruct(file);
  const [only, ...more] = listAt(found, 4);
  const isSame = bytesEqual(elementBytes(listAt(found, 2).slice(1)), elementBytes(elements));
  const chunks = isSame && more.length === 0 ? placeChunks(file, structOf(only) ?? new Map()) : undefined;
  return chunks === undefined || chunks.length !== leaves.length
    ? undefined
    : new Map(
        leaves.flatMap((leaf, i): [number, PlacedChunk][] => {
          const chunk = chunks[i];
          return chunk === undefined ? [] : [[leaf, chunk]];
        }),
      );
}

function groupOf(run: readonly SourceGroup[], chunks: readonly MovedChunk[]): ThriftStruct {
  const [first, ...more] = run;
  if (first === undefined || more.length === 0) return first?.group ?? new Map();
  return groupOfChunks(
    first.group,
    run.reduce((total, { rows }) => total + rows, 0),
    chunks,
  );
}

/** Like another one, without the order of its rows, which need not hold any more. */
export function groupOfChunks(like: ThriftStruct, rowCount: number, chunks: readonly MovedChunk[]): ThriftStruct {
  const sum = (id: number): number => chunks.reduce((total, { chunk }) => total + (numberAt(structOf(chunk.get(3)?.value) ?? new Map(), id) ?? 0), 0);
  return withFields(like, { 2: i64(sum(6)), 3: i64(rowCount), 4: undefined, 6: like.has(6) ? i64(sum(7)) : undefined });
}
