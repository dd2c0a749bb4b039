/** From the integers and short forms of a vector to the instants, durations and bodies that the routes take. Pure. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type Json, type JsonObject, stringifyJson } from '../../lib/core/json.ts';
import { formatInstant, instant } from '../../lib/core/time.ts';
import { text } from '../render.ts';
import type { Vector, VectorRow } from './vectors.ts';

/** One step of the integers. Long against the seconds a run takes, so that what passes meanwhile decides nothing. */
const UNIT_MICROS = 3_600_000_000n;

const GROUP_DEFAULTS: JsonObject = {
  schema: [
    { name: 'k', type: 'string' },
    { name: 'at', type: 'timestamp' },
    { name: 'v', type: 'string', nullable: true },
  ],
  primaryKey: ['k'],
  eventTime: 'at',
  onlineEnabled: true,
};
const VIEW_DEFAULTS: JsonObject = {
  spine: [
    { name: 'k', type: 'string', nullable: true },
    { name: 't', type: 'timestamp', nullable: true },
  ],
  labelTime: 't',
  joins: [{ group: 'f', features: ['v'] }],
};
const DURATIONS = ['ttl', 'availabilityDelay', 'lookback'];

/** A column as bodies are made by it. */
interface BodyColumn {
  readonly name: string;
  readonly type: string;
}

/** The bodies of one vector, all under the names it is given. */
export class VectorMap {
  readonly vector: Vector;
  /** Name of the view. */
  readonly viewName: string;
  readonly #originMicros: bigint;

  /** `nowMicros`: the instant that the vector's `now` stands for. `prefix`: what its names begin with. */
  constructor(vector: Vector, at: { readonly nowMicros: bigint; readonly prefix: string }) {
    this.vector = vector;
    this.viewName = at.prefix;
    this.#originMicros = at.nowMicros - BigInt(vector.now) * UNIT_MICROS;
  }

  /** Instant of an integer, µs. */
  micros(integer: number): bigint {
    return this.#originMicros + BigInt(integer) * UNIT_MICROS;
  }

  groupName(group: string): string {
    return `${this.viewName}_${group}`;
  }

  /** Bodies of `POST …/feature-groups`. */
  groupDefinitions(): readonly JsonObject[] {
    return Object.entries(this.vector.groups).map(([name, parts]) => ({ ...GROUP_DEFAULTS, ...withDurations(parts), name: this.groupName(name), version: 1 }));
  }

  /** Body of `POST …/feature-views`. */
  viewDefinition(): JsonObject {
    const parts = { ...VIEW_DEFAULTS, ...this.vector.view };
    const joins = objectsOf(parts['joins']).map(({ group, ...join }) => ({ ...withDurations(join), featureGroup: this.groupName(text(group)), version: 1 }));
    return { ...parts, joins, name: this.viewName, version: 1 };
  }

  /** Rows of a group as objects. */
  rows(group: string, rows: readonly VectorRow[]): readonly JsonObject[] {
    return this.#objects(columnsOf(this.#group(group)['schema']), rows);
  }

  /** What `rows:delete` takes as keys. */
  keys(group: string, keys: readonly VectorRow[]): readonly JsonObject[] {
    const definition = this.#group(group);
    const { primaryKey, eventTime } = definition;
    const names = [...(Array.isArray(primaryKey) ? primaryKey : []), ...(typeof eventTime === 'string' ? [eventTime] : [])];
    const schema = columnsOf(definition['schema']);
    return this.#objects(
      names.flatMap((name) => schema.filter((column) => column.name === name)),
      keys,
    );
  }

  /** Rows of the spine as objects. */
  spine(rows: readonly VectorRow[]): readonly JsonObject[] {
    return this.#objects(columnsOf({ ...VIEW_DEFAULTS, ...this.vector.view }['spine']), rows);
  }

  /** Rows of a group that a read gave, back in the vector's form, in an order of their own. */
  shortRows(group: string, rows: readonly JsonObject[]): readonly Json[] {
    const schema = columnsOf(this.#group(group)['schema']);
    return rows.map((row) => schema.map((column) => this.short(row[column.name] ?? null, column.type))).toSorted(byText);
  }

  /** The integer of an instant; what stands for none is left as it is. */
  short(value: Json, type: string): Json {
    if (type !== 'timestamp' || typeof value !== 'string') return value;
    const passed = instant(value) - this.#originMicros;
    return passed % UNIT_MICROS === 0n ? Number(passed / UNIT_MICROS) : value;
  }

  #group(group: string): JsonObject {
    const parts = this.vector.groups[group];
    if (parts === undefined)
      throw new LakefoldError(
        'INVALID_ARGUMENT',
        `expected one of the groups ${Object.keys(this.vector.groups).join(', ')} of vector ${this.vector.name}, found ${group}`,
      );
    return { ...GROUP_DEFAULTS, ...parts };
  }

  #objects(columns: readonly BodyColumn[], rows: readonly VectorRow[]): readonly JsonObject[] {
    return rows.map((row) => Object.fromEntries(columns.slice(0, row.length).map((column, i) => [column.name, this.#long(row[i] ?? null, column.type)])));
  }

  #long(value: Json, type: string): Json {
    return type === 'timestamp' && typeof value === 'number' ? formatInstant(this.micros(value)) : value;
  }
}

/** In an order that depends on their content alone. */
export function byText(a: Json, b: Json): number {
  const [left, right] = [stringifyJson(a), stringifyJson(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function withDurations(parts: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(parts).map(([name, value]) => [name, DURATIONS.includes(name) && typeof value === 'number' ? `PT${value}H` : value]),
  );
}

function objectsOf(json: Json | undefined): readonly JsonObject[] {
  return Array.isArray(json) ? json.filter(isJsonObject) : [];
}

function columnsOf(json: Json | undefined): readonly BodyColumn[] {
  return objectsOf(json).map(({ name, type }) => ({ name: text(name), type: text(type) }));
}
