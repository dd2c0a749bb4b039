/**
 * An intent: the bytes by which a staged write waits in a table's inbox (storage.md §4, `inbox/…`). Layout 1: one JSON
 * object, `format` first; a reader refuses a greater number and every member it does not understand.
 */
import { LakefoldError } from '../../core/errors.ts';
import { decodeUtf8, utf8 } from '../../core/bytes.ts';
import { isJsonObject, type Json, type JsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import { formatType, parseType } from '../../core/types.ts';
import { actionFields } from '../actions/action-fields.ts';
import { readAction } from '../actions/action-reader.ts';
import type { AddFile } from '../actions/actions.ts';
import type { GroupMember, StagedShape } from './group-member.ts';
import type { Idempotency } from '../write/write-outcome.ts';

/** The greatest layout this code reads. */
const INTENT_FORMAT = 1;

/** A staged write with what is told of it besides; its `id` is a ULID, its place in the inbox. */
export interface Intent extends GroupMember {
  readonly committedBy?: string;
  /** What the producer's checks said of the rows, and the report they wrote: handed through, not looked at. */
  readonly validation: Json;
  readonly report: string | null;
}

export function encodeIntent(intent: Intent): Uint8Array {
  const { shape } = intent;
  return utf8(
    stringifyJson({
      format: INTENT_FORMAT,
      id: intent.id,
      operation: intent.operation,
      identity: intent.identityColumns,
      table: shape.tableId,
      partitionColumns: shape.partitionColumns,
      columns: shape.columns.map(({ name, physicalName, type, nullable }) => [name, physicalName, formatType(type), nullable]),
      constraints: shape.constraints,
      adds: intent.adds.map((add) => actionFields(add)),
      rows: intent.rowCount,
      deduped: intent.dedupedInBatch,
      isReceived: intent.isReceived,
      ingestedAt: intent.ingestedAt?.toString() ?? null,
      txn: txnFields(intent.idempotency),
      received: intent.received,
      rejected: intent.rejected,
      committedBy: intent.committedBy ?? null,
      validation: intent.validation,
      report: intent.report,
    }),
  );
}

function txnFields(idempotency: Idempotency | undefined): object | null {
  if (idempotency === undefined) return null;
  const { kind } = idempotency;
  return kind === 'stream'
    ? { stream: idempotency.name, sequence: idempotency.sequence }
    : { key: idempotency.key, body: idempotency.bodyHash, windowMillis: idempotency.windowMillis };
}

/** @throws LakefoldError UNSUPPORTED_FORMAT above `INTENT_FORMAT`, CORRUPT_STORE when the bytes are no intent, PATH_OUTSIDE_TABLE */
export function decodeIntent(bytes: Uint8Array): Intent {
  const fields = objectOf(bytes);
  const { format } = fields;
  if (typeof format === 'number' && format > INTENT_FORMAT)
    throw new LakefoldError('UNSUPPORTED_FORMAT', `expected an intent of format ${INTENT_FORMAT} at most, found ${format}`, { context: { format } });
  const { operation } = fields;
  if (format !== INTENT_FORMAT || (operation !== 'append' && operation !== 'upsert')) throw corrupt('format and operation');
  const idempotency = idempotencyOf(fields['txn'] ?? null);
  const ingestedAt = fields['ingestedAt'] ?? null;
  const committedBy = fields['committedBy'] ?? null;
  const report = fields['report'] ?? null;
  return {
    id: text(fields, 'id'),
    operation,
    identityColumns: texts(fields, 'identity'),
    shape: shapeOf(fields),
    adds: list(fields, 'adds').flatMap(addsOf),
    rowCount: count(fields, 'rows'),
    dedupedInBatch: count(fields, 'deduped'),
    isReceived: fields['isReceived'] === true,
    ...(typeof ingestedAt === 'string' && /^-?\d{1,19}$/.test(ingestedAt) ? { ingestedAt: BigInt(ingestedAt) } : {}),
    ...(idempotency === undefined ? {} : { idempotency }),
    received: count(fields, 'received'),
    rejected: count(fields, 'rejected'),
    ...(typeof committedBy === 'string' ? { committedBy } : {}),
    validation: fields['validation'] ?? null,
    report: typeof report === 'string' ? report : null,
  };
}

function objectOf(bytes: Uint8Array): JsonObject {
  const content = decodeUtf8(bytes);
  if (content === undefined) throw corrupt('UTF-8');
  let parsed: Json;
  try {
    parsed = parseJson(content);
  } catch (cause) {
    throw corrupt('JSON', cause);
  }
  if (!isJsonObject(parsed)) throw corrupt('a JSON object');
  return parsed;
}

function shapeOf(fields: JsonObject): StagedShape {
  const constraints = fields['constraints'] ?? null;
  if (!isJsonObject(constraints)) throw corrupt('constraints');
  return {
    tableId: text(fields, 'table'),
    partitionColumns: texts(fields, 'partitionColumns'),
    columns: list(fields, 'columns').map((column) => {
      const [name, physicalName, type, nullable] = Array.isArray(column) ? column : [];
      if (typeof name !== 'string' || typeof physicalName !== 'string' || typeof type !== 'string' || typeof nullable !== 'boolean') throw corrupt('columns');
      return { name, physicalName, type: parseType(type), nullable };
    }),
    constraints: Object.fromEntries(Object.keys(constraints).map((name) => [name, text(constraints, name)])),
  };
}

function addsOf(fields: Json): readonly AddFile[] {
  if (!isJsonObject(fields)) throw corrupt('adds');
  return [...readAction({ add: fields }, { path: 'an intent', version: 0, line: 1 })].filter((action) => action.kind === 'add');
}

function idempotencyOf(fields: Json): Idempotency | undefined {
  if (fields === null) return undefined;
  if (!isJsonObject(fields)) throw corrupt('txn');
  if (typeof fields['stream'] === 'string') return { kind: 'stream', name: fields['stream'], sequence: count(fields, 'sequence') };
  return { kind: 'request', key: text(fields, 'key'), bodyHash: text(fields, 'body'), windowMillis: count(fields, 'windowMillis') };
}

function text(fields: JsonObject, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw corrupt(name);
  return value;
}

function count(fields: JsonObject, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw corrupt(name);
  return value;
}

function list(fields: JsonObject, name: string): readonly Json[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw corrupt(name);
  return value;
}

function texts(fields: JsonObject, name: string): readonly string[] {
  return list(fields, name).map((value) => {
    if (typeof value !== 'string') throw corrupt(name);
    return value;
  });
}

function corrupt(what: string, cause?: unknown): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `expected an intent's ${what}, found something else`, cause === undefined ? {} : { cause });
}
