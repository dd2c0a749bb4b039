/**
 * Texts of one column of a file by number, batch after batch: each different one becomes a string once. A column of a few
 * thousand different texts takes no string a row, and whoever sorts, hashes or counts it afterwards looks at each text once.
 */
import type { CodedTexts } from '../core/batch.ts';
import { decodeUtf8 } from '../core/bytes.ts';
import type { ColumnType } from '../core/types.ts';

/** Texts as they lie in Arrow: value i is `bytes[offsets[i], offsets[i + 1])`. */
export interface TextBuffers {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
  readonly nulls: Uint8Array | undefined;
  readonly length: number;
}

/** Rows of a batch below which coding it is not worth its tables. */
const ROWS_MIN = 4096;
/** Different texts up to which a column is coded whatever its rows, and their share of the file's rows above it: a column of keys is given up soon. */
const WORDS_ALWAYS = 4096;
const WORDS_SHARE_MAX = 0.05;
const PRIME = 0x01000193;

export class TextCoder {
  readonly #words: string[] = [];
  /** Bytes of the words, one after another, and where each ends. */
  #heap = new Uint8Array(4096);
  #ends = new Int32Array(1024);
  #hashes = new Int32Array(1024);
  /** Word + 1 by hash; 0 = free. At most half full. */
  #slots = new Int32Array(4096);
  readonly #wordsMax: number;
  #isGivenUp = false;

  /** For a column of so many rows in all. */
  constructor(rowCount: number) {
    this.#wordsMax = Math.max(WORDS_ALWAYS, Math.floor(rowCount * WORDS_SHARE_MAX));
  }

  /** Undefined for a small batch, for bytes that are not UTF-8, and from where too many texts differ. Words of earlier batches keep their numbers. */
  code(texts: TextBuffers): CodedTexts | undefined {
    const { length, nulls, offsets, bytes } = texts;
    if (this.#isGivenUp || length < ROWS_MIN) return undefined;
    const codes = new Int32Array(length);
    for (let i = 0; i < length; i += 1) {
      if (nulls !== undefined && nulls[i] === 1) {
        codes[i] = -1;
        continue;
      }
      const code = this.#codeOf(bytes, offsets[i] ?? 0, offsets[i + 1] ?? 0);
      if (code === undefined) {
        this.#isGivenUp = true;
        return undefined;
      }
      codes[i] = code;
    }
    return { codes, words: this.#words };
  }

  #codeOf(bytes: Uint8Array, from: number, to: number): number | undefined {
    let hash = to - from;
    for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), PRIME);
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const word = (this.#slots[slot] ?? 0) - 1;
      if (this.#hashes[word] === hash && this.#isWord(word, { bytes, from, to })) return word;
    }
    return this.#add({ bytes, from, to }, hash, slot);
  }

  #isWord(word: number, { bytes, from, to }: Piece): boolean {
    const start = word === 0 ? 0 : (this.#ends[word - 1] ?? 0);
    if ((this.#ends[word] ?? 0) - start !== to - from) return false;
    for (let at = from; at < to; at += 1) if (this.#heap[start + at - from] !== bytes[at]) return false;
    return true;
  }

  #add({ bytes, from, to }: Piece, hash: number, slot: number): number | undefined {
    const word = this.#words.length;
    if (word >= this.#wordsMax) return undefined;
    const text = decodeUtf8(bytes.subarray(from, to));
    if (text === undefined) return undefined;
    const start = word === 0 ? 0 : (this.#ends[word - 1] ?? 0);
    while (start + to - from > this.#heap.length) this.#heap = grown(this.#heap, new Uint8Array(this.#heap.length * 2));
    if (word === this.#ends.length) {
      this.#ends = grown(this.#ends, new Int32Array(word * 2));
      this.#hashes = grown(this.#hashes, new Int32Array(word * 2));
    }
    this.#heap.set(bytes.subarray(from, to), start);
    this.#ends[word] = start + to - from;
    this.#hashes[word] = hash;
    this.#words.push(text);
    this.#slots[slot] = word + 1;
    if (this.#words.length * 2 > this.#slots.length) this.#rehash();
    return word;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 4);
    const mask = slots.length - 1;
    for (let word = 0; word < this.#words.length; word += 1) {
      let slot = (this.#hashes[word] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = word + 1;
    }
    this.#slots = slots;
  }
}

/** By column: one for each of texts, of a file that has rows enough. */
export function textCoders(columns: readonly { readonly type: ColumnType }[], rowCount: number): readonly (TextCoder | undefined)[] {
  return columns.map(({ type }) => (type.kind === 'string' && rowCount >= ROWS_MIN ? new TextCoder(rowCount) : undefined));
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

function grown<T extends Uint8Array | Int32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
