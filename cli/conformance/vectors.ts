/** The acceptance vectors of the semantics: their form (test/vectors/README.md) and the vectors themselves. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../lib/core/json.ts';
import fold from '../../test/vectors/fold.json' with { type: 'json' };
import pointInTime from '../../test/vectors/point-in-time.json' with { type: 'json' };

/** A way to reach the feature store. */
export type Through = 'library' | 'http' | 'cli';

export interface Vector {
  readonly name: string;
  /** Ids of the rules it pins. */
  readonly rules: readonly string[];
  readonly through: readonly Through[];
  /** The integer that stands for the moment at which everything happens. */
  readonly now: number;
  /** Feature groups by the name the vector calls them; definitions in parts, durations as integers. */
  readonly groups: Readonly<Record<string, JsonObject>>;
  /** The view in parts. */
  readonly view: JsonObject;
  /** Code with which the definitions are refused. */
  readonly refused: string | undefined;
  readonly steps: readonly Step[];
}

export type WriteOperation = 'append' | 'upsert' | 'overwrite';
/** A row: values in the order of the schema; one that is too short leaves out the last columns. */
export type VectorRow = readonly Json[];

interface StepHead {
  /** Members that the answer must have; others it may have. `error` and `faults` stand for a refusal. */
  readonly expect: JsonObject | undefined;
}

interface WriteHead extends StepHead {
  readonly group: string;
  readonly wait: 'commit' | 'online' | undefined;
  readonly idempotencyKey: string | undefined;
  /** Fixes when the rows were received, whatever the order of commits. */
  readonly receivedAt: number | undefined;
}

export type Step =
  | (WriteHead & { readonly kind: 'write'; readonly operation: WriteOperation; readonly rows: readonly VectorRow[] })
  | (WriteHead & { readonly kind: 'delete'; readonly keys: readonly VectorRow[] })
  | (WriteHead & { readonly kind: 'restore'; readonly toVersion: number })
  | (StepHead & { readonly kind: 'publish'; readonly group: string; readonly to: number | 'head' })
  | (StepHead & { readonly kind: 'resend'; readonly group: string; readonly version: number })
  | (StepHead & { readonly kind: 'read'; readonly group: string; readonly asOf: number | undefined })
  | (StepHead & { readonly kind: 'lookup'; readonly entries: readonly JsonObject[] })
  | (StepHead & {
      readonly kind: 'train';
      readonly spine: readonly VectorRow[];
      readonly pins: Readonly<Record<string, number>>;
      readonly onInvalidRow: string | undefined;
      /** The word, or the integer of an instant. */
      readonly knownAsOf: string | number | undefined;
    });

const NOW = 100;
const THROUGH: readonly Through[] = ['library', 'http', 'cli'];
const STEP_MEMBERS = ['append', 'upsert', 'overwrite', 'delete', 'restore', 'publish', 'resend', 'read', 'lookup', 'train'];
const WRITE_MEMBERS = ['group', 'wait', 'idempotencyKey', 'receivedAt', 'expect'];

/** Every vector, in the order of its file. */
export const VECTORS: readonly Vector[] = [pointInTime, fold].flatMap((file) => parseVectors(file));

/** @throws LakefoldError INVALID_ARGUMENT naming the vector and member at fault */
export function parseVectors(file: unknown): readonly Vector[] {
  const { vectors } = membersOf(file, 'the file', ['format', 'section', 'vectors']);
  const parsed = listOf(vectors, 'vectors').map(parseVector);
  const twice = parsed.find((vector, i) => parsed.findIndex((other) => other.name === vector.name) < i);
  if (twice !== undefined) throw invalid('a name no other vector has', twice.name);
  return parsed;
}

function parseVector(json: Json): Vector {
  const place = isJsonObject(json) && typeof json['name'] === 'string' ? json['name'] : 'a vector';
  const vector = membersOf(json, place, ['name', 'rules', 'why', 'through', 'now', 'groups', 'view', 'refused', 'steps']);
  const through = texts(vector['through'], `${place}: through`).map((name) => oneOf(name, THROUGH, `${place}: through`));
  return {
    name: text(vector['name'], 'name'),
    rules: texts(vector['rules'], `${place}: rules`),
    through,
    now: optional(vector['now'], (value) => integer(value, `${place}: now`)) ?? NOW,
    groups: Object.fromEntries(
      Object.entries(objectOf(vector['groups'] ?? { f: {} }, `${place}: groups`)).map(([name, group]) => [name, objectOf(group, `${place}: groups.${name}`)]),
    ),
    view: objectOf(vector['view'] ?? {}, `${place}: view`),
    refused: optional(vector['refused'], (value) => text(value, `${place}: refused`)),
    steps: listOf(vector['steps'], `${place}: steps`).map((step, i) => parseStep(step, `${place}: steps[${i}]`)),
  };
}

function parseStep(json: Json, place: string): Step {
  const verb = STEP_MEMBERS.filter((member) => isJsonObject(json) && json[member] !== undefined);
  const [name] = verb;
  if (name === undefined || verb.length !== 1) throw invalid(`one of ${STEP_MEMBERS.join(', ')} in ${place}`, verb.join(', '));
  switch (name) {
    case 'append':
    case 'upsert':
    case 'overwrite': {
      const step = membersOf(json, place, [name, ...WRITE_MEMBERS]);
      return { kind: 'write', operation: name, rows: rowsOf(step[name], place), ...writeHead(step, place) };
    }
    case 'delete': {
      const step = membersOf(json, place, [name, ...WRITE_MEMBERS]);
      return { kind: 'delete', keys: rowsOf(step[name], place), ...writeHead(step, place) };
    }
    case 'restore': {
      const step = membersOf(json, place, [name, ...WRITE_MEMBERS]);
      return { kind: 'restore', toVersion: integer(step[name], place), ...writeHead(step, place) };
    }
    default:
      return parseOther(json, name, place);
  }
}

function parseOther(json: Json, name: string, place: string): Step {
  switch (name) {
    case 'publish': {
      const step = membersOf(json, place, [name, 'group', 'expect']);
      return { kind: name, group: groupOf(step), to: step[name] === 'head' ? 'head' : integer(step[name], place), ...expectOf(step) };
    }
    case 'resend': {
      const step = membersOf(json, place, [name, 'group', 'expect']);
      return { kind: name, group: groupOf(step), version: integer(step[name], place), ...expectOf(step) };
    }
    case 'read': {
      const step = membersOf(json, place, [name, 'group', 'expect']);
      return {
        kind: name,
        group: groupOf(step),
        asOf: optional(membersOf(step[name] ?? {}, place, ['asOf'])['asOf'], (value) => integer(value, place)),
        ...expectOf(step),
      };
    }
    case 'lookup': {
      const step = membersOf(json, place, [name, 'expect']);
      return { kind: name, entries: listOf(step[name], place).map((entry) => objectOf(entry, place)), ...expectOf(step) };
    }
    default: {
      const step = membersOf(json, place, ['train', 'pins', 'onInvalidRow', 'knownAsOf', 'expect']);
      return {
        kind: 'train',
        spine: rowsOf(step['train'], place),
        pins: Object.fromEntries(Object.entries(objectOf(step['pins'] ?? {}, place)).map(([group, version]) => [group, integer(version, place)])),
        onInvalidRow: optional(step['onInvalidRow'], (value) => text(value, place)),
        knownAsOf: optional(step['knownAsOf'], (value) => (typeof value === 'number' ? integer(value, place) : text(value, place))),
        ...expectOf(step),
      };
    }
  }
}

function writeHead(step: JsonObject, place: string): WriteHead {
  return {
    group: groupOf(step),
    wait: optional(step['wait'], (value) => oneOf(value, ['commit', 'online'] as const, place)),
    idempotencyKey: optional(step['idempotencyKey'], (value) => text(value, place)),
    receivedAt: optional(step['receivedAt'], (value) => integer(value, place)),
    ...expectOf(step),
  };
}

function groupOf(step: JsonObject): string {
  return optional(step['group'], (value) => text(value, 'group')) ?? 'f';
}

function expectOf(step: JsonObject): StepHead {
  return { expect: optional(step['expect'], (value) => objectOf(value, 'expect')) };
}

function rowsOf(json: Json | undefined, place: string): readonly VectorRow[] {
  return listOf(json, place).map((row) => listOf(row, place));
}

function membersOf(json: unknown, place: string, known: readonly string[]): JsonObject {
  const object = objectOf(json, place);
  const other = Object.keys(object).find((member) => !known.includes(member));
  if (other !== undefined) throw invalid(`${known.join(', ')} in ${place}`, other);
  return object;
}

function isJson(value: unknown): value is Json {
  return value !== undefined;
}

function objectOf(value: unknown, place: string): JsonObject {
  if (!isJson(value) || !isJsonObject(value)) throw invalid(`an object as ${place}`, value);
  return value;
}

function listOf(value: unknown, place: string): readonly Json[] {
  if (!Array.isArray(value)) throw invalid(`a list as ${place}`, value);
  return value;
}

function texts(value: unknown, place: string): readonly string[] {
  return listOf(value, place).map((item) => text(item, place));
}

function text(value: unknown, place: string): string {
  if (typeof value !== 'string') throw invalid(`text as ${place}`, value);
  return value;
}

function integer(value: unknown, place: string): number {
  if (!Number.isSafeInteger(value)) throw invalid(`an integer as ${place}`, value);
  return Number(value);
}

function oneOf<Name extends string>(value: unknown, names: readonly Name[], place: string): Name {
  const name = names.find((candidate) => candidate === value);
  if (name === undefined) throw invalid(`${names.join(' or ')} as ${place}`, value);
  return name;
}

function optional<Value>(json: Json | undefined, parse: (value: Json) => Value): Value | undefined {
  return json === undefined ? undefined : parse(json);
}

function invalid(expected: string, found: unknown): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected}, found ${JSON.stringify(found)?.slice(0, 80) ?? 'nothing'}`);
}
