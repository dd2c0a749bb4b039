/** Signs requests in and refuses what is not granted, before any route runs (api.md, "Access"). Deny by default. */
import type { MiddlewareHandler } from 'hono';
import { LakefoldError } from '../../lib/core/errors.ts';
import { grantsOf, rightsOfKey, type KeyAuthenticator } from '../../lib/features/access/authenticate.ts';
import type { StoredKey } from '../../lib/features/access/api-keys.ts';
import { UNRESTRICTED, type Rights } from '../../lib/features/access/rights.ts';
import type { RegistryState } from '../../lib/registry/definition.ts';
import { requiredRight } from './access-rules.ts';
import type { HttpContext } from './create-app.ts';
import type { HttpEnv } from './request-context.ts';

export interface AccessDeps {
  readonly keys: Pick<KeyAuthenticator, 'keyOf'>;
  /** A project's definitions, at most ten seconds old. @throws LakefoldError UNKNOWN_PROJECT */
  readonly definitions: (project: string) => Promise<{ readonly state: RegistryState }>;
  /** A key was used; must not fail. */
  readonly used?: (key: StoredKey) => void;
}

/** For `app.use('/v1/*', …)`, before the routes. */
export function accessGuard(deps: AccessDeps): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const needed = requiredRight(c.req.method, c.req.path);
    if (needed.kind === 'address') return next();
    const key = await signedIn(deps, c);
    if (needed.kind === 'none') throw new LakefoldError('UNKNOWN_ROUTE', `expected a route of this service, found ${c.req.method} ${c.req.path}`);
    if (needed.kind === 'projects') {
      if (!needed.mayList) throw new LakefoldError('FORBIDDEN', `expected a principal that may create projects, found key:${key.id}, which is of one project`);
    } else if (needed.project !== key.project) {
      // As if it were not there: who may not enter must not learn what there is.
      throw new LakefoldError('UNKNOWN_PROJECT', `expected a project of this location, found ${JSON.stringify(needed.project)}`, {
        context: { project: needed.project },
      });
    }
    const rights = rightsOfKey(key, grantsOf((await deps.definitions(key.project)).state));
    if (needed.kind === 'right') rights.require(needed.action, needed.resource);
    if (needed.kind === 'some' && !rights.allowsSome(needed.actions))
      throw new LakefoldError('FORBIDDEN', `expected a grant of ${needed.actions.join(' or ')} to ${rights.principal ?? ''}, found none`, {
        context: { action: needed.actions[0] },
      });
    c.set('rights', rights);
    c.set('ownProject', key.project);
    deps.used?.(key);
    return next();
  };
}

async function signedIn(deps: AccessDeps, c: HttpContext): Promise<StoredKey> {
  const token = tokenOf(c.req.raw.headers);
  const key = token === undefined ? undefined : await deps.keys.keyOf(token);
  if (key !== undefined) return key;
  throw new LakefoldError(
    'UNAUTHENTICATED',
    token === undefined
      ? 'expected an API key as `Authorization: Bearer lk_…` or `x-api-key`, found none'
      : 'expected an API key that is known, not expired and not revoked, found another',
  );
}

/** The first header that is there speaks: a request with two keys is that of the first. */
function tokenOf(headers: Headers): string | undefined {
  const authorization = headers.get('authorization');
  if (authorization !== null) return /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1] ?? '';
  return headers.get('x-api-key')?.trim() ?? undefined;
}

/** What the request's principal may do; everything where nobody is asked to sign in. */
export function rightsIn(c: HttpContext): Rights {
  return c.get('rights') ?? UNRESTRICTED;
}

/** The only project the principal sees; undefined where it sees all. */
export function ownProjectOf(c: HttpContext): string | undefined {
  return c.get('ownProject');
}
