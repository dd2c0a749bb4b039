/** Group commit against committing alone: one entry leaves the table, and tells each write, what many entries would. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openParquetCodec } from '../support/embedded.ts';
import { compareWithSerial } from '../support/table-group-runs.ts';
import type { TableShape } from '../support/table-model.ts';

const shapes: fc.Arbitrary<TableShape> = fc.record({
  profile: fc.constantFrom('merge-on-read', 'compatible'),
  hasEventTime: fc.boolean(),
  partitionBy: fc.constantFrom<TableShape['partitionBy']>([], ['p'], ['k']),
});

describe('a group of staged writes', () => {
  it('gives the rows and the counts of committing each alone, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), shapes, async (seed, shape) => {
        expect(await compareWithSerial({ seed, shape })).toEqual([]);
      }),
      { numRuns: 150, endOnFailure: true },
    );
  });

  it('does so in Parquet', async () => {
    const codec = openParquetCodec();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), shapes, async (seed, shape) => {
        expect(await compareWithSerial({ seed, shape, codec })).toEqual([]);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});
