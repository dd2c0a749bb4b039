/**
 * Per-file statistics: the JSON text of `add.stats`, written as Spark writes it, and the bounds read back from it.
 *
 * Bounds hold but need not be tight: strings are cut, instants floored to the millisecond, NaN and infinities left out.
 */
import { isRecord } from '../../core/json.ts';
import type { Batch, Vector } from '../../core/batch.ts';
import type { Column, Value } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import { extremes } from './extremes.ts';
import type { TableColumn } from '../snapshot/snapshot-state.ts';
import { boundText, isAbove, isBounded, isInstant, parseBound } from './stats-bounds.ts';
import { firstLeaves, namedFields, type StatsField } from './stats-columns.ts';

/** `delta.dataSkippingNumIndexedCols` where nothing says otherwise. */
const INDEXED_LEAVES_DEFAULT = 32;
/** What flooring to the millisecond may take off an upper bound, µs. */
const MILLIS_SLACK = 999n;

export interface StatsOptions {
  /** Columns or dotted paths of nested fields; without them the first leaves of the schema. */
  readonly statsColumns?: readonly string[];
  /** Leaves from the start of the schema; below zero all. */
  readonly indexedColumnsMax?: number;
  /** Whether to say that bounds are tight, as Spark does on tables with deletion vectors. Default true. */
  readonly tightBounds?: boolean;
}

/** Bounds of one file by column name; undefined = not known. `min` and `max` include every value, null and NaN aside. */
export interface FileStats {
  /** Physical rows, deleted ones included. */
  readonly numRecords: number | undefined;
  readonly tightBounds: boolean;
  min(name: string): Value | undefined;
  max(name: string): Value | undefined;
  /** Where bounds are not tight only 0 and `numRecords` mean anything. */
  nullCount(name: string): number | undefined;
}

/** The text of `add.stats` for a file of these rows; columns the batch lacks (partition columns) are left out. */
export function collectStats(batch: Batch, columns: readonly TableColumn[], options: StatsOptions = {}): string {
  const stored = columns.filter((column) => batch.columns.some((candidate) => candidate.name === column.name));
  const candidates = stored.map((column) => ({ ...column, physicalType: column.physicalType ?? column.type }));
  const { statsColumns, indexedColumnsMax = INDEXED_LEAVES_DEFAULT, tightBounds = true } = options;
  const fields = statsColumns === undefined ? firstLeaves(candidates, indexedColumnsMax) : namedFields(candidates, statsColumns);
  const collected = fields.map((field) => {
    const vector = batch.vectors[batch.columns.findIndex((column) => column.name === stored[field.position]?.name)];
    return collectField(field, vector ?? { type: field.type, length: 0, values: [] });
  });
  const members = [`"numRecords":${batch.rowCount}`];
  const bounded = collected.filter((field) => field.hasBounds);
  if (bounded.length > 0) {
    members.push(`"minValues":{${bounded.flatMap((field) => field.min ?? []).join(',')}}`);
    members.push(`"maxValues":{${bounded.flatMap((field) => field.max ?? []).join(',')}}`);
  }
  if (collected.length > 0) members.push(`"nullCount":{${collected.map((field) => field.nullCount).join(',')}}`);
  if (tightBounds) members.push('"tightBounds":true');
  return `{${members.join(',')}}`;
}

const parsedStats = new WeakMap<AddFile, { readonly columns: readonly TableColumn[]; readonly stats: FileStats }>();

/** The file's statistics; text that can't be understood counts as none. Parsed once per file. */
export function parseStats(add: AddFile, columns: readonly TableColumn[]): FileStats {
  const known = parsedStats.get(add);
  if (known?.columns === columns) return known.stats;
  const stats = readStats(add, columns);
  parsedStats.set(add, { columns, stats });
  return stats;
}

/** False only if no row of the file has a value in `[low, high]`; an undefined end is open. Null rows never match. */
export function mayContain(stats: FileStats, column: Pick<Column, 'name' | 'type'>, low: Value | undefined, high: Value | undefined): boolean {
  if (stats.numRecords === 0) return false;
  if (stats.numRecords !== undefined && stats.nullCount(column.name) === stats.numRecords) return false;
  const min = stats.min(column.name);
  const max = stats.max(column.name);
  if (min !== undefined && high !== undefined && isAbove(min, high)) return false;
  return !(max !== undefined && low !== undefined && isAbove(low, max));
}

interface CollectedField {
  readonly hasBounds: boolean;
  /** `"name":value`, or undefined when there is no bound. */
  readonly min: string | undefined;
  readonly max: string | undefined;
  readonly nullCount: string;
}

function collectField(field: StatsField, vector: Pick<Vector, 'values' | 'nulls' | 'length' | 'coded'>): CollectedField {
  const member = (text: string | undefined): string | undefined => (text === undefined ? undefined : `${JSON.stringify(field.name)}:${text}`);
  if (field.type.kind === 'struct') {
    const nested = field.fields.map((inner) => collectField(inner, { length: vector.length, values: innerValues(vector, inner.position) }));
    const bounded = nested.filter((inner) => inner.hasBounds);
    const object = (texts: readonly (string | undefined)[]): string => `{${texts.filter((text) => text !== undefined).join(',')}}`;
    return {
      hasBounds: bounded.length > 0,
      min: member(object(bounded.map((inner) => inner.min))),
      max: member(object(bounded.map((inner) => inner.max))),
      nullCount: `${JSON.stringify(field.name)}:${object(nested.map((inner) => inner.nullCount))}`,
    };
  }
  const { min, max, nullCount } = extremes(field.type, vector);
  return {
    hasBounds: isBounded(field.type),
    min: member(min === undefined ? undefined : boundText(field.type, min, 'min')),
    max: member(max === undefined ? undefined : boundText(field.type, max, 'max')),
    nullCount: `${JSON.stringify(field.name)}:${nullCount}`,
  };
}

function innerValues(vector: Pick<Vector, 'values' | 'nulls' | 'length'>, position: number): Value[] {
  return Array.from({ length: vector.length }, (_, i) => {
    const struct = vector.nulls?.[i] === 1 ? null : vector.values[i];
    return Array.isArray(struct) ? (struct[position] ?? null) : null;
  });
}

/** Every number of the statistics text as a string, so that no digit is lost to a double. */
const NUMBER_OR_STRING = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** As `parseStats`, and not remembered: for who looks at more files than are kept. */
export function readStats(add: AddFile, columns: readonly TableColumn[]): FileStats {
  const members = parseMembers(add.stats);
  const minValues = membersOf(members['minValues']);
  const maxValues = membersOf(members['maxValues']);
  const nullCounts = membersOf(members['nullCount']);
  const byName = new Map(columns.map((column) => [column.name, column]));
  const bound = (values: Readonly<Record<string, unknown>>, name: string): Value | undefined => {
    const column = byName.get(name);
    if (column === undefined) return undefined;
    const text = Object.hasOwn(values, column.physicalName) ? values[column.physicalName] : undefined;
    // Once a float became a double its old bounds are rounded texts of the float.
    const isInexact = column.type.kind === 'double' && column.metadata['delta.typeChanges'] !== undefined;
    return typeof text === 'string' && !isInexact ? parseBound(column.type, text) : undefined;
  };
  return {
    numRecords: countOf(members['numRecords']),
    tightBounds: typeof members['tightBounds'] === 'boolean' ? members['tightBounds'] : add.deletionVector === undefined,
    min: (name) => bound(minValues, name),
    max: (name) => {
      const value = bound(maxValues, name);
      return typeof value === 'bigint' && isInstant(byName.get(name)?.type) ? value + MILLIS_SLACK : value;
    },
    nullCount: (name) => countOf(nullCounts[byName.get(name)?.physicalName ?? name]),
  };
}

/** The members of the text, every number as its digits; none where it can't be understood. */
export function parseMembers(stats: string | undefined): Readonly<Record<string, unknown>> {
  if (stats === undefined || stats === '') return {};
  try {
    return membersOf(JSON.parse(stats.replace(NUMBER_OR_STRING, (token) => (token.startsWith('"') ? token : `"${token}"`))));
  } catch {
    // Statistics only spare reads; a file whose statistics are broken is read.
    return {};
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

/** Of a member, undefined for what is no count. */
export function countOf(value: unknown): number | undefined {
  const count = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : undefined;
  return count !== undefined && Number.isSafeInteger(count) ? count : undefined;
}
