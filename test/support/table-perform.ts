/** Does the model's operations to a real table. */
import type { Value } from '../../lib/core/types.ts';
import type { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOptions, WriteOutcome } from '../../lib/delta/write-outcome.ts';
import type { Random } from '../../lib/ports/random.ts';
import { batchOf, columnsOf, type TableOp, type TableShape } from './table-model.ts';

export interface Performed {
  /** Absent for what commits nothing. */
  readonly outcome: WriteOutcome | undefined;
  readonly notFound: number;
}

/** The operation as a handle does it that may not have seen the added column: its rows are without. */
export function asKnown(table: DeltaTable, op: TableOp): TableOp {
  return 'rows' in op && !knowsExtra(table) ? { ...op, rows: op.rows.map((row) => ({ ...row, x: null })) } : op;
}

function knowsExtra(table: DeltaTable): boolean {
  return table.snapshot.columns.some(({ name }) => name === 'x');
}

export async function performOp(
  table: DeltaTable,
  op: TableOp,
  how: { readonly shape: TableShape; readonly random: Random; readonly options: WriteOptions },
): Promise<Performed> {
  const { shape, random, options } = how;
  const keys = ['k'];
  const sortBy = shape.hasEventTime ? ['k', 'e'] : keys;
  const columns = shuffled(columnsOf(shape, { withExtra: knowsExtra(table) }), random);
  const of = (outcome: WriteOutcome | undefined, notFound = 0): Performed => ({ outcome, notFound });
  switch (op.kind) {
    case 'append':
      return table.append(batchOf(columns, op.rows), { ...options, sortBy }).then(({ outcome }) => of(outcome));
    case 'overwrite':
      return table.overwrite(batchOf(columns, op.rows), { ...options, sortBy }).then(({ outcome }) => of(outcome));
    case 'overwriteWhere':
      return table.overwrite(batchOf(columns, op.rows), { ...options, sortBy, where: op.where.filter }).then(({ outcome }) => of(outcome));
    case 'update': {
      const set = new Map<string, Value>([
        ['v', op.v],
        ['_ingested_at', op.r],
      ]);
      return of(await table.update({ filter: op.where.filter, set }, { ...options, sortBy }));
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
      return table.delete({ kind: 'where', filter: op.where.filter }, { ...options, sortBy }).then(({ outcome }) => of(outcome));
    case 'restore':
      return of(await table.restore({ version: op.version }, options));
    case 'optimize':
      return of(await table.optimize({ ...options, sortBy }));
    case 'alter':
      return of(await table.alter({ columns: columnsOf(shape, { withExtra: true }), configuration: {} }, options));
    case 'checkpoint':
      if (random.unit() < 0.5) await table.checkpoint();
      else await table.maintainLog({ rest: 'compact' });
      return of(undefined);
    case 'foreign':
      return of(undefined);
  }
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, at: random.unit() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
