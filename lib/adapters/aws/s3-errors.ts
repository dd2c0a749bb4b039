/** Faults of S3 and of the way to it, sorted and translated once; nothing above knows a vendor's names. */
import { LakefoldError } from '../../core/errors.ts';

/**
 * What an error says of the request that met it.
 * - `absent`: no such object
 * - `precondition`: the condition did not hold when the store looked
 * - `contended`: nothing was done because of another request to the same key; the same request may go again
 * - `range`: the range begins behind the end
 * - `unsent`: the store never saw the request
 * - `throttled`, `lost`: it may or may not have been done
 * - `refused`: it was not done, and would not be if asked again
 */
export type S3Fault = 'absent' | 'precondition' | 'contended' | 'range' | 'unsent' | 'throttled' | 'lost' | 'refused';

const THROTTLES: ReadonlySet<string> = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
  'RequestThrottled',
]);
const CONTENTIONS: ReadonlySet<string> = new Set(['ConditionalRequestConflict', 'OperationAborted']);
const UNSENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'CredentialsProviderError']);

/** Sorts whatever a call of the SDK rejected with. */
export function s3FaultOf(error: unknown): S3Fault {
  const names = namesOf(error);
  const status = statusOf(error);
  if (names.some((name) => UNSENT.has(name))) return 'unsent';
  if (names.some((name) => THROTTLES.has(name)) || status === 429) return 'throttled';
  if (names.some((name) => CONTENTIONS.has(name)) || status === 409) return 'contended';
  if (status === 412) return 'precondition';
  if (status === 416) return 'range';
  // A missing bucket is no missing object: a wrong configuration must not look like an empty store.
  if (status === 404) return names.includes('NoSuchBucket') ? 'refused' : 'absent';
  // The store gave up on reading the request; AWS says so with 400.
  if (names.includes('RequestTimeout') || status === 408) return 'lost';
  if (status !== undefined && ((status >= 400 && status < 500) || status === 501)) return 'refused';
  return 'lost';
}

/** The public error of a fault that ends a call; `signal` tells an abort of the caller's from a fault. */
export function translateS3Error(
  error: unknown,
  place: { readonly action: string; readonly where: string; readonly signal?: AbortSignal | undefined },
): unknown {
  if (error instanceof LakefoldError) return error;
  if (place.signal?.aborted === true) return place.signal.reason;
  const fault = s3FaultOf(error);
  const status = statusOf(error);
  const name = namesOf(error)[0] ?? 'an unknown fault';
  const found = status === undefined ? name : `${status} ${name}`;
  const options = { cause: error, context: { object: place.where, fault: name, ...(status === undefined ? {} : { storeStatus: status }) } };
  if (fault === 'throttled')
    return new LakefoldError('STORE_THROTTLED', `could not ${place.action} ${place.where}: the store asked to slow down (${found})`, options);
  if (status === 501)
    return new LakefoldError(
      'UNSUPPORTED_OPERATION',
      `could not ${place.action} ${place.where}: expected a store that knows conditional writes, found ${found}`,
      options,
    );
  return new LakefoldError('STORE_UNAVAILABLE', `could not ${place.action} ${place.where}: ${found}`, options);
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Name and code of the error and of what a dual-stack connection attempt gathered. */
function namesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const names = [error.name];
  if ('Code' in error && typeof error.Code === 'string') names.unshift(error.Code);
  if ('code' in error && typeof error.code === 'string') names.unshift(error.code);
  return names;
}
