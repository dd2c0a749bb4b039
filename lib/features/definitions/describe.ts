/** What `describe` answers of groups and views (shapes.md). */
import { isLakefoldError } from '../../core/errors.ts';
import { joinPath } from '../../core/path.ts';
import type { FeatureGroupState, FeatureViewDefinition, FeatureViewState, RegistryState } from '../../registry/definition.ts';
import { describeView, type ViewShape } from '../../registry/describe-view.ts';
import { groupWarnings } from '../../registry/parse-group.ts';
import type { PlanWarning } from '../../registry/plan.ts';
import { etagOf, findFeatureGroup } from '../../registry/state.ts';
import type { FeatureDeps } from '../deps.ts';
import type { OpenGroup } from '../open-group.ts';
import { driftsOf, driftText } from './schema-drift.ts';

/** The group's definition, defaults filled in, with its state and newest commit: one request to the log. */
export async function describeGroup(deps: Pick<FeatureDeps, 'store'>, group: OpenGroup): Promise<object> {
  const snapshot = await group.table.refresh();
  const drifts = driftsOf(group.state, snapshot).map((drift) => ({ code: 'SCHEMA_DRIFT', message: driftText(drift) }));
  return groupBody(deps, group, { latestCommit: snapshot.version, warnings: [...groupWarnings(group.definition), ...drifts] });
}

/** The same of a group whose table can't be read, for lists: one broken table must not hide the others. @throws what is no fault of the table */
export function describeUnreadable(deps: Pick<FeatureDeps, 'store'>, group: Pick<OpenGroup, 'project' | 'state' | 'definition'>, error: unknown): object {
  if (!isLakefoldError(error) || (error.kind !== 'corrupt' && error.kind !== 'unsupported' && error.code !== 'TABLE_NOT_FOUND')) throw error;
  return groupBody(deps, group, { latestCommit: null, warnings: [...groupWarnings(group.definition), { code: error.code, message: error.message }] });
}

function groupBody(
  deps: Pick<FeatureDeps, 'store'>,
  { project, definition, state }: Pick<OpenGroup, 'project' | 'state' | 'definition'>,
  found: { readonly latestCommit: number | null; readonly warnings: readonly { readonly code: string; readonly message: string }[] },
): object {
  return {
    ...definition,
    status: state.status,
    schemaVersion: state.schemas.length,
    latestCommit: found.latestCommit,
    table: { location: `${deps.store.location}/${joinPath(project, state.path)}`, format: 'delta', profile: definition.profile },
    createdAt: state.createdAt,
    updatedAt: state.updatedAt,
    etag: etagOf(state),
    warnings: found.warnings,
  };
}

/** What `describe` answers of a view. */
export interface DescribedView extends FeatureViewDefinition, ViewShape {
  readonly status: string;
  readonly createdAt: string;
  readonly etag: string;
  readonly warnings: readonly PlanWarning[];
}

/** The view's definition with what follows from it; groups deleted from under it are warned of, not hidden behind an error. */
export function describeViewState(registry: RegistryState, view: FeatureViewState): DescribedView {
  const { definition } = view;
  const gone = definition.joins.filter((join) => findFeatureGroup(registry, join.featureGroup, join.version) === undefined);
  return {
    ...definition,
    status: view.status,
    ...describeView(definition, (name, version) => registry.featureGroups.find((group) => isNamed(group, name, version))?.definition),
    createdAt: view.createdAt,
    etag: etagOf(view),
    warnings: gone.map((join) => ({
      code: 'UNKNOWN_FEATURE_GROUP',
      message: `join ${join.name} is of feature group ${join.featureGroup}/${join.version}, which was deleted`,
    })),
  };
}

function isNamed({ definition }: FeatureGroupState, name: string, version: number): boolean {
  return definition.name === name && definition.version === version;
}
