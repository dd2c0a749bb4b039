/** Checkpoints as Parquet with bytes changed, lost or cut away, and nothing else to read the table from. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../../lib/adapters/system/parquet-wasm.ts';
import { measureStream } from '../../../lib/adapters/system/stream-measure.ts';
import { isLakefoldError } from '../../../lib/core/errors.ts';
import { SEAL } from '../../../lib/core/seal.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { checkpointPath, commitPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { createParquetCodec } from '../../../lib/parquet/parquet-codec.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const VERSION = 6;

/** Files in partitions, some with a deletion vector, tombstones and a txn; no entry up to the checkpoint is left. */
async function checkpointedTable(): Promise<TableFixture> {
  const codec = createParquetCodec({ wasm: readParquetWasm(), measure: measureStream });
  const fixture = await tableFixture({ partitionBy: ['v'], codec });
  const { table, store } = fixture;
  for (let i = 1; i < VERSION; i += 1) await table.upsert(rowsBatch([`k${i % 3}`, i % 2, BigInt(i)], [`n${i}`, 1, BigInt(i)]), { keys: ['k'] });
  await table.append(rowsBatch(['z', 0, 9n]), { idempotency: { kind: 'stream', name: 'loader', sequence: 1 } });
  await table.checkpoint();
  for (let version = 0; version <= VERSION; version += 1) await store.delete(commitPath(T_ROOT, version));
  return fixture;
}

const damages = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom('flip', 'cut', 'zero', 'insert', 'drop', 'ones'),
  bit: fc.nat(7),
});

function damaged(before: Uint8Array, { at, kind, bit }: { readonly at: number; readonly kind: string; readonly bit: number }): Uint8Array {
  const position = Math.floor(at * before.length);
  const changed = before.slice();
  switch (kind) {
    case 'cut':
      return before.slice(0, position);
    case 'insert':
      return Uint8Array.from([...before.subarray(0, position), 32 + bit, ...before.subarray(position)]);
    case 'drop':
      return Uint8Array.from([...before.subarray(0, position), ...before.subarray(position + 1)]);
    case 'zero':
      return changed.fill(0, position, position + 8);
    case 'ones':
      return changed.fill(0xff, position, position + 4);
    default:
      changed[position] = (changed[position] ?? 0) ^ (1 << bit);
      return changed;
  }
}

/** The same Parquet file with its seal under a name that nobody knows. */
function withoutSeal(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  expect(text).toContain(SEAL);
  return Uint8Array.from(Buffer.from(text.replaceAll(SEAL, 'x'.repeat(SEAL.length)), 'latin1'));
}

describe('a damaged checkpoint', () => {
  let fixture: TableFixture;
  let whole: unknown;
  let before: Uint8Array;
  const path = checkpointPath(T_ROOT, VERSION);
  beforeAll(async () => {
    fixture = await checkpointedTable();
    whole = await fixture.rows();
    before = (await fixture.store.get(path))?.bytes ?? new Uint8Array();
  });

  const answerTo = async (bytes: Uint8Array): Promise<unknown> => {
    await fixture.store.overwrite(path, bytes);
    try {
      return await fixture.rows();
    } catch (error) {
      if (!isLakefoldError(error)) throw error;
      return error.kind;
    } finally {
      await fixture.store.overwrite(path, before);
    }
  };

  it('that we wrote reads as it was, or is refused as corrupt', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(damages, async (damage) => {
        const answer = await answerTo(damaged(before, damage));
        expect(answer === 'corrupt' ? whole : answer).toEqual(whole);
      }),
      { numRuns: 400, endOnFailure: true },
    );
  });

  it('without a checksum, as of another engine, is read or refused by a code, and the process reads on', { timeout: 120_000 }, async () => {
    const pointer = await fixture.store.get(lastCheckpointPath(T_ROOT));
    await fixture.store.delete(lastCheckpointPath(T_ROOT));
    const foreign = withoutSeal(before);
    expect(await answerTo(foreign)).toEqual(whole);
    const kinds = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(damages, async (damage) => {
        const answer = await answerTo(damaged(foreign, damage));
        kinds.add(Array.isArray(answer) ? 'rows' : answer);
      }),
      { numRuns: 400, endOnFailure: true },
    );
    expect([...kinds].filter((kind) => !['rows', 'corrupt', 'unsupported', 'invalid', 'not_found'].includes(String(kind)))).toEqual([]);
    expect(await fixture.rows()).toEqual(whole);
    if (pointer !== undefined) await fixture.store.overwrite(lastCheckpointPath(T_ROOT), pointer.bytes);
    expect((await pathsIn(fixture.store, `${T_ROOT}/_delta_log/`)).map((each) => objectPath(each))).toContain(path);
  });
});
