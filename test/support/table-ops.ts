/** Random operations on small tables: few keys, few instants, few receipts, so that everything collides. */
import type { Random } from '../../lib/ports/random.ts';
import type { ForeignChange } from './table-foreign.ts';
import type { KeyMatch, Layout, ModelFilter, ModelRow, TableOp, TableShape } from './table-model.ts';

const KEYS = ['a', 'b', 'ü\u{1f600}'] as const;
const DAY = 86_400_000_000n;
const BASE = 1_750_000_000_000_000n;

function pick<T>(random: Random, items: readonly [T, ...T[]]): T {
  return items[Math.floor(random.unit() * items.length)] ?? items[0];
}

/** A batch: upserted rows mostly share their receipt, and a batch received early may commit late. */
export function randomRows(random: Random, shape: TableShape, options: { readonly oneReceipt: boolean }): ModelRow[] {
  const receipt = (): bigint => BASE + BigInt(Math.floor(random.unit() * 6));
  const shared = receipt();
  return Array.from({ length: 1 + Math.floor(random.unit() * 5) }, () => ({
    k: pick(random, KEYS),
    // Some differ by less than the millisecond that statistics keep.
    e: shape.hasEventTime ? BASE + pick(random, [0n, 1n, 999n, DAY, -DAY]) : null,
    p: pick(random, ['x', 'y/z %', null]),
    v: random.unit() < 0.2 ? null : Math.floor(random.unit() * 4),
    x: random.unit() < 0.5 ? null : Math.floor(random.unit() * 3),
    r: options.oneReceipt ? shared : receipt(),
  }));
}

/** Rows of an engine that knows no receipts: `r` is -1. */
export function randomChange(random: Random, shape: TableShape): ForeignChange {
  const rows = randomRows(random, shape, { oneReceipt: true }).map((row): ModelRow => ({ ...row, x: null, r: -1n }));
  return { rows: random.unit() < 0.7 ? rows : [], removes: pick(random, ['none', 'file', 'rewrite']) };
}

export function randomOp(random: Random, options: { readonly shape: TableShape; readonly head: number }): TableOp {
  const { shape, head } = options;
  const choice = random.unit();
  if (choice < 0.06)
    return { kind: 'update', where: randomWhere(random, shape), v: pick(random, [null, 1, 3]), r: BASE + BigInt(Math.floor(random.unit() * 6)) };
  if (choice < 0.11) {
    const where = randomWhere(random, shape);
    return { kind: 'overwriteWhere', where, rows: randomRows(random, shape, { oneReceipt: false }).filter(where.passes) };
  }
  if (choice < 0.34) return { kind: 'upsert', rows: randomRows(random, shape, { oneReceipt: random.unit() < 0.8 }) };
  if (choice < 0.54) return { kind: 'append', rows: randomRows(random, shape, { oneReceipt: false }) };
  if (choice < 0.64) return { kind: 'deleteKeys', keys: randomKeys(random, shape) };
  if (choice < 0.72) return { kind: 'deleteWhere', where: randomWhere(random, shape) };
  if (choice < 0.77) return { kind: 'overwrite', rows: randomRows(random, shape, { oneReceipt: false }) };
  if (choice < 0.84) return { kind: 'restore', version: Math.floor(random.unit() * (head + 1)) };
  if (choice < 0.92) return { kind: 'optimize' };
  return choice < 0.97 ? { kind: 'checkpoint' } : { kind: 'alter' };
}

/** Operations that lay rows or columns out anew, among all others. */
export function randomLayoutOp(
  random: Random,
  options: { readonly shape: TableShape; readonly head: number; readonly names: Pick<Layout, 'v' | 'p'>; readonly hasExtra: boolean },
): TableOp {
  const choice = random.unit();
  if (choice < 0.08) {
    const order = pick(random, ['clusterBy', 'zOrder'] as const);
    // Of so few bytes each file is a bin of its own, committed by itself.
    return { kind: 'optimize', order, ...(random.unit() < 0.3 ? { targetBytes: 1 } : {}) };
  }
  if (choice < 0.18) return { kind: 'checkpoint' };
  const { names, hasExtra } = options;
  const isMapped = options.shape.options?.includes('columnMapping') === true;
  if (choice > 0.32 || !isMapped) {
    const op = randomOp(random, options);
    return isMapped && hasExtra && op.kind === 'alter' ? { kind: 'drop' } : op;
  }
  return pick<TableOp>(random, [
    { kind: 'rename', column: 'v', to: names.v === 'v' ? 'w' : 'v' },
    { kind: 'rename', column: 'p', to: names.p === 'p' ? 'q' : 'p' },
    hasExtra ? { kind: 'drop' } : { kind: 'alter' },
  ]);
}

function randomKeys(random: Random, shape: TableShape): KeyMatch[] {
  return Array.from({ length: 1 + Math.floor(random.unit() * 2) }, () => {
    const k = pick(random, [...KEYS, 'nobody']);
    return shape.hasEventTime && random.unit() < 0.5 ? { k, e: BASE + pick(random, [0n, 1n, 999n, DAY]) } : { k };
  });
}

function randomWhere(random: Random, shape: TableShape): ModelFilter {
  const wheres: [ModelFilter, ...ModelFilter[]] = [
    { filter: { kind: 'compare', column: 'v', op: '>=', value: 2 }, passes: ({ v }) => v !== null && v >= 2 },
    { filter: { kind: 'isNull', column: 'v' }, passes: ({ v }) => v === null },
    { filter: { kind: 'not', filter: { kind: 'in', column: 'p', values: ['x'] } }, passes: ({ p }) => p !== null && p !== 'x' },
    { filter: { kind: 'compare', column: 'k', op: '>', value: 'b' }, passes: ({ k }) => k === 'ü\u{1f600}' },
    // Foreign rows read as received when their file was written, which no statistics tell.
    { filter: { kind: 'compare', column: '_ingested_at', op: '>', value: BASE + 100n }, passes: ({ r }) => r > BASE + 100n },
    {
      filter: {
        kind: 'and',
        filters: [
          { kind: 'isNotNull', column: '_ingested_at' },
          { kind: 'compare', column: 'v', op: '=', value: 1 },
        ],
      },
      passes: ({ v }) => v === 1,
    },
  ];
  if (shape.hasEventTime)
    wheres.push({ filter: { kind: 'compare', column: 'e', op: '>', value: BASE + 500n }, passes: ({ e }) => e !== null && e > BASE + 500n });
  return pick(random, wheres);
}
