/** Rows on their way in: every row received, with the faults found so far. */
import type { Batch } from '../../core/batch.ts';
import { type Fault, LakefoldError } from '../../core/errors.ts';
import { ROWS_PER_REQUEST_MAX } from '../../core/limits.ts';
import type { ValueFault } from '../../core/input-values.ts';
import { toValue } from '../../core/input-values.ts';
import { parseType, type Column, type Value } from '../../core/types.ts';
import type { ColumnDefinition, FeatureGroupDefinition } from '../../registry/definition.ts';

/** A column that rows are read into. */
export interface InputColumn extends Column {
  readonly unit?: 's' | 'ms' | 'us';
  /** Fills rows that omit the column. */
  readonly default?: Value;
}

/** A fault with the position of its row in the request. */
export interface RowFault extends Fault {
  readonly row: number;
}

/** All rows received, in their order; a faulty cell is null. */
export interface ReceivedRows {
  readonly batch: Batch;
  readonly faults: FaultLog;
  /** The row as it was received, as JSON text. */
  readonly payloadOf: (row: number) => string;
  /** Names of the columns as they stand in the file, of CSV. */
  readonly header?: readonly string[];
}

/** Characters of a name nobody knows that a fault repeats. */
export const NAME_SHOWN_MAX = 128;

/** Of a request with more rows than one may have; `found` where they were counted. */
export function tooManyRows(found?: number): LakefoldError {
  return new LakefoldError('LIMIT_EXCEEDED', `expected at most ${ROWS_PER_REQUEST_MAX} rows, found ${found ?? 'more'}`, {
    context: { limit: 'ROWS_PER_REQUEST_MAX', limitValue: ROWS_PER_REQUEST_MAX },
  });
}

/** Faults kept with their words unless told; beyond, rows are only marked and counted. */
const FAULTS_KEPT_MAX = 10_000;

/** Faults by row. Faults of one cell beyond the first are not noted. */
export class FaultLog {
  readonly #kept: RowFault[] = [];
  readonly #cells = new Map<number, Uint8Array>();
  readonly #rowCount: number;
  readonly #keptMax: number;
  #rows: Uint8Array | undefined;
  #faultyRows = 0;
  #count = 0;

  constructor(rowCount: number, keptMax = FAULTS_KEPT_MAX) {
    this.#rowCount = rowCount;
    this.#keptMax = keptMax;
  }

  /** Number of faults. */
  get count(): number {
    return this.#count;
  }

  /** Number of rows with faults. */
  get faultyRows(): number {
    return this.#faultyRows;
  }

  isFaulty(row: number): boolean {
    return this.#rows?.[row] === 1;
  }

  /** True when a fault was noted of this cell, or of the whole row. */
  isCellFaulty(row: number, column: number): boolean {
    return this.#cells.get(column)?.[row] === 1 || this.#cells.get(-1)?.[row] === 1;
  }

  /** Notes a fault of a row; `column` is its position, -1 where the whole row is at fault, absent where no column is. */
  add(fault: RowFault, column?: number): void {
    this.#count += 1;
    this.#rows ??= new Uint8Array(this.#rowCount);
    if (this.#rows[fault.row] !== 1) this.#faultyRows += 1;
    this.#rows[fault.row] = 1;
    if (column !== undefined) {
      const cells = this.#cells.get(column) ?? new Uint8Array(this.#rowCount);
      cells[fault.row] = 1;
      this.#cells.set(column, cells);
    }
    if (this.#kept.length < this.#keptMax) this.#kept.push(fault);
  }

  /** The fault of a value that does not fit its column. */
  addValue(
    row: number,
    at: { readonly column: InputColumn; readonly position: number },
    { code, expected, found }: Omit<ValueFault, 'kind' | 'code'> & { readonly code: string },
  ): void {
    this.add({ row, feature: at.column.name, code, message: `expected ${expected} in ${at.column.name}, found ${found}`, expected, found }, at.position);
  }

  /** By row, then in the order noted; at most as many as are kept. */
  list(): readonly RowFault[] {
    return this.#kept.toSorted((a, b) => a.row - b.row);
  }

  /** Positions of the rows without fault, ascending; undefined when that is all of them. */
  soundRows(): Int32Array | undefined {
    if (this.#rows === undefined) return undefined;
    const sound = new Int32Array(this.#rowCount - this.#faultyRows);
    let length = 0;
    for (let row = 0; row < this.#rowCount; row += 1) {
      if (this.#rows[row] === 1) continue;
      sound[length] = row;
      length += 1;
    }
    return sound;
  }
}

/** The columns of a group's rows in table order: keys, event time, features. */
export function inputColumns(definition: Pick<FeatureGroupDefinition, 'schema' | 'primaryKey' | 'eventTime'>): readonly InputColumn[] {
  const leading = [...definition.primaryKey, ...(definition.eventTime === null ? [] : [definition.eventTime])];
  const first = leading.flatMap((name) => definition.schema.filter((column) => column.name === name));
  return [...first, ...definition.schema.filter((column) => !leading.includes(column.name))].map(inputColumn);
}

/** As rows, spines and entries read it. */
export function inputColumn(definition: ColumnDefinition): InputColumn {
  const type = parseType(definition.type);
  const fallback = definition.default === undefined ? undefined : toValue(type, definition.default);
  return {
    name: definition.name,
    type,
    nullable: definition.nullable,
    ...(definition.unit === undefined ? {} : { unit: definition.unit }),
    ...(fallback?.kind === 'value' && fallback.value !== null ? { default: fallback.value } : {}),
  };
}
