/** What every request carries: an id, a deadline, a line in the log. */
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Log } from '../../lib/ports/log.ts';
import type { Rights } from '../../lib/features/access/rights.ts';
import type { Random } from '../../lib/ports/random.ts';

export interface HttpDeps {
  readonly log: Log;
  readonly random: Random;
  readonly clock: Clock;
}

/** Hono's types for every app of ours. */
export interface HttpEnv {
  Bindings: {
    /** Given by the Lambda adapter; absent elsewhere. */
    lambdaContext?: { getRemainingTimeInMillis(): number };
  };
  Variables: {
    requestId: string;
    /** Aborts when the function is about to run out of time; never elsewhere. Hand it to every external call. */
    signal: AbortSignal;
    /** What the principal may do; absent where nobody is asked to sign in. */
    rights?: Rights;
    /** The project a principal is of. */
    ownProject?: string;
  };
}

/** Kept back of Lambda's remaining time to answer `DEADLINE_EXCEEDED` ourselves, ms. */
const DEADLINE_MARGIN_MILLIS = 500;

/** Gives each request its id (answered as `x-request-id`) and signal, and logs how it ended. Nested apps share the outermost one's. */
export function requestContext(deps: HttpDeps): MiddlewareHandler<HttpEnv> {
  const { log, random, clock } = deps;
  return async (c, next) => {
    // An app mounted in another runs inside a request that has its context already.
    if (typeof c.get('requestId') === 'string') return next();
    const startedMillis = clock.monotonicMillis();
    const requestId = random.uuid();
    c.set('requestId', requestId);
    c.set('signal', deadlineSignal(c.env));
    await next();
    c.header('x-request-id', requestId);
    c.header('x-content-type-options', 'nosniff');
    log.info('request.answered', {
      requestId,
      method: c.req.method,
      route: routePath(c, -1),
      status: c.res.status,
      durationMillis: clock.monotonicMillis() - startedMillis,
    });
    return undefined;
  };
}

function deadlineSignal(bindings: HttpEnv['Bindings'] | undefined): AbortSignal {
  const remainingMillis = bindings?.lambdaContext?.getRemainingTimeInMillis();
  return remainingMillis === undefined ? new AbortController().signal : AbortSignal.timeout(Math.max(0, remainingMillis - DEADLINE_MARGIN_MILLIS));
}
