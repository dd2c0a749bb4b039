/** What went wrong, as `application/problem+json` (RFC 9457, codes of shapes.md). */
import { HTTPException } from 'hono/http-exception';
import type { ErrorCode } from '../../lib/core/errors.ts';
import { isLakefoldError, LakefoldError, toProblem } from '../../lib/core/errors.ts';
import { stringifyJson } from '../../lib/core/json.ts';

/** Pause a client is asked for when the error itself names none, seconds. */
const RETRY_AFTER_SECONDS = 1;

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'UNKNOWN_ROUTE',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  412: 'PRECONDITION_FAILED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
  504: 'DEADLINE_EXCEEDED',
};

/** The error a client may see, or undefined for a fault of our own, of which it sees nothing. */
export function publicError(error: unknown): LakefoldError | undefined {
  if (isLakefoldError(error)) return error.kind === 'internal' ? undefined : error;
  if (error instanceof HTTPException) {
    const code = CODE_OF_STATUS[error.status];
    return code === undefined ? undefined : new LakefoldError(code, error.message === '' ? `status ${error.status}` : error.message, { cause: error });
  }
  // The deadline of a request is an `AbortSignal.timeout`, whose reason has this name in every runtime.
  if (error instanceof Error && error.name === 'TimeoutError')
    return new LakefoldError('DEADLINE_EXCEEDED', 'the time of this request is up; the outcome of a write is unknown', { cause: error });
  return undefined;
}

/** The answer to a failed request; `Retry-After` where waiting helps, `Allow` where another method would. */
export function problemResponse(error: unknown, requestId: string): Response {
  const shown = publicError(error);
  const problem = toProblem(shown, requestId);
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (shown?.kind === 'unavailable') headers.set('retry-after', String(retryAfterSeconds(shown)));
  if (shown?.code === 'UNAUTHENTICATED') headers.set('www-authenticate', 'Bearer');
  const allow = shown?.code === 'METHOD_NOT_ALLOWED' ? shown.context['allow'] : undefined;
  if (Array.isArray(allow)) headers.set('allow', allow.join(', '));
  return new Response(problemText(problem, shown, requestId), { status: problem.status, headers });
}

function problemText(problem: object, shown: LakefoldError | undefined, requestId: string): string {
  try {
    return stringifyJson(problem);
  } catch {
    // A context JSON can't carry must not turn a clear answer into a broken one.
    return stringifyJson(toProblem(shown === undefined ? undefined : new LakefoldError(shown.code, shown.message), requestId));
  }
}

function retryAfterSeconds(error: LakefoldError): number {
  const asked = error.context['retryAfterSeconds'];
  return typeof asked === 'number' && Number.isFinite(asked) && asked > 0 ? Math.ceil(asked) : RETRY_AFTER_SECONDS;
}
