/** Watermarks that a serving process has read, trusted for a second so that most lookups need not read them. */
import { WATERMARK_STALE_MAX_MILLIS } from '../core/limits.ts';
import type { OnlineTable, Watermark } from '../ports/online-store.ts';

/** A watermark and when it was read, by the clock's `monotonicMillis`. */
export interface SeenWatermark {
  /** Undefined: nothing is published yet. */
  readonly watermark: Watermark | undefined;
  readonly readAt: number;
}

/** Held by the caller of `getVectors`, one per process. */
export class WatermarkCache {
  readonly #seen = new Map<string, SeenWatermark>();

  /** The one read within the last second. */
  fresh(table: OnlineTable, nowMillis: number): SeenWatermark | undefined {
    const seen = this.#seen.get(cacheKey(table));
    return seen !== undefined && nowMillis - seen.readAt <= WATERMARK_STALE_MAX_MILLIS ? seen : undefined;
  }

  /** Watermarks only rise, so whatever was once reached still is. */
  hasReached(table: OnlineTable, version: number): boolean {
    return (this.#seen.get(cacheKey(table))?.watermark?.version ?? -1) >= version;
  }

  note(table: OnlineTable, seen: SeenWatermark): void {
    this.#seen.set(cacheKey(table), seen);
  }
}

function cacheKey(table: OnlineTable): string {
  return `${table.project}/${table.featureGroup}/${table.version}/${table.generation}`;
}
