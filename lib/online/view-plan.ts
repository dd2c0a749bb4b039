/**
 * A feature view made ready for lookups, once per definition: which keys each join needs, where each feature lies in a
 * payload, what stands in for a missing record, which functions run.
 */
import { LakefoldError } from '../core/errors.ts';
import { toValue, type InputOptions } from '../core/input-values.ts';
import type { Json } from '../core/json.ts';
import { duration } from '../core/time.ts';
import { parseType, type Column, type ColumnType, type Value } from '../core/types.ts';
import { filterColumns, type Filter } from '../delta/filter/filter.ts';
import type { OnlineTable } from '../ports/online-store.ts';
import { parseFilter } from '../delta/filter/parse-filter.ts';
import type { AppliedTransform, TransformSpec } from './model-transform.ts';
import type { OnDemandFunction, OnDemandPlan } from './on-demand.ts';
import { compilePayloadReader, type PayloadColumns, type PayloadRead } from './payload.ts';

interface ServedColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly unit?: 's' | 'ms' | 'us';
}

export interface ServedJoin {
  readonly name: string;
  readonly featureGroup: string;
  readonly version: number;
  readonly on: Readonly<Record<string, string>>;
  readonly features: readonly string[];
  readonly prefix: string;
  readonly lookback: string | null;
  readonly filter: Json;
  readonly defaults: Readonly<Record<string, Json>>;
  readonly via: { readonly join: string; readonly feature: string } | null;
}

/** What serving reads of a view's definition. */
export interface ServedView {
  readonly name: string;
  readonly version: number;
  readonly spine: readonly ServedColumn[];
  readonly labels: readonly string[];
  readonly joins: readonly ServedJoin[];
  readonly onDemand: readonly {
    readonly name: string;
    readonly inputs: readonly { readonly name: string; readonly type: string; readonly nullable: boolean }[];
    readonly returns: { readonly type: string; readonly nullable: boolean };
  }[];
  /** By feature. */
  readonly transforms: Readonly<Record<string, TransformSpec>>;
  readonly inferenceHelpers: readonly string[];
  readonly trainingHelpers: readonly string[];
}

/** What serving reads of a group's state. */
export interface ServedGroup {
  readonly definition: {
    readonly name: string;
    readonly version: number;
    readonly schema: readonly ServedColumn[];
    readonly primaryKey: readonly string[];
    readonly eventTime: string | null;
    readonly onlineEnabled: boolean;
    readonly ttl: string | null;
  };
  readonly generation: number;
  readonly onlineShards: number;
  readonly schemas: readonly PayloadColumns[];
}

/** A part of a join's key: a column of the entry, or a feature of a join above it (P11). */
type KeyPart = { readonly kind: 'entry'; readonly entryKey: number } | { readonly kind: 'feature'; readonly feature: number };

/** A value the caller brings: a part of the entry, or a request parameter. */
export interface EntryKeyPlan {
  readonly name: string;
  readonly type: ColumnType;
  readonly options: InputOptions;
}

/** Where a column of a record is found. */
type ColumnSource =
  | { readonly kind: 'payload'; readonly position: number }
  | { readonly kind: 'key'; readonly position: number }
  | { readonly kind: 'eventTime' };

export interface JoinPlan {
  readonly name: string;
  readonly group: number;
  readonly table: OnlineTable;
  /** 0 = keys from the entry alone; n = from features of level n − 1. */
  readonly level: number;
  readonly keyTypes: readonly ColumnType[];
  readonly keyParts: readonly KeyPart[];
  /** Kind of the event-time column; undefined where the group has none. */
  readonly eventTime: 'timestamp' | 'date' | undefined;
  /** `min(lookback, ttl)`, µs (T2); undefined = unbounded. */
  readonly visibleFor: bigint | undefined;
  readonly read: (payload: Uint8Array) => PayloadRead;
  /** Columns of the group that a lookup looks at: its features, then those only the filter names. */
  readonly columns: readonly Column[];
  readonly sources: readonly ColumnSource[];
  readonly filter: Filter | undefined;
  /** Position in `ViewPlan.features` of its first; the others follow. */
  readonly firstFeature: number;
  readonly featureCount: number;
}

export interface FeaturePlan {
  readonly name: string;
  readonly type: ColumnType;
  readonly typeName: string;
  /** Undefined for a function. */
  readonly join: number | undefined;
  readonly group: { readonly name: string; readonly version: number } | undefined;
  /** What stands in for a record that is not there; undefined = nothing does. */
  readonly default: Value | undefined;
  readonly isInferenceHelper: boolean;
  readonly isHidden: boolean;
  /** Applied last, where a training set is asked for (P18). */
  readonly transform?: AppliedTransform;
}

/** Of the value that is answered. */
export function shownType(feature: FeaturePlan): ColumnType {
  return feature.transform?.type ?? feature.type;
}

/** S2: labels and training helpers never, inference helpers when asked for. */
export function isShown(feature: FeaturePlan | undefined, includeHelpers: boolean): boolean {
  return feature !== undefined && !feature.isHidden && (includeHelpers || !feature.isInferenceHelper);
}

/** Where a function's input comes from when no request parameter gives it. */
export interface FunctionPlan extends OnDemandPlan {
  readonly feature: number;
  readonly fallbacks: readonly ({ readonly kind: 'feature'; readonly feature: number } | { readonly kind: 'entry'; readonly entryKey: number } | undefined)[];
}

export interface ViewPlan {
  readonly view: { readonly name: string; readonly version: number };
  readonly entryKeys: readonly EntryKeyPlan[];
  readonly joins: readonly JoinPlan[];
  readonly levels: number;
  /** Features of the joins in view order, then functions (S2); hidden and helper ones included. */
  readonly features: readonly FeaturePlan[];
  readonly functions: readonly FunctionPlan[];
  /** Inputs of functions by name. */
  readonly parameters: ReadonlyMap<string, EntryKeyPlan>;
  /** As the view declares them, by feature. */
  readonly transforms: ServedView['transforms'];
  /** The groups joined, each once. */
  readonly tables: readonly OnlineTable[];
}

export interface CompileViewInput {
  readonly project: string;
  readonly view: ServedView;
  /** Every group the view joins; others are ignored. */
  readonly groups: readonly ServedGroup[];
  /** By function name. */
  readonly functions: ReadonlyMap<string, OnDemandFunction>;
}

/**
 * @throws LakefoldError UNKNOWN_FEATURE_GROUP, UNSUPPORTED_OPERATION for a group that is not online, FUNCTION_MISMATCH for
 * a function this deployment lacks, SCHEMA_DRIFT for an online schema that does not widen to the group's
 */
export function compileView(input: CompileViewInput): ViewPlan {
  const { view } = input;
  const entryKeys = entryKeysOf(view);
  const tables: OnlineTable[] = [];
  const joins: JoinPlan[] = [];
  const features: FeaturePlan[] = [];
  for (const join of view.joins) {
    const group = groupOf(input, join);
    const table = tableOf(input.project, group);
    const known = tables.findIndex((other) => other.featureGroup === table.featureGroup && other.version === table.version);
    if (known < 0) tables.push(table);
    joins.push(joinPlan({ view, join, group, table, entryKeys, firstFeature: features.length, tableIndex: known < 0 ? tables.length - 1 : known }));
    features.push(...featuresOf({ view, join, group, joinIndex: joins.length - 1 }));
  }
  const functions = view.onDemand.map((item, i): FunctionPlan => functionPlan(input, { item, feature: features.length + i, features, entryKeys }));
  for (const item of view.onDemand) {
    features.push({
      name: item.name,
      type: parseType(item.returns.type),
      typeName: item.returns.type,
      join: undefined,
      group: undefined,
      default: undefined,
      ...visibility(view, item.name),
    });
  }
  const parameters = new Map(functions.flatMap((item) => item.inputs.map((parameter) => [parameter.name, parameterPlan(view, parameter)] as const)));
  return {
    view: { name: view.name, version: view.version },
    entryKeys,
    joins,
    levels: 1 + Math.max(0, ...joins.map((join) => join.level)),
    features,
    functions,
    parameters,
    transforms: view.transforms,
    tables,
  };
}

function parameterPlan(view: ServedView, parameter: { readonly name: string; readonly type: ColumnType }): EntryKeyPlan {
  const unit = view.spine.find((column) => column.name === parameter.name)?.unit;
  return { ...parameter, options: unit === undefined ? {} : { unit } };
}

/** Spine columns that some join's key is made of, in spine order. */
function entryKeysOf(view: ServedView): readonly EntryKeyPlan[] {
  const names = new Set(view.joins.flatMap((join) => Object.keys(join.on).filter((name) => name !== join.via?.feature)));
  return view.spine
    .filter((column) => names.has(column.name))
    .map((column) => ({ name: column.name, type: parseType(column.type), options: column.unit === undefined ? {} : { unit: column.unit } }));
}

function groupOf(input: CompileViewInput, join: ServedJoin): ServedGroup {
  const group = input.groups.find(({ definition }) => definition.name === join.featureGroup && definition.version === join.version);
  if (group === undefined)
    throw new LakefoldError(
      'UNKNOWN_FEATURE_GROUP',
      `view ${input.view.name}/${input.view.version} joins ${join.featureGroup}/${join.version}, which this project does not have`,
    );
  if (!group.definition.onlineEnabled)
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected an online feature group, found ${join.featureGroup}/${join.version}, which is offline only`);
  return group;
}

function tableOf(project: string, group: ServedGroup): OnlineTable {
  return { project, featureGroup: group.definition.name, version: group.definition.version, generation: group.generation, shards: group.onlineShards };
}

interface JoinInput {
  readonly view: ServedView;
  readonly join: ServedJoin;
  readonly group: ServedGroup;
  readonly table: OnlineTable;
  readonly tableIndex: number;
  readonly entryKeys: readonly EntryKeyPlan[];
  readonly firstFeature: number;
}

function joinPlan(input: JoinInput): JoinPlan {
  const { join, group, firstFeature } = input;
  const { definition } = group;
  const all = definition.schema.map((column): Column => ({ name: column.name, type: parseType(column.type), nullable: column.nullable }));
  const filter = join.filter === null ? undefined : parseFilter(join.filter, all);
  const names = new Set([...join.features, ...(filter === undefined ? [] : filterColumns(filter))]);
  const columns = [...names].map((name) => columnNamed(all, name, join));
  const inPayload = columns.filter((column) => sourceKind(definition, column.name) === 'payload');
  const sources = columns.map((column): ColumnSource => {
    const kind = sourceKind(definition, column.name);
    if (kind === 'eventTime') return { kind };
    return { kind, position: kind === 'key' ? definition.primaryKey.indexOf(column.name) : inPayload.indexOf(column) };
  });
  const eventTime = definition.eventTime === null ? undefined : columnNamed(all, definition.eventTime, join).type.kind;
  return {
    name: join.name,
    group: input.tableIndex,
    table: input.table,
    level: levelOf(input.view, join),
    columns,
    sources,
    filter,
    firstFeature,
    featureCount: join.features.length,
    keyTypes: definition.primaryKey.map((name) => columnNamed(all, name, join).type),
    keyParts: definition.primaryKey.map((name) => keyPart(input, name)),
    eventTime: eventTime === undefined ? undefined : eventTime === 'date' ? 'date' : 'timestamp',
    visibleFor: shorter(join.lookback, definition.ttl),
    read: compilePayloadReader(group.schemas, inPayload),
  };
}

function keyPart(input: JoinInput, keyColumn: string): KeyPart {
  const { view, join, entryKeys } = input;
  const left = Object.entries(join.on).find(([, right]) => right === keyColumn)?.[0];
  if (join.via !== null && left === join.via.feature) return { kind: 'feature', feature: featurePosition(view, join.via) };
  const entryKey = entryKeys.findIndex((key) => key.name === left);
  if (entryKey < 0) throw new LakefoldError('JOIN_KEY_MISMATCH', `expected a spine column for ${keyColumn} in join ${join.name}, found ${left ?? 'none'}`);
  return { kind: 'entry', entryKey };
}

function featurePosition(view: ServedView, via: { readonly join: string; readonly feature: string }): number {
  let position = 0;
  for (const join of view.joins) {
    const at = join.name === via.join ? join.features.indexOf(via.feature) : -1;
    if (at >= 0) return position + at;
    position += join.features.length;
  }
  throw new LakefoldError('UNKNOWN_FEATURE', `expected feature ${via.feature} of join ${via.join}, found none`);
}

/** The registry has refused circles; the bound holds for whatever came another way. */
function levelOf(view: ServedView, join: ServedJoin): number {
  let level = 0;
  let via = join.via;
  while (via !== null) {
    level += 1;
    if (level > view.joins.length) throw new LakefoldError('INVALID_DEFINITION', `join ${join.name} depends on itself`);
    const above: string = via.join;
    via = view.joins.find((other) => other.name === above)?.via ?? null;
  }
  return level;
}

function sourceKind(definition: ServedGroup['definition'], column: string): ColumnSource['kind'] {
  return definition.primaryKey.includes(column) ? 'key' : definition.eventTime === column ? 'eventTime' : 'payload';
}

function columnNamed(columns: readonly Column[], name: string, join: ServedJoin): Column {
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new LakefoldError('UNKNOWN_FEATURE', `expected a column of ${join.featureGroup}/${join.version}, found ${name}`);
  return column;
}

function shorter(lookback: string | null, ttl: string | null): bigint | undefined {
  const [a, b] = [lookback, ttl].map((text) => (text === null ? undefined : duration(text)));
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

function featuresOf(input: {
  readonly view: ServedView;
  readonly join: ServedJoin;
  readonly group: ServedGroup;
  readonly joinIndex: number;
}): readonly FeaturePlan[] {
  const { view, join, group } = input;
  return join.features.map((feature) => {
    const typeName = group.definition.schema.find((column) => column.name === feature)?.type ?? 'void';
    const type = parseType(typeName);
    const name = join.prefix + feature;
    const fallback = Object.hasOwn(join.defaults, feature) ? toValue(type, join.defaults[feature]) : undefined;
    if (fallback?.kind === 'fault')
      throw new LakefoldError('INVALID_DEFINITION', `expected ${fallback.expected} as default of ${name}, found ${fallback.found}`);
    return {
      name,
      type,
      typeName,
      join: input.joinIndex,
      group: { name: group.definition.name, version: group.definition.version },
      default: fallback?.value ?? undefined,
      ...visibility(view, name),
    };
  });
}

function visibility(view: ServedView, name: string): { readonly isInferenceHelper: boolean; readonly isHidden: boolean } {
  return { isInferenceHelper: view.inferenceHelpers.includes(name), isHidden: view.labels.includes(name) || view.trainingHelpers.includes(name) };
}

interface FunctionInput {
  readonly item: ServedView['onDemand'][number];
  readonly feature: number;
  readonly features: readonly FeaturePlan[];
  readonly entryKeys: readonly EntryKeyPlan[];
}

function functionPlan(input: CompileViewInput, { item, feature, features, entryKeys }: FunctionInput): FunctionPlan {
  const compute = input.functions.get(item.name);
  if (compute === undefined)
    throw new LakefoldError(
      'FUNCTION_MISMATCH',
      `expected function ${item.name} of view ${input.view.name}/${input.view.version} in this deployment, found none`,
      { context: { function: item.name } },
    );
  return {
    name: item.name,
    compute,
    feature,
    inputs: item.inputs.map((parameter) => ({ ...parameter, type: parseType(parameter.type) })),
    returns: { type: parseType(item.returns.type), nullable: item.returns.nullable },
    fallbacks: item.inputs.map((parameter) => {
      const position = features.findIndex((candidate) => candidate.join !== undefined && candidate.name === parameter.name);
      if (position >= 0) return { kind: 'feature', feature: position };
      const entryKey = entryKeys.findIndex((key) => key.name === parameter.name);
      return entryKey < 0 ? undefined : { kind: 'entry', entryKey };
    }),
  };
}
