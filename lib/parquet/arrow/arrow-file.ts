/** Arrow IPC that somebody sent: stream or file form, its columns as types of ours and its rows as batches. */
import { DataType, RecordBatchReader, Type, type Data, type Field, type RecordBatch, type Vector as ArrowVector } from 'apache-arrow';
import { valueAt, vectorBuilder, type Batch, type Vector } from '../../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import type { Column, ColumnType } from '../../core/types.ts';
import { vectorOfArrow } from './arrow-decode.ts';
import { endOfStream } from './arrow-metadata.ts';
import { plainData } from './arrow-plain.ts';
import type { DecodePlace } from './arrow-values.ts';
import { type TextCoder, textCoders } from '../text-coder.ts';

/** How the file form begins and ends; behind its mark, padded to 8 bytes, stands a stream, and behind that a footer to find its parts by. */
const FILE_MAGIC = [...'ARROW1'].map((char) => char.charCodeAt(0));
const FILE_STREAM_AT = 8;

export interface ArrowFile {
  /** In the order of the file; all nullable, whatever it says of itself. */
  readonly columns: readonly Column[];
  readonly rowCount: number;
  /** The rows of the columns named, batch by batch. @throws LakefoldError FILE_CORRUPT, its context telling of a value that is at fault */
  batches(names: readonly string[]): Iterable<Batch>;
}

/**
 * Opens Arrow IPC bytes; no value is looked at yet.
 * @throws LakefoldError FILE_CORRUPT for bytes that are no whole stream or file, compressed buffers among them; LIMIT_EXCEEDED for too many
 * columns or too deep ones; UNSUPPORTED_FORMAT
 * naming a column of a type there is no column type for
 */
export function openArrow(bytes: Uint8Array): ArrowFile {
  const { fields, parts } = readParts(bytes);
  const columns = fields.map((field): Column => ({ name: field.name, type: columnTypeOf(field), nullable: true }));
  return {
    columns,
    rowCount: parts.reduce((sum, part) => sum + part.numRows, 0),
    batches: (names) => batchesOf({ columns, parts }, names),
  };
}

function readParts(bytes: Uint8Array): { readonly fields: readonly Field[]; readonly parts: readonly RecordBatch[] } {
  const isFile = startsWith(bytes, FILE_MAGIC);
  const start = isFile ? FILE_STREAM_AT : 0;
  const end = endOfStream(bytes, start);
  if (isFile && !startsWith(bytes.subarray(-FILE_MAGIC.length), FILE_MAGIC)) throw corrupt('a file that ends without its mark');
  if (!isFile && end < bytes.length) throw corrupt(`${bytes.length - end} bytes after the end of the stream`);
  try {
    const reader = RecordBatchReader.from(bytes.subarray(start, end));
    reader.open();
    return { fields: reader.schema.fields, parts: [...reader] };
  } catch (cause) {
    throw corrupt(`one that can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function startsWith(bytes: Uint8Array, mark: readonly number[]): boolean {
  return mark.every((byte, i) => bytes[i] === byte);
}

function corrupt(found: string, cause?: unknown): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected a whole, uncompressed Arrow IPC stream or file, found ${found}`, { cause });
}

function columnTypeOf(field: Field): ColumnType {
  const { type } = field;
  if (DataType.isDictionary(type)) return typeOf(type.dictionary, field.name);
  return typeOf(type, field.name);
}

function typeOf(type: DataType, path: string): ColumnType {
  if (DataType.isBool(type)) return { kind: 'boolean' };
  if (DataType.isInt(type)) return { kind: type.bitWidth < 32 || (type.bitWidth === 32 && type.isSigned) ? 'int' : 'bigint' };
  if (DataType.isFloat(type) && type.precision > 0) return { kind: type.precision === 1 ? 'float' : 'double' };
  if (DataType.isDecimal(type) && type.bitWidth === 128) return { kind: 'decimal', precision: type.precision, scale: type.scale };
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)) return { kind: 'string' };
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isBinaryView(type) || DataType.isFixedSizeBinary(type)) return { kind: 'binary' };
  if (DataType.isDate(type) && type.unit === 0) return { kind: 'date' };
  if (DataType.isTimestamp(type)) return { kind: type.timezone === null || type.timezone === undefined || type.timezone === '' ? 'timestampNtz' : 'timestamp' };
  if (DataType.isNull(type)) return { kind: 'void' };
  return nestedTypeOf(type, path);
}

function nestedTypeOf(type: DataType, path: string): ColumnType {
  const children: readonly Field[] = type.children ?? [];
  if (DataType.isStruct(type))
    return { kind: 'struct', fields: children.map((child) => ({ name: child.name, type: typeOf(child.type, `${path}.${child.name}`) })) };
  const [only] = children;
  if ((DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type)) && only !== undefined)
    return { kind: 'array', element: typeOf(only.type, `${path}.element`) };
  if (DataType.isMap(type)) {
    const entry = only?.type.children ?? [];
    const [key, value] = entry;
    if (key !== undefined && value !== undefined) return { kind: 'map', key: typeOf(key.type, `${path}.key`), value: typeOf(value.type, `${path}.value`) };
  }
  throw new LakefoldError('UNSUPPORTED_FORMAT', `expected column ${path} to have a type of ours, found Arrow's ${Type[type.typeId] ?? 'unknown'}`, {
    context: { column: path },
  });
}

function* batchesOf(
  { columns, parts }: { readonly columns: readonly Column[]; readonly parts: readonly RecordBatch[] },
  names: readonly string[],
): Iterable<Batch> {
  const positions = names.map((name) => columns.findIndex((column) => column.name === name));
  const wanted = positions.flatMap((position) => columns[position] ?? []);
  const coders = textCoders(
    wanted,
    parts.reduce((sum, part) => sum + part.numRows, 0),
  );
  let firstRow = 0;
  for (const part of parts) {
    const vectors = positions.map((position, i) => columnOf(part, { column: columns[position], position, firstRow, coder: coders[i] }));
    yield { columns: wanted, vectors, rowCount: part.numRows };
    firstRow += part.numRows;
  }
}

interface ColumnPlace {
  readonly column: Column | undefined;
  readonly position: number;
  readonly firstRow: number;
  readonly coder: TextCoder | undefined;
}

function columnOf(part: RecordBatch, { column, position, firstRow, coder }: ColumnPlace): Vector {
  const data: Data | undefined = part.data.children[position];
  if (column === undefined || data === undefined || data.length !== part.numRows)
    throw corrupt(`a batch of ${part.numRows} rows with ${data?.length ?? 'no'} values of column ${column?.name ?? position}`);
  const place: DecodePlace = { column: column.name, firstRow, coder };
  try {
    return DataType.isDictionary(data.type) ? dictionaryVector(data, column.type, place) : vectorOfArrow(plainData(data, column.name), column.type, place);
  } catch (cause) {
    // Buffers that contradict each other in a way nobody thought of are still the file's fault, not ours.
    throw isLakefoldError(cause)
      ? cause
      : corrupt(`column ${column.name} that can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

/** Each word once, then as many references as rows. */
function dictionaryVector(data: Data, type: ColumnType, place: DecodePlace): Vector {
  const dictionary: ArrowVector | undefined = data.dictionary;
  const words = (dictionary?.data ?? []).map((chunk) => vectorOfArrow(plainData(chunk, place.column), type, { column: place.column, firstRow: undefined }));
  const values = words.flatMap((vector) => Array.from({ length: vector.length }, (_, i) => valueAt(vector, i)));
  const indices: ArrayLike<number | bigint> = data.values ?? [];
  const builder = vectorBuilder(type, Math.max(1, data.length));
  for (let row = 0; row < data.length; row += 1) {
    if (!data.getValid(row)) {
      builder.push(null);
      continue;
    }
    const word = values[Number(indices[row] ?? -1)];
    if (word === undefined)
      throw corrupt(`row ${(place.firstRow ?? 0) + row} of column ${place.column} that names word ${String(indices[row])} of ${values.length}`);
    builder.push(word);
  }
  return builder.finish();
}
