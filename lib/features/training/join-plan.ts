/** The joins of a view at their pins, as the engine's point-in-time query takes them. */
import { LakefoldError } from '../../core/errors.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { floorDiv, formatMillis } from '../../core/time.ts';
import type { Column, Value } from '../../core/types.ts';
import type { ReadDeps } from '../../delta/rows/read.ts';
import type { SnapshotDeps } from '../../delta/snapshot/snapshot.ts';
import type { AsOf, Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import type { KnownAsOf } from '../../engine/known-as-of.ts';
import type { PointInTimeJoin } from '../../engine/point-in-time.ts';
import { planRelation, type RelationDeps } from '../../engine/plan-relation.ts';
import type { Relation } from '../../ports/engine.ts';
import type { FeatureViewDefinition, JoinDefinition } from '../../registry/definition.ts';
import { assertKept } from '../history/history-kept.ts';
import { groupName, identityColumns, type OpenGroup } from '../open-group.ts';
import type { Warning } from '../ingest/receipt.ts';
import { INGESTED_AT_COLUMN } from '../ingest/receipt-time.ts';
import { defaultOf, joinQuery, relationName } from './join-query.ts';
import { readReplacedRows, type ReplacedRows } from './replaced-rows.ts';

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
  /** Rows replaced before the pin, and what of them can't be read (P14); undefined where it is not asked what was known. */
  readonly replaced: ReplacedRows | undefined;
  readonly outputs: readonly { readonly name: string; readonly column: Column; readonly default: Value | undefined }[];
}

export interface PinnedGroup {
  readonly group: OpenGroup;
  readonly snapshot: Snapshot;
  readonly pin: Pin;
}

export interface PinRequest {
  readonly pins: Readonly<Record<string, number>>;
  /** Groups without a pin are read as they stood then, µs. */
  readonly asOfTime: bigint | null;
  /** The group the rows come from: pinned, too, though no join may read it. */
  readonly rowsFrom: { readonly name: string; readonly version: number; readonly asOf: AsOf | undefined } | undefined;
}

/** Every group a view reads, each once, at the version asked for or its newest. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED, INVALID_ARGUMENT for a pin of a group that is not read */
export async function pinGroups(
  view: FeatureViewDefinition,
  { pins, asOfTime, rowsFrom }: PinRequest,
  open: (name: string, version: number) => Promise<OpenGroup>,
): Promise<ReadonlyMap<string, PinnedGroup>> {
  const pinned = new Map<string, PinnedGroup>();
  const joined = view.joins.map((join) => ({ name: join.featureGroup, version: join.version, asOf: undefined }));
  for (const ref of rowsFrom === undefined ? joined : [...joined, rowsFrom]) {
    const name = groupName(ref);
    if (pinned.has(name)) continue;
    const group = await open(ref.name, ref.version);
    const snapshot = await group.table.at(ref.asOf ?? asOfPin(pins[name], asOfTime));
    const isPointInTime = view.joins
      .filter((join) => join.featureGroup === ref.name && join.version === ref.version)
      .every((join) => join.temporal && group.eventTime !== undefined);
    pinned.set(name, {
      group,
      snapshot,
      pin: {
        featureGroup: ref.name,
        version: ref.version,
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

function asOfPin(version: number | undefined, asOfTime: bigint | null): AsOf | undefined {
  if (version !== undefined) return { version };
  return asOfTime === null ? undefined : { instant: Number(floorDiv(asOfTime, 1000n)) };
}

/** Of what is asked what was known then (P14). */
export interface KnownRequest {
  readonly at: KnownAsOf['at'];
  /** The earliest instant of which it is asked, µs. */
  readonly sinceMicros: bigint;
}

/** `known` undefined: the rows at the pins count. @throws LakefoldError POINT_IN_TIME_REQUIRES_EVENT_TIME, PLAN_TOO_LARGE, HISTORY_EXPIRED */
export async function planJoins(
  deps: RelationDeps & ReadDeps & SnapshotDeps,
  {
    view,
    pinned,
    known,
  }: { readonly view: FeatureViewDefinition; readonly pinned: ReadonlyMap<string, PinnedGroup>; readonly known: KnownRequest | undefined },
): Promise<{ readonly joins: readonly JoinPlan[]; readonly warnings: readonly Warning[] }> {
  const joins: JoinPlan[] = [];
  const warnings: Warning[] = [];
  for (const [i, definition] of view.joins.entries()) {
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
      warnings.push({
        code: 'NOT_POINT_IN_TIME',
        message: `join ${definition.name} reads ${name} ${known === undefined ? 'as of its pin' : 'as it was known'}, whatever the event times`,
      });
    const missing = definition.features.filter((feature) => !snapshot.columns.some((column) => column.name === feature));
    for (const feature of missing)
      warnings.push({ code: 'FEATURE_NOT_IN_VERSION', message: `version ${snapshot.version} of ${name} has no column ${feature}` });
    joins.push(await planJoin(deps, { view, definition, group, snapshot, index: i, known }));
  }
  return { joins, warnings };
}

interface JoinSource {
  readonly view: FeatureViewDefinition;
  readonly definition: JoinDefinition;
  readonly group: OpenGroup;
  readonly snapshot: Snapshot;
  readonly index: number;
  readonly known: KnownRequest | undefined;
}

async function planJoin(deps: RelationDeps & ReadDeps & SnapshotDeps, { view, definition, group, snapshot, index, known }: JoinSource): Promise<JoinPlan> {
  const present = new Set(snapshot.columns.map((column) => column.name));
  const stored = [...group.columns.map((column) => column.name), INGESTED_AT].filter((name) => present.has(name));
  const rows = await planRelation(deps, { root: group.table.root, snapshot, name: relationName(index), columns: stored });
  const columnOf = (name: string): Column => {
    const column = group.columns.find((candidate) => candidate.name === name);
    if (column === undefined)
      throw new LakefoldError('UNKNOWN_FEATURE', `expected a column of ${groupName(group.definition)}, found ${name}`, { context: { feature: name } });
    return column;
  };
  const absent = [...group.columns, INGESTED_AT_COLUMN].filter((column) => !present.has(column.name));
  const relation = { ...rows, columns: [...rows.columns, ...absent] };
  const replaced =
    known === undefined
      ? undefined
      : await readReplacedRows(deps, {
          root: group.table.root,
          snapshot,
          identity: identityColumns(group).map((column) => column.name),
          columns: relation.columns,
          sinceMicros: known.sinceMicros,
        });
  return {
    definition,
    relation,
    replaced,
    outputs: definition.features.map((feature) => ({
      name: definition.prefix + feature,
      column: columnOf(feature),
      default: defaultOf(definition, columnOf(feature)),
    })),
    query: { ...joinQuery({ view, definition, group, index }), known: known && knownAsOf(known, replaced, index) },
  };
}

/** Name of the relation with the rows replaced of join `index`. */
export function historyName(index: number): string {
  return `h${index}`;
}

function knownAsOf({ at }: KnownRequest, replaced: ReplacedRows | undefined, index: number): KnownAsOf {
  return {
    at,
    history: replaced === undefined || replaced.batch.rowCount === 0 ? undefined : historyName(index),
    unknownBefore: replaced?.expired?.receivedBefore,
    showUnknown: false,
  };
}
