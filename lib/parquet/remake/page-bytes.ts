/**
 * Bodies of pages, unpacked and packed many at a time: by the system's Zstandard where there is one, else by the Parquet reader and
 * writer, before which a body is laid as a value of its length.
 */
import { Field, FixedSizeBinary, Message, Schema } from 'apache-arrow';
import { Table, writeParquet } from 'parquet-wasm/esm';
import { LakefoldError } from '../../core/errors.ts';
import type { Zstd } from '../../ports/zstd.ts';
import { arrowMessage, arrowStream } from '../arrow/arrow-stream.ts';
import { readPageHeaders } from '../page-headers.ts';
import { readFooterStruct } from '../footer.ts';
import { placeChunks } from '../repack/join-files.ts';
import { listAt, structOf } from '../thrift.ts';
import { unpackBodies } from '../repack/unpack-page.ts';
import { UNCOMPRESSED, ZSTD } from '../unpacked-size.ts';
import { corruptFile, isTrap, type ParquetWasm, runWasm } from '../wasm-runtime.ts';
import { writerProperties } from '../writer-properties.ts';

export interface PageBytesDeps {
  readonly wasm: ParquetWasm;
  readonly zstd?: Zstd | undefined;
}

/** The packed body of a page and the bytes it unpacks to, as checked against its limits before. */
export interface PackedBody {
  readonly bytes: Uint8Array;
  readonly size: number;
}

/** A call of the system's costs as much as unpacking some 10 KiB: smaller bodies go through the reader together. */
const SYSTEM_BYTES_MIN = 32 * 1024;
/** Unpacked bytes the reader gives back at a time. */
const TOGETHER_BYTES = 4 * 1024 * 1024;

/** In the order given. @throws LakefoldError FILE_CORRUPT where one does not unpack to its size */
export async function unpackAll({ wasm, zstd }: PageBytesDeps, bodies: readonly PackedBody[], codec: number): Promise<readonly Uint8Array[]> {
  const unpacked: (Uint8Array | undefined)[] = bodies.map(({ bytes, size }) => {
    if (codec === UNCOMPRESSED || size === 0) return bytes.subarray(0, size);
    const own = codec === ZSTD && size >= SYSTEM_BYTES_MIN ? zstd?.unpack(bytes, size) : undefined;
    return own?.length === size ? own : undefined;
  });
  const left = bodies.flatMap((body, i) => (unpacked[i] === undefined ? [{ ...body, i }] : []));
  for (let from = 0; from < left.length;) {
    let to = from;
    for (let size = 0; to < left.length && (to === from || size + (left[to]?.size ?? 0) <= TOGETHER_BYTES); to += 1) size += left[to]?.size ?? 0;
    const together = left.slice(from, to);
    const whole = await runWasm(
      wasm,
      () => orCorrupt(() => unpackBodies(together, codec)),
      (cause) => corruptFile('the Parquet reader broke down', cause),
    );
    let at = 0;
    for (const { i, size } of together) unpacked[i] = whole.subarray(at, (at += size));
    if (at !== whole.length) throw corruptFile(`pages of ${whole.length} bytes where ${at} were expected`, undefined);
    from = to;
  }
  return unpacked.map((each) => each ?? new Uint8Array());
}

/** Each as a frame of its own, by the Parquet writer; none may be empty. */
export async function packAll({ wasm }: PageBytesDeps, bodies: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const packed: Uint8Array[] = [];
  for (const body of bodies)
    packed.push(
      await runWasm(
        wasm,
        () => packByWriter(body),
        (cause) => new LakefoldError('LIMIT_EXCEEDED', `expected a page the Parquet writer has memory for, found one of ${body.length} bytes`, { cause }),
      ),
    );
  return packed;
}

/** The page of a file with one value, of as many bytes as the body has: such a value is stored as it is. */
function packByWriter(body: Uint8Array): Uint8Array {
  const schema = arrowMessage(Message.encode(Message.from(new Schema([new Field('b', new FixedSizeBinary(body.length), false)]))));
  const stream = arrowStream(schema, { rowCount: 1, columns: [{ length: 1, nullCount: 0, buffers: [new Uint8Array(), body], children: [] }] });
  const file = writeParquet(Table.fromIPCStream(stream), writerProperties({ plain: 'all' }));
  const [chunk] = placeChunks(file, structOf(listAt(readFooterStruct(file), 4)[0]) ?? new Map()) ?? [];
  const pages = chunk === undefined ? [] : readPageHeaders(file.subarray(chunk.start, chunk.end));
  const [page, more] = pages;
  if (chunk === undefined || page?.decodedBytes !== body.length || more !== undefined)
    throw new LakefoldError('INTERNAL', `expected one page of ${body.length} bytes from the Parquet writer, found ${pages.length} pages`);
  return file.slice(chunk.start + page.start, chunk.start + page.start + page.storedBytes);
}

function orCorrupt(work: () => Uint8Array): Uint8Array {
  try {
    return work();
  } catch (cause) {
    if (isTrap(cause)) throw cause;
    throw corruptFile(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
