/**
 * Files of small row groups as one file of large ones: pages are copied column by column, and only columns whose
 * dictionaries differ are encoded again.
 */
import { bytesEqual } from '../core/bytes.ts';
import { readFooterStruct } from './footer.ts';
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
import { canSplice, spliceChunks, type ChunkPart } from './splice-chunks.ts';
import {
  I32,
  LIST,
  listAt,
  numberAt,
  STRUCT,
  structOf,
  withFields,
  writeThriftStruct,
  type ThriftField,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.ts';
import { ROW_GROUP_ROWS } from './writer-properties.ts';

/** Encodes a file again as one row group; undefined where that takes too much memory. */
type Recode = (file: Uint8Array) => Promise<Uint8Array | undefined>;

interface SourceGroup {
  readonly group: ThriftStruct;
  readonly rows: number;
  /** By number of the leaf. */
  readonly chunks: readonly PlacedChunk[];
}

/** A column of the table: elements `[from, to)` of the schema, and its leaves. */
interface TopColumn {
  readonly from: number;
  readonly to: number;
  readonly leaves: readonly number[];
}

interface Schema {
  readonly meta: ThriftStruct;
  readonly elements: readonly ThriftValue[];
  /** Elements of the leaves by number. */
  readonly leaves: readonly ThriftStruct[];
  readonly columns: readonly TopColumn[];
}

/** The rows of the files in order, in row groups of about the usual size; undefined where the files are not alike, or a column is not encoded as it was. */
export async function spliceParquet(files: readonly Uint8Array[], recode: Recode): Promise<Uint8Array | undefined> {
  const metas = files.map(readFooterStruct);
  const [first] = metas;
  const schema = first === undefined ? undefined : parseSchema(first);
  if (first === undefined || schema === undefined || !metas.every((meta) => isAlike(first, meta))) return undefined;
  const runs = runsOf(files, metas, schema.leaves.length);
  if (runs === undefined) return undefined;
  const output = startOutput();
  const groups: MovedGroup[] = [];
  for (const run of runs) {
    const chunks = await mergeGroups(schema, run, { recode, output });
    if (chunks === undefined) return undefined;
    groups.push({ group: groupOf(run, chunks), chunks });
  }
  return finishOutput(first, groups, output);
}

/** Neighbouring row groups that fit into one; undefined where one can't be moved. */
function runsOf(files: readonly Uint8Array[], metas: readonly ThriftStruct[], leafCount: number): readonly (readonly SourceGroup[])[] | undefined {
  const runs: SourceGroup[][] = [];
  let room = 0;
  for (const [i, file] of files.entries()) {
    for (const value of listAt(metas[i] ?? new Map(), 4)) {
      const group = structOf(value) ?? new Map();
      const rows = numberAt(group, 3) ?? 0;
      const chunks = placeChunks(file, group);
      if (chunks?.length !== leafCount) return undefined;
      if (rows === 0) continue;
      const run = runs.at(-1);
      if (run !== undefined && rows <= room) {
        run.push({ group, rows, chunks });
        room -= rows;
      } else {
        runs.push([{ group, rows, chunks }]);
        room = ROW_GROUP_ROWS - rows;
      }
    }
  }
  return runs;
}

interface Merging {
  readonly recode: Recode;
  readonly output: Output;
}

async function mergeGroups(schema: Schema, run: readonly SourceGroup[], { recode, output }: Merging): Promise<readonly MovedChunk[] | undefined> {
  const partsOf = (leaf: number): readonly ChunkPart[] =>
    run.flatMap(({ chunks, rows }) => {
      const placed = chunks[leaf];
      return placed === undefined ? [] : [{ placed, rows }];
    });
  const unlike = run.length === 1 ? [] : schema.columns.filter(({ leaves }) => !leaves.every((leaf) => canSplice(partsOf(leaf))));
  const recoded = await recodeColumns(schema, unlike, { run, recode });
  if (recoded === undefined) return undefined;
  return schema.leaves.map((element, leaf) => {
    const again = recoded.get(leaf);
    if (again !== undefined) return moveChunk(again, output);
    const [only] = run.length === 1 ? partsOf(leaf) : [];
    return only === undefined ? spliceChunks(element, partsOf(leaf), output) : moveChunk(only.placed, output);
  });
}

/** Leaf → its chunk in a file of its own; undefined where the columns come back otherwise than they were. */
async function recodeColumns(
  schema: Schema,
  columns: readonly TopColumn[],
  { run, recode }: { readonly run: readonly SourceGroup[]; readonly recode: Recode },
): Promise<ReadonlyMap<number, PlacedChunk> | undefined> {
  if (columns.length === 0) return new Map();
  const leaves = columns.flatMap((column) => column.leaves);
  const elements = columns.flatMap(({ from, to }) => schema.elements.slice(from, to));
  const orders = listAt(schema.meta, 7);
  const part = startOutput();
  const groups = run.map(({ group, chunks }): MovedGroup => ({
    group,
    chunks: leaves.flatMap((leaf) => {
      const placed = chunks[leaf];
      return placed === undefined ? [] : [moveChunk(placed, part)];
    }),
  }));
  const root = withFields(structOf(schema.elements[0]) ?? new Map(), { 5: { type: I32, value: columns.length } });
  const meta = withFields(schema.meta, {
    2: structs([root, ...elements]),
    5: undefined,
    7: orders.length === 0 ? undefined : structs(leaves.flatMap((leaf) => orders[leaf] ?? [])),
  });
  const file = await recode(finishOutput(meta, groups, part));
  if (file === undefined) return undefined;
  const found = readFooterStruct(file);
  const [only, ...more] = listAt(found, 4);
  const isSame = bytesEqual(bytesOf(listAt(found, 2).slice(1)), bytesOf(elements));
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

function structs(items: readonly ThriftValue[]): ThriftField {
  return { type: LIST, value: { elementType: STRUCT, items } };
}

function bytesOf(elements: readonly ThriftValue[]): Uint8Array {
  return writeThriftStruct(new Map([[1, structs(elements)]]));
}

/** Without the order of its rows, which need not hold across row groups. */
function groupOf(run: readonly SourceGroup[], chunks: readonly MovedChunk[]): ThriftStruct {
  const [first, ...more] = run;
  if (first === undefined || more.length === 0) return first?.group ?? new Map();
  const sum = (id: number): number => chunks.reduce((total, { chunk }) => total + (numberAt(structOf(chunk.get(3)?.value) ?? new Map(), id) ?? 0), 0);
  return withFields(first.group, {
    2: i64(sum(6)),
    3: i64(run.reduce((total, { rows }) => total + rows, 0)),
    4: undefined,
    6: first.group.has(6) ? i64(sum(7)) : undefined,
  });
}

/** Undefined where the elements are no tree. */
function parseSchema(meta: ThriftStruct): Schema | undefined {
  const elements = listAt(meta, 2);
  const leaves: ThriftStruct[] = [];
  const columns: TopColumn[] = [];
  let at = 1;
  while (at < elements.length) {
    const from = at;
    const firstLeaf = leaves.length;
    for (let open = 1; open > 0; open -= 1, at += 1) {
      const element = structOf(elements[at]);
      if (element === undefined) return undefined;
      if (numberAt(element, 1) !== undefined) leaves.push(element);
      else open += numberAt(element, 5) ?? 0;
    }
    columns.push({ from, to: at, leaves: leaves.slice(firstLeaf).map((_, i) => firstLeaf + i) });
  }
  return { meta, elements, leaves, columns };
}
