/** A join of a view over an open group as the engine's query takes it. Pure. */
import { LakefoldError } from '../../core/errors.ts';
import { toValue } from '../../core/input-values.ts';
import { duration } from '../../core/time.ts';
import { type Column, formatType, type Value } from '../../core/types.ts';
import { parseFilter } from '../../delta/filter/parse-filter.ts';
import type { JoinKey, PointInTimeJoin } from '../../engine/point-in-time.ts';
import type { FeatureViewDefinition, JoinDefinition } from '../../registry/definition.ts';
import type { OpenGroup } from '../open-group.ts';

export interface JoinOf {
  readonly view: FeatureViewDefinition;
  readonly definition: JoinDefinition;
  readonly group: OpenGroup;
  readonly index: number;
}

/** Name of the relation with the rows of join `index`. */
export function relationName(index: number): string {
  return `r${index}`;
}

/** With ties not yet looked for, and the rows at the pin. @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_FEATURE for a filter the group's columns do not fit */
export function joinQuery({ view, definition, group, index }: JoinOf): PointInTimeJoin {
  const eventTime = definition.temporal ? group.eventTime : undefined;
  return {
    name: definition.name,
    relation: relationName(index),
    columns: group.columns,
    eventTime,
    boundary: definition.boundary,
    filter: definition.filter === null ? undefined : parseFilter(definition.filter, group.columns),
    ties: { kind: 'none' },
    known: undefined,
    latestBy: eventTime === undefined ? group.eventTime : undefined,
    on: group.keyColumns.map((column) => joinKey(view, definition, column.name)),
    features: definition.features.map((name) => ({ name, output: definition.prefix + name })),
    delayMicros: microsOf(definition.availabilityDelay ?? group.definition.availabilityDelay) ?? 0n,
    lookbackMicros: smaller(microsOf(definition.lookback), microsOf(group.definition.ttl)),
  };
}

/** What stands for the feature of a missing record. @throws LakefoldError INVALID_DEFINITION when it is not of the column's type */
export function defaultOf(definition: JoinDefinition, column: Column): Value | undefined {
  const json = definition.defaults[column.name];
  if (json === undefined) return undefined;
  const result = toValue(column.type, json);
  if (result.kind === 'value') return result.value;
  throw new LakefoldError('INVALID_DEFINITION', `expected a ${formatType(column.type)} as default of ${column.name}, found ${result.found}`);
}

/** Where the value of a key column comes from; a feature of another join as it is stored, before defaults (P11, P18). */
function joinKey(view: FeatureViewDefinition, { on, via }: JoinDefinition, key: string): JoinKey {
  const left = Object.entries(on).find(([, right]) => right === key)?.[0] ?? key;
  if (via === null || left !== via.feature) return { kind: 'spine', spine: left, key };
  return { kind: 'feature', join: view.joins.findIndex((join) => join.name === via.join), feature: via.feature, key };
}

function microsOf(text: string | null): bigint | undefined {
  return text === null ? undefined : duration(text);
}

function smaller(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
