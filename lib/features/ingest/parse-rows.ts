/** Rows in any of the formats of ingestion, read strictly into columns; faults are collected by row, not thrown. */
import { vectorBuilder } from '../../core/batch.ts';
import { LakefoldError, isLakefoldError } from '../../core/errors.ts';
import { showInput, toValue, type InputOptions } from '../../core/input-values.ts';
import { isJsonObject, type Json } from '../../core/json.ts';
import { ROWS_PER_REQUEST_MAX } from '../../core/limits.ts';
import type { FileSource, TableCodec } from '../../ports/table-codec.ts';
import { csvInput, parseCsv } from './csv.ts';
import { parseJsonFast, parseLine, scanLines, textOf } from './fast-json.ts';
import { FaultLog, NAME_SHOWN_MAX, tooManyRows, type InputColumn, type ReceivedRows } from './received-rows.ts';
import { payloadText } from './row-payload.ts';
import { readRowObjects, type RowObjectOptions } from './row-objects.ts';
import { localTimeResolver } from './time-zone.ts';
import { readArrowRows, readParquetRows, type RowsProgress } from './typed-rows.ts';

/** `json` is `{"rows":[…]}`; `objects` are rows that were parsed before, or TypeScript's own. */
export type RowsBody =
  | { readonly format: 'json' | 'ndjson' | 'csv'; readonly body: string | Uint8Array }
  | { readonly format: 'parquet'; readonly body: FileSource }
  | { readonly format: 'arrow'; readonly body: Uint8Array }
  | { readonly format: 'objects'; readonly rows: readonly unknown[] };

export interface ParseRowsOptions {
  readonly columns: readonly InputColumn[];
  /** IANA zone of timestamps without offset; without it they are faults. */
  readonly timezone?: string;
  /** Members and columns that the group lacks are left out instead of being faults. */
  readonly ignoreUnknown?: boolean;
  /** Faults kept with their words; 10,000 unless given. */
  readonly faultsKeptMax?: number;
  readonly onProgress?: RowsProgress;
  readonly signal?: AbortSignal;
}

/**
 * Every row received, in order, columns as given.
 * @throws LakefoldError MALFORMED_JSON, DUPLICATE_KEY, MALFORMED_FILE (`context.row` where there is one), UNKNOWN_FIELD,
 * INVALID_ARGUMENT for an unknown time zone, LIMIT_EXCEEDED beyond `ROWS_PER_REQUEST_MAX` rows
 */
export async function parseRows(deps: { readonly codec: TableCodec }, rows: RowsBody, options: ParseRowsOptions): Promise<ReceivedRows> {
  const { columns, timezone, ignoreUnknown, faultsKeptMax } = options;
  const common: RowObjectOptions = {
    columns,
    ...(ignoreUnknown === undefined ? {} : { ignoreUnknown }),
    ...(faultsKeptMax === undefined ? {} : { faultsKeptMax }),
    ...(timezone === undefined ? {} : { resolveLocal: localTimeResolver(timezone) }),
  };
  switch (rows.format) {
    case 'json':
      return readRowObjects(bounded(rowsOfJson(parseJsonFast(rows.body))), common);
    case 'ndjson':
      return readRowObjects(bounded(rowsOfLines(rows.body)), common);
    case 'objects':
      return readRowObjects(bounded(rows.rows), common);
    case 'csv':
      return readCsvRows(rows.body, common);
    case 'arrow':
      return readArrowRows(rows.body, common);
    case 'parquet':
      return readParquetRows(deps.codec, rows.body, {
        ...common,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      });
  }
}

function bounded<T>(rows: readonly T[]): readonly T[] {
  if (rows.length > ROWS_PER_REQUEST_MAX) throw tooManyRows(rows.length);
  return rows;
}

function rowsOfJson(body: Json): readonly Json[] {
  if (!isJsonObject(body)) throw new LakefoldError('INVALID_ARGUMENT', `expected {"rows":[…]}, found ${showInput(body)}`);
  const other = Object.keys(body).find((name) => name !== 'rows');
  if (other !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected rows, found ${showInput(other)}`, {
      errors: [{ field: other, code: 'UNKNOWN_FIELD', message: 'not a member of this body' }],
    });
  const rows = body['rows'];
  if (!Array.isArray(rows)) throw new LakefoldError('INVALID_ARGUMENT', `expected an array rows, found ${rows === undefined ? 'nothing' : showInput(rows)}`);
  return rows;
}

/** Blank lines are no rows. */
function rowsOfLines(body: string | Uint8Array): readonly Json[] {
  const decoded = asFile(0, () => textOf(body));
  const text = decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded;
  const rows: Json[] = [];
  for (const line of scanLines(text, { linesMax: ROWS_PER_REQUEST_MAX })) {
    if (text.slice(line.start, line.start + 1).trim() === '' && text.slice(line.start, line.end).trim() === '') continue;
    rows.push(asFile(rows.length, () => parseLine(text, line)));
  }
  return rows;
}

/** A line that is no JSON makes a broken file; the row is told. */
function asFile<T>(row: number, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isLakefoldError(cause)) throw cause;
    throw new LakefoldError(cause.code === 'DUPLICATE_KEY' ? 'DUPLICATE_KEY' : 'MALFORMED_FILE', `row ${row}: ${cause.message}`, {
      cause,
      context: { ...cause.context, row },
    });
  }
}

function readCsvRows(body: string | Uint8Array, options: RowObjectOptions): ReceivedRows {
  const { header, rows } = parseCsv(body);
  const faults = new FaultLog(rows.length, options.faultsKeptMax);
  const vectors = options.columns.map((column, position) => {
    const at = header.indexOf(column.name);
    const builder = vectorBuilder(column.type, Math.max(1, rows.length));
    const inputOptions: InputOptions = {
      ...(column.unit === undefined ? {} : { unit: column.unit }),
      ...(options.resolveLocal === undefined ? {} : { resolveLocal: options.resolveLocal }),
    };
    rows.forEach((row, i) => {
      const field = at < 0 ? undefined : row[at];
      if (field === undefined || field === null) return builder.push(field === undefined ? (column.default ?? null) : null);
      const result = toValue(column.type, csvInput(column.type, field), inputOptions);
      if (result.kind === 'fault') faults.addValue(i, { column, position }, { ...result, found: showInput(field) });
      return builder.push(result.kind === 'fault' ? null : result.value);
    });
    return builder.finish();
  });
  if (options.ignoreUnknown !== true) {
    const unknown = header.filter((name) => !options.columns.some((column) => column.name === name));
    for (const name of unknown)
      rows.forEach((_, row) =>
        faults.add({
          row,
          feature: name.slice(0, NAME_SHOWN_MAX),
          code: 'UNKNOWN_FEATURE',
          message: `expected a column of the schema, found ${showInput(name)}`,
        }),
      );
  }
  const payloadOf = (row: number): string => payloadText(Object.fromEntries(header.map((name, i) => [name, rows[row]?.[i] ?? null])));
  return { batch: { columns: options.columns, vectors, rowCount: rows.length }, faults, payloadOf, header };
}
