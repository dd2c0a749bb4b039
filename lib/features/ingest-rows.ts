/** From a request's rows to a receipt: parse, check, commit, publish (semantics §11, order of checks). */
import type { Batch } from '../core/batch.ts';
import { takeRows, valueAt } from '../core/batch.ts';
import { ONLINE_PAYLOAD_BYTES_MAX } from '../core/limits.ts';
import { identityOver } from '../delta/row-identity.ts';
import type { Idempotency } from '../delta/write-outcome.ts';
import { bindFoldRows } from '../online/fold-group.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { FileSource } from '../ports/table-codec.ts';
import type { FeatureDeps } from './deps.ts';
import { type CheckedRows, validateExpectations } from './expectations.ts';
import { ingest, type IngestOperation } from './ingest.ts';
import type { OpenGroup } from './open-group.ts';
import { parseRows, type RowsBody } from './parse-rows.ts';
import type { Receipt } from './receipt.ts';
import { inputColumns } from './received-rows.ts';
import { refuseFaults, type RowCheck, rowRules, validateRows } from './validate-rows.ts';

export type RowsInput =
  | { readonly format: 'json' | 'ndjson' | 'csv' | 'parquet'; readonly body: Uint8Array }
  | { readonly format: 'objects'; readonly rows: readonly unknown[] };

export interface IngestRowsRequest extends RequestOptions {
  readonly rows: RowsInput;
  readonly operation: IngestOperation;
  readonly wait: 'commit' | 'online';
  readonly timezone?: string;
  readonly ignoreUnknown?: boolean;
  readonly allowEmpty?: boolean;
  readonly idempotency?: Idempotency;
  readonly committedBy?: string;
}

/**
 * One faulty row refuses them all, an expectation that is not met does unless the group's policy is `ALWAYS`; nothing is written then.
 * @throws LakefoldError VALIDATION_FAILED with row, column and expectation of each fault; MALFORMED_JSON, MALFORMED_FILE, DUPLICATE_KEY; what `ingest` throws
 */
export async function ingestRows(deps: FeatureDeps, group: OpenGroup, request: IngestRowsRequest): Promise<Receipt> {
  const received = await parseRows(deps, rowsBody(request.rows), {
    columns: inputColumns(group.definition),
    ...(request.timezone === undefined ? {} : { timezone: request.timezone }), ...(request.ignoreUnknown === undefined ? {} : { ignoreUnknown: request.ignoreUnknown }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const checks = group.definition.onlineEnabled ? [payloadCheck(group, received.batch)] : [];
  const validated = validateRows(received, rowRules(group.definition, deps.clock.nowMicros(), checks));
  refuseFaults(validated);
  const mayHaveLosers = request.operation === 'upsert' && group.definition.expectations.length > 0;
  const { validation, warnings } = validateExpectations(group.definition, mayHaveLosers ? lastOfEach(group, validated.batch) : validated);
  return ingest(deps, group, {
    batch: validated.batch, validation, warnings, received: validated.received, rejected: [], operation: request.operation, wait: request.wait,
    ...(request.allowEmpty === undefined ? {} : { allowEmpty: request.allowEmpty }), ...(request.idempotency === undefined ? {} : { idempotency: request.idempotency }),
    ...(request.committedBy === undefined ? {} : { committedBy: request.committedBy }), ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
}

function rowsBody(rows: RowsInput): RowsBody {
  if (rows.format === 'objects') return rows;
  return rows.format === 'parquet' ? { format: 'parquet', body: sourceOf(rows.body) } : { format: rows.format, body: rows.body };
}

/** Bytes in memory as a file. */
export function sourceOf(bytes: Uint8Array): FileSource {
  return { sizeBytes: bytes.length, read: async (start, end) => bytes.subarray(start, end), readAll: async () => bytes };
}

// In an upsert the last row of an identity wins: the others are not written, so nothing is expected of them.
function lastOfEach(group: OpenGroup, batch: Batch): CheckedRows {
  const identityOf = identityOver(batch, [...group.keyColumns, ...(group.eventTime === undefined ? [] : [group.eventTime])].map((column) => column.name));
  const last = new Map<string, number>();
  for (let row = 0; row < batch.rowCount; row += 1) last.set(identityOf(row) ?? `\0${row}`, row);
  if (last.size === batch.rowCount) return { batch };
  const rowIndex = Uint32Array.from(last.values()).sort();
  return { batch: takeRows(batch, rowIndex), rowIndex };
}

// U10: an item the online store can't hold is refused before anything is written. Only types without bound can be that large.
function payloadCheck(group: OpenGroup, batch: Batch): RowCheck {
  const unbounded = group.features.filter((column) => ['string', 'binary', 'array', 'struct', 'map', 'vector'].includes(column.type.kind));
  if (unbounded.length === 0) return () => undefined;
  const positions = unbounded.map((column) => batch.columns.findIndex((candidate) => candidate.name === column.name));
  let payloadOf: ((row: number) => Uint8Array) | undefined;
  return (_, row) => {
    // Most rows are small by their texts alone; only the others are encoded to be weighed.
    const small = positions.every((position) => {
      const vector = batch.vectors[position];
      const value = vector === undefined ? null : valueAt(vector, row);
      return value === null || (typeof value === 'string' && value.length * 3 * unbounded.length < ONLINE_PAYLOAD_BYTES_MAX / 2);
    });
    if (small) return undefined;
    payloadOf ??= bindFoldRows(group.fold, batch, { ingestedAtDefault: 0n }).payload;
    const bytes = payloadOf(row).length;
    return bytes <= ONLINE_PAYLOAD_BYTES_MAX ? undefined : { code: 'ROW_TOO_LARGE', message: `expected an online row of at most ${ONLINE_PAYLOAD_BYTES_MAX} bytes, found ${bytes}` };
  };
}
