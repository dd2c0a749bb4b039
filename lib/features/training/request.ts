/** What `POST …/training-datasets` takes, parsed and with defaults filled in (shapes.md). */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { floorDiv, formatInstant, parseInstant } from '../../core/time.ts';
import type { AsOf } from '../../delta/snapshot/snapshot-state.ts';
import { parseSplit, shownSplit, type SplitRequest } from './split-request.ts';

/** A path or address; or a file that was uploaded. */
export type SpineSource = string | { readonly uploadId: string };

export type SpineRequest =
  | { readonly kind: 'rows'; readonly rows: readonly Json[] }
  | { readonly kind: 'source'; readonly source: SpineSource; readonly format: string }
  | {
      readonly kind: 'featureGroup';
      readonly name: string;
      readonly version: number;
      readonly asOf: AsOf | undefined;
      readonly startTime: bigint | null;
      readonly endTime: bigint | null;
      readonly where: Json;
    }
  /** The view's root over `[startTime, endTime)`. */
  | { readonly kind: 'root'; readonly startTime: bigint | null; readonly endTime: bigint | null };

export type TrainingFormat = 'parquet' | 'csv' | 'arrow' | 'tfrecord' | 'ndjson';

export interface TrainingRequest {
  readonly spine: SpineRequest;
  readonly labelTime: string | null;
  /** Groups without a pin are read as they stood then, µs. */
  readonly asOfTime: bigint | null;
  /** Only what had been received by then counts: an instant (µs), or each row's label time (P14). */
  readonly knownAsOf: 'labelTime' | bigint | null;
  /** What it means that the history needed for that is no longer kept. */
  readonly expiredHistory: 'error' | 'absent';
  readonly pins: Readonly<Record<string, number>>;
  readonly onInvalidRow: 'error' | 'null';
  readonly onFunctionError: 'error' | 'null';
  readonly dropMissing: boolean;
  /** A filter over finished rows, as sent; null = every row. */
  readonly where: Json;
  readonly diagnostics: boolean;
  /** Whether the view's transforms are fitted and applied (P18). */
  readonly transform: boolean;
  readonly format: TrainingFormat;
  readonly description: string | null;
  /** Whether the manifest has statistics of each split. */
  readonly statistics: boolean;
  readonly split: SplitRequest | undefined;
  /** As sent, defaults filled in, rows left out: what the manifest shows. */
  readonly shown: JsonObject;
}

const MEMBERS = [
  'spine',
  'startTime',
  'endTime',
  'labelTime',
  'asOfTime',
  'knownAsOf',
  'expiredHistory',
  'pins',
  'onInvalidRow',
  'onFunctionError',
  'dropMissing',
  'where',
  'diagnostics',
  'transform',
  'format',
  'statistics',
  'description',
  'split',
];
/** Members whose other values this version does not carry out; refusing beats a set that is not what was asked for. */
const ONLY: Readonly<Record<string, readonly Json[]>> = {
  transform: [true, false],
  statistics: [true, false],
};

/** @throws LakefoldError UNKNOWN_FIELD, INVALID_ARGUMENT, UNSUPPORTED_OPERATION naming the member */
export function parseTrainingRequest(body: JsonObject): TrainingRequest {
  for (const key of Object.keys(body))
    if (!MEMBERS.includes(key))
      throw new LakefoldError('UNKNOWN_FIELD', `expected one of ${MEMBERS.join(', ')}, found ${JSON.stringify(key)}`, { context: { field: key } });
  for (const [key, allowed] of Object.entries(ONLY)) {
    const value = body[key];
    if (value !== undefined && !allowed.some((candidate) => candidate === value))
      throw new LakefoldError('UNSUPPORTED_OPERATION', `${key} other than ${allowed.map(String).join(', ')} is not available`, { context: { field: key } });
  }
  const startTime = instantOf(body, 'startTime');
  const endTime = instantOf(body, 'endTime');
  const spine = spineOf(body['spine'] ?? null, { startTime, endTime });
  const format = wordOf(body, 'format', ['parquet', 'csv', 'ndjson', 'arrow', 'tfrecord'] as const, 'parquet');
  const labelTime = body['labelTime'] ?? null;
  if (labelTime !== null && typeof labelTime !== 'string') throw invalid('labelTime', 'a column name', labelTime);
  const description = body['description'] ?? null;
  if (description !== null && typeof description !== 'string') throw invalid('description', 'text', description);
  const request = {
    labelTime,
    description,
    format,
    asOfTime: instantOf(body, 'asOfTime'),
    knownAsOf: body['knownAsOf'] === 'labelTime' ? ('labelTime' as const) : instantOf(body, 'knownAsOf'),
    expiredHistory: wordOf(body, 'expiredHistory', ['error', 'absent'] as const, 'error'),
    pins: pinsOf(body['pins'] ?? {}),
    onInvalidRow: wordOf(body, 'onInvalidRow', ['error', 'null'] as const, 'error'),
    onFunctionError: wordOf(body, 'onFunctionError', ['error', 'null'] as const, 'error'),
    dropMissing: flagOf(body, 'dropMissing'),
    where: body['where'] ?? null,
    diagnostics: flagOf(body, 'diagnostics'),
    transform: body['transform'] !== false,
    statistics: body['statistics'] !== false,
    split: parseSplit(body['split'] ?? null),
  };
  return { ...request, spine, shown: shownRequest(body, request) };
}

/** In shapes.md's order. */
function shownRequest(
  body: JsonObject,
  {
    labelTime,
    description,
    format,
    asOfTime,
    knownAsOf,
    expiredHistory,
    pins,
    onInvalidRow,
    onFunctionError,
    dropMissing,
    where,
    diagnostics,
    transform,
    statistics,
    split,
  }: Omit<TrainingRequest, 'spine' | 'shown'>,
): JsonObject {
  return {
    spine: shownSpine(body['spine'] ?? null),
    startTime: body['startTime'] ?? null,
    endTime: body['endTime'] ?? null,
    labelTime,
    asOfTime: asOfTime === null ? null : formatInstant(asOfTime),
    knownAsOf: typeof knownAsOf === 'bigint' ? formatInstant(knownAsOf) : knownAsOf,
    expiredHistory,
    pins,
    onInvalidRow,
    onFunctionError,
    dropMissing,
    where,
    diagnostics,
    transform,
    format,
    statistics,
    description,
    split: shownSplit(split, body['split'] ?? null),
  };
}

function spineOf(json: Json, range: { readonly startTime: bigint | null; readonly endTime: bigint | null }): SpineRequest {
  if (json === null) return { kind: 'root', ...range };
  if (!isJsonObject(json)) throw invalid('spine', 'an object', json);
  const forms = (['rows', 'source', 'featureGroup'] as const).filter((form) => json[form] !== undefined);
  const [form] = forms;
  if (form === undefined || forms.length !== 1)
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      `expected exactly one of rows, source and featureGroup in spine, found ${forms.length === 0 ? 'none' : forms.join(' and ')}`,
      { context: { field: 'spine' } },
    );
  onlyMembers(json, SPINE_MEMBERS[form], 'spine');
  if (form !== 'featureGroup' && (range.startTime !== null || range.endTime !== null))
    throw new LakefoldError('INVALID_ARGUMENT', `expected startTime and endTime with rows of a feature group, found them with spine.${form}`, {
      context: { field: range.startTime === null ? 'endTime' : 'startTime' },
    });
  const { rows, source, featureGroup } = json;
  if (rows !== undefined) {
    if (!isList(rows)) throw invalid('spine.rows', 'a list of rows', rows);
    return { kind: 'rows', rows };
  }
  if (source !== undefined) {
    const asked = sourceOf(source);
    const format = json['format'] ?? (typeof asked === 'string' ? asked.split('.').at(-1) : 'parquet') ?? '';
    if (typeof format !== 'string') throw invalid('spine.format', 'a format', format);
    return { kind: 'source', source: asked, format };
  }
  if (!isJsonObject(featureGroup) || typeof featureGroup['name'] !== 'string' || typeof featureGroup['version'] !== 'number')
    throw invalid('spine.featureGroup', '{ name, version }', featureGroup);
  onlyMembers(featureGroup, ['name', 'version'], 'spine.featureGroup');
  return {
    kind: 'featureGroup',
    name: featureGroup['name'],
    version: featureGroup['version'],
    asOf: asOfOf(json['asOf'] ?? null),
    startTime: instantOf(json, 'startTime') ?? range.startTime,
    endTime: instantOf(json, 'endTime') ?? range.endTime,
    where: json['where'] ?? null,
  };
}

function sourceOf(source: Json): SpineSource {
  if (typeof source === 'string') return source;
  if (!isJsonObject(source) || typeof source['uploadId'] !== 'string') throw invalid('spine.source', 'a path or {"uploadId"}', source);
  onlyMembers(source, ['uploadId'], 'spine.source');
  return { uploadId: source['uploadId'] };
}

function shownSpine(spine: Json): Json {
  if (!isJsonObject(spine)) return spine;
  if (spine['rows'] !== undefined) return { rows: null };
  const { featureGroup, asOf = null, startTime = null, endTime = null, where = null } = spine;
  return featureGroup === undefined ? spine : { featureGroup, asOf, startTime, endTime, where };
}

const SPINE_MEMBERS = { rows: ['rows'], source: ['source', 'format'], featureGroup: ['featureGroup', 'asOf', 'startTime', 'endTime', 'where'] } as const;

function onlyMembers(json: JsonObject, known: readonly string[], field: string): void {
  const unknown = Object.keys(json).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected ${known.join(', ')} in ${field}, found ${JSON.stringify(unknown)}`, {
      context: { field: `${field}.${unknown}` },
    });
}

/** `{ "version": n }` or `{ "instant": "…" }`; absent and null are the newest version. */
function asOfOf(json: Json): AsOf | undefined {
  if (json === null) return undefined;
  if (!isJsonObject(json)) throw invalid('spine.asOf', '{ version } or { instant }', json);
  onlyMembers(json, ['version', 'instant'], 'spine.asOf');
  const { version = null } = json;
  const micros = instantOf(json, 'instant');
  if ((version === null) === (micros === null)) throw invalid('spine.asOf', 'exactly one of version and instant', json);
  if (micros !== null) return { instant: Number(floorDiv(micros, 1000n)) };
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) throw invalid('spine.asOf.version', 'a commit version', version);
  return { version };
}

function pinsOf(json: Json): Readonly<Record<string, number>> {
  if (!isJsonObject(json)) throw invalid('pins', 'an object of group/version to commit version', json);
  return Object.fromEntries(
    Object.entries(json).map(([group, version]) => {
      if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) throw invalid(`pins.${group}`, 'a commit version', version);
      return [group, version];
    }),
  );
}

function instantOf(json: JsonObject, field: string): bigint | null {
  const value = json[field] ?? null;
  if (value === null) return null;
  const parsed = typeof value === 'string' ? parseInstant(value) : undefined;
  if (parsed?.kind !== 'instant') throw invalid(field, 'an RFC 3339 instant with offset', value);
  return parsed.micros;
}

function flagOf(json: JsonObject, field: string): boolean {
  const value = json[field] ?? false;
  if (typeof value !== 'boolean') throw invalid(field, 'true or false', value);
  return value;
}

function wordOf<Word extends string>(json: JsonObject, field: string, words: readonly Word[], otherwise: Word): Word {
  const value = json[field] ?? otherwise;
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw invalid(field, words.join(' or '), value);
  return word;
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function invalid(field: string, expected: string, found: unknown): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in ${field}, found ${JSON.stringify(found)?.slice(0, 80) ?? 'nothing'}`, {
    context: { field },
  });
}
