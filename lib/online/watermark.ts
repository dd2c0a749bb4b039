/** The watermark (U6): how far the fold has come, moved only by compare-and-set on what was read. */
import { LakefoldError } from '../core/errors.ts';
import { WATERMARK_AHEAD_MAX } from '../core/limits.ts';
import { epochMillis } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { OnlineStore, OnlineTable, Watermark } from '../ports/online-store.ts';
import type { Random } from '../ports/random.ts';
import type { RequestOptions } from '../ports/object-store.ts';

/** Version of a table of which nothing is published. */
const NOTHING_PUBLISHED = -1;
const MOVE_ATTEMPTS_MAX = 64;
const MOVE_BACKOFF_MILLIS = 5;

export interface WatermarkDeps {
  readonly online: OnlineStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** Every commit ≤ `version` is applied, and those of `ahead`, ascending. */
export interface Position {
  readonly version: number;
  readonly ahead: readonly number[];
}

export function positionOf(watermark: Watermark | undefined): Position {
  return watermark ?? { version: NOTHING_PUBLISHED, ahead: [] };
}

export function isCovered(position: Position, version: number): boolean {
  return version <= position.version || position.ahead.includes(version);
}

/**
 * The position once `done` is applied too: as far as there is no gap, the rest ahead. The nearest 64 are remembered;
 * what is forgotten is applied again, which changes nothing.
 */
export function advance(position: Position, done: Iterable<number>): Position {
  const applied = new Set([...position.ahead, ...done]);
  let { version } = position;
  while (applied.has(version + 1)) version += 1;
  const ahead = [...applied]
    .filter((other) => other > version)
    .sort((a, b) => a - b)
    .slice(0, WATERMARK_AHEAD_MAX);
  return { version, ahead };
}

export interface RecordInput {
  readonly table: OnlineTable;
  readonly tableId: string;
  /** The watermark as last read; undefined = there is none. */
  readonly watermark: Watermark | undefined;
  /** Versions whose writes have all landed. */
  readonly done: readonly number[];
  /** Commit time of a version, epoch ms. */
  readonly committedAt: (version: number) => Promise<number>;
}

/**
 * Records `done` and answers the watermark as it then stands; a publisher that moved it first is read and joined.
 * @throws LakefoldError STORE_THROTTLED when it lost every attempt
 */
export async function recordApplied(deps: WatermarkDeps, input: RecordInput, options: RequestOptions = {}): Promise<Watermark | undefined> {
  let { watermark } = input;
  for (let attempt = 0; attempt < MOVE_ATTEMPTS_MAX; attempt += 1) {
    if (watermark !== undefined && watermark.tableId !== input.tableId) return watermark;
    const position = positionOf(watermark);
    const next = advance(position, input.done);
    if (next.version === NOTHING_PUBLISHED || isSamePosition(next, position)) return watermark;
    const committedAt = next.version === watermark?.version ? watermark.committedAt : epochMillis(await input.committedAt(next.version));
    const moved: Watermark = { ...next, committedAt, tableId: input.tableId };
    if (await deps.online.moveWatermark(input.table, { expected: watermark, next: moved }, options)) return moved;
    if (attempt > 1) await deps.clock.sleep(deps.random.unit() * MOVE_BACKOFF_MILLIS * Math.min(attempt, 20), options.signal);
    watermark = await deps.online.watermark(input.table, { ...options, consistent: true });
  }
  throw new LakefoldError(
    'STORE_THROTTLED',
    `expected to move the watermark of ${input.table.featureGroup}/${input.table.version} within ${MOVE_ATTEMPTS_MAX} attempts, found other publishers ahead each time`,
  );
}

function isSamePosition(a: Position, b: Position): boolean {
  return a.version === b.version && a.ahead.length === b.ahead.length && a.ahead.every((version, i) => version === b.ahead[i]);
}
