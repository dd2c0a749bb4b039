/** Which features a request would show, by the columns that grants are about. */
import { isJsonObject, type Json } from '../../core/json.ts';
import type { FeatureGroupDefinition, FeatureViewDefinition } from '../../registry/definition.ts';
import type { NamedFeature } from './rights.ts';

/** Of a view: the columns its joins pick, and its functions by their own names. */
export function featuresOfView(view: Pick<FeatureViewDefinition, 'joins' | 'onDemand'>): readonly NamedFeature[] {
  return [
    ...view.joins.flatMap(({ prefix, features }) => features.map((feature) => ({ name: prefix + feature, feature }))),
    ...view.onDemand.map(({ name }) => ({ name, feature: name })),
  ];
}

/**
 * Of a group: what a read names, all columns where it names none, and what its filter compares, which tells of values too. Key and event time
 * are no features: whoever may read any feature may read whose and of when it is.
 */
export function featuresOfRead(
  group: Pick<FeatureGroupDefinition, 'schema' | 'primaryKey' | 'eventTime'>,
  read: { readonly features?: readonly string[] | undefined; readonly where?: Json | undefined },
): readonly NamedFeature[] {
  const identity = new Set([...group.primaryKey, group.eventTime]);
  const names = [...(read.features ?? group.schema.map(({ name }) => name)), ...columnsIn(read.where ?? null)];
  return [...new Set(names)].filter((name) => !identity.has(name) && !name.startsWith('_')).map((name) => ({ name, feature: name }));
}

/** Every `column` of a filter (api.md, `where`). */
function columnsIn(where: Json): readonly string[] {
  if (Array.isArray(where)) return where.flatMap((item: Json) => columnsIn(item));
  if (!isJsonObject(where)) return [];
  const { column } = where;
  return [...(typeof column === 'string' ? [column] : []), ...Object.entries(where).flatMap(([name, value]) => (name === 'value' ? [] : columnsIn(value)))];
}
