/** `lakefold/client`: feature vectors over HTTP, in browsers, Node and edge runtimes; no dependency. */
import { RetryBudget } from './retry-budget.ts';
import { globalRuntime, type ClientRuntime } from './runtime.ts';
import { send } from './send.ts';
import { FeatureViewClient } from './view-client.ts';
import { LakefoldClientError } from './error.ts';

export { LakefoldClientError } from './error.ts';
export type { FeatureStatus, FeatureVector, FeatureViewClient, LookupOptions } from './view-client.ts';

export interface ClientOptions {
  /** Where the routes are, up to `/v1`: `https://features.example.com`. */
  readonly endpoint: string;
  /** Sent as `Authorization: Bearer`. */
  readonly apiKey?: string;
  /** `default` unless given. */
  readonly project?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Time for one lookup with all its tries, milliseconds; 2,000 unless given. */
  readonly timeoutMs?: number;
  readonly retry?: {
    /** Requests of one lookup, the first included; 3 unless given, 1 = never repeated. */
    readonly attempts?: number;
    /** Repetitions in a burst; beyond it at most one in ten calls is repeated. 10 unless given. */
    readonly budget?: number;
  };
  readonly batch?: {
    /** How long a lookup waits for others to travel with, milliseconds; 0 unless given: only those of the same turn do. */
    readonly windowMs?: number;
    /** Entries of one request, 1 to 1,000; 100 unless given. */
    readonly entriesMax?: number;
  };
  /** Sends requests in place of the global `fetch`: to sign them, or from inside a worker's binding. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Time and chance, for tests. */
  readonly runtime?: ClientRuntime;
}

export interface Client {
  /** A view's lookups. `V` is the type of its definition (`typeof delayModel`): entries, parameters and features follow from it. */
  featureView<V = unknown>(name: string, version: number): FeatureViewClient<V>;
}

/**
 * A client of one endpoint; make one and keep it, its retry budget and windows are per client.
 * @throws LakefoldClientError INVALID_ARGUMENT when an option is out of its bounds
 */
export function createClient(options: ClientOptions): Client {
  const { endpoint, apiKey, project = 'default', timeoutMs = 2000 } = options;
  const { attempts = 3, budget: burst = 10 } = options.retry ?? {};
  const { windowMs = 0, entriesMax = 100 } = options.batch ?? {};
  if (!/^https?:\/\//.test(endpoint)) throw invalid('endpoint', 'an http or https URL', endpoint);
  check('timeoutMs', timeoutMs, { least: 1, most: 900_000 });
  check('retry.attempts', attempts, { least: 1, most: 10 });
  check('retry.budget', burst, { least: 0, most: 1000 });
  check('batch.windowMs', windowMs, { least: 0, most: 1000 });
  check('batch.entriesMax', entriesMax, { least: 1, most: 1000 });
  const runtime = options.runtime ?? globalRuntime(options.fetch);
  const deps = { runtime, budget: new RetryBudget(burst), attemptsMax: attempts };
  const headers = {
    ...options.headers,
    accept: 'application/json',
    'content-type': 'application/json',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  const root = `${endpoint.replace(/\/+$/, '')}/v1/projects/${encodeURIComponent(project)}/feature-views`;
  return {
    featureView: (name, version) =>
      new FeatureViewClient({
        runtime,
        timeoutMs,
        windowMs,
        entriesMax,
        url: `${root}/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`,
        post: (url, body, { signal, deadline }) => send(deps, { url, headers, body, signal, deadline }),
      }),
  };
}

function check(name: string, value: number, { least, most }: { readonly least: number; readonly most: number }): void {
  if (!(value >= least && value <= most)) throw invalid(name, `a number from ${least} to ${most}`, value);
}

function invalid(name: string, expected: string, found: unknown): LakefoldClientError {
  return new LakefoldClientError('INVALID_ARGUMENT', `expected ${expected} as ${name}, found ${String(found)}`, { status: 0, repeatable: false });
}
