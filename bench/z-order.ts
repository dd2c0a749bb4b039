/** Files a filter on either of two columns reads: rows as they came, sorted by one column, and along a Z curve over both. */
import { ManualClock } from '../lib/adapters/memory/clock.ts';
import { MemoryObjectStore } from '../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../lib/adapters/memory/random.ts';
import { silentLog } from '../lib/adapters/system/log.ts';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';
import type { Batch } from '../lib/core/batch.ts';
import type { Column } from '../lib/core/types.ts';
import type { DeltaDeps } from '../lib/delta/deps.ts';
import type { Filter } from '../lib/delta/filter/filter.ts';
import { filesThatMayPass } from '../lib/delta/rows/read.ts';
import { DeltaTable } from '../lib/delta/table.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import { reportGoal } from './report.ts';

const ROWS = 640_000;
const FILES = 64;
/** A box is an eighth of each column's range. */
const BOX = 0.125;
const RANGE = 1_000_000;

const column = (name: string): Column => ({ name, type: { kind: 'int' }, nullable: false });
const COLUMNS = [column('x'), column('y'), column('v')];

function rowsOf(random: SeededRandom): Batch {
  const length = ROWS / FILES;
  const vectors = COLUMNS.map(({ type }) => ({ type, length, values: Int32Array.from({ length }, () => Math.floor(random.unit() * RANGE)) }));
  return { columns: COLUMNS, vectors, rowCount: length };
}

async function newTable(): Promise<DeltaTable> {
  const clock = new ManualClock();
  const codec = createParquetCodec({ wasm: readParquetWasm() });
  const deps: DeltaDeps = { store: new MemoryObjectStore({ clock }), codec, clock, random: new SeededRandom(1), log: silentLog, engineInfo: 'lakefold/bench' };
  const { table } = await DeltaTable.create(deps, 't', { columns: COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} });
  const random = new SeededRandom(2);
  for (let file = 0; file < FILES; file += 1) await table.append(rowsOf(random));
  return table;
}

const within = (name: string, from: number): Filter => ({
  kind: 'and',
  filters: [
    { kind: 'compare', column: name, op: '>=', value: Math.floor(from * RANGE) },
    { kind: 'compare', column: name, op: '<', value: Math.floor((from + BOX) * RANGE) },
  ],
});

/** Files read on average by filters on x, on y, and on both, anywhere in their ranges. */
function filesRead({ snapshot }: DeltaTable): { readonly onX: number; readonly onY: number; readonly onBoth: number; readonly mean: number } {
  const random = new SeededRandom(3);
  const sums = { onX: 0, onY: 0, onBoth: 0 };
  const boxes = 200;
  for (let i = 0; i < boxes; i += 1) {
    const [x, y] = [within('x', random.unit() * (1 - BOX)), within('y', random.unit() * (1 - BOX))];
    sums.onX += filesThatMayPass(snapshot, x).length / boxes;
    sums.onY += filesThatMayPass(snapshot, y).length / boxes;
    sums.onBoth += filesThatMayPass(snapshot, { kind: 'and', filters: [x, y] }).length / boxes;
  }
  return { ...sums, mean: (sums.onX + sums.onY + sums.onBoth) / 3 };
}

const [asTheyCame, sorted, curved] = [await newTable(), await newTable(), await newTable()];
const size = Math.max(...[...asTheyCame.snapshot.files.values()].map((file) => file.size));
// As many files after as before, so that only the order differs.
const options = { targetBytes: size };
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};
const sortMillis = await timed(async () => sorted.optimize({ ...options, clusterBy: ['x'] }));
const curveMillis = await timed(async () => curved.optimize({ ...options, zOrder: ['x', 'y'] }));
const [before, linear, z] = [filesRead(asTheyCame), filesRead(sorted), filesRead(curved)];
const what = `files of ${FILES} that a filter on x, on y or on both reads, ${ROWS} rows`;
reportGoal({
  id: 'z-order-files',
  what,
  unit: 'files',
  value: z.mean,
  peer: { name: 'unordered', value: before.mean },
  limit: { kind: 'atMost', ratio: 0.35 },
});
reportGoal({
  id: 'z-order-linear',
  what,
  unit: 'files',
  value: z.mean,
  peer: { name: 'sorted by x', value: linear.mean },
  limit: { kind: 'atMost', ratio: 0.75 },
});
reportGoal({
  id: 'z-order-time',
  what: `to lay ${ROWS} rows along the curve`,
  unit: 'ms',
  value: curveMillis,
  peer: { name: 'sorting by x', value: sortMillis },
  limit: { kind: 'atMost', ratio: 2 },
});
for (const [name, { onX, onY, onBoth }, files] of [
  ['sorted by x', linear, sorted.snapshot.files.size],
  ['along the curve', z, curved.snapshot.files.size],
] as const)
  console.log(`     z-order ${name}: ${onX.toFixed(1)} on x, ${onY.toFixed(1)} on y, ${onBoth.toFixed(1)} on both, of ${files}`);
