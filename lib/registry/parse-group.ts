/** A feature group's definition out of untrusted JSON: defaults filled in, every fault listed (api.md, shapes.md). */
import { isRecord } from '../core/json.ts';
import { LakefoldError } from '../core/errors.ts';
import { showInput } from '../core/input-values.ts';
import { isKeyType } from '../core/keys.ts';
import { COLUMNS_MAX } from '../core/limits.ts';
import { parseDuration } from '../core/time.ts';
import type { ExpectationDefinition, FeatureGroupDefinition } from './definition.ts';
import { ObjectReader, collectFaults, throwFaults } from './definition-reader.ts';
import { parseExpectation } from './expectations.ts';
import { parseColumns, type TypedColumn } from './parse-columns.ts';

/** A definition whose version may still be open: null = the next one. */
export type FeatureGroupDraft = Omit<FeatureGroupDefinition, 'version'> & { readonly version: number | null };

/** What `describe` adds to a definition; sent back, it is ignored. */
const DESCRIBED = ['status', 'schemaVersion', 'latestCommit', 'table', 'createdAt', 'updatedAt', 'etag', 'warnings', 'requestId'];
const POLICIES = ['STRICT', 'ALWAYS', 'QUARANTINE'] as const;
const PROFILES = ['merge-on-read', 'compatible'] as const;
const SHARDS_MAX = 256;
const ONLINE_SHARDS = 16;
const DAY_MICROS = 86_400_000_000n;
const RETENTION_MIN = 7n * DAY_MICROS;
const ERASE_SCHEDULE_MAX = 30n * DAY_MICROS;

/**
 * @throws LakefoldError INVALID_DEFINITION or UNKNOWN_FIELD with all faults in `errors`; LIMIT_EXCEEDED beyond `COLUMNS_MAX`
 */
export function parseFeatureGroup(json: unknown): FeatureGroupDraft {
  refuseTooMany(json);
  const reader = new ObjectReader('', json, collectFaults());
  const name = reader.name();
  const version = reader.version();
  const columns = parseColumns(reader, 'schema');
  if (reader.raw('schema') === undefined) reader.fault('schema', 'INVALID_ARGUMENT', 'expected an array of columns, found nothing');
  const primaryKey = reader.strings('primaryKey');
  if (reader.raw('primaryKey') === undefined)
    reader.fault('primaryKey', 'INVALID_ARGUMENT', 'expected an array of columns (empty for one global entity), found nothing');
  const eventTime = parseEventTime(reader, columns, primaryKey);
  checkKey(reader, columns, primaryKey);
  const ttl = reader.duration('ttl', null);
  if (ttl !== null && eventTime === null) reader.fault('ttl', 'TTL_REQUIRES_EVENT_TIME', 'expected an event time, found none');
  const identity = eventTime === null ? primaryKey : [...primaryKey, eventTime];
  const draft: FeatureGroupDraft = {
    name,
    version,
    description: reader.shortText('description'),
    schema: columns.map((column) => column.definition),
    primaryKey,
    eventTime,
    onlineEnabled: reader.boolean('onlineEnabled', false),
    ttl,
    availabilityDelay: reader.duration('availabilityDelay', null),
    partitionBy: parsePartitions(reader, columns),
    clusterBy: parseClustering(reader, columns, identity),
    expectations: parseExpectations(reader, columns),
    validationPolicy: reader.oneOf('validationPolicy', POLICIES, 'STRICT'),
    profile: reader.oneOf('profile', PROFILES, 'merge-on-read'),
    statistics: reader.boolean('statistics', true),
    changeFeed: reader.boolean('changeFeed', false),
    onlineShards: parseShards(reader),
    eraseSchedule: parseEraseSchedule(reader),
    maxFutureSkew: reader.duration('maxFutureSkew', 'PT5M'),
    retention: parseRetention(reader),
    deletedRetention: reader.requiredDuration('deletedRetention', 'P7D'),
    idempotencyRetention: reader.requiredDuration('idempotencyRetention', 'P7D'),
    tags: reader.tags(),
    owner: reader.shortText('owner'),
  };
  reader.refuseOthers(DESCRIBED);
  throwFaults('feature group', reader.faults);
  return draft;
}

/** Warnings a definition deserves (shapes.md): never an error. */
export function groupWarnings(definition: FeatureGroupDraft): readonly { readonly code: string; readonly message: string }[] {
  const eventTime = definition.schema.find((column) => column.name === definition.eventTime);
  if (eventTime?.type !== 'date' || (micros(definition.availabilityDelay) ?? 0n) >= DAY_MICROS) return [];
  return [
    {
      code: 'DATE_EVENT_TIME_LEAK',
      message: `${definition.name}.${eventTime.name} is a date, which stands for its first instant: a daily aggregate stamped with its own date knows up to 24 h too much; set availabilityDelay to P1D or more`,
    },
  ];
}

function refuseTooMany(json: unknown): void {
  const schema = isRecord(json) ? json['schema'] : undefined;
  if (Array.isArray(schema) && schema.length > COLUMNS_MAX) {
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${COLUMNS_MAX} columns, found ${schema.length}`, {
      context: { limit: 'COLUMNS_MAX', limitValue: COLUMNS_MAX },
    });
  }
}

function checkKey(reader: ObjectReader, columns: readonly TypedColumn[], primaryKey: readonly string[]): void {
  primaryKey.forEach((name, i) => {
    const column = columns.find((other) => other.definition.name === name);
    if (column === undefined) reader.fault(`primaryKey[${i}]`, 'UNKNOWN_COLUMN', `expected a column of the schema, found ${JSON.stringify(name)}`);
    else if (column.type.kind !== 'void' && !isKeyType(column.type))
      reader.fault(
        `primaryKey[${i}]`,
        'INVALID_KEY_TYPE',
        `expected int, bigint, decimal, string, binary, date or timestamp, found ${column.definition.type} ${name}`,
      );
    else if (column.definition.nullable) reader.fault(`primaryKey[${i}]`, 'INVALID_KEY_TYPE', `expected a column that is not nullable, found ${name}`);
  });
}

function parseEventTime(reader: ObjectReader, columns: readonly TypedColumn[], primaryKey: readonly string[]): string | null {
  const value = reader.raw('eventTime');
  if (value === undefined || value === null) return null;
  const column = columns.find((other) => other.definition.name === value);
  if (typeof value !== 'string') reader.fault('eventTime', 'INVALID_EVENT_TIME', 'expected the name of a column');
  else if (column === undefined) reader.fault('eventTime', 'UNKNOWN_COLUMN', `expected a column of the schema, found ${JSON.stringify(value)}`);
  else if (!['timestamp', 'date', 'void'].includes(column.type.kind))
    reader.fault('eventTime', 'INVALID_EVENT_TIME', `expected a timestamp or date, found ${column.definition.type} ${value}`);
  else if (column.definition.nullable) reader.fault('eventTime', 'INVALID_EVENT_TIME', `expected a column that is not nullable, found ${value}`);
  else if (primaryKey.includes(value)) reader.fault('eventTime', 'INVALID_EVENT_TIME', `expected a column outside the primary key, found ${value}`);
  return typeof value === 'string' ? value : null;
}

function isFlat(column: TypedColumn): boolean {
  return !['array', 'struct', 'map', 'vector'].includes(column.type.kind);
}

function parsePartitions(reader: ObjectReader, columns: readonly TypedColumn[]): readonly string[] {
  const names = reader.strings('partitionBy');
  names.forEach((name, i) => {
    const column = columns.find((other) => other.definition.name === name);
    if (column === undefined) reader.fault(`partitionBy[${i}]`, 'UNKNOWN_COLUMN', `expected a column of the schema, found ${JSON.stringify(name)}`);
    else if (!isFlat(column) || column.type.kind === 'binary')
      reader.fault(`partitionBy[${i}]`, 'INVALID_ARGUMENT', `expected a column whose values have a text form, found ${column.definition.type} ${name}`);
  });
  if (columns.length > 0 && columns.every((column) => names.includes(column.definition.name)))
    reader.fault('partitionBy', 'INVALID_ARGUMENT', 'expected a column that is no partition, found none');
  return names;
}

/** Absent: files are sorted by the row's identity, so that probes by key and time touch few pages. */
function parseClustering(reader: ObjectReader, columns: readonly TypedColumn[], identity: readonly string[]): readonly string[] {
  if (reader.raw('clusterBy') === undefined) return identity;
  const names = reader.strings('clusterBy');
  names.forEach((name, i) => {
    const column = columns.find((other) => other.definition.name === name);
    if (column === undefined) reader.fault(`clusterBy[${i}]`, 'UNKNOWN_COLUMN', `expected a column of the schema, found ${JSON.stringify(name)}`);
    else if (!isFlat(column)) reader.fault(`clusterBy[${i}]`, 'INVALID_ARGUMENT', `expected a column with an order, found ${column.definition.type} ${name}`);
  });
  return names;
}

function parseExpectations(reader: ObjectReader, columns: readonly TypedColumn[]): readonly ExpectationDefinition[] {
  const names = new Set(columns.map((column) => column.definition.name));
  return reader.objects('expectations').flatMap((item) => parseExpectation(item, names) ?? []);
}

function parseShards(reader: ObjectReader): number {
  const value = reader.raw('onlineShards');
  if (value === undefined) return ONLINE_SHARDS;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= SHARDS_MAX && (value & (value - 1)) === 0) return value;
  reader.fault('onlineShards', 'INVALID_ARGUMENT', `expected a power of two from 1 to ${SHARDS_MAX}, found ${showInput(value)}`);
  return ONLINE_SHARDS;
}

function parseEraseSchedule(reader: ObjectReader): string | null {
  const value = reader.duration('eraseSchedule', null);
  if ((micros(value) ?? 0n) > ERASE_SCHEDULE_MAX) reader.fault('eraseSchedule', 'INVALID_ARGUMENT', `expected at most P30D, found ${JSON.stringify(value)}`);
  return value;
}

function parseRetention(reader: ObjectReader): string {
  const value = reader.requiredDuration('retention', 'P30D');
  if ((micros(value) ?? RETENTION_MIN) < RETENTION_MIN) reader.fault('retention', 'INVALID_ARGUMENT', `expected at least P7D, found ${JSON.stringify(value)}`);
  return value;
}

function micros(text: string | null): bigint | undefined {
  return text === null ? undefined : parseDuration(text);
}
