/** Columns whose pages are made anew without Arrow: flat ones, of values that lie in a page as they are. */
import { numberAt, structAt, type ThriftStruct } from '../thrift.ts';

/** How the values lie in a page: so many bytes each, or a length of four bytes before each. */
export type ValueKind = 'int32' | 'int64' | 'float' | 'double' | 'bytes';

export interface FlatColumn {
  readonly element: ThriftStruct;
  readonly kind: ValueKind;
  readonly isOptional: boolean;
  /** Whether bounds that are cut must end between two characters. */
  readonly isText: boolean;
}

/** Physical types. */
const [INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY] = [1, 2, 4, 5, 6];
/** FieldRepetitionType OPTIONAL, REPEATED. */
const [OPTIONAL, REPEATED] = [1, 2];
/** ConvertedTypes whose values are ordered as the bytes or the signed numbers they are: UTF8, ENUM, DECIMAL, DATE, TIME_*, TIMESTAMP_*, INT_*, JSON, BSON. */
const [UTF8, ENUM, DECIMAL, DATE, TIME_MILLIS, TIME_MICROS, TIMESTAMP_MILLIS, TIMESTAMP_MICROS, JSON_TEXT, BSON] = [0, 4, 5, 6, 7, 8, 9, 10, 19, 20];
const [INT_8, INT_64] = [15, 18];
/** The same of LogicalType: STRING, ENUM, DECIMAL, DATE, TIME, TIMESTAMP, INTEGER, JSON, BSON. */
const LOGICAL = { string: 1, enum: 4, decimal: 5, date: 6, time: 7, timestamp: 8, integer: 10, json: 12, bson: 13 } as const;

const NUMBER_CONVERTED: ReadonlySet<number> = new Set([DECIMAL, DATE, TIME_MILLIS, TIME_MICROS, TIMESTAMP_MILLIS, TIMESTAMP_MICROS]);
const NUMBER_LOGICAL: ReadonlySet<number> = new Set([LOGICAL.decimal, LOGICAL.date, LOGICAL.time, LOGICAL.timestamp, LOGICAL.integer]);
const BYTES_CONVERTED: ReadonlySet<number> = new Set([UTF8, ENUM, JSON_TEXT, BSON]);
const BYTES_LOGICAL: ReadonlySet<number> = new Set([LOGICAL.string, LOGICAL.enum, LOGICAL.json, LOGICAL.bson]);

/** Of a leaf right under the root; undefined where it repeats, or its order is another than that of its bytes, its text or its number. */
export function flatColumn(element: ThriftStruct): FlatColumn | undefined {
  const kind = valueKind(element);
  const repetition = numberAt(element, 3);
  if (kind === undefined || repetition === REPEATED) return undefined;
  const isText = numberAt(element, 6) === UTF8 || structAt(element, 10)?.has(LOGICAL.string) === true;
  return { element, kind, isOptional: repetition === OPTIONAL, isText };
}

function valueKind(element: ThriftStruct): ValueKind | undefined {
  const converted = numberAt(element, 6);
  const logical = [...(structAt(element, 10) ?? new Map<number, unknown>()).keys()];
  const isPlain = converted === undefined && logical.length === 0;
  switch (numberAt(element, 1)) {
    case INT32:
    case INT64: {
      const isNumber = (converted === undefined || NUMBER_CONVERTED.has(converted) || isSigned(converted)) && logical.every((id) => NUMBER_LOGICAL.has(id));
      if (!isNumber || structAt(structAt(element, 10) ?? new Map(), LOGICAL.integer)?.get(2)?.value === false) return undefined;
      return numberAt(element, 1) === INT32 ? 'int32' : 'int64';
    }
    case FLOAT:
      return isPlain ? 'float' : undefined;
    case DOUBLE:
      return isPlain ? 'double' : undefined;
    case BYTE_ARRAY:
      return (converted === undefined || BYTES_CONVERTED.has(converted)) && logical.every((id) => BYTES_LOGICAL.has(id)) ? 'bytes' : undefined;
    default:
      return undefined;
  }
}

function isSigned(converted: number): boolean {
  return converted >= INT_8 && converted <= INT_64;
}
