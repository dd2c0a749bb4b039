/** Reading many items of one table at once (S6): an item that was not read is said to have failed, never to be absent. */
import { BatchGetItemCommand } from '@aws-sdk/client-dynamodb';
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import { ONLINE_READ_KEYS_MAX } from '../../core/limits.ts';
import { abortable, backoffMillis } from './dynamodb-calls.ts';
import type { DynamoDbDeps } from './dynamodb-calls.ts';
import { dynamoDbFaultOf, isRepeatable, translateDynamoDbError } from './dynamodb-errors.ts';
import { bytesOf, keyId } from './dynamodb-online-items.ts';
import type { Attributes, ItemKey } from './dynamodb-online-items.ts';

/** Requests of one read that are under way at once. */
const READ_CONCURRENCY = 32;

export interface BatchRead {
  /** By `keyId`. A key in neither map is absent. */
  readonly found: ReadonlyMap<string, Attributes>;
  readonly failed: ReadonlyMap<string, unknown>;
  readonly requests: number;
}

export interface BatchReadOptions {
  readonly table: string;
  readonly consistent: boolean;
  /** For the whole read, every repetition included. */
  readonly timeMaxMillis: number;
  readonly signal?: AbortSignal | undefined;
}

interface BatchUnderWay {
  readonly found: Map<string, Attributes>;
  readonly failed: Map<string, unknown>;
  requests: number;
}

/** Reads distinct keys in parallel requests of at most 100. Rejects only when the signal aborts. */
export async function readBatches(deps: DynamoDbDeps, keys: readonly ItemKey[], options: BatchReadOptions): Promise<BatchRead> {
  const batch: BatchUnderWay = { found: new Map(), failed: new Map(), requests: 0 };
  const deadline = deps.clock.monotonicMillis() + options.timeMaxMillis;
  const chunks = Array.from({ length: Math.ceil(keys.length / ONLINE_READ_KEYS_MAX) }, (_, i) =>
    keys.slice(i * ONLINE_READ_KEYS_MAX, (i + 1) * ONLINE_READ_KEYS_MAX),
  );
  await mapConcurrent(chunks, { concurrencyMax: READ_CONCURRENCY }, (chunk) => readChunk(deps, chunk, { ...options, batch, deadline }));
  return batch;
}

async function readChunk(
  deps: DynamoDbDeps,
  chunk: readonly ItemKey[],
  options: BatchReadOptions & { readonly batch: BatchUnderWay; readonly deadline: number },
): Promise<void> {
  let pending = chunk;
  for (let failures = 0; ;) {
    options.signal?.throwIfAborted();
    const { left, cause, isFinal } = await readOnce(deps, pending, options);
    if (left.length === 0) return;
    failures = left.length < pending.length ? 0 : failures + 1;
    pending = left;
    const pause = backoffMillis(deps.random, failures);
    if (isFinal || deps.clock.monotonicMillis() + pause > options.deadline) {
      for (const { p, k } of pending) options.batch.failed.set(keyId(p.S, k.B), cause);
      return;
    }
    await deps.clock.sleep(pause, options.signal);
  }
}

async function readOnce(
  deps: DynamoDbDeps,
  keys: readonly ItemKey[],
  options: BatchReadOptions & { readonly batch: BatchUnderWay },
): Promise<{ readonly left: readonly ItemKey[]; readonly cause?: unknown; readonly isFinal?: boolean }> {
  const { table, batch } = options;
  batch.requests += 1;
  try {
    const request = { RequestItems: { [table]: { Keys: keys.map((key) => ({ ...key })), ...(options.consistent ? { ConsistentRead: true } : {}) } } };
    const answer = await deps.client.send(new BatchGetItemCommand(request), abortable(options));
    for (const attributes of answer.Responses?.[table] ?? []) batch.found.set(idOf(attributes), attributes);
    const unprocessed = new Set((answer.UnprocessedKeys?.[table]?.Keys ?? []).map(idOf));
    const left = keys.filter(({ p, k }) => unprocessed.has(keyId(p.S, k.B)));
    return {
      left,
      cause: new LakefoldError('STORE_THROTTLED', `table ${table} left ${left.length} of ${keys.length} keys unprocessed`, { context: { table } }),
    };
  } catch (error) {
    if (options.signal?.aborted === true) throw options.signal.reason;
    return { left: keys, cause: translateDynamoDbError(error, { action: 'read from', table }), isFinal: !isRepeatable(dynamoDbFaultOf(error)) };
  }
}

function idOf(attributes: Attributes): string {
  return keyId(attributes['p']?.S ?? '', bytesOf(attributes['k'], 'k'));
}
