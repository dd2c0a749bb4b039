/** What `describe` answers of groups and views (shapes.md). */
import { isLakefoldError } from '../core/errors.ts';
import { joinPath } from '../core/path.ts';
import type { FeatureViewDefinition, FeatureViewState, RegistryState } from '../registry/definition.ts';
import { describeView, type ViewShape } from '../registry/describe-view.ts';
import { groupWarnings } from '../registry/parse-group.ts';
import { etagOf, groupFinder } from '../registry/state.ts';
import type { FeatureDeps } from './deps.ts';
import type { OpenGroup } from './open-group.ts';

/** The group's definition, defaults filled in, with its state and newest commit: one request to the log. */
export async function describeGroup(deps: Pick<FeatureDeps, 'store'>, group: OpenGroup): Promise<object> {
  const snapshot = await group.table.refresh();
  return groupBody(deps, group, { latestCommit: snapshot.version, warnings: groupWarnings(group.definition) });
}

/** The same of a group whose table can't be read, for lists: one broken table must not hide the others. @throws what is no fault of the table */
export function describeUnreadable(deps: Pick<FeatureDeps, 'store'>, group: Pick<OpenGroup, 'project' | 'state' | 'definition'>, error: unknown): object {
  if (
    !isLakefoldError(error) ||
    (error.kind !== 'corrupt' && error.kind !== 'unsupported' && error.code !== 'TABLE_NOT_FOUND' && error.code !== 'SCHEMA_DRIFT')
  )
    throw error;
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

/** The view's definition with what follows from it. */
export function describeViewState(
  registry: RegistryState,
  view: FeatureViewState,
): FeatureViewDefinition & ViewShape & { readonly status: string; readonly createdAt: string; readonly etag: string; readonly warnings: readonly never[] } {
  return {
    ...view.definition,
    status: view.status,
    ...describeView(view.definition, groupFinder(registry)),
    createdAt: view.createdAt,
    etag: etagOf(view),
    warnings: [],
  };
}
