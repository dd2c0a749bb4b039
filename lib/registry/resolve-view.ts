/**
 * A view's draft against the feature groups it joins: fills in what depends on them and refuses what can't be joined
 * (P2, P3, P9, P10, P11, P13). Pure.
 */
import { LakefoldError, type ErrorCode, type Fault } from '../core/errors.ts';
import { toValue } from '../core/input-values.ts';
import type { Json } from '../core/json.ts';
import { parseDuration } from '../core/time.ts';
import { parseType, type ColumnType } from '../core/types.ts';
import type { ColumnDefinition, FeatureGroupDefinition, FeatureViewDefinition, JoinDefinition } from './definition.ts';
import { collectFaults, throwFaults, type DefinitionFaults } from './definition-reader.ts';
import { checkFilter } from './check-filter.ts';
import { checkVia } from './check-via.ts';
import { checkOutputNames } from './output-names.ts';
import { jsonOfValue } from './parse-columns.ts';
import type { FeatureViewDraft, JoinDraft } from './parse-view.ts';
import { transformFault } from './transforms.ts';

export type FindGroup = (name: string, version: number) => FeatureGroupDefinition | undefined;

interface Joined {
  readonly draft: JoinDraft;
  readonly group: FeatureGroupDefinition;
  readonly on: Readonly<Record<string, string>>;
  readonly place: string;
}

/**
 * The complete definition at `version`.
 * @throws LakefoldError UNKNOWN_FEATURE_GROUP, UNKNOWN_FEATURE, JOIN_KEY_MISMATCH, POINT_IN_TIME_REQUIRES_EVENT_TIME,
 * SELF_JOIN_BOUNDARY_REQUIRED, AMBIGUOUS_FEATURE_NAME, INVALID_DEFINITION: the first of these kinds, with all its faults
 */
export function resolveView(draft: FeatureViewDraft, version: number, findGroup: FindGroup): FeatureViewDefinition {
  const joined = findGroups(draft, findGroup);
  checkFeatures(joined);
  checkKeys(draft, joined);
  checkPointInTime(joined);
  checkSelfJoins(draft, joined);
  checkOutputNames(draft);
  const faults = collectFaults();
  checkVia(draft.joins, faults);
  for (const join of joined) checkJoin({ draft, joined }, join, faults);
  checkRoot(draft, findGroup, faults);
  checkFunctions(draft, joined, faults);
  checkNames(draft, faults);
  checkTransforms(draft, joined, faults);
  const joins = joined.map((join) => completeJoin(join, faults));
  throwFaults('feature view', faults);
  return { ...draft, version, joins };
}

function refuse(code: ErrorCode, message: string, errors: readonly Fault[], context: Readonly<Record<string, unknown>> = {}): void {
  if (errors.length > 0) throw new LakefoldError(code, message, { errors, context });
}

function findGroups(draft: FeatureViewDraft, findGroup: FindGroup): readonly Joined[] {
  const missing: Fault[] = [];
  const joined = draft.joins.flatMap((join, i) => {
    const place = `joins[${i}]`;
    const group = findGroup(join.featureGroup, join.version);
    if (group === undefined) {
      missing.push({
        field: `${place}.featureGroup`,
        code: 'UNKNOWN_FEATURE_GROUP',
        message: `expected a feature group of this project, found ${join.featureGroup}/${join.version}`,
      });
      return [];
    }
    const sameNames = Object.fromEntries(group.primaryKey.map((name) => [join.via !== null && group.primaryKey.length === 1 ? join.via.feature : name, name]));
    return [{ draft: join, group, on: join.on ?? sameNames, place }];
  });
  if (draft.root !== null && findGroup(draft.root.name, draft.root.version) === undefined) {
    missing.push({
      field: 'root',
      code: 'UNKNOWN_FEATURE_GROUP',
      message: `expected a feature group of this project, found ${draft.root.name}/${draft.root.version}`,
    });
  }
  refuse('UNKNOWN_FEATURE_GROUP', missing[0]?.message ?? '', missing);
  return joined;
}

function checkFeatures(joined: readonly Joined[]): void {
  const missing = joined.flatMap(({ draft, group, place }) =>
    draft.features
      .filter((feature) => !group.schema.some((column) => column.name === feature))
      .map((feature) => ({
        field: `${place}.features`,
        feature,
        code: 'UNKNOWN_FEATURE',
        message: `expected a column of ${group.name}/${group.version}, found ${JSON.stringify(feature)}`,
      })),
  );
  refuse('UNKNOWN_FEATURE', missing[0]?.message ?? '', missing);
}

/** P10: `on` covers the whole primary key, nothing else, from columns the caller brings. */
function checkKeys(draft: FeatureViewDraft, joined: readonly Joined[]): void {
  const spine = new Set(draft.spine.map((column) => column.name));
  const faults = joined.flatMap(({ draft: join, group, on, place }) => {
    const left = Object.keys(on);
    const right = Object.values(on).toSorted();
    const covers = JSON.stringify(right) === JSON.stringify(group.primaryKey.toSorted());
    if (covers && left.every((name) => spine.has(name) || name === join.via?.feature)) return [];
    return [
      {
        field: `${place}.on`,
        code: 'JOIN_KEY_MISMATCH',
        message: `expected columns of the spine onto the whole primary key of ${group.name}/${group.version} (${group.primaryKey.join(', ')}), found ${left.map((name) => `${name} → ${on[name] ?? ''}`).join(', ') || 'nothing'}; the spine has ${[...spine].join(', ')}`,
        expected: group.primaryKey.join(','),
        found: left.join(','),
      },
    ];
  });
  const first = joined.find((join) => `${join.place}.on` === faults[0]?.field);
  refuse(
    'JOIN_KEY_MISMATCH',
    faults[0]?.message ?? '',
    faults,
    first === undefined ? {} : { spineColumns: [...spine], primaryKey: first.group.primaryKey, on: first.on },
  );
}

function checkPointInTime(joined: readonly Joined[]): void {
  const faults = joined
    .filter(({ draft, group }) => draft.temporal && group.eventTime === null)
    .map(({ draft, group, place }) => ({
      field: `${place}.temporal`,
      code: 'POINT_IN_TIME_REQUIRES_EVENT_TIME',
      message: `${group.name}/${group.version} has no event time, so join ${draft.name} can't be point in time: say "temporal": false for a static dimension`,
    }));
  refuse('POINT_IN_TIME_REQUIRES_EVENT_TIME', faults[0]?.message ?? '', faults);
}

/** P2: rows that come from a group which is also joined would otherwise find themselves. */
function checkSelfJoins(draft: FeatureViewDraft, joined: readonly Joined[]): void {
  const faults = joined
    .filter(({ draft: join }) => join.boundary === null && join.featureGroup === draft.root?.name && join.version === draft.root.version)
    .map(({ draft: join, place }) => ({
      field: `${place}.boundary`,
      code: 'SELF_JOIN_BOUNDARY_REQUIRED',
      message: `the view's rows come from ${join.featureGroup}/${join.version}, which join ${join.name} joins: say "boundary": "exclusive" or "inclusive"`,
    }));
  refuse('SELF_JOIN_BOUNDARY_REQUIRED', faults[0]?.message ?? '', faults);
}

function checkJoin(
  { draft, joined }: { readonly draft: FeatureViewDraft; readonly joined: readonly Joined[] },
  { draft: join, group, on, place }: Joined,
  faults: DefinitionFaults,
): void {
  for (const [left, right] of Object.entries(on)) {
    const leftColumn = left === join.via?.feature ? viaColumn(join.via, joined) : draft.spine.find((column) => column.name === left);
    const keyColumn = group.schema.find((column) => column.name === right);
    if (leftColumn === undefined || keyColumn === undefined || keysMeet(leftColumn.type, keyColumn.type)) continue;
    faults.add(`${place}.on.${left}`, 'ENTRY_KEY_TYPE_CONFLICT', `expected ${keyColumn.type} as ${group.name}.${right} is, found ${leftColumn.type} ${left}`);
  }
  const lookback = durationOf(join.lookback);
  const delay = durationOf(join.availabilityDelay ?? group.availabilityDelay);
  if (lookback !== undefined && delay !== undefined && lookback < delay)
    faults.add(
      `${place}.lookback`,
      'INVALID_ARGUMENT',
      `expected at least the availability delay ${join.availabilityDelay ?? group.availabilityDelay ?? ''}, found ${join.lookback ?? ''}`,
    );
  if (join.filter !== null) checkFilter(join.filter, { schema: group.schema, place: `${place}.filter` }, faults);
}

/** The column whose values are the key (P11). */
function viaColumn(via: NonNullable<JoinDraft['via']>, joined: readonly Joined[]): ColumnDefinition | undefined {
  return joined.find((other) => other.draft.name === via.join)?.group.schema.find((column) => column.name === via.feature);
}

/** P16: keys compare across int widths; the encoded key is the same for both. */
function keysMeet(a: string, b: string): boolean {
  const family = (type: string): string => (type === 'int' ? 'bigint' : type);
  return family(a) === family(b);
}

function durationOf(text: string | null): bigint | undefined {
  return text === null ? undefined : parseDuration(text);
}

function checkRoot(draft: FeatureViewDraft, findGroup: FindGroup, faults: DefinitionFaults): void {
  const root = draft.root === null ? undefined : findGroup(draft.root.name, draft.root.version);
  if (root === undefined) return;
  draft.spine.forEach((column, i) => {
    const source = root.schema.find((other) => other.name === column.name);
    if (source === undefined)
      faults.add(`spine[${i}].name`, 'UNKNOWN_COLUMN', `expected a column of the root ${root.name}/${root.version}, found ${JSON.stringify(column.name)}`);
    else if (source.type !== column.type)
      faults.add(`spine[${i}].type`, 'TYPE_MISMATCH', `expected ${source.type} as in the root ${root.name}/${root.version}, found ${column.type}`);
  });
}

/** Features of the joins by output name. */
function featureTypes(joined: readonly Joined[]): ReadonlyMap<string, ColumnDefinition> {
  return new Map(
    joined.flatMap(({ draft, group }) =>
      draft.features.flatMap((feature) => {
        const column = group.schema.find((other) => other.name === feature);
        return column === undefined ? [] : [[draft.prefix + feature, column] as const];
      }),
    ),
  );
}

function checkFunctions(draft: FeatureViewDraft, joined: readonly Joined[], faults: DefinitionFaults): void {
  const known = new Map<string, string>([
    ...draft.spine.map((column) => [column.name, column.type] as const),
    ...[...featureTypes(joined)].map(([name, column]) => [name, column.type] as const),
  ]);
  draft.onDemand.forEach((item, i) =>
    item.inputs.forEach((input, at) => {
      const type = known.get(input.name);
      const place = `onDemand[${i}].inputs[${at}]`;
      if (type === undefined) faults.add(`${place}.name`, 'UNKNOWN_COLUMN', `expected a column of the spine or a feature, found ${JSON.stringify(input.name)}`);
      else if (type !== input.type) faults.add(`${place}.type`, 'TYPE_MISMATCH', `expected ${type}, found ${input.type}`);
      if (draft.labels.includes(input.name))
        faults.add(`${place}.name`, 'INVALID_ARGUMENT', `expected an input that is known when the prediction is asked for, found the label ${input.name}`);
    }),
  );
}

function checkNames(draft: FeatureViewDraft, faults: DefinitionFaults): void {
  const features = new Set([
    ...draft.joins.flatMap((join) => join.features.map((feature) => join.prefix + feature)),
    ...draft.onDemand.map((item) => item.name),
  ]);
  const spine = new Set(draft.spine.map((column) => column.name));
  draft.inferenceHelpers.forEach((name, i) => {
    if (!features.has(name) && !spine.has(name))
      faults.add(`inferenceHelpers[${i}]`, 'UNKNOWN_COLUMN', `expected a feature or a column of the spine, found ${JSON.stringify(name)}`);
  });
  draft.trainingHelpers.forEach((name, i) => {
    if (!features.has(name) && !spine.has(name))
      faults.add(`trainingHelpers[${i}]`, 'UNKNOWN_COLUMN', `expected a feature or a column of the spine, found ${JSON.stringify(name)}`);
  });
}

/** P18: features alone are transformed, and helpers never. */
function checkTransforms(draft: FeatureViewDraft, joined: readonly Joined[], faults: DefinitionFaults): void {
  const types = new Map<string, string>([
    ...[...featureTypes(joined)].map(([name, column]) => [name, column.type] as const),
    ...draft.onDemand.map((item) => [item.name, item.returns.type] as const),
  ]);
  for (const [name, transform] of Object.entries(draft.transforms)) {
    const type = types.get(name);
    const place = `transforms.${name}`;
    if (type === undefined) faults.add(place, 'UNKNOWN_COLUMN', `expected a feature of the view, found ${JSON.stringify(name)}`);
    else if ([...draft.inferenceHelpers, ...draft.trainingHelpers].includes(name))
      faults.add(place, 'INVALID_ARGUMENT', `expected a feature that is no helper, found the helper ${name}`);
    const fault = type === undefined || type === '' ? undefined : transformFault(transform, parseType(type));
    if (fault !== undefined) faults.add(place, 'INVALID_ARGUMENT', fault);
  }
}

function completeJoin({ draft, group, on, place }: Joined, faults: DefinitionFaults): JoinDefinition {
  const defaults: Record<string, Json> = {};
  for (const [feature, json] of Object.entries(draft.defaults)) {
    const type = draft.features.includes(feature) ? typeOf(group, feature) : undefined;
    if (type === undefined) {
      faults.add(`${place}.defaults.${feature}`, 'UNKNOWN_COLUMN', `expected a feature of the join, found ${JSON.stringify(feature)}`);
      continue;
    }
    const result = toValue(type, json);
    if (result.kind === 'fault') faults.add(`${place}.defaults.${feature}`, 'TYPE_MISMATCH', `expected ${result.expected}, found ${result.found}`);
    else defaults[feature] = jsonOfValue(type, result.value);
  }
  return { ...draft, on, boundary: draft.boundary ?? 'inclusive', defaults };
}

function typeOf(group: FeatureGroupDefinition, name: string): ColumnType | undefined {
  const column = group.schema.find((other) => other.name === name);
  return column === undefined ? undefined : parseType(column.type);
}
