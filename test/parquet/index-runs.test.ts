/** Indices of dictionary pages, packed and in runs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readIndices, widthOfIndices, writeIndices } from '../../lib/parquet/remake/index-runs.ts';

describe('indices', () => {
  it('come back whatever they are', () => {
    const stretches = fc.array(fc.tuple(fc.nat({ max: 1_000_000 }), fc.integer({ min: 1, max: 30 })), { maxLength: 30 });
    fc.assert(
      fc.property(stretches, (drawn) => {
        const indices = Int32Array.from(drawn.flatMap(([index, times]) => Array<number>(times).fill(index)));
        const width = widthOfIndices(indices.reduce((most, index) => Math.max(most, index), 0) + 1);
        expect(readIndices(writeIndices(indices, width), indices.length)).toEqual(indices);
      }),
    );
  });

  it('are as the format writes them', () => {
    expect(writeIndices(Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7), 3)).toEqual(Uint8Array.of(3, 3, 0x88, 0xc6, 0xfa));
    expect(writeIndices(new Int32Array(100).fill(5), 3)).toEqual(Uint8Array.of(3, 200, 1, 5));
    expect([1, 2, 3, 256, 257].map(widthOfIndices)).toEqual([1, 1, 2, 8, 9]);
  });

  it('that end early are corrupt', () => {
    for (const bytes of [[], [3], [3, 3, 0x88], [3, 200], [3, 200, 1], [33, 3, 1], [3, 0, 1], [3, 1]])
      expect(() => readIndices(Uint8Array.from(bytes), 8)).toThrow(expect.objectContaining({ code: 'FILE_CORRUPT' }));
  });
});
