/** Statistics of checkpoints that keep them as a struct (`add.stats_parsed`) only, back to the text of the log. */
import { isRecord } from '../../core/json.ts';
import type { Column, ColumnType, StructField, Value } from '../../core/types.ts';
import type { TableColumn } from '../snapshot/snapshot-state.ts';
import { parseMembers } from './stats.ts';
import { boundText, isBounded, parseBound } from './stats-bounds.ts';

const COUNT: ColumnType = { kind: 'bigint' };

/** The column to ask a checkpoint for: the parsed statistics of each add. */
export function parsedStatsColumn(columns: readonly TableColumn[]): Column {
  const fields = columns.map((column): StructField => ({ name: column.physicalName, type: column.physicalType ?? column.type }));
  const bounds: ColumnType = { kind: 'struct', fields: boundedFields(fields) };
  const counts: ColumnType = { kind: 'struct', fields: countFields(fields) };
  const stats: ColumnType = {
    kind: 'struct',
    fields: [
      { name: 'numRecords', type: COUNT },
      { name: 'minValues', type: bounds },
      { name: 'maxValues', type: bounds },
      { name: 'nullCount', type: counts },
      { name: 'tightBounds', type: { kind: 'boolean' } },
    ],
  };
  return {
    name: 'add',
    type: {
      kind: 'struct',
      fields: [{ name: 'stats_parsed', type: stats }],
    },
    nullable: true,
  };
}

/** The statistics text of one value of that column. */
export function statsOfParsed(column: Column, value: Value): string | undefined {
  if (column.type.kind !== 'struct' || !isList(value)) return undefined;
  const [parsed = null] = value;
  const type = column.type.fields[0]?.type;
  if (type?.kind !== 'struct' || !isList(parsed)) return undefined;
  const members = type.fields.flatMap((field, i) => {
    const text = jsonOf(field.type, parsed[i] ?? null, field.name === 'maxValues' ? 'max' : 'min');
    return text === undefined ? [] : [`${JSON.stringify(field.name)}:${text}`];
  });
  return `{${members.join(',')}}`;
}

/** The value of that column's `stats_parsed` for the text of a file's statistics. */
export function parsedOfStats(column: Column, text: string | undefined): Value {
  const type = column.type.kind === 'struct' ? column.type.fields[0]?.type : undefined;
  return type === undefined || text === undefined ? null : valueOf(type, parseMembers(text));
}

function valueOf(type: ColumnType, json: unknown): Value {
  if (type.kind === 'struct') return isRecord(json) ? type.fields.map((field) => valueOf(field.type, json[field.name])) : null;
  if (typeof json === 'boolean') return type.kind === 'boolean' ? json : null;
  return typeof json === 'string' ? (parseBound(type, json) ?? null) : null;
}

function jsonOf(type: ColumnType, value: Value, side: 'min' | 'max'): string | undefined {
  if (value === null) return undefined;
  if (type.kind === 'struct') {
    if (!isList(value)) return undefined;
    const members = type.fields.flatMap((field, i) => {
      const text = jsonOf(field.type, value[i] ?? null, side);
      return text === undefined ? [] : [`${JSON.stringify(field.name)}:${text}`];
    });
    return `{${members.join(',')}}`;
  }
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' ? boundText(type, value, side) : undefined;
}

function boundedFields(fields: readonly StructField[]): StructField[] {
  return fields.flatMap(({ name, type }): StructField[] => {
    if (type.kind !== 'struct') return isBounded(type) ? [{ name, type }] : [];
    const inner = boundedFields(type.fields);
    return inner.length === 0 ? [] : [{ name, type: { kind: 'struct', fields: inner } }];
  });
}

function countFields(fields: readonly StructField[]): StructField[] {
  return fields.map(({ name, type }) => ({ name, type: type.kind === 'struct' ? { kind: 'struct', fields: countFields(type.fields) } : COUNT }));
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
