/** Values between TypeScript (api.md, "definitions as code") and the JSON of the routes (semantics §9). */

/** A value of an answer as its type has it in TypeScript. */
export type Decode = (json: unknown) => unknown;

const SIMPLE: Readonly<Record<string, Decode>> = {
  float: numberOf,
  double: numberOf,
  bigint: (json) => BigInt(json as number | string),
  binary: (json) => Uint8Array.from(atob(json as string), (char) => char.charCodeAt(0)),
};

/**
 * How values of a type, by its name, are read: `bigint` → bigint, `binary` → `Uint8Array`, `vector(n)` → `Float32Array`, `map<…>` → `Map`,
 * numbers with NaN and the infinities; the rest is what JSON has. Null stays null. A type this client has not heard of passes as it came.
 */
export function decoderOf(typeName: string): Decode {
  const plain = plainDecoder(typeName.trim());
  return (json) => (json === null || json === undefined ? null : plain(json));
}

function plainDecoder(type: string): Decode {
  const simple = SIMPLE[type];
  if (simple !== undefined) return simple;
  if (type.startsWith('vector(')) return (json) => Float32Array.from(json as readonly unknown[], numberOf);
  const inner = type.slice(type.indexOf('<') + 1, -1);
  if (type.startsWith('array<')) {
    const element = decoderOf(inner);
    return (json) => (json as readonly unknown[]).map(element);
  }
  if (type.startsWith('struct<')) {
    const fields = splitOutside(inner).map((field) => {
      const colon = field.indexOf(':');
      return { name: field.slice(0, colon).trim(), decode: decoderOf(field.slice(colon + 1)) };
    });
    return (json) => Object.fromEntries(fields.map(({ name, decode }) => [name, decode((json as Readonly<Record<string, unknown>>)[name])]));
  }
  if (type.startsWith('map<')) {
    const [key = 'string', value = ''] = splitOutside(inner);
    const [readKey, readValue] = [decoderOf(key), decoderOf(value)];
    const pairs = (json: unknown): readonly (readonly [unknown, unknown])[] =>
      Array.isArray(json) ? (json as readonly (readonly [unknown, unknown])[]) : Object.entries(json as object);
    return (json) => new Map(pairs(json).map(([k, v]) => [readKey(k), readValue(v)]));
  }
  return (json) => json;
}

/** JSON has no NaN and no infinities: they come as strings. */
function numberOf(json: unknown): number {
  return Number(json);
}

/** `a:int,b:map<int,int>` at its outer commas. */
function splitOutside(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '<' || char === '(') depth++;
    else if (char === '>' || char === ')') depth--;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** JSON text of what callers bring: bigint as a string, `Date` as RFC 3339, bytes as base64, vectors as arrays, maps as objects or pairs, -0 as `-0.0`. */
export function encode(value: unknown): string {
  if (typeof value === 'bigint') return `"${value}"`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0.0' : Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (value instanceof Uint8Array) return `"${btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''))}"`;
  if (value instanceof Map) return encodeMap(value);
  if (Array.isArray(value) || value instanceof Float32Array) return `[${Array.from(value as ArrayLike<unknown>, encode).join(',')}]`;
  // `Date`, in whatever realm it was made.
  if ('toISOString' in value && typeof value.toISOString === 'function') return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${encode(member)}`).join(',')}}`;
}

function encodeMap(map: ReadonlyMap<unknown, unknown>): string {
  const entries = [...map];
  return entries.every(([key]) => typeof key === 'string') ? encode(Object.fromEntries(entries)) : encode(entries);
}
