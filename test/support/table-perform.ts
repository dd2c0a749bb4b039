/** Does the model's operations to a real table. */
import type { Value } from '../../lib/core/types.ts';
import { writeCheckpoint } from '../../lib/delta/checkpoint/checkpoint.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import type { Filter } from '../../lib/delta/filter/filter.ts';
import type { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOptions, WriteOutcome } from '../../lib/delta/write/write-outcome.ts';
import type { Random } from '../../lib/ports/random.ts';
import { batchOf, columnsOf, type Layout, type TableOp, type TableShape } from './table-model.ts';

export interface Performed {
  /** Absent for what commits nothing. */
  readonly outcome: WriteOutcome | undefined;
  readonly notFound: number;
}

/** The operation as a handle does it that may not have seen the added column: its rows are without. */
export function asKnown(table: DeltaTable, op: TableOp): TableOp {
  return 'rows' in op && !knowsExtra(table) ? { ...op, rows: op.rows.map((row) => ({ ...row, x: null })) } : op;
}

/** What the handle takes the columns to be called. */
export function knownNames(table: DeltaTable): Pick<Layout, 'v' | 'p'> {
  const names = new Set(table.snapshot.columns.map(({ name }) => name));
  return { v: names.has('w') ? 'w' : 'v', p: names.has('q') ? 'q' : 'p' };
}

export function knowsExtra(table: DeltaTable): boolean {
  return table.snapshot.columns.some(({ name }) => name === 'x');
}

/** The filter under the names the handle knows. */
function named(filter: Filter, names: Pick<Layout, 'v' | 'p'>): Filter {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return { ...filter, filters: filter.filters.map((part) => named(part, names)) };
    case 'not':
      return { ...filter, filter: named(filter.filter, names) };
    default:
      return filter.column === 'v' || filter.column === 'p' ? { ...filter, column: names[filter.column] } : filter;
  }
}

export async function performOp(
  table: DeltaTable,
  op: TableOp,
  how: { readonly shape: TableShape; readonly random: Random; readonly options: WriteOptions; readonly deps?: DeltaDeps },
): Promise<Performed> {
  const { shape, random, options } = how;
  const names = knownNames(table);
  const keys = ['k'];
  const sortBy = shape.hasEventTime ? ['k', 'e'] : keys;
  const columns = shuffled(columnsOf(shape, { withExtra: knowsExtra(table), names }), random);
  const of = (outcome: WriteOutcome | undefined, notFound = 0): Performed => ({ outcome, notFound });
  switch (op.kind) {
    case 'append':
      return table.append(batchOf(columns, op.rows), { ...options, sortBy }).then(({ outcome }) => of(outcome));
    case 'overwrite':
      return table.overwrite(batchOf(columns, op.rows), { ...options, sortBy }).then(({ outcome }) => of(outcome));
    case 'overwriteWhere':
      return table.overwrite(batchOf(columns, op.rows), { ...options, sortBy, where: named(op.where.filter, names) }).then(({ outcome }) => of(outcome));
    case 'update': {
      const set = new Map<string, Value>([
        [names.v, op.v],
        ['_ingested_at', op.r],
      ]);
      return of(await table.update({ filter: named(op.where.filter, names), set }, { ...options, sortBy }));
    }
    case 'upsert':
      return table
        .upsert(batchOf(columns, op.rows), { ...options, keys, ...(shape.hasEventTime ? { eventTime: 'e' } : {}) })
        .then(({ outcome }) => of(outcome));
    case 'deleteKeys': {
      const whole = op.keys.filter((key) => key.e === undefined).map(({ k }) => [k]);
      const exact = op.keys.flatMap(({ k, e }) => (e === undefined ? [] : [[k, e]]));
      const { outcome, notFound } = await table.delete(
        { kind: 'keys', sets: [{ columns: ['k'], rows: whole }, ...(exact.length === 0 ? [] : [{ columns: ['k', 'e'], rows: exact }])] },
        { ...options, sortBy },
      );
      return of(outcome, notFound);
    }
    case 'deleteWhere':
      return table.delete({ kind: 'where', filter: named(op.where.filter, names) }, { ...options, sortBy }).then(({ outcome }) => of(outcome));
    case 'restore':
      return of(await table.restore({ version: op.version }, options));
    case 'optimize': {
      const order = op.order === undefined ? { sortBy } : { [op.order]: ['k', names.v] };
      return of(await table.optimize({ ...options, ...order, ...(op.targetBytes === undefined ? {} : { targetBytes: op.targetBytes }) }));
    }
    case 'alter':
      // Beside a column that is renamed meanwhile the whole list would add it again.
      if (isMapped(shape)) return of(await table.alterSchema({ kind: 'addColumns', columns: columnsOf(shape, { withExtra: true }).slice(-2, -1) }, options));
      return of(await table.alter({ columns: columnsOf(shape, { withExtra: true }), configuration: {} }, options));
    case 'rename':
      return of(await table.alterSchema({ kind: 'rename', column: names[op.column], to: op.to }, options));
    case 'drop':
      return of(await table.alterSchema({ kind: 'drop', column: 'x' }, options));
    case 'checkpoint':
      await keepLogShort(table, how);
      return of(undefined);
    case 'foreign':
      return of(undefined);
  }
}

export function isMapped({ options = [] }: TableShape): boolean {
  return options.includes('columnMapping');
}

async function keepLogShort(
  table: DeltaTable,
  { shape, random, deps }: { readonly shape: TableShape; readonly random: Random; readonly deps?: DeltaDeps },
): Promise<void> {
  if (random.unit() < 0.3) await table.maintainLog({ rest: 'compact' });
  else if (deps === undefined || shape.options?.includes('v2Checkpoints') !== true) await table.checkpoint();
  // Small tables get a V2 one only when told to.
  else await writeCheckpoint(deps, table.root, await table.refresh(), { v2FilesMin: 0, sidecarRowsMax: 1 + Math.floor(random.unit() * 3) });
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, at: random.unit() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
