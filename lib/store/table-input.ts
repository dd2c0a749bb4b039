/** What programs hand to a table, as the table takes it. */
import type { Batch } from '../core/batch.ts';
import { LakefoldError } from '../core/errors.ts';
import { showInput, toValue } from '../core/input-values.ts';
import { INGESTED_AT } from '../core/names.ts';
import { type Column, formatType, type Value } from '../core/types.ts';
import type { DeleteWhat } from '../delta/write/delete-rows.ts';
import type { WriteOptions } from '../delta/write/write-outcome.ts';
import { readRowObjects } from '../features/ingest/row-objects.ts';
import { refuseFaults, validateRows } from '../features/ingest/validate-rows.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import { checkArgument, checkOptions, FLAG, LIST, OBJECT, TEXT, TEXTS } from './arguments.ts';

export type TableRow = Readonly<Record<string, unknown>>;

export interface TableWriteOptions extends RequestOptions {
  /** A writer's own count: what is not above the last one committed under its name is not committed again. */
  readonly txn?: { readonly appId: string; readonly version: number };
}

/** @throws LakefoldError INVALID_ARGUMENT for a `txn` that other engines could not read */
export function writeOptions({ txn, signal }: TableWriteOptions): WriteOptions {
  if (txn !== undefined && (typeof txn.appId !== 'string' || txn.appId === '' || !Number.isSafeInteger(txn.version) || txn.version < 0))
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      `expected an appId and a whole version from 0 on as txn, found appId ${showInput(txn.appId)} and version ${showInput(txn.version)}`,
      {
        context: { field: 'txn' },
      },
    );
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(txn === undefined ? {} : { idempotency: { kind: 'stream', name: txn.appId, sequence: txn.version } }),
  };
}

/** @throws LakefoldError INVALID_ARGUMENT when nothing is set, UNKNOWN_FEATURE, TYPE_MISMATCH */
export function newValues(set: TableRow, columns: readonly Column[]): ReadonlyMap<string, Value> {
  checkArgument(set, 'set', OBJECT);
  const names = Object.keys(set);
  if (names.length === 0) throw new LakefoldError('INVALID_ARGUMENT', 'expected columns of the table in set, found none', { context: { field: 'set' } });
  return new Map(
    names.map((name): [string, Value] => {
      const column = columnNamed(name, columns, 'in set');
      const result = toValue(column.type, set[name] ?? null);
      if (result.kind === 'value') return [name, result.value];
      throw new LakefoldError('TYPE_MISMATCH', `expected ${result.expected} as ${name} of set, found ${result.found}`, { context: { column: name } });
    }),
  );
}

/** Rows to write. @throws LakefoldError VALIDATION_FAILED by row and column; UNKNOWN_FEATURE for a key that is none of the columns */
export function tableBatch(rows: readonly TableRow[], tableColumns: readonly Column[], keys: readonly string[]): Batch {
  checkArgument(rows, 'rows', LIST);
  checkArgument(keys, 'keys', TEXTS);
  // Receipts belong to feature groups; rows from here have none.
  const known = tableColumns.filter((column) => column.name !== INGESTED_AT);
  for (const key of keys) columnNamed(key, known);
  const columns = known.map(({ name, type, nullable }): Column => ({ name, type, nullable: nullable && !keys.includes(name) }));
  const validated = validateRows(readRowObjects(rows, { columns }), { primaryKey: keys, eventTime: null });
  refuseFaults(validated);
  return validated.batch;
}

/** Keys that name the same columns are looked for together. @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_FEATURE, TYPE_MISMATCH */
export function keySets(keys: readonly TableRow[], columns: readonly Column[]): DeleteWhat {
  checkArgument(keys, 'keys', LIST);
  const sets = new Map<string, { readonly columns: readonly string[]; readonly rows: Value[][] }>();
  keys.forEach((key, entry) => {
    checkArgument(key, `keys[${entry}]`, OBJECT);
    const names = Object.keys(key).toSorted();
    if (names.length === 0)
      throw new LakefoldError('INVALID_ARGUMENT', `expected columns of the table in keys[${entry}], found none`, { context: { field: 'keys' } });
    const id = JSON.stringify(names);
    const set = sets.get(id) ?? { columns: names, rows: [] };
    set.rows.push(names.map((name) => keyValue(columnNamed(name, columns), key[name], entry)));
    sets.set(id, set);
  });
  return { kind: 'keys', sets: [...sets.values()] };
}

function keyValue(column: Column, input: unknown, entry: number): Value {
  const result = toValue(column.type, input);
  if (result.kind === 'value' && result.value !== null) return result.value;
  const found = result.kind === 'fault' ? result.found : 'null';
  throw new LakefoldError('TYPE_MISMATCH', `expected ${formatType(column.type)} as ${column.name} of keys[${entry}], found ${found}`, {
    context: { column: column.name },
  });
}

/** A column of a schema, as programs hand it in. @throws LakefoldError INVALID_ARGUMENT */
export function checkColumn(column: unknown, field: string): void {
  checkOptions(column, { nullable: FLAG, description: TEXT }, field);
  const { name, type } = column as Partial<Record<string, unknown>>;
  checkArgument(name, `${field}.name`, TEXT);
  checkArgument(type, `${field}.type`, TEXT);
}

export function columnNamed(name: string, columns: readonly Column[], place = 'as keys'): Column {
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined)
    throw new LakefoldError(
      'UNKNOWN_FEATURE',
      `expected columns of the table ${place} (${columns.map((candidate) => candidate.name).join(', ')}), found ${showInput(name)}`,
      { context: { column: name } },
    );
  return column;
}
