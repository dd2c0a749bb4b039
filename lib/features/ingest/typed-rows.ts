/** Rows of a typed file, Parquet or Arrow, column by column: no object a row, no value touched whose type already is the column's. */
import { concatBatches, valueAt, vectorBuilder, vectorOf, type Batch, type Vector } from '../../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { showInput, type InputOptions } from '../../core/input-values.ts';
import { ROWS_PER_REQUEST_MAX } from '../../core/limits.ts';
import { extremes } from '../../delta/statistics/extremes.ts';
import { MICROS_MAX, MICROS_MIN } from '../../core/time.ts';
import { typesEqual, type Column } from '../../core/types.ts';
import type { FileSource, TableCodec } from '../../ports/table-codec.ts';
import { FaultLog, tooManyRows, type InputColumn, type ReceivedRows } from './received-rows.ts';
import { storedPayload } from './row-payload.ts';
import type { RowObjectOptions } from './row-objects.ts';
import { storedConverter } from '../history/stored-values.ts';

export interface TypedRowOptions extends RowObjectOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: RowsProgress;
}

/** Rows read of all there are. */
export type RowsProgress = (done: number, total: number) => void;

const DAYS_MIN = -719_162;
const DAYS_MAX = 2_932_896;

/** @throws LakefoldError MALFORMED_FILE; LIMIT_EXCEEDED beyond `ROWS_PER_REQUEST_MAX`; VALIDATION_FAILED for a value no column can hold */
export async function readParquetRows(codec: TableCodec, source: FileSource, options: TypedRowOptions): Promise<ReceivedRows> {
  const { columns, rowCount } = await asMalformed(() => codec.describe(source));
  return readTypedRows({ columns, rowCount, read: (wanted) => decodeParquet(codec, source, { ...options, columns: wanted, rowCount }) }, options);
}

/** An Arrow IPC stream or file. @throws as `readParquetRows` */
export async function readArrowRows(bytes: Uint8Array, options: TypedRowOptions): Promise<ReceivedRows> {
  const { openArrow } = await import('../../parquet/arrow/arrow-file.ts');
  const file = await asMalformed(async () => openArrow(bytes));
  return readTypedRows({ ...file, read: async (wanted) => [...file.batches(wanted.map((column) => column.name))] }, options);
}

/** Columns an Arrow stream or file says it has. @throws LakefoldError MALFORMED_FILE, LIMIT_EXCEEDED, UNSUPPORTED_FORMAT */
export async function arrowColumns(bytes: Uint8Array): Promise<readonly Column[]> {
  const { openArrow } = await import('../../parquet/arrow/arrow-file.ts');
  return asMalformed(async () => openArrow(bytes).columns);
}

interface TypedFile {
  readonly columns: readonly Column[];
  readonly rowCount: number;
  /** The rows of some of the columns, at least one. @throws LakefoldError FILE_CORRUPT */
  readonly read: (wanted: readonly Column[]) => Promise<readonly Batch[]>;
}

async function readTypedRows(file: TypedFile, options: TypedRowOptions): Promise<ReceivedRows> {
  const { columns: stored, rowCount } = file;
  if (rowCount > ROWS_PER_REQUEST_MAX) throw tooManyRows(rowCount);
  const twice = stored.find((column, i) => stored.findIndex((other) => other.name === column.name) < i);
  if (twice !== undefined) throw new LakefoldError('MALFORMED_FILE', `expected columns of different names, found ${JSON.stringify(twice.name)} twice`);
  const wanted = stored.filter((column) => options.columns.some((other) => other.name === column.name)).map((column) => ({ ...column, nullable: true }));
  const batch: Batch = wanted.length === 0 ? { columns: [], vectors: [], rowCount } : concatBatches(wanted, await asMalformed(() => file.read(wanted)));
  const faults = new FaultLog(rowCount, options.faultsKeptMax);
  const vectors = options.columns.map((column, position) => {
    const at = wanted.findIndex((other) => other.name === column.name);
    const vector = batch.vectors[at];
    if (vector === undefined)
      return vectorOf(
        column.type,
        Array.from({ length: rowCount }, () => column.default ?? null),
      );
    return convertVector(vector, { column, position, faults, resolveLocal: options.resolveLocal });
  });
  if (options.ignoreUnknown !== true) {
    for (const column of stored) {
      if (options.columns.some((other) => other.name === column.name)) continue;
      for (let row = 0; row < rowCount; row += 1)
        faults.add({ row, feature: column.name, code: 'UNKNOWN_FEATURE', message: `expected a column of the schema, found ${showInput(column.name)}` });
    }
  }
  return { batch: { columns: options.columns, vectors, rowCount }, faults, payloadOf: (row) => storedPayload(batch, row) };
}

async function decodeParquet(
  codec: TableCodec,
  source: FileSource,
  {
    columns,
    rowCount,
    signal,
    onProgress,
  }: Pick<TypedRowOptions, 'signal' | 'onProgress'> & { readonly columns: readonly Column[]; readonly rowCount: number },
): Promise<readonly Batch[]> {
  const batches: Batch[] = [];
  let done = 0;
  for await (const { batch } of codec.decode(source, { columns, ...(signal === undefined ? {} : { signal }) })) {
    batches.push(batch);
    done += batch.rowCount;
    onProgress?.(done, rowCount);
  }
  return batches;
}

/** A codec calls every unreadable file corrupt; one that a caller sent is malformed, and a value at fault has its row. @throws LakefoldError MALFORMED_FILE, VALIDATION_FAILED */
export async function asMalformed<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!isLakefoldError(cause, 'FILE_CORRUPT')) throw cause;
    const { fault, row, column, expected, found } = cause.context;
    if (typeof fault === 'string' && typeof row === 'number' && typeof column === 'string') {
      const words = { ...(typeof expected === 'string' ? { expected } : {}), ...(typeof found === 'string' ? { found } : {}) };
      throw new LakefoldError('VALIDATION_FAILED', cause.message, { cause, errors: [{ row, feature: column, code: fault, message: cause.message, ...words }] });
    }
    throw new LakefoldError('MALFORMED_FILE', cause.message, { cause, context: cause.context });
  }
}

interface ColumnTask {
  readonly column: InputColumn;
  readonly position: number;
  readonly faults: FaultLog;
  readonly resolveLocal: InputOptions['resolveLocal'] | undefined;
}

function convertVector(vector: Vector, task: ColumnTask): Vector {
  const { column, resolveLocal } = task;
  if (typesEqual(vector.type, column.type)) return column.type.kind === 'timestamp' || column.type.kind === 'date' ? withinYears(vector, task) : vector;
  const options: InputOptions = { ...(column.unit === undefined ? {} : { unit: column.unit }), ...(resolveLocal === undefined ? {} : { resolveLocal }) };
  const convert = storedConverter(vector.type, column.type, options);
  const builder = vectorBuilder(column.type, Math.max(1, vector.length));
  for (let row = 0; row < vector.length; row += 1) {
    const result = convert(valueAt(vector, row));
    if (result.kind === 'fault') task.faults.addValue(row, task, result);
    builder.push(result.kind === 'fault' ? null : result.value);
  }
  const converted = builder.finish();
  return column.type.kind === 'timestamp' ? withinYears(converted, task) : converted;
}

/** Files can hold instants outside the years 0001 to 9999; everything beyond the edge assumes they are not there. */
function withinYears(vector: Vector, task: ColumnTask): Vector {
  const isDate = vector.type.kind === 'date';
  const isWithin = (value: unknown): boolean =>
    typeof value === 'bigint' ? value >= MICROS_MIN && value <= MICROS_MAX : !isDate || (Number(value) >= DAYS_MIN && Number(value) <= DAYS_MAX);
  const { min, max } = extremes(vector.type, vector);
  if (min === undefined || max === undefined || (isWithin(min) && isWithin(max))) return vector;
  let outside: number[] | undefined;
  for (let row = 0; row < vector.length; row += 1) {
    const value = vector.values[row];
    if (isWithin(value)) continue;
    task.faults.addValue(row, task, { code: 'OUT_OF_RANGE', expected: `a ${vector.type.kind} of the years 0001 to 9999`, found: String(value) });
    (outside ??= []).push(row);
  }
  if (outside === undefined) return vector;
  const values = Array.from({ length: vector.length }, (_, row) => valueAt(vector, row));
  for (const row of outside) values[row] = null;
  return vectorOf(vector.type, values);
}
