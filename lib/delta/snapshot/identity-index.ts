/**
 * Rows by identity, (keys, event time) or keys alone: an open-addressing table over hashes of the columns as they lie.
 * A million rows are looked up without an object each. Rows with a null in their identity share it with none.
 */
import { LakefoldError } from '../../core/errors.ts';
import { type Batch, isNullAt, type Vector, valueAt, vectorNamed } from '../../core/batch.ts';
import { identityPart } from '../rows/row-identity.ts';

/** For each row of a batch the row of the indexed one with its identity, or -1. */
export type IdentityLookup = (batch: Batch) => Int32Array;

export function indexIdentities(batch: Batch, columns: readonly string[]): IdentityLookup {
  const table = new IdentityTable(batch, columns);
  for (let row = 0; row < batch.rowCount; row += 1) table.insert(row);
  return (other) => table.lookUp(other, columns);
}

/** Rows that are the last of their identity, ascending. @throws LakefoldError INVALID_ARGUMENT without columns: every row would be the same */
export function lastOfEachIdentity(batch: Batch, columns: readonly string[]): Uint32Array {
  if (columns.length === 0) throw new LakefoldError('INVALID_ARGUMENT', 'expected at least one column as keys, found none', { context: { field: 'keys' } });
  const table = new IdentityTable(batch, columns);
  const kept: number[] = [];
  for (let row = batch.rowCount - 1; row >= 0; row -= 1) if (table.insert(row)) kept.push(row);
  return Uint32Array.from(kept.reverse());
}

/** Bits of the filter a row of the index, at least. */
const FILTER_BITS = 16;

class IdentityTable {
  readonly #vectors: readonly Vector[];
  readonly #hashes: Int32Array;
  readonly #nulls: Uint8Array | undefined;
  /** Row + 1 by hash; 0 = free. At most half full. */
  readonly #slots: Int32Array;
  readonly #mask: number;
  /** A bit a hash of the columns that are quick to hash: of a row whose bit is off the others, texts above all, are not looked at. */
  readonly #filter: Int32Array | undefined;

  constructor(batch: Batch, columns: readonly string[]) {
    this.#vectors = columns.map((name) => vectorNamed(batch, name));
    this.#nulls = nullRows(this.#vectors, batch.rowCount);
    this.#slots = new Int32Array(powerOfTwo(batch.rowCount * 2));
    this.#mask = this.#slots.length - 1;
    const hashes = new Int32Array(batch.rowCount);
    const quick = this.#vectors.filter(isQuick);
    for (const vector of quick) addQuickHashes(hashes, vector);
    this.#filter = quick.length === 0 ? undefined : filterOf(hashes);
    addOtherHashes(hashes, this.#vectors, allRows(batch.rowCount));
    this.#hashes = hashes;
  }

  /** False when its identity is there already. */
  insert(row: number): boolean {
    if (this.#nulls?.[row] === 1) return true;
    const hash = this.#hashes[row] ?? 0;
    let slot = hash & this.#mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const other = (this.#slots[slot] ?? 0) - 1;
      if (this.#hashes[other] === hash && areEqual(this.#vectors, other, { vectors: this.#vectors, row })) return false;
    }
    this.#slots[slot] = row + 1;
    return true;
  }

  lookUp(batch: Batch, columns: readonly string[]): Int32Array {
    const vectors = columns.map((name) => vectorNamed(batch, name));
    const nulls = nullRows(vectors, batch.rowCount);
    const found = new Int32Array(batch.rowCount).fill(-1);
    const hashes = new Int32Array(batch.rowCount);
    for (const vector of vectors.filter(isQuick)) addQuickHashes(hashes, vector);
    const rows = this.#filter === undefined ? allRows(batch.rowCount) : rowsInFilter(hashes, this.#filter);
    addOtherHashes(hashes, vectors, rows);
    for (const row of rows) {
      if (nulls !== undefined && nulls[row] === 1) continue;
      const hash = hashes[row] ?? 0;
      for (let slot = hash & this.#mask; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
        const other = (this.#slots[slot] ?? 0) - 1;
        if (this.#hashes[other] !== hash || !areEqual(this.#vectors, other, { vectors, row })) continue;
        found[row] = other;
        break;
      }
    }
    return found;
  }
}

function powerOfTwo(least: number): number {
  let size = 32;
  while (size < least) size *= 2;
  return size;
}

function allRows(count: number): Uint32Array {
  const rows = new Uint32Array(count);
  for (let row = 0; row < count; row += 1) rows[row] = row;
  return rows;
}

function filterOf(hashes: Int32Array): Int32Array {
  const filter = new Int32Array(powerOfTwo(hashes.length * FILTER_BITS) >>> 5);
  const mask = filter.length - 1;
  for (let row = 0; row < hashes.length; row += 1) {
    const hash = scattered(hashes[row] ?? 0);
    filter[(hash >>> 5) & mask] = (filter[(hash >>> 5) & mask] ?? 0) | (1 << (hash & 31));
  }
  return filter;
}

function rowsInFilter(hashes: Int32Array, filter: Int32Array): Uint32Array {
  const rows = new Uint32Array(hashes.length);
  const mask = filter.length - 1;
  let count = 0;
  for (let row = 0; row < hashes.length; row += 1) {
    const hash = scattered(hashes[row] ?? 0);
    if ((((filter[(hash >>> 5) & mask] ?? 0) >>> (hash & 31)) & 1) === 1) rows[count++] = row;
  }
  return rows.subarray(0, count);
}

function areEqual(ours: readonly Vector[], row: number, theirs: { readonly vectors: readonly Vector[]; readonly row: number }): boolean {
  return ours.every((vector, i) => {
    const other = theirs.vectors[i];
    if (other === undefined) return false;
    const a = valueAt(vector, row);
    const b = valueAt(other, theirs.row);
    return a === b || (a !== null && b !== null && identityPart(a) === identityPart(b));
  });
}

function nullRows(vectors: readonly Vector[], rowCount: number): Uint8Array | undefined {
  if (vectors.every((vector) => vector.nulls === undefined && !Array.isArray(vector.values))) return undefined;
  const nulls = new Uint8Array(rowCount);
  for (const vector of vectors) for (let row = 0; row < rowCount; row += 1) if (isNullAt(vector, row)) nulls[row] = 1;
  return nulls;
}

const PRIME = 0x01000193;
const GOLDEN = 0x9e3779b1;

function isQuick({ values }: Vector): boolean {
  return values instanceof BigInt64Array || values instanceof Int32Array;
}

// A loop a storage: the values are what is hashed most often of all.
function addQuickHashes(hashes: Int32Array, { values }: Vector): void {
  if (values instanceof BigInt64Array) {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    for (let row = 0; row < hashes.length; row += 1) {
      const low = Math.imul((hashes[row] ?? 0) ^ (words[row * 2] ?? 0), GOLDEN);
      hashes[row] = Math.imul((low ^ (low >>> 15)) + (words[row * 2 + 1] ?? 0), GOLDEN);
    }
  } else if (values instanceof Int32Array) {
    for (let row = 0; row < hashes.length; row += 1) hashes[row] = Math.imul((hashes[row] ?? 0) ^ (values[row] ?? 0), GOLDEN) ^ 0x5bd1e995;
  }
}

/** The other columns, of `rows` alone. */
function addOtherHashes(hashes: Int32Array, vectors: readonly Vector[], rows: Uint32Array): void {
  for (const vector of vectors) {
    if (isQuick(vector)) continue;
    const { values, coded } = vector;
    if (coded !== undefined && vector.type.kind === 'string' && coded.words.length <= rows.length) {
      const wordHashes = Int32Array.from(coded.words, textHash);
      for (const row of rows) hashes[row] = joined(hashes[row] ?? 0, wordHashes[coded.codes[row] ?? -1] ?? 0);
      continue;
    }
    for (const row of rows) {
      const value = values[row];
      if (value === undefined || value === null) continue;
      hashes[row] = joined(hashes[row] ?? 0, textHash(vector.type.kind === 'string' && typeof value === 'string' ? value : identityPart(value)));
    }
  }
  for (const row of rows) hashes[row] = scattered(hashes[row] ?? 0);
}

function joined(hash: number, other: number): number {
  return Math.imul(hash ^ other, GOLDEN);
}

/** Of a text alone, so that of a column with few different ones each is hashed once. */
function textHash(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return Math.imul(hash ^ (hash >>> 13), GOLDEN);
}

function scattered(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}
