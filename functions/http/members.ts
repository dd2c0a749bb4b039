/** Members of JSON bodies, checked one by one; what is absent or null is undefined. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../lib/core/json.ts';
import { floorDiv, parseInstant } from '../../lib/core/time.ts';

/** @throws LakefoldError UNKNOWN_FIELD naming the first member that is not among `known` */
export function onlyMembers(body: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new LakefoldError(
    'UNKNOWN_FIELD',
    known.length === 0 ? `expected no members, found ${JSON.stringify(unknown)}` : `expected only ${known.join(', ')}, found ${JSON.stringify(unknown)}`,
    { context: { field: unknown } },
  );
}

export function textMember(body: JsonObject, name: string): string | undefined {
  const value = body[name] ?? null;
  if (value === null || typeof value === 'string') return value ?? undefined;
  throw wrong(name, 'a string', value);
}

export function integerMember(body: JsonObject, name: string): number | undefined {
  const value = body[name] ?? null;
  if (value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(name, 'a whole number from 0', value);
}

export function flagMember(body: JsonObject, name: string): boolean | undefined {
  const value = body[name] ?? null;
  if (value === null || typeof value === 'boolean') return value ?? undefined;
  throw wrong(name, 'true or false', value);
}

/** A list of texts. */
export function textsMember(body: JsonObject, name: string): readonly string[] | undefined {
  const value = body[name] ?? null;
  if (value === null) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw wrong(name, 'a list of texts', value);
}

/** An RFC 3339 instant, µs. */
export function instantMember(body: JsonObject, name: string): bigint | undefined {
  const text = textMember(body, name);
  if (text === undefined) return undefined;
  const result = parseInstant(text);
  if (result.kind === 'fault') throw wrong(name, 'an RFC 3339 instant with offset', text);
  return result.micros;
}

export function namesMember(body: JsonObject, name: string): readonly string[] | undefined {
  const value = body[name] ?? null;
  if (value === null) return undefined;
  if (isList(value) && value.every((item) => typeof item === 'string')) return value.map(String);
  throw wrong(name, 'a list of names', value);
}

/** `{ "version": n }` or `{ "instant": "…" }`, the instant in ms. */
export function asOfMember(body: JsonObject, name: string): { readonly version: number } | { readonly instant: number } | undefined {
  const value = body[name] ?? null;
  if (value === null) return undefined;
  if (!isJsonObject(value)) throw wrong(name, '{ version } or { instant }', value);
  onlyMembers(value, ['version', 'instant']);
  const version = integerMember(value, 'version');
  const micros = instantMember(value, 'instant');
  if ((version === undefined) === (micros === undefined)) throw wrong(name, 'exactly one of version and instant', value);
  return version === undefined ? { instant: Number(floorDiv(micros ?? 0n, 1000n)) } : { version };
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function wrong(name: string, expected: string, found: Json): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in ${name}, found ${JSON.stringify(found)?.slice(0, 80) ?? ''}`, {
    context: { field: name },
  });
}
