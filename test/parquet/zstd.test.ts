/** Pages packed by our own Zstandard: the reference's decoder, inside the Parquet reader, gives the bytes back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { bytesEqual, sha256, toHex, utf8 } from '../../lib/core/bytes.ts';
import type { PageHeader } from '../../lib/parquet/page-headers.ts';
import { unpackPage } from '../../lib/parquet/unpack-page.ts';
import { runWasm } from '../../lib/parquet/wasm-runtime.ts';
import { createZstdPacker } from '../../lib/parquet/zstd.ts';

const wasm = readParquetWasm();
/** One for all, so that what stays of a stretch would show in the next. */
const { pack: packZstd } = createZstdPacker();
const ZSTD = 6;
/** Shares that `zstd -1` leaves of the columns below. */
const REFERENCE = [0.3056, 0.0728, 0.0001];
const GOLDEN = '07a619a47b05369170fa94201e82774a61934e38fb0ae62df1dd2b3575e21afd';

async function unpack(packed: Uint8Array, size: number): Promise<Uint8Array> {
  const page: PageHeader = {
    type: 0,
    valueCount: size,
    encoding: 0,
    start: 0,
    storedBytes: packed.length,
    decodedBytes: size,
    headerBytes: 0,
    levelBytes: 0,
    isPacked: true,
  };
  return runWasm(
    wasm,
    () => unpackPage(packed, page, ZSTD),
    (cause) => new Error('the reader broke down', { cause }) as never,
  );
}

/** Whether the reader unpacks to `bytes` what they were packed to. */
async function comesBack(bytes: Uint8Array, packed: Uint8Array = packZstd(bytes)): Promise<boolean> {
  return bytesEqual(await unpack(packed, bytes.length), bytes);
}

/** Runs of bytes as data has them: fresh ones of an alphabet, and copies of what stands some way back. */
const piece = fc.oneof(
  fc.record({ kind: fc.constant('fresh' as const), values: fc.array(fc.nat(255), { minLength: 1, maxLength: 80 }), mask: fc.constantFrom(1, 3, 31, 127, 255) }),
  fc.record({ kind: fc.constant('copy' as const), back: fc.oneof(fc.nat(20), fc.nat(200_000)), length: fc.oneof(fc.nat(12), fc.nat(300), fc.nat(90_000)) }),
);

function bytesOf(pieces: readonly (typeof piece extends fc.Arbitrary<infer P> ? P : never)[]): Uint8Array {
  const bytes: number[] = [];
  for (const each of pieces) {
    if (each.kind === 'fresh') for (const value of each.values) bytes.push(value & each.mask);
    else for (let i = 0; i < each.length && bytes.length > 0; i += 1) bytes.push(bytes[Math.max(0, bytes.length - 1 - each.back)] ?? 0);
  }
  return Uint8Array.from(bytes);
}

/** Bytes with a seed; the lower ones the more frequent the greater `skew`. */
function skewed(count: number, alphabet: number, skew: number): Uint8Array {
  let state = count + alphabet + skew;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) ** skew * alphabet);
  });
}

describe('packing by Zstandard', () => {
  it('comes back as it was, whatever repeats in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 40 }), async (pieces) => {
        const bytes = bytesOf(pieces);
        expect(await comesBack(bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  // Where the forms of headers change: of frames, literals in one stream and four, blocks, counts of sequences.
  it.each([0, 1, 31, 32, 63, 64, 255, 256, 1023, 1024, 4095, 4096, 16_383, 16_384, 65_791, 65_792, 131_071, 131_072, 131_073, 400_000])(
    'comes back as it was, of %i bytes',
    async (size) => {
      for (const [alphabet, skew] of [
        [1, 1],
        [2, 1],
        [3, 4],
        [64, 2],
        [130, 3],
        [256, 1],
        [256, 3],
        [256, 12],
      ] as const) {
        const bytes = skewed(size, alphabet, skew);
        const packed = packZstd(bytes);
        expect(packed.length).toBeLessThanOrEqual(size + 9 + 3 * Math.max(1, Math.ceil(size / 131_072)));
        if (size > 0) expect(await comesBack(bytes, packed)).toBe(true);
      }
    },
  );

  it('gives codes of at most eleven bits to bytes as rare as can be', async () => {
    // Counts as Fibonacci has them make the deepest tree.
    const counts = [1, 1];
    for (let i = 2; i < 22; i += 1) counts.push((counts[i - 1] ?? 0) + (counts[i - 2] ?? 0));
    const bytes = Uint8Array.from(counts.flatMap((count, byte) => Array.from({ length: count }, () => byte * 11)));
    for (let i = bytes.length - 1, state = 7; i > 0; i -= 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const other = state % (i + 1);
      [bytes[i], bytes[other]] = [bytes[other] ?? 0, bytes[i] ?? 0];
    }
    expect(await comesBack(bytes)).toBe(true);
  });

  it('packs columns as closely as the reference does at its first level', () => {
    const micros = BigInt64Array.from({ length: 20_000 }, (_, i) => 1_700_000_000_000_000n + BigInt(i) * 1_000_000n);
    const texts = utf8(Array.from({ length: 20_000 }, (_, i) => `user-${String((i * 7919) % 100_000).padStart(8, '0')}`).join(''));
    const runs = new Uint8Array(1_000_000).fill(7);
    const sizes = [new Uint8Array(micros.buffer), texts, runs].map((bytes) => packZstd(bytes).length / bytes.length);
    expect(sizes.map((share, i) => share <= (REFERENCE[i] ?? 0) * 1.05)).toEqual([true, true, true]);
  });

  it('gives equal bytes for equal bytes, those it has always given', () => {
    const bytes = skewed(300_000, 200, 3);
    expect(toHex(sha256(packZstd(bytes)))).toEqual(GOLDEN);
  });
});
