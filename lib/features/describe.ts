/** What `describe` answers of groups and views (shapes.md). */
import { joinPath } from '../core/path.ts';
import type { FeatureViewDefinition, FeatureViewState, RegistryState } from '../registry/definition.ts';
import { describeView, type ViewShape } from '../registry/describe-view.ts';
import { groupWarnings } from '../registry/parse-group.ts';
import { etagOf, groupFinder } from '../registry/state.ts';
import type { FeatureDeps } from './deps.ts';
import type { OpenGroup } from './open-group.ts';

/** The group's definition, defaults filled in, with its state and newest commit: one request to the log. */
export async function describeGroup(deps: Pick<FeatureDeps, 'store'>, group: OpenGroup): Promise<object> {
  const { definition, state } = group;
  const snapshot = await group.table.refresh();
  return {
    ...definition, status: state.status, schemaVersion: state.schemas.length, latestCommit: snapshot.version,
    table: { location: `${deps.store.location}/${joinPath(group.table.root)}`, format: 'delta', profile: definition.profile },
    createdAt: state.createdAt, updatedAt: state.updatedAt, etag: etagOf(state), warnings: groupWarnings(definition),
  };
}

/** The view's definition with what follows from it. */
export function describeViewState(registry: RegistryState, view: FeatureViewState): FeatureViewDefinition & ViewShape & { readonly status: string; readonly createdAt: string; readonly etag: string; readonly warnings: readonly never[] } {
  return { ...view.definition, status: view.status, ...describeView(view.definition, groupFinder(registry)), createdAt: view.createdAt, etag: etagOf(view), warnings: [] };
}
