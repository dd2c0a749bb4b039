/** A data page V1 of a flat column in plain encoding, unpacked: which rows have a value, and the values as they lie. */
import { corruptFile } from '../wasm-runtime.ts';
import type { ScratchBytes } from './scratch-bytes.ts';
import type { ValueKind } from './flat-column.ts';

export interface PlainPage {
  readonly rowCount: number;
  /** 1 for each row that has a value; undefined where all have. */
  readonly levels: Uint8Array | undefined;
  /** Values of the rows that have one, end to end; begins at a multiple of 8 bytes of its buffer. */
  readonly values: Uint8Array;
}

/** Bytes of a value of fixed width. */
export function widthOf(kind: Exclude<ValueKind, 'bytes'>): 4 | 8 {
  return kind === 'int32' || kind === 'float' ? 4 : 8;
}

const NO_BYTES = new Uint8Array();

export interface PageShape {
  readonly rowCount: number;
  readonly kind: ValueKind;
  readonly isOptional: boolean;
  /** Takes the values where they do not lie right: a page is good until the next one is read with the same. */
  readonly aligned: ScratchBytes;
}

/** @throws LakefoldError FILE_CORRUPT where levels or values end early */
export function readPlainPage(body: Uint8Array, { rowCount, kind, isOptional, aligned }: PageShape): PlainPage {
  const { levels, count, rest } = splitLevels(body, rowCount, isOptional);
  const size = kind === 'bytes' ? rest.length : count * widthOf(kind);
  if (size > rest.length) throw corruptFile(`a page of ${rest.length} bytes for ${count} values`, undefined);
  const values = rest.subarray(0, size);
  return { rowCount, levels, values: values.byteOffset % 8 === 0 ? values : aligned.join(NO_BYTES, values) };
}

/** Levels as in `PlainPage`, how many rows have a value, and what is behind them. @throws LakefoldError FILE_CORRUPT where they end early */
export function splitLevels(
  body: Uint8Array,
  rowCount: number,
  isOptional: boolean,
): { readonly levels: Uint8Array | undefined; readonly count: number; readonly rest: Uint8Array } {
  if (!isOptional) return { levels: undefined, count: rowCount, rest: body };
  const bytes = body.length < 4 ? body.length : new DataView(body.buffer, body.byteOffset, 4).getUint32(0, true);
  const start = 4 + bytes;
  if (start > body.length) throw corruptFile('levels that end beyond their page', undefined);
  const levels = readLevels(body.subarray(4, start), rowCount);
  return { levels, count: levels === undefined ? rowCount : countOnes(levels), rest: body.subarray(start) };
}

/** Levels of 0 and 1 in the hybrid of runs and packed bits (parquet-format, Encodings.md); undefined where all are 1. */
function readLevels(bytes: Uint8Array, count: number): Uint8Array | undefined {
  if (isOneRun(bytes, count)) return undefined;
  const levels = new Uint8Array(count);
  let done = 0;
  let at = 0;
  let isAll = true;
  while (done < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined || shift > 28) throw corruptFile('levels that end early', undefined);
      at += 1;
      header += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    const length = Math.floor(header / 2);
    if (header % 2 === 0) {
      const value = bytes[at];
      if (value === undefined || value > 1 || length === 0) throw corruptFile('a run of levels that is none', undefined);
      at += 1;
      const end = Math.min(count, done + length);
      levels.fill(value, done, end);
      isAll &&= value === 1;
      done = end;
    } else {
      if (length === 0 || at + length > bytes.length) throw corruptFile('levels that end early', undefined);
      const end = Math.min(count, done + length * 8);
      for (let i = 0; done < end; done += 1, i += 1) {
        const level = ((bytes[at + (i >> 3)] ?? 0) >> (i & 7)) & 1;
        levels[done] = level;
        if (level === 0) isAll = false;
      }
      at += length;
    }
  }
  return isAll ? undefined : levels;
}

/** How many levels are 1. */
export function countOnes(levels: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < levels.length; i += 1) count += levels[i] ?? 0;
  return count;
}

/** Whether the bytes are a run of ones as long as that, as most pages have it. */
function isOneRun(bytes: Uint8Array, count: number): boolean {
  const run = varint(count * 2);
  return bytes.length > run.length && run.every((byte, i) => bytes[i] === byte) && bytes[run.length] === 1;
}

/** Levels, of which `present` are 1, as the beginning of a page: their length, then one run where they are equal, else packed bits. */
export function writeLevels(levels: Uint8Array, present: number): Uint8Array {
  const [first = 1] = levels;
  const isRun = present === 0 || present === levels.length;
  const header = varint(isRun ? levels.length * 2 : Math.ceil(levels.length / 8) * 2 + 1);
  const packed = isRun ? Uint8Array.of(first) : new Uint8Array(Math.ceil(levels.length / 8));
  if (!isRun) for (let i = 0; i < levels.length; i += 1) packed[i >> 3] = (packed[i >> 3] ?? 0) | ((levels[i] ?? 0) << (i & 7));
  const out = new Uint8Array(4 + header.length + packed.length);
  new DataView(out.buffer).setUint32(0, header.length + packed.length, true);
  out.set(header, 4);
  out.set(packed, 4 + header.length);
  return out;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}
