/** The joins of a view at their pins, as the engine's point-in-time query takes them. */
import { LakefoldError } from '../../core/errors.ts';
import { toValue } from '../../core/input-values.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { duration, formatMillis } from '../../core/time.ts';
import { type Column, formatType, type Value } from '../../core/types.ts';
import type { Filter } from '../../delta/filter.ts';
import type { Snapshot } from '../../delta/snapshot-state.ts';
import type { PointInTimeJoin } from '../../engine/point-in-time.ts';
import { planRelation, type RelationDeps } from '../../engine/plan-relation.ts';
import type { Relation } from '../../ports/engine.ts';
import type { FeatureViewDefinition, JoinDefinition } from '../../registry/definition.ts';
import { assertKept } from '../history-kept.ts';
import { groupName, type OpenGroup } from '../open-group.ts';
import { parseFilter } from '../../delta/parse-filter.ts';
import type { Warning } from '../receipt.ts';
import { INGESTED_AT_COLUMN } from '../receipt-time.ts';

/** What a group was read as (P19). */
export interface Pin {
  readonly featureGroup: string;
  readonly version: number;
  readonly commitVersion: number;
  readonly committedAt: string;
  readonly schemaVersion: number;
  readonly ttl: string | null;
  readonly availabilityDelay: string | null;
  readonly pointInTime: boolean;
}

export interface JoinPlan {
  readonly definition: JoinDefinition;
  readonly query: PointInTimeJoin;
  readonly relation: Relation;
  readonly outputs: readonly { readonly name: string; readonly column: Column; readonly default: Value | undefined }[];
}

export interface PinnedGroup {
  readonly group: OpenGroup;
  readonly snapshot: Snapshot;
  readonly pin: Pin;
}

/** Every group a view joins, each once, at the version asked for or its newest. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED, INVALID_ARGUMENT for a pin of no joined group */
export async function pinGroups(
  view: FeatureViewDefinition,
  pins: Readonly<Record<string, number>>,
  open: (name: string, version: number) => Promise<OpenGroup>,
): Promise<ReadonlyMap<string, PinnedGroup>> {
  const pinned = new Map<string, PinnedGroup>();
  for (const join of view.joins) {
    const name = groupName({ name: join.featureGroup, version: join.version });
    if (pinned.has(name)) continue;
    const group = await open(join.featureGroup, join.version);
    const asked = pins[name];
    const snapshot = await group.table.at(asked === undefined ? undefined : { version: asked });
    const isPointInTime = view.joins
      .filter((other) => other.featureGroup === join.featureGroup && other.version === join.version)
      .every((other) => other.temporal && group.eventTime !== undefined);
    pinned.set(name, {
      group,
      snapshot,
      pin: {
        featureGroup: join.featureGroup,
        version: join.version,
        commitVersion: snapshot.version,
        committedAt: formatMillis(snapshot.committedAt),
        schemaVersion: group.state.schemas.length,
        ttl: group.definition.ttl,
        availabilityDelay: group.definition.availabilityDelay,
        pointInTime: isPointInTime,
      },
    });
  }
  const unknown = Object.keys(pins).find((name) => !pinned.has(name));
  if (unknown !== undefined)
    throw new LakefoldError('INVALID_ARGUMENT', `expected pins of ${[...pinned.keys()].join(', ')}, found ${JSON.stringify(unknown)}`, {
      context: { field: `pins.${unknown}` },
    });
  return pinned;
}

/** @throws LakefoldError UNSUPPORTED_OPERATION for `via`, POINT_IN_TIME_REQUIRES_EVENT_TIME, PLAN_TOO_LARGE, HISTORY_EXPIRED */
export async function planJoins(
  deps: RelationDeps,
  view: FeatureViewDefinition,
  pinned: ReadonlyMap<string, PinnedGroup>,
): Promise<{ readonly joins: readonly JoinPlan[]; readonly warnings: readonly Warning[] }> {
  const joins: JoinPlan[] = [];
  const warnings: Warning[] = [];
  for (const [i, definition] of view.joins.entries()) {
    if (definition.via !== null)
      throw new LakefoldError('UNSUPPORTED_OPERATION', `join ${definition.name} takes its key from another join, which training sets do not`, {
        context: { join: definition.name },
      });
    const name = groupName({ name: definition.featureGroup, version: definition.version });
    const source = pinned.get(name);
    if (source === undefined) throw new LakefoldError('INTERNAL', `group ${name} was not pinned`);
    const { group, snapshot } = source;
    await assertKept(deps, group, snapshot);
    if (group.eventTime === undefined && definition.temporal) {
      throw new LakefoldError('POINT_IN_TIME_REQUIRES_EVENT_TIME', `expected an event time in ${name}, or temporal: false in join ${definition.name}`, {
        context: { join: definition.name, featureGroup: name },
      });
    }
    if (!definition.temporal)
      warnings.push({ code: 'NOT_POINT_IN_TIME', message: `join ${definition.name} reads ${name} as of its pin, whatever the label time` });
    const missing = definition.features.filter((feature) => !snapshot.columns.some((column) => column.name === feature));
    for (const feature of missing)
      warnings.push({ code: 'FEATURE_NOT_IN_VERSION', message: `version ${snapshot.version} of ${name} has no column ${feature}` });
    joins.push(await planJoin(deps, { definition, group, snapshot, relationName: `r${i}` }));
  }
  return { joins, warnings };
}

async function planJoin(
  deps: RelationDeps,
  {
    definition,
    group,
    snapshot,
    relationName,
  }: { readonly definition: JoinDefinition; readonly group: OpenGroup; readonly snapshot: Snapshot; readonly relationName: string },
): Promise<JoinPlan> {
  const eventTime = definition.temporal ? group.eventTime : undefined;
  const filter: Filter | undefined = definition.filter === null ? undefined : parseFilter(definition.filter, group.columns);
  const present = new Set(snapshot.columns.map((column) => column.name));
  const stored = [...group.columns.map((column) => column.name), INGESTED_AT].filter((name) => present.has(name));
  const relation = await planRelation(deps, { root: group.table.root, snapshot, name: relationName, columns: stored });
  const columnOf = (name: string): Column => {
    const column = group.columns.find((candidate) => candidate.name === name);
    if (column === undefined)
      throw new LakefoldError('UNKNOWN_FEATURE', `expected a column of ${groupName(group.definition)}, found ${name}`, { context: { feature: name } });
    return column;
  };
  const absent = [...group.columns, INGESTED_AT_COLUMN].filter((column) => !present.has(column.name));
  const keyToSpine = new Map(Object.entries(definition.on).map(([spine, key]) => [key, spine]));
  return {
    definition,
    relation: { ...relation, columns: [...relation.columns, ...absent] },
    outputs: definition.features.map((feature) => ({
      name: definition.prefix + feature,
      column: columnOf(feature),
      default: defaultOf(definition, columnOf(feature)),
    })),
    query: {
      name: definition.name,
      relation: relationName,
      columns: group.columns,
      eventTime,
      boundary: definition.boundary,
      filter,
      ties: { kind: 'none' },
      latestBy: eventTime === undefined ? group.eventTime : undefined,
      on: group.keyColumns.map((column) => ({ spine: keyToSpine.get(column.name) ?? column.name, key: column.name })),
      features: definition.features.map((name) => ({ name, output: definition.prefix + name })),
      delayMicros: microsOf(definition.availabilityDelay ?? group.definition.availabilityDelay) ?? 0n,
      lookbackMicros: smaller(microsOf(definition.lookback), microsOf(group.definition.ttl)),
    },
  };
}

function defaultOf(definition: JoinDefinition, column: Column): Value | undefined {
  const json = definition.defaults[column.name];
  if (json === undefined) return undefined;
  const result = toValue(column.type, json);
  if (result.kind === 'value') return result.value;
  throw new LakefoldError('INVALID_DEFINITION', `expected a ${formatType(column.type)} as default of ${column.name}, found ${result.found}`);
}

function microsOf(text: string | null): bigint | undefined {
  return text === null ? undefined : duration(text);
}

function smaller(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
