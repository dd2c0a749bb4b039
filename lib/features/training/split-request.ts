/** How a training set is divided (shapes.md, `split`), parsed and with defaults filled in. */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { SPLITS_MAX } from '../../core/limits.ts';
import { instant } from '../../core/time.ts';

export interface Fraction {
  readonly name: string;
  /** Above 0; all of a split sum to 1. */
  readonly fraction: number;
}

export interface RandomSplit {
  readonly kind: 'random';
  readonly fractions: readonly Fraction[];
  /** Rows of one value of this column stay together. */
  readonly by: string | null;
  /** Each value of this column is divided by itself. */
  readonly stratify: string | null;
  readonly seed: number;
}

export interface TimeSplit {
  readonly kind: 'time';
  /** Label times `[start, end)`, µs; none overlaps another. */
  readonly boundaries: readonly { readonly name: string; readonly start: bigint; readonly end: bigint }[];
}

export type SplitRequest = RandomSplit | TimeSplit;

const SPLIT_NAME = /^[a-z][a-z0-9_]{0,62}$/;
/** Fractions as people write them, 0.7 + 0.2 + 0.1, do not sum to 1 exactly. */
const SUM_TOLERANCE = 1e-9;

/** Undefined for null. @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_FIELD, LIMIT_EXCEEDED naming the member */
export function parseSplit(json: Json): SplitRequest | undefined {
  if (json === null) return undefined;
  if (!isJsonObject(json)) throw invalid('split', 'null or an object', json);
  switch (json['type']) {
    case 'random':
      return parseRandom(json);
    case 'time':
      return parseTime(json);
    default:
      throw invalid('split.type', 'random or time', json['type']);
  }
}

/** As the manifest shows it. */
export function shownSplit(split: SplitRequest | undefined, sent: Json): Json {
  if (split?.kind !== 'random') return sent;
  const { fractions, by, stratify, seed } = split;
  return { type: 'random', fractions: Object.fromEntries(fractions.map(({ name, fraction }) => [name, fraction])), by, stratify, seed };
}

function parseRandom(json: JsonObject): RandomSplit {
  onlyMembers(json, ['type', 'fractions', 'by', 'stratify', 'seed']);
  const fractions = namedParts(json, 'fractions').map(([name, fraction]): Fraction => {
    if (typeof fraction !== 'number' || !(fraction > 0 && fraction <= 1)) throw invalid(`split.fractions.${name}`, 'a number above 0 and up to 1', fraction);
    return { name, fraction };
  });
  const sum = fractions.reduce((total, { fraction }) => total + fraction, 0);
  if (Math.abs(sum - 1) > SUM_TOLERANCE) throw invalid('split.fractions', 'fractions that sum to 1', sum);
  const [by, stratify] = [columnOf(json, 'by'), columnOf(json, 'stratify')];
  if (by !== null && stratify !== null) throw invalid('split', 'one of by and stratify: an entity of two strata could be in one split only', json);
  const seed = json['seed'] ?? 0;
  if (typeof seed !== 'number' || !Number.isSafeInteger(seed)) throw invalid('split.seed', 'a whole number', seed);
  return { kind: 'random', fractions, by, stratify, seed };
}

function parseTime(json: JsonObject): TimeSplit {
  onlyMembers(json, ['type', 'boundaries']);
  const boundaries = namedParts(json, 'boundaries').map(([name, bounds]) => {
    const field = `split.boundaries.${name}`;
    if (!Array.isArray(bounds) || bounds.length !== 2) throw invalid(field, 'a start and an end, RFC 3339', bounds);
    const [start, end] = bounds.map((bound: unknown) => {
      if (typeof bound !== 'string') throw invalid(field, 'a start and an end, RFC 3339', bound);
      return instant(bound);
    });
    if (start === undefined || end === undefined || start >= end) throw invalid(field, 'a start before its end', bounds);
    return { name, start, end };
  });
  const ordered = boundaries.toSorted((a, b) => (a.start < b.start ? -1 : 1));
  for (const [i, { name, start }] of ordered.entries()) {
    const before = ordered[i - 1];
    if (before !== undefined && before.end > start)
      throw invalid(`split.boundaries.${name}`, `an interval that begins at the end of ${before.name} or later`, json['boundaries']);
  }
  return { kind: 'time', boundaries };
}

function namedParts(json: JsonObject, member: string): readonly (readonly [name: string, part: Json])[] {
  const parts = json[member] ?? null;
  const field = `split.${member}`;
  if (!isJsonObject(parts) || Object.keys(parts).length === 0) throw invalid(field, 'an object of split names', parts);
  const entries = Object.entries(parts);
  if (entries.length > SPLITS_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${SPLITS_MAX} splits, found ${entries.length}`, {
      context: { field, limit: 'SPLITS_MAX', limitValue: SPLITS_MAX },
    });
  for (const [name] of entries) if (!SPLIT_NAME.test(name)) throw invalid(field, 'names of a-z, 0-9 and _ that begin with a letter', name);
  return entries;
}

function columnOf(json: JsonObject, member: string): string | null {
  const value = json[member] ?? null;
  if (value !== null && typeof value !== 'string') throw invalid(`split.${member}`, 'a column name', value);
  return value;
}

function onlyMembers(json: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(json).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected ${known.join(', ')} in split, found ${JSON.stringify(unknown)}`, {
      context: { field: `split.${unknown}` },
    });
}

function invalid(field: string, expected: string, found: unknown): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in ${field}, found ${JSON.stringify(found)?.slice(0, 80) ?? 'nothing'}`, {
    context: { field },
  });
}
