/** Unconditional writes of many items: loading a generation that nobody uses yet, and clearing one that nobody uses any more. */
import { BatchWriteItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import type { WriteRequest } from '@aws-sdk/client-dynamodb';
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { abortable, backoffMillis } from './dynamodb-calls.ts';
import type { DynamoDbDeps } from './dynamodb-calls.ts';
import { dynamoDbFaultOf, isRepeatable, translateDynamoDbError } from './dynamodb-errors.ts';
import { bytesOf } from './dynamodb-online-items.ts';
import type { Attributes } from './dynamodb-online-items.ts';

/** Items of one BatchWriteItem: its bound. */
const BATCH_ITEMS_MAX = 25;
/** Batches under way at once. */
const BATCH_CONCURRENCY = 8;

export interface BulkOptions extends RequestOptions {
  readonly table: string;
  /** Without progress, of each batch. */
  readonly timeMaxMillis: number;
}

/** Sends every request; what the store leaves unprocessed goes again. @throws LakefoldError STORE_THROTTLED, STORE_UNAVAILABLE */
export async function writeBatches(deps: DynamoDbDeps, requests: readonly WriteRequest[], options: BulkOptions): Promise<void> {
  const batches = Array.from({ length: Math.ceil(requests.length / BATCH_ITEMS_MAX) }, (_, i) =>
    requests.slice(i * BATCH_ITEMS_MAX, (i + 1) * BATCH_ITEMS_MAX),
  );
  await mapConcurrent(batches, { concurrencyMax: BATCH_CONCURRENCY }, (batch) => writeBatch(deps, batch, options));
}

async function writeBatch(deps: DynamoDbDeps, batch: readonly WriteRequest[], options: BulkOptions): Promise<void> {
  let pending = batch;
  let deadline = deps.clock.monotonicMillis() + options.timeMaxMillis;
  for (let failures = 0; ;) {
    options.signal?.throwIfAborted();
    const { left, cause } = await writeOnce(deps, pending, options);
    if (left.length === 0) return;
    if (left.length < pending.length) {
      failures = 0;
      deadline = deps.clock.monotonicMillis() + options.timeMaxMillis;
    } else failures += 1;
    pending = left;
    const pause = backoffMillis(deps.random, failures + 1);
    if (deps.clock.monotonicMillis() + pause > deadline) throw cause;
    await deps.clock.sleep(pause, options.signal);
  }
}

async function writeOnce(
  deps: DynamoDbDeps,
  batch: readonly WriteRequest[],
  options: BulkOptions,
): Promise<{ readonly left: readonly WriteRequest[]; readonly cause?: unknown }> {
  const { table } = options;
  try {
    const answer = await deps.client.send(new BatchWriteItemCommand({ RequestItems: { [table]: [...batch] } }), abortable(options));
    const left = answer.UnprocessedItems?.[table] ?? [];
    return {
      left,
      cause: new LakefoldError('STORE_THROTTLED', `table ${table} left ${left.length} of ${batch.length} items unwritten`, { context: { table } }),
    };
  } catch (error) {
    const cause = translateDynamoDbError(error, { action: 'write to', table, signal: options.signal });
    if (options.signal?.aborted === true || !isRepeatable(dynamoDbFaultOf(error))) throw cause;
    return { left: batch, cause };
  }
}

/** Keys of at most `keysMax` items of a partition, and whether they are all. */
export async function keysOfPartition(
  deps: DynamoDbDeps,
  partition: string,
  options: RequestOptions & { readonly table: string; readonly keysMax: number },
): Promise<{ readonly keys: readonly Attributes[]; readonly isAll: boolean }> {
  const request = {
    TableName: options.table,
    KeyConditionExpression: 'p = :p',
    ExpressionAttributeValues: { ':p': { S: partition } },
    ProjectionExpression: 'p, k',
    ConsistentRead: true,
    Limit: options.keysMax,
  };
  const page = await deps.client.send(new QueryCommand(request), abortable(options));
  const keys = (page.Items ?? []).map((item): Attributes => ({ p: { S: partition }, k: { B: bytesOf(item['k'], 'k') } }));
  return { keys, isAll: page.LastEvaluatedKey === undefined };
}
