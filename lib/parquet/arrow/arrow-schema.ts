/** Columns as an Arrow schema, in the form in which it opens an IPC stream. */
import {
  Binary,
  Bool,
  Date_,
  DateUnit,
  Decimal,
  Field,
  Float,
  Int,
  List,
  Map_,
  Message,
  Precision,
  Schema,
  Struct,
  Timestamp,
  TimeUnit,
  Utf8,
  type DataType,
} from 'apache-arrow';
import { BoundedCache } from '../../core/bounded-cache.ts';
import { LakefoldError } from '../../core/errors.ts';
import { ARROW_SCHEMAS_KEPT_MAX } from '../../core/limits.ts';
import type { Column, ColumnType } from '../../core/types.ts';
import { arrowMessage } from './arrow-stream.ts';

/** Making one takes as long as encoding some hundred rows, and a writer has few tables. */
const messages = new BoundedCache<string, Uint8Array>(ARROW_SCHEMAS_KEPT_MAX);

/** The message that names the columns; the bytes are shared. @throws LakefoldError UNSUPPORTED_FORMAT for void in a nested type */
export function schemaMessageOf(columns: readonly Column[]): Uint8Array {
  const key = JSON.stringify(columns.map(({ name, type, nullable, fieldId }) => [name, type, nullable, fieldId]));
  const known = messages.get(key);
  if (known !== undefined) return known;
  const fields = columns.map(({ name, type, nullable, fieldId }) => fieldOf(name, type, nullable, fieldId));
  const message = arrowMessage(Message.encode(Message.from(new Schema(fields))));
  messages.set(key, message);
  return message;
}

/** Field names are those Spark and the Parquet format give: `element`, `key_value`, `key`, `value`. */
function fieldOf(name: string, type: ColumnType, nullable: boolean, fieldId?: number): Field {
  // What the Parquet writer takes for the field's id.
  return new Field(name, arrowTypeOf(type), nullable, fieldId === undefined ? undefined : new Map([['PARQUET:field_id', String(fieldId)]]));
}

function arrowTypeOf(type: ColumnType): DataType {
  switch (type.kind) {
    case 'boolean':
      return new Bool();
    case 'int':
      return new Int(true, 32);
    case 'bigint':
      return new Int(true, 64);
    case 'float':
      return new Float(Precision.SINGLE);
    case 'double':
      return new Float(Precision.DOUBLE);
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128);
    case 'string':
      return new Utf8();
    case 'binary':
      return new Binary();
    case 'date':
      return new Date_(DateUnit.DAY);
    case 'timestamp':
      return new Timestamp(TimeUnit.MICROSECOND, 'UTC');
    case 'timestampNtz':
      return new Timestamp(TimeUnit.MICROSECOND);
    case 'array':
      return new List(fieldOf('element', type.element, true));
    case 'vector':
      return new List(fieldOf('element', { kind: 'float' }, true));
    case 'struct':
      return new Struct(type.fields.map((field) => fieldOf(field.name, field.type, true, field.fieldId)));
    case 'map':
      return new Map_(new Field('key_value', entriesType(type), false));
    case 'void':
      throw new LakefoldError('UNSUPPORTED_FORMAT', 'expected a type Parquet can hold, found void inside another type');
  }
}

function entriesType(map: { readonly key: ColumnType; readonly value: ColumnType }): Struct<{ key: DataType; value: DataType }> {
  return new Struct([fieldOf('key', map.key, false), fieldOf('value', map.value, true)]);
}
