/**
 * Several Parquet files of one schema as one file: their row groups byte for byte, under a footer of their own.
 * Page indexes move along, with the offsets in them put right; blooms are left behind.
 */
import { bytesEqual, concatBytes, utf8 } from '../../core/bytes.ts';
import { readFooterStruct } from '../footer.ts';
import {
  I16,
  I32,
  I64,
  LIST,
  listAt,
  numberAt,
  readThriftStruct,
  STRUCT,
  structAt,
  structOf,
  withFields,
  writeThriftStruct,
  type ThriftField,
  type ThriftStruct,
  type ThriftValue,
} from '../thrift.ts';

const MAGIC = utf8('PAR1');

/** The files in order as one; undefined where they are not alike: other columns, another writer, or a layout that can't be moved. */
export function joinParquet(files: readonly Uint8Array[]): Uint8Array | undefined {
  const [only, second] = files;
  if (only !== undefined && second === undefined) return only;
  const metas = files.map(readFooterStruct);
  const [first] = metas;
  if (first === undefined || !metas.every((meta) => isAlike(first, meta))) return undefined;
  const output = startOutput();
  const groups: MovedGroup[] = [];
  for (const [i, file] of files.entries()) {
    for (const value of listAt(metas[i] ?? new Map(), 4)) {
      const moved = moveGroup(file, structOf(value) ?? new Map(), output);
      if (moved === undefined) return undefined;
      groups.push(moved);
    }
  }
  return finishOutput(first, groups, output);
}

/** Same version, schema, writer, column orders and remarks; an encrypted file is like no other. */
export function isAlike(a: ThriftStruct, b: ThriftStruct): boolean {
  const common = (meta: ThriftStruct): Uint8Array => writeThriftStruct(withFields(meta, { 3: undefined, 4: undefined }));
  return !a.has(8) && bytesEqual(common(a), common(b));
}

/** A file in the making: its pieces, and where the next one comes to lie. */
export interface Output {
  readonly out: Uint8Array[];
  readonly cursor: { at: number };
}

export function startOutput(): Output {
  return { out: [MAGIC], cursor: { at: MAGIC.length } };
}

/** The file of the row groups that were appended, with the remarks and schema of `meta`. */
export function finishOutput(meta: ThriftStruct, groups: readonly MovedGroup[], output: Output): Uint8Array {
  const items = appendIndexes(groups, output);
  const rowCount = groups.reduce((sum, { group }) => sum + (numberAt(group, 3) ?? 0), 0);
  const footer = writeThriftStruct(withFields(meta, { 3: i64(rowCount), 4: { type: LIST, value: { elementType: STRUCT, items } } }));
  const end = new Uint8Array(8);
  new DataView(end.buffer).setUint32(0, footer.length, true);
  end.set(MAGIC, 4);
  return concatBytes([...output.out, footer, end]);
}

/** Where the bytes came to lie. */
export function append({ out, cursor }: Output, bytes: Uint8Array): number {
  const start = cursor.at;
  out.push(bytes);
  cursor.at += bytes.length;
  return start;
}

/** A row group whose column bytes are in the output, its indexes not yet. */
export interface MovedGroup {
  readonly group: ThriftStruct;
  readonly chunks: readonly MovedChunk[];
}

export interface MovedChunk {
  readonly chunk: ThriftStruct;
  readonly columnIndex: Uint8Array | undefined;
  /** With offsets of the new file. */
  readonly offsetIndex: Uint8Array | undefined;
}

/** A column chunk in its file: `[start, end)`, data pages from `dataStart` on, before them the dictionary where there is one. */
export interface PlacedChunk {
  readonly file: Uint8Array;
  readonly chunk: ThriftStruct;
  readonly meta: ThriftStruct;
  readonly start: number;
  readonly dataStart: number;
  readonly end: number;
}

/** The chunks of a row group; undefined where one lies outside the file, in another or is encrypted. */
export function placeChunks(file: Uint8Array, group: ThriftStruct): readonly PlacedChunk[] | undefined {
  const placed: PlacedChunk[] = [];
  for (const value of listAt(group, 1)) {
    const chunk = structOf(value);
    const meta = chunk === undefined ? undefined : structAt(chunk, 3);
    if (chunk === undefined || meta === undefined || chunk.has(1) || chunk.has(8)) return undefined;
    const dataStart = numberAt(meta, 9) ?? 0;
    const dictionaryOffset = numberAt(meta, 11) ?? 0;
    const start = dictionaryOffset > 0 ? Math.min(dictionaryOffset, dataStart) : dataStart;
    const end = start + (numberAt(meta, 7) ?? 0);
    if (start < MAGIC.length || end < dataStart || end > file.length) return undefined;
    placed.push({ file, chunk, meta, start, dataStart, end });
  }
  return placed;
}

function moveGroup(file: Uint8Array, group: ThriftStruct, output: Output): MovedGroup | undefined {
  const chunks = placeChunks(file, group)?.map((placed) => moveChunk(placed, output));
  return chunks === undefined ? undefined : { group, chunks };
}

export function moveChunk({ file, chunk, meta, start, dataStart, end }: PlacedChunk, output: Output): MovedChunk {
  const shift = append(output, file.subarray(start, end)) - start;
  const moved = withFields(meta, {
    9: i64(dataStart + shift),
    10: undefined,
    11: start < dataStart ? i64(start + shift) : undefined,
    14: undefined,
    15: undefined,
  });
  return {
    chunk: withFields(chunk, { 2: i64(0), 3: { type: STRUCT, value: moved }, 4: undefined, 5: undefined, 6: undefined, 7: undefined }),
    columnIndex: columnIndexOf({ file, chunk }),
    offsetIndex: shiftedOffsets(offsetIndexOf({ file, chunk }), shift),
  };
}

type ChunkInFile = Pick<PlacedChunk, 'file' | 'chunk'>;

export function columnIndexOf({ file, chunk }: ChunkInFile): Uint8Array | undefined {
  return indexBytes(file, numberAt(chunk, 6), numberAt(chunk, 7));
}

export function offsetIndexOf({ file, chunk }: ChunkInFile): Uint8Array | undefined {
  return indexBytes(file, numberAt(chunk, 4), numberAt(chunk, 5));
}

export function i64(value: number): ThriftField {
  return { type: I64, value };
}

function indexBytes(file: Uint8Array, offset: number | undefined, length: number | undefined): Uint8Array | undefined {
  const isThere = offset !== undefined && length !== undefined && offset >= MAGIC.length && length > 0 && offset + length <= file.length;
  return isThere ? file.subarray(offset, offset + length) : undefined;
}

function shiftedOffsets(bytes: Uint8Array | undefined, shift: number): Uint8Array | undefined {
  if (bytes === undefined) return undefined;
  const index = readThriftStruct(bytes);
  const items = listAt(index, 1).map((value): ThriftValue => {
    const page = structOf(value) ?? new Map();
    return withFields(page, { 1: i64((numberAt(page, 1) ?? 0) + shift) });
  });
  return writeThriftStruct(withFields(index, { 1: { type: LIST, value: { elementType: STRUCT, items } } }));
}

/** All column indexes, then all offset indexes, as writers lay them; the finished row groups. */
function appendIndexes(groups: readonly MovedGroup[], output: Output): ThriftStruct[] {
  const placed = (bytes: Uint8Array | undefined): readonly [ThriftField | undefined, ThriftField | undefined] =>
    bytes === undefined ? [undefined, undefined] : [i64(append(output, bytes)), { type: I32, value: bytes.length }];
  const columnIndexes = groups.map(({ chunks }) => chunks.map(({ columnIndex }) => placed(columnIndex)));
  const offsetIndexes = groups.map(({ chunks }) => chunks.map(({ offsetIndex }) => placed(offsetIndex)));
  return groups.map(({ group, chunks }, g) => {
    const items = chunks.map(({ chunk }, c) => {
      const [columnOffset, columnLength] = columnIndexes[g]?.[c] ?? [];
      const [offsetOffset, offsetLength] = offsetIndexes[g]?.[c] ?? [];
      return withFields(chunk, { 4: offsetOffset, 5: offsetLength, 6: columnOffset, 7: columnLength });
    });
    const start = firstOffset(items[0]);
    return withFields(group, {
      1: { type: LIST, value: { elementType: STRUCT, items } },
      5: group.has(5) && start !== undefined ? i64(start) : undefined,
      7: group.has(7) ? { type: I16, value: g } : undefined,
    });
  });
}

function firstOffset(chunk: ThriftStruct | undefined): number | undefined {
  const meta = chunk === undefined ? undefined : structAt(chunk, 3);
  return meta === undefined ? undefined : (numberAt(meta, 11) ?? numberAt(meta, 9));
}
