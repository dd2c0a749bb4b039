/** A file written with its pages as they are, its pages packed: nearly all the time of a writer goes into that, and `ZstdPacker` does it faster. */
import { LakefoldError } from '../core/errors.ts';
import { readFooterStruct } from './footer.ts';
import {
  append,
  finishOutput,
  i64,
  type MovedChunk,
  offsetIndexOf,
  columnIndexOf,
  type Output,
  type PlacedChunk,
  placeChunks,
  startOutput,
} from './join-files.ts';
import {
  I32,
  LIST,
  listAt,
  numberAt,
  readThriftPrefix,
  readThriftStruct,
  STRUCT,
  structAt,
  structOf,
  withFields,
  writeThriftStruct,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.ts';
import { ZSTD } from './unpacked-size.ts';
import { createZstdPacker, type ZstdPacker } from './zstd.ts';

/** `file` is one of our writer's, of data pages V1; one that has been packed already is the answer as it stands. */
export function packPages(file: Uint8Array): Uint8Array {
  const meta = readFooterStruct(file);
  if (isPacked(meta)) return file;
  const output = startOutput();
  const packer = createZstdPacker();
  const groups = listAt(meta, 4).map((value) => {
    const group = structOf(value) ?? new Map();
    const chunks = (placeChunks(file, group) ?? []).map((placed) => packChunk(placed, { output, packer }));
    const sum = (id: number): number => chunks.reduce((total, { chunk }) => total + (numberAt(structAt(chunk, 3) ?? new Map(), id) ?? 0), 0);
    return { group: withFields(group, { 2: i64(sum(6)), 6: group.has(6) ? i64(sum(7)) : undefined }), chunks };
  });
  return finishOutput(meta, groups, output);
}

function isPacked(meta: ThriftStruct): boolean {
  const [chunk] = listAt(structOf(listAt(meta, 4)[0]) ?? new Map(), 1);
  return numberAt(structAt(structOf(chunk) ?? new Map(), 3) ?? new Map(), 4) === ZSTD;
}

/** Where a page came to lie and how many bytes it is with its header. */
interface PackedPage {
  readonly start: number;
  readonly size: number;
}

interface Packing {
  readonly output: Output;
  readonly packer: ZstdPacker;
}

function packChunk({ file, chunk, meta, start, dataStart, end }: PlacedChunk, { output, packer }: Packing): MovedChunk {
  const pages: PackedPage[] = [];
  let unpacked = 0;
  for (let at = start; at < end;) {
    const { struct, length } = readThriftPrefix(file.subarray(at, end));
    const size = numberAt(struct, 3);
    if (size === undefined) throw new LakefoldError('INTERNAL', 'expected pages with sizes of our writer, found others');
    const body = packer.pack(file.subarray(at + length, at + length + size));
    const header = writeThriftStruct(withFields(struct, { 3: { type: I32, value: body.length }, 4: undefined }));
    pages.push({ start: append(output, header), size: header.length + body.length });
    append(output, body);
    unpacked += header.length + size;
    at += length + size;
  }
  const hasDictionary = start < dataStart;
  const firstAt = pages[0]?.start ?? output.cursor.at;
  const packedMeta = withFields(meta, {
    4: { type: I32, value: ZSTD },
    6: i64(unpacked),
    7: i64(output.cursor.at - firstAt),
    9: i64(pages[hasDictionary ? 1 : 0]?.start ?? firstAt),
    11: hasDictionary ? i64(firstAt) : undefined,
  });
  return {
    chunk: withFields(chunk, { 2: i64(0), 3: { type: STRUCT, value: packedMeta }, 4: undefined, 5: undefined, 6: undefined, 7: undefined }),
    columnIndex: columnIndexOf({ file, chunk }),
    offsetIndex: placedOffsets(offsetIndexOf({ file, chunk }), hasDictionary ? pages.slice(1) : pages),
  };
}

function placedOffsets(bytes: Uint8Array | undefined, pages: readonly PackedPage[]): Uint8Array | undefined {
  if (bytes === undefined) return undefined;
  const index: ThriftStruct = readThriftStruct(bytes);
  const items = listAt(index, 1).map((value, i): ThriftValue => {
    const page = pages[i];
    return page === undefined ? value : withFields(structOf(value) ?? new Map(), { 1: i64(page.start), 2: { type: I32, value: page.size } });
  });
  return writeThriftStruct(withFields(index, { 1: { type: LIST, value: { elementType: STRUCT, items } } }));
}
