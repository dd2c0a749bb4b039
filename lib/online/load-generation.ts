/**
 * Loading a generation (U11): the newest row of every key at one version, written without conditions where nobody reads. It is
 * complete once it has a watermark; from then on it is published to like any other.
 */
import type { Batch } from '../core/batch.ts';
import { compareBytes } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { LOAD_BYTES_MAX } from '../core/limits.ts';
import { epochMillis } from '../core/time.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { OnlineRow, OnlineStore, OnlineTable } from '../ports/online-store.ts';
import type { Clock } from '../ports/clock.ts';
import { storable, type StorableRow } from './fold.ts';
import { isExpired, type FoldGroup } from './fold-group.ts';
import type { FoldSource } from './fold-source.ts';
import { newestRows, orderOf, type RankedRow } from './newest-rows.ts';

/** Rows of one call of the online store. */
const LOAD_ROWS_MAX = 2048;
/** What a held row takes beside its bytes. */
const ROW_OVERHEAD_BYTES = 200;
/** Items of an unfinished load of the same number that one call takes away. */
const LEFTOVERS_PER_CALL = 10_000;
const HASHES = 2 ** 32;

export interface LoadDeps {
  readonly online: OnlineStore;
  readonly clock: Pick<Clock, 'nowMicros'>;
}

export interface LoadInput {
  readonly table: OnlineTable;
  readonly source: FoldSource;
  readonly group: FoldGroup;
  readonly version: number;
  /** Called between batches; throws where the load is to be given up. */
  readonly goOn: () => Promise<void>;
  readonly bytesMax?: number;
}

export interface Loaded {
  readonly keys: number;
  /** Keys whose newest row is past its time to live (T5). */
  readonly expired: number;
  /** Rows without key or event time (U13), and rows that no item can hold. */
  readonly invalid: number;
}

/** @throws LakefoldError COMMIT_CONFLICT when somebody has finished this generation already; what `goOn` throws; STORE_* */
export async function loadGeneration(deps: LoadDeps, input: LoadInput, options: RequestOptions = {}): Promise<Loaded> {
  const { table, source, version } = input;
  // Never allotted twice; but a registry that was lost and listed again may have forgotten a number.
  while (!(await deps.online.clear(table, { ...options, itemsMax: LEFTOVERS_PER_CALL }))) await input.goOn();
  const totals = { keys: 0, expired: 0, invalid: 0 };
  for (let from = 0; from < HASHES;) {
    const part = await collectPart(deps, input, from);
    await writePart(deps, input, part.rows, options);
    totals.keys += part.rows.length;
    totals.expired += part.expired;
    totals.invalid += part.invalid;
    from = part.end;
  }
  const [commit] = version < 0 ? [] : await source.commits(version - 1, version);
  const next = { version, ahead: [], committedAt: epochMillis(commit?.committedAt ?? 0), tableId: source.tableId };
  if (!(await deps.online.moveWatermark(table, { expected: undefined, next }, options))) {
    throw new LakefoldError(
      'COMMIT_CONFLICT',
      `expected generation ${table.generation} of ${table.featureGroup}/${table.version} to be loaded once, found it complete`,
      {
        context: { generation: table.generation },
      },
    );
  }
  return totals;
}

interface Part {
  readonly rows: readonly StorableRow[];
  readonly expired: number;
  readonly invalid: number;
  /** First hash that is left for the next part. */
  readonly end: number;
}

/** A key's newest row so far, encoded: of a batch one row keeps nothing but itself. */
interface Held {
  readonly eventTime: bigint;
  readonly order: Uint8Array;
  readonly hash: number;
  /** Undefined where no item can hold the row. */
  readonly stored: StorableRow | undefined;
}

/** The newest rows of keys whose hash is in `[from, end)`: as many hashes as fit into memory. */
async function collectPart(deps: LoadDeps, input: LoadInput, from: number): Promise<Part> {
  const { group, source, bytesMax = LOAD_BYTES_MAX } = input;
  const now = deps.clock.nowMicros();
  const held = new Map<string, Held>();
  let [end, bytes, invalid] = [HASHES, 0, 0];
  for await (const batch of source.allRowsAt(input.version)) {
    const newest = await newestRows({ group, batches: once(batch), ingestedAtDefault: 0n });
    // Counted once, in the first part.
    if (from === 0) invalid += newest.invalid;
    for (const row of newest.byToken.values()) {
      const hash = hashOf(row.token);
      const best = held.get(row.token);
      if (hash < from || hash >= end || (best !== undefined && !isNewer(row, best))) continue;
      const stored = storable(group, row);
      bytes += sizeOf(stored) - (best === undefined ? 0 : sizeOf(best.stored));
      held.set(row.token, { eventTime: row.eventTime, order: stored?.order ?? orderOf(row), hash, stored });
    }
    while (bytes > bytesMax && end - from > 1) {
      end = from + Math.ceil((end - from) / 2);
      for (const [token, { hash, stored }] of held) {
        if (hash < end) continue;
        held.delete(token);
        bytes -= sizeOf(stored);
      }
    }
    await input.goOn();
  }
  const live = [...held.values()].filter(({ eventTime }) => !isExpired(group, eventTime, now));
  const rows = live.flatMap(({ stored }) => (stored === undefined ? [] : [stored]));
  return { rows, end, expired: held.size - live.length, invalid: invalid + live.length - rows.length };
}

function isNewer(row: RankedRow, best: Held): boolean {
  return row.eventTime > best.eventTime || (row.eventTime === best.eventTime && compareBytes(orderOf(row), best.order) > 0);
}

async function* once(batch: Batch): AsyncIterable<Batch> {
  yield batch;
}

async function writePart(deps: LoadDeps, input: LoadInput, rows: readonly StorableRow[], options: RequestOptions): Promise<void> {
  for (let start = 0; start < rows.length; start += LOAD_ROWS_MAX) {
    await input.goOn();
    const chunk = rows.slice(start, start + LOAD_ROWS_MAX).map((row): OnlineRow => ({ ...row, commit: input.version }));
    await deps.online.load(input.table, chunk, options);
  }
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
