/** How far gzip and brotli streams unpack, by Node's zlib. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/** The bytes `bytes` unpack to; undefined where there are more than `sizeMax` or the stream is broken. */
export function measureStream(codec: 'gzip' | 'brotli', bytes: Uint8Array, sizeMax: number): number | undefined {
  const unpack = codec === 'gzip' ? gunzipSync : brotliDecompressSync;
  try {
    return unpack(bytes, { maxOutputLength: Math.max(1, sizeMax) }).length;
  } catch {
    return undefined;
  }
}
