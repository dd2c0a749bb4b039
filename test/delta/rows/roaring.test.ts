import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../lib/core/bytes.ts';
import { decodeRoaring, encodeRoaring } from '../../../lib/delta/rows/roaring.ts';

/** Scattered, dense and contiguous stretches over several containers. */
const positions = fc
  .array(
    fc.oneof(
      fc.record({ from: fc.integer({ min: 0, max: 2 ** 32 - 100_000 }), step: fc.integer({ min: 1, max: 9 }), count: fc.integer({ min: 1, max: 9000 }) }),
      fc.record({ from: fc.integer({ min: 0, max: 300_000 }), step: fc.constant(1), count: fc.integer({ min: 1, max: 70_000 }) }),
    ),
    { maxLength: 6 },
  )
  .map((stretches) =>
    [...new Set(stretches.flatMap(({ from, step, count }) => Array.from({ length: count }, (_, i) => from + i * step)))].toSorted((a, b) => a - b),
  );

describe('Roaring bitmaps', () => {
  it('hold exactly the positions put in', () => {
    fc.assert(
      fc.property(positions, (naive) => {
        expect([...decodeRoaring(encodeRoaring(naive))]).toEqual(naive);
      }),
      { numRuns: 40 },
    );
  });

  it('are the portable bytes of the format for a small set', () => {
    expect(toHex(encodeRoaring([3, 4, 7, 11, 18, 29]))).toBe(
      'd1d33964' + '0100000000000000' + '00000000' + '3a300000' + '01000000' + '00000500' + '10000000' + '030004000700' + '0b0012001d00',
    );
  });

  it('use runs where they are smaller', () => {
    const run = Array.from({ length: 100_000 }, (_, i) => i + 5);
    expect(encodeRoaring(run).length).toBeLessThan(60);
    expect([...decodeRoaring(encodeRoaring(run))]).toEqual(run);
  });

  it('use a bitset where it is smaller', () => {
    const even = Array.from({ length: 30_000 }, (_, i) => i * 2);
    expect(encodeRoaring(even).length).toBe(16 + 8 + 4 + 4 + 8192);
    expect([...decodeRoaring(encodeRoaring(even))]).toEqual(even);
  });

  it('with runs carry an offset header from four containers on', () => {
    const runs = (containers: number): number[] => Array.from({ length: containers }, (_, i) => Array.from({ length: 100 }, (__, j) => i * 65_536 + j)).flat();
    expect([encodeRoaring(runs(3)).length, encodeRoaring(runs(4)).length]).toEqual([16 + 4 + 1 + 3 * 4 + 3 * 6, 16 + 4 + 1 + 4 * 4 + 4 * 4 + 4 * 6]);
    expect([[...decodeRoaring(encodeRoaring(runs(3)))], [...decodeRoaring(encodeRoaring(runs(4)))]]).toEqual([runs(3), runs(4)]);
  });

  it('may be empty', () => {
    expect([toHex(encodeRoaring([])), [...decodeRoaring(encodeRoaring([]))]]).toEqual(['d1d339640000000000000000', []]);
  });

  it('are read in the native layout too', () => {
    const bitmap = '3a300000' + '01000000' + '00000100' + '10000000' + '03000400';
    expect([...decodeRoaring(fromHex(`d0d33964${'01000000'}${'14000000'}${bitmap}`))]).toEqual([3, 4]);
  });

  it('with positions from 2^32 on are refused, not cut', () => {
    const beyond = fromHex(`d1d33964${'0100000000000000'}${'01000000'}3a300000010000000000000010000000${'0300'}`);
    expect(() => decodeRoaring(beyond)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature: 'deletionVectors' } }));
  });

  it('cut short, continued or of another magic are corrupt', () => {
    const whole = encodeRoaring([1, 2, 70_000]);
    const broken = [whole.subarray(0, whole.length - 1), Uint8Array.from([...whole, 0]), Uint8Array.from([1, ...whole.subarray(1)]), new Uint8Array()];
    for (const bytes of broken) expect(() => decodeRoaring(bytes)).toThrow(expect.objectContaining({ code: 'DELETION_VECTOR_CORRUPT' }));
  });

  it('never yield anything but ascending positions, whatever byte is changed', () => {
    const whole = encodeRoaring([1, 2, 3, 9, 70_000, 70_001, 200_000]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = whole.slice();
        changed[at] = byte;
        try {
          const read = [...decodeRoaring(changed)];
          expect(read).toEqual([...new Set(read)].toSorted((a, b) => a - b));
        } catch (error) {
          expect(error).toMatchObject({ name: 'LakefoldError' });
        }
      }),
      { numRuns: 300 },
    );
  });
});
