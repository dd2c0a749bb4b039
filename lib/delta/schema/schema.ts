/**
 * Spark's schema JSON to columns and back.
 *
 * `byte` and `short` read as int, with a rule for what is written into them. `array<float>` with field metadata `lakefold.vectorLength` is `vector(n)`; the metadata
 * member `comment` is the description. Types we have no values for are refused by name.
 */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson, type Json, type JsonObject } from '../../core/json.ts';
import { formatType, type ColumnType, type StructField } from '../../core/types.ts';
import type { TableColumn } from '../snapshot/snapshot-state.ts';
import { ruleOfField } from './value-rules.ts';

/** A column to write into a schema; `metadata` is kept as it stands, `comment` and the vector length come on top. */
export interface SchemaColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly description?: string;
}

const VECTOR_LENGTH = 'lakefold.vectorLength';
const PHYSICAL_NAME = 'delta.columnMapping.physicalName';
const COLUMN_ID = 'delta.columnMapping.id';

const PRIMITIVES: Readonly<Record<string, ColumnType>> = {
  string: { kind: 'string' },
  long: { kind: 'bigint' },
  integer: { kind: 'int' },
  short: { kind: 'int' },
  byte: { kind: 'int' },
  float: { kind: 'float' },
  double: { kind: 'double' },
  boolean: { kind: 'boolean' },
  binary: { kind: 'binary' },
  date: { kind: 'date' },
  timestamp: { kind: 'timestamp' },
  timestamp_ntz: { kind: 'timestampNtz' },
  void: { kind: 'void' },
  null: { kind: 'void' },
};

/** @throws LakefoldError LOG_CORRUPT when the text is no schema, UNSUPPORTED_TABLE_FEATURE naming a type we can't read */
export function parseSchema(schemaString: string): TableColumn[] {
  let schema: Json;
  try {
    schema = parseJson(schemaString);
  } catch (cause) {
    throw new LakefoldError('LOG_CORRUPT', 'expected a schema as JSON in metaData.schemaString, found text that is not', { cause });
  }
  if (!isJsonObject(schema) || schema['type'] !== 'struct') throw corrupt('a struct at the top', schema);
  return fieldsOf(schema).map(readColumn);
}

/** Schema JSON as Spark writes it; elements and nested fields are nullable. */
export function formatSchema(columns: readonly SchemaColumn[]): string {
  return stringifyJson({
    type: 'struct',
    fields: columns.map((column) => ({ name: column.name, type: typeJson(column.type), nullable: column.nullable, metadata: metadataOf(column) })),
  });
}

function readColumn(field: JsonObject): TableColumn {
  const name = nameOf(field);
  const metadata = isJsonObject(field['metadata']) ? field['metadata'] : {};
  const id = metadata[COLUMN_ID];
  const comment = metadata['comment'];
  const type = columnType(field, metadata);
  const physicalType = readType(field['type'], physicalNameOf);
  const rule = ruleOfField(field);
  return {
    name,
    type,
    nullable: field['nullable'] !== false,
    physicalName: physicalNameOf(field),
    ...(typeof id === 'number' ? { fieldId: id } : {}),
    ...(type.kind === 'vector' || (formatType(type) === formatType(physicalType) && !hasFieldIds(physicalType)) ? {} : { physicalType }),
    metadata,
    ...(typeof comment === 'string' ? { description: comment } : {}),
    ...(rule === undefined ? {} : { rule }),
  };
}

function physicalNameOf(field: JsonObject): string {
  const metadata = isJsonObject(field['metadata']) ? field['metadata'] : {};
  const physicalName = metadata[PHYSICAL_NAME];
  return typeof physicalName === 'string' ? physicalName : nameOf(field);
}

function columnType(field: JsonObject, metadata: JsonObject): ColumnType {
  const type = readType(field['type'], nameOf);
  const length = metadata[VECTOR_LENGTH];
  const isVector = typeof length === 'number' && type.kind === 'array' && type.element.kind === 'float';
  return isVector ? { kind: 'vector', length } : type;
}

function readType(type: Json | undefined, fieldName: (field: JsonObject) => string): ColumnType {
  if (typeof type === 'string') return primitive(type);
  if (!isJsonObject(type)) throw corrupt('a type', type);
  const read = (inner: Json | undefined): ColumnType => readType(inner, fieldName);
  switch (type['type']) {
    case 'struct':
      return {
        kind: 'struct',
        fields: fieldsOf(type).map((field): StructField => ({ name: fieldName(field), type: read(field['type']), ...idOf(field, fieldName) })),
      };
    case 'array':
      return { kind: 'array', element: read(type['elementType']) };
    case 'map':
      return { kind: 'map', key: read(type['keyType']), value: read(type['valueType']) };
    default:
      throw typeof type['type'] === 'string' ? unsupported(type['type']) : corrupt('a type', type);
  }
}

// Ids name fields in files; the types that programs see have none.
function idOf(field: JsonObject, fieldName: (field: JsonObject) => string): { readonly fieldId?: number } {
  const metadata = field['metadata'];
  const id = isJsonObject(metadata) && fieldName === physicalNameOf ? metadata[COLUMN_ID] : undefined;
  return typeof id === 'number' ? { fieldId: id } : {};
}

function hasFieldIds(type: ColumnType): boolean {
  switch (type.kind) {
    case 'struct':
      return type.fields.some((field) => field.fieldId !== undefined || hasFieldIds(field.type));
    case 'array':
      return hasFieldIds(type.element);
    case 'map':
      return hasFieldIds(type.key) || hasFieldIds(type.value);
    default:
      return false;
  }
}

function primitive(name: string): ColumnType {
  const known = Object.hasOwn(PRIMITIVES, name) ? PRIMITIVES[name] : undefined;
  if (known !== undefined) return known;
  if (name === 'decimal') return { kind: 'decimal', precision: 10, scale: 0 };
  const decimal = /^decimal\(\s*(\d{1,2})\s*,\s*(-?\d{1,2})\s*\)$/.exec(name);
  if (decimal === null) throw unsupported(name);
  const precision = Number(decimal[1]);
  const scale = Number(decimal[2]);
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) throw corrupt('decimal(p,s) with 1 ≤ p ≤ 38 and 0 ≤ s ≤ p', name);
  return { kind: 'decimal', precision, scale };
}

function fieldsOf(struct: JsonObject): JsonObject[] {
  const fields = struct['fields'];
  if (!Array.isArray(fields)) throw corrupt('a list of fields', fields);
  return fields.map((field: Json) => {
    if (!isJsonObject(field)) throw corrupt('a field', field);
    return field;
  });
}

function nameOf(field: JsonObject): string {
  const { name } = field;
  if (typeof name !== 'string') throw corrupt('a field name', name);
  return name;
}

function typeJson(type: ColumnType): unknown {
  switch (type.kind) {
    case 'int':
      return 'integer';
    case 'bigint':
      return 'long';
    case 'timestampNtz':
      return 'timestamp_ntz';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'array':
      return { type: 'array', elementType: typeJson(type.element), containsNull: true };
    case 'vector':
      return { type: 'array', elementType: 'float', containsNull: true };
    case 'map':
      return { type: 'map', keyType: typeJson(type.key), valueType: typeJson(type.value), valueContainsNull: true };
    case 'struct':
      return { type: 'struct', fields: type.fields.map((field) => ({ name: field.name, type: typeJson(field.type), nullable: true, metadata: {} })) };
    default:
      return type.kind;
  }
}

function metadataOf(column: SchemaColumn): Readonly<Record<string, unknown>> {
  return {
    ...column.metadata,
    ...(column.description === undefined ? {} : { comment: column.description }),
    ...(column.type.kind === 'vector' ? { [VECTOR_LENGTH]: column.type.length } : {}),
  };
}

function unsupported(type: string): LakefoldError {
  return new LakefoldError('UNSUPPORTED_TABLE_FEATURE', `expected columns of types Lakefold can read, found type ${type}`, { context: { feature: type } });
}

function corrupt(expected: string, found: Json | undefined): LakefoldError {
  const text = found === undefined ? 'nothing' : stringifyJson(found);
  return new LakefoldError('LOG_CORRUPT', `expected ${expected} in metaData.schemaString, found ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`);
}
