/**
 * Summaries of a commit's rows as bytes (`_lakefold/statistics/<txnId>.bin`), layout 1: gzip of a JSON line, the quantile levels
 * as little-endian doubles and, a column each, the registers of the distinct sketch.
 */
import { concatBytes, decodeUtf8, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { toValue } from '../../core/input-values.ts';
import { isRecord, type Json, parseJson, stringifyJson } from '../../core/json.ts';
import { STATISTICS_BYTES_MAX } from '../../core/limits.ts';
import { type ColumnType, formatType, parseType, type Value } from '../../core/types.ts';
import { gunzip, gzip } from '../../registry/gzip.ts';
import { ColumnSummary, shownValue } from './column-summary.ts';
import { DISTINCT_REGISTERS, DistinctSketch } from './distinct-sketch.ts';
import { StatisticsBuilder } from './feature-statistics.ts';
import { type FrequentValue, FrequentValues } from './frequent-values.ts';
import { QuantileSketch } from './quantile-sketch.ts';

const LAYOUT = 1;
const NEW_LINE = 0x0a;

interface StoredColumn {
  readonly name: string;
  readonly type: string;
  readonly count: number;
  readonly nulls: number;
  readonly nans: number;
  readonly min: Json;
  readonly max: Json;
  /** count, mean, m2, sum; texts where JSON has no number. */
  readonly moments: readonly (number | string)[];
  readonly frequent: readonly (readonly [Json, number])[];
  /** Values of each level. */
  readonly levels: readonly number[];
}

export async function encodeStatistics(builder: StatisticsBuilder): Promise<Uint8Array> {
  const header = { layout: LAYOUT, rows: builder.rows, columns: builder.columns.map(({ name, type }, i) => storedColumn(name, type, builder.summaries[i])) };
  const bodies = builder.summaries.flatMap(({ quantiles, distinct }) => [...quantiles.levels().map(littleEndian), distinct.registers]);
  return gzip(concatBytes([utf8(`${stringifyJson(header)}\n`), ...bodies]));
}

/** @throws LakefoldError CORRUPT_STORE, UNSUPPORTED_FORMAT for a newer layout */
export async function decodeStatistics(bytes: Uint8Array): Promise<StatisticsBuilder> {
  const unpacked = await gunzip(bytes, { sizeMax: STATISTICS_BYTES_MAX });
  const lineEnd = unpacked.indexOf(NEW_LINE);
  const header: unknown = parseJson(decodeUtf8(unpacked.subarray(0, Math.max(0, lineEnd))) ?? '');
  if (!isRecord(header) || header['layout'] !== LAYOUT || typeof header['rows'] !== 'number' || !isColumns(header['columns'])) {
    const isNewer = isRecord(header) && typeof header['layout'] === 'number' && header['layout'] > LAYOUT;
    throw new LakefoldError(isNewer ? 'UNSUPPORTED_FORMAT' : 'CORRUPT_STORE', `expected statistics of layout ${LAYOUT}, found others`);
  }
  const reader = { bytes: unpacked, at: lineEnd + 1 };
  const columns = header['columns'].map((stored) => ({ name: stored.name, type: parseType(stored.type), nullable: true }));
  const summaries = header['columns'].map((stored) => summaryOf(stored, reader));
  if (reader.at !== unpacked.length) throw new LakefoldError('CORRUPT_STORE', `expected ${reader.at} bytes of statistics, found ${unpacked.length}`);
  return new StatisticsBuilder(columns, { summaries, rows: header['rows'] });
}

function isColumns(value: unknown): value is readonly StoredColumn[] {
  return Array.isArray(value) && value.every((column) => isRecord(column) && typeof column['type'] === 'string' && Array.isArray(column['levels']));
}

function storedColumn(name: string, type: ColumnType, summary: ColumnSummary | undefined): StoredColumn {
  const { facts, frequent, quantiles } = summary ?? new ColumnSummary(type);
  const { count, nulls, nans, min, max, moments } = facts;
  const shown = (value: Value): Json => (value === null ? null : parseJson(shownValue(type, value)));
  return {
    name,
    type: formatType(type),
    count,
    nulls,
    nans,
    min: shown(min),
    max: shown(max),
    moments: [moments.count, moments.mean, moments.m2, moments.sum].map((number) => (Number.isFinite(number) ? number : String(number))),
    frequent: [...frequent.entries()].map(([value, frequency]) => [shown(value), frequency] as const),
    levels: quantiles.levels().map((level) => level.length),
  };
}

function summaryOf(stored: StoredColumn, reader: { readonly bytes: Uint8Array; at: number }): ColumnSummary {
  const type = parseType(stored.type);
  const value = (json: Json): Value => {
    const result = toValue(type, json);
    return result.kind === 'value' ? result.value : null;
  };
  const [finite = 0, mean = 0, m2 = 0, sum = 0] = stored.moments.map(Number);
  const frequent = new FrequentValues();
  for (const [json, frequency] of stored.frequent) {
    const counted = value(json);
    if (isCounted(counted)) frequent.add(counted, frequency);
  }
  const levels = stored.levels.map((length) => doublesOf(take(reader, length * 8)));
  return new ColumnSummary(type, {
    quantiles: QuantileSketch.of(levels),
    distinct: new DistinctSketch(take(reader, DISTINCT_REGISTERS).slice()),
    frequent,
    facts: {
      count: stored.count,
      nulls: stored.nulls,
      nans: stored.nans,
      min: value(stored.min),
      max: value(stored.max),
      moments: { count: finite, mean, m2, sum },
    },
  });
}

function isCounted(value: Value): value is FrequentValue {
  return value !== null && typeof value !== 'object';
}

function take(reader: { readonly bytes: Uint8Array; at: number }, length: number): Uint8Array {
  const end = reader.at + length;
  if (end > reader.bytes.length) throw new LakefoldError('CORRUPT_STORE', `expected ${length} bytes more of statistics, found the end`);
  const taken = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return taken;
}

function littleEndian(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat64(i * 8, value, true);
  });
  return bytes;
}

function doublesOf(bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(i * 8, true));
}
