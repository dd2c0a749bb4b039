/** The conditions of semantics U1, U2 and U7 as pure functions: what an online store decides for one item, wherever it is kept. */
import { bytesEqual, compareBytes } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { WATERMARK_AHEAD_MAX } from '../core/limits.ts';
import type { OnlineEdit, OnlineHeal, OnlineItem, OnlineReadRequest, OnlineRow, OnlineTable, Watermark } from './online-store.ts';

export type OnlineDecision = { readonly kind: 'applied'; readonly item: OnlineItem } | { readonly kind: 'duplicate' } | { readonly kind: 'stale' };

/** U1: what becomes of an item, if there is one, when a merge brings `row`. */
export function decideMerge(stored: OnlineItem | undefined, row: OnlineRow): OnlineDecision {
  const isUnfenced = stored?.fence === undefined || stored.fence < row.commit;
  const isNewer = stored === undefined || stored.deleted || stored.order === undefined || compareBytes(stored.order, row.order) < 0;
  return isUnfenced && isNewer ? { kind: 'applied', item: mergedItem(stored, row) } : { kind: refusedMerge(stored, row) };
}

/** U7: what becomes of an item, if there is one, when an edit leaves `edit.row` of its key, or nothing. */
export function decideEdit(stored: OnlineItem | undefined, edit: OnlineEdit): OnlineDecision {
  const isUnfenced = stored?.fence === undefined || stored.fence < edit.version;
  const isLatest = stored === undefined || stored.commit <= edit.version;
  return isUnfenced && isLatest ? { kind: 'applied', item: editedItem(edit) } : { kind: refusedEdit(stored, edit) };
}

/** Writes over the item that was seen, and over no other. */
export function decideHeal(stored: OnlineItem | undefined, heal: OnlineHeal): OnlineDecision {
  return isSameItem(stored, heal.seen) ? { kind: 'applied', item: editedItem(heal) } : { kind: 'stale' };
}

/** U11: what loading a row leaves, whatever was there. */
export function loadedItem(row: OnlineRow): OnlineItem {
  return mergedItem(undefined, row);
}

function isSameItem(a: OnlineItem | undefined, b: OnlineItem | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const sameOrder = a.order === undefined || b.order === undefined ? a.order === b.order : bytesEqual(a.order, b.order);
  return sameOrder && a.commit === b.commit && a.fence === b.fence && a.deleted === b.deleted;
}

/**
 * U2: why a merge did not write. Equal order bytes are equal rows (event time, receipt and digest), whichever commit
 * or edit put the row there; a deleted mark has none, so it is always the later edit that keeps the row out.
 */
export function refusedMerge(stored: OnlineItem | undefined, row: OnlineRow): 'duplicate' | 'stale' {
  return stored?.order !== undefined && !stored.deleted && bytesEqual(stored.order, row.order) ? 'duplicate' : 'stale';
}

/** U2: why an edit did not write: this edit was here before and nothing came after it, or something later holds the key. */
export function refusedEdit(stored: OnlineItem | undefined, edit: OnlineEdit): 'duplicate' | 'stale' {
  return stored?.fence === edit.version && stored.commit === edit.version ? 'duplicate' : 'stale';
}

/** U6: whether a watermark is where a publisher last saw it. The commit time is left out: it says nothing about the position. */
export function isSamePosition(stored: Watermark | undefined, expected: Watermark | undefined): boolean {
  if (stored === undefined || expected === undefined) return stored === expected;
  const ahead = new Set(expected.ahead);
  return (
    stored.version === expected.version &&
    stored.tableId === expected.tableId &&
    stored.ahead.length === ahead.size &&
    stored.ahead.every((version) => ahead.has(version))
  );
}

/** The watermark with its versions in order and each once. @throws LakefoldError INTERNAL when more than `WATERMARK_AHEAD_MAX` are ahead */
export function storableWatermark(watermark: Watermark): Watermark {
  const ahead = [...new Set(watermark.ahead)].sort((a, b) => a - b);
  if (ahead.length > WATERMARK_AHEAD_MAX)
    throw new LakefoldError('INTERNAL', `expected at most ${WATERMARK_AHEAD_MAX} versions ahead of a watermark, found ${ahead.length}`);
  return { ...watermark, ahead };
}

/** Names a table among all: `<project>/<fg>/<version>/<generation>`. */
export function onlineTableName(table: OnlineTable): string {
  return `${table.project}/${table.featureGroup}/${table.version}/${table.generation}`;
}

/** The different requests of a read and, for each request, the place of its like. */
export function distinctRequests(requests: readonly OnlineReadRequest[]): {
  readonly distinct: readonly OnlineReadRequest[];
  readonly places: readonly number[];
} {
  const placeOf = new Map<string, number>();
  const distinct: OnlineReadRequest[] = [];
  const names = new Map<OnlineTable, string>();
  const places = requests.map((request) => {
    const name = names.get(request.table) ?? onlineTableName(request.table);
    names.set(request.table, name);
    const id = `${name}|${String.fromCharCode(...request.key)}`;
    const known = placeOf.get(id);
    if (known !== undefined) return known;
    placeOf.set(id, distinct.length);
    return distinct.push(request) - 1;
  });
  return { distinct, places };
}

type ItemUnderWay = { -readonly [Name in keyof OnlineItem]: OnlineItem[Name] };

// Filled in field by field: a merge of thousands of rows spends its time here.
function mergedItem(stored: OnlineItem | undefined, row: OnlineRow): OnlineItem {
  const item: ItemUnderWay = { order: row.order, commit: row.commit, deleted: false, payload: row.payload };
  if (stored?.fence !== undefined) item.fence = stored.fence;
  if (row.expiresAt !== undefined) item.expiresAt = row.expiresAt;
  return item;
}

function editedItem({ version, row }: OnlineEdit): OnlineItem {
  const item: ItemUnderWay = { commit: version, fence: version, deleted: row === undefined };
  if (row === undefined) return item;
  item.order = row.order;
  item.payload = row.payload;
  if (row.expiresAt !== undefined) item.expiresAt = row.expiresAt;
  return item;
}
