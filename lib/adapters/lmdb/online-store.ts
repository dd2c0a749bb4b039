/** The online store on this machine: `online.lmdb`, shared by every process that opens the same folder. */
import { join } from 'node:path';
import { entityKey } from '../../core/keys.ts';
import { ONLINE_READ_KEYS_MAX } from '../../core/limits.ts';
import {
  decideEdit,
  decideHeal,
  decideMerge,
  distinctRequests,
  isSamePosition,
  loadedItem,
  onlineTableName,
  storableWatermark,
} from '../../ports/online-rules.ts';
import type { OnlineDecision } from '../../ports/online-rules.ts';
import type { EntityKey } from '../../core/keys.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type {
  OnlineEdit,
  OnlineHeal,
  OnlineItem,
  OnlineRead,
  OnlineReadOptions,
  OnlineReadRequest,
  OnlineRow,
  OnlineStore,
  OnlineTable,
  OnlineWrite,
  Watermark,
} from '../../ports/online-store.ts';
import { inWriteTransaction, plainBytes, readValue } from './environment.ts';
import type { BinaryDatabase } from './environment.ts';
import { SharedEnvironment } from './shared-environment.ts';
import { decodeItem, decodeItemHead, decodeWatermark, encodeItem, encodeWatermark, itemKey, itemKeyPrefix, watermarkKey } from './online-layout.ts';

/** Entries read in one go: a bound on what is held in memory, and on how long one reader keeps old pages from being used again. */
const SCAN_PAGE_ENTRIES = 1000;
const DATABASE = 'online';

/** Opens or creates `online.lmdb` in the folder `directory`. @throws LakefoldError STORE_UNAVAILABLE */
export function openLmdbOnlineStore(options: { readonly directory: string }): LmdbOnlineStore {
  return new LmdbOnlineStore(new SharedEnvironment(join(options.directory, 'online.lmdb')));
}

/** An `OnlineStore` whose every `merge`, `edit` and `moveWatermark` is one write transaction. */
export class LmdbOnlineStore implements OnlineStore {
  readonly #environment: SharedEnvironment;

  constructor(environment: SharedEnvironment) {
    this.#environment = environment;
  }

  async read(
    request: { readonly items: readonly OnlineReadRequest[]; readonly watermarks: readonly OnlineTable[] },
    options: OnlineReadOptions = {},
  ): Promise<{ readonly items: readonly OnlineRead[]; readonly watermarks: readonly (Watermark | undefined | 'failed')[]; readonly storeRequests: number }> {
    options.signal?.throwIfAborted();
    this.#database.resetReadTxn();
    const { distinct, places } = distinctRequests(request.items);
    const prefixes = new Map<OnlineTable, Uint8Array>();
    const reads = distinct.map(({ table, key }): OnlineRead => {
      const prefix = prefixes.get(table) ?? itemKeyPrefix(table);
      prefixes.set(table, prefix);
      const bytes = readValue(this.#database, itemKey(prefix, key));
      return bytes === undefined ? { kind: 'absent' } : { kind: 'item', item: decodeItem(bytes) };
    });
    const watermarkCount = new Set(request.watermarks.map(onlineTableName)).size;
    return {
      items: places.map((place) => reads[place] ?? { kind: 'absent' }),
      watermarks: request.watermarks.map((table) => this.#watermark(table)),
      storeRequests: Math.ceil((distinct.length + watermarkCount) / ONLINE_READ_KEYS_MAX),
    };
  }

  async merge(table: OnlineTable, rows: readonly OnlineRow[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    return this.#writeAll(table, rows, { ...options, decide: decideMerge });
  }

  async edit(table: OnlineTable, edits: readonly OnlineEdit[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    return this.#writeAll(table, edits, { ...options, decide: decideEdit });
  }

  async load(table: OnlineTable, rows: readonly OnlineRow[], options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const prefix = itemKeyPrefix(table);
    inWriteTransaction(this.#database, () => {
      for (const row of rows) this.#database.putSync(itemKey(prefix, row.key), encodeItem(loadedItem(row)));
    });
  }

  async heal(table: OnlineTable, heals: readonly OnlineHeal[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    return this.#writeAll(table, heals, { ...options, decide: decideHeal });
  }

  async clear(table: OnlineTable, options: RequestOptions & { readonly itemsMax: number }): Promise<boolean> {
    options.signal?.throwIfAborted();
    const { start, end } = rangeOf(table);
    return inWriteTransaction(this.#database, () => {
      const keys = Array.from(this.#database.getKeys({ start: Buffer.from(start), end: Buffer.from(end), limit: options.itemsMax }), plainBytes);
      for (const key of keys) this.#database.removeSync(key);
      return keys.length < options.itemsMax;
    });
  }

  async watermark(table: OnlineTable, options: OnlineReadOptions = {}): Promise<Watermark | undefined> {
    options.signal?.throwIfAborted();
    this.#database.resetReadTxn();
    return this.#watermark(table);
  }

  async moveWatermark(
    table: OnlineTable,
    move: { readonly expected: Watermark | undefined; readonly next: Watermark },
    options: RequestOptions = {},
  ): Promise<boolean> {
    options.signal?.throwIfAborted();
    const next = encodeWatermark(storableWatermark(move.next));
    return inWriteTransaction(this.#database, () => {
      if (!isSamePosition(this.#watermark(table), move.expected)) return false;
      this.#database.putSync(watermarkKey(table), next);
      return true;
    });
  }

  async forget(table: OnlineTable, keys: readonly EntityKey[], options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const prefix = itemKeyPrefix(table);
    inWriteTransaction(this.#database, () => {
      for (const key of keys) {
        const stored = readValue(this.#database, itemKey(prefix, key));
        if (stored !== undefined && decodeItemHead(stored).deleted) this.#database.removeSync(itemKey(prefix, key));
      }
    });
  }

  async scrub(): Promise<void> {
    await this.#environment.scrub([DATABASE]);
  }

  async *scan(table: OnlineTable, options: RequestOptions = {}): AsyncIterable<{ readonly key: EntityKey; readonly item: OnlineItem }> {
    const range = rangeOf(table);
    const { start: prefix, end } = range;
    let { start } = range;
    for (;;) {
      options.signal?.throwIfAborted();
      this.#database.resetReadTxn();
      const page = Array.from(this.#database.getRange({ start: Buffer.from(start), end: Buffer.from(end), limit: SCAN_PAGE_ENTRIES }), ({ key, value }) => ({
        key: plainBytes(key),
        value: plainBytes(value),
      }));
      for (const { key, value } of page) yield { key: entityKey(key.slice(prefix.length)), item: decodeItem(value) };
      const last = page.at(-1);
      if (last === undefined || page.length < SCAN_PAGE_ENTRIES) return;
      // The least key above the last one.
      start = new Uint8Array(last.key.length + 1);
      start.set(last.key);
    }
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }

  get #database(): BinaryDatabase {
    return this.#environment.database(DATABASE);
  }

  async #writeAll<Input extends { readonly key: EntityKey }>(
    table: OnlineTable,
    inputs: readonly Input[],
    options: RequestOptions & { readonly decide: (stored: OnlineItem | undefined, input: Input) => OnlineDecision },
  ): Promise<OnlineWrite[]> {
    options.signal?.throwIfAborted();
    if (inputs.length === 0) return [];
    const prefix = itemKeyPrefix(table);
    return inWriteTransaction(this.#database, () =>
      inputs.map((input) => {
        const key = itemKey(prefix, input.key);
        const stored = readValue(this.#database, key);
        const decision = options.decide(stored === undefined ? undefined : decodeItemHead(stored), input);
        if (decision.kind === 'applied') this.#database.putSync(key, encodeItem(decision.item));
        return decision.kind;
      }),
    );
  }

  #watermark(table: OnlineTable): Watermark | undefined {
    const bytes = readValue(this.#database, watermarkKey(table));
    return bytes === undefined ? undefined : decodeWatermark(bytes);
  }
}

/** Keys of all items of the table; the first is what each begins with. */
function rangeOf(table: OnlineTable): { readonly start: Uint8Array; readonly end: Uint8Array } {
  const start = itemKeyPrefix(table);
  const end = start.slice();
  end[end.length - 1] = 1;
  return { start, end };
}
