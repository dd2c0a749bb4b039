/** From a request's rows to a receipt: parse, check, commit, publish (semantics §11, order of checks). */
import type { Batch } from '../core/batch.ts';
import { valueAt } from '../core/batch.ts';
import { LakefoldError } from '../core/errors.ts';
import { ONLINE_PAYLOAD_BYTES_MAX } from '../core/limits.ts';
import { toValue } from '../core/input-values.ts';
import type { Idempotency } from '../delta/write-outcome.ts';
import { bindFoldRows } from '../online/fold-group.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { FileSource } from '../ports/table-codec.ts';
import type { FeatureDeps } from './deps.ts';
import { ingest, type IngestOperation } from './ingest.ts';
import type { OpenGroup } from './open-group.ts';
import { parseRows, type RowsBody } from './parse-rows.ts';
import type { Receipt } from './receipt.ts';
import type { InputColumn } from './received-rows.ts';
import { refuseFaults, type RowCheck, validateRows } from './validate-rows.ts';

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
 * One faulty row refuses them all; nothing is written then.
 * @throws LakefoldError VALIDATION_FAILED with row, column and expectation of each fault; MALFORMED_JSON, MALFORMED_FILE, DUPLICATE_KEY; what `ingest` throws
 */
export async function ingestRows(deps: FeatureDeps, group: OpenGroup, request: IngestRowsRequest): Promise<Receipt> {
  const received = await parseRows(deps, rowsBody(request.rows), {
    columns: inputColumns(group),
    ...(request.timezone === undefined ? {} : { timezone: request.timezone }), ...(request.ignoreUnknown === undefined ? {} : { ignoreUnknown: request.ignoreUnknown }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const validated = validateRows(received, {
    primaryKey: group.definition.primaryKey, eventTime: group.definition.eventTime, checks: group.definition.onlineEnabled ? [payloadCheck(group, received.batch)] : [],
    ...(group.maxFutureSkew === undefined ? {} : { eventTimeMax: deps.clock.nowMicros() + group.maxFutureSkew }),
  });
  refuseFaults(validated);
  return ingest(deps, group, {
    batch: validated.batch, received: validated.received, rejected: [], operation: request.operation, wait: request.wait,
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

function inputColumns(group: OpenGroup): readonly InputColumn[] {
  return group.columns.map((column): InputColumn => {
    const definition = group.definition.schema.find((candidate) => candidate.name === column.name);
    const unit = definition?.unit === undefined ? {} : { unit: definition.unit };
    if (definition?.default === undefined) return { ...column, ...unit };
    const value = toValue(column.type, definition.default);
    if (value.kind === 'fault') throw new LakefoldError('INVALID_DEFINITION', `expected ${value.expected} as default of ${column.name}, found ${value.found}`);
    return { ...column, ...unit, default: value.value };
  });
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
