/** Faults of DynamoDB and of the way to it, sorted and translated once; nothing above knows a vendor's names. */
import { LakefoldError } from '../../core/errors.ts';

/**
 * What an error says of the request that met it.
 * - `condition`: the condition did not hold when the store looked
 * - `unsent`: the store never saw the request
 * - `throttled`: it was not done; the same request may go again
 * - `lost`: it may or may not have been done
 * - `refused`: it was not done, and would not be if asked again
 */
export type DynamoDbFault = 'condition' | 'unsent' | 'throttled' | 'lost' | 'refused';

const THROTTLES: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  // Another request to the item came in between; nothing was done.
  'TransactionConflictException',
  'ReplicatedWriteConflictException',
]);
const UNSENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'CredentialsProviderError']);

/** Sorts whatever a call of the SDK rejected with. */
export function dynamoDbFaultOf(error: unknown): DynamoDbFault {
  const names = namesOf(error);
  const status = metadataOf(error).status;
  if (names.includes('ConditionalCheckFailedException')) return 'condition';
  if (names.some((name) => UNSENT.has(name))) return 'unsent';
  if (names.some((name) => THROTTLES.has(name)) || status === 429) return 'throttled';
  if (status !== undefined && status >= 400 && status < 500 && status !== 408) return 'refused';
  return 'lost';
}

export function isRepeatable(fault: DynamoDbFault): boolean {
  return fault === 'unsent' || fault === 'throttled' || fault === 'lost';
}

/** How often the SDK itself sent the request: more than once and an earlier try may have landed. */
export function sdkAttemptsOf(error: unknown): number {
  return metadataOf(error).attempts ?? 1;
}

/** The public error of a fault that ends a call; `signal` tells an abort of the caller's from a fault. */
export function translateDynamoDbError(
  error: unknown,
  place: { readonly action: string; readonly table: string; readonly signal?: AbortSignal | undefined },
): unknown {
  if (error instanceof LakefoldError) return error;
  if (place.signal?.aborted === true) return place.signal.reason;
  const { status } = metadataOf(error);
  const name = namesOf(error)[0] ?? 'an unknown fault';
  const found = status === undefined ? name : `${status} ${name}`;
  const options = { cause: error, context: { table: place.table, fault: name, ...(status === undefined ? {} : { storeStatus: status }) } };
  if (dynamoDbFaultOf(error) === 'throttled')
    return new LakefoldError('STORE_THROTTLED', `could not ${place.action} table ${place.table}: the store asked to slow down (${found})`, options);
  return new LakefoldError('STORE_UNAVAILABLE', `could not ${place.action} table ${place.table}: ${found}`, options);
}

function metadataOf(error: unknown): { readonly status?: number; readonly attempts?: number } {
  if (!(error instanceof Error) || !('$metadata' in error)) return {};
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null) return {};
  return {
    ...('httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number' ? { status: metadata.httpStatusCode } : {}),
    ...('attempts' in metadata && typeof metadata.attempts === 'number' ? { attempts: metadata.attempts } : {}),
  };
}

/** Code and name of the error. */
function namesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  return 'code' in error && typeof error.code === 'string' ? [error.code, error.name] : [error.name];
}
