/**
 * Rows as lines of text, equal if and only if the rows are equal, whatever engine read them (test/interop/canonical.py
 * writes the same): int 7, bigint "7", double as printed, "NaN" and "-0", decimal "1.50", binary "00ff",
 * timestamp "2024-02-29T01:02:03.000004Z", map [[key,value],..] sorted by text, members of objects sorted, null written out.
 */
import { type Batch, rowsOf } from '../../lib/core/batch.ts';
import { toValue } from '../../lib/core/input-values.ts';
import { formatDate, formatInstant } from '../../lib/core/time.ts';
import { type ColumnType, formatDecimal, parseType, type Value } from '../../lib/core/types.ts';
import type { RowBatch } from '../../lib/store/row-batch.ts';

interface NamedType {
  readonly name: string;
  readonly type: ColumnType;
}

const VOID: ColumnType = { kind: 'void' };

/** Sorted lines of rows in memory. */
export function batchLines(batches: readonly Batch[]): string[] {
  return batches.flatMap((batch) => rowsOf(batch).map((values) => rowLine(batch.columns, values))).toSorted();
}

/** Sorted lines of rows as programs hold them; a column a row lacks is null. */
export function objectLines(schema: readonly { readonly name: string; readonly type: string }[], rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  const columns = schema.map(({ name, type }) => ({ name, type: type === 'void' ? VOID : parseType(type) }));
  return rows
    .map((row) =>
      rowLine(
        columns,
        columns.map(({ name, type }) => valueOf(type, row[name])),
      ),
    )
    .toSorted();
}

/** Sorted lines of what the public table API reads. */
export async function readLines(batches: AsyncIterable<RowBatch>): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of batches) lines.push(...objectLines(batch.columns, batch.toRows()));
  return lines.toSorted();
}

/** As `readLines` without the time of the commit, which engines take from different places. */
export async function changeLines(batches: AsyncIterable<RowBatch>): Promise<string[]> {
  const lines: string[] = [];
  for await (const { columns, toRows } of batches)
    lines.push(
      ...objectLines(
        columns.filter(({ name }) => name !== '_commit_timestamp'),
        toRows(),
      ),
    );
  return lines.toSorted();
}

function rowLine(columns: readonly NamedType[], values: readonly Value[]): string {
  return object(columns.map(({ name, type }, i) => [name, text(type, values[i] ?? null)]));
}

function valueOf(type: ColumnType, input: unknown): Value {
  const result = toValue(type, input);
  if (result.kind === 'fault') throw new Error(`expected ${result.expected}, found ${result.found}`);
  return result.value;
}

function text(type: ColumnType, value: Value): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'boolean':
      return value === true || value === 1 ? 'true' : 'false';
    case 'int':
      return String(value);
    case 'bigint':
      return `"${String(value)}"`;
    case 'float':
    case 'double':
      return number(Number(value));
    case 'decimal':
      return `"${formatDecimal(value as bigint, type.scale)}"`;
    case 'string':
      return JSON.stringify(value);
    case 'binary':
      return `"${Buffer.from(value as Uint8Array).toString('hex')}"`;
    case 'date':
      return `"${formatDate(Number(value))}"`;
    case 'timestamp':
      return `"${instant(value as bigint)}"`;
    case 'timestampNtz':
      return `"${instant(value as bigint).slice(0, -1)}"`;
    case 'array':
      return `[${(value as readonly Value[]).map((item) => text(type.element, item)).join(',')}]`;
    case 'vector':
      return `[${(value as readonly Value[]).map((item) => number(Number(item))).join(',')}]`;
    case 'struct':
      return object(type.fields.map((field, i) => [field.name, text(field.type, (value as readonly Value[])[i] ?? null)]));
    case 'map': {
      const entries = value as readonly (readonly Value[])[];
      const pairs = entries.map(([key = null, item = null]) => `[${text(type.key, key)},${text(type.value, item)}]`);
      return `[${pairs.toSorted().join(',')}]`;
    }
    case 'void':
      return 'null';
  }
}

function object(members: readonly (readonly [name: string, text: string])[]): string {
  const sorted = members.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

function number(value: number): string {
  if (Object.is(value, -0)) return '"-0"';
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

/** All six digits of the fraction. */
function instant(micros: bigint): string {
  const [whole = '', fraction = ''] = formatInstant(micros).slice(0, -1).split('.');
  return `${whole}.${fraction.padEnd(6, '0')}Z`;
}
