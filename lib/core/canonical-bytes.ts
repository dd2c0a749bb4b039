/**
 * Canonical NDJSON of a batch as bytes: the text of `canonicalRow` for every row, made from the columns' typed arrays. What
 * training sets are hashed over, where a string a value would cost more than the hash.
 */
import type { Batch, Vector } from './batch.ts';
import { valueAt } from './batch.ts';
import { utf8 } from './bytes.ts';
import { canonicalValue } from './canonical.ts';
import { formatNumber } from './json.ts';
import { LineBytes } from './line-bytes.ts';
import type { ColumnType } from './types.ts';

/** A piece is handed on when it has this many bytes. */
const PIECE_BYTES = 256 * 1024;
const NULL = utf8('null');
const TRUE = utf8('true');
const FALSE = utf8('false');
const END = utf8('}\n');
const EMPTY = utf8('{}\n');

type WriteCell = (to: LineBytes, row: number) => void;

/** The lines of rows `[start, end)`, a newline after each, in pieces; a piece is good until the next is asked for. */
export function* canonicalPieces(batch: Batch, start = 0, end = batch.rowCount): Iterable<Uint8Array> {
  const to = new LineBytes(PIECE_BYTES * 2);
  const cells = batch.columns.map(({ name, type }, c) => {
    const vector = batch.vectors[c];
    return { before: utf8(`${c === 0 ? '{' : ','}${JSON.stringify(name)}:`), write: vector === undefined ? writeNull : cellWriter(type, vector) };
  });
  for (let row = start; row < end; row += 1) {
    for (const { before, write } of cells) {
      to.raw(before);
      write(to, row);
    }
    to.raw(cells.length === 0 ? EMPTY : END);
    if (to.length < PIECE_BYTES) continue;
    yield to.view();
    to.clear();
  }
  if (to.length > 0) yield to.view();
}

function writeNull(to: LineBytes): void {
  to.raw(NULL);
}

function cellWriter(type: ColumnType, vector: Vector): WriteCell {
  const { nulls } = vector;
  const write = presentWriter(type, vector);
  if (nulls === undefined) return write;
  return (to, row) => {
    if (nulls[row] === 1) to.raw(NULL);
    else write(to, row);
  };
}

/** Columns in another storage than their type's own are written value by value. */
function presentWriter(type: ColumnType, vector: Vector): WriteCell {
  const { values } = vector;
  switch (type.kind) {
    case 'boolean':
      if (values instanceof Uint8Array) return (to, row) => to.raw(values[row] === 1 ? TRUE : FALSE);
      break;
    case 'int':
      if (values instanceof Int32Array) return (to, row) => to.whole(values[row] ?? 0);
      break;
    case 'date':
      if (values instanceof Int32Array) return (to, row) => to.date(values[row] ?? 0);
      break;
    case 'float':
    case 'double':
      if (values instanceof Float32Array || values instanceof Float64Array) return (to, row) => writeNumber(to, values[row] ?? 0);
      break;
    case 'bigint':
      if (values instanceof BigInt64Array) return wholeWriter(values, (to, value) => to.whole(value), type);
      break;
    case 'timestamp':
    case 'timestampNtz': {
      const isUtc = type.kind === 'timestamp';
      if (values instanceof BigInt64Array) return wholeWriter(values, (to, value) => to.instant(value, isUtc), type);
      break;
    }
    case 'string':
      return (to, row) => {
        const value = valueAt(vector, row);
        if (typeof value === 'string') to.quoted(value);
        else to.text(canonicalValue(type, value, {}));
      };
    default:
  }
  return (to, row) => to.text(canonicalValue(type, valueAt(vector, row), {}));
}

/** Through two halves of 32 bits: no bigint is made for a number that is exact as one. */
function wholeWriter(values: BigInt64Array, write: (to: LineBytes, value: number) => void, type: ColumnType): WriteCell {
  const halves = new DataView(values.buffer, values.byteOffset, values.byteLength);
  return (to, row) => {
    const value = halves.getInt32(8 * row + HIGH, IS_LITTLE) * 4_294_967_296 + halves.getUint32(8 * row + LOW, IS_LITTLE);
    if (Number.isSafeInteger(value)) write(to, value);
    else to.text(canonicalValue(type, values[row] ?? null, {}));
  };
}

const IS_LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const [LOW, HIGH] = IS_LITTLE ? [0, 4] : [4, 0];

function writeNumber(to: LineBytes, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) to.whole(value);
  else if (Number.isFinite(value)) to.text(formatNumber(value));
  else to.quoted(String(value));
}
