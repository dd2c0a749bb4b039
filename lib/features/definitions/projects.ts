/**
 * Projects and what is open in them: registries cached, groups compiled, tables kept warm. One instance a process.
 */
import { LakefoldError } from '../../core/errors.ts';
import { utf8 } from '../../core/bytes.ts';
import { isJsonObject, type JsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import { DeltaTable } from '../../delta/table.ts';
import { appendPlan, appendRevision, createProject, type PlanRequest, type ReviseState, type RevisionOutcome } from '../../registry/append-revision.ts';
import { groupKey, type PlannedTable, tablesOf } from '../../registry/apply-plan.ts';
import { type DefinitionsPlan, planDefinitions, type PlanBody, refuseBreaking, refuseUpdates, type WantedDefinitions } from '../../registry/plan.ts';
import { parseFeatureGroup } from '../../registry/parse-group.ts';
import { parseFeatureView } from '../../registry/parse-view.ts';
import type { FeatureGroupState, FeatureViewState } from '../../registry/definition.ts';
import { ensureLocation } from '../../registry/location.ts';
import type { Control } from '../../ports/control.ts';
import type { Registry } from '../../registry/registry.ts';
import { RegistryCache } from '../../registry/registry-cache.ts';
import { writeRegistryCopy } from '../../registry/registry-copy.ts';
import { featureGroupOf, featureViewOf, findFeatureView } from '../../registry/state.ts';
import { definitionHash, tableLayout, tablePath } from '../../registry/table-layout.ts';
import type { ProjectDeps } from '../deps.ts';
import { compileGroup, groupName, openGroup, type OpenGroup } from '../open-group.ts';
import { refuseUnavailable } from './refuse-unavailable.ts';
import { withRewriteSizes } from './rewrite-sizes.ts';
import { settle } from '../ingest/settle.ts';

export interface AppliedChange {
  readonly type: 'featureGroup' | 'featureView';
  readonly name: string;
  readonly version: number;
  readonly action: 'create' | 'update' | 'none';
}

/** What `POST /definitions:apply` answers. */
export interface ApplyReport {
  readonly applied: readonly AppliedChange[];
  readonly revision: number;
}

/** What a create route did: the version it stands under and whether it was there before. */
export interface Created {
  readonly name: string;
  readonly version: number;
  readonly existed: boolean;
}

export class Projects {
  readonly #deps: ProjectDeps;
  readonly #registries: RegistryCache;
  readonly #groups = new Map<string, Promise<OpenGroup>>();

  constructor(deps: ProjectDeps) {
    this.#deps = deps;
    this.#registries = new RegistryCache(deps);
  }

  /** The project's registry, at most ten seconds old. @throws LakefoldError UNKNOWN_PROJECT */
  registry(project: string, options: { readonly fresh?: 'yes' } = {}): Promise<Registry> {
    return this.#registries.load(project, options.fresh === 'yes' ? { staleMaxMillis: 0 } : {});
  }

  /** True when it was created now. @throws LakefoldError INVALID_DEFINITION for a name that may not be used */
  async create(project: string, options: { readonly description?: string | null } = {}): Promise<boolean> {
    await ensureLocation(this.#deps);
    const outcome = await createProject(this.#deps, project, { txnId: this.#deps.random.uuid(), description: options.description ?? null });
    this.#registries.remember(outcome.registry);
    await this.#copy(outcome.registry);
    return outcome.kind === 'committed';
  }

  /** The group, ready for work. @throws LakefoldError UNKNOWN_PROJECT, UNKNOWN_FEATURE_GROUP */
  async group(project: string, name: string, version: number): Promise<OpenGroup> {
    const { state } = await this.registry(project);
    const group = state.featureGroups.some((candidate) => candidate.definition.name === name && candidate.definition.version === version)
      ? featureGroupOf(state, name, version)
      : featureGroupOf((await this.registry(project, { fresh: 'yes' })).state, name, version);
    const key = `${project}/${name}/${version}`;
    const cached = await this.#groups.get(key);
    if (cached !== undefined && isSameState(cached.state, group)) return cached;
    const opening = cached === undefined ? openGroup(this.#deps, project, group) : reopen(cached, { project, state: group });
    this.#groups.set(key, opening);
    opening.catch(() => this.#groups.delete(key));
    return opening;
  }

  /** The view, asked for anew where the cached definitions lack it. @throws LakefoldError UNKNOWN_PROJECT, UNKNOWN_FEATURE_VIEW */
  async view(project: string, name: string, version: number): Promise<FeatureViewState> {
    const { state } = await this.registry(project);
    return findFeatureView(state, name, version) ?? featureViewOf((await this.registry(project, { fresh: 'yes' })).state, name, version);
  }

  /** What registering the definitions would do; the plan is kept for a day, for `apply`. @throws LakefoldError INVALID_DEFINITION, … */
  async plan(project: string, body: JsonObject): Promise<PlanBody> {
    const { state } = await this.registry(project, { fresh: 'yes' });
    const plan = planDefinitions(state, wantedOf(body));
    refuseUnavailable(plan);
    await this.#control().put({ partition: `plan/${project}`, sort: plan.body.planId, bytes: utf8(stringifyJson(body)) });
    return withRewriteSizes(this.#deps, project, plan);
  }

  /** Carries a plan out, atomically; `rewrite` lets it write files again. @throws LakefoldError PLAN_STALE, BREAKING_SCHEMA_CHANGE, IMMUTABLE */
  async apply(project: string, planId: string, options: { readonly rewrite?: boolean } = {}): Promise<ApplyReport> {
    const record = await this.#control().get(`plan/${project}`, planId, { consistent: true });
    const body = record === undefined ? undefined : parseJson(record.bytes);
    if (!isJsonObject(body))
      throw new LakefoldError('PLAN_STALE', `expected a plan of the last day, found ${JSON.stringify(planId)}: plan again`, { context: { planId } });
    const registry = await this.registry(project, { fresh: 'yes' });
    const plan = planDefinitions(registry.state, wantedOf(body));
    if (plan.body.planId !== planId)
      throw new LakefoldError('PLAN_STALE', `expected the definitions that plan ${planId} was made on, found others: plan again`, { context: { planId } });
    const after = await this.carryOut(registry, plan, { message: 'apply', ...options });
    return { applied: plan.body.changes.map(({ type, name, version, action }) => ({ type, name, version, action })), revision: after.revision };
  }

  /** Registers one new group. @throws LakefoldError ALREADY_EXISTS when another definition has its name and version */
  createGroup(project: string, body: JsonObject): Promise<Created> {
    return this.#createOne(project, { featureGroups: [parseFeatureGroup(body)], featureViews: [] });
  }

  /** Registers one new view. @throws LakefoldError ALREADY_EXISTS, UNKNOWN_FEATURE_GROUP, … */
  createView(project: string, body: JsonObject): Promise<Created> {
    return this.#createOne(project, { featureGroups: [], featureViews: [parseFeatureView(body)] });
  }

  async #createOne(project: string, wanted: WantedDefinitions): Promise<Created> {
    const registry = await this.registry(project, { fresh: 'yes' });
    const plan = planDefinitions(registry.state, wanted);
    refuseUpdates(plan);
    const [change] = plan.body.changes;
    if (change === undefined) throw new LakefoldError('INTERNAL', 'expected a plan of one change');
    await this.carryOut(registry, plan, { message: `create ${groupName(change)}` });
    return { name: change.name, version: change.version, existed: change.action === 'none' };
  }

  /**
   * Carries a plan out: its tables first, the registry second, so that a crash between leaves a table that nobody sees and the next
   * apply adopts (storage.md §3).
   * @throws LakefoldError PLAN_STALE, BREAKING_SCHEMA_CHANGE, IMMUTABLE, and what `guard` throws
   */
  async carryOut(registry: Registry, plan: DefinitionsPlan, request: Pick<PlanRequest, 'message' | 'guard' | 'also' | 'rewrite'>): Promise<Registry> {
    refuseBreaking(plan, request);
    const rewritten = plan.body.changes.find(({ verdict }) => verdict === 'rewrite');
    if (rewritten !== undefined && this.#deps.rewrites === 'refused')
      throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a deployment that may write files of ${groupName(rewritten)} again, found one that may not`, {
        context: { newVersion: rewritten.newVersion },
      });
    refuseUnavailable(plan);
    const tableIds = new Map<string, string>();
    for (const planned of tablesOf(plan)) tableIds.set(groupKey(planned.definition), await this.#prepareTable(registry.project, planned));
    return this.#revised(await appendPlan(this.#deps, registry, { txnId: this.#deps.random.uuid(), plan, tableIds, ...request }));
  }

  /** Appends the next revision; `revise` is asked again after every lost race. @throws LakefoldError COMMIT_CONFLICT, and what `revise` throws */
  async revise(registry: Registry, request: { readonly message: string; readonly revise: ReviseState }): Promise<Registry> {
    return this.#revised(await appendRevision(this.#deps, registry, { txnId: this.#deps.random.uuid(), ...request }));
  }

  async #revised({ registry }: RevisionOutcome): Promise<Registry> {
    const { project, revision, state } = registry;
    this.#registries.remember(registry);
    await this.#copy(registry);
    for (const group of state.featureGroups) if (group.loadWantedSince === revision) this.#deps.loadWanted?.({ project, state: group });
    return registry;
  }

  async #prepareTable(project: string, planned: PlannedTable): Promise<string> {
    const layout = tableLayout(project, planned.definition);
    const path = tablePath(project, planned.path);
    if (planned.kind === 'alter') {
      const table = await DeltaTable.open(this.#deps, path);
      await settle(this.#deps, path, {
        outcome: await table.alter({ columns: layout.columns, configuration: layout.configuration }, { rewrite: true }),
        rejected: 0,
      });
      return table.snapshot.metadata.id;
    }
    const { kind, table } = await DeltaTable.create(this.#deps, path, {
      columns: layout.columns,
      partitionBy: layout.partitionColumns,
      profile: planned.definition.profile,
      configuration: layout.configuration,
      name: planned.definition.name,
      ...(layout.description === null ? {} : { description: layout.description }),
    });
    const found = table.snapshot.metadata.configuration['lakefold.definition'];
    if (kind === 'exists' && found !== definitionHash(planned.definition)) {
      throw new LakefoldError('ALREADY_EXISTS', `expected no table at ${path}, or one of this very definition, found another's`, { context: { path } });
    }
    return table.snapshot.metadata.id;
  }

  // `serve` reads nothing but this copy; a lost one is written by the next change or publish.
  async #copy(registry: Registry): Promise<void> {
    await writeRegistryCopy({ control: this.#control(), clock: this.#deps.clock }, registry);
  }

  #control(): Control {
    if (this.#deps.control === undefined)
      throw new LakefoldError('UNSUPPORTED_OPERATION', 'expected a deployment that may change definitions, found one that only reads them');
    return this.#deps.control;
  }
}

/** A load of online values changes no definition, so the revision of one does not tell it. */
function isSameState(a: FeatureGroupState, b: FeatureGroupState): boolean {
  const others = (state: FeatureGroupState): string => JSON.stringify(state.otherGenerations ?? []);
  return a.revision === b.revision && a.generation === b.generation && a.loadWantedSince === b.loadWantedSince && others(a) === others(b);
}

async function reopen(open: OpenGroup, next: { readonly project: string; readonly state: OpenGroup['state'] }): Promise<OpenGroup> {
  await open.table.refresh();
  return compileGroup({ ...next, table: open.table, receipts: open.receipts });
}

function wantedOf(body: JsonObject): WantedDefinitions {
  const unknown = Object.keys(body).find((key) => key !== 'featureGroups' && key !== 'featureViews');
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected featureGroups and featureViews, found ${JSON.stringify(unknown)}`, { context: { field: unknown } });
  const listOf = (key: 'featureGroups' | 'featureViews'): readonly unknown[] => {
    const list = body[key] ?? [];
    if (!Array.isArray(list)) throw new LakefoldError('INVALID_ARGUMENT', `expected a list of definitions in ${key}`, { context: { field: key } });
    return list;
  };
  return { featureGroups: listOf('featureGroups').map(parseFeatureGroup), featureViews: listOf('featureViews').map(parseFeatureView) };
}
