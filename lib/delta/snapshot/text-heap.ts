/** Many short texts without an object each: their UTF-8 one after the other, and where each begins. */
import { decodeUtf8, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';

/** Offsets are 32 bits wide. */
const HEAP_BYTES_MAX = 2 ** 32 - 1;

/** Texts by number, from 0 in the order in which they were added. */
export class TextHeap {
  #bytes: Uint8Array;
  #ends: Uint32Array;
  #used = 0;
  size = 0;

  constructor(capacity: { readonly texts: number; readonly bytes: number } = { texts: 16, bytes: 256 }) {
    this.#bytes = new Uint8Array(capacity.bytes);
    this.#ends = new Uint32Array(Math.max(1, capacity.texts));
  }

  /** Makes room, so that adding so much more moves nothing. */
  reserve(texts: number, bytes: number): void {
    if (this.size + texts > this.#ends.length) this.#ends = grown(this.#ends, new Uint32Array(this.size + texts));
    if (this.#used + bytes > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array(this.#used + bytes));
  }

  /** @throws LakefoldError LIMIT_EXCEEDED past 4 GiB of text */
  push(bytes: Uint8Array, start: number, end: number): number {
    const used = this.#used + end - start;
    if (used > HEAP_BYTES_MAX) throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${HEAP_BYTES_MAX} bytes of paths or statistics, found more`);
    if (used > this.#bytes.length) this.reserve(0, Math.min(Math.max(this.#used, end - start), HEAP_BYTES_MAX - this.#used));
    if (this.size === this.#ends.length) this.reserve(this.size, 0);
    const heap = this.#bytes;
    for (let from = start, to = this.#used; from < end; from += 1, to += 1) heap[to] = bytes[from] ?? 0;
    this.#ends[this.size] = used;
    this.#used = used;
    this.size += 1;
    return this.size - 1;
  }

  pushText(text: string): number {
    const bytes = utf8(text);
    return this.push(bytes, 0, bytes.length);
  }

  /** Bytes of all texts. */
  get byteLength(): number {
    return this.#used;
  }

  /** The bytes themselves; they must not be changed. */
  bytesAt(index: number): Uint8Array {
    return this.#bytes.subarray(this.#startOf(index), this.#ends[index] ?? 0);
  }

  textAt(index: number): string {
    return decodeUtf8(this.bytesAt(index)) ?? '';
  }

  /** Order by bytes. */
  compare(a: number, b: number): number {
    const heap = this.#bytes;
    let [i, j] = [this.#startOf(a), this.#startOf(b)];
    const [endA, endB] = [this.#ends[a] ?? 0, this.#ends[b] ?? 0];
    for (; i < endA && j < endB; i += 1, j += 1) {
      const difference = (heap[i] ?? 0) - (heap[j] ?? 0);
      if (difference !== 0) return difference;
    }
    return endA - i - (endB - j);
  }

  equals(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#startOf(index);
    if ((this.#ends[index] ?? 0) - from !== end - start) return false;
    const heap = this.#bytes;
    for (let i = 0; i < end - start; i += 1) if (heap[from + i] !== bytes[start + i]) return false;
    return true;
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] ?? 0);
  }
}

/** Distinct texts, numbered in the order in which they first came, found by content. */
export class TextIndex {
  readonly #heap: TextHeap;
  /** Hash of each text, so that growing reads no text again. */
  #hashes: Uint32Array;
  /** Number of a text + 1; 0 = free. A power of two long, at most half full. */
  #slots: Int32Array;

  constructor(capacity: { readonly texts: number; readonly bytes: number } = { texts: 16, bytes: 256 }) {
    this.#heap = new TextHeap(capacity);
    this.#hashes = new Uint32Array(Math.max(1, capacity.texts));
    this.#slots = new Int32Array(slotsFor(capacity.texts));
  }

  get size(): number {
    return this.#heap.size;
  }

  get byteLength(): number {
    return this.#heap.byteLength;
  }

  reserve(texts: number, bytes: number): void {
    this.#heap.reserve(texts, bytes);
    this.#makeRoom(this.size + texts);
  }

  /** The number of the text, a new one if it was not there. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end);
    const slot = this.#slotOf(bytes, start, end, hash);
    const found = this.#slots[slot] ?? 0;
    if (found !== 0) return found - 1;
    const index = this.#heap.push(bytes, start, end);
    if (index >= this.#hashes.length) this.#hashes = grown(this.#hashes, new Uint32Array(index * 2));
    this.#hashes[index] = hash;
    this.#slots[slot] = index + 1;
    if (this.size * 2 > this.#slots.length) this.#makeRoom(this.size * 2);
    return index;
  }

  addText(text: string): number {
    const bytes = utf8(text);
    return this.add(bytes, 0, bytes.length);
  }

  /** -1 when it is not there. */
  find(text: string): number {
    const bytes = utf8(text);
    return (this.#slots[this.#slotOf(bytes, 0, bytes.length, hashOf(bytes, 0, bytes.length))] ?? 0) - 1;
  }

  /** Whether the text of that number is these bytes; of a number that was never given out, no. */
  is(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    return index >= 0 && index < this.size && this.#heap.equals(index, bytes, start, end);
  }

  textAt(index: number): string {
    return this.#heap.textAt(index);
  }

  bytesAt(index: number): Uint8Array {
    return this.#heap.bytesAt(index);
  }

  compare(a: number, b: number): number {
    return this.#heap.compare(a, b);
  }

  #slotOf(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const found = this.#slots[slot] ?? 0;
      if (found === 0 || (this.#hashes[found - 1] === hash && this.#heap.equals(found - 1, bytes, start, end))) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #makeRoom(texts: number): void {
    if (texts > this.#hashes.length) this.#hashes = grown(this.#hashes, new Uint32Array(texts));
    if (slotsFor(texts) <= this.#slots.length) return;
    const slots = new Int32Array(slotsFor(texts));
    for (const number of this.#slots) {
      if (number === 0) continue;
      let slot = (this.#hashes[number - 1] ?? 0) & (slots.length - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = number;
    }
    this.#slots = slots;
  }
}

/** `larger` with the content of `array`. */
export function grown<T extends Uint8Array | Int32Array | Uint32Array | Float64Array>(array: T, larger: T): T {
  larger.set(array);
  return larger;
}

function slotsFor(texts: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(16, texts * 2)));
}

/** FNV-1a with a last stir, for the low bits choose the slot. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
