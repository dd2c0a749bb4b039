/** How the stored bounds of a leaf column compare, by its element of the schema. Pure. */
import { compareBytes } from '../core/bytes.ts';
import { numberAt, structAt, type ThriftStruct } from './thrift.ts';

/** Compares bounds as the format orders the column; undefined where one of them means nothing (NaN, a wrong width). */
export type BoundOrder = (a: Uint8Array, b: Uint8Array) => number | undefined;

/** Physical types: BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY. */
const [BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY, FIXED] = [0, 1, 2, 4, 5, 6, 7];
/** ConvertedTypes with an order of their own: DECIMAL, UINT_8 to UINT_64, INTERVAL. */
const [DECIMAL, UINT_8, UINT_64, INTERVAL] = [5, 11, 14, 21];
/** LogicalTypes with an order of their own: DECIMAL, INTEGER, FLOAT16. */
const [LOGICAL_DECIMAL, LOGICAL_INTEGER, LOGICAL_FLOAT16] = [5, 10, 15];

/** Undefined where the type has no order, or one that is not worth the code: INT96, intervals, half floats, decimals as bytes. */
export function boundOrder(element: ThriftStruct): BoundOrder | undefined {
  const converted = numberAt(element, 6);
  const logical = structAt(element, 10) ?? new Map();
  if (converted === INTERVAL || logical.has(LOGICAL_FLOAT16)) return undefined;
  const isDecimal = converted === DECIMAL || logical.has(LOGICAL_DECIMAL);
  const integer = structAt(logical, LOGICAL_INTEGER);
  const isUnsigned = integer?.get(2)?.value === false || (converted !== undefined && converted >= UINT_8 && converted <= UINT_64);
  switch (numberAt(element, 1)) {
    case BOOLEAN:
      return ordered(1, (view) => view.getUint8(0));
    case INT32:
      return ordered(4, (view) => (isUnsigned ? view.getUint32(0, true) : view.getInt32(0, true)));
    case INT64:
      return ordered(8, (view) => (isUnsigned ? view.getBigUint64(0, true) : view.getBigInt64(0, true)));
    case FLOAT:
      return ordered(4, (view) => view.getFloat32(0, true));
    case DOUBLE:
      return ordered(8, (view) => view.getFloat64(0, true));
    case BYTE_ARRAY:
    case FIXED:
      return isDecimal ? undefined : compareBytes;
    default:
      return undefined;
  }
}

function ordered(width: number, read: (view: DataView) => number | bigint): BoundOrder {
  const keyOf = (bytes: Uint8Array): number | bigint | undefined => {
    if (bytes.length !== width) return undefined;
    const value = read(new DataView(bytes.buffer, bytes.byteOffset, width));
    return Number.isNaN(value) ? undefined : value;
  };
  return (a, b) => {
    const [left, right] = [keyOf(a), keyOf(b)];
    if (left === undefined || right === undefined) return undefined;
    // Of two zeros the negative one is the lesser.
    if (left === right) return Number(Object.is(right, -0)) - Number(Object.is(left, -0));
    return left < right ? -1 : 1;
  };
}
