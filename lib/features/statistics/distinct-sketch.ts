/**
 * How many different values, mergeable: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with linear counting for few
 * values, as HyperLogLog++ (Heule, Nunkesser, Hall 2013) has it. 2^14 registers: a standard error of 1.04 / √16384 = 0.81 %.
 */
import type { Vector } from '../../core/batch.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { valueAt } from '../../core/batch.ts';

const INDEX_BITS = 14;
const REGISTERS = 1 << INDEX_BITS;
/** Bytes of a sketch. */
export const DISTINCT_REGISTERS = REGISTERS;
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/** Standard error of an estimate, as a fraction of it. */
export const RELATIVE_ERROR = 0.01;

export class DistinctSketch {
  readonly #registers: Uint8Array;

  constructor(registers: Uint8Array = new Uint8Array(REGISTERS)) {
    this.#registers = registers;
  }

  /** Registers as stored. */
  get registers(): Uint8Array {
    return this.#registers;
  }

  /** Notes a value by two independent hashes of 32 bits. */
  add(first: number, second: number): void {
    const index = first >>> (32 - INDEX_BITS);
    const rank = Math.clz32(second) + 1;
    if ((this.#registers[index] ?? 0) < rank) this.#registers[index] = rank;
  }

  merge(other: DistinctSketch): void {
    const { registers } = other;
    for (let i = 0; i < REGISTERS; i += 1) if ((registers[i] ?? 0) > (this.#registers[i] ?? 0)) this.#registers[i] = registers[i] ?? 0;
  }

  estimate(): number {
    let sum = 0;
    let zeros = 0;
    for (const register of this.#registers) {
      sum += 2 ** -register;
      if (register === 0) zeros += 1;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    return Math.round(raw <= 2.5 * REGISTERS && zeros > 0 ? REGISTERS * Math.log(REGISTERS / zeros) : raw);
  }
}

/** Notes every value of the vector that is not null; of decimals and nested values the canonical text. */
export function addDistinct(sketch: DistinctSketch, vector: Vector): void {
  const { values, nulls, type, length, coded } = vector;
  if (coded !== undefined) {
    const isUsed = new Uint8Array(coded.words.length);
    for (const code of coded.codes) if (code >= 0) isUsed[code] = 1;
    coded.words.forEach((word, code) => {
      if (isUsed[code] === 1) addText(sketch, word);
    });
    return;
  }
  if (values instanceof Float64Array || values instanceof Float32Array) {
    const doubles = new Float64Array(1);
    const words = new Int32Array(doubles.buffer);
    for (let i = 0; i < length; i += 1) {
      if (nulls?.[i] === 1) continue;
      // Minus zero equals zero.
      doubles[0] = (values[i] ?? 0) + 0;
      addWords(sketch, words[0] ?? 0, words[1] ?? 0);
    }
  } else if (values instanceof BigInt64Array) {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    for (let i = 0; i < length; i += 1) if (nulls?.[i] !== 1) addWords(sketch, words[2 * i] ?? 0, words[2 * i + 1] ?? 0);
  } else if (ArrayBuffer.isView(values)) {
    for (let i = 0; i < length; i += 1) if (nulls?.[i] !== 1) addWords(sketch, values[i] ?? 0, (values[i] ?? 0) >> 31);
  } else {
    for (let i = 0; i < length; i += 1) {
      const value = valueAt(vector, i);
      if (value !== null) addText(sketch, typeof value === 'string' ? value : canonicalValue(type, value, {}));
    }
  }
}

function addWords(sketch: DistinctSketch, low: number, high: number): void {
  sketch.add(mix(low ^ mix(high + 0x9e3779b9)), mix(high ^ mix(low + 0x85ebca6b)));
}

function addText(sketch: DistinctSketch, text: string): void {
  let first = 0xdeadbeef;
  let second = 0x41c6ce57;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    first = Math.imul(first ^ code, 2_654_435_761);
    second = Math.imul(second ^ code, 1_597_334_677);
  }
  sketch.add(mix(first ^ (second >>> 16)), mix(second ^ (first >>> 13)));
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(input: number): number {
  let h = input | 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
