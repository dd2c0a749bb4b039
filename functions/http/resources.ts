/** Names in paths. */
import { LakefoldError } from '../../lib/core/errors.ts';
import type { HttpContext } from './create-app.ts';

export interface VersionedName {
  readonly project: string;
  readonly name: string;
  readonly version: number;
}

/** `:p`, `:fg` or `:fv`, `:v` of a path; a version that is none is a definition that does not exist. */
export function versionedName(c: HttpContext, kind: 'featureGroup' | 'featureView', version = c.req.param('v') ?? ''): VersionedName {
  const project = c.req.param('p') ?? '';
  const name = c.req.param(kind === 'featureGroup' ? 'fg' : 'fv') ?? '';
  if (!/^[1-9]\d{0,8}$/.test(version)) {
    throw new LakefoldError(
      kind === 'featureGroup' ? 'UNKNOWN_FEATURE_GROUP' : 'UNKNOWN_FEATURE_VIEW',
      `expected a version from 1, found ${JSON.stringify(version)} of ${name}`,
      { context: { [kind]: name, version } },
    );
  }
  return { project, name, version: Number(version) };
}

/** `3:publish` → version 3, action `publish`. @throws LakefoldError UNKNOWN_ROUTE when it is no action this app has */
export function versionAction(c: HttpContext, actions: readonly string[]): { readonly version: string; readonly action: string } {
  const [version = '', action = ''] = (c.req.param('action') ?? '').split(':');
  if (!actions.includes(action)) throw new LakefoldError('UNKNOWN_ROUTE', `expected a route of this service, found ${c.req.method} ${c.req.path}`);
  return { version, action };
}
