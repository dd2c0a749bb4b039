/** Zstandard as Node has it, which packs and unpacks at two to three times the rate of the Parquet codec's WebAssembly. */
import * as zlib from 'node:zlib';
import type { Zstd } from '../../ports/zstd.ts';

/** As the Parquet writer packs. */
const LEVEL = 1;
/** Beyond the bytes themselves, so that a result comes in one piece: what packing may add, and the least Node takes. */
const SPARE_BYTES = 1024;

/** The calls that came with Node 22.15. */
interface ZstdCalls {
  readonly zstdCompressSync?: (
    bytes: Uint8Array,
    options: { readonly params: Readonly<Record<number, number>>; readonly pledgedSrcSize: number; readonly chunkSize: number },
  ) => Uint8Array;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: { readonly maxOutputLength: number; readonly chunkSize: number }) => Uint8Array;
}

/** Undefined where this Node has none. */
export function systemZstd(): Zstd | undefined {
  const { zstdCompressSync, zstdDecompressSync } = zlib as ZstdCalls;
  const level: unknown = (zlib.constants as Readonly<Record<string, unknown>>)['ZSTD_c_compressionLevel'];
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined || typeof level !== 'number') return undefined;
  return {
    pack: (bytes) => zstdCompressSync(bytes, { params: { [level]: LEVEL }, pledgedSrcSize: bytes.length, chunkSize: bytes.length + SPARE_BYTES }),
    unpack: (bytes, size) => {
      try {
        return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size), chunkSize: size + SPARE_BYTES });
      } catch {
        return undefined;
      }
    },
  };
}
