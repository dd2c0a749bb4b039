/**
 * Strict JSON at the speed of `JSON.parse`, for bodies of many rows.
 *
 * `JSON.parse` reads the text, and its result proves that nothing strict reading refuses was let through: without a
 * backslash every `"` of the text delimits a key or a string, so a duplicate key leaves more quotes than the result
 * accounts for; without 16 digits in a row before a point no integer lost a digit. Whatever is not proved is read by the strict reader.
 */
import { decodeUtf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { parseJson, type Json } from '../../core/json.ts';
import { tooManyRows } from './received-rows.ts';

const DEPTH_MAX = 64;
const DIGITS_SAFE_MAX = 15;
const FRACTION = Number.NEGATIVE_INFINITY;

/** What `parseJson` answers, except that strings with lone surrogates are handed on. @throws LakefoldError MALFORMED_JSON, DUPLICATE_KEY */
export function parseJsonFast(input: string | Uint8Array): Json {
  const text = textOf(input);
  const [line] = scanLines(text, { oneLine: true });
  return line === undefined ? parseStrictly(text) : parseLine(text, line);
}

/** A line of NDJSON and what a scan saw in it. */
export interface JsonLine {
  readonly start: number;
  readonly end: number;
  readonly quotes: number;
  /** No backslash and no run of 16 digits. */
  readonly isPlain: boolean;
}

/** @throws LakefoldError MALFORMED_JSON for bytes that are not UTF-8 */
export function textOf(input: string | Uint8Array): string {
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  if (text === undefined) throw new LakefoldError('MALFORMED_JSON', 'expected UTF-8, found bytes that are not', { context: { offset: 0 } });
  return text;
}

/**
 * The lines of a text that are more than spaces; `oneLine` takes line breaks as white space.
 * @throws LakefoldError LIMIT_EXCEEDED beyond `linesMax` lines, before the rest is looked at
 */
export function scanLines(text: string, options: { readonly oneLine?: boolean; readonly linesMax?: number } = {}): readonly JsonLine[] {
  const { linesMax = Number.POSITIVE_INFINITY } = options;
  const lines: JsonLine[] = [];
  const breakCode = options.oneLine === true ? -1 : 0x0a;
  let start = 0;
  let quotes = 0;
  let digits = 0;
  let isPlain = true;
  let isBlank = true;
  for (let i = 0; i <= text.length; i += 1) {
    const code = i === text.length ? -2 : text.charCodeAt(i);
    if (code > 0x20 || (code >= 0 && code !== 0x20 && code !== 0x09 && code !== 0x0d && code !== 0x0a)) isBlank = false;
    if (code >= 0x30 && code <= 0x39) {
      digits += 1;
      if (digits > DIGITS_SAFE_MAX) isPlain = false;
      continue;
    }
    // A fraction's digits round to the nearest double whichever way they are read.
    digits = code === 0x2e ? FRACTION : 0;
    if (code === 0x22) quotes += 1;
    else if (code === 0x5c) isPlain = false;
    else if (code === breakCode || code === -2) {
      if (options.oneLine === true ? i > start : !isBlank) {
        if (lines.length === linesMax) throw tooManyRows();
        lines.push({ start, end: i, quotes, isPlain });
      }
      start = i + 1;
      quotes = 0;
      isPlain = true;
      isBlank = true;
    }
  }
  return lines;
}

/** The value of one line. @throws LakefoldError MALFORMED_JSON, DUPLICATE_KEY, offsets within the line */
export function parseLine(text: string, line: JsonLine): Json {
  const slice = line.start === 0 && line.end === text.length ? text : text.slice(line.start, line.end);
  if (!line.isPlain) return parseStrictly(slice);
  let value: Json;
  try {
    value = JSON.parse(slice) as Json;
  } catch {
    return parseStrictly(slice);
  }
  return quotesOf(value, 0) === line.quotes ? value : parseStrictly(slice);
}

function parseStrictly(text: string): Json {
  return parseJson(text, { loneSurrogates: 'keep' });
}

/** Quotes that a value without escapes is written with; NaN where the strict reader must decide. */
function quotesOf(value: Json, depth: number): number {
  switch (typeof value) {
    case 'string':
      return 2;
    case 'number':
      return Number.isFinite(value) ? 0 : NaN;
    case 'object': {
      if (value === null) return 0;
      if (depth >= DEPTH_MAX) return NaN;
      let quotes = 0;
      if (Array.isArray(value)) {
        for (const item of value) quotes += quotesOf(item, depth + 1);
        return quotes;
      }
      for (const member of Object.values(value)) quotes += 2 + quotesOf(member, depth + 1);
      return quotes;
    }
    default:
      return 0;
  }
}
