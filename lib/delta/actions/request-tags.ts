/** What an entry remembers of the requests it answered (`lakefold.requests`, storage.md §2). */
import { isJsonObject, parseJson } from '../../core/json.ts';
import type { Action } from './actions.ts';
import { requestTagKey } from '../write/commit.ts';
import { commitInfoOf } from './commit-info.ts';
import type { WriteCounts } from '../write/write-outcome.ts';

export interface RememberedRequest {
  readonly bodyHash: string;
  readonly received: number;
  readonly rejected: number;
  readonly counts: WriteCounts;
  /** Keys that a delete found no row of. */
  readonly notFound: number;
  /** Of a grouped write: the id of the one that landed. */
  readonly write?: string;
}

/** What the entry tells of the request with this idempotency key; undefined when it answered others or tells nothing. */
export function rememberedRequest(actions: readonly Action[], key: string): RememberedRequest | undefined {
  const tag = commitInfoOf(actions)?.tags?.['lakefold.requests'];
  if (tag === undefined) return undefined;
  const parsed = parseJson(tag);
  if (!Array.isArray(parsed)) return undefined;
  const wanted = requestTagKey(key);
  for (const request of parsed) {
    if (!isJsonObject(request) || request['key'] !== wanted || typeof request['body'] !== 'string' || !Array.isArray(request['counts'])) continue;
    const [received = 0, rowsInserted = 0, rowsUpdated = 0, rowsDeleted = 0, dedupedInBatch = 0, stale = 0, rejected = 0, notFound = 0] =
      request['counts'].map(Number);
    const counts = { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale };
    const { write } = request;
    return { bodyHash: request['body'], received, rejected, counts, notFound, ...(typeof write === 'string' ? { write } : {}) };
  }
  return undefined;
}
