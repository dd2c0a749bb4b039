/** Rows given as objects by column name (JSON, TypeScript) into columns, one column at a time. */
import { vectorBuilder, type Vector } from '../../core/batch.ts';
import { showInput, toValue, type InputOptions } from '../../core/input-values.ts';
import { payloadText } from './row-payload.ts';
import { FaultLog, NAME_SHOWN_MAX, type InputColumn, type ReceivedRows } from './received-rows.ts';

export interface RowObjectOptions {
  readonly columns: readonly InputColumn[];
  /** Members that are no columns are left out instead of being faults. */
  readonly ignoreUnknown?: boolean;
  readonly resolveLocal?: InputOptions['resolveLocal'];
  /** Faults kept with their words; 10,000 unless given. */
  readonly faultsKeptMax?: number;
}

type RowObject = Readonly<Record<string, unknown>>;

/** What every plain object has without being given it; a column may well be called `constructor`. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Reads every cell; a row that is no object is one fault. Null and absent are left for `validateRows` to judge. */
export function readRowObjects(rows: readonly unknown[], options: RowObjectOptions): ReceivedRows {
  const faults = new FaultLog(rows.length, options.faultsKeptMax);
  const objects = rows.map((row, i) => {
    if (isRowObject(row)) return row;
    faults.add({ row: i, code: 'TYPE_MISMATCH', message: `expected an object, found ${showInput(row)}`, expected: 'an object', found: showInput(row) }, -1);
    return undefined;
  });
  const present = new Uint16Array(rows.length);
  const vectors = options.columns.map((column, position) => readColumn(objects, { column, position, present, faults, resolveLocal: options.resolveLocal }));
  if (options.ignoreUnknown !== true) noteUnknown(objects, { columns: options.columns, present, faults });
  return { batch: { columns: options.columns, vectors, rowCount: rows.length }, faults, payloadOf: (row) => payloadText(rows[row]) };
}

function isRowObject(row: unknown): row is RowObject {
  return typeof row === 'object' && row !== null && !Array.isArray(row) && !ArrayBuffer.isView(row);
}

interface ColumnTask {
  readonly column: InputColumn;
  readonly position: number;
  /** Members found so far, by row. */
  readonly present: Uint16Array;
  readonly faults: FaultLog;
  readonly resolveLocal: InputOptions['resolveLocal'] | undefined;
}

function readColumn(objects: readonly (RowObject | undefined)[], { column, position, present, faults, resolveLocal }: ColumnTask): Vector {
  const { name, type } = column;
  const builder = vectorBuilder(type, Math.max(1, objects.length));
  const options: InputOptions = { ...(column.unit === undefined ? {} : { unit: column.unit }), ...(resolveLocal === undefined ? {} : { resolveLocal }) };
  const fallback = column.default ?? null;
  const mayBeInherited = INHERITED.has(name);
  objects.forEach((object, row) => {
    const input = object === undefined || (mayBeInherited && !Object.hasOwn(object, name)) ? undefined : object[name];
    if (input === undefined) return builder.push(fallback);
    present[row] = (present[row] ?? 0) + 1;
    const result = toValue(type, input, options);
    if (result.kind === 'value') return builder.push(result.value);
    faults.addValue(row, { column, position }, result);
    return builder.push(null);
  });
  return builder.finish();
}

function noteUnknown(
  objects: readonly (RowObject | undefined)[],
  { columns, present, faults }: { readonly columns: readonly InputColumn[]; readonly present: Uint16Array; readonly faults: FaultLog },
): void {
  let known: ReadonlySet<string> | undefined;
  objects.forEach((object, row) => {
    if (object === undefined) return;
    const names = Object.keys(object);
    if (names.length === present[row]) return;
    known ??= new Set(columns.map((column) => column.name));
    for (const name of names) {
      if (known.has(name) || object[name] === undefined) continue;
      faults.add({
        row,
        feature: name.slice(0, NAME_SHOWN_MAX),
        code: 'UNKNOWN_FEATURE',
        message: `expected a column of the schema, found ${showInput(name)}`,
      });
    }
  });
}
