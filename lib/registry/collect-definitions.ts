/** A definitions module as `plan`, `apply`, `serve` and `query` use it: the definitions and, aside, their functions. */
import { isRecord } from '../core/json.ts';
import { LakefoldError } from '../core/errors.ts';
import type { FeatureGroup } from './define-group.ts';
import type { FeatureView } from './define-view.ts';
import type { TransformFunctions } from './define-transform.ts';
import type { OnDemandDefinition, OnDemandFunction, TransformDefinition } from './definition.ts';

import { parseFeatureGroup } from './parse-group.ts';
import { parseFeatureView } from './parse-view.ts';
import type { WantedDefinitions } from './plan.ts';

/** On-demand functions and one's own transforms. */
export type BundledFunction = OnDemandFunction | TransformFunctions;

/** By name and source hash: two views may give one name to different code. */
export type FunctionTable = ReadonlyMap<string, BundledFunction>;

export interface CollectedDefinitions {
  readonly wanted: WantedDefinitions;
  readonly functions: FunctionTable;
}

/** The function behind an on-demand definition. @throws LakefoldError FUNCTION_MISMATCH when this bundle lacks it or has other code under its name */
export function functionOf(functions: FunctionTable, definition: Pick<OnDemandDefinition, 'name' | 'sourceHash'>): OnDemandFunction {
  const found = functions.get(functionKey(definition));
  if (typeof found === 'function') return found;
  throw mismatch(functions, definition);
}

/** The code behind a transform; undefined for a built-in one. @throws LakefoldError FUNCTION_MISMATCH as `functionOf` */
export function transformOf(
  functions: FunctionTable,
  { function: name, sourceHash }: Pick<TransformDefinition, 'function' | 'sourceHash'>,
): TransformFunctions | undefined {
  if (sourceHash === undefined) return undefined;
  const found = functions.get(functionKey({ name, sourceHash }));
  if (typeof found === 'object') return found;
  throw mismatch(functions, { name, sourceHash });
}

function mismatch(functions: FunctionTable, definition: Pick<OnDemandDefinition, 'name' | 'sourceHash'>): LakefoldError {
  const other = [...functions.keys()].find((key) => key.startsWith(`${definition.name} `));
  return new LakefoldError(
    'FUNCTION_MISMATCH',
    `expected function ${definition.name} with ${definition.sourceHash}, found ${other === undefined ? 'none' : other.slice(definition.name.length + 1)} in this bundle`,
    {
      context: { function: definition.name, expected: definition.sourceHash },
    },
  );
}

/**
 * Every feature group and view among the exports of a module, in the order of the exports; other exports are left alone.
 * @throws LakefoldError INVALID_DEFINITION, UNKNOWN_FIELD, LIMIT_EXCEEDED
 */
export function collectDefinitions(moduleExports: Readonly<Record<string, unknown>>): CollectedDefinitions {
  const exported = Object.values(moduleExports);
  const groups = exported.filter(isFeatureGroup);
  const views = exported.filter(isFeatureView);
  return {
    wanted: {
      featureGroups: [...new Set(groups)].map(({ json }) => parseFeatureGroup(json)),
      featureViews: [...new Set(views)].map(({ json }) => parseFeatureView(json)),
    },
    functions: new Map(views.flatMap(functionsIn)),
  };
}

/** Definitions in a JSON file: `{"featureGroups":[…],"featureViews":[…]}`; it has no functions. @throws LakefoldError as `collectDefinitions` */
export function collectJsonDefinitions(json: unknown): WantedDefinitions {
  if (!isRecord(json)) throw new LakefoldError('INVALID_ARGUMENT', 'expected {"featureGroups":[…],"featureViews":[…]}, found something else');
  const { featureGroups = [], featureViews = [], ...others } = json;
  const unknownName = Object.keys(others)[0];
  if (unknownName !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected featureGroups and featureViews, found ${JSON.stringify(unknownName)}`, {
      errors: [{ field: unknownName, code: 'UNKNOWN_FIELD', message: 'not a member of definitions' }],
    });
  if (!Array.isArray(featureGroups) || !Array.isArray(featureViews))
    throw new LakefoldError('INVALID_ARGUMENT', 'expected arrays featureGroups and featureViews, found something else');
  return { featureGroups: featureGroups.map(parseFeatureGroup), featureViews: featureViews.map(parseFeatureView) };
}

function functionsIn(view: FeatureView): readonly (readonly [key: string, bundled: BundledFunction])[] {
  return [
    ...view.onDemand.map((item) => [functionKey(item), item.compute] as const),
    ...Object.values(view.transforms).flatMap(({ definition: { function: name, sourceHash }, functions }) =>
      sourceHash === undefined || functions === undefined ? [] : [[functionKey({ name, sourceHash }), functions] as const],
    ),
  ];
}

function functionKey({ name, sourceHash }: Pick<OnDemandDefinition, 'name' | 'sourceHash'>): string {
  return `${name} ${sourceHash}`;
}

function isFeatureGroup(value: unknown): value is FeatureGroup {
  return isRecord(value) && value['kind'] === 'featureGroup' && isRecord(value['json']);
}

function isFeatureView(value: unknown): value is FeatureView {
  return isRecord(value) && value['kind'] === 'featureView' && isRecord(value['json']) && Array.isArray(value['onDemand']) && isRecord(value['transforms']);
}
