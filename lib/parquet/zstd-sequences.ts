/** What is repeated: literals to copy first, how far back, how long. Encoded as zstd's sequences section (RFC 8878, 3.1.1.3.2). */
import { bitWriter, endStream, highBit, putBits } from './bit-writer.ts';
import { firstState, type FseTable, fseTable, sharesOf, writeShares } from './zstd-fse.ts';

/** Parallel arrays, one place a sequence; `offsets` are the format's: 1 to 3 stand for offsets used before, others are 3 more than the distance. */
export interface Sequences {
  readonly literalLengths: Int32Array;
  readonly offsets: Int32Array;
  readonly matchLengths: Int32Array;
  /** Room for three codes a sequence. */
  readonly codes: Uint8Array;
  count: number;
}

/** The shortest match the format has. */
const MATCH_MIN = 3;
/** Fewer sequences are encoded by the tables of the format. */
const OWN_TABLE_MIN = 48;
const [PREDEFINED, RUN, OWN] = [0, 1, 2];

const LITERAL_LENGTH_BITS = Uint8Array.from([...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const MATCH_LENGTH_BITS = Uint8Array.from([...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
/** Below 64 the code of a literal length is here, above it is 19 more than its highest bit. */
const LITERAL_LENGTH_CODES = codesFrom(LITERAL_LENGTH_BITS, 64);
/** Below 128 the code of a match length, less 3, is here, above it is 36 more than its highest bit. */
const MATCH_LENGTH_CODES = codesFrom(MATCH_LENGTH_BITS, 128);

/** The tables of the format: shares and log each. */
const LITERAL_LENGTH_KIND = kindOf(9, 6, [4, 3, ...twos(6), ...twos(5), 1, 1, 1, ...twos(9), 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1]);
const OFFSET_KIND = kindOf(8, 5, [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1]);
const MATCH_LENGTH_KIND = kindOf(9, 6, [1, 4, 3, ...twos(6), ...ones(37), -1, -1, -1, -1, -1, -1, -1]);

interface Kind {
  /** Of a table made for the sequences at hand, at most. */
  readonly logMax: number;
  readonly predefined: FseTable;
  readonly symbols: number;
}

function zeros(count: number): readonly number[] {
  return Array.from({ length: count }, () => 0);
}

function ones(count: number): readonly number[] {
  return Array.from({ length: count }, () => 1);
}

function twos(count: number): readonly number[] {
  return Array.from({ length: count }, () => 2);
}

function codesFrom(bits: Uint8Array, below: number): Uint8Array {
  const codes = new Uint8Array(below);
  let at = 0;
  for (let code = 0; at < below; code += 1) {
    const end = Math.min(below, at + (1 << (bits[code] ?? 0)));
    codes.fill(code, at, end);
    at = end;
  }
  return codes;
}

function kindOf(logMax: number, log: number, shares: readonly number[]): Kind {
  return { logMax, predefined: fseTable(Int16Array.from(shares), log), symbols: shares.length };
}

/** The section; where it ends. Room is needed for about 12 bytes a sequence and 300 more. */
export function writeSequences(bytes: Uint8Array, at: number, sequences: Sequences): number {
  const modesAt = writeCount(bytes, at, sequences.count);
  if (sequences.count === 0) return modesAt;
  const codes = codesOf(sequences);
  const literal = writeTable(bytes, modesAt + 1, { kind: LITERAL_LENGTH_KIND, codes: codes.literals });
  const offset = writeTable(bytes, literal.end, { kind: OFFSET_KIND, codes: codes.offsets });
  const match = writeTable(bytes, offset.end, { kind: MATCH_LENGTH_KIND, codes: codes.matches });
  bytes[modesAt] = (literal.mode << 6) | (offset.mode << 4) | (match.mode << 2);
  return writeStream(bytes, match.end, { sequences, codes, tables: { literal: literal.table, offset: offset.table, match: match.table } });
}

interface Codes {
  readonly literals: Uint8Array;
  readonly offsets: Uint8Array;
  readonly matches: Uint8Array;
}

function codesOf({ literalLengths, offsets, matchLengths, codes: room, count }: Sequences): Codes {
  const codes = { literals: room.subarray(0, count), offsets: room.subarray(count, 2 * count), matches: room.subarray(2 * count, 3 * count) };
  for (let i = 0; i < count; i += 1) {
    const literals = literalLengths[i] ?? 0;
    const match = (matchLengths[i] ?? 0) - MATCH_MIN;
    codes.literals[i] = literals < 64 ? (LITERAL_LENGTH_CODES[literals] ?? 0) : highBit(literals) + 19;
    codes.matches[i] = match < 128 ? (MATCH_LENGTH_CODES[match] ?? 0) : highBit(match) + 36;
    codes.offsets[i] = highBit(offsets[i] ?? 1);
  }
  return codes;
}

interface Stream {
  readonly sequences: Sequences;
  readonly codes: Codes;
  readonly tables: { readonly literal: FseTable; readonly offset: FseTable; readonly match: FseTable };
}

/** From the last sequence to the first. At most 25 bits are added at a time to the 7 that may be held. */
function writeStream(bytes: Uint8Array, start: number, { sequences, codes, tables: { literal, offset, match } }: Stream): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { literalLengths, offsets, matchLengths, count: total } = sequences;
  let literalState = firstState(literal, codes.literals[total - 1] ?? 0);
  let offsetState = firstState(offset, codes.offsets[total - 1] ?? 0);
  let matchState = firstState(match, codes.matches[total - 1] ?? 0);
  let at = start;
  let held = 0;
  let count = 0;
  for (let i = total - 1; i >= 0; i -= 1) {
    const literalCode = codes.literals[i] ?? 0;
    const offsetCode = codes.offsets[i] ?? 0;
    const matchCode = codes.matches[i] ?? 0;
    if (i < total - 1) {
      const offsetBits = (offsetState + (offset.bitsDelta[offsetCode] ?? 0)) >> 16;
      held |= (offsetState & ((1 << offsetBits) - 1)) << count;
      count += offsetBits;
      offsetState = offset.states[(offsetState >> offsetBits) + (offset.stateDelta[offsetCode] ?? 0)] ?? 0;
      const matchBits = (matchState + (match.bitsDelta[matchCode] ?? 0)) >> 16;
      held |= (matchState & ((1 << matchBits) - 1)) << count;
      count += matchBits;
      matchState = match.states[(matchState >> matchBits) + (match.stateDelta[matchCode] ?? 0)] ?? 0;
      view.setInt32(at, held, true);
      at += count >> 3;
      held >>>= count & 24;
      count &= 7;
      const literalBits = (literalState + (literal.bitsDelta[literalCode] ?? 0)) >> 16;
      held |= (literalState & ((1 << literalBits) - 1)) << count;
      count += literalBits;
      literalState = literal.states[(literalState >> literalBits) + (literal.stateDelta[literalCode] ?? 0)] ?? 0;
    }
    const literalExtra = LITERAL_LENGTH_BITS[literalCode] ?? 0;
    held |= ((literalLengths[i] ?? 0) & ((1 << literalExtra) - 1)) << count;
    count += literalExtra;
    view.setInt32(at, held, true);
    at += count >> 3;
    // Thirty-two bits at once leave none, which a shift by 32 would not say.
    held = count === 32 ? 0 : held >>> (count & 24);
    count &= 7;
    const matchExtra = MATCH_LENGTH_BITS[matchCode] ?? 0;
    held |= (((matchLengths[i] ?? 0) - MATCH_MIN) & ((1 << matchExtra) - 1)) << count;
    count += matchExtra;
    if (matchExtra + offsetCode > 24) {
      view.setInt32(at, held, true);
      at += count >> 3;
      held >>>= count & 24;
      count &= 7;
    }
    held |= ((offsets[i] ?? 0) & ((1 << offsetCode) - 1)) << count;
    count += offsetCode;
    view.setInt32(at, held, true);
    at += count >> 3;
    held = count === 32 ? 0 : held >>> (count & 24);
    count &= 7;
  }
  const out = bitWriter(bytes, at);
  out.held = held;
  out.count = count;
  putBits(out, matchState, match.log);
  putBits(out, offsetState, offset.log);
  putBits(out, literalState, literal.log);
  return endStream(out);
}

function writeCount(bytes: Uint8Array, at: number, count: number): number {
  if (count < 128) {
    bytes[at] = count;
    return at + 1;
  }
  if (count < 0x7f00) {
    bytes[at] = (count >> 8) + 128;
    bytes[at + 1] = count;
    return at + 2;
  }
  bytes[at] = 255;
  bytes[at + 1] = count - 0x7f00;
  bytes[at + 2] = (count - 0x7f00) >> 8;
  return at + 3;
}

interface WrittenTable {
  readonly table: FseTable;
  readonly mode: number;
  readonly end: number;
}

/** A table of which one symbol is all takes no bits. */
const RUN_TABLE: FseTable = { log: 0, states: new Uint16Array(64).fill(1), bitsDelta: new Int32Array(64).fill(-1), stateDelta: new Int32Array(64).fill(0) };

function writeTable(bytes: Uint8Array, at: number, { kind, codes }: { readonly kind: Kind; readonly codes: Uint8Array }): WrittenTable {
  const counts = new Uint32Array(Math.max(64, kind.symbols));
  for (let i = 0; i < codes.length; i += 1) counts[codes[i] ?? 0] = (counts[codes[i] ?? 0] ?? 0) + 1;
  let last = counts.length - 1;
  while (counts[last] === 0) last -= 1;
  const present = counts.filter((count) => count > 0).length;
  if (present === 1 && codes.length > 2) {
    bytes[at] = last;
    return { table: RUN_TABLE, mode: RUN, end: at + 1 };
  }
  if (codes.length < OWN_TABLE_MIN && last < kind.symbols) return { table: kind.predefined, mode: PREDEFINED, end: at };
  const log = Math.min(kind.logMax, Math.max(5, highBit(codes.length), highBit(present) + 2));
  const shares = sharesOf(counts.subarray(0, last + 1), codes.length, log);
  return { table: fseTable(shares, log), mode: OWN, end: writeShares(bitWriter(bytes, at), shares, log) };
}
