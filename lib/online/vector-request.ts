/** Bodies of `…/vector` and `…/vectors` (shapes.md) as closed, typed requests. Values are checked against the view later. */
import { LakefoldError } from '../core/errors.ts';
import { showInput } from '../core/input-values.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { ENTRIES_MAX } from '../core/limits.ts';

const WAIT_MAX_MILLIS = 5000;

export interface VectorOptions {
  readonly allowMissing: boolean;
  readonly format: 'arrays' | 'objects';
  readonly bigintAs: 'number' | 'string';
  readonly includeHelpers: boolean;
  readonly trainingDataset: number | null;
  readonly consistent: boolean;
  /** Versions the answer must have seen, by `<group>/<version>`. */
  readonly minVersions: Readonly<Record<string, number>>;
  readonly waitMs: number;
}

interface VectorMetadata {
  readonly names: boolean;
  readonly types: boolean;
  readonly statuses: boolean;
  readonly eventTimes: boolean;
  readonly versions: boolean;
  readonly watermarks: boolean;
}

/** Members are JSON, or what a TypeScript program holds: `toValue` reads both. */
export type NamedInputs = Readonly<Record<string, unknown>>;

export interface VectorsRequest {
  readonly entries: readonly NamedInputs[];
  /** One per entry, or none at all. */
  readonly passedFeatures: readonly NamedInputs[];
  /** One per entry, one for all, or none at all. */
  readonly requestParameters: readonly NamedInputs[];
  readonly options: VectorOptions;
  readonly metadata: VectorMetadata;
}

const DEFAULT_VECTOR_OPTIONS: VectorOptions = {
  allowMissing: true,
  format: 'arrays',
  bigintAs: 'number',
  includeHelpers: false,
  trainingDataset: null,
  consistent: false,
  minVersions: {},
  waitMs: 0,
};
const NO_METADATA: VectorMetadata = { names: false, types: false, statuses: false, eventTimes: false, versions: false, watermarks: false };

/** @throws LakefoldError UNKNOWN_FIELD, INVALID_ARGUMENT, LIMIT_EXCEEDED beyond `ENTRIES_MAX` */
export function parseVectorsBody(json: Json): VectorsRequest {
  const body = members(json, 'the body', ['entries', 'passedFeatures', 'requestParameters', 'options', 'metadata']);
  const entries = objects(body['entries'] ?? null, 'entries');
  checkEntryCount(entries.length);
  const parameters = body['requestParameters'] ?? null;
  return {
    entries,
    passedFeatures:
      body['passedFeatures'] === undefined || body['passedFeatures'] === null
        ? []
        : perEntry(objects(body['passedFeatures'], 'passedFeatures'), entries.length, 'passedFeatures'),
    requestParameters:
      parameters === null ? [] : isJsonObject(parameters) ? [parameters] : perEntryOrOne(objects(parameters, 'requestParameters'), entries.length),
    ...settings(body),
  };
}

/** @throws LakefoldError UNKNOWN_FIELD, INVALID_ARGUMENT */
export function parseVectorBody(json: Json): VectorsRequest {
  const body = members(json, 'the body', ['entry', 'passedFeatures', 'requestParameters', 'options', 'metadata']);
  const one = (name: string): readonly JsonObject[] => (body[name] === undefined || body[name] === null ? [] : [object(body[name], name)]);
  return {
    entries: [object(body['entry'] ?? null, 'entry')],
    passedFeatures: one('passedFeatures'),
    requestParameters: one('requestParameters'),
    ...settings(body),
  };
}

/** @throws LakefoldError LIMIT_EXCEEDED */
export function checkEntryCount(count: number): void {
  if (count > ENTRIES_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${ENTRIES_MAX} entries, found ${count}`, {
      context: { limit: 'ENTRIES_MAX', limitValue: ENTRIES_MAX },
    });
}

function settings(body: JsonObject): { readonly options: VectorOptions; readonly metadata: VectorMetadata } {
  return { options: parseOptions(body['options'] ?? {}), metadata: parseMetadata(body['metadata'] ?? {}) };
}

function parseOptions(json: Json): VectorOptions {
  const options = members(json, 'options', Object.keys(DEFAULT_VECTOR_OPTIONS));
  const flag = (name: 'allowMissing' | 'includeHelpers' | 'consistent'): boolean => boolean(options[name], `options.${name}`, DEFAULT_VECTOR_OPTIONS[name]);
  const trainingDataset = options['trainingDataset'] ?? null;
  if (trainingDataset !== null && !isCount(trainingDataset)) throw invalid('options.trainingDataset', 'the number of a training dataset', trainingDataset);
  const waitMs = options['waitMs'] ?? 0;
  if (!isCount(waitMs) || waitMs > WAIT_MAX_MILLIS) throw invalid('options.waitMs', `whole milliseconds from 0 to ${WAIT_MAX_MILLIS}`, waitMs);
  return {
    allowMissing: flag('allowMissing'),
    includeHelpers: flag('includeHelpers'),
    consistent: flag('consistent'),
    format: oneOf(options['format'], 'options.format', ['arrays', 'objects'] as const),
    bigintAs: oneOf(options['bigintAs'], 'options.bigintAs', ['number', 'string'] as const),
    trainingDataset,
    minVersions: parseMinVersions(options['minVersions'] ?? {}),
    waitMs,
  };
}

function parseMinVersions(json: Json): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(object(json, 'options.minVersions')).map(([group, version]) => {
      if (!isCount(version)) throw invalid(`options.minVersions["${group}"]`, 'a version (a whole number from 0)', version);
      return [group, version] as const;
    }),
  );
}

function parseMetadata(json: Json): VectorMetadata {
  const asked = members(json, 'metadata', Object.keys(NO_METADATA));
  const part = (name: keyof VectorMetadata): boolean => boolean(asked[name], `metadata.${name}`, false);
  return {
    names: part('names'),
    types: part('types'),
    statuses: part('statuses'),
    eventTimes: part('eventTimes'),
    versions: part('versions'),
    watermarks: part('watermarks'),
  };
}

function members(json: Json, place: string, known: readonly string[]): JsonObject {
  const value = object(json, place);
  const other = Object.keys(value).find((name) => !known.includes(name));
  if (other !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected ${known.join(', ')} in ${place}, found ${JSON.stringify(other)}`, { context: { field: other } });
  return value;
}

function object(json: Json | undefined, place: string): JsonObject {
  if (!isJsonObject(json)) throw invalid(place, 'an object', json);
  return json;
}

function objects(json: Json, place: string): readonly JsonObject[] {
  if (!isArray(json)) throw invalid(place, 'an array of objects', json);
  return json.map((item, i) => object(item, `${place}[${i}]`));
}

function perEntry(items: readonly JsonObject[], entries: number, place: string): readonly JsonObject[] {
  if (items.length !== entries) throw invalid(place, `one object for each of ${entries} entries`, items);
  return items;
}

function perEntryOrOne(items: readonly JsonObject[], entries: number): readonly JsonObject[] {
  return items.length === 1 ? items : perEntry(items, entries, 'requestParameters');
}

function boolean(json: Json | undefined, place: string, fallback: boolean): boolean {
  if (json === undefined) return fallback;
  if (typeof json !== 'boolean') throw invalid(place, 'true or false', json);
  return json;
}

function oneOf<const Name extends string>(json: Json | undefined, place: string, names: readonly [Name, ...Name[]]): Name {
  if (json === undefined) return names[0];
  const name = names.find((candidate) => candidate === json);
  if (name === undefined) throw invalid(place, names.join(' or '), json);
  return name;
}

function isCount(json: Json | undefined): json is number {
  return typeof json === 'number' && Number.isSafeInteger(json) && json >= 0;
}

function isArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function invalid(place: string, expected: string, found: unknown): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} as ${place}, found ${showInput(found)}`, { context: { field: place } });
}
