/** A Hono app with what all of ours share: request ids, problem documents, 404 and 405. */
import { Hono } from 'hono';
import type { Context } from 'hono';
import { LakefoldError } from '../../lib/core/errors.ts';
import { problemResponse, publicError } from './problem.ts';
import type { HttpDeps, HttpEnv } from './request-context.ts';
import { requestContext } from './request-context.ts';

export type HttpApp = Hono<HttpEnv>;
export type HttpContext = Context<HttpEnv>;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
/** A chain of causes may be a circle. */
const CAUSES_LOGGED_MAX = 4;

/** An app without routes. Several may be mounted in one (`app.route('/', other)`): a request passes the shared parts once. */
export function createHttpApp(deps: HttpDeps): HttpApp {
  const app: HttpApp = new Hono<HttpEnv>();
  app.use('*', requestContext(deps));
  app.onError((error, c) => {
    const requestId = c.get('requestId');
    const shown = publicError(error);
    if (shown === undefined || shown.kind === 'corrupt')
      deps.log.error('request.failed', { requestId, code: shown?.code ?? 'INTERNAL', error: describe(error) });
    else if (shown.status >= 500) deps.log.warn('request.failed', { requestId, code: shown.code, error: describe(error) });
    return problemResponse(error, requestId);
  });
  app.notFound((c) => problemResponse(noRoute(app, c.req.method, c.req.path), c.get('requestId')));
  return app;
}

function noRoute(app: HttpApp, method: string, path: string): LakefoldError {
  const allow: string[] = METHODS.filter((candidate) => hasRoute(app, candidate, path));
  if (allow.length === 0) return new LakefoldError('UNKNOWN_ROUTE', `expected a route of this service, found ${method} ${path}`);
  if (allow.includes('GET')) allow.splice(1, 0, 'HEAD');
  return new LakefoldError('METHOD_NOT_ALLOWED', `expected ${allow.join(' or ')} for ${path}, found ${method}`, { context: { allow } });
}

function hasRoute(app: HttpApp, method: string, path: string): boolean {
  const [matches] = app.router.match(method, path);
  // Middlewares are registered for every method; only a handler makes a route.
  return matches.some(([[, route]]) => route.method === method);
}

/** For the log alone: the error with its stack and the first few causes with theirs. */
function describe(error: unknown, causesMax = CAUSES_LOGGED_MAX): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { message: String(error) };
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined || causesMax === 0 ? {} : { cause: describe(error.cause, causesMax - 1) }),
  };
}
