/** Finite state entropy, the arithmetic coder of zstd (RFC 8878, 4.1): tables from counts, and their description. */
import { type BitWriter, endBits, highBit, putBits } from './bit-writer.ts';

/** How to encode symbols of one distribution. */
export interface FseTable {
  readonly log: number;
  readonly states: Uint16Array;
  readonly bitsDelta: Int32Array;
  readonly stateDelta: Int32Array;
}

/** Shares of `2 ** log`, each present symbol at least one; -1 in a table of the format stands for less than one. */
export type Shares = Int16Array;

/** `counts` sum up to `total`; more than one symbol, and not more than `2 ** log`, are present. */
export function sharesOf(counts: Uint32Array, total: number, log: number): Shares {
  const size = 1 << log;
  const shares = new Int16Array(counts.length);
  let left = size;
  let largest = 0;
  counts.forEach((count, symbol) => {
    if (count === 0) return;
    const share = Math.max(1, Math.floor((count * size) / total));
    shares[symbol] = share;
    left -= share;
    if (count > (counts[largest] ?? 0)) largest = symbol;
  });
  // What rounding left over goes to the most frequent; what it took too much comes from those with most.
  if (left > 0) shares[largest] = (shares[largest] ?? 0) + left;
  for (; left < 0; left += 1) {
    let richest = 0;
    for (let symbol = 1; symbol < shares.length; symbol += 1) if ((shares[symbol] ?? 0) > (shares[richest] ?? 0)) richest = symbol;
    shares[richest] = (shares[richest] ?? 0) - 1;
  }
  return shares;
}

export function fseTable(shares: Shares, log: number): FseTable {
  const size = 1 << log;
  const starts = new Uint32Array(shares.length + 1);
  const symbols = spreadSymbols(shares, size, starts);
  const states = new Uint16Array(size);
  for (let i = 0; i < size; i += 1) {
    const symbol = symbols[i] ?? 0;
    const at = starts[symbol] ?? 0;
    states[at] = size + i;
    starts[symbol] = at + 1;
  }
  const bitsDelta = new Int32Array(shares.length);
  const stateDelta = new Int32Array(shares.length);
  let total = 0;
  shares.forEach((share, symbol) => {
    if (share === 0) return;
    const count = Math.abs(share);
    const bits = count === 1 ? log : log - highBit(count - 1);
    bitsDelta[symbol] = (bits << 16) - (count << bits);
    stateDelta[symbol] = total - count;
    total += count;
  });
  return { log, states, bitsDelta, stateDelta };
}

/** The symbol of each state; `starts` is filled with the place of the first state of each symbol. */
function spreadSymbols(shares: Shares, size: number, starts: Uint32Array): Uint8Array {
  const symbols = new Uint8Array(size);
  let high = size - 1;
  shares.forEach((share, symbol) => {
    starts[symbol + 1] = (starts[symbol] ?? 0) + Math.abs(share);
    if (share !== -1) return;
    symbols[high] = symbol;
    high -= 1;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  shares.forEach((share, symbol) => {
    for (let i = 0; i < share; i += 1) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position > high);
    }
  });
  return symbols;
}

/** The state that has encoded `symbol` alone. */
export function firstState({ states, bitsDelta, stateDelta }: FseTable, symbol: number): number {
  const delta = bitsDelta[symbol] ?? 0;
  const bits = (delta + (1 << 15)) >> 16;
  return states[(((bits << 16) - delta) >> bits) + (stateDelta[symbol] ?? 0)] ?? 0;
}

/** Writes what leads from the state of the symbol behind to that of `symbol`, which is the answer. */
export function nextState(out: BitWriter, { states, bitsDelta, stateDelta }: FseTable, state: number, symbol: number): number {
  const bits = (state + (bitsDelta[symbol] ?? 0)) >> 16;
  putBits(out, state, bits);
  return states[(state >> bits) + (stateDelta[symbol] ?? 0)] ?? 0;
}

/** Writes the description of the shares; where the bytes end. */
export function writeShares(out: BitWriter, shares: Shares, log: number): number {
  putBits(out, log - 5, 4);
  let left = (1 << log) + 1;
  let threshold = 1 << log;
  let bits = log + 1;
  let symbol = 0;
  while (left > 1) {
    const share = shares[symbol] ?? 0;
    symbol += 1;
    const most = 2 * threshold - 1 - left;
    left -= share;
    let value = share + 1;
    if (value >= threshold) value += most;
    putBits(out, value, bits - (value < most ? 1 : 0));
    while (left < threshold) {
      bits -= 1;
      threshold >>= 1;
    }
    if (share === 0) symbol = writeZeros(out, shares, symbol);
  }
  return endBits(out);
}

/** How many more symbols without share follow one; three say that more is to come. */
function writeZeros(out: BitWriter, shares: Shares, from: number): number {
  let to = from;
  while (to < shares.length && shares[to] === 0) to += 1;
  let rest = to - from;
  for (; rest >= 3; rest -= 3) putBits(out, 3, 2);
  putBits(out, rest, 2);
  return to;
}
