/**
 * Canonical NDJSON (shapes.md): one object a line, columns in schema order, no spaces, so that equal rows have equal
 * text whatever wrote them. What `read` prints, what hashes and row digests are over.
 */
import { compareUtf8, sha256, toBase64, utf8 } from './bytes.ts';
import { formatNumber } from './json.ts';
import { formatDate, formatInstant, formatLocalInstant } from './time.ts';
import { formatDecimal, type Column, type ColumnType, type Value } from './types.ts';

export interface CanonicalOptions {
  /** `string`: every bigint as a string, not only those beyond ±(2^53−1). */
  readonly bigintAs?: 'number' | 'string';
}

/** The row's line, without the newline. */
export function canonicalRow(columns: readonly Column[], row: readonly Value[], options: CanonicalOptions = {}): string {
  const members = membersOf(columns);
  let text = '{';
  for (let i = 0; i < members.length; i += 1) {
    const member = members[i];
    if (member !== undefined) text += `${i === 0 ? '' : ','}${member.name}${canonicalValue(member.type, row[i] ?? null, options)}`;
  }
  return `${text}}`;
}

/**
 * First 8 bytes of SHA-256 of the canonical row without members that are null, so that adding a column changes no order.
 * The caller leaves system columns out.
 */
export function rowDigest(columns: readonly Column[], row: readonly Value[]): Uint8Array {
  const members = membersOf(columns);
  let text = '';
  for (let i = 0; i < members.length; i += 1) {
    const member = members[i];
    const value = row[i] ?? null;
    if (member !== undefined && value !== null) text += `${text === '' ? '{' : ','}${member.name}${canonicalValue(member.type, value, {})}`;
  }
  return sha256(utf8(text === '' ? '{}' : `${text}}`)).subarray(0, 8);
}

interface Member {
  /** As it stands before the value: `"n":`. */
  readonly name: string;
  readonly type: ColumnType;
}

/** A table's columns are one list for all its rows. */
const MEMBERS = new WeakMap<readonly Column[], readonly Member[]>();

function membersOf(columns: readonly Column[]): readonly Member[] {
  const known = MEMBERS.get(columns);
  if (known !== undefined) return known;
  const members = columns.map(({ name, type }) => ({ name: `${JSON.stringify(name)}:`, type }));
  MEMBERS.set(columns, members);
  return members;
}

export function canonicalValue(type: ColumnType, value: Value, options: CanonicalOptions): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'boolean':
      return value === true || value === 1 ? 'true' : 'false';
    case 'int':
      return String(value);
    case 'bigint':
      return canonicalBigint(BigInt(value as bigint | number), options);
    case 'float':
    case 'double':
      return canonicalFloat(Number(value));
    case 'decimal':
      return `"${formatDecimal(value as bigint, type.scale)}"`;
    case 'string':
      return JSON.stringify(value);
    case 'binary':
      return `"${toBase64(value as Uint8Array)}"`;
    case 'date':
      return `"${formatDate(Number(value))}"`;
    case 'timestamp':
      return `"${formatInstant(value as bigint)}"`;
    case 'timestampNtz':
      return `"${formatLocalInstant(value as bigint)}"`;
    case 'array':
      return `[${(value as readonly Value[]).map((item) => canonicalValue(type.element, item, options)).join(',')}]`;
    case 'vector':
      return `[${(value as readonly Value[]).map((item) => canonicalFloat(Number(item))).join(',')}]`;
    case 'struct':
      return `{${type.fields.map((field, i) => `${JSON.stringify(field.name)}:${canonicalValue(field.type, (value as readonly Value[])[i] ?? null, options)}`).join(',')}}`;
    case 'map':
      return canonicalMap(type, value as readonly (readonly Value[])[], options);
    case 'void':
      return 'null';
  }
}

function canonicalBigint(value: bigint, options: CanonicalOptions): string {
  const safe = value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n;
  return safe && options.bigintAs !== 'string' ? value.toString() : `"${value}"`;
}

function canonicalFloat(value: number): string {
  return Number.isFinite(value) ? formatNumber(value) : `"${value}"`;
}

function canonicalMap(
  type: { readonly key: ColumnType; readonly value: ColumnType },
  entries: readonly (readonly Value[])[],
  options: CanonicalOptions,
): string {
  const texts = entries.map(([key = null, value = null]) => [canonicalValue(type.key, key, options), canonicalValue(type.value, value, options)] as const);
  const ordered = texts.toSorted(([a], [b]) => compareUtf8(a, b));
  return type.key.kind === 'string'
    ? `{${ordered.map(([key, value]) => `${key}:${value}`).join(',')}}`
    : `[${ordered.map(([key, value]) => `[${key},${value}]`).join(',')}]`;
}
