/** Finds what is repeated, by a table of where six bytes were last seen: quick rather than thorough, as zstd's first level is. */
import type { Sequences } from './zstd-sequences.ts';

/** Cells of the table at most, as a power of two; few enough to stay in a processor's nearest cache. */
const TABLE_LOG_MAX = 14;
export const MATCH_TABLE_CELLS = 1 << TABLE_LOG_MAX;
/** Bytes that are compared at once. At the newest distance as many make a match; elsewhere six, since fewer cost what they save. */
const WORD = 4;
/** Positions without a match after which steps grow by one. */
const STEP_LOG = 6;
/** Literals that are copied at once rather than one by one. */
const COPIED_MIN = 32;
/** How far back a match is at most. */
const DISTANCE_MAX = 2 ** 24;
const PRIMES = [0x9e3779b1, 0x85ebca77] as const;

/** What is known of the bytes passed. */
export interface MatchState {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Position + 1 of the last place with the hash. */
  readonly table: Int32Array;
  readonly shift: number;
  /** The three last distances, newest first. */
  readonly recent: [number, number, number];
}

/** `table` of `MATCH_TABLE_CELLS`, which is emptied. */
export function startMatching(bytes: Uint8Array, table: Int32Array): MatchState {
  const log = Math.min(TABLE_LOG_MAX, Math.max(8, 32 - Math.clz32(bytes.length)));
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    table: table.subarray(0, 1 << log).fill(0),
    shift: 32 - log,
    recent: [1, 4, 8],
  };
}

/** Splits bytes `[start, end)` into sequences and the literals between and behind them; how many of these there are. */
export function findMatches(
  state: MatchState,
  { start, end }: { readonly start: number; readonly end: number },
  { sequences, literals }: { readonly sequences: Sequences; readonly literals: Uint8Array },
): number {
  const { bytes, view, table, shift, recent } = state;
  const { literalLengths, matchLengths, offsets } = sequences;
  // Eight bytes are looked at where a match may begin.
  const limit = end - 8;
  const floor = Math.max(0, end - DISTANCE_MAX);
  let count = sequences.count;
  let literalCount = 0;
  let anchor = start;
  let at = Math.max(start, 1);
  let newest = recent[0];
  while (at < limit) {
    const word = view.getInt32(at, true);
    const more = view.getUint16(at + WORD, true);
    const hash = (Math.imul(word, PRIMES[0]) + Math.imul(more, PRIMES[1])) >>> shift;
    const known = (table[hash] ?? 0) - 1;
    table[hash] = at + 1;
    let from = at - newest;
    if (from < 0 || view.getInt32(from, true) !== word) {
      if (known < floor || view.getInt32(known, true) !== word || view.getUint16(known + WORD, true) !== more) {
        at += 1 + ((at - anchor) >> STEP_LOG);
        continue;
      }
      from = known;
    }
    let to = at + WORD + sameBytes(view, from + WORD, at + WORD, end);
    while (at > anchor && from > 0 && bytes[at - 1] === bytes[from - 1]) {
      at -= 1;
      from -= 1;
    }
    if (at - anchor > COPIED_MIN) literals.set(bytes.subarray(anchor, at), literalCount);
    else for (let i = anchor; i < at; i += 1) literals[literalCount + i - anchor] = bytes[i] ?? 0;
    literalCount += at - anchor;
    literalLengths[count] = at - anchor;
    matchLengths[count] = to - at;
    offsets[count] = at - from === newest && at > anchor ? 1 : offsetValue(recent, at - from, at === anchor);
    newest = at - from;
    count += 1;
    at = to;
    anchor = to;
    if (to >= limit) break;
    to -= 2;
    table[(Math.imul(view.getInt32(to, true), PRIMES[0]) + Math.imul(view.getUint16(to + WORD, true), PRIMES[1])) >>> shift] = to + 1;
  }
  sequences.count = count;
  literals.set(bytes.subarray(anchor, end), literalCount);
  return literalCount + end - anchor;
}

/** How many bytes from `b` on, before `end`, are as those from `a` on. */
function sameBytes(view: DataView, a: number, b: number, end: number): number {
  let count = 0;
  for (; b + count + WORD <= end; count += WORD) {
    const differing = view.getInt32(a + count, true) ^ view.getInt32(b + count, true);
    if (differing !== 0) return count + ((31 - Math.clz32(differing & -differing)) >> 3);
  }
  while (b + count < end && view.getUint8(a + count) === view.getUint8(b + count)) count += 1;
  return count;
}

/** The distance as the format numbers it, by the last three, which are brought up to date; without literals the newest can't be meant. */
function offsetValue(recent: [number, number, number], distance: number, isBare: boolean): number {
  const [first, second, third] = recent;
  if (distance === first && !isBare) return 1;
  recent[0] = distance;
  recent[1] = first;
  if (distance === second) return isBare ? 1 : 2;
  recent[2] = second;
  return distance === third ? (isBare ? 2 : 3) : distance + 3;
}
