/** The newest row of every key of a table at one version, encoded, in parts that fit into memory. */
import type { Batch } from '../core/batch.ts';
import { compareBytes } from '../core/bytes.ts';
import { LOAD_BYTES_MAX } from '../core/limits.ts';
import { storable, type StorableRow } from './fold.ts';
import type { FoldGroup } from './fold-group.ts';
import type { FoldSource } from './fold-source.ts';
import { newestRows, orderOf, type RankedRow } from './newest-rows.ts';

/** What a held row takes beside its bytes. */
const ROW_OVERHEAD_BYTES = 200;
const HASHES = 2 ** 32;

export interface PartsInput {
  readonly source: FoldSource;
  readonly group: FoldGroup;
  readonly version: number;
  /** Called after every batch of rows. */
  readonly goOn?: () => Promise<void>;
  readonly bytesMax?: number;
}

/** Encoded: of a batch one row keeps nothing but itself. */
export interface NewestRow {
  readonly eventTime: bigint;
  readonly order: Uint8Array;
  /** Undefined where no item can hold the row. */
  readonly stored: StorableRow | undefined;
}

export interface Part {
  /** By token, expired ones included. */
  readonly rows: ReadonlyMap<string, NewestRow>;
  /** Whether a key, there or not, belongs to this part. */
  readonly has: (token: string) => boolean;
  /** Rows without key or event time (U13); all of them in the first part. */
  readonly invalid: number;
}

/** Every key is in one part. Each part reads all files: as many keys as fit go into one. */
export async function* newestInParts(input: PartsInput): AsyncIterable<Part> {
  for (let from = 0; from < HASHES;) {
    const { end, ...part } = await collectPart(input, from);
    yield part;
    from = end;
  }
}

interface Held extends NewestRow {
  readonly hash: number;
}

/** Of the keys whose hash is in `[from, end)`: the more there are, the less `end`. */
async function collectPart(input: PartsInput, from: number): Promise<Part & { readonly end: number }> {
  const { group, source, bytesMax = LOAD_BYTES_MAX } = input;
  const rows = new Map<string, Held>();
  let [end, bytes, invalid] = [HASHES, 0, 0];
  for await (const batch of source.allRowsAt(input.version)) {
    const newest = await newestRows({ group, batches: once(batch), ingestedAtDefault: 0n });
    if (from === 0) invalid += newest.invalid;
    for (const row of newest.byToken.values()) {
      const hash = hashOf(row.token);
      const best = rows.get(row.token);
      if (hash < from || hash >= end || (best !== undefined && !isNewer(row, best))) continue;
      const stored = storable(group, row);
      bytes += sizeOf(stored) - (best === undefined ? 0 : sizeOf(best.stored));
      rows.set(row.token, { eventTime: row.eventTime, order: stored?.order ?? orderOf(row), hash, stored });
    }
    while (bytes > bytesMax && end - from > 1) {
      end = from + Math.ceil((end - from) / 2);
      for (const [token, { hash, stored }] of rows) {
        if (hash < end) continue;
        rows.delete(token);
        bytes -= sizeOf(stored);
      }
    }
    await input.goOn?.();
  }
  const last = end;
  return { rows, end, invalid, has: (token) => hashOf(token) >= from && hashOf(token) < last };
}

function isNewer(row: RankedRow, best: NewestRow): boolean {
  return row.eventTime > best.eventTime || (row.eventTime === best.eventTime && compareBytes(orderOf(row), best.order) > 0);
}

async function* once(batch: Batch): AsyncIterable<Batch> {
  yield batch;
}

function sizeOf(row: StorableRow | undefined): number {
  return ROW_OVERHEAD_BYTES + (row === undefined ? 0 : row.key.length + row.payload.length);
}

/** FNV-1a over UTF-16 units: only spreads keys over parts. */
function hashOf(token: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < token.length; i += 1) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
