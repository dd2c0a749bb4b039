/**
 * Reads definitions out of untrusted JSON and collects every fault on the way, so that one answer names them all.
 * A getter whose field is at fault notes it and hands back a harmless value; `finish` throws if anything was noted.
 */
import { isRecord } from '../core/json.ts';
import { LakefoldError, type Fault } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { nameFault } from '../core/names.ts';
import { parseDuration } from '../core/time.ts';
import { parseType, type ColumnType } from '../core/types.ts';

/** Codes that may stand in `errors[]` of `INVALID_DEFINITION` (shapes.md) and of its siblings. */
export type DefinitionFaultCode =
  | 'INVALID_NAME'
  | 'RESERVED_NAME'
  | 'INVALID_KEY_TYPE'
  | 'INVALID_EVENT_TIME'
  | 'TTL_REQUIRES_EVENT_TIME'
  | 'ZERO_DURATION'
  | 'UNKNOWN_COLUMN'
  | 'UNKNOWN_EXPECTATION'
  | 'CYCLE'
  | 'TOO_DEEP'
  | 'ENTRY_KEY_TYPE_CONFLICT'
  | 'INVALID_ARGUMENT'
  | 'UNKNOWN_FIELD'
  | 'TYPE_MISMATCH';

export interface DefinitionFaults {
  readonly add: (field: string, code: DefinitionFaultCode, message: string) => void;
  readonly list: readonly Fault[];
}

const DESCRIPTION_LENGTH_MAX = 256;
const TAG_KEY_LENGTH_MAX = 128;
const TAGS_MAX = 64;

export function collectFaults(): DefinitionFaults {
  const list: Fault[] = [];
  return {
    add: (field, code, message) => {
      list.push({ field, code, message });
    },
    list,
  };
}

/** @throws LakefoldError UNKNOWN_FIELD where a key is not known, else INVALID_DEFINITION, with all faults */
export function throwFaults(what: string, faults: DefinitionFaults): void {
  if (faults.list.length === 0) return;
  const first = faults.list[0];
  const code = faults.list.some((fault) => fault.code === 'UNKNOWN_FIELD') ? 'UNKNOWN_FIELD' : 'INVALID_DEFINITION';
  throw new LakefoldError(
    code,
    `expected a valid ${what}, found ${faults.list.length === 1 ? '1 fault' : `${faults.list.length} faults`}, first at ${first?.field ?? ''}: ${first?.message ?? ''}`,
    { errors: faults.list },
  );
}

/** One JSON object under examination; `path` is its place, `''` at the top. */
export class ObjectReader {
  readonly path: string;
  readonly faults: DefinitionFaults;
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(path: string, json: unknown, faults: DefinitionFaults) {
    this.path = path;
    this.faults = faults;
    this.#members = isRecord(json) ? json : {};
    if (!isRecord(json)) faults.add(path, 'INVALID_ARGUMENT', `expected an object, found ${kindOf(json)}`);
  }

  place(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  fault(name: string, code: DefinitionFaultCode, message: string): void {
    this.faults.add(this.place(name), code, message);
  }

  /** The raw member; undefined when absent. */
  raw(name: string): unknown {
    this.#asked.add(name);
    return Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
  }

  /** Members nobody asked for are `UNKNOWN_FIELD`, those of `ignored` excepted. */
  refuseOthers(ignored: readonly string[] = []): void {
    for (const name of Object.keys(this.#members)) {
      if (!this.#asked.has(name) && !ignored.includes(name))
        this.fault(name, 'UNKNOWN_FIELD', `expected one of ${[...this.#asked].join(', ')}, found ${JSON.stringify(name)}`);
    }
  }

  name(field = 'name'): string {
    const value = this.raw(field);
    if (typeof value !== 'string') {
      this.fault(field, 'INVALID_NAME', `expected a name, found ${kindOf(value)}`);
      return '';
    }
    const problem = nameFault(value);
    if (problem !== undefined)
      this.fault(
        field,
        problem,
        problem === 'RESERVED_NAME' ? `${JSON.stringify(value)} is reserved` : `expected ^[a-z][a-z0-9_]{0,62}$, found ${JSON.stringify(value)}`,
      );
    return value;
  }

  text(field: string, fallback: string): string {
    const value = this.raw(field);
    if (value === undefined) return fallback;
    if (typeof value === 'string') return value;
    this.fault(field, 'INVALID_ARGUMENT', `expected a string, found ${kindOf(value)}`);
    return fallback;
  }

  /** Null when absent or null; at most 256 characters. */
  shortText(field: string): string | null {
    const value = this.raw(field);
    if (value === undefined || value === null) return null;
    if (typeof value === 'string' && value.length <= DESCRIPTION_LENGTH_MAX) return value;
    this.fault(
      field,
      'INVALID_ARGUMENT',
      `expected a string of at most ${DESCRIPTION_LENGTH_MAX} characters, found ${typeof value === 'string' ? value.length : kindOf(value)}`,
    );
    return null;
  }

  boolean(field: string, fallback: boolean): boolean {
    const value = this.raw(field);
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    this.fault(field, 'INVALID_ARGUMENT', `expected true or false, found ${kindOf(value)}`);
    return fallback;
  }

  /** A whole number from 1; null when absent. */
  version(field = 'version'): number | null {
    const value = this.raw(field);
    if (value === undefined || value === null) return null;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
    this.fault(field, 'INVALID_ARGUMENT', `expected a whole number from 1, found ${typeof value === 'number' ? value : kindOf(value)}`);
    return null;
  }

  oneOf<const Choice extends string>(field: string, choices: readonly Choice[], fallback: Choice): Choice {
    const value = this.raw(field);
    if (value === undefined) return fallback;
    const choice = choices.find((other) => other === value);
    if (choice === undefined) this.fault(field, 'INVALID_ARGUMENT', `expected one of ${choices.join(', ')}, found ${show(value)}`);
    return choice ?? fallback;
  }

  /** ISO 8601 duration; `fallback` when absent, null when null. */
  duration(field: string, fallback: string | null): string | null {
    const value = this.raw(field);
    if (value === undefined) return fallback;
    if (value === null) return null;
    if (typeof value === 'string' && parseDuration(value) !== undefined) return value;
    const isZero = typeof value === 'string' && /^P(?=.*\d)(?:0+[WD])*(?:T(?:0+(?:\.0+)?[HMS])*)?$/.test(value);
    this.fault(
      field,
      isZero ? 'ZERO_DURATION' : 'INVALID_ARGUMENT',
      `expected an ISO 8601 duration of weeks, days, hours, minutes and seconds above zero, found ${show(value)}`,
    );
    return fallback;
  }

  /** As `duration`, for settings that can't be off. */
  requiredDuration(field: string, fallback: string): string {
    const value = this.duration(field, fallback);
    if (value === null) this.fault(field, 'INVALID_ARGUMENT', 'expected an ISO 8601 duration, found null');
    return value ?? fallback;
  }

  strings(field: string, fallback: readonly string[] = []): readonly string[] {
    const value = this.raw(field);
    if (value === undefined) return fallback;
    if (!Array.isArray(value) || !value.every((item): item is string => typeof item === 'string')) {
      this.fault(field, 'INVALID_ARGUMENT', `expected an array of strings, found ${kindOf(value)}`);
      return fallback;
    }
    const twice = value.find((item, i) => value.indexOf(item) !== i);
    if (twice !== undefined) this.fault(field, 'INVALID_ARGUMENT', `expected each name once, found ${JSON.stringify(twice)} again`);
    return value;
  }

  /** Readers of the objects of an array; none when absent. */
  objects(field: string): readonly ObjectReader[] {
    const value = this.raw(field);
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      this.fault(field, 'INVALID_ARGUMENT', `expected an array, found ${kindOf(value)}`);
      return [];
    }
    return value.map((item, i) => new ObjectReader(`${this.place(field)}[${i}]`, item, this.faults));
  }

  /** Undefined when absent or null. */
  object(field: string): ObjectReader | undefined {
    const value = this.raw(field);
    return value === undefined || value === null ? undefined : new ObjectReader(this.place(field), value, this.faults);
  }

  /** Members of an object of strings. */
  stringMap(field: string): Readonly<Record<string, string>> | undefined {
    const value = this.raw(field);
    if (value === undefined || value === null) return undefined;
    if (!isRecord(value)) {
      this.fault(field, 'INVALID_ARGUMENT', `expected an object of strings, found ${kindOf(value)}`);
      return undefined;
    }
    const members: (readonly [string, string])[] = [];
    for (const [key, member] of Object.entries(value)) {
      if (typeof member === 'string') members.push([key, member]);
      else this.fault(`${field}.${key}`, 'INVALID_ARGUMENT', `expected a string, found ${kindOf(member)}`);
    }
    // Assigning one called `__proto__` would lose it.
    return Object.fromEntries(members);
  }

  tags(): Readonly<Record<string, string>> {
    const tags = this.stringMap('tags') ?? {};
    const keys = Object.keys(tags);
    if (keys.length > TAGS_MAX) this.fault('tags', 'INVALID_ARGUMENT', `expected at most ${TAGS_MAX} tags, found ${keys.length}`);
    for (const key of keys) {
      if (key.length === 0 || key.length > TAG_KEY_LENGTH_MAX)
        this.fault('tags', 'INVALID_ARGUMENT', `expected tag keys of 1 to ${TAG_KEY_LENGTH_MAX} characters, found ${key.length}`);
      if ((tags[key] ?? '').length > DESCRIPTION_LENGTH_MAX)
        this.fault(`tags.${key}`, 'INVALID_ARGUMENT', `expected a value of at most ${DESCRIPTION_LENGTH_MAX} characters`);
    }
    return tags;
  }

  /** Names of the object's members, in their order. */
  keys(): readonly string[] {
    return Object.keys(this.#members);
  }

  /** Any JSON; undefined when absent. */
  json(field: string): Json | undefined {
    const value = this.raw(field);
    if (value === undefined || isJson(value)) return value;
    this.fault(field, 'INVALID_ARGUMENT', `expected JSON, found ${kindOf(value)}`);
    return undefined;
  }

  /** A column type's canonical text and meaning; undefined when there is none. `timestampNtz` is for plain tables only. */
  type(field = 'type'): { readonly text: string; readonly type: ColumnType } | undefined {
    const value = this.raw(field);
    if (typeof value !== 'string') {
      this.fault(field, 'INVALID_ARGUMENT', `expected a type, found ${kindOf(value)}`);
      return undefined;
    }
    try {
      const type = parseType(value);
      if (!mentionsLocalTime(type)) return { text: value, type };
      this.fault(field, 'INVALID_ARGUMENT', 'expected timestamp: a local time names no instant, found timestampNtz');
    } catch (error) {
      if (!(error instanceof LakefoldError)) throw error;
      this.fault(field, 'INVALID_ARGUMENT', error.message);
    }
    return undefined;
  }
}

function isJson(value: unknown): value is Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null) return true;
      return Array.isArray(value) ? value.every(isJson) : Object.values(value).every(isJson);
    default:
      return false;
  }
}

function mentionsLocalTime(type: ColumnType): boolean {
  switch (type.kind) {
    case 'timestampNtz':
      return true;
    case 'array':
      return mentionsLocalTime(type.element);
    case 'map':
      return mentionsLocalTime(type.key) || mentionsLocalTime(type.value);
    case 'struct':
      return type.fields.some((field) => mentionsLocalTime(field.type));
    default:
      return false;
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : kindOf(value);
}
