/** Names of the built-in model-dependent transformations (P18), as definitions spell them. */

const BUILT_IN = [
  'standard_scaler',
  'min_max_scaler',
  'robust_scaler',
  'imputer',
  'label_encoder',
  'one_hot_encoder',
  'log_transform',
  'quantile_binner',
] as const;

export type BuiltInTransform = (typeof BUILT_IN)[number];

export function isBuiltInTransform(name: string): name is BuiltInTransform {
  return BUILT_IN.some((other) => other === name);
}
