/**
 * How a definition differs from the one that is registered, and what that means (semantics §6).
 *
 * | change | verdict |
 * |---|---|
 * | add nullable column; required → nullable; description, tags, settings, online shards | in place |
 * | widening: int→bigint, float→double, int→double, decimal with more digits | rewrite |
 * | any other change of a column, key, event time, partitions, profile, change feed | new version |
 * | view: anything but description and tags | immutable |
 */
import { canonicalJson } from '../core/json.ts';
import { parseType, type ColumnType } from '../core/types.ts';
import type { ColumnDefinition, FeatureGroupDefinition, FeatureViewDefinition } from './definition.ts';

export type PlanVerdict = 'in place' | 'rewrite' | 'new version' | 'immutable';

export interface PlanDetail {
  /** `schema.<column>`, or the name of a member. */
  readonly path: string;
  readonly change: 'add' | 'remove' | 'change';
  readonly before: unknown;
  readonly after: unknown;
}

interface Judged {
  readonly detail: PlanDetail;
  readonly verdict: PlanVerdict;
}

const IN_PLACE = [
  'description',
  'onlineEnabled',
  'onlineShards',
  'ttl',
  'availabilityDelay',
  'clusterBy',
  'expectations',
  'validationPolicy',
  'statistics',
  'eraseSchedule',
  'maxFutureSkew',
  'retention',
  'deletedRetention',
  'idempotencyRetention',
  'tags',
  'owner',
] as const;
const NEW_VERSION = ['primaryKey', 'eventTime', 'partitionBy', 'profile', 'changeFeed'] as const;
const ORDER: readonly PlanVerdict[] = ['in place', 'rewrite', 'new version', 'immutable'];

/** No details = equal: the order of columns does not count. `definition` keeps the registered order, new columns last. */
export function compareGroups(
  before: FeatureGroupDefinition,
  after: FeatureGroupDefinition,
): { readonly definition: FeatureGroupDefinition; readonly verdict: PlanVerdict; readonly details: readonly PlanDetail[] } {
  const schema = mergeSchemas(before.schema, after.schema);
  const judged = [
    ...compareSchemas(before.schema, after.schema),
    ...IN_PLACE.flatMap((path) => compareMember(path, [before[path], after[path]], 'in place')),
    ...NEW_VERSION.flatMap((path) => compareMember(path, [before[path], after[path]], 'new version')),
  ];
  return { definition: { ...after, schema }, ...worst(judged) };
}

export function compareViews(
  before: FeatureViewDefinition,
  after: FeatureViewDefinition,
): { readonly verdict: PlanVerdict; readonly details: readonly PlanDetail[] } {
  const members = [
    'spine',
    'labelTime',
    'labels',
    'root',
    'joins',
    'onDemand',
    'transforms',
    'inferenceHelpers',
    'trainingHelpers',
    'logging',
    'owner',
  ] as const;
  return worst([
    ...(['description', 'tags'] as const).flatMap((path) => compareMember(path, [before[path], after[path]], 'in place')),
    ...members.flatMap((path) => compareMember(path, [before[path], after[path]], 'immutable')),
  ]);
}

function worst(judged: readonly Judged[]): { readonly verdict: PlanVerdict; readonly details: readonly PlanDetail[] } {
  const rank = Math.max(0, ...judged.map(({ verdict }) => ORDER.indexOf(verdict)));
  return { verdict: ORDER[rank] ?? 'in place', details: judged.map(({ detail }) => detail) };
}

function compareMember(path: string, [before, after]: readonly [unknown, unknown], verdict: PlanVerdict): readonly Judged[] {
  return canonicalJson(before) === canonicalJson(after) ? [] : [{ detail: { path, change: 'change', before, after }, verdict }];
}

function compareSchemas(before: readonly ColumnDefinition[], after: readonly ColumnDefinition[]): readonly Judged[] {
  const changed = before.flatMap((column): readonly Judged[] => {
    const other = after.find(({ name }) => name === column.name);
    const path = `schema.${column.name}`;
    if (other === undefined) return [{ detail: { path, change: 'remove', before: column, after: null }, verdict: 'new version' }];
    return compareMember(path, [column, other], columnVerdict(column, other));
  });
  const added = after
    .filter(({ name }) => !before.some((column) => column.name === name))
    .map((column): Judged => ({
      detail: { path: `schema.${column.name}`, change: 'add', before: null, after: column },
      verdict: column.nullable ? 'in place' : 'new version',
    }));
  return [...changed, ...added];
}

function columnVerdict(before: ColumnDefinition, after: ColumnDefinition): PlanVerdict {
  if (before.nullable && !after.nullable) return 'new version';
  if (before.type === after.type) return 'in place';
  return widens(parseType(before.type), parseType(after.type)) ? 'rewrite' : 'new version';
}

function widens(from: ColumnType, to: ColumnType): boolean {
  if (from.kind === 'decimal' && to.kind === 'decimal') return to.precision > from.precision && to.scale === from.scale;
  return (from.kind === 'int' && (to.kind === 'bigint' || to.kind === 'double')) || (from.kind === 'float' && to.kind === 'double');
}

function mergeSchemas(before: readonly ColumnDefinition[], after: readonly ColumnDefinition[]): readonly ColumnDefinition[] {
  const kept = before.flatMap((column) => after.filter(({ name }) => name === column.name));
  return [...kept, ...after.filter((column) => !kept.includes(column))];
}
