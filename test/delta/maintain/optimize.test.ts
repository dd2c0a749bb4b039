/** Optimisations: what is planned, that no row changes at any version, and that the new files say of themselves what is true. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { MemoryObjectStore } from '../../../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { silentLog } from '../../../lib/adapters/system/log.ts';
import { readParquetWasm } from '../../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows, concatBatches, rowsOf, type Batch, type Row } from '../../../lib/core/batch.ts';
import { compareUtf8, hasLoneSurrogate } from '../../../lib/core/bytes.ts';
import { joinPath, objectPath } from '../../../lib/core/path.ts';
import type { Column, Value } from '../../../lib/core/types.ts';
import type { PlannedWrite } from '../../../lib/delta/write/commit.ts';
import type { DeltaDeps } from '../../../lib/delta/deps.ts';
import { commitGroups, optimizePlanner } from '../../../lib/delta/maintain/optimize.ts';
import { runOptimize } from '../../../lib/delta/maintain/optimize-run.ts';
import { planOptimize, rowBytesOf, type OptimizePlan } from '../../../lib/delta/maintain/optimize-plan.ts';
import { filesThatMayPass, readFile } from '../../../lib/delta/rows/read.ts';
import { formatSchema, parseSchema } from '../../../lib/delta/schema/schema.ts';
import { collectStats } from '../../../lib/delta/statistics/stats.ts';
import { mergeStats } from '../../../lib/delta/statistics/stats-merge.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import { NO_ROWS, type WriteOutcome } from '../../../lib/delta/write/write-outcome.ts';
import { zOrder } from '../../../lib/delta/maintain/z-order.ts';
import { createParquetCodec } from '../../../lib/parquet/parquet-codec.ts';
import { hostileFile } from '../../support/hostile-parquet.ts';
import { rowsBatch, tableFixture } from '../../support/table-fixture.ts';

const wasm = readParquetWasm();
const COLUMNS: readonly Column[] = [
  { name: 'k', type: { kind: 'string' }, nullable: false },
  { name: 'x', type: { kind: 'double' }, nullable: true },
  { name: 'd', type: { kind: 'decimal', precision: 9, scale: 2 }, nullable: true },
  { name: 'e', type: { kind: 'timestamp' }, nullable: true },
];
const rowOf = (i: number): Row => [`k${(i * 37) % 101}`, i % 7 === 0 ? null : i / 3, BigInt((i * 53) % 211) - 100n, BigInt(i) * 1_000_001n];

async function parquetTable(): Promise<{ readonly table: DeltaTable; readonly deps: DeltaDeps }> {
  const clock = new ManualClock({ sleeping: 'skip' });
  const store = new MemoryObjectStore({ clock });
  const deps: DeltaDeps = { store, codec: createParquetCodec({ wasm }), clock, random: new SeededRandom(1), log: silentLog, engineInfo: 'lakefold/test' };
  const { table } = await DeltaTable.create(deps, 't', { columns: COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} });
  return { table, deps };
}

async function rowsAt(table: DeltaTable, version?: number): Promise<Value[][]> {
  const rows: Value[][] = [];
  for await (const batch of table.read(version === undefined ? {} : { asOf: { version } })) rows.push(...rowsOf(batch));
  return rows.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
}

/** Statistics of each live file as they would be if its rows were collected now. */
async function statsNow({ table, deps }: { readonly table: DeltaTable; readonly deps: DeltaDeps }): Promise<(readonly [string | undefined, string])[]> {
  const { snapshot } = table;
  const found: (readonly [string | undefined, string])[] = [];
  for (const file of snapshot.files.values()) {
    const batches: Batch[] = [];
    for await (const { batch } of readFile(deps, { root: 't', snapshot, file }, { columns: snapshot.columns })) batches.push(batch);
    found.push([file.stats, collectStats(concatBatches(snapshot.columns, batches), snapshot.columns)]);
  }
  return found;
}

const shapeOf = ({ bins }: OptimizePlan): unknown => bins.map(({ how, files, rows }) => [how, files.length, rows]);

const actionKinds = (planned: PlannedWrite): unknown => (planned.kind === 'write' ? planned.actions.map(({ kind }) => kind) : planned.kind);

describe('an optimisation', () => {
  it.each([
    ['packs files as they are', {}, 'pack'],
    ['sorts rows by columns', { clusterBy: ['k', 'e'] }, 'rewrite'],
    ['lays rows along a Z curve', { zOrder: ['k', 'x', 'd', 'e'] }, 'rewrite'],
  ] as const)('%s, and changes no row at any version', async (_, options, how) => {
    const { table, deps } = await parquetTable();
    for (let i = 0; i < 4; i += 1)
      await table.append(
        batchOfRows(
          COLUMNS,
          Array.from({ length: 50 }, (__, j) => rowOf(i * 50 + j)),
        ),
      );
    const before = await rowsAt(table);
    expect(shapeOf(await table.planOptimize(options))).toEqual([[how, 4, 200]]);
    expect(await table.optimize(options)).toMatchObject({ kind: 'committed', version: 5, filesAdded: 1, filesRemoved: 4 });
    expect(await rowsAt(table)).toEqual(before);
    expect([(await rowsAt(table, 4)).length, (await rowsAt(table, 2)).length]).toEqual([200, 100]);
    for (const [stored, now] of await statsNow({ table, deps })) expect(stored).toBe(now);
    expect(await table.optimize(options)).toMatchObject({ kind: 'nothing' });
  });

  it('takes out deleted rows where they are more than a tenth, also of a file alone', async () => {
    const { table, deps } = await parquetTable();
    await table.append(
      batchOfRows(
        COLUMNS,
        Array.from({ length: 100 }, (_, i) => rowOf(i)),
      ),
    );
    const remove = (i: number): Promise<unknown> =>
      table.delete({ kind: 'where', filter: { kind: 'compare', column: 'e', op: '=', value: BigInt(i) * 1_000_001n } });
    for (let i = 0; i < 10; i += 1) await remove(i);
    expect((await table.planOptimize()).bins).toEqual([]);
    await remove(10);
    expect(shapeOf(await table.planOptimize())).toEqual([['rewrite', 1, 89]]);
    const before = await rowsAt(table);
    await table.optimize();
    expect([...table.snapshot.files.values()].map(({ deletionVector }) => deletionVector)).toEqual([undefined]);
    expect(await rowsAt(table)).toEqual(before);
    for (const [stored, now] of await statsNow({ table, deps })) expect(stored).toBe(now);
  });

  it('commits a target file’s worth at a time, goes on where it stopped, and stops when its time is over', async () => {
    const { table, deps } = await parquetTable();
    for (let i = 0; i < 9; i += 1)
      await table.append(
        batchOfRows(
          COLUMNS,
          Array.from({ length: 30 }, (_, j) => rowOf(i * 30 + j)),
        ),
      );
    const before = await rowsAt(table);
    const size = Math.max(...[...table.snapshot.files.values()].map((file) => file.size));
    const targetBytes = size * 3;
    const plan = await table.planOptimize({ targetBytes });
    expect([plan.files, commitGroups(plan, targetBytes).length]).toEqual([9, plan.bins.length]);
    expect(await table.optimize({ targetBytes, timeMillisMax: 0 })).toMatchObject({ kind: 'committed', version: 10 });
    const other = await DeltaTable.open(deps, 't');
    const rest = plan.files - (plan.bins[0]?.files.length ?? 0);
    expect((await other.planOptimize({ targetBytes })).files).toBeGreaterThanOrEqual(rest);
    expect(await other.optimize({ targetBytes })).toMatchObject({ kind: 'committed' });
    expect(await rowsAt(other)).toEqual(before);
  });

  it('tells what landed and what is left when a later commit loses its race, is aborted, or is out of time', async () => {
    const start = async (): Promise<{ readonly table: DeltaTable; readonly targetBytes: number }> => {
      const { table } = await parquetTable();
      for (let i = 0; i < 6; i += 1) await table.append(batchOfRows(COLUMNS, [rowOf(2 * i), rowOf(2 * i + 1)]));
      return { table, targetBytes: Math.max(...[...table.snapshot.files.values()].map((file) => file.size)) * 2 + 1 };
    };
    const late = await start();
    const sizes = [...late.table.snapshot.files.values()].map((file) => file.size);
    const outcome = await late.table.optimize({ targetBytes: late.targetBytes, timeMillisMax: 0 });
    expect(outcome).toMatchObject({ kind: 'committed', version: 7, filesRemoved: 2, filesAdded: 1, stopped: { because: 'time', filesLeft: 4 } });
    expect(outcome.bytesRead).toBe((sizes[0] ?? 0) + (sizes[1] ?? 0));
    expect(outcome.bytesWritten).toBe([...late.table.snapshot.files.values()].at(-1)?.size);

    const { deps, table } = await parquetTable();
    for (let i = 0; i < 6; i += 1) await table.append(batchOfRows(COLUMNS, [rowOf(2 * i), rowOf(2 * i + 1)]));
    const plan = planOptimize(table.snapshot, { targetBytes: late.targetBytes });
    const run = (second: () => Promise<WriteOutcome>, signal?: AbortSignal): ReturnType<typeof runOptimize> => {
      let calls = 0;
      const { snapshot } = table;
      const commit = async (): Promise<WriteOutcome> =>
        (calls += 1) === 1
          ? { kind: 'committed', version: 7, committedAt: 0, counts: NO_ROWS, filesAdded: 1, filesRemoved: 2, snapshot, attempts: 1 }
          : second();
      return runOptimize(deps, { root: 't', plan, commit }, { targetBytes: late.targetBytes, ...(signal === undefined ? {} : { signal }) });
    };
    expect(await run(async () => ({ kind: 'conflict', winner: 8, reason: 'other rows' }))).toMatchObject({
      kind: 'committed',
      version: 7,
      stopped: { because: 'conflict' },
    });
    expect(await run(async () => ({ kind: 'unknown', version: 8, txnId: 'x' }))).toMatchObject({ kind: 'committed', stopped: { because: 'unknown' } });
    const controller = new AbortController();
    const aborted = run(async () => {
      controller.abort();
      throw new Error('aborted');
    }, controller.signal);
    expect(await aborted).toMatchObject({ kind: 'committed', version: 7, stopped: { because: 'aborted' } });
    await expect(
      run(async () => {
        throw new Error('broken');
      }),
    ).rejects.toThrow('broken');
  });

  it('begins no bin of a group after its time, and reads none after it was aborted', async () => {
    const { table, deps } = await parquetTable();
    for (let i = 0; i < 6; i += 1) await table.append(batchOfRows(COLUMNS, [rowOf(2 * i), rowOf(2 * i + 1)]));
    const { snapshot } = table;
    const targetBytes = Math.max(...[...snapshot.files.values()].map((file) => file.size)) * 2 + 1;
    const { bins } = planOptimize(snapshot, { targetBytes });
    const plan = optimizePlanner(deps, { root: 't', txnId: 'late', order: undefined, options: {}, isLate: () => true }, bins);
    expect(actionKinds(await plan(snapshot))).toEqual(['remove', 'remove', 'add']);
    const aborted = optimizePlanner(deps, { root: 't', txnId: 'gone', order: undefined, options: {}, signal: AbortSignal.abort() }, bins);
    await expect(aborted(snapshot)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('reads, sorts and writes a file too large for its memory piece by piece', async () => {
    const { table } = await parquetTable();
    const all = Array.from({ length: 300 }, (_, i) => rowOf(i));
    for (const from of [0, 100, 200]) await table.append(batchOfRows(COLUMNS, all.slice(from, from + 100)));
    const before = await rowsAt(table);
    await table.optimize();
    const memoryBytesMax = 150 * rowBytesOf(COLUMNS);
    const outcome = await table.optimize({ clusterBy: ['e'], memoryBytesMax });
    expect(outcome).toMatchObject({ kind: 'committed', filesRemoved: 1, filesAdded: 2 });
    expect(await rowsAt(table)).toEqual(before);
    expect((await table.planOptimize({ clusterBy: ['e'], memoryBytesMax })).bins).toEqual([]);
  });

  it.each([
    ['clusterBy', ['x'], { onX: 1, onD: 4 }],
    ['zOrder', ['x', 'd'], { onX: 2, onD: 2 }],
  ] as const)('orders rows across files with %s, so that filters leave files out', async (how, columns, { onX, onD }) => {
    const { table } = await parquetTable();
    for (let file = 0; file < 8; file += 1)
      await table.append(
        batchOfRows(
          COLUMNS,
          Array.from({ length: 200 }, (_, i) => rowOf((i * 8 + file) * 7 + 1)),
        ),
      );
    const before = await rowsAt(table);
    const targetBytes = Math.max(...[...table.snapshot.files.values()].map((file) => file.size)) * 2;
    expect(shapeOf(await table.planOptimize({ [how]: columns, targetBytes }))).toEqual([['rewrite', 8, 1600]]);
    expect(await table.optimize({ [how]: columns, targetBytes })).toMatchObject({ kind: 'committed', filesRemoved: 8, filesAdded: 4 });
    expect(await rowsAt(table)).toEqual(before);
    const read = (column: string, value: Value): number => filesThatMayPass(table.snapshot, { kind: 'compare', column, op: '<', value }).length;
    expect({ onX: read('x', 300), onD: read('d', -80n) }).toEqual({ onX, onD });
  });

  it('copies sorted files that are large enough, and sorts smaller ones anew', async () => {
    const { table } = await parquetTable();
    const sorted = (from: number, count: number): Batch =>
      batchOfRows(
        COLUMNS,
        Array.from({ length: count }, (_, i): Row => [`k${String(from + i).padStart(6, '0')}`, 1, 1n, 1n]),
      );
    for (const from of [0, 5000]) await table.append(sorted(from, 5000));
    expect(shapeOf(await table.planOptimize({ sortBy: ['k'] }))).toEqual([['pack', 2, 10_000]]);
    for (const from of [0, 100, 200]) await table.append(sorted(from, 100));
    expect(shapeOf(await table.planOptimize({ sortBy: ['k'] }))).toEqual([['rewrite', 5, 10_300]]);
  });

  it('looks at the files a filter leaves alone', async () => {
    const { table } = await parquetTable();
    for (const from of [0, 1000, 0, 1000]) await table.append(batchOfRows(COLUMNS, [rowOf(from), rowOf(from + 1)]));
    const plan = await table.planOptimize({ where: { kind: 'compare', column: 'e', op: '>', value: 500_000_000n } });
    expect(shapeOf(plan)).toEqual([['pack', 2, 4]]);
  });

  it('holds no more rows at once than its memory takes', async () => {
    const { table } = await parquetTable();
    await table.append(batchOfRows(COLUMNS, [rowOf(1)]));
    const { snapshot } = table;
    const [file] = [...snapshot.files.values()];
    if (file === undefined) throw new Error('no file');
    const files = Array.from({ length: 6 }, (_, i) => ({ ...file, path: `f${i}`, size: 1000, stats: '{"numRecords":2000000,"nullCount":{"k":0}}' }));
    const large = { ...snapshot, files: new Map(files.map((each) => [each.path, each])) } as unknown as typeof snapshot;
    const plan = planOptimize(large, { clusterBy: ['k'] });
    expect(shapeOf(plan)).toEqual([
      ['rewrite', 2, 4_000_000],
      ['rewrite', 2, 4_000_000],
      ['rewrite', 2, 4_000_000],
    ]);
    expect(plan.memoryBytes).toBeLessThan(1024 * 1024 * 1024);
  });

  it('refuses orders by too many columns, by none there are, or by two ways', async () => {
    const { table } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    const codeOf = (options: Parameters<typeof table.planOptimize>[0]): Promise<unknown> =>
      table.planOptimize(options).then(
        () => 'planned',
        (error: { code?: string }) => error.code,
      );
    expect([
      await codeOf({ zOrder: ['k', 'v', 'k', 'v', 'k'] }),
      await codeOf({ zOrder: [] }),
      await codeOf({ clusterBy: ['nobody'] }),
      await codeOf({ clusterBy: ['k'], zOrder: ['k'] }),
    ]).toEqual(['INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'UNKNOWN_FEATURE', 'INVALID_ARGUMENT']);
  });

  it('refuses a file of another writer that would unpack to gigabytes, names it, and leaves the table as it was', async () => {
    const columns: readonly Column[] = [{ name: 'c', type: { kind: 'int' }, nullable: true }];
    const { table, foreign, store } = await tableFixture({ columns, codec: createParquetCodec({ wasm }) });
    const ints = Uint8Array.from([1, 0, 0, 0, 2, 0, 0, 0]);
    const bomb = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 7, 28]);
    const files = [
      { path: 'honest.parquet', bytes: hostileFile({ pages: [{ valueCount: 2, body: ints }], rowCount: 2 }) },
      { path: 'bomb.parquet', bytes: hostileFile({ pages: [{ valueCount: 2, body: bomb, decodedBytes: 2_147_483_647 }], rowCount: 2, codec: 1 }) },
    ];
    for (const { path, bytes } of files) await store.createIfAbsent(objectPath(`demo/t/${path}`), bytes, { identity: path });
    const stats = '{"numRecords":2,"minValues":{"c":1},"maxValues":{"c":2},"nullCount":{"c":0}}';
    await foreign(files.map(({ path, bytes }) => ({ add: { path, partitionValues: {}, size: bytes.length, modificationTime: 1, dataChange: true, stats } })));
    await table.refresh();
    await expect(table.optimize()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', context: { path: 'bomb.parquet' } });
    expect((await table.refresh()).version).toBe(1);
    expect([...table.snapshot.files.keys()].toSorted()).toEqual(['bomb.parquet', 'honest.parquet']);
  });

  it('refuses to copy a file whose bytes are not those written', async () => {
    const { table, deps } = await parquetTable();
    for (let i = 0; i < 2; i += 1) await table.append(batchOfRows(COLUMNS, [rowOf(i)]));
    const [file] = [...table.snapshot.files.values()];
    const path = joinPath('t', file?.path ?? '');
    const bytes = (await deps.store.get(path))?.bytes.slice() ?? new Uint8Array();
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    await deps.store.delete(path);
    await deps.store.createIfAbsent(path, bytes, { identity: 'damage' });
    await expect(table.optimize()).rejects.toMatchObject({ code: 'FILE_CORRUPT', context: { path: file?.path } });
    expect((await table.refresh()).version).toBe(2);
  });
});

describe('merged statistics', () => {
  const columns = async (): Promise<DeltaTable['snapshot']['columns']> => (await parquetTable()).table.snapshot.columns;

  it('are those of all the rows', async () => {
    const known = await columns();
    const value = fc.tuple(
      fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !hasLoneSurrogate(text)),
      fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
      fc.option(fc.bigInt({ min: -99_999n, max: 99_999n })),
      fc.option(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n })),
    );
    fc.assert(
      fc.property(fc.array(fc.array(value, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }), (files) => {
        const adds = files.map((rows) => ({
          kind: 'add' as const,
          path: objectPath('f'),
          size: 1,
          modificationTime: 0,
          dataChange: true,
          partitionValues: {},
          stats: collectStats(batchOfRows(COLUMNS, rows), known),
        }));
        const text = (stats: string | undefined): unknown => JSON.parse(stats ?? 'null');
        const merged = text(mergeStats(adds, known)) as Record<string, Record<string, unknown>>;
        const exact = text(collectStats(batchOfRows(COLUMNS, files.flat()), known)) as Record<string, Record<string, unknown>>;
        const { k: bound, ...mergedMax } = merged['maxValues'] ?? {};
        const { k: _, ...exactMax } = exact['maxValues'] ?? {};
        expect({ ...merged, maxValues: mergedMax }).toEqual({ ...exact, maxValues: exactMax });
        // The bound of a cut text may be higher than that of the rows together, never lower than one of them.
        if (typeof bound === 'string') expect(files.flat().filter(([k]) => compareUtf8(k, bound) > 0)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('spell bounds as we do, however the files of other engines spelled them', () => {
    const known = parseSchema(
      formatSchema([
        { name: 'at', type: { kind: 'timestamp' }, nullable: true },
        { name: 'local', type: { kind: 'timestampNtz' }, nullable: true },
        { name: 'x', type: { kind: 'double' }, nullable: true },
      ]),
    );
    const foreign = (min: string, max: string) => ({
      kind: 'add' as const,
      path: objectPath('f'),
      size: 1,
      modificationTime: 0,
      dataChange: true,
      partitionValues: {},
      stats: `{"numRecords":2,"minValues":${min},"maxValues":${max},"nullCount":{"at":0,"local":0,"x":0}}`,
    });
    const files = [
      foreign(
        '{"at":"1999-01-01T09:00:00.000-08:00","local":"1999-01-01 09:00:00","x":1}',
        '{"at":"2001-01-01T00:00:00.123456Z","local":"1999-01-02T00:00:00.5","x":1e3}',
      ),
      foreign(
        '{"at":"1999-01-01T17:30:00.000Z","local":"1999-01-01T09:00:00.001","x":2.5}',
        '{"at":"2000-12-31T16:00:00.000-08:00","local":"1999-01-02T00:00:00.499","x":7}',
      ),
    ];
    expect(mergeStats(files, known)).toBe(
      '{"numRecords":4,"minValues":{"at":"1999-01-01T17:00:00.000Z","local":"1999-01-01T09:00:00.000","x":1.0},' +
        '"maxValues":{"at":"2001-01-01T00:00:00.123Z","local":"1999-01-02T00:00:00.500","x":1000.0},"nullCount":{"at":0,"local":0,"x":0}}',
    );
  });

  it('are none where a file says too little or has deleted rows', async () => {
    const known = await columns();
    const file = { kind: 'add' as const, path: objectPath('f'), size: 1, modificationTime: 0, dataChange: true, partitionValues: {} };
    const stats = collectStats(batchOfRows(COLUMNS, [rowOf(1)]), known);
    expect(mergeStats([{ ...file, stats }, file], known)).toBeUndefined();
    expect(mergeStats([{ ...file, stats: '{"numRecords":1' }], known)).toBeUndefined();
    expect(
      mergeStats(
        [
          { ...file, stats },
          { ...file, stats: '{"numRecords":1,"nullCount":{"k":0}}' },
        ],
        known,
      ),
    ).toBeUndefined();
  });
});

describe('the Z order', () => {
  it('brings values near in both columns near, keeps every row once, and nulls first', () => {
    const side = 16;
    const columns: Column[] = [
      { name: 'a', type: { kind: 'int' }, nullable: true },
      { name: 'b', type: { kind: 'string' }, nullable: true },
    ];
    const cells = Array.from({ length: side * side }, (_, i): Row => [(i * 7) % side, String.fromCharCode(97 + ((Math.floor(i / side) * 5) % side))]);
    const batch = batchOfRows(columns, [...cells, [null, null]]);
    const order = [...zOrder(batch, ['a', 'b'])];
    expect(order.toSorted((x, y) => x - y)).toEqual(Array.from({ length: side * side + 1 }, (_, i) => i));
    expect(order[0]).toBe(side * side);
    const quarter = order.slice(1, 1 + (side * side) / 4).map((row) => cells[row] ?? []);
    expect([new Set(quarter.map(([a]) => a)).size, new Set(quarter.map(([, b]) => b)).size].every((count) => count <= side / 2 + 1)).toBe(true);
  });
});
