/** Questions to a registry state. Pure; nothing here is ever changed in place. */
import { LakefoldError } from '../core/errors.ts';
import type { FeatureGroupState, FeatureViewState, RegistryState } from './definition.ts';

/** The state of a project that was just created. */
export function emptyState(project: RegistryState['project']): RegistryState {
  return { project, featureGroups: [], featureViews: [], grants: [], highestVersions: {} };
}

/** Undefined when there is none or it was deleted. */
export function findFeatureGroup(state: RegistryState, name: string, version: number): FeatureGroupState | undefined {
  return state.featureGroups.find((group) => group.definition.name === name && group.definition.version === version && group.status !== 'DELETED');
}

/** Undefined when there is none or it was deleted. */
export function findFeatureView(state: RegistryState, name: string, version: number): FeatureViewState | undefined {
  return state.featureViews.find((view) => view.definition.name === name && view.definition.version === version && view.status !== 'DELETED');
}

/** @throws LakefoldError UNKNOWN_FEATURE_GROUP */
export function featureGroupOf(state: RegistryState, name: string, version: number): FeatureGroupState {
  const group = findFeatureGroup(state, name, version);
  if (group === undefined)
    throw new LakefoldError('UNKNOWN_FEATURE_GROUP', `expected a feature group of this project, found ${name}/${version}`, {
      context: { featureGroup: name, version },
    });
  return group;
}

/** @throws LakefoldError UNKNOWN_FEATURE_VIEW */
export function featureViewOf(state: RegistryState, name: string, version: number): FeatureViewState {
  const view = findFeatureView(state, name, version);
  if (view === undefined)
    throw new LakefoldError('UNKNOWN_FEATURE_VIEW', `expected a feature view of this project, found ${name}/${version}`, {
      context: { featureView: name, version },
    });
  return view;
}

/** Greatest version that is not deprecated, else the greatest there is; undefined when the name is unknown. */
export function latestFeatureGroup(state: RegistryState, name: string): FeatureGroupState | undefined {
  return latest(state.featureGroups, name);
}

/** As `latestFeatureGroup`, for views. */
export function latestFeatureView(state: RegistryState, name: string): FeatureViewState | undefined {
  return latest(state.featureViews, name);
}

/** The ETag of a definition: the revision that last changed it. */
export function etagOf(state: { readonly revision: number }): string {
  return `"r${state.revision}"`;
}

function latest<State extends FeatureGroupState | FeatureViewState>(states: readonly State[], name: string): State | undefined {
  const alive = states
    .filter((state) => state.definition.name === name && state.status !== 'DELETED')
    .toSorted((a, b) => b.definition.version - a.definition.version);
  return alive.find((state) => state.status === 'ACTIVE') ?? alive[0];
}
