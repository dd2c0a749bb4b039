/** Bytes that repeat nothing, by Huffman's code where that makes them fewer (RFC 8878, 3.1.1.3.1 and 4.2). */
import { bitWriter, endBits, endStream, putBits } from './bit-writer.ts';
import { huffmanLengths } from './huffman-lengths.ts';
import { firstState, fseTable, nextState, sharesOf, writeShares } from './zstd-fse.ts';

/** Fewer are not worth a table. */
const CODED_MIN = 64;
/** Fewer go as one stream, else as four. */
const FOUR_STREAMS_MIN = 1024;
/** Of the table of weights. */
const WEIGHTS_LOG = 6;
/** Weights at half a byte each, else encoded. */
const DIRECT_WEIGHTS_MAX = 128;

interface Target {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** The literals section; where it ends. The target has room for them as they are and 16 bytes more. */
export function writeLiterals(target: Target, literals: Uint8Array): number {
  if (literals.length < CODED_MIN) return writeRaw(target, literals);
  const counts = countBytes(literals);
  const most = counts.reduce((max, count) => Math.max(max, count), 0);
  if (most === literals.length) return writeRun(target, literals);
  // Even bytes gain nothing, and would pay for a table.
  if (most <= (literals.length >> 7) + 4) return writeRaw(target, literals);
  return writeCoded(target, literals, counts) ?? writeRaw(target, literals);
}

function countBytes(literals: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256);
  for (let i = 0; i < literals.length; i += 1) {
    const byte = literals[i] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + 1;
  }
  return counts;
}

function writeRaw({ bytes, at }: Target, literals: Uint8Array): number {
  const start = writePlainHeader({ bytes, at }, literals.length, 0);
  bytes.set(literals, start);
  return start + literals.length;
}

function writeRun({ bytes, at }: Target, literals: Uint8Array): number {
  const start = writePlainHeader({ bytes, at }, literals.length, 1);
  bytes[start] = literals[0] ?? 0;
  return start + 1;
}

function writePlainHeader({ bytes, at }: Target, size: number, kind: 0 | 1): number {
  if (size < 32) {
    bytes[at] = kind | (size << 3);
    return at + 1;
  }
  const isShort = size < 4096;
  const header = kind | ((isShort ? 1 : 3) << 2) | (size << 4);
  bytes[at] = header;
  bytes[at + 1] = header >> 8;
  if (isShort) return at + 2;
  bytes[at + 2] = header >> 16;
  return at + 3;
}

/** Undefined where that would not be shorter. */
function writeCoded(target: Target, literals: Uint8Array, counts: Uint32Array): number | undefined {
  const size = literals.length;
  const lengths = huffmanLengths(counts);
  const bits = counts.reduce((sum, count, symbol) => sum + count * (lengths[symbol] ?? 0), 0);
  if (bits / 8 > size - (size >> 6) - 32) return undefined;
  const { bytes, at } = target;
  const isOne = size < FOUR_STREAMS_MIN;
  const start = at + (size < 1024 ? 3 : size < 16_384 ? 4 : 5);
  const behindTable = writeWeights({ bytes, at: start }, lengths);
  if (behindTable === undefined) return undefined;
  const codes = codesOf(lengths);
  const end = isOne ? writeStream({ bytes, at: behindTable }, literals, codes) : writeStreams({ bytes, at: behindTable }, literals, codes);
  const packed = end - start;
  if (packed >= size - (size >> 6)) return undefined;
  const header = bitWriter(bytes, at);
  const sizeBits = size < 1024 ? 10 : size < 16_384 ? 14 : 18;
  putBits(header, 2, 2);
  putBits(header, isOne ? 0 : size < 16_384 ? 2 : 3, 2);
  putBits(header, size, sizeBits);
  putBits(header, packed, sizeBits);
  endBits(header);
  return end;
}

/** By byte: its code in the low 16 bits, how many bits that has above. Longer codes come first, bytes of equal length in order. */
function codesOf(lengths: Uint8Array): Int32Array {
  const codes = new Int32Array(256);
  let code = 0;
  for (let length = lengths.reduce((max, each) => Math.max(max, each), 0); length > 0; length -= 1) {
    for (let symbol = 0; symbol < 256; symbol += 1) {
      if (lengths[symbol] !== length) continue;
      codes[symbol] = code | (length << 16);
      code += 1;
    }
    code >>= 1;
  }
  return codes;
}

/** The weights of all bytes up to the last but one, from which its own follows; undefined where the format has no form for them. */
function writeWeights({ bytes, at }: Target, lengths: Uint8Array): number | undefined {
  const longest = lengths.reduce((max, each) => Math.max(max, each), 0);
  let last = 255;
  while (lengths[last] === 0) last -= 1;
  const weights = lengths.subarray(0, last).map((length) => (length === 0 ? 0 : longest + 1 - length));
  const encoded = encodeWeights({ bytes, at: at + 1 }, weights);
  if (encoded !== undefined && encoded - at - 1 < DIRECT_WEIGHTS_MAX) {
    bytes[at] = encoded - at - 1;
    return encoded;
  }
  if (weights.length > DIRECT_WEIGHTS_MAX) return undefined;
  bytes[at] = 127 + weights.length;
  for (let i = 0; i < weights.length; i += 2) bytes[at + 1 + (i >> 1)] = ((weights[i] ?? 0) << 4) | (weights[i + 1] ?? 0);
  return at + 1 + ((weights.length + 1) >> 1);
}

function encodeWeights({ bytes, at }: Target, weights: Uint8Array): number | undefined {
  const counts = new Uint32Array(12);
  for (const weight of weights) counts[weight] = (counts[weight] ?? 0) + 1;
  if (weights.length < 3 || counts.filter((count) => count > 0).length < 2) return undefined;
  const shares = sharesOf(counts, weights.length, WEIGHTS_LOG);
  const table = fseTable(shares, WEIGHTS_LOG);
  const out = bitWriter(bytes, writeShares(bitWriter(bytes, at), shares, WEIGHTS_LOG));
  // Two states take turns, the first one at even places.
  const states = [0, 0];
  let i = weights.length - 1;
  for (let begun = 0; begun < 2; begun += 1, i -= 1) states[i & 1] = firstState(table, weights[i] ?? 0);
  for (; i >= 0; i -= 1) states[i & 1] = nextState(out, table, states[i & 1] ?? 0, weights[i] ?? 0);
  putBits(out, states[1] ?? 0, WEIGHTS_LOG);
  putBits(out, states[0] ?? 0, WEIGHTS_LOG);
  return endStream(out);
}

function writeStreams({ bytes, at }: Target, literals: Uint8Array, codes: Int32Array): number {
  const quarter = (literals.length + 3) >> 2;
  let end = at + 6;
  for (let i = 0; i < 4; i += 1) {
    const from = end;
    end = writeStream({ bytes, at: from }, literals.subarray(i * quarter, Math.min(literals.length, (i + 1) * quarter)), codes);
    if (i === 3) break;
    bytes[at + 2 * i] = end - from;
    bytes[at + 2 * i + 1] = (end - from) >> 8;
  }
  return end;
}

/** From the last byte to the first. Two codes of at most 11 bits each and the 7 that may be held fit into 32. */
function writeStream({ bytes, at: start }: Target, literals: Uint8Array, codes: Int32Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  let held = 0;
  let count = 0;
  for (let i = literals.length - 1; i >= 0; i -= 2) {
    const last = codes[literals[i] ?? 0] ?? 0;
    held |= (last & 0xffff) << count;
    count += last >> 16;
    const first = i === 0 ? 0 : (codes[literals[i - 1] ?? 0] ?? 0);
    held |= (first & 0xffff) << count;
    count += first >> 16;
    view.setInt32(at, held, true);
    at += count >> 3;
    held >>>= count & 24;
    count &= 7;
  }
  const out = bitWriter(bytes, at);
  out.held = held;
  out.count = count;
  return endStream(out);
}
