/** Which column type a Parquet column is, by the rules of the format: logical type, else converted type, else physical. */
import { LakefoldError } from '../core/errors.ts';
import type { Column, ColumnType } from '../core/types.ts';
import { FIXED_LEN_BYTE_ARRAY, INT96, type SchemaNode } from './footer.ts';
import { numberAt, structAt, type ThriftStruct } from './thrift.ts';

/** The columns of a file as it says of itself. @throws LakefoldError UNSUPPORTED_FORMAT naming a column of a type there is no column type for */
export function columnsOfSchema(nodes: readonly SchemaNode[]): Column[] {
  return nodes.map((node) => ({ name: node.name, type: typeOfNode(node, node.name), nullable: node.repetition === 'optional' }));
}

function typeOfNode(node: SchemaNode, path: string): ColumnType {
  // A repeated field outside a LIST or MAP is a list of itself.
  const type = node.physicalType === undefined ? groupType(node, path) : leafType(node, path);
  return node.repetition === 'repeated' ? { kind: 'array', element: type } : type;
}

function elementType(node: SchemaNode, path: string): ColumnType {
  return node.physicalType === undefined ? groupType(node, path) : leafType(node, path);
}

/** Converted types (parquet.thrift, ConvertedType). */
const CONVERTED = {
  utf8: 0,
  map: 1,
  mapKeyValue: 2,
  list: 3,
  enum: 4,
  decimal: 5,
  date: 6,
  timeMillis: 7,
  timeMicros: 8,
  timestampMillis: 9,
  timestampMicros: 10,
  uint32: 13,
  uint64: 14,
  json: 19,
  interval: 21,
} as const;
/** Fields of the LogicalType union. */
const LOGICAL = { string: 1, map: 2, list: 3, enum: 4, decimal: 5, date: 6, time: 7, timestamp: 8, integer: 10, unknown: 11, json: 12, float16: 15 } as const;

function groupType(node: SchemaNode, path: string): ColumnType {
  const logical = structAt(node.element, 10);
  const converted = numberAt(node.element, 6);
  const [inner] = node.children;
  if (logical?.has(LOGICAL.list) === true || converted === CONVERTED.list) {
    if (node.children.length !== 1 || inner === undefined) throw malformedGroup(path, 'list');
    return { kind: 'array', element: listElementType(node, inner, path) };
  }
  if (logical?.has(LOGICAL.map) === true || converted === CONVERTED.map || converted === CONVERTED.mapKeyValue) {
    const [key, value] = inner?.children ?? [];
    if (key === undefined || value === undefined) throw malformedGroup(path, 'map');
    return { kind: 'map', key: typeOfNode(key, `${path}.key`), value: typeOfNode(value, `${path}.value`) };
  }
  return { kind: 'struct', fields: node.children.map((child) => ({ name: child.name, type: typeOfNode(child, `${path}.${child.name}`) })) };
}

/** Old writers put the element itself in the repeated field; the names tell (the format's backward-compatibility rules). */
function listElementType(list: SchemaNode, repeated: SchemaNode, path: string): ColumnType {
  const [only] = repeated.children;
  const isElement =
    repeated.physicalType !== undefined || repeated.children.length !== 1 || repeated.name === 'array' || repeated.name === `${list.name}_tuple`;
  if (isElement || only === undefined) return elementType(repeated, `${path}.element`);
  return typeOfNode(only, `${path}.element`);
}

function malformedGroup(path: string, kind: string): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected column ${path} to be laid out as a ${kind}, found another group`, { context: { column: path } });
}

function leafType(node: SchemaNode, path: string): ColumnType {
  const logical = structAt(node.element, 10);
  const converted = numberAt(node.element, 6);
  const isDecimal = logical?.has(LOGICAL.decimal) === true || converted === CONVERTED.decimal;
  if (isDecimal) return decimalType(node, path);
  if (logical?.has(LOGICAL.unknown) === true) return { kind: 'void' };
  switch (node.physicalType) {
    case 0:
      return { kind: 'boolean' };
    case 1:
      return int32Type(logical, converted, path);
    case 2:
      return int64Type(logical, converted, path);
    case INT96:
      return { kind: 'timestamp' };
    case 4:
      return { kind: 'float' };
    case 5:
      return { kind: 'double' };
    case 6:
      return { kind: isText(logical, converted) ? 'string' : 'binary' };
    case FIXED_LEN_BYTE_ARRAY:
      if (logical?.has(LOGICAL.float16) === true || converted === CONVERTED.interval)
        throw unsupported(path, logical?.has(LOGICAL.float16) === true ? 'a half float' : 'an interval');
      return { kind: 'binary' };
    default:
      throw unsupported(path, `physical type ${node.physicalType}`);
  }
}

function isText(logical: ThriftStruct | undefined, converted: number | undefined): boolean {
  if (logical?.has(LOGICAL.string) === true || logical?.has(LOGICAL.enum) === true || logical?.has(LOGICAL.json) === true) return true;
  return converted === CONVERTED.utf8 || converted === CONVERTED.enum || converted === CONVERTED.json;
}

function int32Type(logical: ThriftStruct | undefined, converted: number | undefined, path: string): ColumnType {
  if (logical?.has(LOGICAL.date) === true || converted === CONVERTED.date) return { kind: 'date' };
  if (logical?.has(LOGICAL.time) === true || converted === CONVERTED.timeMillis) throw unsupported(path, 'a time of day');
  const integer = logical === undefined ? undefined : structAt(logical, LOGICAL.integer);
  const isUint32 = integer === undefined ? converted === CONVERTED.uint32 : integer.get(1)?.value === 32 && integer.get(2)?.value === false;
  return { kind: isUint32 ? 'bigint' : 'int' };
}

function int64Type(logical: ThriftStruct | undefined, converted: number | undefined, path: string): ColumnType {
  const timestamp = logical === undefined ? undefined : structAt(logical, LOGICAL.timestamp);
  if (timestamp !== undefined) return { kind: timestamp.get(1)?.value === false ? 'timestampNtz' : 'timestamp' };
  if (converted === CONVERTED.timestampMillis || converted === CONVERTED.timestampMicros) return { kind: 'timestamp' };
  if (logical?.has(LOGICAL.time) === true || converted === CONVERTED.timeMicros) throw unsupported(path, 'a time of day');
  const integer = logical === undefined ? undefined : structAt(logical, LOGICAL.integer);
  const isUint64 = integer === undefined ? converted === CONVERTED.uint64 : integer.get(2)?.value === false;
  return isUint64 ? { kind: 'decimal', precision: 20, scale: 0 } : { kind: 'bigint' };
}

function decimalType(node: SchemaNode, path: string): ColumnType {
  const logical = structAt(node.element, 10);
  const declared = logical === undefined ? undefined : structAt(logical, LOGICAL.decimal);
  const scale = (declared === undefined ? undefined : numberAt(declared, 1)) ?? numberAt(node.element, 7) ?? 0;
  const precision = (declared === undefined ? undefined : numberAt(declared, 2)) ?? numberAt(node.element, 8) ?? 0;
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) throw unsupported(path, `decimal(${precision},${scale})`);
  return { kind: 'decimal', precision, scale };
}

function unsupported(path: string, found: string): LakefoldError {
  return new LakefoldError('UNSUPPORTED_FORMAT', `expected column ${path} of a type Lakefold knows, found ${found}`, { context: { column: path } });
}
