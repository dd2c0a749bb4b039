/** The newest row of every key among many (U3), by the order of semantics §0; digests are computed only to break ties. */
import type { Batch } from '../core/batch.ts';
import { compareBytes } from '../core/bytes.ts';
import { orderBytes } from '../core/order.ts';
import { bindFoldRows, type FoldGroup, type FoldRows } from './fold-group.ts';

/** A row in its batch, with its place in the order of its entity. */
export interface RankedRow {
  readonly token: string;
  readonly rows: FoldRows;
  readonly index: number;
  readonly eventTime: bigint;
  readonly ingestedAt: bigint;
}

export interface NewestRows {
  readonly byToken: ReadonlyMap<string, RankedRow>;
  readonly rowCount: number;
  /** Rows that lost to another of the same key. */
  readonly superseded: number;
  /** Rows without key or event time (U13). */
  readonly invalid: number;
}

export interface NewestRowsInput {
  readonly group: FoldGroup;
  readonly batches: AsyncIterable<Batch>;
  /** µs, for rows whose `_ingested_at` is null. */
  readonly ingestedAtDefault: bigint;
  /** Keys to look at; all when absent. */
  readonly tokens?: { has(token: string): boolean };
  /** Told of every row without key or event time. */
  readonly onInvalid?: (row: InvalidRow) => void;
}

/** A row that no read can see (U13). */
export interface InvalidRow {
  readonly batch: Batch;
  readonly index: number;
  /** Among the rows that were read. */
  readonly position: number;
}

/** Reads every batch once; memory is bounded by the batches that hold a winner. */
export async function newestRows(input: NewestRowsInput): Promise<NewestRows> {
  const byToken = new Map<string, RankedRow>();
  let [rowCount, superseded, invalid] = [0, 0, 0];
  for await (const batch of input.batches) {
    const rows = bindFoldRows(input.group, batch, { ingestedAtDefault: input.ingestedAtDefault });
    rowCount += rows.rowCount;
    for (let index = 0; index < rows.rowCount; index += 1) {
      const token = rows.token(index);
      const eventTime = rows.eventTime(index);
      if (token === undefined || eventTime === undefined) {
        invalid += 1;
        input.onInvalid?.({ batch, index, position: rowCount - rows.rowCount + index });
        continue;
      }
      if (input.tokens !== undefined && !input.tokens.has(token)) continue;
      const best = byToken.get(token);
      if (best === undefined) {
        byToken.set(token, { token, rows, index, eventTime, ingestedAt: rows.ingestedAt(index) });
        continue;
      }
      superseded += 1;
      if (eventTime < best.eventTime) continue;
      const row: RankedRow = { token, rows, index, eventTime, ingestedAt: rows.ingestedAt(index) };
      if (compareRanked(row, best) > 0) byToken.set(token, row);
    }
  }
  return { byToken, rowCount, superseded, invalid };
}

/** Positive when `a` is the newer record of the two. */
export function compareRanked(a: RankedRow, b: RankedRow): number {
  if (a.eventTime !== b.eventTime) return a.eventTime < b.eventTime ? -1 : 1;
  if (a.ingestedAt !== b.ingestedAt) return a.ingestedAt < b.ingestedAt ? -1 : 1;
  return compareBytes(a.rows.digest(a.index), b.rows.digest(b.index));
}

export function orderOf(row: RankedRow): Uint8Array {
  return orderBytes(row.eventTime, row.ingestedAt, row.rows.digest(row.index));
}
