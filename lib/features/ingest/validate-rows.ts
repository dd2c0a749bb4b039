/** Row faults that need no more than the row (semantics §11, step 2): nulls, keys, event times, size. */
import { isNullAt, takeRows, valueAt, type Batch, type Vector } from '../../core/batch.ts';
import { LakefoldError, isLakefoldError } from '../../core/errors.ts';
import { KEY_BYTES_MAX, encodeKey } from '../../core/keys.ts';
import { extremes } from '../../delta/statistics/extremes.ts';
import { duration, formatDate, formatInstant, microsOfDays } from '../../core/time.ts';
import type { Column, Value } from '../../core/types.ts';
import type { FeatureGroupDefinition } from '../../registry/definition.ts';
import type { InputColumn, ReceivedRows, RowFault } from './received-rows.ts';

export interface RowRules {
  readonly primaryKey: readonly string[];
  readonly eventTime: string | null;
  /** Latest event time taken, µs (U12): now and the group's `maxFutureSkew`; absent = any. */
  readonly eventTimeMax?: bigint;
  /** Further checks of rows that had no fault so far: the size of their online payload, erased keys. */
  readonly checks?: readonly RowCheck[];
}

/** The fault of a row, if it has one. */
export type RowCheck = (batch: Batch, row: number) => Omit<RowFault, 'row'> | undefined;

export interface ValidatedRows {
  /** The rows without fault, in the order received. */
  readonly batch: Batch;
  /** Where each row of `batch` stood in the request; absent when none was set aside. */
  readonly rowIndex: Int32Array | undefined;
  readonly received: number;
  /** By row; at most 10,000 of `faultCount`. */
  readonly faults: readonly RowFault[];
  readonly faultCount: number;
  /** Rows with at least one fault. */
  readonly rejected: number;
}

/** The rules of a group's rows received at `nowMicros`. */
export function rowRules(
  definition: Pick<FeatureGroupDefinition, 'primaryKey' | 'eventTime' | 'maxFutureSkew'>,
  nowMicros: bigint,
  checks: readonly RowCheck[] = [],
): RowRules {
  const { primaryKey, eventTime, maxFutureSkew } = definition;
  return { primaryKey, eventTime, checks, ...(maxFutureSkew === null ? {} : { eventTimeMax: nowMicros + duration(maxFutureSkew) }) };
}

/** The rows that may be written and the faults of the others, those of parsing included; notes what it finds in `received.faults`. */
export function validateRows(received: ReceivedRows, rules: RowRules): ValidatedRows {
  const { batch, faults } = received;
  batch.columns.forEach((column, position) => noteNulls(received, { column, position, rules }));
  noteLateTimes(received, rules);
  noteLongKeys(received, rules);
  for (const check of rules.checks ?? []) {
    for (let row = 0; row < batch.rowCount; row += 1) {
      const fault = faults.isFaulty(row) ? undefined : check(batch, row);
      if (fault !== undefined) faults.add({ row, ...fault });
    }
  }
  const rowIndex = faults.soundRows();
  return {
    batch: rowIndex === undefined ? batch : takeRows(batch, rowIndex),
    rowIndex,
    received: batch.rowCount,
    faults: faults.list(),
    faultCount: faults.count,
    rejected: faults.faultyRows,
  };
}

/** Under `STRICT` and `ALWAYS` one faulty row refuses them all. @throws LakefoldError VALIDATION_FAILED with the faults by row */
export function refuseFaults(validated: ValidatedRows, reportId?: string): void {
  const first = validated.faults[0];
  if (first === undefined) return;
  throw new LakefoldError(
    'VALIDATION_FAILED',
    `expected ${validated.received} rows without fault, found ${validated.rejected} with faults, first row ${first.row}: ${first.message}`,
    {
      errors: validated.faults,
      errorCount: validated.faultCount,
      ...(reportId === undefined ? {} : { context: { reportId } }),
    },
  );
}

function noteNulls(
  { batch, faults }: ReceivedRows,
  { column, position, rules }: { readonly column: InputColumn; readonly position: number; readonly rules: RowRules },
): void {
  const vector = batch.vectors[position];
  if (column.nullable || vector === undefined || (vector.nulls === undefined && !Array.isArray(vector.values))) return;
  const code = rules.primaryKey.includes(column.name) ? 'NULL_KEY' : column.name === rules.eventTime ? 'EVENT_TIME_REQUIRED' : 'NULL_NOT_ALLOWED';
  for (let row = 0; row < vector.length; row += 1) {
    if (!isNullAt(vector, row) || faults.isCellFaulty(row, position)) continue;
    faults.addValue(row, { column, position }, { code, expected: 'a value', found: 'null' });
  }
}

function noteLateTimes({ batch, faults }: ReceivedRows, rules: RowRules): void {
  const position = batch.columns.findIndex((column) => column.name === rules.eventTime);
  const [column, vector] = [batch.columns[position], batch.vectors[position]];
  const { eventTimeMax } = rules;
  if (column === undefined || vector === undefined || eventTimeMax === undefined) return;
  const { max } = extremes(column.type, vector);
  if (max === undefined || (typeof max === 'bigint' ? max : microsOfDays(Number(max))) <= eventTimeMax) return;
  for (let row = 0; row < vector.length; row += 1) {
    const value = vector.values[row];
    const micros = typeof value === 'bigint' ? value : microsOfDays(Number(value));
    if (micros <= eventTimeMax || isNullAt(vector, row)) continue;
    faults.addValue(
      row,
      { column, position },
      {
        code: 'FUTURE_EVENT_TIME',
        expected: `an event time up to ${formatInstant(eventTimeMax)}`,
        found: typeof value === 'bigint' ? formatInstant(value) : formatDate(Number(value)),
      },
    );
  }
}

function noteLongKeys({ batch, faults }: ReceivedRows, rules: RowRules): void {
  const parts = rules.primaryKey.flatMap((name) => {
    const position = batch.columns.findIndex((column) => column.name === name);
    const [column, vector] = [batch.columns[position], batch.vectors[position]];
    return column === undefined || vector === undefined ? [] : [{ column, vector }];
  });
  if (!parts.some(({ column }) => column.type.kind === 'string' || column.type.kind === 'binary')) return;
  for (let row = 0; row < batch.rowCount; row += 1) {
    if (!mayBeLong(parts, row) || faults.isFaulty(row)) continue;
    if (encodes(parts, row)) continue;
    const names = parts.map(({ column }) => column.name).join(', ');
    faults.add({
      row,
      feature: parts[0]?.column.name ?? '',
      code: 'KEY_TOO_LONG',
      message: `expected a key (${names}) of at most ${KEY_BYTES_MAX} bytes, found a longer one`,
    });
  }
}

interface KeyPart {
  readonly column: Column;
  readonly vector: Vector;
}

/** Three bytes a UTF-16 unit and twenty for tag and length bound every part, decimals included. */
function mayBeLong(parts: readonly KeyPart[], row: number): boolean {
  let bytes = 0;
  for (const { vector } of parts) {
    const value = vector.values[row];
    bytes += typeof value === 'string' ? value.length * 3 + 20 : value instanceof Uint8Array ? value.length + 20 : 60;
  }
  return bytes > KEY_BYTES_MAX;
}

function encodes(parts: readonly KeyPart[], row: number): boolean {
  try {
    encodeKey(
      parts.map(({ column }) => column.type),
      parts.map(({ vector }): Value => valueAt(vector, row)),
    );
    return true;
  } catch (error) {
    if (isLakefoldError(error, 'LIMIT_EXCEEDED')) return false;
    throw error;
  }
}
