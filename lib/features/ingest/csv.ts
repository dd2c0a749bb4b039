/**
 * CSV (RFC 4180, header, UTF-8) as shapes.md has it: empty and unquoted is null, `""` is the empty string; values are
 * read as their column's type, never guessed.
 */
import { decodeUtf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { CSV_COLUMNS_MAX, ROWS_PER_REQUEST_MAX } from '../../core/limits.ts';
import type { ColumnType } from '../../core/types.ts';
import { NAME_SHOWN_MAX, tooManyRows } from './received-rows.ts';

export interface CsvTable {
  readonly header: readonly string[];
  /** By row, then by position in the header; null = empty and unquoted. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** @throws LakefoldError MALFORMED_FILE with the row (from 0, header not counted) and what is wrong; LIMIT_EXCEEDED beyond `CSV_COLUMNS_MAX` columns or `ROWS_PER_REQUEST_MAX` rows */
export function parseCsv(input: string | Uint8Array): CsvTable {
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  if (text === undefined) throw new LakefoldError('MALFORMED_FILE', 'expected CSV in UTF-8, found bytes that are not');
  const records = readRecords(text.startsWith('\uFEFF') ? text.slice(1) : text);
  const first = records[0];
  if (first === undefined) throw new LakefoldError('MALFORMED_FILE', 'expected a header line, found an empty file');
  const header = first.map((name) => name ?? '');
  const seen = new Set<string>();
  const twice = header.find((name) => name === '' || seen.size === seen.add(name).size);
  if (twice !== undefined)
    throw new LakefoldError('MALFORMED_FILE', `expected a header of different names, found ${JSON.stringify(twice)}${twice === '' ? '' : ' twice'}`, {
      context: twice === '' ? {} : { column: twice.slice(0, NAME_SHOWN_MAX) },
    });
  return { header, rows: records.slice(1) };
}

/** What a field stands for, in the form `toValue` takes; text that is no such value stays text, which `toValue` refuses. */
export function csvInput(type: ColumnType, field: string): unknown {
  switch (type.kind) {
    case 'boolean':
      return BOOLEANS.get(field.toLowerCase()) ?? field;
    case 'int':
      return NUMBER.test(field) ? safeDouble(field) : field;
    case 'float':
    case 'double':
      return NUMBER.test(field) ? safeDouble(field) : (SPECIAL.get(field.toLowerCase()) ?? field);
    case 'timestamp':
      return INTEGER.test(field) ? safeNumber(field) : field;
    case 'array':
    case 'struct':
    case 'map':
    case 'vector':
      return nested(field);
    default:
      return field;
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['nan', NaN],
  ['infinity', Infinity],
  ['-infinity', -Infinity],
  ['inf', Infinity],
  ['-inf', -Infinity],
]);
const INTEGER = /^[+-]?\d{1,40}$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function safeNumber(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text.replace('+', ''));
}

/** An integer that a double would change is handed on as what it is, so that it is refused and not rounded. */
function safeDouble(text: string): number | bigint | string {
  if (INTEGER.test(text)) {
    const value = safeNumber(text);
    return Object.is(Number(text), -0) ? -0 : value;
  }
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

function nested(field: string): unknown {
  try {
    return parseJson(field, { loneSurrogates: 'keep' });
  } catch {
    return field;
  }
}

function readRecords(text: string): (string | null)[][] {
  const records: (string | null)[][] = [];
  let record: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const field = text.charCodeAt(at) === 0x22 ? readQuoted(text, at, records.length) : readPlain(text, at, records.length);
    record.push(field.value);
    at = field.end;
    const code = text.charCodeAt(at);
    if (code === 0x2c) {
      at += 1;
      if (at < text.length) continue;
      record.push(null);
    } else {
      if (code === 0x0d) at += 1;
      at += 1;
    }
    // A blank line is the end of a file written with one newline too many, or a row of one column that is null.
    if (!(record.length === 1 && record[0] === null && (records[0]?.length ?? 2) > 1)) addRecord(records, record);
    record = [];
  }
  return records;
}

/** Before more is read: a few megabytes of commas or line breaks would take as many gigabytes of records. */
function addRecord(records: (string | null)[][], record: (string | null)[]): void {
  const wanted = records[0]?.length;
  if (wanted !== undefined && record.length !== wanted) throw malformed(records.length, `${wanted} fields`, `${record.length}`);
  if (wanted === undefined && record.length > CSV_COLUMNS_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${CSV_COLUMNS_MAX} columns, found ${record.length}`, {
      context: { limit: 'CSV_COLUMNS_MAX', limitValue: CSV_COLUMNS_MAX },
    });
  if (records.length > ROWS_PER_REQUEST_MAX) throw tooManyRows();
  records.push(record);
}

interface CsvField {
  readonly value: string | null;
  /** Position of the comma or line break after it, or the end of the text. */
  readonly end: number;
}

function readPlain(text: string, start: number, record: number): CsvField {
  let end = start;
  for (; end < text.length; end += 1) {
    const code = text.charCodeAt(end);
    if (code === 0x2c || code === 0x0a || (code === 0x0d && text.charCodeAt(end + 1) === 0x0a)) break;
    if (code === 0x22) throw malformed(record, 'a field in quotes throughout or not at all', 'a quote inside a field');
  }
  return { value: end === start ? null : text.slice(start, end), end };
}

function readQuoted(text: string, start: number, record: number): CsvField {
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) throw malformed(record, 'a closing quote', 'the end of the file');
    if (text.charCodeAt(quote + 1) === 0x22) {
      from = quote + 2;
      continue;
    }
    // Put together at once: piece by piece a field of quotes alone would take forty times its size.
    const value = text.slice(start + 1, quote).replaceAll('""', '"');
    const end = quote + 1;
    const code = text.charCodeAt(end);
    const isEnd = end >= text.length || code === 0x2c || code === 0x0a || (code === 0x0d && text.charCodeAt(end + 1) === 0x0a);
    if (!isEnd) throw malformed(record, 'a comma or a line break after the closing quote', JSON.stringify(text.slice(end, end + 8)));
    return { value, end };
  }
}

function malformed(record: number, expected: string, found: string): LakefoldError {
  const where = record === 0 ? 'the header' : `row ${record - 1}`;
  return new LakefoldError('MALFORMED_FILE', `expected ${expected} in ${where}, found ${found}`, { context: record === 0 ? {} : { row: record - 1 } });
}
