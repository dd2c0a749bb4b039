/**
 * The bytes of a page, unpacked by the Parquet reader, which has every decompressor: the page is laid before it as a
 * column of single bytes. From them come the lengths of values that the format stores once and repeats.
 */
import { concatBytes, utf8 } from '../../core/bytes.ts';
import { tableFromIPC } from 'apache-arrow';
import { readParquet } from 'parquet-wasm/esm';
import { FIXED_LEN_BYTE_ARRAY } from '../footer.ts';
import { dataPageHeader, type PageHeader } from '../page-headers.ts';
import { BINARY, I32, I64, LIST, STRUCT, type ThriftField, type ThriftStruct, writeThriftStruct } from '../thrift.ts';

const MAGIC = utf8('PAR1');

/** Must run inside `runWasm`. `chunk` is the column chunk the page is in; levels of a page V2 stay behind. */
export function unpackPage(chunk: Uint8Array, page: PageHeader, codec: number): Uint8Array {
  const body = chunk.subarray(page.start + page.levelBytes, page.start + page.storedBytes);
  const size = page.decodedBytes - page.levelBytes;
  if (!page.isPacked || codec === 0) return body;
  return unpackBodies([{ bytes: body, size }], codec);
}

/** Must run inside `runWasm`. Packed bodies of pages and what each unpacks to: unpacked, end to end. */
export function unpackBodies(bodies: readonly { readonly bytes: Uint8Array; readonly size: number }[], codec: number): Uint8Array {
  const filled = bodies.filter(({ size }) => size > 0);
  if (filled.length === 0) return new Uint8Array();
  const count = filled.reduce((sum, { size }) => sum + size, 0);
  const [batch] = tableFromIPC(readParquet(fileOfBytes(filled, count, codec), { batchSize: count }).intoIPCStream()).batches;
  const values: unknown = batch?.data.children[0]?.values;
  return values instanceof Uint8Array ? values : new Uint8Array();
}

/** The longest value of a dictionary of texts. */
export function longestPlainValue(unpacked: Uint8Array): number {
  const view = new DataView(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength);
  let longest = 0;
  for (let at = 0; at + 4 <= unpacked.length;) {
    const length = view.getUint32(at, true);
    if (length > longest) longest = length;
    at += 4 + length;
  }
  // A length beyond the page is an error to the reader.
  return Math.min(longest, unpacked.length);
}

const i32 = (value: number): ThriftField => ({ type: I32, value });
const i64 = (value: number): ThriftField => ({ type: I64, value });
const text = (value: string): ThriftField => ({ type: BINARY, value: utf8(value) });
const struct = (value: ThriftStruct): ThriftField => ({ type: STRUCT, value });
const structs = (...items: readonly ThriftStruct[]): ThriftField => ({ type: LIST, value: { elementType: STRUCT, items } });

function fileOfBytes(bodies: readonly { readonly bytes: Uint8Array; readonly size: number }[], count: number, codec: number): Uint8Array {
  const pages = bodies.flatMap(({ bytes, size }) => [dataPageHeader({ valueCount: size, encoding: 0, decodedBytes: size, storedBytes: bytes.length }), bytes]);
  const size = pages.reduce((sum, { length }) => sum + length, 0);
  const meta: ThriftStruct = new Map([
    [1, i32(FIXED_LEN_BYTE_ARRAY)],
    [2, { type: LIST, value: { elementType: I32, items: [0] } }],
    [3, { type: LIST, value: { elementType: BINARY, items: [utf8('b')] } }],
    [4, i32(codec)],
    [5, i64(count)],
    [6, i64(size - bodies.reduce((sum, { bytes }) => sum + bytes.length, 0) + count)],
    [7, i64(size)],
    [9, i64(MAGIC.length)],
  ]);
  const chunk: ThriftStruct = new Map([
    [2, i64(0)],
    [3, struct(meta)],
  ]);
  const group: ThriftStruct = new Map([
    [1, structs(chunk)],
    [2, i64(size)],
    [3, i64(count)],
  ]);
  const root: ThriftStruct = new Map([
    [4, text('root')],
    [5, i32(1)],
  ]);
  const leaf: ThriftStruct = new Map([
    [1, i32(FIXED_LEN_BYTE_ARRAY)],
    [2, i32(1)],
    [3, i32(0)],
    [4, text('b')],
  ]);
  const footer = writeThriftStruct(
    new Map([
      [1, i32(1)],
      [2, structs(root, leaf)],
      [3, i64(count)],
      [4, structs(group)],
    ]),
  );
  const end = new Uint8Array(8);
  new DataView(end.buffer).setUint32(0, footer.length, true);
  end.set(MAGIC, 4);
  return concatBytes([MAGIC, ...pages, footer, end]);
}
