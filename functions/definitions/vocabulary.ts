/** `lakefold` as definitions see it: what they are written with, and nothing that would bring a store along. */
export { t } from '../../lib/registry/column-builder.ts';
export { expectation } from '../../lib/registry/define-expectation.ts';
export { featureGroup } from '../../lib/registry/define-group.ts';
export {
  imputer,
  labelEncoder,
  logTransform,
  minMaxScaler,
  modelTransform,
  oneHotEncoder,
  quantileBinner,
  robustScaler,
  standardScaler,
} from '../../lib/registry/define-transform.ts';
export { featureView, join, onDemand } from '../../lib/registry/define-view.ts';
