/** The least and the greatest value of columns as they pass by in Arrow's form, without texts being made of each. */
import { DataType, type Data } from 'apache-arrow';
import { concatBatches, type Vector } from '../../core/batch.ts';
import { compareBytes, decodeUtf8 } from '../../core/bytes.ts';
import type { Value } from '../../core/types.ts';
import type { DecodeColumn } from '../../ports/table-codec.ts';
import { vectorOfArrow } from '../arrow/arrow-decode.ts';
import { bitOf } from '../arrow/arrow-values.ts';

export interface BoundsCollector {
  readonly add: (data: Data) => void;
  /** A column with the same extremes, as many absent values, and perhaps fewer others. */
  readonly finish: () => Vector;
}

/** Of one column. @throws LakefoldError FILE_CORRUPT as decoding it does */
export function collectBounds(column: DecodeColumn): BoundsCollector {
  return column.type.kind === 'string' ? collectTexts(column) : collectVectors(column);
}

function collectVectors(column: DecodeColumn): BoundsCollector {
  const vectors: Vector[] = [];
  return {
    add: (data) => vectors.push(vectorOfArrow(data, column.type, { column: column.name, firstRow: undefined })),
    finish: () => {
      const batches = vectors.map((vector) => ({ columns: [column], vectors: [vector], rowCount: vector.length }));
      return concatBatches([column], batches).vectors[0] ?? { type: column.type, length: 0, values: [] };
    },
  };
}

function collectTexts(column: DecodeColumn): BoundsCollector {
  let min: Uint8Array | undefined;
  let max: Uint8Array | undefined;
  let nulls = 0;
  return {
    add: (data) => {
      if (!DataType.isUtf8(data.type)) {
        // What else reads as text, or the error that it does not.
        vectorOfArrow(data, column.type, { column: column.name, firstRow: undefined }).values.forEach((value) => {
          const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : undefined;
          if (bytes === undefined) nulls += 1;
          [min, max] = [lesser(min, bytes), greater(max, bytes)];
        });
        return;
      }
      nulls += data.nullCount;
      const found = extremesOf(data);
      [min, max] = [lesser(min, found?.min), greater(max, found?.max)];
    },
    finish: () => {
      const values: Value[] = [min, max].flatMap((bytes) => (bytes === undefined ? [] : [decodeUtf8(bytes) ?? '']));
      for (let i = 0; i < nulls; i += 1) values.push(null);
      return { type: column.type, length: values.length, values };
    },
  };
}

function lesser(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  return a === undefined || (b !== undefined && compareBytes(b, a) < 0) ? b : a;
}

function greater(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  return a === undefined || (b !== undefined && compareBytes(b, a) > 0) ? b : a;
}

/** Copies, so that two texts do not keep a column in memory. */
function extremesOf(data: Data): { readonly min: Uint8Array; readonly max: Uint8Array } | undefined {
  const offsets: Int32Array = data.valueOffsets;
  const bytes: Uint8Array = data.values;
  let min = -1;
  let max = -1;
  for (let i = 0; i < data.length; i += 1) {
    if (data.nullCount > 0 && bitOf(data.nullBitmap, data.offset + i) === 0) continue;
    if (min < 0) [min, max] = [i, i];
    else if (compareTexts(bytes, offsets, i, min) < 0) min = i;
    else if (compareTexts(bytes, offsets, i, max) > 0) max = i;
  }
  const textAt = (i: number): Uint8Array => bytes.slice(offsets[i] ?? 0, offsets[i + 1] ?? 0);
  return min < 0 ? undefined : { min: textAt(min), max: textAt(max) };
}

/** Texts `a` and `b` of a column, in the order of their bytes. */
function compareTexts(bytes: Uint8Array, offsets: Int32Array, a: number, b: number): number {
  const [aStart, bStart] = [offsets[a] ?? 0, offsets[b] ?? 0];
  const [aLength, bLength] = [(offsets[a + 1] ?? 0) - aStart, (offsets[b + 1] ?? 0) - bStart];
  const common = Math.min(aLength, bLength);
  for (let i = 0; i < common; i += 1) {
    const difference = (bytes[aStart + i] ?? 0) - (bytes[bStart + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
