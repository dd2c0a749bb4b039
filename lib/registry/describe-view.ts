/** What `describe` adds to a view's definition, derived from it and its groups (shapes.md). */
import { LakefoldError } from '../core/errors.ts';
import type { FeatureViewDefinition } from './definition.ts';
import type { FindGroup } from './resolve-view.ts';

export interface NamedType {
  readonly name: string;
  readonly type: string;
}

/** `join` is null for a function. */
export interface ViewFeature extends NamedType {
  readonly join: string | null;
}

export interface ViewShape {
  /** Schema order: features of the joins in their order, then functions (S2). */
  readonly features: readonly ViewFeature[];
  /** Columns of the spine that keys are made of; those fetched through another join are none of the caller's business. */
  readonly entryKeys: readonly NamedType[];
  /** Inputs of functions that are no features (S3). */
  readonly requestParameters: readonly NamedType[];
}

/** @throws LakefoldError UNKNOWN_FEATURE_GROUP when a group it joins is gone */
export function describeView(view: FeatureViewDefinition, findGroup: FindGroup): ViewShape {
  const features: ViewFeature[] = view.joins.flatMap((join) => {
    const group = findGroup(join.featureGroup, join.version);
    if (group === undefined)
      throw new LakefoldError(
        'UNKNOWN_FEATURE_GROUP',
        `view ${view.name}/${view.version} joins ${join.featureGroup}/${join.version}, which this project does not have`,
      );
    return join.features.map((feature) => ({
      name: join.prefix + feature,
      type: group.schema.find((column) => column.name === feature)?.type ?? 'void',
      join: join.name,
    }));
  });
  const featureNames = new Set(features.map((feature) => feature.name));
  const keyNames = new Set(view.joins.flatMap((join) => Object.keys(join.on).filter((name) => name !== join.via?.feature)));
  const parameters = new Map<string, NamedType>();
  for (const input of view.onDemand.flatMap((item) => item.inputs))
    if (!featureNames.has(input.name)) parameters.set(input.name, { name: input.name, type: input.type });
  return {
    features: [...features, ...view.onDemand.map((item) => ({ name: item.name, type: item.returns.type, join: null }))],
    entryKeys: view.spine.filter((column) => keyNames.has(column.name)).map(({ name, type }) => ({ name, type })),
    requestParameters: [...parameters.values()],
  };
}
