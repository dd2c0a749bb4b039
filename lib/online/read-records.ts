/** The reads of one lookup: items and watermarks in one fan-out per level of joins, after waiting for `minVersions`. */
import { LakefoldError } from '../core/errors.ts';
import type { EntityKey } from '../core/keys.ts';
import type { Clock } from '../ports/clock.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { OnlineRead, OnlineReader, OnlineTable } from '../ports/online-store.ts';
import { readersGoTo } from './generation-mark.ts';
import type { VectorOptions } from './vector-request.ts';
import type { ViewPlan } from './view-plan.ts';
import type { SeenWatermark, WatermarkCache } from './watermark-cache.ts';

/** Pause between looks at a watermark that is behind, ms. */
const POLL_MILLIS = 25;

export interface ReadDeps {
  readonly online: OnlineReader;
  readonly clock: Clock;
  readonly watermarks: WatermarkCache;
}

export interface Reading {
  readonly deps: ReadDeps;
  readonly plan: ViewPlan;
  readonly consistent: boolean;
  readonly options: RequestOptions;
  /** By position in `plan.tables`; undefined where it could not be read. */
  readonly seen: (SeenWatermark | undefined)[];
  storeMillis: number;
  storeRequests: number;
}

/**
 * Begins a lookup; with `minVersions` it waits until every group has come as far, or is found in another generation.
 * @throws LakefoldError NOT_YET_PUBLISHED after `waitMs`, INVALID_ARGUMENT for a group the view does not join
 */
export async function startReading(
  deps: ReadDeps,
  input: { readonly plan: ViewPlan; readonly options: VectorOptions },
  options: RequestOptions,
): Promise<Reading> {
  const { plan, options: asked } = input;
  const wanted = Object.entries(asked.minVersions).map(([name, version]) => ({ index: tableIndex(plan, name), name, version }));
  const now = deps.clock.monotonicMillis();
  const reading: Reading = {
    deps,
    plan,
    options,
    consistent: asked.consistent || wanted.length > 0,
    seen: asked.consistent ? plan.tables.map(() => undefined) : plan.tables.map((table) => deps.watermarks.fresh(table, now)),
    storeMillis: 0,
    storeRequests: 0,
  };
  const deadline = now + asked.waitMs;
  for (;;) {
    const behind = wanted.filter(({ index, version }) => !hasReached(reading, index, version));
    if (behind.length === 0) return reading;
    // A watermark read beside the items may be younger than they are, so it is read before them.
    reading.seen.fill(undefined);
    await readMissing(reading, []);
    // Whether its values have come as far is told by the generation that they are kept in by now.
    if (plan.tables.some((table, index) => readersGoTo(table, reading.seen[index]?.watermark) !== undefined)) return reading;
    const [still] = wanted.filter(({ index, version }) => !hasReached(reading, index, version));
    if (still === undefined) return reading;
    const left = deadline - deps.clock.monotonicMillis();
    if (left <= 0) {
      const watermark = reading.seen[still.index]?.watermark?.version ?? null;
      throw new LakefoldError('NOT_YET_PUBLISHED', `expected ${still.name} published up to version ${still.version}, found ${watermark ?? 'nothing'}`, {
        context: { featureGroup: still.name, minVersion: still.version, watermark },
      });
    }
    await deps.clock.sleep(Math.min(POLL_MILLIS, left), options.signal);
  }
}

/** Reads `items`, and whichever watermarks are not at hand yet, in one fan-out. */
export async function readMissing(
  reading: Reading,
  items: readonly { readonly table: OnlineTable; readonly key: EntityKey }[],
): Promise<readonly OnlineRead[]> {
  const { deps, plan } = reading;
  const missing = plan.tables.flatMap((table, index) => (reading.seen[index] === undefined ? [{ table, index }] : []));
  if (items.length === 0 && missing.length === 0) return [];
  const startedAt = deps.clock.monotonicMillis();
  const answer = await deps.online.read({ items, watermarks: missing.map(({ table }) => table) }, { ...reading.options, consistent: reading.consistent });
  reading.storeMillis += deps.clock.monotonicMillis() - startedAt;
  reading.storeRequests += answer.storeRequests;
  missing.forEach(({ table, index }, i) => {
    const watermark = answer.watermarks[i];
    if (watermark === 'failed') return;
    // Stamped with the time before the read: it may be that old, never younger.
    const seen: SeenWatermark = { watermark, readAt: startedAt };
    reading.seen[index] = seen;
    deps.watermarks.note(table, seen);
  });
  return answer.items;
}

function hasReached(reading: Reading, index: number, version: number): boolean {
  const table = reading.plan.tables[index];
  return table !== undefined && ((reading.seen[index]?.watermark?.version ?? -1) >= version || reading.deps.watermarks.hasReached(table, version));
}

function tableIndex(plan: ViewPlan, name: string): number {
  const index = plan.tables.findIndex((table) => `${table.featureGroup}/${table.version}` === name);
  if (index < 0)
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      `expected a group that ${plan.view.name}/${plan.view.version} joins (${plan.tables.map((table) => `${table.featureGroup}/${table.version}`).join(', ')}) in minVersions, found ${JSON.stringify(name)}`,
    );
  return index;
}
