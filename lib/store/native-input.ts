/** What TypeScript programs hand in where routes take JSON. */
import { sha256, toBase32, toBase64, utf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { showInput } from '../core/input-values.ts';
import { isRecord, type Json } from '../core/json.ts';
import { floorDiv, formatInstant, instant, microsOfNativeDate } from '../core/time.ts';
import type { AsOf } from '../delta/snapshot/snapshot-state.ts';

/** A version, or a commit time as RFC 3339 text or a `Date`. */
export type AsOfInput = { readonly version: number } | { readonly instant: string | Date };

/** A filter of api shape; values as the column takes them. */
export type Where =
  | { readonly column: string; readonly op: '=' | '!=' | '<' | '<=' | '>' | '>='; readonly value: unknown }
  | { readonly column: string; readonly op: 'in'; readonly value: readonly unknown[] }
  | { readonly column: string; readonly op: 'isNull' | 'isNotNull' }
  | { readonly and: readonly Where[] }
  | { readonly or: readonly Where[] }
  | { readonly not: Where };

/** Parsers of JSON bodies judge every value by its column's type, where a `Date` or a `Map` is as welcome as its JSON form. */
export function asJson(value: unknown): Json {
  return value as Json;
}

/** The same as plain JSON: a `Date` as its instant, bytes as base64, what is undefined left out. */
export function plainJson(value: unknown): Json {
  if (value instanceof Date) return instantText(value);
  if (value instanceof Uint8Array) return toBase64(value);
  if (Array.isArray(value)) return value.map(plainJson);
  if (!isRecord(value)) return asJson(value ?? null);
  return Object.fromEntries(Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[name, plainJson(member)] as const])));
}

/** @throws LakefoldError INVALID_ARGUMENT for what is neither */
export function asOfOf(input: AsOfInput): AsOf {
  // Programs without types hand in anything.
  const given: unknown = input;
  if (typeof given !== 'object' || given === null || (!('version' in given) && !('instant' in given)))
    throw new LakefoldError('INVALID_ARGUMENT', `expected { version } or { instant }, found ${given === undefined ? 'nothing' : showInput(given)}`, {
      context: { field: 'asOf' },
    });
  if ('version' in input) {
    if (typeof input.version !== 'number')
      throw new LakefoldError('INVALID_ARGUMENT', `expected a number as version, found ${showInput(input.version)}`, { context: { field: 'version' } });
    return { version: input.version };
  }
  return { instant: Number(floorDiv(microsOf(input.instant), 1000n)) };
}

/** µs of RFC 3339 text or a `Date`. @throws LakefoldError INVALID_ARGUMENT */
export function microsOf(input: string | Date): bigint {
  if (typeof input === 'string') return instant(input);
  const micros = microsOfNativeDate(input);
  if (micros === undefined) throw new LakefoldError('INVALID_ARGUMENT', 'expected an RFC 3339 instant or a valid Date, found neither');
  return micros;
}

/** As `microsOf`, as text. */
export function instantText(input: string | Date): string {
  return formatInstant(microsOf(input));
}

/** Names a request by its content: equal content, equal text, whatever the order of members. */
export function requestHash(operation: string, content: unknown): string {
  return toBase32(sha256(utf8(`${operation}\n${contentText(content)}`)));
}

function contentText(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'bigint':
      return `${value}`;
    case 'number':
      return Object.is(value, -0) ? '-0.0' : `${value}`;
    case 'boolean':
      return `${value}`;
    case 'object':
      return objectText(value);
    default:
      return `a ${typeof value}`;
  }
}

function objectText(value: object): string {
  if (value instanceof Uint8Array) return `base64:${toBase64(value)}`;
  if (Array.isArray(value)) return `[${value.map(contentText).join(',')}]`;
  if (ArrayBuffer.isView(value)) return `[${Array.from(value as Float32Array, contentText).join(',')}]`;
  if (value instanceof Map) return `map[${Array.from(value, ([key, item]) => `${contentText(key)}:${contentText(item)}`).join(',')}]`;
  const micros = microsOfNativeDate(value);
  if (micros !== undefined) return JSON.stringify(formatInstant(micros));
  const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
  return `{${members
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${contentText(member)}`)
    .join(',')}}`;
}
