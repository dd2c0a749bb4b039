/**
 * A Parquet file in memory that holds some columns of one row group of another file, or some pages of them.
 *
 * It is how only the asked columns are read, by ranges, and through the reader's synchronous call: its asynchronous one
 * throws out of a microtask when the wasm traps, where nobody can catch it. Rewriting the schema also settles three
 * matters: no Arrow schema is stored, so types follow from Parquet alone; column names are unique; and INT96 becomes 12
 * fixed bytes, because the reader would wrap instants outside 1677–2262.
 */
import { concatBytes, utf8 } from '../core/bytes.ts';
import type { ColumnType } from '../core/types.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { DecodeColumn, FileSource } from '../ports/table-codec.ts';
import { FIXED_LEN_BYTE_ARRAY, INT96, type ColumnChunk, type Footer, type RowGroup, type SchemaNode } from './footer.ts';
import { checkChunk, type Leaf } from './repack/chunk-check.ts';
import { decodedBytes, type MeasuredChunk } from './decoded-size.ts';
import { DICTIONARY_PAGE, readPageHeaders } from './page-headers.ts';
import type { LeafPages } from './page-selection.ts';
import { type ByteSpan, readSpans } from './read-ranges.ts';
import { checkCodec, type StreamMeasure } from './unpacked-size.ts';
import type { ParquetWasm } from './wasm-runtime.ts';
import { BINARY, I32, I64, LIST, numberAt, STRUCT, structAt, withFields, writeThriftStruct, type ThriftField, type ThriftStruct } from './thrift.ts';

export { corruptFile } from './wasm-runtime.ts';

const MAGIC = utf8('PAR1');

/** By field id where the file has ids, else by name. */
export function nodeOf(footer: Footer, column: DecodeColumn): SchemaNode | undefined {
  const hasIds = column.fieldId !== undefined && footer.columns.some((node) => node.fieldId !== undefined);
  const name = column.physicalName ?? column.name;
  return footer.columns.find((node) => (hasIds ? node.fieldId === column.fieldId : node.name === name));
}

export interface Projection {
  readonly footer: Footer;
  readonly group: RowGroup;
  /** The i-th column of the result is `nodes[i]` and is called `ci`. */
  readonly nodes: readonly SchemaNode[];
  /** Of each leaf the data pages to take, which hold `rowCount` rows together; left out = all of the row group. */
  readonly selection?: { readonly pagesOf: (leaf: number) => LeafPages; readonly rowCount: number };
}

/** Where from, and what looks into the pages before they are decoded. */
export interface ProjectDeps {
  readonly source: FileSource;
  readonly wasm: ParquetWasm;
  readonly measure: StreamMeasure | undefined;
}

export interface ProjectedGroup {
  readonly file: Uint8Array;
  /** What it decodes to at most, bytes. */
  readonly decodedBytes: number;
}

/** @throws LakefoldError FILE_CORRUPT where its pages contradict each other or the row group, LIMIT_EXCEEDED where they decode to too much, UNSUPPORTED_FORMAT */
export async function projectRowGroup({ source, wasm, measure }: ProjectDeps, projection: Projection, options: RequestOptions): Promise<ProjectedGroup> {
  const { footer, group, nodes, selection } = projection;
  const parts = nodes
    .flatMap((node) => leafNodesOf(node))
    .flatMap((leaf) => {
      const chunk = group.chunks[leaf.node.firstLeaf];
      return chunk === undefined ? [] : [{ leaf, ...partOf(chunk, selection?.pagesOf(leaf.node.firstLeaf)) }];
    });
  const bytes = await readSpans(
    source,
    parts.flatMap(({ spans }) => spans),
    options,
  );
  let next = 0;
  const bodies = parts.map(({ spans }) => concatBytes(bytes.slice(next, (next += spans.length))));
  const rowCount = selection?.rowCount ?? group.rowCount;
  const checked = parts.map(({ chunk, leaf }, i): MeasuredChunk => {
    const chunkBytes = bodies[i] ?? new Uint8Array();
    const codec = checkCodec(numberAt(structAt(chunk.element, 3) ?? new Map(), 4));
    return { leaf, bytes: chunkBytes, codec, size: checkChunk({ leaf, bytes: chunkBytes, codec, rowCount }, measure) };
  });
  const size = await decodedBytes(wasm, checked);
  let at = MAGIC.length;
  const moved = parts.map((part, i) => {
    const body = bodies[i] ?? new Uint8Array();
    const element = moveChunk(part, body, at);
    at += body.length;
    return element;
  });
  const elements = [withFields(footer.root, { 5: { type: I32, value: nodes.length } }), ...nodes.flatMap((node, i) => rewriteNode(node, `c${i}`))];
  const fileMeta: ThriftStruct = new Map([
    [1, { type: I32, value: 1 }],
    [2, { type: LIST, value: { elementType: STRUCT, items: elements } }],
    [3, { type: I64, value: rowCount }],
    [4, { type: LIST, value: { elementType: STRUCT, items: [rewriteGroup(group, moved, rowCount)] } }],
  ]);
  const meta = writeThriftStruct(fileMeta);
  const end = new Uint8Array(8);
  new DataView(end.buffer).setUint32(0, meta.length, true);
  end.set(MAGIC, 4);
  return { file: concatBytes([MAGIC, ...bodies, meta, end]), decodedBytes: size };
}

/** Numbers of the leaves below a node, which need not be neighbours once fields were left out. */
export function leavesOf(node: SchemaNode): readonly number[] {
  return node.physicalType === undefined ? node.children.flatMap(leavesOf) : [node.firstLeaf];
}

/** The leaves below a node, each with how it is nested. */
export function leafNodesOf(
  node: SchemaNode,
  above: { readonly isRepeated: boolean; readonly isOptional: boolean } = { isRepeated: false, isOptional: false },
): readonly Leaf[] {
  const isRepeated = above.isRepeated || node.repetition === 'repeated';
  const nesting = { isRepeated, isOptional: above.isOptional || node.repetition !== 'required' };
  return node.physicalType === undefined ? node.children.flatMap((child) => leafNodesOf(child, nesting)) : [{ node, ...nesting }];
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

/** What is taken of a chunk: all of it, or its dictionary and some of its pages. */
interface ChunkPart {
  readonly chunk: ColumnChunk;
  readonly spans: readonly ByteSpan[];
  /** Bytes of the dictionary before the pages; undefined = the chunk as it is. */
  readonly dictionaryBytes: number | undefined;
}

function partOf(chunk: ColumnChunk, taken: LeafPages | undefined): ChunkPart {
  if (taken === undefined) return { chunk, spans: [chunk], dictionaryBytes: undefined };
  const dictionary = { start: chunk.start, end: taken.dataStart };
  return { chunk, spans: [dictionary, ...taken.pages], dictionaryBytes: dictionary.end - dictionary.start };
}

/** Offsets follow the bytes; indexes, blooms and statistics stay behind, for they lie elsewhere or would not fit the type. */
function moveChunk({ chunk, dictionaryBytes }: ChunkPart, body: Uint8Array, to: number): ThriftStruct {
  const meta = structAt(chunk.element, 3) ?? new Map();
  const shift = to - chunk.start;
  const dictionaryOffset = dictionaryBytes === undefined ? (numberAt(meta, 11) ?? 0) : dictionaryBytes > 0 ? chunk.start : 0;
  const moved = withFields(meta, {
    ...(numberAt(meta, 1) === INT96 ? { 1: { type: I32, value: FIXED_LEN_BYTE_ARRAY } } : {}),
    ...(dictionaryBytes === undefined ? {} : sizesOf(body)),
    9: { type: I64, value: dictionaryBytes === undefined ? (numberAt(meta, 9) ?? 0) + shift : to + dictionaryBytes },
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

/** Of a cut chunk: values, bytes unpacked and stored. */
function sizesOf(body: Uint8Array): Readonly<Record<number, ThriftField | undefined>> {
  const pages = readPageHeaders(body);
  const values = pages.reduce((sum, page) => sum + (page.type === DICTIONARY_PAGE ? 0 : page.valueCount), 0);
  const decoded = pages.reduce((sum, page) => sum + page.headerBytes + page.decodedBytes, 0);
  return { 5: { type: I64, value: values }, 6: { type: I64, value: decoded }, 7: { type: I64, value: body.length }, 13: undefined };
}

function rewriteGroup(group: RowGroup, chunks: readonly ThriftStruct[], rowCount: number): ThriftStruct {
  return withFields(group.element, {
    1: { type: LIST, value: { elementType: STRUCT, items: chunks } },
    3: { type: I64, value: rowCount },
    4: undefined,
    5: undefined,
  });
}

function rewriteNode(node: SchemaNode, name?: string): ThriftStruct[] {
  const element = withFields(node.element, {
    ...(name === undefined ? {} : { 4: { type: BINARY, value: utf8(name) } }),
    ...(node.physicalType === INT96 ? { 1: { type: I32, value: FIXED_LEN_BYTE_ARRAY }, 2: { type: I32, value: 12 } } : {}),
  });
  return [element, ...node.children.flatMap((child) => rewriteNode(child))];
}
