/**
 * A Parquet file in memory that holds one row group and some columns of another file.
 *
 * It is how only the asked columns are read, by ranges, and through the reader's synchronous call: its asynchronous one
 * throws out of a microtask when the wasm traps, where nobody can catch it. Rewriting the schema also settles three
 * matters: no Arrow schema is stored, so types follow from Parquet alone; column names are unique; and INT96 becomes 12
 * fixed bytes, because the reader would wrap instants outside 1677–2262.
 */
import { utf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import type { ColumnType } from '../core/types.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { DecodeColumn, FileSource } from '../ports/table-codec.ts';
import { FIXED_LEN_BYTE_ARRAY, INT96, type ColumnChunk, type Footer, type RowGroup, type SchemaNode } from './footer.ts';
import { BINARY, I32, I64, LIST, numberAt, STRUCT, structAt, withFields, writeThriftStruct, type ThriftStruct } from './thrift.ts';

/** Holes below this are read over: a second request costs more than the bytes. */
const GAP_BYTES_MAX = 256 * 1024;
const MAGIC = utf8('PAR1');

/** By field id where the file has ids, else by name. */
export function nodeOf(footer: Footer, column: DecodeColumn): SchemaNode | undefined {
  const hasIds = column.fieldId !== undefined && footer.columns.some((node) => node.fieldId !== undefined);
  const name = column.physicalName ?? column.name;
  return footer.columns.find((node) => (hasIds ? node.fieldId === column.fieldId : node.name === name));
}

/** The i-th column of the result is `nodes[i]` and is called `ci`. */
export async function projectRowGroup(
  source: FileSource,
  input: { readonly footer: Footer; readonly group: RowGroup; readonly nodes: readonly SchemaNode[] },
  options: RequestOptions,
): Promise<Uint8Array> {
  const { footer, group, nodes } = input;
  const chunks = nodes.flatMap(leavesOf).flatMap((leaf) => group.chunks[leaf] ?? []);
  const bytesOf = await readChunks(source, chunks, options);
  let at = MAGIC.length;
  const moved = chunks.map((chunk) => {
    const element = moveChunk(chunk, at);
    at += chunk.end - chunk.start;
    return element;
  });
  const elements = [withFields(footer.root, { 5: { type: I32, value: nodes.length } }), ...nodes.flatMap((node, i) => rewriteNode(node, `c${i}`))];
  const fileMeta: ThriftStruct = new Map([
    [1, { type: I32, value: 1 }],
    [2, { type: LIST, value: { elementType: STRUCT, items: elements } }],
    [3, { type: I64, value: group.rowCount }],
    [4, { type: LIST, value: { elementType: STRUCT, items: [rewriteGroup(group, moved)] } }],
  ]);
  const meta = writeThriftStruct(fileMeta);
  const file = new Uint8Array(at + meta.length + 8);
  file.set(MAGIC);
  let offset = MAGIC.length;
  chunks.forEach((chunk, i) => {
    file.set(bytesOf[i] ?? new Uint8Array(), offset);
    offset += chunk.end - chunk.start;
  });
  file.set(meta, at);
  new DataView(file.buffer).setUint32(at + meta.length, meta.length, true);
  file.set(MAGIC, at + meta.length + 4);
  return file;
}

/** Numbers of the leaves below a node, which need not be neighbours once fields were left out. */
export function leavesOf(node: SchemaNode): readonly number[] {
  return node.physicalType === undefined ? node.children.flatMap(leavesOf) : [node.firstLeaf];
}

/** The node with those fields alone, at every depth, that the struct type names; undefined where none is left. */
export function withFieldsOf(node: SchemaNode, type: ColumnType): SchemaNode | undefined {
  if (type.kind !== 'struct' || node.physicalType !== undefined) return node;
  const children = type.fields.flatMap((field) => {
    const child = node.children.find((candidate) => candidate.name === field.name);
    return (child === undefined ? undefined : withFieldsOf(child, field.type)) ?? [];
  });
  if (children.length === 0) return undefined;
  return { ...node, children, element: withFields(node.element, { 5: { type: I32, value: children.length } }) };
}

/** The bytes of each chunk; neighbours come in one read. */
async function readChunks(source: FileSource, chunks: readonly ColumnChunk[], options: RequestOptions): Promise<Uint8Array[]> {
  const order = chunks.map((_, i) => i).toSorted((a, b) => (chunks[a]?.start ?? 0) - (chunks[b]?.start ?? 0));
  const result: Uint8Array[] = chunks.map(() => new Uint8Array());
  for (let first = 0; first < order.length;) {
    const members: { readonly index: number; readonly chunk: ColumnChunk }[] = [];
    let end = 0;
    for (; first < order.length; first += 1) {
      const index = order[first] ?? 0;
      const chunk = chunks[index];
      if (chunk === undefined || (members.length > 0 && chunk.start > end + GAP_BYTES_MAX)) break;
      members.push({ index, chunk });
      end = Math.max(end, chunk.end);
    }
    const start = members[0]?.chunk.start ?? 0;
    options.signal?.throwIfAborted();
    const bytes = await source.read(start, end);
    if (bytes.length !== end - start) throw new LakefoldError('FILE_CORRUPT', `expected ${end - start} bytes at offset ${start}, found ${bytes.length}`);
    for (const { index, chunk } of members) result[index] = bytes.subarray(chunk.start - start, chunk.end - start);
  }
  return result;
}

/** Offsets follow the bytes; indexes, blooms and statistics stay behind, for they lie elsewhere or would not fit the type. */
function moveChunk(chunk: ColumnChunk, to: number): ThriftStruct {
  const meta = structAt(chunk.element, 3) ?? new Map();
  const shift = to - chunk.start;
  const dictionaryOffset = numberAt(meta, 11) ?? 0;
  const moved = withFields(meta, {
    ...(numberAt(meta, 1) === INT96 ? { 1: { type: I32, value: FIXED_LEN_BYTE_ARRAY } } : {}),
    9: { type: I64, value: (numberAt(meta, 9) ?? 0) + shift },
    10: undefined,
    11: dictionaryOffset > 0 ? { type: I64, value: dictionaryOffset + shift } : undefined,
    12: undefined,
    14: undefined,
    15: undefined,
    16: undefined,
    17: undefined,
  });
  return new Map([
    [2, { type: I64, value: 0 }],
    [3, { type: STRUCT, value: moved }],
  ]);
}

function rewriteGroup(group: RowGroup, chunks: readonly ThriftStruct[]): ThriftStruct {
  return withFields(group.element, { 1: { type: LIST, value: { elementType: STRUCT, items: chunks } }, 4: undefined, 5: undefined });
}

function rewriteNode(node: SchemaNode, name?: string): ThriftStruct[] {
  const element = withFields(node.element, {
    ...(name === undefined ? {} : { 4: { type: BINARY, value: utf8(name) } }),
    ...(node.physicalType === INT96 ? { 1: { type: I32, value: FIXED_LEN_BYTE_ARRAY }, 2: { type: I32, value: 12 } } : {}),
  });
  return [element, ...node.children.flatMap((child) => rewriteNode(child))];
}

export function corruptFile(found: string, cause: unknown): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected a readable Parquet file, found one that is not: ${found}`, { cause });
}
