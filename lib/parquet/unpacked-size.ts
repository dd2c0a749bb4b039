/**
 * How many bytes a packed page really unpacks to, found before a decompressor allocates them.
 *
 * The reader's decompressors for gzip, brotli and zstd go on for as long as the stream does, whatever the page header
 * declares; snappy's trusts the length the stream begins with. lz4_raw writes into a buffer of the declared size.
 */
import { LakefoldError } from '../core/errors.ts';

/** CompressionCodec of the format. */
export const UNCOMPRESSED = 0;
const SNAPPY = 1;
const GZIP = 2;
const BROTLI = 4;
export const ZSTD = 6;
const LZ4_RAW = 7;
const NAMES = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'];
const READABLE: ReadonlySet<number> = new Set([UNCOMPRESSED, SNAPPY, GZIP, BROTLI, ZSTD, LZ4_RAW]);

/** The bytes a stream unpacks to; undefined where there are more than `sizeMax` or the stream is broken. */
export type StreamMeasure = (codec: 'gzip' | 'brotli', bytes: Uint8Array, sizeMax: number) => number | undefined;

/** @throws LakefoldError UNSUPPORTED_FORMAT naming a codec that is not read */
export function checkCodec(codec: number | undefined): number {
  if (codec !== undefined && READABLE.has(codec)) return codec;
  throw new LakefoldError('UNSUPPORTED_FORMAT', `expected Parquet packed with a codec that is read, found ${NAMES[codec ?? -1] ?? `codec ${codec ?? 'none'}`}`);
}

/**
 * Pure, given a `measure`, without which gzip and brotli are believed.
 * @throws LakefoldError FILE_CORRUPT where the bytes can't unpack to the size declared
 */
export function checkUnpackedSize(
  packed: Uint8Array,
  declared: number,
  { codec, measure }: { readonly codec: number; readonly measure: StreamMeasure | undefined },
): void {
  const isTrue = isUnpackedTo(packed, declared, { codec, measure });
  if (!isTrue)
    throw new LakefoldError('FILE_CORRUPT', `expected a page of ${packed.length} bytes that unpacks to the ${declared} declared, found another size`);
}

function isUnpackedTo(
  packed: Uint8Array,
  declared: number,
  { codec, measure }: { readonly codec: number; readonly measure: StreamMeasure | undefined },
): boolean {
  switch (codec) {
    case UNCOMPRESSED:
      return packed.length === declared;
    case SNAPPY:
      return snappyLength(packed) === declared;
    case GZIP:
      return measure === undefined || measure('gzip', packed, declared) === declared;
    case BROTLI:
      return measure === undefined || measure('brotli', packed, declared) === declared;
    case ZSTD:
      return isZstdOf(packed, declared);
    default:
      // LZ4: a byte of the block says at most 255 more.
      return declared <= packed.length * 255;
  }
}

/** The varint a snappy block begins with. */
function snappyLength(packed: Uint8Array): number | undefined {
  let length = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = packed[i];
    if (byte === undefined) return undefined;
    length += (byte & 127) * 128 ** i;
    if (byte < 128) return length;
  }
  return undefined;
}

const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_BLOCK_BYTES_MAX = 128 * 1024;

/** Walks frames and blocks: stored and run-length blocks tell their size, a compressed one has at most 128 KiB and at least 1 byte. */
function isZstdOf(packed: Uint8Array, declared: number): boolean {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let known = 0;
  let compressed = 0;
  let at = 0;
  while (at < packed.length) {
    if (at + 5 > packed.length) return false;
    const magic = view.getUint32(at, true);
    if (magic >>> 4 === 0x184d2a5) {
      if (at + 8 > packed.length) return false;
      at += 8 + view.getUint32(at + 4, true);
      continue;
    }
    if (magic !== ZSTD_MAGIC) return false;
    const frame = walkZstdFrame(view, at);
    if (frame === undefined) return false;
    const { contentSize } = frame;
    // Whatever else a frame says, the decoder stops with an error where it has unpacked another size than this.
    if (contentSize !== undefined && (contentSize < frame.known || contentSize > frame.known + frame.compressed * ZSTD_BLOCK_BYTES_MAX)) return false;
    known += contentSize ?? frame.known;
    compressed += contentSize === undefined ? frame.compressed : 0;
    // One frame may not unpack to far more than it promises before that error comes.
    if (contentSize !== undefined && frame.compressed > Math.ceil(contentSize / ZSTD_BLOCK_BYTES_MAX) * 16 + 16) return false;
    if (known > declared) return false;
    at = frame.end;
  }
  return known <= declared && declared <= known + compressed * ZSTD_BLOCK_BYTES_MAX && compressed <= Math.ceil(declared / ZSTD_BLOCK_BYTES_MAX) * 16 + 16;
}

interface ZstdFrame {
  readonly end: number;
  /** Bytes of the blocks that tell. */
  readonly known: number;
  /** How many blocks don't. */
  readonly compressed: number;
  readonly contentSize: number | undefined;
}

function walkZstdFrame(view: DataView, start: number): ZstdFrame | undefined {
  const descriptor = view.getUint8(start + 4);
  const isSingle = (descriptor & 32) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
  const sizeAt = start + 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  if (sizeAt + sizeBytes > view.byteLength) return undefined;
  const contentSize = readContentSize(view, sizeAt, sizeBytes);
  let at = sizeAt + sizeBytes;
  let known = 0;
  let compressed = 0;
  for (let isLast = false; !isLast;) {
    if (at + 3 > view.byteLength) return undefined;
    const header = view.getUint16(at, true) + view.getUint8(at + 2) * 65_536;
    isLast = (header & 1) === 1;
    const kind = (header >> 1) & 3;
    const size = header >> 3;
    if (kind === 3 || size > ZSTD_BLOCK_BYTES_MAX) return undefined;
    if (kind === 2) compressed += 1;
    else known += size;
    at += 3 + (kind === 1 ? 1 : size);
  }
  at += (descriptor & 4) === 0 ? 0 : 4;
  return at > view.byteLength ? undefined : { end: at, known, compressed, contentSize };
}

function readContentSize(view: DataView, at: number, bytes: number): number | undefined {
  switch (bytes) {
    case 0:
      return undefined;
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}
