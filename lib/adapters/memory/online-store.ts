/** The online store in memory: the model the others are held against, and the store of tests and simulation. */
import { fromHex, toHex } from '../../core/bytes.ts';
import { entityKey } from '../../core/keys.ts';
import { ONLINE_READ_KEYS_MAX } from '../../core/limits.ts';
import {
  decideEdit,
  decideHeal,
  decideMerge,
  distinctRequests,
  loadedItem,
  isSamePosition,
  onlineTableName,
  storableWatermark,
} from '../../ports/online-rules.ts';
import type { OnlineDecision } from '../../ports/online-rules.ts';
import type { EntityKey } from '../../core/keys.ts';
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
import type { RequestOptions } from '../../ports/object-store.ts';

/** What decides a write. */
export interface OnlineRules {
  readonly decideMerge: typeof decideMerge;
  readonly decideEdit: typeof decideEdit;
}

/** An `OnlineStore` whose every call is atomic; bytes are copied on the way in and out. */
export class MemoryOnlineStore implements OnlineStore {
  readonly #rules: OnlineRules;
  readonly #items = new Map<string, Map<string, OnlineItem>>();
  readonly #watermarks = new Map<string, Watermark>();

  /** Rules other than the port's make a store that is wrong on purpose: a simulation shows what each condition is there for. */
  constructor(options: { readonly rules?: Partial<OnlineRules> } = {}) {
    this.#rules = { decideMerge, decideEdit, ...options.rules };
  }

  async read(
    request: { readonly items: readonly OnlineReadRequest[]; readonly watermarks: readonly OnlineTable[] },
    options: OnlineReadOptions = {},
  ): Promise<{ readonly items: readonly OnlineRead[]; readonly watermarks: readonly (Watermark | undefined | 'failed')[]; readonly storeRequests: number }> {
    options.signal?.throwIfAborted();
    const { distinct, places } = distinctRequests(request.items);
    const reads = distinct.map(({ table, key }): OnlineRead => {
      const item = this.#items.get(onlineTableName(table))?.get(toHex(key));
      return item === undefined ? { kind: 'absent' } : { kind: 'item', item: copyItem(item) };
    });
    const watermarkCount = new Set(request.watermarks.map(onlineTableName)).size;
    return {
      items: places.map((place) => reads[place] ?? { kind: 'absent' }),
      watermarks: request.watermarks.map((table) => this.#watermarks.get(onlineTableName(table))),
      storeRequests: Math.ceil((distinct.length + watermarkCount) / ONLINE_READ_KEYS_MAX),
    };
  }

  async merge(table: OnlineTable, rows: readonly OnlineRow[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    options.signal?.throwIfAborted();
    return rows.map((row) => this.#write(table, row.key, (stored) => this.#rules.decideMerge(stored, row)));
  }

  async edit(table: OnlineTable, edits: readonly OnlineEdit[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    options.signal?.throwIfAborted();
    return edits.map((edit) => this.#write(table, edit.key, (stored) => this.#rules.decideEdit(stored, edit)));
  }

  async load(table: OnlineTable, rows: readonly OnlineRow[], options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    for (const row of rows) this.#write(table, row.key, () => ({ kind: 'applied', item: loadedItem(row) }));
  }

  async heal(table: OnlineTable, heals: readonly OnlineHeal[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    options.signal?.throwIfAborted();
    return heals.map((heal) => this.#write(table, heal.key, (stored) => decideHeal(stored, heal)));
  }

  async clear(table: OnlineTable, options: RequestOptions & { readonly itemsMax: number }): Promise<boolean> {
    options.signal?.throwIfAborted();
    const items = this.#items.get(onlineTableName(table));
    for (const hex of [...(items?.keys() ?? [])].slice(0, options.itemsMax)) items?.delete(hex);
    return (items?.size ?? 0) === 0;
  }

  async watermark(table: OnlineTable, options: OnlineReadOptions = {}): Promise<Watermark | undefined> {
    options.signal?.throwIfAborted();
    return this.#watermarks.get(onlineTableName(table));
  }

  async moveWatermark(
    table: OnlineTable,
    move: { readonly expected: Watermark | undefined; readonly next: Watermark },
    options: RequestOptions = {},
  ): Promise<boolean> {
    options.signal?.throwIfAborted();
    const name = onlineTableName(table);
    const next = storableWatermark(move.next);
    if (!isSamePosition(this.#watermarks.get(name), move.expected)) return false;
    this.#watermarks.set(name, next);
    return true;
  }

  async forget(table: OnlineTable, keys: readonly EntityKey[], options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const items = this.#items.get(onlineTableName(table));
    for (const key of keys) if (items?.get(toHex(key))?.deleted === true) items.delete(toHex(key));
  }

  async *scan(table: OnlineTable, options: RequestOptions = {}): AsyncIterable<{ readonly key: EntityKey; readonly item: OnlineItem }> {
    // As it is when the scan begins: writes may go on meanwhile.
    const entries = Array.from(this.#items.get(onlineTableName(table)) ?? []);
    for (const [hex, item] of entries) {
      options.signal?.throwIfAborted();
      yield { key: entityKey(fromHex(hex)), item: copyItem(item) };
    }
  }

  async close(): Promise<void> {}

  #write(table: OnlineTable, key: EntityKey, decide: (stored: OnlineItem | undefined) => OnlineDecision): OnlineWrite {
    const name = onlineTableName(table);
    const items = this.#items.get(name) ?? new Map<string, OnlineItem>();
    this.#items.set(name, items);
    const decision = decide(items.get(toHex(key)));
    if (decision.kind === 'applied') items.set(toHex(key), copyItem(decision.item));
    return decision.kind;
  }
}

function copyItem(item: OnlineItem): OnlineItem {
  return {
    ...item,
    ...(item.order === undefined ? {} : { order: item.order.slice() }),
    ...(item.payload === undefined ? {} : { payload: item.payload.slice() }),
  };
}
