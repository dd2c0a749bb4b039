/**
 * What registering definitions would change (shapes.md, `/definitions:plan`; semantics §6, §7). Pure.
 *
 * A definition without version that equals the newest one of its name is that one; otherwise it is the next.
 */
import { sha256, toHex, utf8 } from '../core/bytes.ts';
import { LakefoldError, type Fault } from '../core/errors.ts';
import { canonicalJson } from '../core/json.ts';
import type { FeatureGroupDefinition, FeatureGroupState, FeatureViewDefinition, FeatureViewState, RegistryState } from './definition.ts';
import { compareGroups, compareViews, type PlanDetail, type PlanVerdict } from './compare-definitions.ts';
import { groupWarnings, type FeatureGroupDraft } from './parse-group.ts';
import type { FeatureViewDraft } from './parse-view.ts';
import { resolveView, type FindGroup } from './resolve-view.ts';
import { findFeatureGroup } from './state.ts';

export interface WantedDefinitions {
  readonly featureGroups: readonly FeatureGroupDraft[];
  readonly featureViews: readonly FeatureViewDraft[];
}

export interface PlannedChange {
  readonly type: 'featureGroup' | 'featureView';
  readonly name: string;
  readonly version: number;
  readonly action: 'create' | 'update' | 'none';
  readonly verdict: PlanVerdict;
  readonly details: readonly PlanDetail[];
  /** Files that a widening would write again; null where none is needed. */
  readonly rewrite: { readonly files: number; readonly bytes: number } | null;
  /** The version that a breaking change could have instead. */
  readonly newVersion: number | null;
}

export interface PlanWarning {
  readonly code: string;
  readonly message: string;
}

/** The body that `/definitions:plan` answers. */
export interface PlanBody {
  readonly planId: string;
  readonly changes: readonly PlannedChange[];
  readonly breaking: boolean;
  readonly warnings: readonly PlanWarning[];
}

export interface DefinitionsPlan {
  readonly body: PlanBody;
  /** What was asked for: planned again, it must give the same `planId`. */
  readonly wanted: WantedDefinitions;
  /** Complete definitions behind `body.changes`, in the same order: groups first. */
  readonly featureGroups: readonly FeatureGroupDefinition[];
  readonly featureViews: readonly FeatureViewDefinition[];
}

const PLAN_ID_BYTES = 16;

/** @throws LakefoldError what `resolveView` throws; INVALID_DEFINITION for one definition given twice or a version that was deleted */
export function planDefinitions(state: RegistryState, wanted: WantedDefinitions): DefinitionsPlan {
  refuseTwice(wanted);
  const groups = wanted.featureGroups.map((draft) => planGroup(state, draft));
  const findGroup: FindGroup = (name, version) =>
    groups.find(({ definition }) => definition.name === name && definition.version === version)?.definition ??
    findFeatureGroup(state, name, version)?.definition;
  const views = wanted.featureViews.map((draft) => planView(state, draft, findGroup));
  const changes = [...groups, ...views].map(({ change }) => change);
  const featureGroups = groups.map(({ definition }) => definition);
  const featureViews = views.map(({ definition }) => definition);
  return {
    body: {
      planId: `pl_${toHex(sha256(utf8(canonicalJson({ changes, featureGroups, featureViews }))).subarray(0, PLAN_ID_BYTES))}`,
      changes,
      breaking: changes.some(({ verdict }) => verdict === 'new version' || verdict === 'immutable'),
      warnings: wanted.featureGroups.flatMap(groupWarnings),
    },
    wanted,
    featureGroups,
    featureViews,
  };
}

/**
 * `apply`'s refusals. A widening is let through where `rewrite` says that files may be written again.
 * @throws LakefoldError BREAKING_SCHEMA_CHANGE, IMMUTABLE
 */
export function refuseBreaking(plan: DefinitionsPlan, options: { readonly rewrite?: boolean } = {}): void {
  const breaking = plan.body.changes.find(({ verdict }) => verdict === 'new version');
  if (breaking !== undefined)
    throw refusal('BREAKING_SCHEMA_CHANGE', breaking, `can't change in place; version ${breaking.newVersion ?? ''} can be created instead`);
  const immutable = plan.body.changes.find(({ verdict }) => verdict === 'immutable');
  if (immutable !== undefined)
    throw refusal('IMMUTABLE', immutable, `is immutable beyond description and tags; version ${immutable.newVersion ?? ''} can be created instead`);
  const rewrites = plan.body.changes.filter(({ verdict }) => verdict === 'rewrite');
  const [rewrite] = rewrites;
  if (rewrite !== undefined && options.rewrite !== true)
    throw refusal(
      'BREAKING_SCHEMA_CHANGE',
      rewrite,
      `needs every file of its table written again: apply with rewrite, or create version ${rewrite.newVersion ?? ''}`,
    );
}

/** A create route's refusal: same name and version, other definition. @throws LakefoldError ALREADY_EXISTS */
export function refuseUpdates(plan: DefinitionsPlan): void {
  const update = plan.body.changes.find(({ action }) => action === 'update');
  if (update !== undefined) throw refusal('ALREADY_EXISTS', update, 'exists with another definition');
}

function refusal(code: 'BREAKING_SCHEMA_CHANGE' | 'IMMUTABLE' | 'ALREADY_EXISTS', change: PlannedChange, what: string): LakefoldError {
  const { type, name, version, newVersion, details } = change;
  const word = type === 'featureGroup' ? 'feature group' : 'feature view';
  return new LakefoldError(code, `${word} ${name}/${version} ${what}: differs in ${details.map(({ path }) => path).join(', ')}`, {
    context: { type, name, version, newVersion, details },
  });
}

function planGroup(state: RegistryState, draft: FeatureGroupDraft): { readonly definition: FeatureGroupDefinition; readonly change: PlannedChange } {
  const newVersion = nextVersion(state, 'featureGroups', draft.name);
  const existing = existingState(
    draft,
    state.featureGroups,
    (other: FeatureGroupState) => compareGroups(other.definition, { ...draft, version: other.definition.version }).details.length === 0,
  );
  if (existing === undefined) {
    const definition = { ...draft, version: draft.version ?? newVersion };
    refuseReuse('featureGroup', definition, state.featureGroups);
    return { definition, change: creation('featureGroup', definition) };
  }
  const { version } = existing.definition;
  const { definition, verdict, details } = compareGroups(existing.definition, { ...draft, version });
  return { definition, change: change('featureGroup', definition, { verdict, details, newVersion }) };
}

function planView(
  state: RegistryState,
  draft: FeatureViewDraft,
  findGroup: FindGroup,
): { readonly definition: FeatureViewDefinition; readonly change: PlannedChange } {
  const newVersion = nextVersion(state, 'featureViews', draft.name);
  const resolved = resolveView(draft, draft.version ?? newVersion, findGroup);
  const existing = existingState(
    draft,
    state.featureViews,
    (other: FeatureViewState) => compareViews(other.definition, { ...resolved, version: other.definition.version }).details.length === 0,
  );
  if (existing === undefined) {
    refuseReuse('featureView', resolved, state.featureViews);
    return { definition: resolved, change: creation('featureView', resolved) };
  }
  const { version } = existing.definition;
  const definition = { ...resolved, version };
  const { verdict, details } = compareViews(existing.definition, definition);
  return { definition, change: change('featureView', definition, { verdict, details, newVersion }) };
}

/** By version where one is given, else the newest of the name when the draft equals it. */
function existingState<State extends FeatureGroupState | FeatureViewState>(
  draft: { readonly name: string; readonly version: number | null },
  states: readonly State[],
  equals: (state: State) => boolean,
): State | undefined {
  const alive = states.filter((state) => state.definition.name === draft.name && state.status !== 'DELETED');
  if (draft.version !== null) return alive.find((state) => state.definition.version === draft.version);
  const newest = alive.toSorted((a, b) => b.definition.version - a.definition.version)[0];
  return newest !== undefined && equals(newest) ? newest : undefined;
}

function nextVersion(state: RegistryState, kind: 'featureGroups' | 'featureViews', name: string): number {
  return (state.highestVersions[`${kind}/${name}`] ?? 0) + 1;
}

function refuseReuse(
  type: string,
  definition: { readonly name: string; readonly version: number },
  states: readonly (FeatureGroupState | FeatureViewState)[],
): void {
  if (!states.some((state) => state.definition.name === definition.name && state.definition.version === definition.version)) return;
  const message = `${definition.name}/${definition.version} was deleted, and numbers are never used again`;
  throw new LakefoldError('INVALID_DEFINITION', message, { errors: [{ field: `${type}.version`, code: 'INVALID_ARGUMENT', message }] });
}

function creation(type: PlannedChange['type'], definition: FeatureGroupDefinition | FeatureViewDefinition): PlannedChange {
  return { type, name: definition.name, version: definition.version, action: 'create', verdict: 'in place', details: [], rewrite: null, newVersion: null };
}

function change(
  type: PlannedChange['type'],
  { name, version }: { readonly name: string; readonly version: number },
  { verdict, details, newVersion }: { readonly verdict: PlanVerdict; readonly details: readonly PlanDetail[]; readonly newVersion: number },
): PlannedChange {
  const offersNew = verdict !== 'in place';
  return { type, name, version, action: details.length === 0 ? 'none' : 'update', verdict, details, rewrite: null, newVersion: offersNew ? newVersion : null };
}

function refuseTwice(wanted: WantedDefinitions): void {
  const errors: Fault[] = [];
  const lists = [
    ['featureGroups', wanted.featureGroups],
    ['featureViews', wanted.featureViews],
  ] as const;
  for (const [kind, drafts] of lists) {
    drafts.forEach((draft, i) => {
      const same = (other: { readonly name: string; readonly version: number | null }): boolean =>
        other.name === draft.name && (other.version === draft.version || other.version === null || draft.version === null);
      if (drafts.findIndex(same) < i)
        errors.push({ field: `${kind}[${i}]`, code: 'INVALID_NAME', message: `expected each definition once, found ${draft.name} again` });
    });
  }
  if (errors.length > 0) throw new LakefoldError('INVALID_DEFINITION', errors[0]?.message ?? '', { errors });
}
