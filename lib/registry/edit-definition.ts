/** Changes of one registered definition: members patched, its status, its deletion (semantics §6, §7). Pure. */
import { LakefoldError } from '../core/errors.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { compareViews } from './compare-definitions.ts';
import type { DefinitionStatus, FeatureGroupDefinition, FeatureGroupState, FeatureViewDefinition, FeatureViewState, RegistryState } from './definition.ts';
import { parseFeatureGroup, type FeatureGroupDraft } from './parse-group.ts';
import { parseFeatureView } from './parse-view.ts';
import type { RegistryChange } from './revision.ts';
import { etagOf } from './state.ts';

export type DefinitionKind = 'featureGroup' | 'featureView';

export interface DefinitionName {
  readonly kind: DefinitionKind;
  readonly name: string;
  readonly version: number;
}

/** `ACTIVE` and `DEPRECATED` are set; a deletion is a call of its own. */
export type SettableStatus = Exclude<DefinitionStatus, 'DELETED'>;

const STATUSES: readonly SettableStatus[] = ['ACTIVE', 'DEPRECATED'];
/** Members that change a group's schema column by column, in place of naming all of it. */
const COLUMN_MEMBERS = ['addFeatures', 'widen'] as const;

/** The status a patch sets; undefined where it says nothing of it. @throws LakefoldError INVALID_ARGUMENT */
export function patchedStatus(patch: JsonObject): SettableStatus | undefined {
  const value = patch['status'];
  if (value === undefined) return undefined;
  const status = STATUSES.find((known) => known === value);
  if (status !== undefined) return status;
  throw new LakefoldError('INVALID_ARGUMENT', `expected ${STATUSES.join(' or ')} as status, found ${JSON.stringify(value)}`, { context: { field: 'status' } });
}

/**
 * The definition as a patch wants it: its members in place of the ones there, `addFeatures` behind the columns,
 * `widen` in their types. Whether that may be in place is the plan's to say.
 * @throws LakefoldError UNKNOWN_FIELD, UNKNOWN_FEATURE for a column to widen that is none, INVALID_ARGUMENT, INVALID_DEFINITION
 */
export function patchGroup(definition: FeatureGroupDefinition, patch: JsonObject): FeatureGroupDraft {
  refuseOtherMembers(patch, [...memberNames(definition), ...COLUMN_MEMBERS]);
  const { addFeatures, widen, status: _status, ...members } = patch;
  if (members['schema'] !== undefined && (addFeatures !== undefined || widen !== undefined))
    throw new LakefoldError('INVALID_ARGUMENT', 'expected either schema or addFeatures and widen, found both', { context: { field: 'schema' } });
  const schema = [...widened(definition, listMember(widen, 'widen')), ...listMember(addFeatures, 'addFeatures')];
  return parseFeatureGroup({ ...definition, schema, ...members });
}

/** @throws LakefoldError UNKNOWN_FIELD, INVALID_DEFINITION; IMMUTABLE for anything beyond description and tags */
export function patchView(definition: FeatureViewDefinition, patch: JsonObject, newVersion: number): FeatureViewDefinition {
  refuseOtherMembers(patch, memberNames(definition));
  const { status: _status, ...members } = patch;
  const { description, tags } = parseFeatureView({ ...definition, ...members });
  const changed = Object.entries(members).filter(
    ([name, value]) => canonicalJson(value) !== canonicalJson(Object.entries(definition).find(([key]) => key === name)?.[1]),
  );
  const immutable = changed.map(([name]) => name).filter((name) => name !== 'description' && name !== 'tags');
  if (immutable.length > 0)
    throw new LakefoldError(
      'IMMUTABLE',
      `feature view ${definition.name}/${definition.version} is immutable beyond description, tags and status; version ${newVersion} can be created instead: differs in ${immutable.join(', ')}`,
      { context: { type: 'featureView', name: definition.name, version: definition.version, newVersion, members: immutable } },
    );
  return { ...definition, description, tags };
}

/** The state with a view's description, tags and status as given; no changes = nothing to write. */
export function withView(
  state: RegistryState,
  view: FeatureViewState,
  next: { readonly definition: FeatureViewDefinition; readonly now: string; readonly revision: number },
): { readonly state: RegistryState; readonly changes: readonly RegistryChange[] } {
  const { definition, now, revision } = next;
  if (compareViews(view.definition, definition).details.length === 0) return { state, changes: [] };
  const changed: FeatureViewState = { ...view, definition, updatedAt: now, revision };
  return {
    state: { ...state, featureViews: state.featureViews.map((other) => (other === view ? changed : other)) },
    changes: [{ op: 'update', kind: 'featureView', name: definition.name, version: definition.version }],
  };
}

/** The state with the definition's status set; no changes where it has it. */
export function withStatus(
  state: RegistryState,
  { kind, name, version }: DefinitionName,
  next: { readonly status: DefinitionStatus; readonly now: string; readonly revision: number },
): { readonly state: RegistryState; readonly changes: readonly RegistryChange[] } {
  const { status, now, revision } = next;
  const isIt = ({ definition, status: before }: FeatureGroupState | FeatureViewState): boolean =>
    definition.name === name && definition.version === version && before !== 'DELETED';
  const set = <State extends FeatureGroupState | FeatureViewState>(item: State): State =>
    isIt(item) && item.status !== status ? { ...item, status, updatedAt: now, revision } : item;
  const changed: RegistryState =
    kind === 'featureGroup' ? { ...state, featureGroups: state.featureGroups.map(set) } : { ...state, featureViews: state.featureViews.map(set) };
  const list = kind === 'featureGroup' ? 'featureGroups' : 'featureViews';
  if (changed[list].every((item, i) => item === state[list][i])) return { state, changes: [] };
  const op = status === 'DELETED' ? 'delete' : status === 'DEPRECATED' ? 'deprecate' : 'update';
  return { state: changed, changes: [{ op, kind, name, version }] };
}

/** Views that join the group or have it as root, as lineage names them. */
export function viewsOnGroup(state: RegistryState, name: string, version: number): readonly string[] {
  return state.featureViews
    .filter(({ status }) => status !== 'DELETED')
    .filter(
      ({ definition: { joins, root } }) =>
        joins.some((join) => join.featureGroup === name && join.version === version) || (root?.name === name && root.version === version),
    )
    .map(({ definition }) => `feature-view:${definition.name}/${definition.version}`);
}

/** @throws LakefoldError IN_USE listing what depends on the definition, by its lineage ids */
export function refuseInUse({ kind, name, version }: DefinitionName, users: readonly string[]): void {
  if (users.length === 0) return;
  const word = kind === 'featureGroup' ? 'feature group' : 'feature view';
  throw new LakefoldError('IN_USE', `expected nothing to use ${word} ${name}/${version}, found ${users.join(', ')}; force deletes it all the same`, {
    context: { name, version, usedBy: users },
  });
}

/** Whether `If-Match` lets a change through; absent = whatever stands there. @throws LakefoldError PRECONDITION_FAILED */
export function requireMatch(item: FeatureGroupState | FeatureViewState, ifMatch: string | undefined): void {
  if (ifMatch === undefined) return;
  const wanted = ifMatch.split(',').map((tag) => tag.trim());
  const found = etagOf(item);
  if (wanted.includes('*') || wanted.includes(found)) return;
  throw new LakefoldError(
    'PRECONDITION_FAILED',
    `expected ${ifMatch} of ${item.definition.name}/${item.definition.version}, found ${found}: it was changed meanwhile`,
    {
      context: { expected: ifMatch, found },
    },
  );
}

function memberNames(definition: FeatureGroupDefinition | FeatureViewDefinition): readonly string[] {
  return Object.keys(definition).filter((name) => name !== 'name' && name !== 'version');
}

function refuseOtherMembers(patch: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(patch).find((name) => name !== 'status' && !known.includes(name));
  if (unknown === undefined) return;
  throw new LakefoldError('UNKNOWN_FIELD', `expected only ${[...known, 'status'].join(', ')}, found ${JSON.stringify(unknown)}`, {
    context: { field: unknown },
  });
}

function listMember(value: Json | undefined, field: string): readonly Json[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new LakefoldError('INVALID_ARGUMENT', `expected a list of columns in ${field}`, { context: { field } });
}

function widened({ name, version, schema }: FeatureGroupDefinition, widen: readonly Json[]): readonly object[] {
  const types = new Map<string, Json>();
  widen.forEach((item, i) => {
    const column = isJsonObject(item) ? item : {};
    if (typeof column['name'] !== 'string' || typeof column['type'] !== 'string' || Object.keys(column).length !== 2)
      throw new LakefoldError('INVALID_ARGUMENT', `expected { name, type } in widen[${i}]`, { context: { field: `widen[${i}]` } });
    types.set(column['name'], column['type']);
  });
  for (const wanted of types.keys())
    if (!schema.some((column) => column.name === wanted))
      throw new LakefoldError('UNKNOWN_FEATURE', `expected a column of ${name}/${version} to widen, found ${JSON.stringify(wanted)}`, {
        context: { feature: wanted },
      });
  return schema.map((column) => ({ ...column, ...(types.has(column.name) ? { type: types.get(column.name) } : {}) }));
}
