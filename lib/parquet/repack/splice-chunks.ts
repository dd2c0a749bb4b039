/**
 * One column of several row groups as one column chunk, its pages byte for byte: a data page without a dictionary stands
 * for itself, and pages over equal dictionaries share one.
 */
import { bytesEqual } from '../../core/bytes.ts';
import { boundOrder } from '../bound-order.ts';
import { append, columnIndexOf, i64, offsetIndexOf, type MovedChunk, type Output, type PlacedChunk } from './join-files.ts';
import { readPageHeaders } from '../page-headers.ts';
import {
  bytesAt,
  I32,
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

/** A chunk with the count of rows of its row group. */
export interface ChunkPart {
  readonly placed: PlacedChunk;
  readonly rows: number;
}

/** BoundaryOrder UNORDERED, which is true of any pages. */
const UNORDERED: ThriftField = { type: I32, value: 0 };

/** Same codec, and no dictionary, or the same in each. */
export function canSplice(parts: readonly ChunkPart[]): boolean {
  const [first] = parts;
  if (first === undefined) return false;
  const dictionary = dictionaryOf(first.placed);
  return parts.every(({ placed }) => numberAt(placed.meta, 4) === numberAt(first.placed.meta, 4) && bytesEqual(dictionaryOf(placed), dictionary));
}

/** The chunks as one, appended; `element` is the column's in the schema. Expects `canSplice`. */
export function spliceChunks(element: ThriftStruct, parts: readonly ChunkPart[], output: Output): MovedChunk {
  const metas = parts.map(({ placed }) => placed.meta);
  const [first] = parts;
  const dictionary = first === undefined ? new Uint8Array() : dictionaryOf(first.placed);
  const dictionaryOffset = append(output, dictionary);
  const dataOffset = output.cursor.at;
  const shifts = parts.map(({ placed }) => append(output, placed.file.subarray(placed.dataStart, placed.end)) - placed.dataStart);
  const sum = (id: number): number => metas.reduce((total, meta) => total + (numberAt(meta, id) ?? 0), 0);
  const storedBytes = output.cursor.at - dictionaryOffset;
  const encodings = [...new Set(metas.flatMap((meta) => listAt(meta, 2)))].toSorted((a, b) => Number(a) - Number(b));
  const meta = withFields(metas[0] ?? new Map(), {
    2: { type: LIST, value: { elementType: I32, items: encodings } },
    5: i64(sum(5)),
    6: i64(sum(6) - (parts.length - 1) * decodedSize(dictionary)),
    7: i64(storedBytes),
    9: i64(dataOffset),
    10: undefined,
    11: dictionary.length > 0 ? i64(dictionaryOffset) : undefined,
    12: mergeStatistics(element, metas),
    13: undefined,
    14: undefined,
    15: undefined,
    16: undefined,
  });
  const offsetIndex = mergeOffsets(parts, shifts);
  const chunk = withFields(first?.placed.chunk ?? new Map(), {
    2: i64(0),
    3: { type: STRUCT, value: meta },
    4: undefined,
    5: undefined,
    6: undefined,
    7: undefined,
  });
  return { chunk, offsetIndex, columnIndex: offsetIndex === undefined ? undefined : mergeColumnIndexes(parts) };
}

function dictionaryOf({ file, start, dataStart }: PlacedChunk): Uint8Array {
  return file.subarray(start, dataStart);
}

function decodedSize(page: Uint8Array): number {
  return readPageHeaders(page).reduce((sum, { headerBytes, decodedBytes }) => sum + headerBytes + decodedBytes, 0);
}

/** Absent where a chunk has none; bounds of chunks with nothing but nulls are not missed. */
function mergeStatistics(element: ThriftStruct, metas: readonly ThriftStruct[]): ThriftField | undefined {
  const all = metas.flatMap((meta) => structAt(meta, 12) ?? []);
  const nulls = all.map((statistics) => numberAt(statistics, 3));
  if (all.length < metas.length || nulls.includes(undefined)) return undefined;
  const valued = all.filter((_, i) => nulls[i] !== numberAt(metas[i] ?? new Map(), 5));
  const max = extreme(element, valued, { value: 5, isExact: 7, sign: 1 });
  const min = extreme(element, valued, { value: 6, isExact: 8, sign: -1 });
  const nullCount = i64(nulls.reduce<number>((total, count) => total + (count ?? 0), 0));
  return { type: STRUCT, value: withFields(new Map([[3, nullCount]]), { ...max, ...min }) };
}

/** The fields of the least (-1) or greatest (1) bound; none where one is missing or can't be compared. */
function extreme(
  element: ThriftStruct,
  all: readonly ThriftStruct[],
  side: { readonly value: number; readonly isExact: number; readonly sign: 1 | -1 },
): Record<number, ThriftField | undefined> {
  const order = boundOrder(element);
  let best: ThriftStruct | undefined;
  for (const statistics of all) {
    const bound = bytesAt(statistics, side.value);
    const bestBound = bytesAt(best ?? statistics, side.value);
    const compared = bound === undefined || bestBound === undefined ? undefined : order?.(bound, bestBound);
    if (compared === undefined) return {};
    if (best === undefined || compared * side.sign > 0) best = statistics;
  }
  return best === undefined ? {} : { [side.value]: best.get(side.value), [side.isExact]: best.get(side.isExact) };
}

/** Undefined where a chunk has none. */
function mergeOffsets(parts: readonly ChunkPart[], shifts: readonly number[]): Uint8Array | undefined {
  const indexes = parseAll(parts, offsetIndexOf);
  if (indexes === undefined) return undefined;
  let firstRow = 0;
  const items = indexes.flatMap((index, i) => {
    const base = firstRow;
    firstRow += parts[i]?.rows ?? 0;
    return listAt(index, 1).map((value): ThriftValue => {
      const page = structOf(value) ?? new Map();
      return withFields(page, { 1: i64((numberAt(page, 1) ?? 0) + (shifts[i] ?? 0)), 3: i64((numberAt(page, 3) ?? 0) + base) });
    });
  });
  return writeThriftStruct(withFields(new Map([[1, { type: LIST, value: { elementType: STRUCT, items } }]]), { 2: joinLists(indexes, 2) }));
}

/** Undefined where a chunk has none. */
function mergeColumnIndexes(parts: readonly ChunkPart[]): Uint8Array | undefined {
  const indexes = parseAll(parts, columnIndexOf);
  if (indexes === undefined) return undefined;
  const [isNull, mins, maxs] = [joinLists(indexes, 1), joinLists(indexes, 2), joinLists(indexes, 3)];
  if (isNull === undefined || mins === undefined || maxs === undefined) return undefined;
  const fields: Record<number, ThriftField | undefined> = { 1: isNull, 2: mins, 3: maxs, 4: UNORDERED };
  for (const id of [5, 6, 7]) fields[id] = joinLists(indexes, id);
  return writeThriftStruct(withFields(new Map(), fields));
}

function parseAll(parts: readonly ChunkPart[], bytesOf: (placed: PlacedChunk) => Uint8Array | undefined): readonly ThriftStruct[] | undefined {
  const all = parts.map(({ placed }) => bytesOf(placed));
  return all.includes(undefined) ? undefined : all.map((bytes) => readThriftStruct(bytes ?? new Uint8Array()));
}

/** The lists of a field one after the other; undefined where one lacks it. */
function joinLists(structs: readonly ThriftStruct[], id: number): ThriftField | undefined {
  const [first] = structs;
  const value = first?.get(id)?.value;
  if (typeof value !== 'object' || !('items' in value) || !structs.every((struct) => struct.has(id))) return undefined;
  return { type: LIST, value: { elementType: value.elementType, items: structs.flatMap((struct) => listAt(struct, id)) } };
}
