/** The footer of a Parquet file: its columns as a tree, its row groups, and where each column's bytes are. */
import { decodeUtf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { PARQUET_FOOTER_BYTES_MAX, PARQUET_GROUP_BYTES_MAX, PARQUET_ROWS_MAX } from '../core/limits.ts';
import type { FileSource } from '../ports/table-codec.ts';
import { bytesAt, listAt, numberAt, readThriftStruct, structAt, structOf, type ThriftStruct, type ThriftValue } from './thrift.ts';

/** Physical types (parquet.thrift, Type). */
export const INT96 = 3;
export const FIXED_LEN_BYTE_ARRAY = 7;

/** First read of a file: most footers fit, and one request is cheaper than two. */
const TAIL_BYTES = 64 * 1024;
const MAGIC = [0x50, 0x41, 0x52, 0x31];

/** A node of the schema: a leaf has `physicalType`, a group has `children`. */
export interface SchemaNode {
  readonly name: string;
  readonly element: ThriftStruct;
  readonly repetition: 'required' | 'optional' | 'repeated';
  readonly fieldId: number | undefined;
  readonly physicalType: number | undefined;
  /** Bytes of a value of a fixed-length leaf, else 0. */
  readonly typeLength: number;
  readonly children: readonly SchemaNode[];
  /** Leaves of the file in order are numbered from 0; a node covers `[firstLeaf, firstLeaf + leafCount)`. */
  readonly firstLeaf: number;
  readonly leafCount: number;
}

/** Bytes `[start, end)` of one column of one row group. */
export interface ColumnChunk {
  readonly start: number;
  readonly end: number;
  readonly element: ThriftStruct;
}

export interface RowGroup {
  readonly rowCount: number;
  /** By number of the leaf. */
  readonly chunks: readonly ColumnChunk[];
  readonly element: ThriftStruct;
}

export interface Footer {
  /** As it stands. */
  readonly meta: ThriftStruct;
  readonly rowCount: number;
  readonly columns: readonly SchemaNode[];
  readonly root: ThriftStruct;
  readonly rowGroups: readonly RowGroup[];
  /** Leaves whose bounds are ordered as their type is; those of others mean nothing. */
  readonly orderedLeaves: ReadonlySet<number>;
  /** Key and value each, as they stand. */
  readonly remarks: readonly ThriftValue[];
}

/** A file whose footer has been read; `near` answers reads of the end of the file, where the page index is, from memory. */
export interface OpenedFile {
  readonly footer: Footer;
  readonly near: FileSource;
}

/** @throws LakefoldError FILE_CORRUPT when it is no Parquet file, UNSUPPORTED_FORMAT when it is encrypted or spread over files */
export async function openParquet(source: FileSource): Promise<OpenedFile> {
  const { sizeBytes } = source;
  if (sizeBytes < 12) throw new LakefoldError('FILE_CORRUPT', `expected a Parquet file, found ${sizeBytes} bytes`);
  const tail = await source.read(Math.max(0, sizeBytes - TAIL_BYTES), sizeBytes);
  if (tail.length !== Math.min(sizeBytes, TAIL_BYTES)) throw new LakefoldError('FILE_CORRUPT', `expected a file of ${sizeBytes} bytes, found fewer`);
  const magic = tail.subarray(-4);
  if (decodeUtf8(magic) === 'PARE') throw new LakefoldError('UNSUPPORTED_FORMAT', 'expected a plain Parquet file, found an encrypted one');
  if (MAGIC.some((byte, i) => magic[i] !== byte)) throw new LakefoldError('FILE_CORRUPT', 'expected a Parquet file ending in PAR1, found another end');
  const footerBytes = new DataView(tail.buffer, tail.byteOffset + tail.length - 8, 4).getUint32(0, true);
  const footerStart = sizeBytes - 8 - footerBytes;
  if (footerStart < 4) throw new LakefoldError('FILE_CORRUPT', `expected a footer inside the file of ${sizeBytes} bytes, found one of ${footerBytes}`);
  if (footerBytes > PARQUET_FOOTER_BYTES_MAX) throw overLimit('PARQUET_FOOTER_BYTES_MAX', `a footer of at most ${PARQUET_FOOTER_BYTES_MAX} bytes`, footerBytes);
  const bytes = footerBytes + 8 <= tail.length ? tail.subarray(tail.length - 8 - footerBytes, tail.length - 8) : await source.read(footerStart, sizeBytes - 8);
  return { footer: parseFooter(bytes, footerStart), near: withTail(source, tail) };
}

/** The footer of a file in memory as it is. @throws LakefoldError FILE_CORRUPT */
export function readFooterStruct(file: Uint8Array): ThriftStruct {
  const footerBytes = file.length < 12 ? 0 : new DataView(file.buffer, file.byteOffset + file.length - 8, 4).getUint32(0, true);
  const isWhole = file.length >= 12 && footerBytes <= file.length - 12 && MAGIC.every((byte, i) => file[file.length - 4 + i] === byte);
  if (!isWhole) throw new LakefoldError('FILE_CORRUPT', `expected a Parquet file with its footer, found ${file.length} other bytes`);
  return readThriftStruct(file.subarray(file.length - 8 - footerBytes, file.length - 8));
}

function withTail(source: FileSource, tail: Uint8Array): FileSource {
  const tailStart = source.sizeBytes - tail.length;
  return {
    ...source,
    read: async (start, end) => (start >= tailStart ? tail.subarray(start - tailStart, end - tailStart) : source.read(start, end)),
  };
}

function parseFooter(bytes: Uint8Array, dataEnd: number): Footer {
  const file = readThriftStruct(bytes);
  const elements = listAt(file, 2);
  const root = structOf(elements[0]);
  if (root === undefined) throw new LakefoldError('FILE_CORRUPT', 'expected a schema in the Parquet footer, found none');
  const cursor = { next: 1, leaves: 0 };
  const columns = readChildren(elements, root, { cursor, depth: 0 });
  if (cursor.next !== elements.length) throw new LakefoldError('FILE_CORRUPT', `expected ${cursor.next} schema elements, found ${elements.length}`);
  const rowGroups = listAt(file, 4).map((value) => readRowGroup(value, cursor.leaves, dataEnd));
  checkApart(rowGroups);
  const rowCount = numberAt(file, 3) ?? 0;
  const counted = rowGroups.reduce((sum, group) => sum + group.rowCount, 0);
  if (rowCount !== counted) throw new LakefoldError('FILE_CORRUPT', `expected ${rowCount} rows as the Parquet footer says, found row groups of ${counted}`);
  if (rowCount > PARQUET_ROWS_MAX) throw overLimit('PARQUET_ROWS_MAX', `at most ${PARQUET_ROWS_MAX} rows`, rowCount);
  return { meta: file, rowCount, columns, root, rowGroups, orderedLeaves: orderedLeavesOf(file), remarks: listAt(file, 5) };
}

/** What the writer said besides the rows; texts alone. */
export function remarksOf(footer: Footer): ReadonlyMap<string, string> {
  const remarks = new Map<string, string>();
  for (const item of footer.remarks) {
    const [key, value] = [1, 2].map((field) => decodeUtf8(bytesAt(structOf(item) ?? new Map(), field) ?? new Uint8Array()));
    if (key !== undefined && value !== undefined) remarks.set(key, value);
  }
  return remarks;
}

function overLimit(limit: string, expected: string, found: number): LakefoldError {
  return new LakefoldError('LIMIT_EXCEEDED', `expected a Parquet file with ${expected}, found ${found}`, { context: { limit } });
}

/** A few bytes that many row groups claim would be many rows. */
function checkApart(groups: readonly RowGroup[]): void {
  const chunks = groups.filter(({ rowCount }) => rowCount > 0).flatMap(({ chunks: each }) => each);
  const sorted = chunks.toSorted((a, b) => a.start - b.start);
  sorted.forEach(({ start }, i) => {
    const before = sorted[i - 1];
    if (before !== undefined && start < before.end)
      throw new LakefoldError('FILE_CORRUPT', `expected columns apart from each other, found one at ${start} inside another that ends at ${before.end}`);
  });
}

/** Column orders: one a leaf, its first field set where the order is the type's. */
function orderedLeavesOf(file: ThriftStruct): ReadonlySet<number> {
  return new Set(listAt(file, 7).flatMap((order, leaf) => (structOf(order)?.has(1) === true ? [leaf] : [])));
}

const REPETITIONS = ['required', 'optional', 'repeated'] as const;

interface SchemaCursor {
  readonly cursor: { next: number; leaves: number };
  readonly depth: number;
}

function readChildren(elements: readonly ThriftValue[], parent: ThriftStruct, at: SchemaCursor): SchemaNode[] {
  const count = numberAt(parent, 5) ?? 0;
  if (at.depth > 64 || count < 0 || count > elements.length)
    throw new LakefoldError('FILE_CORRUPT', `expected a schema of ${elements.length} elements, found a group of ${count}`);
  const children: SchemaNode[] = [];
  for (let i = 0; i < count; i += 1) {
    const element = structOf(elements[at.cursor.next]);
    const name = element === undefined ? undefined : decodeUtf8(bytesAt(element, 4) ?? new Uint8Array());
    if (element === undefined || name === undefined) throw new LakefoldError('FILE_CORRUPT', `expected a named schema element ${at.cursor.next}, found none`);
    at.cursor.next += 1;
    const firstLeaf = at.cursor.leaves;
    const physicalType = numberAt(element, 1);
    const isGroup = physicalType === undefined;
    if (isGroup === (numberAt(element, 5) ?? 0) < 1)
      throw new LakefoldError('FILE_CORRUPT', `expected ${name} to be a leaf or a group of fields, found neither`);
    const typeLength = physicalType === FIXED_LEN_BYTE_ARRAY ? (numberAt(element, 2) ?? 0) : 0;
    if (physicalType === FIXED_LEN_BYTE_ARRAY && typeLength < 1)
      throw new LakefoldError('FILE_CORRUPT', `expected ${name} of a fixed length, found ${typeLength}`);
    const below = isGroup ? readChildren(elements, element, { cursor: at.cursor, depth: at.depth + 1 }) : [];
    if (!isGroup) at.cursor.leaves += 1;
    const repetition = REPETITIONS[numberAt(element, 3) ?? 0] ?? 'optional';
    children.push({
      name,
      element,
      repetition,
      fieldId: numberAt(element, 9),
      physicalType,
      typeLength,
      children: below,
      firstLeaf,
      leafCount: at.cursor.leaves - firstLeaf,
    });
  }
  return children;
}

function readRowGroup(value: ThriftValue, leafCount: number, dataEnd: number): RowGroup {
  const element = structOf(value);
  const rowCount = element === undefined ? undefined : numberAt(element, 3);
  if (element === undefined || rowCount === undefined || rowCount < 0)
    throw new LakefoldError('FILE_CORRUPT', 'expected a row group with a count of rows, found none');
  // A byte a row, when they take no other.
  if (rowCount > PARQUET_GROUP_BYTES_MAX) throw overLimit('PARQUET_GROUP_BYTES_MAX', `row groups of at most ${PARQUET_GROUP_BYTES_MAX} rows`, rowCount);
  const chunks = listAt(element, 1).map((item) => readChunk(item, dataEnd));
  if (chunks.length !== leafCount) throw new LakefoldError('FILE_CORRUPT', `expected ${leafCount} columns in each row group, found ${chunks.length}`);
  return { rowCount, chunks, element };
}

function readChunk(value: ThriftValue, dataEnd: number): ColumnChunk {
  const element = structOf(value);
  const meta = element === undefined ? undefined : structAt(element, 3);
  if (element === undefined || meta === undefined) throw new LakefoldError('FILE_CORRUPT', 'expected the metadata of a column chunk, found none');
  if (element.has(1)) throw new LakefoldError('UNSUPPORTED_FORMAT', 'expected a Parquet file in one piece, found a column kept in another file');
  if (element.has(8)) throw new LakefoldError('UNSUPPORTED_FORMAT', 'expected a plain Parquet file, found an encrypted column');
  const [values, unpacked] = [numberAt(meta, 5) ?? 0, numberAt(meta, 6) ?? 0];
  if (values < 0 || unpacked < 0)
    throw new LakefoldError('FILE_CORRUPT', `expected a column with values and sizes, found ${values} values and ${unpacked} bytes`);
  const dataOffset = numberAt(meta, 9) ?? 0;
  const dictionaryOffset = numberAt(meta, 11) ?? 0;
  // Some writers leave the dictionary offset at 0 where there is none.
  const start = dictionaryOffset > 0 ? Math.min(dictionaryOffset, dataOffset) : dataOffset;
  const end = start + (numberAt(meta, 7) ?? 0);
  if (start < 4 || end < start || end > dataEnd)
    throw new LakefoldError('FILE_CORRUPT', `expected a column inside bytes 4 to ${dataEnd}, found ${start} to ${end}`);
  return { start, end, element };
}
