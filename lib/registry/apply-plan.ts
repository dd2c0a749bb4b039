/**
 * A plan carried out on a registry state. Pure: the tables are made by the caller, first the table, then the registry
 * (storage.md §3), so that a crash between the two leaves only a table that the next `apply` adopts.
 */
import { LakefoldError } from '../core/errors.ts';
import type { FeatureGroupDefinition, FeatureGroupState, FeatureViewDefinition, FeatureViewState, RegistryState } from './definition.ts';
import { needsLoad } from './generations.ts';
import { payloadSchemaOf } from './payload-schema.ts';
import type { DefinitionsPlan, PlannedChange } from './plan.ts';
import type { RegistryChange } from './revision.ts';
import { groupPath } from './table-layout.ts';

/** A table that has to be made, or given the new columns of `definition`, before the registry may say so. */
export interface PlannedTable {
  readonly kind: 'create' | 'alter';
  readonly definition: FeatureGroupDefinition;
  /** Relative to the project. */
  readonly path: string;
}

export interface ApplyContext {
  /** RFC 3339 UTC. */
  readonly now: string;
  /** The revision the new state will be. */
  readonly revision: number;
  /** `metaData.id` of every created table by `groupKey`. */
  readonly tableIds: ReadonlyMap<string, string>;
}

export function groupKey(definition: { readonly name: string; readonly version: number }): string {
  return `${definition.name}/${definition.version}`;
}

/** The tables a plan needs, in its order. Retention and clustering live in the table's properties too. */
export function tablesOf(plan: DefinitionsPlan): readonly PlannedTable[] {
  return plan.body.changes.flatMap((change): readonly PlannedTable[] => {
    const definition = change.type === 'featureGroup' ? plan.featureGroups.find((group) => groupKey(group) === groupKey(change)) : undefined;
    if (definition === undefined || change.action === 'none') return [];
    const path = groupPath(definition.name, definition.version);
    if (change.action === 'create') return [{ kind: 'create', definition, path }];
    const concernsTable = change.details.some((detail) => detail.path.startsWith('schema.') || detail.path === 'retention' || detail.path === 'clusterBy');
    return concernsTable ? [{ kind: 'alter', definition, path }] : [];
  });
}

/** The state after the plan, and what the revision says of it; no changes = nothing to write. */
export function applyPlan(
  state: RegistryState,
  plan: DefinitionsPlan,
  context: ApplyContext,
): { readonly state: RegistryState; readonly changes: readonly RegistryChange[] } {
  let next = state;
  const changes: RegistryChange[] = [];
  for (const change of plan.body.changes) {
    if (change.action === 'none') continue;
    next = change.type === 'featureGroup' ? applyGroup(next, groupOf(plan, change), context) : applyView(next, viewOf(plan, change), context);
    changes.push({ op: change.action, kind: change.type, name: change.name, version: change.version });
  }
  return { state: next, changes };
}

function groupOf(plan: DefinitionsPlan, change: PlannedChange): FeatureGroupDefinition {
  const definition = plan.featureGroups.find((group) => groupKey(group) === groupKey(change));
  if (definition === undefined) throw new LakefoldError('INTERNAL', `the plan lacks the definition of ${groupKey(change)}`);
  return definition;
}

function viewOf(plan: DefinitionsPlan, change: PlannedChange): FeatureViewDefinition {
  const definition = plan.featureViews.find((view) => groupKey(view) === groupKey(change));
  if (definition === undefined) throw new LakefoldError('INTERNAL', `the plan lacks the definition of ${groupKey(change)}`);
  return definition;
}

function applyGroup(state: RegistryState, definition: FeatureGroupDefinition, context: ApplyContext): RegistryState {
  const existing = state.featureGroups.find((group) => groupKey(group.definition) === groupKey(definition));
  const schema = payloadSchemaOf(definition);
  if (existing !== undefined) {
    const schemas =
      existing.schemas.at(-1)?.fingerprint === schema.fingerprint
        ? existing.schemas
        : [...existing.schemas.filter((other) => other.fingerprint !== schema.fingerprint), schema];
    const updated: FeatureGroupState = {
      ...existing,
      definition,
      updatedAt: context.now,
      revision: context.revision,
      schemas,
      ...(needsLoad(existing.definition, definition) ? { loadWantedSince: context.revision } : {}),
    };
    return { ...state, featureGroups: state.featureGroups.map((group) => (group === existing ? updated : group)) };
  }
  const tableId = context.tableIds.get(groupKey(definition));
  if (tableId === undefined) throw new LakefoldError('INTERNAL', `expected the table of ${groupKey(definition)} to exist before the registry names it`);
  const created: FeatureGroupState = {
    definition,
    createdAt: context.now,
    updatedAt: context.now,
    revision: context.revision,
    status: 'ACTIVE',
    path: groupPath(definition.name, definition.version),
    tableId,
    generation: 1,
    onlineShards: definition.onlineShards,
    schemas: [schema],
  };
  return { ...state, featureGroups: [...state.featureGroups, created], highestVersions: raised(state, `featureGroups/${definition.name}`, definition.version) };
}

function applyView(state: RegistryState, definition: FeatureViewDefinition, context: ApplyContext): RegistryState {
  const existing = state.featureViews.find((view) => groupKey(view.definition) === groupKey(definition));
  const functions = definition.onDemand.map(({ name, sourceHash }) => ({ name, sha256: sourceHash.replace(/^sha256:/, '') }));
  if (existing !== undefined) {
    const updated: FeatureViewState = { ...existing, definition, updatedAt: context.now, revision: context.revision };
    return { ...state, featureViews: state.featureViews.map((view) => (view === existing ? updated : view)) };
  }
  const created: FeatureViewState = { definition, createdAt: context.now, updatedAt: context.now, revision: context.revision, status: 'ACTIVE', functions };
  return { ...state, featureViews: [...state.featureViews, created], highestVersions: raised(state, `featureViews/${definition.name}`, definition.version) };
}

function raised(state: RegistryState, key: string, version: number): RegistryState['highestVersions'] {
  return { ...state.highestVersions, [key]: Math.max(state.highestVersions[key] ?? 0, version) };
}
