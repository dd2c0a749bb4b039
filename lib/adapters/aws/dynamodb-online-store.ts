/** The online store in a DynamoDB table (storage.md §4). */
import { ConditionalCheckFailedException, DeleteItemCommand, GetItemCommand, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { QueryCommandOutput } from '@aws-sdk/client-dynamodb';
import { mapConcurrent } from '../../core/concurrency.ts';
import { ONLINE_WRITE_CONCURRENCY } from '../../core/limits.ts';
import { distinctRequests, isSamePosition, refusedEdit, refusedMerge, storableWatermark } from '../../ports/online-rules.ts';
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
import { backupsKeptMillis } from './dynamodb-backups.ts';
import { readBatches } from './dynamodb-batch-read.ts';
import { keysOfPartition, writeBatches } from './dynamodb-bulk-write.ts';
import { abortable, callRepeatedly } from './dynamodb-calls.ts';
import type { DynamoDbDeps } from './dynamodb-calls.ts';
import { dynamoDbFaultOf, isRepeatable, sdkAttemptsOf, translateDynamoDbError } from './dynamodb-errors.ts';
import {
  decodeItem,
  decodeKey,
  decodeWatermark,
  editUpdate,
  healUpdate,
  itemKeyOf,
  keyId,
  loadedAttributes,
  mergeUpdate,
  shardPartition,
  watermarkKeyOf,
  watermarkUpdate,
} from './dynamodb-online-items.ts';
import type { Attributes, ItemUpdate } from './dynamodb-online-items.ts';
import { WritePace } from './dynamodb-pace.ts';

/** A lookup that is not answered by then is of no use to its caller, ms. */
const READ_TIME_MAX_MILLIS = 2000;
/** One conditional write, its repetitions included, ms. Throttled partitions split within seconds. */
const WRITE_TIME_MAX_MILLIS = 10_000;
/** One page of a scan, ms. */
const SCAN_TIME_MAX_MILLIS = 20_000;
/** A batch of a load or a clearing that makes no progress, ms: the table may have to grow first. */
const BULK_TIME_MAX_MILLIS = 60_000;
/** Keys of one page of a clearing. */
const CLEAR_PAGE_KEYS = 1000;

export interface DynamoDbOnlineStoreOptions {
  readonly table: string;
  readonly readTimeMaxMillis?: number;
  /** Of each row: rows are written side by side, and the caller's signal bounds the whole. */
  readonly writeTimeMaxMillis?: number;
}

/** Why a condition failed, told by the item that was there, and whether that item is what this very write brings. */
interface Refusal {
  readonly kind: 'duplicate' | 'stale';
  readonly isOwn: boolean;
}

/** An `OnlineStore` of conditional updates that commute; `close` leaves the client to its owner. */
export class DynamoDbOnlineStore implements OnlineStore {
  readonly #deps: DynamoDbDeps;
  readonly #options: DynamoDbOnlineStoreOptions;
  readonly #pace = new WritePace({ concurrencyMax: ONLINE_WRITE_CONCURRENCY });

  constructor(deps: DynamoDbDeps, options: DynamoDbOnlineStoreOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async read(
    request: { readonly items: readonly OnlineReadRequest[]; readonly watermarks: readonly OnlineTable[] },
    options: OnlineReadOptions = {},
  ): Promise<{ readonly items: readonly OnlineRead[]; readonly watermarks: readonly (Watermark | undefined | 'failed')[]; readonly storeRequests: number }> {
    const { distinct, places } = distinctRequests(request.items);
    const itemKeys = distinct.map(({ table, key }) => itemKeyOf(table, key));
    const watermarkKeys = request.watermarks.map(watermarkKeyOf);
    const keys = [...itemKeys, ...new Map(watermarkKeys.map((key) => [key.p.S, key])).values()];
    const { found, failed, requests } = await readBatches(this.#deps, keys, {
      table: this.#options.table,
      consistent: options.consistent === true,
      timeMaxMillis: this.#options.readTimeMaxMillis ?? READ_TIME_MAX_MILLIS,
      signal: options.signal,
    });
    const reads = itemKeys.map(({ p, k }): OnlineRead => {
      const id = keyId(p.S, k.B);
      if (failed.has(id)) return { kind: 'failed', cause: failed.get(id) };
      const attributes = found.get(id);
      return attributes === undefined ? { kind: 'absent' } : { kind: 'item', item: decodeItem(attributes) };
    });
    const watermarks = watermarkKeys.map(({ p, k }) => (failed.has(keyId(p.S, k.B)) ? 'failed' : decodeWatermark(found.get(keyId(p.S, k.B)))));
    return { items: places.map((place) => reads[place] ?? { kind: 'absent' }), watermarks, storeRequests: requests };
  }

  async merge(table: OnlineTable, rows: readonly OnlineRow[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    return mapConcurrent(rows, { concurrencyMax: ONLINE_WRITE_CONCURRENCY }, (row) =>
      this.#write(mergeUpdate(table, row), { ...options, refusal: (stored) => ({ kind: refusedMerge(stored, row), isOwn: stored?.commit === row.commit }) }),
    );
  }

  async edit(table: OnlineTable, edits: readonly OnlineEdit[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    return mapConcurrent(edits, { concurrencyMax: ONLINE_WRITE_CONCURRENCY }, (edit) =>
      this.#write(editUpdate(table, edit), { ...options, refusal: (stored) => ({ kind: refusedEdit(stored, edit), isOwn: true }) }),
    );
  }

  async load(table: OnlineTable, rows: readonly OnlineRow[], options: RequestOptions = {}): Promise<void> {
    const requests = rows.map((row) => ({ PutRequest: { Item: loadedAttributes(table, row) } }));
    await writeBatches(this.#deps, requests, { ...options, table: this.#options.table, timeMaxMillis: BULK_TIME_MAX_MILLIS });
  }

  async heal(table: OnlineTable, heals: readonly OnlineHeal[], options: RequestOptions = {}): Promise<readonly OnlineWrite[]> {
    return mapConcurrent(heals, { concurrencyMax: ONLINE_WRITE_CONCURRENCY }, async (heal) => {
      const outcome = await this.#write(healUpdate(table, heal), {
        ...options,
        refusal: (stored) => ({ kind: refusedEdit(stored, heal), isOwn: true }),
      });
      return outcome === 'duplicate' ? 'stale' : outcome;
    });
  }

  async clear(table: OnlineTable, options: RequestOptions & { readonly itemsMax: number }): Promise<boolean> {
    let left = options.itemsMax;
    for (let shard = 0; shard < table.shards; shard += 1) {
      for (let isAll = false; !isAll;) {
        if (left <= 0) return false;
        const keysMax = Math.min(left, CLEAR_PAGE_KEYS);
        const page = await this.#calling('read from', { ...options, timeMaxMillis: SCAN_TIME_MAX_MILLIS }, () =>
          keysOfPartition(this.#deps, shardPartition(table, shard), { ...options, table: this.#options.table, keysMax }),
        );
        const requests = page.keys.map((key) => ({ DeleteRequest: { Key: key } }));
        await writeBatches(this.#deps, requests, { ...options, table: this.#options.table, timeMaxMillis: BULK_TIME_MAX_MILLIS });
        left -= page.keys.length;
        isAll = page.isAll;
      }
    }
    return true;
  }

  async watermark(table: OnlineTable, options: OnlineReadOptions = {}): Promise<Watermark | undefined> {
    const request = { TableName: this.#options.table, Key: { ...watermarkKeyOf(table) }, ...(options.consistent === true ? { ConsistentRead: true } : {}) };
    const answer = await this.#calling('read from', { ...options, timeMaxMillis: this.#options.readTimeMaxMillis ?? READ_TIME_MAX_MILLIS }, () =>
      this.#deps.client.send(new GetItemCommand(request), abortable(options)),
    );
    return decodeWatermark(answer.Item);
  }

  async moveWatermark(
    table: OnlineTable,
    move: { readonly expected: Watermark | undefined; readonly next: Watermark },
    options: RequestOptions = {},
  ): Promise<boolean> {
    const next = storableWatermark(move.next);
    const update = watermarkUpdate(table, { expected: move.expected === undefined ? undefined : storableWatermark(move.expected), next });
    // Whoever stands where we wanted to go has done the same work, so a move that may be ours is.
    const refusal = (attributes: Attributes | undefined): boolean => isSamePosition(decodeWatermark(attributes), next);
    return this.#calling('write to', { ...options, timeMaxMillis: this.#writeTimeMax }, async ({ mayHaveLanded }) => {
      const outcome = await this.#update(update, options);
      return outcome.kind === 'applied' || ((mayHaveLanded || outcome.mayHaveLanded) && refusal(outcome.stored));
    });
  }

  async forget(table: OnlineTable, keys: readonly EntityKey[], options: RequestOptions = {}): Promise<void> {
    await mapConcurrent(keys, { concurrencyMax: ONLINE_WRITE_CONCURRENCY }, (key) =>
      this.#calling('write to', { ...options, timeMaxMillis: this.#writeTimeMax }, () => this.#deleteMark(table, key, options)),
    );
  }

  async backupsKeptMillis(): Promise<number | undefined> {
    return this.#calling('read backups of', { timeMaxMillis: SCAN_TIME_MAX_MILLIS }, () => backupsKeptMillis(this.#deps.client, this.#options.table));
  }

  async *scan(table: OnlineTable, options: RequestOptions = {}): AsyncIterable<{ readonly key: EntityKey; readonly item: OnlineItem }> {
    for (let shard = 0; shard < table.shards; shard += 1) {
      let start: Attributes | undefined;
      do {
        const page = await this.#scanPage(shardPartition(table, shard), start, options);
        for (const attributes of page.Items ?? []) yield { key: decodeKey(attributes), item: decodeItem(attributes) };
        start = page.LastEvaluatedKey;
      } while (start !== undefined);
    }
  }

  async close(): Promise<void> {}

  get #writeTimeMax(): number {
    return this.#options.writeTimeMaxMillis ?? WRITE_TIME_MAX_MILLIS;
  }

  #scanPage(partition: string, start: Attributes | undefined, options: RequestOptions): Promise<QueryCommandOutput> {
    const request = {
      TableName: this.#options.table,
      KeyConditionExpression: 'p = :p',
      ExpressionAttributeValues: { ':p': { S: partition } },
      ConsistentRead: true,
      ...(start === undefined ? {} : { ExclusiveStartKey: start }),
    };
    return this.#calling('read from', { ...options, timeMaxMillis: SCAN_TIME_MAX_MILLIS }, () =>
      this.#deps.client.send(new QueryCommand(request), abortable(options)),
    );
  }

  async #deleteMark(table: OnlineTable, key: EntityKey, options: RequestOptions): Promise<void> {
    const request = {
      TableName: this.#options.table,
      Key: { ...itemKeyOf(table, key) },
      ConditionExpression: 'd = :d',
      ExpressionAttributeValues: { ':d': { N: '1' } },
    };
    try {
      await this.#deps.client.send(new DeleteItemCommand(request), abortable(options));
    } catch (error) {
      if (dynamoDbFaultOf(error) !== 'condition') throw error;
    }
  }

  async #write(update: ItemUpdate, options: RequestOptions & { readonly refusal: (stored: OnlineItem | undefined) => Refusal }): Promise<OnlineWrite> {
    try {
      return await callRepeatedly(
        this.#deps,
        async ({ mayHaveLanded }) => {
          const outcome = await this.#update(update, options);
          if (outcome.kind === 'applied') return 'applied';
          const { kind, isOwn } = options.refusal(outcome.stored === undefined ? undefined : decodeItem(outcome.stored));
          return kind === 'duplicate' && isOwn && (mayHaveLanded || outcome.mayHaveLanded) ? 'applied' : kind;
        },
        { timeMaxMillis: this.#writeTimeMax, signal: options.signal },
      );
    } catch (error) {
      if (options.signal?.aborted !== true && isRepeatable(dynamoDbFaultOf(error))) return 'failed';
      throw translateDynamoDbError(error, { action: 'write to', table: this.#options.table, signal: options.signal });
    }
  }

  /** One try of a conditional update. */
  async #update(
    update: ItemUpdate,
    options: RequestOptions,
  ): Promise<{ readonly kind: 'applied' } | { readonly kind: 'refused'; readonly stored: Attributes | undefined; readonly mayHaveLanded: boolean }> {
    try {
      const command = new UpdateItemCommand({ TableName: this.#options.table, ...update, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' });
      await this.#pace.run(() => this.#deps.client.send(command, abortable(options)));
      return { kind: 'applied' };
    } catch (error) {
      if (dynamoDbFaultOf(error) !== 'condition') throw error;
      return { kind: 'refused', stored: itemOf(error), mayHaveLanded: sdkAttemptsOf(error) > 1 };
    }
  }

  async #calling<Result>(
    action: string,
    options: RequestOptions & { readonly timeMaxMillis: number },
    attempt: (context: { readonly mayHaveLanded: boolean }) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await callRepeatedly(this.#deps, attempt, { timeMaxMillis: options.timeMaxMillis, signal: options.signal });
    } catch (error) {
      throw translateDynamoDbError(error, { action, table: this.#options.table, signal: options.signal });
    }
  }
}

/** The item that made a condition fail. */
function itemOf(error: unknown): Attributes | undefined {
  return error instanceof ConditionalCheckFailedException ? error.Item : undefined;
}
