/**
 * Rows by identity, (keys, event time) or keys alone: an open-addressing table over hashes of the columns as they lie.
 * A million rows are looked up without an object each. Rows with a null in their identity share it with none.
 */
import { LakefoldError } from '../core/errors.ts';
import { type Batch, isNullAt, type Vector, valueAt, vectorNamed } from '../core/batch.ts';
import { identityPart } from './row-identity.ts';

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

class IdentityTable {
  readonly #vectors: readonly Vector[];
  readonly #hashes: Int32Array;
  readonly #nulls: Uint8Array | undefined;
  /** Row + 1 by hash; 0 = free. At most half full. */
  readonly #slots: Int32Array;
  readonly #mask: number;

  constructor(batch: Batch, columns: readonly string[]) {
    this.#vectors = columns.map((name) => vectorNamed(batch, name));
    this.#hashes = hashRows(this.#vectors, batch.rowCount);
    this.#nulls = nullRows(this.#vectors, batch.rowCount);
    let capacity = 16;
    while (capacity < batch.rowCount * 2) capacity *= 2;
    this.#slots = new Int32Array(capacity);
    this.#mask = capacity - 1;
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
    const hashes = hashRows(vectors, batch.rowCount);
    const nulls = nullRows(vectors, batch.rowCount);
    const found = new Int32Array(batch.rowCount).fill(-1);
    for (let row = 0; row < batch.rowCount; row += 1) {
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

function hashRows(vectors: readonly Vector[], rowCount: number): Int32Array {
  const hashes = new Int32Array(rowCount);
  for (const vector of vectors) addHashes(hashes, vector);
  for (let row = 0; row < rowCount; row += 1) hashes[row] = scattered(hashes[row] ?? 0);
  return hashes;
}

const PRIME = 0x01000193;
const GOLDEN = 0x9e3779b1;

// A loop a storage: the values are what is hashed most often of all.
function addHashes(hashes: Int32Array, { values, type }: Vector): void {
  if (values instanceof BigInt64Array) {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    for (let row = 0; row < hashes.length; row += 1) {
      const low = Math.imul((hashes[row] ?? 0) ^ (words[row * 2] ?? 0), GOLDEN);
      hashes[row] = Math.imul((low ^ (low >>> 15)) + (words[row * 2 + 1] ?? 0), GOLDEN);
    }
  } else if (values instanceof Int32Array) {
    for (let row = 0; row < hashes.length; row += 1) hashes[row] = Math.imul((hashes[row] ?? 0) ^ (values[row] ?? 0), GOLDEN) ^ 0x5bd1e995;
  } else if (type.kind === 'string') {
    for (let row = 0; row < hashes.length; row += 1) {
      const value = values[row];
      if (typeof value === 'string') hashes[row] = textHash(hashes[row] ?? 0, value);
    }
  } else {
    for (let row = 0; row < hashes.length; row += 1) {
      const value = values[row];
      if (value !== undefined && value !== null) hashes[row] = textHash(hashes[row] ?? 0, identityPart(value));
    }
  }
}

function textHash(seed: number, text: string): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return Math.imul(hash ^ (hash >>> 13), GOLDEN);
}

function scattered(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}
