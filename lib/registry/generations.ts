/**
 * Load generations of a group's online values (semantics U11), as its registry state tells them. Pure.
 *
 * A generation is allotted, loaded where nobody reads, and made current by one revision; the one before is kept for those who
 * have not heard of it, then cleared. Numbers only rise, so that whoever still loads an old one never meets a new one.
 */
import { duration, instant } from '../core/time.ts';
import type { FeatureGroupDefinition, FeatureGroupState, OtherGeneration } from './definition.ts';

/** T4, U11: whether the change asks for online values that the current generation does not have, or has elsewhere. */
export function needsLoad(before: FeatureGroupDefinition, after: FeatureGroupDefinition): boolean {
  if (!after.onlineEnabled) return false;
  return !before.onlineEnabled || before.onlineShards !== after.onlineShards || isLonger(after.ttl, before.ttl);
}

function isLonger(after: string | null, before: string | null): boolean {
  if (before === null) return false;
  return after === null || duration(after) > duration(before);
}

/** The next number, with the shards that the definition wants. `wantedSince`: the revision that asks for the load, where none does yet. */
export function allotGeneration(
  group: FeatureGroupState,
  at: { readonly now: string; readonly wantedSince: number },
): { readonly group: FeatureGroupState; readonly allotted: OtherGeneration } {
  const others = group.otherGenerations ?? [];
  const generation = Math.max(group.generation, ...others.map((other) => other.generation)) + 1;
  const allotted: OtherGeneration = { generation, shards: group.definition.onlineShards, since: at.now };
  return { allotted, group: { ...group, loadWantedSince: group.loadWantedSince ?? at.wantedSince, otherGenerations: [...others, allotted] } };
}

/**
 * `generation` made current. Undefined where a later one already is, or it was never allotted.
 * `loadedAt`: the revision of the definitions it was loaded by; a load wanted later is still wanted.
 */
export function switchGeneration(
  group: FeatureGroupState,
  to: { readonly generation: number; readonly loadedAt: number; readonly now: string },
): FeatureGroupState | undefined {
  const found = group.otherGenerations?.find(({ generation }) => generation === to.generation);
  if (found === undefined || to.generation <= group.generation) return undefined;
  const replaced: OtherGeneration = { generation: group.generation, shards: group.onlineShards, since: to.now };
  const others = (group.otherGenerations ?? []).filter((other) => other !== found);
  const { loadWantedSince, ...rest } = group;
  return {
    ...rest,
    generation: found.generation,
    onlineShards: found.shards,
    otherGenerations: [...others, replaced],
    ...(loadWantedSince === undefined || loadWantedSince <= to.loadedAt ? {} : { loadWantedSince }),
  };
}

/** Those that were replaced, or given up for the current one, at `before` (epoch ms) or earlier. */
export function retiredGenerations(group: FeatureGroupState, before: number): readonly OtherGeneration[] {
  return (group.otherGenerations ?? []).filter(({ generation, since }) => generation < group.generation && instant(since) <= BigInt(before) * 1000n);
}

/** Without `cleared`; the same state where none of them is listed. */
export function forgetGenerations(group: FeatureGroupState, cleared: readonly number[]): FeatureGroupState {
  const { otherGenerations = [], ...rest } = group;
  const kept = otherGenerations.filter(({ generation }) => !cleared.includes(generation));
  if (kept.length === otherGenerations.length) return group;
  return kept.length === 0 ? rest : { ...rest, otherGenerations: kept };
}
