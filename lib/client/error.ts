/** What a lookup over HTTP ends with when it does not answer. */
import type { ErrorCode, Fault } from '../core/errors.ts';

export interface ClientErrorOptions {
  readonly cause?: unknown;
  /** HTTP status; 0 where nobody answered. */
  readonly status: number;
  readonly repeatable: boolean;
  readonly errors?: readonly Fault[];
  readonly requestId?: string | null;
  /** Members of the problem document beside the standard ones. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/**
 * The only error the client throws, but for the reason of an aborted signal. `code` is the problem document's; `STORE_UNAVAILABLE`
 * where nobody answered, `DEADLINE_EXCEEDED` where time was up. A class of its own: the server's brings tables along that no browser needs.
 */
export class LakefoldClientError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  /** Whether the same call may simply be made again. */
  readonly repeatable: boolean;
  readonly errors: readonly Fault[];
  readonly requestId: string | null;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ClientErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LakefoldClientError';
    this.code = code;
    this.status = options.status;
    this.repeatable = options.repeatable;
    this.errors = options.errors ?? [];
    this.requestId = options.requestId ?? null;
    this.context = options.context ?? {};
  }
}

const STANDARD = new Set(['type', 'title', 'status', 'code', 'repeatable', 'detail', 'errors', 'errorCount', 'requestId']);

/** An answer that is no success as an error, whoever sent it: Lakefold, or a proxy before it. */
export async function errorOf(response: Response): Promise<LakefoldClientError> {
  const { status } = response;
  const text = await response.text().catch(() => '');
  const problem = jsonOf(text);
  const { code, detail, errors, requestId } = problem;
  if (typeof code !== 'string') {
    return new LakefoldClientError('STORE_UNAVAILABLE', `expected an answer of Lakefold, found status ${status}: ${text.slice(0, 200)}`, {
      status,
      repeatable: status >= 500 || status === 429,
    });
  }
  // A newer server may know codes that this client has not heard of: they pass as they are.
  return new LakefoldClientError(code as ErrorCode, typeof detail === 'string' ? detail : code, {
    status,
    repeatable: problem['repeatable'] === true,
    errors: Array.isArray(errors) ? (errors as readonly Fault[]) : [],
    requestId: typeof requestId === 'string' ? requestId : null,
    context: Object.fromEntries(Object.entries(problem).filter(([name]) => !STANDARD.has(name))),
  });
}

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
