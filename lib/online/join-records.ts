/** The record of one join for one entry: read, decoded, filtered (P17) and judged by its age (T2). */
import { isLakefoldError } from '../core/errors.ts';
import { decodeKey, encodeKey, type EntityKey } from '../core/keys.ts';
import { parseOrder } from '../core/order.ts';
import { floorDiv } from '../core/time.ts';
import type { Value } from '../core/types.ts';
import type { OnlineRead } from '../ports/online-store.ts';
import { rowPasses } from './join-filter.ts';
import type { JoinPlan } from './view-plan.ts';

const MICROS_PER_DAY = 86_400_000_000n;

export type JoinRecord =
  /** `values[i]` is the value of the join's feature i. */
  | { readonly kind: 'found'; readonly values: readonly Value[]; readonly eventTime: bigint | undefined }
  | { readonly kind: 'absent' }
  /** It exists, but its age is beyond what the join may see. */
  | { readonly kind: 'expired'; readonly eventTime: bigint }
  | { readonly kind: 'error'; readonly reason: 'store' | 'unknownSchema' | 'corrupt' };

/** The record that `read` holds of `key`, as of `now` (µs). */
export function joinRecord(join: JoinPlan, input: { readonly key: EntityKey; readonly read: OnlineRead; readonly now: bigint }): JoinRecord {
  const { read } = input;
  if (read.kind === 'failed') return { kind: 'error', reason: 'store' };
  if (read.kind === 'absent' || read.item.deleted) return { kind: 'absent' };
  const { order, payload } = read.item;
  if (order === undefined || payload === undefined) return { kind: 'error', reason: 'corrupt' };
  const decoded = join.read(payload);
  if (decoded.kind !== 'values') return { kind: 'error', reason: decoded.kind };
  const eventTime = join.eventTime === undefined ? undefined : parseOrder(order).eventTime;
  const values = columnValues(join, { payload: decoded.values, key: input.key, eventTime });
  // The filter is asked first: a record it refuses does not exist for this join, however old it is.
  if (join.filter !== undefined && !rowPasses(join.filter, join.columns, values)) return { kind: 'absent' };
  if (eventTime !== undefined && join.visibleFor !== undefined && input.now - eventTime > join.visibleFor) return { kind: 'expired', eventTime };
  return { kind: 'found', values, eventTime };
}

/** The key of a join; undefined where a part is null (P7) or longer than any stored key. */
export function joinKey(join: JoinPlan, parts: readonly Value[]): EntityKey | undefined {
  if (parts.includes(null)) return undefined;
  try {
    return encodeKey(join.keyTypes, parts);
  } catch (error) {
    if (isLakefoldError(error, 'LIMIT_EXCEEDED')) return undefined;
    throw error;
  }
}

function columnValues(
  join: JoinPlan,
  record: { readonly payload: readonly Value[]; readonly key: EntityKey; readonly eventTime: bigint | undefined },
): readonly Value[] {
  let key: readonly Value[] | undefined;
  return join.sources.map((source) => {
    switch (source.kind) {
      case 'payload':
        return record.payload[source.position] ?? null;
      case 'eventTime':
        return record.eventTime === undefined ? null : join.eventTime === 'date' ? Number(floorDiv(record.eventTime, MICROS_PER_DAY)) : record.eventTime;
      case 'key':
        key ??= decodeKey(join.keyTypes, record.key);
        return key[source.position] ?? null;
    }
  });
}
