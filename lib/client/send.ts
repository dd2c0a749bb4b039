/** One request and its repetitions, until an answer, a final error or the end of its time. */
import { errorOf, LakefoldClientError } from './error.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { ClientRuntime } from './runtime.ts';

export interface SendDeps {
  readonly runtime: ClientRuntime;
  readonly budget: RetryBudget;
  /** Requests of one call, the first included. */
  readonly attemptsMax: number;
}

export interface Call {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the call; its reason is thrown. */
  readonly signal: AbortSignal;
  /** By `runtime.now()`: no repetition begins that could not end before. */
  readonly deadline: () => number;
}

/** Pause before the first repetition, milliseconds; doubled for each further one. */
const PAUSE_FIRST_MILLIS = 25;
const PAUSE_MAX_MILLIS = 1000;

/** The JSON of a successful answer. Lookups change nothing, so any of them may be repeated. @throws LakefoldClientError */
export async function send(deps: SendDeps, call: Call): Promise<unknown> {
  deps.budget.earn();
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce(deps.runtime, call);
    if (outcome.kind === 'answered') return outcome.body;
    const pause = pauseMillis(deps.runtime, { attempt, retryAfter: outcome.retryAfterMillis });
    const mayRepeat = outcome.error.repeatable && attempt < deps.attemptsMax && deps.runtime.now() + pause < call.deadline();
    if (!mayRepeat || !deps.budget.spend()) throw outcome.error;
    await sleep(deps.runtime, pause, call.signal);
  }
}

type Outcome =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'failed'; readonly error: LakefoldClientError; readonly retryAfterMillis: number };

async function attemptOnce(runtime: ClientRuntime, { url, headers, body, signal }: Call): Promise<Outcome> {
  try {
    const response = await runtime.fetch(new Request(url, { method: 'POST', headers, body, signal }));
    if (response.ok) return { kind: 'answered', body: await response.json() };
    const seconds = Number(response.headers.get('retry-after') ?? 0);
    return { kind: 'failed', error: await errorOf(response), retryAfterMillis: Number.isFinite(seconds) ? seconds * 1000 : 0 };
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    const error = new LakefoldClientError('STORE_UNAVAILABLE', `expected an answer from ${new URL(url).origin}, found none: ${messageOf(cause)}`, {
      cause,
      status: 0,
      repeatable: true,
    });
    return { kind: 'failed', error, retryAfterMillis: 0 };
  }
}

/** Full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS 2015), never sooner than the server asks for. */
function pauseMillis(runtime: ClientRuntime, { attempt, retryAfter }: { readonly attempt: number; readonly retryAfter: number }): number {
  const most = Math.min(PAUSE_MAX_MILLIS, PAUSE_FIRST_MILLIS * 2 ** (attempt - 1));
  return Math.max(retryAfter, runtime.random() * most);
}

function sleep(runtime: ClientRuntime, millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = runtime.after(millis, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message} (${cause.cause.message})` : cause.message;
}
