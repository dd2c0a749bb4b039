/** Lists in pages: `?limit=&cursor=` in, `{ items, nextCursor }` out. */
import { decodeUtf8, fromBase64, toBase64Url, utf8 } from '../../lib/core/bytes.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import type { QueryParameters } from './query-parameters.ts';

/** The query parameters of every list route. */
export const PAGE_PARAMETERS = ['limit', 'cursor'] as const;

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;
/** First byte of a cursor's content, so that another layout can tell itself apart. */
const CURSOR_LAYOUT = '1';

export interface PageRequest {
  /** 1 to 1000. */
  readonly limit: number;
  /** Position of the last item of the page before; undefined on the first page. */
  readonly after: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** @throws LakefoldError INVALID_ARGUMENT for a limit out of range or a cursor that is none of ours */
export function pageRequest(query: QueryParameters): PageRequest {
  const limit = query.integer('limit', { min: 1, max: LIMIT_MAX }) ?? LIMIT_DEFAULT;
  const cursor = query.text('cursor');
  return { limit, after: cursor === undefined ? undefined : decodeCursor(cursor) };
}

/**
 * The first `limit` items, and a cursor to the position of the last one if more follow.
 *
 * `items` begin after `request.after`, in the list's order; at most one more than a page is drawn. `positionOf` names an
 * item's place such that the list can begin behind it, whatever was added or removed since.
 */
export async function takePage<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  request: PageRequest,
  positionOf: (item: Item) => string,
): Promise<Page<Item>> {
  const taken: Item[] = [];
  for await (const item of items) {
    const last = taken.at(-1);
    if (taken.length === request.limit && last !== undefined) return { items: taken, nextCursor: encodeCursor(positionOf(last)) };
    taken.push(item);
  }
  return { items: taken, nextCursor: null };
}

/** A position that is a whole number. @throws LakefoldError INVALID_ARGUMENT for another list's cursor */
export function positionNumber(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Number(position);
  throw new LakefoldError('INVALID_ARGUMENT', 'expected a nextCursor of this list as cursor, found that of another', { context: { field: 'cursor' } });
}

function encodeCursor(position: string): string {
  return toBase64Url(utf8(CURSOR_LAYOUT + position));
}

function decodeCursor(cursor: string): string {
  const padded = cursor.replaceAll('-', '+').replaceAll('_', '/') + '='.repeat((4 - (cursor.length % 4)) % 4);
  const bytes = fromBase64(padded);
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  if (text === undefined || !text.startsWith(CURSOR_LAYOUT))
    throw new LakefoldError('INVALID_ARGUMENT', `expected a nextCursor of this list as cursor, found ${JSON.stringify(cursor)}`, {
      context: { field: 'cursor' },
    });
  return text.slice(CURSOR_LAYOUT.length);
}
