/**
 * Marks on the watermark of a generation that is being replaced (U11). They stand in place of the table id, so that a publisher who
 * has not heard of them finds another table's watermark and writes nothing, and move with the watermark's compare-and-set.
 *
 * - `next`: whoever publishes here publishes to that generation first; readers stay
 * - `moved`: as `next`, and that generation has everything this one has: readers may go there
 * - `gone`: nothing is published here any more, and the items may be gone
 */
import { LakefoldError } from '../core/errors.ts';
import { epochMillis } from '../core/time.ts';
import type { OnlineReader, OnlineStore, OnlineTable, Watermark } from '../ports/online-store.ts';
import type { RequestOptions } from '../ports/object-store.ts';

export interface GenerationMark {
  readonly kind: 'next' | 'moved' | 'gone';
  readonly generation: number;
  readonly shards: number;
  /** Of the table whose values the marked generation holds; empty where nothing was published. */
  readonly tableId: string;
}

const KINDS = ['next', 'moved', 'gone'] as const;
const MARK = /^\/(next|moved|gone)\/(\d{1,15})\/(\d{1,3})\/(.*)$/s;
const MARK_ATTEMPTS_MAX = 64;
/** Generations that a reader or publisher follows in a row. */
const FOLLOW_MAX = 1000;

/** Undefined for the id of a table. */
export function parseMark(tableId: string): GenerationMark | undefined {
  const [, kind, generation, shards, rest = ''] = MARK.exec(tableId) ?? [];
  const known = KINDS.find((each) => each === kind);
  return known === undefined ? undefined : { kind: known, generation: Number(generation), shards: Number(shards), tableId: rest };
}

export function formatMark({ kind, generation, shards, tableId }: GenerationMark): string {
  return `/${kind}/${generation}/${shards}/${tableId}`;
}

/** The generation a mark leads to. */
export function markedTable(table: OnlineTable, { generation, shards }: Pick<GenerationMark, 'generation' | 'shards'>): OnlineTable {
  return { ...table, generation, shards };
}

/**
 * Puts a mark. Marks only go on: to a later generation, or of the same one from `next` over `moved` to `gone`. Answers the mark
 * that then stands, which is another's where that one is further on.
 * @throws LakefoldError STORE_THROTTLED when publishers were ahead each time
 */
export async function putMark(
  online: OnlineStore,
  table: OnlineTable,
  mark: Omit<GenerationMark, 'tableId'>,
  options: RequestOptions = {},
): Promise<GenerationMark> {
  for (let attempt = 0; attempt < MARK_ATTEMPTS_MAX; attempt += 1) {
    const stored = await online.watermark(table, { ...options, consistent: true });
    const held = stored === undefined ? undefined : parseMark(stored.tableId);
    if (held !== undefined && !isFurther(mark, held)) return held;
    const next: GenerationMark = { ...mark, tableId: held?.tableId ?? stored?.tableId ?? '' };
    const base: Watermark = stored ?? { version: -1, ahead: [], committedAt: epochMillis(0), tableId: '' };
    if (await online.moveWatermark(table, { expected: stored, next: { ...base, tableId: formatMark(next) } }, options)) return next;
  }
  throw new LakefoldError(
    'STORE_THROTTLED',
    `expected to mark the watermark of ${table.featureGroup}/${table.version} within ${MARK_ATTEMPTS_MAX} attempts, found publishers ahead each time`,
  );
}

function isFurther(mark: Omit<GenerationMark, 'tableId'>, held: GenerationMark): boolean {
  if (held.kind === 'gone') return false;
  if (mark.kind === 'gone') return true;
  return mark.generation === held.generation ? KINDS.indexOf(mark.kind) > KINDS.indexOf(held.kind) : mark.generation > held.generation;
}

/** The generation that readers of `watermark` may go to; undefined where they stay. */
export function readersGoTo(table: OnlineTable, watermark: Watermark | undefined): OnlineTable | undefined {
  const mark = watermark === undefined ? undefined : parseMark(watermark.tableId);
  return mark === undefined || mark.kind === 'next' ? undefined : markedTable(table, mark);
}

/** The generation that is read now, from one that once was; itself where nothing replaced it. */
export async function followMarks(
  online: OnlineReader,
  table: OnlineTable,
  options: RequestOptions = {},
): Promise<{
  readonly table: OnlineTable;
  readonly watermark: Watermark | undefined;
}> {
  let current = table;
  for (let followed = 0; followed < FOLLOW_MAX; followed += 1) {
    const { watermarks } = await online.read({ items: [], watermarks: [current] }, { ...options, consistent: true });
    const [watermark] = watermarks;
    if (watermark === 'failed')
      throw new LakefoldError('STORE_UNAVAILABLE', `expected the watermark of ${table.featureGroup}/${table.version}, found none readable`);
    const next = readersGoTo(current, watermark);
    if (next === undefined) return { table: current, watermark };
    current = next;
  }
  throw new LakefoldError('CORRUPT_STORE', `expected at most ${FOLLOW_MAX} generations of ${table.featureGroup}/${table.version} in a row, found more`);
}
