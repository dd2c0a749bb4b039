/**
 * Tables against a naive model: whatever handles do at once, every version holds what its operations say (semantics §0),
 * by number and by instant, as rows and as changes; `verify` finds nothing.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openParquetCodec } from '../support/embedded.ts';
import { runTableHistory } from '../support/table-history.ts';
import type { TableOption, TableShape } from '../support/table-model.ts';

const OPTIONS: readonly TableOption[] = ['changeFeed', 'inCommitTimestamp', 'v2Checkpoints', 'columnMapping'];

const shapes: fc.Arbitrary<TableShape> = fc.record({
  profile: fc.constantFrom('merge-on-read', 'compatible'),
  hasEventTime: fc.boolean(),
  partitionBy: fc.constantFrom<TableShape['partitionBy']>([], ['p'], ['k']),
  options: fc.subarray([...OPTIONS]),
});

/** Of a machine that does other things beside; ten seconds of its own suffice. */
const MILLIS_MAX = 300_000;

describe('a table under concurrent writers', () => {
  it(
    'holds at every version what the operations before it say, with exact counts, for ever',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), shapes, async (seed, shape) => {
          expect(await runTableHistory({ seed, shape })).toEqual([]);
        }),
        { numRuns: 150, endOnFailure: true },
      );
    },
    MILLIS_MAX,
  );

  it(
    'does so in Parquet',
    async () => {
      const codec = openParquetCodec();
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 30 }), shapes, async (seed, shape) => {
          expect(await runTableHistory({ seed, shape, codec, opsMax: 3 })).toEqual([]);
        }),
        { numRuns: 16, endOnFailure: true },
      );
    },
    MILLIS_MAX,
  );
});
