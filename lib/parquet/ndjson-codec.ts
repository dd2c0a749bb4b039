/** The NDJSON codec of simulation: one canonical row (shapes.md) a line, so that a data file can be read by eye. */
import { batchOfRows, rowAt, valueAt, type Batch } from '../core/batch.ts';
import { compareUtf8, concatBytes, decodeUtf8, fromBase64, utf8 } from '../core/bytes.ts';
import { canonicalRow } from '../core/canonical.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../core/json.ts';
import { BATCH_ROWS } from '../core/limits.ts';
import { checkSeal, seal, SEAL, UNSEALED } from '../core/seal.ts';
import { intersectRanges, uniteRanges, type RowRange, type RowRanges } from '../core/row-ranges.ts';
import { parseDate, parseInstant } from '../core/time.ts';
import { formatType, parseDecimal, type Column, type ColumnType, type Value } from '../core/types.ts';
import type { DecodedBatch, DecodeOptions, FileSource, PageRangesOptions, TableCodec } from '../ports/table-codec.ts';
import { keyOf, keyRanges, mayMeet, type KeyRange } from './value-bounds.ts';

/** A codec for `.ndjson` files. It keeps no types and no field ids: `describe` infers, and columns are found by name. */
export function createNdjsonCodec(): TableCodec {
  return {
    extension: 'ndjson',
    encode,
    encodeGroups,
    checkSeal: async (file) => checkSeal(file),
    decode,
    rowGroups: async () => undefined,
    pageRanges,
    describe,
  };
}

async function encode(batch: Batch): Promise<Uint8Array> {
  const lines: string[] = [];
  for (let i = 0; i < batch.rowCount; i += 1) {
    const row = rowAt(batch, i);
    const missing = batch.columns.find((column, position) => !column.nullable && row[position] === null);
    if (missing !== undefined)
      throw new LakefoldError('INTERNAL', `expected a value in every row of column ${missing.name}, found none in row ${i}`, {
        context: { column: missing.name, row: i },
      });
    lines.push(`${canonicalRow(batch.columns, row)}\n`);
  }
  return utf8(lines.join(''));
}

async function encodeGroups(batches: AsyncIterable<Batch>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const batch of batches) parts.push(await encode(batch));
  const file = concatBytes(parts);
  // Readers take the members they ask for: the seal is one more of the first row.
  return file.length === 0 ? file : seal(concatBytes([utf8(`{"${SEAL}":"${UNSEALED}",`), file.subarray(1)]));
}

async function* decode(source: FileSource, options: DecodeOptions): AsyncIterable<DecodedBatch> {
  const objects = parseLines(await source.readAll());
  const wanted = options.rows === undefined ? [{ start: 0, end: objects.length }] : intersectRanges(options.rows, [{ start: 0, end: objects.length }]);
  for (const range of wanted) {
    for (let firstRow = range.start; firstRow < range.end; firstRow += BATCH_ROWS) {
      options.signal?.throwIfAborted();
      const rows = objects
        .slice(firstRow, Math.min(range.end, firstRow + BATCH_ROWS))
        .map((object, i) =>
          options.columns.map((column) => valueOf(column.type, object[column.physicalName ?? column.name] ?? null, { column: column.name, row: firstRow + i })),
        );
      yield { firstRow, batch: batchOfRows(options.columns, rows) };
    }
  }
}

/** It has every value at hand, so it tells the very rows. */
async function pageRanges(source: FileSource, { column, ranges, signal }: PageRangesOptions): Promise<RowRanges> {
  const wanted = keyRanges(ranges, column.type);
  const found: RowRange[] = [];
  for await (const { batch, firstRow } of decode(source, { columns: [column], ...(signal === undefined ? {} : { signal }) })) {
    const [vector] = batch.vectors;
    for (let i = 0; i < batch.rowCount && vector !== undefined; i += 1) {
      if (wanted === undefined || mayHold(wanted, valueAt(vector, i))) found.push({ start: firstRow + i, end: firstRow + i + 1 });
    }
  }
  return uniteRanges(found);
}

function mayHold(wanted: readonly KeyRange[], value: Value): boolean {
  const key = value === null ? undefined : keyOf(value);
  return key !== undefined && mayMeet(wanted, key, key);
}

async function describe(source: FileSource): Promise<{ columns: Column[]; rowCount: number }> {
  try {
    const objects = parseLines(await source.readAll());
    const types = new Map<string, ColumnType>();
    for (const object of objects)
      for (const [name, json] of Object.entries(object)) types.set(name, widest(types.get(name) ?? { kind: 'void' }, inferredType(json)));
    return { columns: [...types].map(([name, type]) => ({ name, type, nullable: true })), rowCount: objects.length };
  } catch (cause) {
    if (isLakefoldError(cause, 'FILE_CORRUPT')) throw new LakefoldError('MALFORMED_FILE', cause.message, { cause, context: cause.context });
    throw cause;
  }
}

function parseLines(bytes: Uint8Array): readonly JsonObject[] {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new LakefoldError('FILE_CORRUPT', 'expected NDJSON in UTF-8, found other bytes');
  const lines = text.split('\n');
  // The newline ends a row: a last line without one is a file cut short.
  if (lines.pop() !== '') throw new LakefoldError('FILE_CORRUPT', 'expected a newline after the last row, found none');
  return lines.map(parseLine);
}

function parseLine(line: string, row: number): JsonObject {
  try {
    const json = parseJson(line);
    if (isJsonObject(json)) return json;
  } catch (cause) {
    throw new LakefoldError('FILE_CORRUPT', `expected a JSON object in row ${row}, found other text`, { cause, context: { row } });
  }
  throw new LakefoldError('FILE_CORRUPT', `expected a JSON object in row ${row}, found another value`, { context: { row } });
}

interface ValuePlace {
  readonly column: string;
  readonly row: number;
}

function valueOf(type: ColumnType, json: Json, place: ValuePlace): Value {
  if (json === null) return null;
  const value = nestedValue(type, json, place) ?? plainValue(type, json);
  if (value === undefined) {
    throw new LakefoldError(
      'FILE_CORRUPT',
      `expected ${formatType(type)} in column ${place.column} of row ${place.row}, found ${JSON.stringify(json, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item))}`,
      { context: { ...place, fault: 'TYPE_MISMATCH' } },
    );
  }
  return value;
}

function plainValue(type: ColumnType, json: Json): Value | undefined {
  switch (type.kind) {
    case 'boolean':
      return typeof json === 'boolean' ? json : undefined;
    case 'int':
      return typeof json === 'number' && (json | 0) === json ? json : undefined;
    case 'bigint':
      return bigintOf(json);
    case 'float':
    case 'double':
      return floatOf(type.kind, json);
    case 'decimal': {
      const parsed = typeof json === 'string' ? parseDecimal(json, type.precision, type.scale) : undefined;
      return parsed?.kind === 'decimal' ? parsed.unscaled : undefined;
    }
    case 'string':
      return typeof json === 'string' ? json : undefined;
    case 'binary':
      return typeof json === 'string' ? fromBase64(json) : undefined;
    case 'date':
      return typeof json === 'string' ? parseDate(json) : undefined;
    case 'timestamp':
    case 'timestampNtz': {
      const parsed = typeof json === 'string' ? parseInstant(json, { naive: type.kind === 'timestamp' ? 'refuse' : 'utc' }) : undefined;
      return parsed?.kind === 'instant' ? parsed.micros : undefined;
    }
    case 'void':
      return null;
    default:
      return undefined;
  }
}

function nestedValue(type: ColumnType, json: Json, place: ValuePlace): Value | undefined {
  switch (type.kind) {
    case 'array':
      return Array.isArray(json) ? json.map((item: Json) => valueOf(type.element, item, place)) : undefined;
    case 'vector':
      return Array.isArray(json) ? json.map((item: Json) => valueOf({ kind: 'float' }, item, place)) : undefined;
    case 'struct':
      return isJsonObject(json) ? type.fields.map((field) => valueOf(field.type, json[field.name] ?? null, place)) : undefined;
    case 'map': {
      // A JavaScript object gives keys that look like whole numbers first; the canonical order is by bytes.
      if (isJsonObject(json))
        return Object.entries(json)
          .toSorted(([a], [b]) => compareUtf8(a, b))
          .map(([key, item]) => [key, valueOf(type.value, item, place)]);
      return Array.isArray(json) ? json.map((entry: Json) => mapEntry(type, entry, place)) : undefined;
    }
    default:
      return undefined;
  }
}

function mapEntry(type: { readonly key: ColumnType; readonly value: ColumnType }, entry: Json, place: ValuePlace): Value {
  const [key = null, value = null] = Array.isArray(entry) ? entry : [];
  return [valueOf(type.key, key, place), valueOf(type.value, value, place)];
}

function bigintOf(json: Json): bigint | undefined {
  const isInteger =
    typeof json === 'bigint' || (typeof json === 'number' && Number.isSafeInteger(json)) || (typeof json === 'string' && /^-?\d{1,19}$/.test(json));
  const value = isInteger ? BigInt(json) : undefined;
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined;
}

function floatOf(kind: 'float' | 'double', json: Json): number | undefined {
  const isSpecial = json === 'NaN' || json === 'Infinity' || json === '-Infinity';
  const value = typeof json === 'number' || typeof json === 'bigint' || isSpecial ? Number(json) : undefined;
  return value === undefined || kind === 'double' ? value : Math.fround(value);
}

function inferredType(json: Json): ColumnType {
  if (json === null) return { kind: 'void' };
  if (typeof json === 'boolean') return { kind: 'boolean' };
  if (typeof json === 'number' || typeof json === 'bigint') return { kind: Number.isInteger(json) || typeof json === 'bigint' ? 'bigint' : 'double' };
  if (typeof json === 'string') return { kind: 'string' };
  if (isJsonObject(json)) return { kind: 'struct', fields: Object.entries(json).map(([name, member]) => ({ name, type: inferredType(member) })) };
  return { kind: 'array', element: json.map(inferredType).reduce(widest, { kind: 'void' }) };
}

/** The narrower of two inferred types gives way; where neither holds the other's values, both are text. */
function widest(a: ColumnType, b: ColumnType): ColumnType {
  if (a.kind === 'void' || formatType(a) === formatType(b)) return b;
  if (b.kind === 'void') return a;
  const kinds = [a.kind, b.kind];
  if (kinds.includes('double') && kinds.includes('bigint')) return { kind: 'double' };
  if (a.kind === 'array' && b.kind === 'array') return { kind: 'array', element: widest(a.element, b.element) };
  if (a.kind === 'struct' && b.kind === 'struct') return widestStruct([...a.fields, ...b.fields]);
  return { kind: 'string' };
}

function widestStruct(fields: readonly { readonly name: string; readonly type: ColumnType }[]): ColumnType {
  const types = new Map<string, ColumnType>();
  for (const field of fields) types.set(field.name, widest(types.get(field.name) ?? { kind: 'void' }, field.type));
  return { kind: 'struct', fields: [...types].map(([name, type]) => ({ name, type })) };
}
