/** `_ingested_at` (semantics §0): when rows were received, strictly growing per table as far as this writer can know. */
import { type Batch, type Vector, vectorNamed } from '../../core/batch.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { epochMicros, type EpochMicros } from '../../core/time.ts';
import type { Column } from '../../core/types.ts';
import { extremes } from '../../delta/statistics/extremes.ts';
import { lastOfEachIdentity } from '../../delta/snapshot/identity-index.ts';
import { boundsOf } from '../../delta/rows/read.ts';
import { identityOver } from '../../delta/rows/row-identity.ts';
import type { Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import type { Clock } from '../../ports/clock.ts';

export const INGESTED_AT_COLUMN: Column = { name: INGESTED_AT, type: { kind: 'timestamp' }, nullable: true };

/** Issues receipt times of one process. */
export class ReceiptClock {
  readonly #clock: Clock;
  #lastIssued = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The first of `count` consecutive receipt times after everything `base` has seen: `max(now, newest of base + 1, last issued + 1)`. */
  issue(base: Snapshot, count: number): EpochMicros {
    const newest = newestReceiptBound(base);
    const candidates = [this.#clock.nowMicros(), newest === undefined ? 0n : newest + 1n, this.#lastIssued + 1n];
    const first = candidates.reduce((max, value) => (value > max ? value : max));
    this.#lastIssued = first + BigInt(Math.max(0, count - 1));
    return epochMicros(first);
  }
}

const bounds = new WeakMap<Snapshot, bigint | undefined>();

/** An upper bound of the receipts in a snapshot, from file statistics; undefined when it holds none. */
export function newestReceiptBound(snapshot: Snapshot): bigint | undefined {
  if (bounds.has(snapshot)) return bounds.get(snapshot);
  let newest: bigint | undefined;
  for (const file of snapshot.files.values()) {
    const { max } = boundsOf(snapshot, file, INGESTED_AT);
    const bound = typeof max === 'bigint' ? max : BigInt(file.modificationTime) * 1000n + 999n;
    if (newest === undefined || bound > newest) newest = bound;
  }
  bounds.set(snapshot, newest);
  return newest;
}

/**
 * Tells the bound of a snapshot just committed on `before`, so that the next write need not look at every file. Where
 * others committed in between, their rows count too, and the files are looked at.
 */
export function rememberReceipt(before: Snapshot, after: Snapshot, newest: bigint | undefined): void {
  if (after.version !== before.version + 1) return;
  const known = newestReceiptBound(before);
  bounds.set(after, known === undefined ? newest : newest === undefined || known > newest ? known : newest);
}

/**
 * The rows with their receipts as last column. `later` of an appended batch's rows of one identity get +1 µs each, in
 * the batch's order, so that the last is the newest.
 */
export function withReceipts(batch: Batch, first: bigint, identity: readonly string[] | undefined): Batch {
  const values = new BigInt64Array(batch.rowCount).fill(first);
  if (identity !== undefined && holdsTies(batch, identity)) {
    const identityOf = identityOver(batch, identity);
    const seen = new Map<string, bigint>();
    for (let i = 0; i < batch.rowCount; i += 1) {
      const key = identityOf(i) ?? `\0${i}`;
      const earlier = seen.get(key);
      const receipt = earlier === undefined ? first : earlier + 1n;
      values[i] = receipt;
      seen.set(key, receipt);
    }
  }
  const vector: Vector = { type: INGESTED_AT_COLUMN.type, length: batch.rowCount, values };
  return { columns: [...batch.columns, INGESTED_AT_COLUMN], vectors: [...batch.vectors, vector], rowCount: batch.rowCount };
}

/** Without one, no row is looked at by itself. */
function holdsTies(batch: Batch, identity: readonly string[]): boolean {
  return identity.length === 0 ? batch.rowCount > 1 : lastOfEachIdentity(batch, identity).length < batch.rowCount;
}

/** Newest receipt in rows made by `withReceipts`. */
export function newestOf(batch: Batch): bigint | undefined {
  if (batch.rowCount === 0) return undefined;
  const { values } = vectorNamed(batch, INGESTED_AT);
  if (!(values instanceof BigInt64Array)) return undefined;
  const { max } = extremes(INGESTED_AT_COLUMN.type, { values, length: batch.rowCount });
  return typeof max === 'bigint' ? max : undefined;
}
