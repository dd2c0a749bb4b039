/** The least and the greatest value of a column as they are stored, and what they are as values. */
import type { Vector } from '../../core/batch.ts';
import { concatBytes } from '../../core/bytes.ts';
import type { Value } from '../../core/types.ts';
import { bytesSource, type DecodeColumn } from '../../ports/table-codec.ts';
import { boundOrder } from '../bound-order.ts';
import { decodeRows } from '../decode-rows.ts';
import type { FlatColumn } from './flat-column.ts';
import { openParquet } from '../footer.ts';
import { append, finishOutput, i64, startOutput } from '../repack/join-files.ts';
import { dataPageHeader } from '../page-headers.ts';
import { writeLevels } from './plain-page.ts';
import { nodeOf } from '../projection.ts';
import { BINARY, bytesAt, I32, LIST, numberAt, STRUCT, type ThriftField, type ThriftStruct } from '../thrift.ts';
import type { ParquetWasm } from '../wasm-runtime.ts';

export interface StoredBounds {
  readonly flat: FlatColumn;
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  readonly hasNaN: boolean;
  readonly nullCount: number;
}

/** Of two parts of a column. */
export function uniteBounds(flat: FlatColumn, a: StoredBounds | undefined, b: Omit<StoredBounds, 'flat'>): StoredBounds {
  if (a === undefined) return { ...b, flat };
  const order = boundOrder(flat.element);
  const pick = (left: Uint8Array | undefined, right: Uint8Array | undefined, sign: 1 | -1): Uint8Array | undefined =>
    left === undefined || (right !== undefined && (order?.(right, left) ?? 0) * sign > 0) ? right : left;
  return { flat, min: pick(a.min, b.min, -1), max: pick(a.max, b.max, 1), hasNaN: a.hasNaN || b.hasNaN, nullCount: a.nullCount + b.nullCount };
}

/** A column of the two values, of NaN where there was one, and of as many nulls: decoded by the reader from a file of its own. @throws LakefoldError FILE_CORRUPT where they are none of the type */
export async function boundsVector(
  { wasm }: { readonly wasm: ParquetWasm },
  column: DecodeColumn,
  { flat, min, max, hasNaN, nullCount }: StoredBounds,
): Promise<Vector> {
  const stored = [min, max, hasNaN ? quietNaN(flat) : undefined].filter((value) => value !== undefined);
  const values: Value[] = [];
  if (stored.length > 0) {
    const source = bytesSource(fileOfValues(flat, stored));
    const { footer } = await openParquet(source);
    for await (const { batch } of decodeRows({ wasm, source, measure: undefined, footer, wanted: [nodeOf(footer, column)] }, { columns: [column] }))
      for (let i = 0; i < batch.rowCount; i += 1) values.push(batch.vectors[0]?.values[i] ?? null);
  }
  for (let i = 0; i < nullCount; i += 1) values.push(null);
  return { type: column.type, length: values.length, values };
}

function quietNaN({ kind }: FlatColumn): Uint8Array {
  return new Uint8Array((kind === 'float' ? Float32Array.of(Number.NaN) : Float64Array.of(Number.NaN)).buffer);
}

function fileOfValues({ element, kind, isOptional }: FlatColumn, values: readonly Uint8Array[]): Uint8Array {
  const i32 = (value: number): ThriftField => ({ type: I32, value });
  const plain = values.flatMap((value) => (kind === 'bytes' ? [new Uint8Array(Uint32Array.of(value.length).buffer), value] : [value]));
  const body = concatBytes([...(isOptional ? [writeLevels(new Uint8Array(values.length).fill(1), values.length)] : []), ...plain]);
  const output = startOutput();
  const header = dataPageHeader({ valueCount: values.length, encoding: 0, decodedBytes: body.length, storedBytes: body.length });
  const start = append(output, header);
  append(output, body);
  const size = header.length + body.length;
  const meta: ThriftStruct = new Map([
    [1, i32(numberAt(element, 1) ?? 0)],
    [2, { type: LIST, value: { elementType: I32, items: [0] } }],
    [3, { type: LIST, value: { elementType: BINARY, items: [bytesAt(element, 4) ?? new Uint8Array()] } }],
    [4, i32(0)],
    [5, i64(values.length)],
    [6, i64(size)],
    [7, i64(size)],
    [9, i64(start)],
  ]);
  const chunk: ThriftStruct = new Map([
    [2, i64(0)],
    [3, { type: STRUCT, value: meta }],
  ]);
  const group: ThriftStruct = new Map([
    [2, i64(size)],
    [3, i64(values.length)],
  ]);
  const root: ThriftStruct = new Map([
    [4, { type: BINARY, value: Uint8Array.of(0x72) }],
    [5, i32(1)],
  ]);
  const file: ThriftStruct = new Map([
    [1, i32(1)],
    [2, { type: LIST, value: { elementType: STRUCT, items: [root, element] } }],
  ]);
  return finishOutput(file, [{ group, chunks: [{ chunk, columnIndex: undefined, offsetIndex: undefined }] }], output);
}
