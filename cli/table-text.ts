/** Rows as aligned columns for a person. */
import { isJsonObject, stringifyJson, type Json } from '../lib/core/json.ts';
import type { Paint } from './output.ts';

/** Characters of one cell; the rest is cut, since rows that wrap can't be read. */
const CELL_MAX = 40;

export interface TableTextOptions {
  readonly paint: Paint;
  /** Of an earlier part of the same table, whose header is not repeated. */
  readonly widths?: readonly number[];
}

/** A table of objects, columns in the order of the first; numbers to the right. Ends with a newline unless it is empty. */
export function tableText(rows: readonly Json[], options: TableTextOptions): { readonly text: string; readonly widths: readonly number[] } {
  const [first] = rows;
  if (!isJsonObject(first)) return { text: '', widths: options.widths ?? [] };
  const names = Object.keys(first);
  const cells = rows.map((row) => names.map((name) => (isJsonObject(row) ? cellText(row[name] ?? null) : '')));
  const isNumber = names.map((name) => {
    const values = rows.flatMap((row) => (isJsonObject(row) && row[name] !== null ? [row[name]] : []));
    return values.length > 0 && values.every((value) => typeof value === 'number' || typeof value === 'bigint');
  });
  const widths = options.widths ?? names.map((name, i) => Math.max(name.length, ...cells.map((line) => (line[i] ?? '').length)));
  const align = (text: string, i: number): string => (isNumber[i] === true ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0));
  const lines = cells.map((line) => line.map(align).join('  ').trimEnd());
  const header = options.widths === undefined ? [options.paint(names.map(align).join('  ').trimEnd(), 'bold')] : [];
  return { text: [...header, ...lines].map((line) => `${line}\n`).join(''), widths };
}

/** A value as a person reads it. */
export function cellText(value: Json): string {
  const text = value === null ? '·' : typeof value === 'string' ? value.replaceAll(/\s/g, ' ') : stringifyJson(value);
  return text.length > CELL_MAX ? `${text.slice(0, CELL_MAX - 1)}…` : text;
}

/** `name  value` lines of the members that say something; lists of words joined, what is nested deeper as JSON. */
export function fieldsText(fields: Readonly<Record<string, Json>>, paint: Paint): string {
  const shown = Object.entries(fields).filter(([, value]) => value !== null && !(typeof value === 'object' && Object.keys(value).length === 0));
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${paint(name.padEnd(width), 'bold')}  ${fieldText(value)}\n`).join('');
}

function fieldText(value: Json): string {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return typeof value === 'string' ? value : stringifyJson(value);
}
