/** One definition changed or deleted: `PATCH` and `DELETE` of groups and views (semantics §6, §7). */
import { isLakefoldError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { patchedStatus, patchGroup, patchView, refuseInUse, requireMatch, viewsOnGroup, withStatus, withView } from '../../registry/edit-definition.ts';
import { planDefinitions } from '../../registry/plan.ts';
import { featureGroupOf, featureViewOf } from '../../registry/state.ts';
import type { Projects } from './projects.ts';
import { datasetDirectory, publishedNumbers } from '../training/dataset-files.ts';

export interface EditDeps {
  readonly store: ObjectStore;
  readonly projects: Pick<Projects, 'registry' | 'revise' | 'carryOut'>;
}

export interface DefinitionAt {
  readonly project: string;
  readonly name: string;
  readonly version: number;
}

export interface EditOptions {
  /** The value of `If-Match`; absent = whatever stands there. */
  readonly ifMatch?: string;
}

export interface DeleteOptions extends EditOptions {
  /** Also what others need. */
  readonly force?: boolean;
}

/** A patch names single columns: it is planned again where another change came between, as a commit is. */
const PLANS_MAX = 16;

/**
 * Changes a group in place, in one revision.
 * @throws LakefoldError UNKNOWN_FEATURE_GROUP, PRECONDITION_FAILED, BREAKING_SCHEMA_CHANGE, UNKNOWN_FIELD, INVALID_DEFINITION, UNKNOWN_FEATURE
 */
export async function editGroup(deps: EditDeps, { project, name, version }: DefinitionAt, patch: JsonObject, options: EditOptions = {}): Promise<void> {
  const status = patchedStatus(patch);
  for (let attempt = 1; ; attempt += 1) {
    const registry = await deps.projects.registry(project, { fresh: 'yes' });
    const found = featureGroupOf(registry.state, name, version);
    requireMatch(found, options.ifMatch);
    const plan = planDefinitions(registry.state, { featureGroups: [patchGroup(found.definition, patch)], featureViews: [] });
    try {
      await deps.projects.carryOut(registry, plan, {
        message: `update ${name}/${version}`,
        // Whoever names a column to widen knows; whoever sends a whole schema may not.
        rewrite: patch['widen'] !== undefined,
        guard: (state) => requireMatch(featureGroupOf(state, name, version), options.ifMatch),
        also: (state, at) => (status === undefined ? { state, changes: [] } : withStatus(state, { kind: 'featureGroup', name, version }, { status, ...at })),
      });
      return;
    } catch (error) {
      if (!isLakefoldError(error, 'PLAN_STALE') || attempt === PLANS_MAX) throw error;
    }
  }
}

/** Changes description, tags and status of a view. @throws LakefoldError UNKNOWN_FEATURE_VIEW, PRECONDITION_FAILED, IMMUTABLE, UNKNOWN_FIELD, INVALID_DEFINITION */
export async function editView(deps: EditDeps, { project, name, version }: DefinitionAt, patch: JsonObject, options: EditOptions = {}): Promise<void> {
  const status = patchedStatus(patch);
  await deps.projects.revise(await deps.projects.registry(project, { fresh: 'yes' }), {
    message: `update ${name}/${version}`,
    revise: ({ state }, at) => {
      const found = featureViewOf(state, name, version);
      requireMatch(found, options.ifMatch);
      const newVersion = (state.highestVersions[`featureViews/${name}`] ?? version) + 1;
      const edited = withView(state, found, { definition: patchView(found.definition, patch, newVersion), ...at });
      const marked =
        status === undefined ? { state: edited.state, changes: [] } : withStatus(edited.state, { kind: 'featureView', name, version }, { status, ...at });
      const changes = [...edited.changes, ...marked.changes];
      return changes.length === 0 ? undefined : { state: marked.state, changes };
    },
  });
}

/**
 * Takes a group's version out of the registry; its number is never used again, its table stays where it is.
 * @throws LakefoldError UNKNOWN_FEATURE_GROUP, PRECONDITION_FAILED; IN_USE listing the views on it, without `force`
 */
export async function deleteGroup(deps: EditDeps, { project, name, version }: DefinitionAt, options: DeleteOptions = {}): Promise<void> {
  const named = { kind: 'featureGroup', name, version } as const;
  await deps.projects.revise(await deps.projects.registry(project, { fresh: 'yes' }), {
    message: `delete ${name}/${version}`,
    revise: ({ state }, at) => {
      requireMatch(featureGroupOf(state, name, version), options.ifMatch);
      if (options.force !== true) refuseInUse(named, viewsOnGroup(state, name, version));
      return withStatus(state, named, { status: 'DELETED', ...at });
    },
  });
}

/** As `deleteGroup`, of a view's version. @throws LakefoldError UNKNOWN_FEATURE_VIEW, PRECONDITION_FAILED; IN_USE listing its training datasets, without `force` */
export async function deleteView(deps: EditDeps, { project, name, version }: DefinitionAt, options: DeleteOptions = {}): Promise<void> {
  const named = { kind: 'featureView', name, version } as const;
  const registry = await deps.projects.registry(project, { fresh: 'yes' });
  featureViewOf(registry.state, name, version);
  const datasets = options.force === true ? [] : await publishedNumbers(deps, datasetDirectory(project, { name, version }));
  await deps.projects.revise(registry, {
    message: `delete ${name}/${version}`,
    revise: ({ state }, at) => {
      requireMatch(featureViewOf(state, name, version), options.ifMatch);
      refuseInUse(
        named,
        datasets.map((number) => `training-dataset:${name}/${version}/${number}`),
      );
      return withStatus(state, named, { status: 'DELETED', ...at });
    },
  });
}
