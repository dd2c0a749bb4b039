/** Columns of a feature group's schema and of a view's spine, out of their JSON form. */
import { parseJson, type Json } from '../core/json.ts';
import { canonicalValue } from '../core/canonical.ts';
import { toValue } from '../core/input-values.ts';
import { formatType, parseType, type Column, type ColumnType, type Value } from '../core/types.ts';
import type { ColumnDefinition } from './definition.ts';
import type { ObjectReader } from './definition-reader.ts';

/** A column with its parsed type; `void` where the type is at fault, so that nothing else is said of the column. */
export interface TypedColumn {
  readonly definition: ColumnDefinition;
  readonly type: ColumnType;
}

const UNITS = ['s', 'ms', 'us'] as const;

/** Columns in their order; what is at fault is noted. `field` names the member that holds them. */
export function parseColumns(reader: ObjectReader, field: string): readonly TypedColumn[] {
  const columns: TypedColumn[] = [];
  const seen = new Set<string>();
  for (const item of reader.objects(field)) {
    const column = parseColumn(item);
    const { name } = column?.definition ?? { name: undefined };
    if (name !== undefined && seen.has(name)) item.fault('name', 'INVALID_NAME', `expected each column once, found ${JSON.stringify(name)} again`);
    else if (column !== undefined) columns.push(column);
    if (name !== undefined) seen.add(name);
  }
  return columns;
}

function parseColumn(item: ObjectReader): TypedColumn | undefined {
  const name = item.name();
  const type = item.type();
  const nullable = item.boolean('nullable', false);
  const description = item.shortText('description');
  const unit = item.raw('unit') === undefined ? undefined : item.oneOf('unit', UNITS, 'us');
  if (unit !== undefined && type !== undefined && type.type.kind !== 'timestamp')
    item.fault('unit', 'INVALID_ARGUMENT', `expected a unit on timestamp columns only, found it on ${type.text}`);
  const fallback = item.json('default');
  item.refuseOthers();
  if (name === '') return undefined;
  if (type === undefined) return { type: { kind: 'void' }, definition: { name, type: 'void', nullable } };
  const checked = fallback === undefined || fallback === null ? undefined : parseDefault(item, type.type, fallback);
  return {
    type: type.type,
    definition: {
      name,
      type: formatType(type.type),
      nullable,
      ...(checked === undefined ? {} : { default: checked }),
      ...(unit === undefined ? {} : { unit }),
      ...(description === null ? {} : { description }),
    },
  };
}

function parseDefault(item: ObjectReader, type: ColumnType, json: Json): Json | undefined {
  const result = toValue(type, json);
  if (result.kind === 'value') return jsonOfValue(type, result.value);
  item.fault('default', 'TYPE_MISMATCH', `expected ${result.expected}, found ${result.found}`);
  return undefined;
}

/** The canonical JSON form of a value: equal values, equal definitions. */
export function jsonOfValue(type: ColumnType, value: Value): Json {
  return parseJson(canonicalValue(type, value, {}));
}

/** The column of a definition that was parsed before. @throws LakefoldError INVALID_ARGUMENT when its type makes no sense */
export function columnOf(definition: ColumnDefinition): Column {
  return {
    name: definition.name,
    type: parseType(definition.type),
    nullable: definition.nullable,
    ...(definition.description === undefined ? {} : { description: definition.description }),
  };
}
