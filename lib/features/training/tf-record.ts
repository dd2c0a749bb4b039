/**
 * Rows as a TFRecord file of `tf.train.Example` messages.
 *
 * A feature there is a list of 64-bit integers, of 32-bit floats or of bytes, so: boolean, int, bigint, date (days) and
 * timestamp (µs) are integers; float and double are floats, a double rounded; vectors and arrays of these are lists of
 * them; text, decimals and, as JSON, every other type are bytes. A null value is a feature left out.
 */
import { type Batch, valueAt } from '../../core/batch.ts';
import { concatBytes, utf8 } from '../../core/bytes.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { crc32c } from '../../core/crc32c.ts';
import { formatDecimal, type ColumnType, type Value } from '../../core/types.ts';

/** Field numbers of `tf.train.Feature`. */
const BYTES_LIST = 1;
const FLOAT_LIST = 2;
const INT64_LIST = 3;
const CRC_MASK = 0xa282ead8;

export function tfRecordBytes(batch: Batch): Uint8Array {
  const names = batch.columns.map(({ name }) => lengthDelimited(1, utf8(name)));
  const records: Uint8Array[] = [];
  for (let row = 0; row < batch.rowCount; row += 1) {
    const entries = batch.vectors.flatMap((vector, i) => {
      const value = valueAt(vector, row);
      const name = names[i];
      return value === null || name === undefined ? [] : [lengthDelimited(1, concatBytes([name, lengthDelimited(2, featureOf(vector.type, value))]))];
    });
    records.push(record(lengthDelimited(1, concatBytes(entries))));
  }
  return concatBytes(records);
}

function record(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(message.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(message, 12);
  view.setUint32(12 + message.length, maskedCrc(message), true);
  return bytes;
}

function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + CRC_MASK) >>> 0;
}

function featureOf(type: ColumnType, value: Value): Uint8Array {
  const element = type.kind === 'vector' ? ({ kind: 'float' } as const) : type.kind === 'array' ? type.element : undefined;
  const kind = listKind(element ?? type);
  // A list that holds nulls, or lists, has no form of its own.
  const isFlat = element === undefined || (Array.isArray(value) && !value.includes(null) && kind !== 'json');
  if (!isFlat) return listOf('bytes', type, [value]);
  return listOf(kind, element ?? type, element !== undefined && Array.isArray(value) ? value : [value]);
}

type ListKind = 'int64' | 'float' | 'bytes' | 'json';

function listKind(type: ColumnType): ListKind {
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'bigint':
    case 'date':
    case 'timestamp':
    case 'timestampNtz':
      return 'int64';
    case 'float':
    case 'double':
      return 'float';
    case 'string':
    case 'binary':
    case 'decimal':
      return 'bytes';
    default:
      return 'json';
  }
}

function listOf(kind: ListKind, type: ColumnType, values: readonly Value[]): Uint8Array {
  switch (kind) {
    case 'int64':
      return lengthDelimited(
        INT64_LIST,
        lengthDelimited(1, concatBytes(values.map((value) => varint64(typeof value === 'bigint' ? value : BigInt(Number(value)))))),
      );
    case 'float': {
      const floats = new DataView(new ArrayBuffer(values.length * 4));
      values.forEach((value, i) => floats.setFloat32(i * 4, Number(value), true));
      return lengthDelimited(FLOAT_LIST, lengthDelimited(1, new Uint8Array(floats.buffer)));
    }
    default:
      return lengthDelimited(BYTES_LIST, concatBytes(values.map((value) => lengthDelimited(1, bytesOf(type, value)))));
  }
}

function bytesOf(type: ColumnType, value: Value): Uint8Array {
  if (typeof value === 'string') return utf8(value);
  if (value instanceof Uint8Array) return value;
  if (type.kind === 'decimal' && typeof value === 'bigint') return utf8(formatDecimal(value, type.scale));
  return utf8(canonicalValue(type, value, {}));
}

function lengthDelimited(field: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of((field << 3) | 2), varint64(BigInt(bytes.length)), bytes]);
}

function varint64(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
