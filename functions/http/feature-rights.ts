/** Rights on single features, asked for where a route knows which it would show. */
import type { Json } from '../../lib/core/json.ts';
import { featuresOfRead, featuresOfView } from '../../lib/features/access/features-named.ts';
import type { FeatureGroupDefinition, FeatureViewDefinition } from '../../lib/registry/definition.ts';
import { rightsIn } from './access-guard.ts';
import type { HttpContext } from './create-app.ts';

/** @throws LakefoldError FORBIDDEN, naming the features of the group that the principal may not read */
export function requireReadOfGroup(
  c: HttpContext,
  group: FeatureGroupDefinition,
  read: { readonly features?: readonly string[] | undefined; readonly where?: Json | undefined } = {},
): void {
  const resource = `feature-groups/${group.name}`;
  rightsIn(c).require('readOffline', resource);
  rightsIn(c).requireFeatures('readOffline', resource, () => featuresOfRead(group, read));
}

/** A view is read whole or not at all: never a vector with a hole. @throws LakefoldError FORBIDDEN */
export function requireReadOfView(
  c: HttpContext,
  action: 'readOnline' | 'readOffline',
  view: Pick<FeatureViewDefinition, 'name' | 'joins' | 'onDemand'>,
): void {
  const resource = `feature-views/${view.name}`;
  rightsIn(c).require(action, resource);
  rightsIn(c).requireFeatures(action, resource, () => featuresOfView(view));
}
