/** Calls of DynamoDB under a deadline, repeated with full jitter by us: the SDK would repeat a conditional write without telling. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { dynamoDbFaultOf, isRepeatable, sdkAttemptsOf } from './dynamodb-errors.ts';

/** What every DynamoDB adapter needs. The client is best made by `createDynamoDbClient`. */
export interface DynamoDbDeps {
  readonly client: DynamoDBClient;
  readonly clock: Pick<Clock, 'monotonicMillis' | 'sleep'>;
  readonly random: Pick<Random, 'unit'>;
}

/** Time to connect, and time to an answer, ms: well within the deadlines of calls, so that one silent connection costs a try and not the call. */
const CONNECT_MAX_MILLIS = 1000;
const ANSWER_MAX_MILLIS = 2000;
/** First and largest pause between tries, ms. */
const BACKOFF_MILLIS = 10;
const BACKOFF_MAX_MILLIS = 1000;

/** A client that leaves repeating to the adapters. Region, endpoint and credentials come with `settings`. */
export function createDynamoDbClient(settings: DynamoDBClientConfig): DynamoDBClient {
  const requestHandler = { connectionTimeout: CONNECT_MAX_MILLIS, requestTimeout: ANSWER_MAX_MILLIS, throwOnRequestTimeout: true };
  return new DynamoDBClient({ requestHandler, ...settings, maxAttempts: 1 });
}

/** Full jitter: between nothing and a bound that doubles with each failure in a row, ms. */
export function backoffMillis(random: Pick<Random, 'unit'>, failures: number): number {
  return random.unit() * Math.min(BACKOFF_MAX_MILLIS, BACKOFF_MILLIS * 2 ** Math.min(failures, 16));
}

export interface Try {
  /** An earlier try of this call may have been done although its answer was lost. */
  readonly mayHaveLanded: boolean;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or no further try fits before `timeMaxMillis`.
 * Rejects with what the last try rejected with.
 */
export async function callRepeatedly<Result>(
  deps: Pick<DynamoDbDeps, 'clock' | 'random'>,
  attempt: (context: Try) => Promise<Result>,
  options: { readonly timeMaxMillis: number; readonly signal?: AbortSignal | undefined },
): Promise<Result> {
  const deadline = deps.clock.monotonicMillis() + options.timeMaxMillis;
  let mayHaveLanded = false;
  for (let failures = 0; ; failures += 1) {
    options.signal?.throwIfAborted();
    try {
      return await attempt({ mayHaveLanded });
    } catch (error) {
      const fault = dynamoDbFaultOf(error);
      if (options.signal?.aborted === true || !isRepeatable(fault)) throw error;
      if (fault === 'lost' || sdkAttemptsOf(error) > 1) mayHaveLanded = true;
      const pause = backoffMillis(deps.random, failures);
      if (deps.clock.monotonicMillis() + pause > deadline) throw error;
      await deps.clock.sleep(pause, options.signal);
    }
  }
}

/** The SDK's form of a signal. */
export function abortable(options: { readonly signal?: AbortSignal | undefined }): { readonly abortSignal?: AbortSignal } {
  return options.signal === undefined ? {} : { abortSignal: options.signal };
}
