/** Parquet files of one column and one page put together by hand: layouts no writer at hand makes any more. */
import { utf8 } from '../../lib/core/bytes.ts';
import { BINARY, I32, I64, LIST, STRUCT, writeThriftStruct, type ThriftField, type ThriftStruct, type ThriftValue } from '../../lib/parquet/thrift.ts';

export interface HandMadeFile {
  /** Schema elements after the root, depth first. */
  readonly schema: readonly ThriftStruct[];
  readonly path: readonly string[];
  /** Physical type of the leaf. */
  readonly physicalType: number;
  readonly rowCount: number;
  readonly valueCount: number;
  /** Levels, each with its length before it, then the plain values. */
  readonly page: Uint8Array;
}

const i32 = (value: number): ThriftField => ({ type: I32, value });
const i64 = (value: number): ThriftField => ({ type: I64, value });
const list = (elementType: number, items: readonly ThriftValue[]): ThriftField => ({ type: LIST, value: { elementType, items } });
const struct = (fields: readonly (readonly [number, ThriftField])[]): ThriftStruct => new Map(fields);

export interface Element {
  readonly name: string;
  readonly physicalType?: number;
  /** 0 required, 1 optional, 2 repeated. */
  readonly repetition: number;
  readonly children?: number;
  readonly convertedType?: number;
  readonly scale?: number;
  readonly precision?: number;
  readonly typeLength?: number;
}

export function element({ name, physicalType, repetition, children, convertedType, scale, precision, typeLength }: Element): ThriftStruct {
  const fields: readonly (readonly [number, ThriftField | undefined])[] = [
    [1, physicalType === undefined ? undefined : i32(physicalType)],
    [2, typeLength === undefined ? undefined : i32(typeLength)],
    [3, i32(repetition)],
    [4, { type: BINARY, value: utf8(name) }],
    [5, children === undefined ? undefined : i32(children)],
    [6, convertedType === undefined ? undefined : i32(convertedType)],
    [7, scale === undefined ? undefined : i32(scale)],
    [8, precision === undefined ? undefined : i32(precision)],
  ];
  return struct(fields.flatMap(([id, field]) => (field === undefined ? [] : [[id, field] as const])));
}

/** Levels of the hybrid encoding as one bit-packed run, after their length. */
export function levels(...packed: readonly number[]): number[] {
  return [packed.length + 1, 0, 0, 0, 0x03, ...packed];
}

export function handMadeParquet(file: HandMadeFile): Uint8Array {
  const dataPage = struct([
    [1, i32(file.valueCount)],
    [2, i32(0)],
    [3, i32(3)],
    [4, i32(3)],
  ]);
  const header = writeThriftStruct(
    struct([
      [1, i32(0)],
      [2, i32(file.page.length)],
      [3, i32(file.page.length)],
      [5, { type: STRUCT, value: dataPage }],
    ]),
  );
  const size = header.length + file.page.length;
  const meta = struct([
    [1, i32(file.physicalType)],
    [2, list(I32, [0, 3])],
    [3, list(BINARY, file.path.map(utf8))],
    [4, i32(0)],
    [5, i64(file.valueCount)],
    [6, i64(size)],
    [7, i64(size)],
    [9, i64(4)],
  ]);
  const group = struct([
    [
      1,
      list(STRUCT, [
        struct([
          [2, i64(4)],
          [3, { type: STRUCT, value: meta }],
        ]),
      ]),
    ],
    [2, i64(size)],
    [3, i64(file.rowCount)],
  ]);
  const root = struct([
    [4, { type: BINARY, value: utf8('root') }],
    [5, i32(1)],
  ]);
  const footer = writeThriftStruct(
    struct([
      [1, i32(1)],
      [2, list(STRUCT, [root, ...file.schema])],
      [3, i64(file.rowCount)],
      [4, list(STRUCT, [group])],
    ]),
  );
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, footer.length, true);
  return Uint8Array.from([...utf8('PAR1'), ...header, ...file.page, ...footer, ...length, ...utf8('PAR1')]);
}

/** One INT96: nanoseconds of the day and Julian day. */
export function int96(nanos: bigint, julianDay: number): number[] {
  const bytes = new DataView(new ArrayBuffer(12));
  bytes.setBigInt64(0, nanos, true);
  bytes.setInt32(8, julianDay, true);
  return [...new Uint8Array(bytes.buffer)];
}
