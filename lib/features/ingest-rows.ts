/** From a request's rows to a receipt: parse, check, commit, publish (semantics §11, order of checks). */
import type { Batch } from '../core/batch.ts';
import { takeRows } from '../core/batch.ts';
import { identityOver } from '../delta/row-identity.ts';
import type { Idempotency } from '../delta/write-outcome.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import { bytesSource } from '../ports/table-codec.ts';
import type { FeatureDeps } from './deps.ts';
import { type CheckedRows, validateExpectations } from './expectations.ts';
import { ingest, type IngestOperation } from './ingest.ts';
import { identityColumns, type OpenGroup } from './open-group.ts';
import { parseRows, type RowsBody } from './parse-rows.ts';
import type { Receipt } from './receipt.ts';
import { inputColumns } from './received-rows.ts';
import { rowScales } from './row-size.ts';
import { refuseFaults, rowRules, validateRows } from './validate-rows.ts';

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
    ...(request.timezone === undefined ? {} : { timezone: request.timezone }),
    ...(request.ignoreUnknown === undefined ? {} : { ignoreUnknown: request.ignoreUnknown }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const scales = group.definition.onlineEnabled ? rowScales(group, received.batch) : undefined;
  const validated = validateRows(received, rowRules(group.definition, deps.clock.nowMicros(), scales === undefined ? [] : [scales.check]));
  refuseFaults(validated);
  const mayHaveLosers = request.operation === 'upsert' && group.definition.expectations.length > 0;
  const { validation, warnings } = validateExpectations(group.definition, mayHaveLosers ? lastOfEach(group, validated.batch) : validated);
  return ingest(deps, group, {
    batch: validated.batch,
    validation,
    warnings: [...(scales?.warnings() ?? []), ...warnings],
    received: validated.received,
    rejected: [],
    operation: request.operation,
    wait: request.wait,
    ...(request.allowEmpty === undefined ? {} : { allowEmpty: request.allowEmpty }),
    ...(request.idempotency === undefined ? {} : { idempotency: request.idempotency }),
    ...(request.committedBy === undefined ? {} : { committedBy: request.committedBy }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
}

function rowsBody(rows: RowsInput): RowsBody {
  if (rows.format === 'objects') return rows;
  return rows.format === 'parquet' ? { format: 'parquet', body: bytesSource(rows.body) } : { format: rows.format, body: rows.body };
}

// In an upsert the last row of an identity wins: the others are not written, so nothing is expected of them.
function lastOfEach(group: OpenGroup, batch: Batch): CheckedRows {
  const identityOf = identityOver(
    batch,
    identityColumns(group).map((column) => column.name),
  );
  const last = new Map<string, number>();
  for (let row = 0; row < batch.rowCount; row += 1) last.set(identityOf(row) ?? `\0${row}`, row);
  if (last.size === batch.rowCount) return { batch };
  const rowIndex = Uint32Array.from(last.values()).sort();
  return { batch: takeRows(batch, rowIndex), rowIndex };
}
