/**
 * Strict JSON both ways.
 *
 * Reading refuses what `JSON.parse` lets through: the same key twice, lone surrogates, invalid UTF-8, numbers that
 * overflow to infinity, nesting without bound. An integer beyond ±(2^53−1) becomes a bigint, judged by its text, so no
 * digit is lost. Objects have no prototype, so a key `__proto__` is a key.
 */
import { decodeUtf8, hasLoneSurrogate } from './bytes.ts';
import { LakefoldError } from './errors.ts';

export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export interface JsonLimits {
  /** Deepest nesting of arrays and objects. */
  readonly depthMax?: number;
  /** `keep`: strings with lone surrogates are handed on, for callers that name the value they stand in. Default `refuse`. */
  readonly loneSurrogates?: 'refuse' | 'keep';
}

const DEPTH_MAX = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PLAIN_STRING = /"[^"\\\u0000-\u001f]*"/y;

/** @throws LakefoldError MALFORMED_JSON with the offset, DUPLICATE_KEY with the key and offset */
export function parseJson(input: string | Uint8Array, limits: JsonLimits = {}): Json {
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  if (text === undefined) throw new LakefoldError('MALFORMED_JSON', 'expected UTF-8, found bytes that are not', { context: { offset: 0 } });
  const reader = new JsonReader(text, limits);
  return reader.document();
}

/** Whether a value of any origin has members: an object, and no list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON text without spaces; bigints as exact integers, `-0` as `-0.0`. @throws LakefoldError INTERNAL on NaN and infinities */
export function stringifyJson(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return value.toString();
    case 'number': {
      if (!Number.isFinite(value)) throw new LakefoldError('INTERNAL', `no JSON form of ${value}`);
      return formatNumber(value);
    }
    case 'object': {
      if (Array.isArray(value)) return `[${value.map(stringifyJson).join(',')}]`;
      const members: string[] = [];
      for (const [key, member] of Object.entries(value)) if (member !== undefined) members.push(`${JSON.stringify(key)}:${stringifyJson(member)}`);
      return `{${members.join(',')}}`;
    }
    default:
      throw new LakefoldError('INTERNAL', `no JSON form of a ${typeof value}`);
  }
}

/** As ECMAScript prints it, but `-0.0` for minus zero, which plain JSON would lose. */
export function formatNumber(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}

/** JSON with object keys sorted by code unit: equal values, equal text. */
export function canonicalJson(value: unknown): string {
  return stringifyJson(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}

class JsonReader {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #keepsLoneSurrogates: boolean;
  #at = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#depthMax = limits.depthMax ?? DEPTH_MAX;
    this.#keepsLoneSurrogates = limits.loneSurrogates === 'keep';
  }

  document(): Json {
    const value = this.#value(0);
    this.#space();
    if (this.#at !== this.#text.length) throw this.#malformed('the end');
    return value;
  }

  #value(depth: number): Json {
    this.#space();
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#object(depth + 1);
      case 0x5b:
        return this.#array(depth + 1);
      case 0x22:
        return this.#string();
      case 0x74:
        return this.#word('true', true);
      case 0x66:
        return this.#word('false', false);
      case 0x6e:
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    this.#deepen(depth);
    const object: Record<string, Json> = Object.create(null) as Record<string, Json>;
    this.#space();
    if (this.#accept(0x7d)) return object;
    for (;;) {
      this.#space();
      const offset = this.#at;
      if (this.#text.charCodeAt(this.#at) !== 0x22) throw this.#malformed('a key in double quotes');
      const key = this.#string();
      if (key in object)
        throw new LakefoldError('DUPLICATE_KEY', `expected each key once, found ${JSON.stringify(key)} again at offset ${offset}`, {
          context: { key, offset },
        });
      this.#space();
      if (!this.#accept(0x3a)) throw this.#malformed("':'");
      object[key] = this.#value(depth);
      this.#space();
      if (this.#accept(0x7d)) return object;
      if (!this.#accept(0x2c)) throw this.#malformed("',' or '}'");
    }
  }

  #array(depth: number): Json[] {
    this.#deepen(depth);
    const array: Json[] = [];
    this.#space();
    if (this.#accept(0x5d)) return array;
    for (;;) {
      array.push(this.#value(depth));
      this.#space();
      if (this.#accept(0x5d)) return array;
      if (!this.#accept(0x2c)) throw this.#malformed("',' or ']'");
    }
  }

  #string(): string {
    PLAIN_STRING.lastIndex = this.#at;
    const plain = PLAIN_STRING.exec(this.#text);
    if (plain !== null) {
      const value = plain[0].slice(1, -1);
      if (!this.#keepsLoneSurrogates && hasLoneSurrogate(value)) throw this.#malformed('well-formed Unicode');
      this.#at += plain[0].length;
      return value;
    }
    const start = this.#at;
    let end = start + 1;
    for (; end < this.#text.length; end += 1) {
      const code = this.#text.charCodeAt(end);
      if (code === 0x5c) end += 1;
      else if (code === 0x22) break;
      else if (code < 0x20) break;
    }
    let value: unknown;
    try {
      value = JSON.parse(this.#text.slice(start, end + 1));
    } catch {
      throw this.#malformed('a string');
    }
    if (typeof value !== 'string' || (!this.#keepsLoneSurrogates && hasLoneSurrogate(value))) throw this.#malformed('well-formed Unicode');
    this.#at = end + 1;
    return value;
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) throw this.#malformed('a value');
    const value = Number(text);
    const isInteger = /^-?\d+$/.test(text);
    if (!Number.isFinite(value)) throw this.#malformed('a number a double can hold');
    this.#at += text.length;
    if (!isInteger || Number.isSafeInteger(value)) return value;
    if (text.length > 41) throw this.#malformed('an integer of at most 40 digits');
    return BigInt(text);
  }

  #word<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#malformed('a value');
    this.#at += word.length;
    return value;
  }

  #deepen(depth: number): void {
    if (depth > this.#depthMax) throw this.#malformed(`nesting of at most ${this.#depthMax}`);
    this.#at += 1;
  }

  #accept(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #malformed(expected: string): LakefoldError {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 16)) : 'the end';
    return new LakefoldError('MALFORMED_JSON', `expected ${expected} at offset ${this.#at}, found ${found}`, { context: { offset: this.#at } });
  }
}
