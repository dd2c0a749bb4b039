/** A project of a store: definitions registered, groups written and read, views served and trained on. */
import { LakefoldError } from '../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson, type JsonObject } from '../core/json.ts';
import {
  deleteGroup,
  deleteView,
  editGroup,
  editView,
  type DefinitionAt,
  type DeleteOptions,
  type EditOptions,
} from '../features/definitions/edit-definitions.ts';
import type { ApplyReport } from '../features/definitions/projects.ts';
import { lineage, LINEAGE_DEPTH_MAX, type Lineage, type LineageRequest } from '../features/definitions/lineage.ts';
import type { GroupRef } from '../features/ingest/receipt.ts';
import { search, type SearchItem, type SearchQuery } from '../features/definitions/search.ts';
import type { OpenGroup } from '../features/open-group.ts';
import { storedTransforms } from '../features/training/stored-manifest.ts';
import { TransformedViews } from '../online/transformed-views.ts';
import { WatermarkCache } from '../online/watermark-cache.ts';
import { type BundledFunction, type CollectedDefinitions, collectDefinitions, transformOf } from '../registry/collect-definitions.ts';
import type { Schema } from '../registry/column-builder.ts';
import type { FeatureGroup } from '../registry/define-group.ts';
import type { FeatureView } from '../registry/define-view.ts';
import type { FeatureViewDefinition, RegistryState } from '../registry/definition.ts';
import type { PlanBody } from '../registry/plan.ts';
import { latestFeatureGroup, latestFeatureView } from '../registry/state.ts';
import { FeatureGroupHandle } from './feature-group-handle.ts';
import { FeatureViewHandle, type ViewServing } from './feature-view-handle.ts';
import { ensureProject, type OpenStore } from './open-store.ts';
import { ViewPlans } from './view-plans.ts';

/** Feature groups and views, as a module's exports or by any other names. */
export type Definitions = Readonly<Record<string, unknown>>;

/** Members of a definition with their new values; `status`; of a group also `addFeatures` and `widen`. */
export type DefinitionPatch = Readonly<Record<string, unknown>>;

export class FeatureStore {
  readonly project: string;
  readonly #store: OpenStore;
  readonly #functions: Map<string, BundledFunction>;
  readonly #serving: ViewServing;

  /** `functions` is the table the store was opened with: definitions applied later add theirs. */
  constructor(store: OpenStore, project: string, functions: Map<string, BundledFunction>) {
    this.project = project;
    this.#store = store;
    this.#functions = functions;
    const transformed = new TransformedViews({ fittedTransforms: storedTransforms(store.deps), ownApply: (spec) => transformOf(functions, spec)?.apply });
    this.#serving = { plans: new ViewPlans(store.deps), transformed, watermarks: new WatermarkCache() };
  }

  /** What `apply` would change. @throws LakefoldError INVALID_DEFINITION, UNKNOWN_FEATURE_GROUP, UNSUPPORTED_OPERATION, … */
  plan(definitions: Definitions): Promise<PlanBody> {
    return this.#plan(collectDefinitions(definitions));
  }

  /**
   * Registers the definitions, all or none; those registered before and unchanged stay as they are.
   * `rewrite` lets columns get wider types, for which every file of their table is written again.
   * @throws LakefoldError as `plan`; BREAKING_SCHEMA_CHANGE, IMMUTABLE, PLAN_STALE
   */
  async apply(definitions: Definitions, options: { readonly rewrite?: boolean } = {}): Promise<ApplyReport> {
    const collected = collectDefinitions(definitions);
    await ensureProject(this.#store.projects, this.project);
    const { planId } = await this.#plan(collected);
    const report = await this.#store.projects.apply(this.project, planId, options);
    for (const [key, compute] of collected.functions) this.#functions.set(key, compute);
    return report;
  }

  /** By definition or by name; without a version the newest that is not deprecated. Unknown ones fail when first used. */
  featureGroup<S extends Schema>(group: FeatureGroup<S>): FeatureGroupHandle<S>;
  featureGroup(name: string, version?: number): FeatureGroupHandle;
  featureGroup(group: string | FeatureGroup, version?: number): FeatureGroupHandle {
    const wanted = typeof group === 'string' ? { name: group, version } : { name: group.name, version: group.version ?? undefined };
    const open = async (): Promise<OpenGroup> => {
      const found = wanted.version ?? (await this.#latest((state) => latestFeatureGroup(state, wanted.name)?.definition.version));
      if (found === undefined)
        throw new LakefoldError('UNKNOWN_FEATURE_GROUP', `expected a feature group of project ${this.project}, found ${wanted.name}`, {
          context: { featureGroup: wanted.name },
        });
      return this.#store.projects.group(this.project, wanted.name, found);
    };
    const views = async (): Promise<readonly FeatureViewDefinition[]> =>
      (await this.#store.projects.registry(this.project, { fresh: 'yes' })).state.featureViews.map(({ definition }) => definition);
    return new FeatureGroupHandle(this.#store.deps, { open, views });
  }

  /** By definition or by name; without a version the newest that is not deprecated. Unknown ones fail when first used. */
  featureView<V extends FeatureView>(view: V): FeatureViewHandle<V>;
  featureView(name: string, version?: number): FeatureViewHandle;
  featureView(view: string | FeatureView, version?: number): FeatureViewHandle {
    const wanted = typeof view === 'string' ? { name: view, version } : { name: view.name, version: view.version ?? undefined };
    return new FeatureViewHandle(this.#store.deps, this.#serving, async () => {
      const found = wanted.version ?? (await this.#latest((state) => latestFeatureView(state, wanted.name)?.definition.version));
      if (found === undefined)
        throw new LakefoldError('UNKNOWN_FEATURE_VIEW', `expected a feature view of project ${this.project}, found ${wanted.name}`, {
          context: { featureView: wanted.name },
        });
      return { project: this.project, name: wanted.name, version: found };
    });
  }

  /**
   * Changes a group in place, in one revision: the members of `PATCH …/feature-groups/{fg}/versions/{v}`.
   * @throws LakefoldError UNKNOWN_FEATURE_GROUP, BREAKING_SCHEMA_CHANGE, PRECONDITION_FAILED, UNKNOWN_FIELD, INVALID_DEFINITION
   */
  updateFeatureGroup(group: GroupRef, patch: DefinitionPatch, options: EditOptions = {}): Promise<void> {
    return editGroup(this.#store.deps, this.#at(group), jsonObject(patch), options);
  }

  /** Changes description, tags or status of a view. @throws LakefoldError UNKNOWN_FEATURE_VIEW, IMMUTABLE, PRECONDITION_FAILED, UNKNOWN_FIELD, INVALID_DEFINITION */
  updateFeatureView(view: GroupRef, patch: DefinitionPatch, options: EditOptions = {}): Promise<void> {
    return editView(this.#store.deps, this.#at(view), jsonObject(patch), options);
  }

  /** Its number is never used again; its table stays where it is. @throws LakefoldError UNKNOWN_FEATURE_GROUP, PRECONDITION_FAILED, IN_USE without `force` */
  deleteFeatureGroup(group: GroupRef, options: DeleteOptions = {}): Promise<void> {
    return deleteGroup(this.#store.deps, this.#at(group), options);
  }

  /** @throws LakefoldError UNKNOWN_FEATURE_VIEW, PRECONDITION_FAILED; IN_USE where it has training datasets, without `force` */
  deleteFeatureView(view: GroupRef, options: DeleteOptions = {}): Promise<void> {
    return deleteView(this.#store.deps, this.#at(view), options);
  }

  /** Definitions and training datasets that every word of `q` is found in, best first. */
  async search(query: SearchQuery): Promise<readonly SearchItem[]> {
    return search(this.#store.deps, await this.#store.projects.registry(this.project, { fresh: 'yes' }), query);
  }

  /** What a definition is made of and what is made of it. @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_FEATURE_GROUP, … for a node that is none */
  async lineage(node: string, options: Partial<Omit<LineageRequest, 'node'>> = {}): Promise<Lineage> {
    const registry = await this.#store.projects.registry(this.project, { fresh: 'yes' });
    return lineage(this.#store.deps, registry, { direction: 'both', depth: LINEAGE_DEPTH_MAX, ...options, node });
  }

  /** Waits for work under way and closes every file and connection; the store must not be used afterwards. */
  close(): Promise<void> {
    return this.#store.close();
  }

  #at({ name, version }: GroupRef): DefinitionAt {
    return { project: this.project, name, version };
  }

  async #plan({ wanted }: CollectedDefinitions): Promise<PlanBody> {
    const body = { featureGroups: wanted.featureGroups.map(withoutOpenVersion), featureViews: wanted.featureViews.map(withoutOpenVersion) };
    return this.#store.projects.plan(this.project, jsonObject(body));
  }

  async #latest(version: (state: RegistryState) => number | undefined): Promise<number | undefined> {
    const { projects } = this.#store;
    return version((await projects.registry(this.project)).state) ?? version((await projects.registry(this.project, { fresh: 'yes' })).state);
  }
}

function jsonObject(value: object): JsonObject {
  const json = parseJson(stringifyJson(value));
  return isJsonObject(json) ? json : {};
}

/** A version that is yet to be given is absent in JSON, not null. */
function withoutOpenVersion<Draft extends { readonly version: number | null }>(draft: Draft): Omit<Draft, 'version'> & { readonly version?: number } {
  const { version, ...rest } = draft;
  return version === null ? rest : { ...rest, version };
}
