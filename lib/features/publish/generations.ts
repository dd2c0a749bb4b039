/**
 * Load generations of a group's online values (U11, T4): loaded beside the one that is served, caught up with the log, made current by
 * one revision of the registry, and the one before cleared once nobody can be reading it.
 *
 * A process may die anywhere: what it leaves is a generation nobody reads, or a mark that publishers obey, and the next call goes on.
 */
import { LakefoldError } from '../../core/errors.ts';
import { CLEARED_ITEMS_MAX, GENERATION_KEPT_MILLIS, LOAD_WAIT_MAX_MILLIS } from '../../core/limits.ts';
import { type Lease, releaseLease, renewLease, takeLease } from '../../delta/group/group-lease.ts';
import { followMarks, markedTable, parseMark, putMark } from '../../online/generation-mark.ts';
import { type Loaded, loadGeneration } from '../../online/load-generation.ts';
import { publish } from '../../online/publish.ts';
import type { OnlineTable } from '../../ports/online-store.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { appendRevision, type RevisionOutcome } from '../../registry/append-revision.ts';
import type { FeatureGroupState, OtherGeneration } from '../../registry/definition.ts';
import { allotGeneration, forgetGenerations, retiredGenerations, switchGeneration } from '../../registry/generations.ts';
import { loadRegistry, type Registry } from '../../registry/registry.ts';
import { copiedSince, writeRegistryCopy } from '../../registry/registry-copy.ts';
import { featureGroupOf } from '../../registry/state.ts';
import type { FeatureDeps, ProjectDeps } from '../deps.ts';
import { foldSourceOf } from './fold-source.ts';
import { compileGroup, groupName, openGroup, type OpenGroup } from '../open-group.ts';

/** Between two looks at a load of another process, ms. */
const LOAD_LOOK_MILLIS = 500;
/** Calls of a clearing that is to end: a hundred million items. */
const CLEAR_ROUNDS_MAX = 1000;
/** Rounds of marking while other loads come to an end. */
const MARK_ROUNDS_MAX = 16;

export interface LoadReport extends Loaded {
  readonly generation: number;
  /** The version it was loaded at, and the one it was caught up to before it was made current. */
  readonly loadedVersion: number;
  readonly version: number;
}

/** The group as the newest revision has it. @throws LakefoldError UNKNOWN_FEATURE_GROUP when it was deleted meanwhile */
export async function refreshGroup(deps: FeatureDeps, group: OpenGroup): Promise<OpenGroup & { readonly registry: Registry }> {
  const registry = await loadRegistry(deps, group.project);
  const state = featureGroupOf(registry.state, group.definition.name, group.definition.version);
  return { ...compileGroup({ project: group.project, state, table: group.table, receipts: group.receipts }), registry };
}

/**
 * Loads all online values of the group anew and switches to them, while the old ones are served and published to.
 * Undefined where another process is at it and `ifBusy` says to leave it to that one.
 * @throws LakefoldError COMMIT_CONFLICT when another load does not end in time or was quicker; STORE_*
 */
export async function loadNewGeneration(
  deps: FeatureDeps,
  group: OpenGroup,
  options: RequestOptions & { readonly ifBusy?: 'leave' } = {},
): Promise<LoadReport | undefined> {
  const lease = await waitForLease(deps, group, options);
  if (lease === undefined) return undefined;
  const held = { lease };
  const goOn = async (): Promise<void> => {
    options.signal?.throwIfAborted();
    if (deps.clock.now() - held.lease.renewedAt < LOAD_LOOK_MILLIS) return;
    const renewed = await renewLease(deps, held.lease);
    if (renewed === undefined) throw superseded(group, 'another process has taken over');
    held.lease = { ...renewed, renewedAt: deps.clock.now() };
  };
  try {
    return await loadUnderLease(deps, group, { ...options, goOn });
  } finally {
    await releaseLease(deps, held.lease).catch(() => undefined);
  }
}

async function loadUnderLease(deps: FeatureDeps, group: OpenGroup, options: RequestOptions & { readonly goOn: () => Promise<void> }): Promise<LoadReport> {
  const { allotted, registry } = await allot(deps, await settleSwitch(deps, group));
  const fresh = await refreshGroup(deps, group);
  const { version } = await fresh.table.refresh();
  const source = foldSourceOf(deps, fresh.table, { keyColumns: fresh.keyColumns });
  const next = markedTable(fresh.onlineTable, allotted);
  const loaded = await loadGeneration(deps, { table: next, source, group: fresh.fold, version, goOn: options.goOn }, options);
  const catchUp = async (): Promise<number> => {
    await options.goOn();
    const result = await publish(deps, { table: next, source, group: fresh.fold, neverLoad: true }, options);
    if (result.kind !== 'published') throw superseded(group, 'its generation was given up');
    if (result.counts.failed > 0)
      throw new LakefoldError('STORE_THROTTLED', `expected all of ${result.counts.failed} rows written, found the online store refusing them`);
    return result.to;
  };
  await catchUp();
  const base = await markNext(deps, fresh, allotted);
  // Whoever published to the old generation without seeing the mark published what was committed before: it is in the new one after this.
  const caughtUp = await catchUp();
  await putMark(deps.online, base, { kind: 'moved', ...numbersOf(allotted) }, options);
  await switchTo(deps, group, { generation: allotted.generation, loadedAt: registry.revision });
  deps.log.info('generation.switched', {
    project: group.project,
    group: groupName(group.definition),
    generation: allotted.generation,
    version: caughtUp,
    ...loaded,
  });
  return { ...loaded, generation: allotted.generation, loadedVersion: version, version: caughtUp };
}

/** Marks the current generation, so that publishers publish to the new one first. */
async function markNext(deps: FeatureDeps, group: OpenGroup, allotted: OtherGeneration): Promise<OnlineTable> {
  for (let round = 0; round < MARK_ROUNDS_MAX; round += 1) {
    const { onlineTable } = await settleSwitch(deps, group);
    if (onlineTable.generation > allotted.generation) throw superseded(group, `generation ${onlineTable.generation} is current`);
    const mark = await putMark(deps.online, onlineTable, { kind: 'next', ...numbersOf(allotted) });
    if (mark.generation === allotted.generation && mark.kind === 'next') return onlineTable;
    if (mark.generation > allotted.generation) throw superseded(group, `generation ${mark.generation} is being loaded`);
  }
  throw superseded(group, 'other loads ended each time');
}

/** The group as it is read: where a load got as far as sending readers on, its generation is made current. */
export async function settleSwitch(deps: FeatureDeps, group: OpenGroup): Promise<OpenGroup & { readonly registry: Registry }> {
  const fresh = await refreshGroup(deps, group);
  const { table } = await followMarks(deps.online, fresh.onlineTable);
  if (table.generation === fresh.onlineTable.generation) return fresh;
  await switchTo(deps, group, { generation: table.generation, loadedAt: -1 });
  return refreshGroup(deps, group);
}

async function allot(
  deps: FeatureDeps,
  group: OpenGroup & { readonly registry: Registry },
): Promise<{ readonly allotted: OtherGeneration; readonly registry: Registry }> {
  let allotted: OtherGeneration | undefined;
  const registry = await reviseGroup(deps, group, `load ${groupName(group.definition)} online`, (state, at) => {
    const next = allotGeneration(state, { now: at.now, wantedSince: at.revision });
    ({ allotted } = next);
    return next.group;
  });
  if (allotted === undefined) throw new LakefoldError('INTERNAL', `expected a generation for ${groupName(group.definition)}, found none`);
  return { allotted, registry };
}

async function switchTo(deps: FeatureDeps, group: OpenGroup, to: { readonly generation: number; readonly loadedAt: number }): Promise<void> {
  const registry = await reviseGroup(deps, group, `switch ${groupName(group.definition)} to generation ${to.generation}`, (state, { now }) =>
    switchGeneration(state, { ...to, now }),
  );
  const { generation } = featureGroupOf(registry.state, group.definition.name, group.definition.version);
  if (generation < to.generation) throw superseded(group, `generation ${to.generation} was forgotten`);
}

type ReviseGroup = (state: FeatureGroupState, at: { readonly now: string; readonly revision: number }) => FeatureGroupState | undefined;

/** Neither ETag nor `updatedAt` moves: the definition is the same. */
async function reviseGroup(deps: FeatureDeps, { project, definition }: OpenGroup, message: string, revise: ReviseGroup): Promise<Registry> {
  const { name, version } = definition;
  const outcome: RevisionOutcome = await appendRevision(deps, await loadRegistry(deps, project), {
    txnId: deps.random.uuid(),
    message,
    revise: ({ state }, at) => {
      const found = featureGroupOf(state, name, version);
      const revised = revise(found, at);
      if (revised === undefined || revised === found) return undefined;
      return {
        state: { ...state, featureGroups: state.featureGroups.map((each) => (each === found ? revised : each)) },
        changes: [{ op: 'update', kind: 'featureGroup', name, version }],
      };
    },
  });
  await writeRegistryCopy(deps, outcome.registry);
  return outcome.registry;
}

/**
 * What is left to do of earlier loads, and loads that definitions ask for. Called by whoever publishes from time to time.
 * @throws LakefoldError as `loadNewGeneration`
 */
export async function tendGenerations(deps: FeatureDeps, group: OpenGroup, options: RequestOptions = {}): Promise<void> {
  if (group.definition.onlineEnabled && group.state.loadWantedSince !== undefined) {
    const fresh = await settleSwitch(deps, group);
    if (fresh.state.loadWantedSince !== undefined) await loadNewGeneration(deps, fresh, { ...options, ifBusy: 'leave' });
  }
  if (group.state.otherGenerations !== undefined) await clearGenerations(deps, group, options);
}

/** Starts loads that definitions ask for at once, behind the answer; what it leaves undone the next publish finds. */
export function startLoads(deps: FeatureDeps): NonNullable<ProjectDeps['loadWanted']> {
  return ({ project, state }) => deps.background.run('loadGeneration', async () => tendGenerations(deps, await openGroup(deps, project, state)));
}

/**
 * Leaves the group with one generation: a load that is wanted is done, and what others hold is cleared at once, for those who may keep
 * nothing of it. A reader that has not heard finds a mark where to go.
 * @throws LakefoldError as `loadNewGeneration`
 */
export async function settleGenerations(deps: FeatureDeps, group: OpenGroup, options: RequestOptions = {}): Promise<OpenGroup> {
  const finished = await settleSwitch(deps, group);
  if (finished.state.loadWantedSince !== undefined) await loadNewGeneration(deps, finished, options);
  let fresh = await refreshGroup(deps, group);
  for (let round = 0; retiredGenerations(fresh.state, deps.clock.now()).length > 0 && round < CLEAR_ROUNDS_MAX; round += 1) {
    await clearUntil(deps, fresh, { ...options, before: deps.clock.now() });
    fresh = await refreshGroup(deps, group);
  }
  return fresh;
}

/** Clears generations that nobody can be reading any more, at most `CLEARED_ITEMS_MAX` items. */
async function clearGenerations(deps: FeatureDeps, group: OpenGroup, options: RequestOptions): Promise<void> {
  const before = deps.clock.now() - GENERATION_KEPT_MILLIS;
  if (retiredGenerations(group.state, before).length === 0) return;
  const fresh = await refreshGroup(deps, group);
  // Readers that read the copy hear of the switch from it alone.
  const copy = await writeRegistryCopy(deps, fresh.registry);
  if (copy.kind === 'current' && (await copiedSince(deps.control, group.project)) <= before) await clearUntil(deps, fresh, { ...options, before });
}

async function clearUntil(deps: FeatureDeps, fresh: OpenGroup, { before, ...options }: RequestOptions & { readonly before: number }): Promise<void> {
  const cleared: number[] = [];
  for (const other of retiredGenerations(fresh.state, before)) {
    const table = markedTable(fresh.onlineTable, other);
    await putMark(deps.online, table, { kind: 'gone', ...numbersOf({ ...fresh.onlineTable }) }, options);
    if (!(await deps.online.clear(table, { ...options, itemsMax: CLEARED_ITEMS_MAX }))) break;
    cleared.push(other.generation);
  }
  if (cleared.length === 0) return;
  await reviseGroup(deps, fresh, `clear generations ${cleared.join(', ')} of ${groupName(fresh.definition)}`, (state) => forgetGenerations(state, cleared));
}

function numbersOf({ generation, shards }: { readonly generation: number; readonly shards: number }): { readonly generation: number; readonly shards: number } {
  return { generation, shards };
}

interface HeldLease extends Lease {
  readonly renewedAt: number;
}

async function waitForLease(
  deps: FeatureDeps,
  group: OpenGroup,
  options: { readonly signal?: AbortSignal; readonly ifBusy?: 'leave' },
): Promise<HeldLease | undefined> {
  const name = `online/${group.project}/${groupName(group.definition)}`;
  const owner = deps.random.uuid();
  const deadline = deps.clock.monotonicMillis() + LOAD_WAIT_MAX_MILLIS;
  for (;;) {
    const lease = await takeLease(deps, name, owner);
    if (lease !== undefined) return { ...lease, renewedAt: deps.clock.now() };
    if (options.ifBusy === 'leave') return undefined;
    if (deps.clock.monotonicMillis() > deadline) throw superseded(group, 'another load is under way');
    await deps.clock.sleep(LOAD_LOOK_MILLIS, options.signal);
  }
}

function superseded(group: OpenGroup, why: string): LakefoldError {
  return new LakefoldError('COMMIT_CONFLICT', `expected to load the online values of ${groupName(group.definition)}, but ${why}; they are served as before`, {
    context: { featureGroup: groupName(group.definition) },
  });
}

/** Whether a mark of a watermark concerns this table's values. */
export function marksOwnValues(found: string, tableId: string): boolean {
  const mark = parseMark(found);
  return mark !== undefined && (mark.tableId === tableId || mark.tableId === '');
}
