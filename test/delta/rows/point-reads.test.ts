/** Point reads of a large sorted file: requests and bytes, and the same rows as a full read. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { MemoryObjectStore } from '../../../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { silentLog } from '../../../lib/adapters/system/log.ts';
import { readParquetWasm } from '../../../lib/adapters/system/parquet-wasm.ts';
import { rowsOf, type Batch } from '../../../lib/core/batch.ts';
import type { Column, Value } from '../../../lib/core/types.ts';
import type { DeltaDeps } from '../../../lib/delta/deps.ts';
import type { Filter } from '../../../lib/delta/filter/filter.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import { createParquetCodec } from '../../../lib/parquet/parquet-codec.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const ROWS = 200_000;
const COLUMNS: readonly Column[] = [
  { name: 'k', type: { kind: 'string' }, nullable: false },
  { name: 'e', type: { kind: 'timestamp' }, nullable: false },
  { name: 'n', type: { kind: 'double' }, nullable: true },
  { name: 'noise', type: { kind: 'binary' }, nullable: true },
];
const keyOf = (i: number): string => `key-${String(i).padStart(7, '0')}`;
const noise = new SeededRandom(7);
const batch: Batch = {
  columns: COLUMNS,
  rowCount: ROWS,
  vectors: [
    { type: { kind: 'string' }, length: ROWS, values: Array.from({ length: ROWS }, (_, i) => keyOf(ROWS - 1 - i)) },
    { type: { kind: 'timestamp' }, length: ROWS, values: BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i)) },
    { type: { kind: 'double' }, length: ROWS, values: Float64Array.from({ length: ROWS }, (_, i) => i / 7) },
    { type: { kind: 'binary' }, length: ROWS, values: Array.from({ length: ROWS }, () => noise.bytes(64)) },
  ],
};

interface Fetched {
  readonly path: string;
  readonly bytes: number;
}

/** Passes reads on and notes how many bytes each brought. */
function measured(store: ObjectStore, fetched: Fetched[]): ObjectStore {
  return wrappedStore(store, {
    get: async (path, options) => {
      const object = await store.get(path, options);
      fetched.push({ path, bytes: object?.bytes.length ?? 0 });
      return object;
    },
  });
}

describe('a point read', () => {
  const fetched: Fetched[] = [];
  let table: DeltaTable;
  let fileBytes = 0;

  beforeAll(async () => {
    const clock = new ManualClock({ sleeping: 'skip' });
    const store = measured(new MemoryObjectStore({ clock }), fetched);
    const deps: DeltaDeps = {
      store,
      codec: createParquetCodec({ wasm: readParquetWasm() }),
      clock,
      random: new SeededRandom(1),
      log: silentLog,
      engineInfo: 'lakefold/test',
    };
    ({ table } = await DeltaTable.create(deps, 't', { columns: COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} }));
    await table.append(batch, { sortBy: ['k', 'e'] });
    fileBytes = [...table.snapshot.files.values()].reduce((sum, { size }) => sum + size, 0);
  });

  async function read(where: Filter, columns: readonly string[]): Promise<{ readonly rows: Value[][]; readonly data: readonly Fetched[] }> {
    fetched.length = 0;
    const rows: Value[][] = [];
    for await (const found of table.read({ where, columns })) rows.push(...rowsOf(found));
    return { rows, data: fetched.filter(({ path }) => path.endsWith('.parquet')) };
  }

  it('fetches the pages of the key alone, and finds what is there', async () => {
    expect(fileBytes).toBeGreaterThan(8 * 1024 * 1024);
    const where: Filter = {
      kind: 'and',
      filters: [
        { kind: 'compare', column: 'k', op: '=', value: keyOf(77_777) },
        { kind: 'compare', column: 'n', op: '>', value: 0 },
      ],
    };
    const { rows, data } = await read(where, ['k', 'e', 'n']);
    expect(rows).toEqual([[keyOf(77_777), BigInt(ROWS - 1 - 77_777), (ROWS - 1 - 77_777) / 7]]);
    const bytes = data.reduce((sum, each) => sum + each.bytes, 0);
    expect([data.length <= 3, bytes < fileBytes / 10]).toEqual([true, true]);
  });

  it('finds nothing with the end of the file alone', async () => {
    const { rows, data } = await read({ kind: 'compare', column: 'k', op: '=', value: `${keyOf(77_777)}x` }, ['k']);
    expect([rows, data.length <= 3]).toEqual([[], true]);
    const none = await read(
      {
        kind: 'and',
        filters: [
          { kind: 'compare', column: 'k', op: '>', value: keyOf(1) },
          { kind: 'compare', column: 'k', op: '<', value: keyOf(1) },
        ],
      },
      ['k'],
    );
    expect(none.rows).toEqual([]);
  });

  it('reads a stretch of keys as the full read has it', async () => {
    const where: Filter = {
      kind: 'and',
      filters: [
        { kind: 'compare', column: 'k', op: '>=', value: keyOf(39_990) },
        { kind: 'compare', column: 'k', op: '<', value: keyOf(40_010) },
      ],
    };
    const { rows } = await read(where, ['k']);
    expect(rows).toEqual(Array.from({ length: 20 }, (_, i) => [keyOf(39_990 + i)]));
  });
});
