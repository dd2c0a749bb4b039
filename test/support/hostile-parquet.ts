/** Small Parquet files that ask for much or contradict themselves, each with the code it is refused by. */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { concatBytes, utf8 } from '../../lib/core/bytes.ts';
import { BINARY, I32, I64, LIST, STRUCT, writeThriftStruct, type ThriftField, type ThriftStruct } from '../../lib/parquet/thrift.ts';
import { element, levels } from './hand-made-parquet.ts';

export interface Page {
  /** 0 data, 2 dictionary, 3 data V2. */
  readonly type?: number;
  readonly valueCount: number;
  readonly encoding?: number;
  readonly body: Uint8Array;
  /** Default: as many as `body` has. */
  readonly storedBytes?: number;
  readonly decodedBytes?: number;
}

export interface FileParts {
  readonly pages: readonly Page[];
  readonly rowCount: number;
  readonly codec?: number;
  readonly physicalType?: number;
  readonly typeLength?: number;
  /** 0 required, 1 optional. */
  readonly repetition?: number;
  readonly chunkOffset?: number;
  readonly chunkBytes?: number;
  readonly rowGroups?: number;
  readonly fileRows?: number;
  readonly schema?: readonly ThriftStruct[];
  readonly footerBytes?: number;
  readonly footer?: Uint8Array;
  readonly magic?: string;
}

const i32 = (value: number): ThriftField => ({ type: I32, value });
const i64 = (value: number): ThriftField => ({ type: I64, value });
const struct = (...fields: readonly (readonly [number, ThriftField])[]): ThriftField => ({ type: STRUCT, value: new Map(fields) });
const list = (elementType: number, items: readonly ThriftField['value'][]): ThriftField => ({ type: LIST, value: { elementType, items } });

function pageBytes({ type = 0, valueCount, encoding = 0, body, storedBytes = body.length, decodedBytes = body.length }: Page): Uint8Array {
  const header: (readonly [number, ThriftField])[] = [
    [1, i32(type)],
    [2, i32(decodedBytes)],
    [3, i32(storedBytes)],
  ];
  if (type === 2) header.push([7, struct([1, i32(valueCount)], [2, i32(encoding)])]);
  else if (type === 3) header.push([8, struct([1, i32(valueCount)], [2, i32(0)], [3, i32(valueCount)], [4, i32(encoding)], [5, i32(0)], [6, i32(0)])]);
  else header.push([5, struct([1, i32(valueCount)], [2, i32(encoding)], [3, i32(3)], [4, i32(3)])]);
  return concatBytes([writeThriftStruct(new Map(header)), body]);
}

/** A file of one column `c` of one chunk, honest but for what the parts say. */
export function hostileFile(parts: FileParts): Uint8Array {
  const { physicalType = 1, repetition = 0, codec = 0, rowCount } = parts;
  const chunk = concatBytes(parts.pages.map(pageBytes));
  const dictionary = parts.pages[0]?.type === 2 ? pageBytes(parts.pages[0]).length : 0;
  const size = parts.chunkBytes ?? chunk.length;
  const offset = parts.chunkOffset ?? 4;
  const values = parts.pages.reduce((sum, page) => sum + (page.type === 2 ? 0 : page.valueCount), 0);
  const meta = struct(
    [1, i32(physicalType)],
    [2, list(I32, [0])],
    [3, list(BINARY, [utf8('c')])],
    [4, i32(codec)],
    [5, i64(values)],
    [6, i64(size)],
    [7, i64(size)],
    [9, i64(offset + dictionary)],
    ...(dictionary > 0 ? [[11, i64(offset)] as const] : []),
  );
  const group = struct([1, list(STRUCT, [struct([2, i64(offset)], [3, meta]).value])], [2, i64(size)], [3, i64(rowCount)]).value;
  const root = struct([4, { type: BINARY, value: utf8('root') }], [5, i32(1)]).value;
  const leaf = element({ name: 'c', physicalType, repetition, ...(parts.typeLength === undefined ? {} : { typeLength: parts.typeLength }) });
  const groups = parts.rowGroups ?? 1;
  const footer =
    parts.footer ??
    writeThriftStruct(
      new Map([
        [1, i32(1)],
        [2, list(STRUCT, parts.schema ?? [root, leaf])],
        [3, i64(parts.fileRows ?? rowCount * groups)],
        [
          4,
          list(
            STRUCT,
            Array.from({ length: groups }, () => group),
          ),
        ],
      ]),
    );
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, parts.footerBytes ?? footer.length, true);
  return concatBytes([utf8('PAR1'), chunk, footer, length, utf8(parts.magic ?? 'PAR1')]);
}

const int = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
const PLAIN: Page = { valueCount: 2, body: Uint8Array.from([...int(1), ...int(2)]) };
const honest = (page: Partial<Page>, parts: Partial<FileParts> = {}): Uint8Array => hostileFile({ pages: [{ ...PLAIN, ...page }], rowCount: 2, ...parts });

/** A zstd frame of run-length blocks of 128 KiB, four bytes each; it doesn't tell its size. */
function zstdRuns(blocks: number): Uint8Array {
  const runs = Array.from({ length: blocks }, (_, i) => {
    const header = (131_072 << 3) | 2 | (i === blocks - 1 ? 1 : 0);
    return [header & 255, (header >> 8) & 255, (header >> 16) & 255, 0];
  });
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, ...runs.flat()]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** Definition levels that are all `level`, as one run. */
function run(count: number, level: number): number[] {
  const bytes = [...varint(count * 2), level];
  return [...int(bytes.length), ...bytes];
}

const nested = (depth: number): ThriftStruct[] => Array.from({ length: depth }, (_, i) => element({ name: `g${i}`, repetition: 1, children: 1 }));
const rootOf = (children: number): ThriftStruct =>
  new Map([
    [4, { type: BINARY, value: utf8('root') }],
    [5, i32(children)],
  ]);
const INT_LEAF = element({ name: 'c', physicalType: 1, repetition: 0 });
const LONG_TEXT = concatBytes([Uint8Array.from(int(4_000_000)), new Uint8Array(4_000_000).fill(97)]);

export interface HostileFile {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly code: 'FILE_CORRUPT' | 'LIMIT_EXCEEDED' | 'UNSUPPORTED_FORMAT';
  /** Whether the footer alone tells. */
  readonly isDescribed?: 'no';
  readonly type?: string;
}

const PAGES: readonly HostileFile[] = [
  { name: 'a page of a negative stored size', bytes: () => honest({ storedBytes: -8 }), code: 'FILE_CORRUPT' },
  { name: 'a page of a negative unpacked size', bytes: () => honest({ decodedBytes: -8 }), code: 'FILE_CORRUPT' },
  { name: 'a page that runs past its chunk', bytes: () => honest({ storedBytes: 900 }), code: 'FILE_CORRUPT' },
  { name: 'a chunk that ends inside a page', bytes: () => honest({}, { chunkBytes: 20 }), code: 'FILE_CORRUPT' },
  { name: 'a negative count of values', bytes: () => honest({ valueCount: -2 }), code: 'FILE_CORRUPT' },
  { name: 'fewer values than rows', bytes: () => honest({ valueCount: 1 }), code: 'FILE_CORRUPT' },
  { name: 'more values than rows', bytes: () => honest({ valueCount: 3 }), code: 'FILE_CORRUPT' },
  { name: 'an unpacked size other than the bytes stored as they are', bytes: () => honest({ decodedBytes: 4 }), code: 'FILE_CORRUPT' },
  {
    name: 'snappy that says another length than the page',
    bytes: () => honest({ body: Uint8Array.from([0xff, 0xff, 0xff, 0xff, 7, 28]), decodedBytes: 8 }, { codec: 1 }),
    code: 'FILE_CORRUPT',
  },
  {
    name: 'snappy of two gigabytes, declared',
    bytes: () => honest({ body: Uint8Array.from([0xff, 0xff, 0xff, 0xff, 7, 28]), decodedBytes: 2_147_483_647 }, { codec: 1 }),
    code: 'LIMIT_EXCEEDED',
  },
  { name: 'zstd of four gigabytes, undeclared', bytes: () => honest({ body: zstdRuns(32_768), decodedBytes: 8 }, { codec: 6 }), code: 'FILE_CORRUPT' },
  {
    name: 'zstd of four gigabytes, half of them declared',
    bytes: () => honest({ body: zstdRuns(32_768), decodedBytes: 2_147_483_647 }, { codec: 6 }),
    code: 'LIMIT_EXCEEDED',
  },
  { name: 'zstd that is none', bytes: () => honest({}, { codec: 6 }), code: 'FILE_CORRUPT' },
  {
    name: 'gzip of 300 megabytes, undeclared',
    bytes: () => honest({ body: concatBytes(Array.from({ length: 300 }, () => gzipSync(new Uint8Array(1_000_000)))), decodedBytes: 8 }, { codec: 2 }),
    code: 'FILE_CORRUPT',
  },
  {
    name: 'brotli of 40 megabytes, undeclared',
    bytes: () => honest({ body: brotliCompressSync(new Uint8Array(40_000_000)), decodedBytes: 8 }, { codec: 4 }),
    code: 'FILE_CORRUPT',
  },
  {
    name: 'lz4 of more than its bytes can say',
    bytes: () => honest({ body: Uint8Array.from([0x80, 1, 0, 0, 0, 2, 0, 0, 0]), decodedBytes: 30_000_000 }, { codec: 7 }),
    code: 'FILE_CORRUPT',
  },
  {
    name: 'two thousand million nulls in one run',
    bytes: () => hostileFile({ pages: [{ valueCount: 2_000_000_000, body: Uint8Array.from(run(2_000_000_000, 0)) }], rowCount: 2_000_000_000, repetition: 1 }),
    code: 'LIMIT_EXCEEDED',
  },
  {
    name: 'half a million nulls of a gigabyte',
    bytes: () =>
      hostileFile({
        pages: [{ valueCount: 500_000, body: Uint8Array.from(run(500_000, 0)) }],
        rowCount: 500_000,
        repetition: 1,
        physicalType: 7,
        typeLength: 1_000_000_000,
      }),
    code: 'LIMIT_EXCEEDED',
    type: 'binary',
  },
  {
    name: 'a million times the one long text of a dictionary',
    bytes: () =>
      hostileFile({
        pages: [
          { type: 2, valueCount: 1, body: LONG_TEXT },
          { valueCount: 1_000_000, encoding: 8, body: Uint8Array.from([1, ...varint(2_000_000), 0]) },
        ],
        rowCount: 1_000_000,
        physicalType: 6,
      }),
    code: 'LIMIT_EXCEEDED',
    type: 'binary',
  },
  {
    name: 'a million texts that share four megabytes with the one before',
    bytes: () => hostileFile({ pages: [{ valueCount: 1_000_001, encoding: 7, body: sharedTexts() }], rowCount: 1_000_001, physicalType: 6 }),
    code: 'LIMIT_EXCEEDED',
    type: 'binary',
  },
  {
    name: 'a dictionary of more values than bytes',
    bytes: () =>
      hostileFile({
        pages: [
          { type: 2, valueCount: 2_000_000_000, body: Uint8Array.from(int(1)) },
          { valueCount: 2, encoding: 8, body: Uint8Array.from([1, 4, 0]) },
        ],
        rowCount: 2,
      }),
    code: 'FILE_CORRUPT',
  },
  { name: 'indices without a dictionary', bytes: () => honest({ encoding: 8, body: Uint8Array.from([1, 4, 0]) }), code: 'FILE_CORRUPT' },
  {
    name: 'a dictionary behind the data',
    bytes: () => hostileFile({ pages: [PLAIN, { type: 2, valueCount: 1, body: Uint8Array.from(int(1)) }], rowCount: 2 }),
    code: 'FILE_CORRUPT',
  },
  {
    name: 'more pages than any chunk has',
    bytes: () => hostileFile({ pages: [PLAIN, ...Array.from({ length: 70_000 }, (): Page => ({ valueCount: 0, body: new Uint8Array() }))], rowCount: 2 }),
    code: 'LIMIT_EXCEEDED',
  },
  { name: 'an encoding nobody knows', bytes: () => honest({ encoding: 77 }), code: 'UNSUPPORTED_FORMAT' },
  { name: 'the codec LZO', bytes: () => honest({}, { codec: 3 }), code: 'UNSUPPORTED_FORMAT' },
  { name: 'the codec LZ4 as Hadoop frames it', bytes: () => honest({}, { codec: 5 }), code: 'UNSUPPORTED_FORMAT' },
  { name: 'a codec nobody knows', bytes: () => honest({}, { codec: 99 }), code: 'UNSUPPORTED_FORMAT' },
  {
    name: 'levels longer than their page',
    bytes: () => hostileFile({ pages: [{ valueCount: 2, body: Uint8Array.from([...int(2_000_000_000), 4, 1]) }], rowCount: 2, repetition: 1 }),
    code: 'FILE_CORRUPT',
  },
  {
    name: 'levels of fewer rows than the page',
    bytes: () => hostileFile({ pages: [{ valueCount: 20, body: Uint8Array.from(levels(0)) }], rowCount: 20, repetition: 1 }),
    code: 'FILE_CORRUPT',
  },
].map((each): HostileFile => ({ isDescribed: 'no', ...(each as HostileFile) }));

/** The first text is whole; each of the million after it shares all of it. */
function sharedTexts(): Uint8Array {
  const length = 4_000_000;
  const block = 1024;
  const zigzag = (value: number): number[] => varint(value >= 0 ? value * 2 : -value * 2 - 1);
  const packed = (deltas: readonly number[]): Uint8Array => {
    const bits = new Uint8Array((block * 23) / 8);
    deltas.forEach((delta, i) => {
      for (let k = 0; k < 23; k += 1) if (((delta >> k) & 1) === 1) bits[(i * 23 + k) >> 3] = (bits[(i * 23 + k) >> 3] ?? 0) | (1 << ((i * 23 + k) & 7));
    });
    return bits;
  };
  const lengths = (first: number, minDelta: number, deltas: readonly number[]): Uint8Array => {
    const others = Array.from({ length: Math.ceil(1_000_000 / block) - 1 }, () => [0, 0]).flat();
    return concatBytes([
      Uint8Array.from([...varint(block), 1, ...varint(1_000_001), ...zigzag(first), ...zigzag(minDelta), 23]),
      packed(deltas),
      Uint8Array.from(others),
    ]);
  };
  const added = Array.from({ length: block }, (_, i) => (i === 0 ? 0 : length));
  return concatBytes([lengths(0, 0, [length]), lengths(length, -length, added), new Uint8Array(length).fill(97)]);
}

const FOOTERS: readonly HostileFile[] = [
  { name: 'no bytes but the magic', bytes: () => utf8('PAR1PAR1PAR1'), code: 'FILE_CORRUPT' },
  { name: 'a footer longer than the file', bytes: () => honest({}, { footerBytes: 1_000_000 }), code: 'FILE_CORRUPT' },
  { name: 'a footer that overlaps the magic', bytes: () => hostileFile({ pages: [], rowCount: 0, footerBytes: 200 }), code: 'FILE_CORRUPT' },
  { name: 'an encrypted footer', bytes: () => honest({}, { magic: 'PARE' }), code: 'UNSUPPORTED_FORMAT' },
  {
    name: 'a footer of millions of empty structs',
    bytes: () => honest({}, { footer: Uint8Array.from([0x29, 0xfc, ...varint(2_000_000), ...new Uint8Array(2_000_001)]) }),
    code: 'LIMIT_EXCEEDED',
  },
  { name: 'a footer of thousand-fold nesting', bytes: () => honest({}, { footer: new Uint8Array(5000).fill(0x1c) }), code: 'FILE_CORRUPT' },
  {
    name: 'a list of more items than bytes',
    bytes: () => honest({}, { footer: Uint8Array.from([0x29, 0xfc, ...varint(2_000_000_000), 0]) }),
    code: 'FILE_CORRUPT',
  },
  { name: 'more rows than its row groups', bytes: () => honest({}, { fileRows: 1_000_000_000_000 }), code: 'FILE_CORRUPT' },
  { name: 'a row group of a million million rows', bytes: () => honest({}, { rowCount: 1_000_000_000_000 }), code: 'LIMIT_EXCEEDED' },
  { name: 'a row group of a negative count of rows', bytes: () => honest({}, { rowCount: -2 }), code: 'FILE_CORRUPT' },
  { name: 'thousands of row groups that share one chunk', bytes: () => honest({}, { rowGroups: 20_000 }), code: 'FILE_CORRUPT' },
  { name: 'a schema of a hundred levels', bytes: () => honest({}, { schema: [rootOf(1), ...nested(100), INT_LEAF] }), code: 'FILE_CORRUPT' },
  {
    name: 'a group of a negative count of fields',
    bytes: () => honest({}, { schema: [rootOf(1), element({ name: 'g', repetition: 1, children: -1 }), INT_LEAF] }),
    code: 'FILE_CORRUPT',
  },
  {
    name: 'a group of more fields than there are',
    bytes: () => honest({}, { schema: [rootOf(1), element({ name: 'g', repetition: 1, children: 1_000_000 }), INT_LEAF] }),
    code: 'FILE_CORRUPT',
  },
  { name: 'schema elements no group has', bytes: () => honest({}, { schema: [rootOf(1), INT_LEAF, INT_LEAF] }), code: 'FILE_CORRUPT' },
  {
    name: 'more columns than its row group',
    bytes: () => honest({}, { schema: [rootOf(3000), ...Array.from({ length: 3000 }, () => INT_LEAF)] }),
    code: 'FILE_CORRUPT',
  },
  { name: 'a leaf of a fixed length below one', bytes: () => honest({}, { physicalType: 7, typeLength: -4 }), code: 'FILE_CORRUPT' },
  { name: 'a chunk that begins in the magic', bytes: () => honest({}, { chunkOffset: 0 }), code: 'FILE_CORRUPT' },
  { name: 'a chunk beyond the file', bytes: () => honest({}, { chunkOffset: 1_000_000 }), code: 'FILE_CORRUPT' },
  { name: 'a chunk of a negative size', bytes: () => honest({}, { chunkBytes: -20 }), code: 'FILE_CORRUPT' },
];

export const HOSTILE_FILES: readonly HostileFile[] = [...PAGES, ...FOOTERS];
