/** Model-dependent transformations as code (P18): fitted on the training split, applied the same online. */
import type { Json } from '../core/json.ts';
import type { ColumnBuilder, ValueOf } from './column-builder.ts';
import type { TransformDefinition } from './definition.ts';
import { sourceHashOf } from './source-hash.ts';
import type { BuiltInTransform } from './transforms.ts';

/** What a fit may know of the training split's values: of the finite numbers among them, or of other types the count alone. */
export interface FitStatistics {
  readonly count: number;
  readonly mean: number;
  /** Of the population. */
  readonly stddev: number;
  readonly min: number;
  readonly max: number;
  /** Interpolated between the two nearest values. */
  readonly quantile: (fraction: number) => number;
}

export interface Transform {
  readonly definition: TransformDefinition;
  /** The functions of one's own transform; built-in ones have none here. */
  readonly functions?: TransformFunctions;
}

/** The code of one's own transform: `fit` for the training split, `apply` for every value after. */
export interface TransformFunctions {
  readonly fit: (statistics: FitStatistics) => unknown;
  readonly apply: (value: unknown, parameters: unknown) => unknown;
}

export interface ModelTransformInput<In extends ColumnBuilder, Out extends ColumnBuilder, Parameters> {
  readonly name: string;
  readonly input: In;
  readonly output: Out;
  /** Its result is stored with the training set, so it must be JSON. */
  readonly fit: (statistics: FitStatistics) => Parameters;
  readonly apply: (value: NonNullable<ValueOf<In>>, parameters: Parameters) => ValueOf<Out>;
}

export function modelTransform<In extends ColumnBuilder, Out extends ColumnBuilder, Parameters>(input: ModelTransformInput<In, Out, Parameters>): Transform {
  const { name, fit, apply } = input;
  return {
    definition: { function: name, arguments: { input: input.input.type, output: input.output.type }, sourceHash: sourceHashOf(fit, apply) },
    // Values are handed over as the declared input type, parameters as `fit` returned them.
    functions: { fit, apply: (value, parameters) => apply(value as NonNullable<ValueOf<In>>, parameters as Parameters) },
  };
}

function builtIn(name: BuiltInTransform, options: Readonly<Record<string, Json | undefined>> = {}): Transform {
  const given: Record<string, Json> = {};
  for (const [key, value] of Object.entries(options)) if (value !== undefined) given[key] = value;
  return { definition: { function: name, arguments: given } };
}

/** To mean 0 and standard deviation 1. */
export const standardScaler = (): Transform => builtIn('standard_scaler');
/** To 0…1 between the training split's extremes. */
export const minMaxScaler = (): Transform => builtIn('min_max_scaler');
/** To median 0 and interquartile range 1. */
export const robustScaler = (): Transform => builtIn('robust_scaler');
/** Fills nulls. */
export const imputer = (options: { readonly strategy: 'mean' | 'median' | 'most_frequent' | 'constant'; readonly value?: Json }): Transform =>
  builtIn('imputer', { ...options });
/** Categories to whole numbers; `unknown` stands for one unseen in fitting. */
export const labelEncoder = (options: { readonly unknown?: number } = {}): Transform => builtIn('label_encoder', { ...options });
/** Categories to a vector of zeros and one 1; one unseen in fitting to zeros alone, or to null. */
export const oneHotEncoder = (options: { readonly unknown?: 'zeros' | 'null' } = {}): Transform => builtIn('one_hot_encoder', { ...options });
/** ln(x + offset). */
export const logTransform = (options: { readonly offset?: number } = {}): Transform => builtIn('log_transform', { ...options });
/** To the number of its equal-frequency bin. */
export const quantileBinner = (options: { readonly bins: number }): Transform => builtIn('quantile_binner', { ...options });
