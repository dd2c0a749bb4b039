/** Compiled views with the transforms of a training set bound to their features (P18, `options.trainingDataset`). */
import { BoundedCache } from '../core/bounded-cache.ts';
import { LakefoldError } from '../core/errors.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import { TRANSFORMED_VIEWS_MAX } from '../core/limits.ts';
import { type ApplyFunction, compileTransform, type FittedTransform, type TransformSpec } from './model-transform.ts';
import type { ViewPlan } from './view-plan.ts';

export interface TrainingSetName {
  readonly project: string;
  readonly name: string;
  readonly version: number;
  readonly trainingDataset: number;
}

export interface TransformedViewDeps {
  /** What a published set was fitted with; sets do not change. @throws LakefoldError UNKNOWN_TRAINING_DATASET */
  readonly fittedTransforms: (set: TrainingSetName) => Promise<readonly FittedTransform[]>;
  /** Undefined for a built-in transform. @throws LakefoldError FUNCTION_MISMATCH */
  readonly ownApply: (spec: TransformSpec) => ApplyFunction | undefined;
}

export class TransformedViews {
  readonly #deps: TransformedViewDeps;
  readonly #views = new BoundedCache<string, { readonly base: ViewPlan; readonly plan: ViewPlan }>(TRANSFORMED_VIEWS_MAX);

  constructor(deps: TransformedViewDeps) {
    this.#deps = deps;
  }

  /** The plan whose features are transformed as in the set. @throws LakefoldError UNKNOWN_TRAINING_DATASET, FUNCTION_MISMATCH, CORRUPT_STORE */
  async plan(base: ViewPlan, set: TrainingSetName): Promise<ViewPlan> {
    const key = `${set.project}/${set.name}/${set.version}/${set.trainingDataset}`;
    const known = this.#views.get(key);
    if (known?.base === base) return known.plan;
    const plan = withTransforms(base, await this.#deps.fittedTransforms(set), this.#deps.ownApply);
    this.#views.set(key, { base, plan });
    return plan;
  }
}

/** `transforms` of a manifest, or of its copy. @throws LakefoldError CORRUPT_STORE */
export function parseFittedTransforms(json: Json | undefined): readonly FittedTransform[] {
  if (!Array.isArray(json)) throw new LakefoldError('CORRUPT_STORE', 'expected the transforms of a training dataset, found none');
  return json.map((item: Json) => {
    if (isJsonObject(item) && typeof item['feature'] === 'string' && typeof item['function'] === 'string')
      return { feature: item['feature'], function: item['function'], parameters: item['parameters'] ?? null };
    throw new LakefoldError('CORRUPT_STORE', `expected a fitted transform, found ${JSON.stringify(item)?.slice(0, 80) ?? 'nothing'}`);
  });
}

function withTransforms(base: ViewPlan, fitted: readonly FittedTransform[], ownApply: TransformedViewDeps['ownApply']): ViewPlan {
  const features = base.features.map((feature) => {
    const found = fitted.find((each) => each.feature === feature.name);
    const spec = base.transforms[feature.name];
    if (found === undefined || spec === undefined) return feature;
    return { ...feature, transform: compileTransform({ spec, type: feature.type, parameters: found.parameters, ownApply: ownApply(spec) }) };
  });
  return { ...base, features };
}
