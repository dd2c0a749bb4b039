/** gzip by the Web's streams, which Node and every edge runtime have. */
import { concatBytes } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';

export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  return concatBytes(await pipe(bytes, new CompressionStream('gzip'), Number.POSITIVE_INFINITY));
}

/** @throws LakefoldError CORRUPT_STORE for bytes that are no gzip or unpack to more than `sizeMax` bytes */
export async function gunzip(bytes: Uint8Array, options: { readonly sizeMax: number }): Promise<Uint8Array> {
  try {
    return concatBytes(await pipe(bytes, new DecompressionStream('gzip'), options.sizeMax));
  } catch (cause) {
    if (cause instanceof LakefoldError) throw cause;
    throw new LakefoldError('CORRUPT_STORE', 'expected gzip, found other bytes', { cause });
  }
}

async function pipe(bytes: Uint8Array, stream: CompressionStream | DecompressionStream, sizeMax: number): Promise<readonly Uint8Array[]> {
  const source = new Blob([Uint8Array.from(bytes)]).stream().pipeThrough<Uint8Array>(stream);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of source) {
    size += part.length;
    if (size > sizeMax) throw new LakefoldError('CORRUPT_STORE', `expected at most ${sizeMax} unpacked bytes, found more`);
    parts.push(part);
  }
  return parts;
}
