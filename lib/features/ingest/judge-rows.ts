/** A request's rows held against the group (semantics §11): parse, row faults, duplicates, expectations, and what its policy makes of them. */
import { type Batch, takeRows } from '../../core/batch.ts';
import { type Fault, LakefoldError } from '../../core/errors.ts';
import { QUARANTINE_ROWS_MAX } from '../../core/limits.ts';
import { identityOver } from '../../delta/rows/row-identity.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { bytesSource, type FileSource } from '../../ports/table-codec.ts';
import type { FeatureDeps } from '../deps.ts';
import { erasedKeyCheck } from '../erase/erased-keys.ts';
import { type CheckedRows, type JudgedExpectation, judgeExpectations, refuseUnmet, rowFault, unmetExpectations } from '../quality/expectations.ts';
import type { IngestOperation } from './ingest.ts';
import { identityColumns, type OpenGroup } from '../open-group.ts';
import { parseRows, type RowsBody } from './parse-rows.ts';
import type { Warning } from './receipt.ts';
import type { RowsProgress } from './typed-rows.ts';
import { inputColumns, type ReceivedRows } from './received-rows.ts';
import { type RowScales, rowScales } from './row-size.ts';
import { refuseFaults, rowRules, validateRows, type ValidatedRows } from './validate-rows.ts';
import { planReport, type ValidationReport } from '../quality/validation-report.ts';

export const ROWS_FORMATS = ['json', 'ndjson', 'csv', 'parquet', 'arrow'] as const;

/** Rows as a client sends them. */
export interface RowsFile {
  readonly format: (typeof ROWS_FORMATS)[number];
  readonly body: Uint8Array;
}

export type RowsInput =
  | RowsFile
  /** A source is read row group by row group. */
  | { readonly format: 'parquet'; readonly body: FileSource }
  | { readonly format: 'objects'; readonly rows: readonly unknown[] };

export interface RowsRequest extends RequestOptions {
  readonly rows: RowsInput;
  readonly operation: IngestOperation;
  /** IANA zone of timestamps without offset. */
  readonly timezone?: string;
  readonly ignoreUnknown?: boolean;
  /** Told of rows read so far while a Parquet file is read. */
  readonly onProgress?: RowsProgress;
}

/** A row that is not written, with its faults in the order found. */
export interface SetAsideRow {
  /** Position in the request. */
  readonly row: number;
  readonly faults: readonly Fault[];
  readonly payload: string;
}

export interface JudgedRows {
  /** Rows received. */
  readonly received: number;
  /** What is to be written, in the order received. */
  readonly batch: Batch;
  /** Rows that lost to others of the request and are not in `batch`. */
  readonly deduped: number;
  /** By row; empty unless the policy is `QUARANTINE`. */
  readonly setAside: readonly SetAsideRow[];
  readonly report: ValidationReport;
  /** Whether anything was expected or at fault, so that the report is worth keeping. */
  readonly isReported: boolean;
  readonly warnings: readonly Warning[];
  /** Of rows whose report says `REJECTED`. @throws LakefoldError VALIDATION_FAILED with `reportId` as part of the problem */
  readonly refuse: (reportId: string | null) => void;
}

/**
 * Nothing is written.
 * @throws LakefoldError MALFORMED_JSON, MALFORMED_FILE, DUPLICATE_KEY, UNKNOWN_FIELD, INVALID_ARGUMENT, LIMIT_EXCEEDED beyond the rows of
 * a request or, under `QUARANTINE`, beyond `QUARANTINE_ROWS_MAX` rows at fault
 */
export async function judgeRows(deps: Pick<FeatureDeps, 'codec' | 'clock' | 'control'>, group: OpenGroup, request: RowsRequest): Promise<JudgedRows> {
  const { definition } = group;
  const quarantines = definition.validationPolicy === 'QUARANTINE';
  const received = await parseRows(deps, rowsBody(request.rows), {
    columns: inputColumns(definition),
    ...(quarantines ? { faultsKeptMax: QUARANTINE_ROWS_MAX } : {}),
    ...(request.timezone === undefined ? {} : { timezone: request.timezone }),
    ...(request.ignoreUnknown === undefined ? {} : { ignoreUnknown: request.ignoreUnknown }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
  });
  const scales = definition.onlineEnabled ? rowScales(group, received.batch) : undefined;
  const checks = [scales?.check, await erasedKeyCheck(deps, group)].filter((check) => check !== undefined);
  const validated = validateRows(received, rowRules(definition, deps.clock.nowMicros(), checks));
  const mayHaveLosers = request.operation === 'upsert' && definition.expectations.length > 0;
  const rows: CheckedRows = mayHaveLosers ? lastOfEach(group, validated) : validated;
  const judged = judgeExpectations(definition, rows);
  return verdict(group, { received, validated, rows, judged, scales, now: deps.clock.now() });
}

interface Findings {
  readonly received: ReceivedRows;
  readonly validated: ValidatedRows;
  readonly rows: CheckedRows;
  readonly judged: readonly JudgedExpectation[];
  readonly scales: RowScales | undefined;
  readonly now: number;
}

function verdict({ definition }: OpenGroup, { received, validated, rows, judged, scales, now }: Findings): JudgedRows {
  const policy = definition.validationPolicy;
  const unmet = unmetExpectations(judged);
  const unmetOfBatch = unmetExpectations(judged.filter(({ finding }) => finding.kind === 'batch'));
  const refuse = (reportId: string | null): void => {
    if (policy !== 'QUARANTINE') refuseFaults(validated, reportId ?? undefined);
    refuseUnmet(policy === 'QUARANTINE' ? unmetOfBatch : unmet, reportId);
  };
  const isRefused = policy === 'QUARANTINE' ? unmetOfBatch.length > 0 : validated.rejected > 0 || (policy === 'STRICT' && unmet.length > 0);
  const unexpected = policy === 'QUARANTINE' && !isRefused ? unexpectedRows(rows, judged) : new Map<number, readonly Fault[]>();
  const setAside = policy === 'QUARANTINE' && !isRefused ? setAsideRows({ received, validated, rows, unexpected }) : [];
  const isDeduped = unexpected.size > 0 && rows.batch !== validated.batch;
  const ingestionResult = isRefused ? 'REJECTED' : setAside.length > 0 ? 'QUARANTINED' : 'INGESTED';
  return {
    received: validated.received,
    batch: unexpected.size === 0 ? validated.batch : rowsWithout(rows.batch, unexpected),
    deduped: isDeduped ? validated.batch.rowCount - rows.batch.rowCount : 0,
    setAside,
    report: planReport({ definition, createdAt: now, received: validated.received, rowFaults: validated.rejected, rows, judged, ingestionResult }),
    isReported: judged.length > 0 || validated.rejected > 0,
    warnings: [...(scales?.warnings() ?? []), ...(policy === 'ALWAYS' ? unmet : []).map(({ message }) => ({ code: 'EXPECTATION_FAILED', message }))],
    refuse,
  };
}

/** By position in `rows`: what row expectations that are not met found of each. */
function unexpectedRows(rows: CheckedRows, judged: readonly JudgedExpectation[]): Map<number, Fault[]> {
  const found = new Map<number, Fault[]>();
  for (const { check, finding, unmet } of judged) {
    if (finding.kind === 'batch' || unmet === undefined) continue;
    for (const row of finding.unexpected) {
      const faults = found.get(row);
      if (faults === undefined) found.set(row, [rowFault(rows, check, row)]);
      else faults.push(rowFault(rows, check, row));
      if (found.size > QUARANTINE_ROWS_MAX) throw tooMany(found.size);
    }
  }
  return found;
}

function setAsideRows({
  received,
  validated,
  rows,
  unexpected,
}: Pick<Findings, 'received' | 'validated' | 'rows'> & { readonly unexpected: ReadonlyMap<number, readonly Fault[]> }): readonly SetAsideRow[] {
  if (validated.faultCount > validated.faults.length || validated.rejected + unexpected.size > QUARANTINE_ROWS_MAX)
    throw tooMany(validated.rejected + unexpected.size);
  const byRow = new Map<number, Fault[]>();
  for (const fault of validated.faults) {
    const faults = byRow.get(fault.row);
    if (faults === undefined) byRow.set(fault.row, [fault]);
    else faults.push(fault);
  }
  for (const [row, faults] of unexpected) byRow.set(rows.rowIndex?.[row] ?? row, [...faults]);
  return [...byRow]
    .toSorted(([a], [b]) => a - b)
    .map(([row, faults]) => {
      // What was erased is not kept again under another name.
      const isErased = faults.some(({ code }) => code === 'ERASED_KEY');
      return { row, faults, payload: isErased ? '' : received.payloadOf(row) };
    });
}

function tooMany(found: number): LakefoldError {
  return new LakefoldError('LIMIT_EXCEEDED', `expected at most ${QUARANTINE_ROWS_MAX} rows with faults in a request, found ${found} or more`, {
    context: { limit: 'QUARANTINE_ROWS_MAX', limitValue: QUARANTINE_ROWS_MAX },
  });
}

function rowsWithout(batch: Batch, rows: ReadonlyMap<number, unknown>): Batch {
  const kept = Uint32Array.from({ length: batch.rowCount }, (_, row) => row).filter((row) => !rows.has(row));
  return takeRows(batch, kept);
}

function rowsBody(rows: RowsInput): RowsBody {
  if (rows.format === 'objects') return rows;
  if (rows.format !== 'parquet') return { format: rows.format, body: rows.body };
  return { format: 'parquet', body: rows.body instanceof Uint8Array ? bytesSource(rows.body) : rows.body };
}

// In an upsert the last row of an identity wins: the others are not written, so nothing is expected of them.
function lastOfEach(group: OpenGroup, { batch, rowIndex }: ValidatedRows): CheckedRows {
  const identityOf = identityOver(
    batch,
    identityColumns(group).map((column) => column.name),
  );
  const last = new Map<string, number>();
  for (let row = 0; row < batch.rowCount; row += 1) last.set(identityOf(row) ?? `\0${row}`, row);
  if (last.size === batch.rowCount) return { batch, rowIndex };
  const kept = Uint32Array.from(last.values()).sort();
  return { batch: takeRows(batch, kept), rowIndex: rowIndex === undefined ? kept : kept.map((row) => rowIndex[row] ?? row) };
}
