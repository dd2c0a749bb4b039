/**
 * One conditional write whose answer may be lost: nobody hears "taken" before the object was read back and compared.
 *
 * The SDK must not retry these requests: its second try of a write that landed is answered 412, which looks like a lost race.
 */
import { HeadObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { bytesEqual } from '../../core/bytes.ts';
import { ageOf, instantOf, type Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { s3FaultOf, translateS3Error } from './s3-errors.ts';

/** Requests of one write before its fate is called unknown. */
const ATTEMPTS_MAX = 10;
/** Time of one write, ms. Far below the 15 minutes for which S3 takes a signature: a writer that slept must not come back. */
const TIME_MAX_MILLIS = 30_000;
/** First and largest pause, ms, full jitter. */
const BACKOFF_MILLIS = 20;
const BACKOFF_MAX_MILLIS = 1000;

const IDENTITY_KEY = 'lakefold-identity';

export interface ConditionalPutDeps {
  /** Retries by itself: for reading back. */
  readonly client: S3Client;
  /** Made with `maxAttempts: 1`. */
  readonly conditionalClient: S3Client;
  readonly bucket: string;
  readonly clock: Pick<Clock, 'now' | 'monotonicMillis' | 'sleep'>;
  readonly random: Pick<Random, 'unit'>;
}

export interface ConditionalPut {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly identity: string;
  /** The etag to replace; undefined: the key must be free. */
  readonly ifMatch: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export type ConditionalPutOutcome =
  | { readonly kind: 'written'; readonly etag: string }
  | { readonly kind: 'lost' }
  | { readonly kind: 'unknown'; readonly cause: unknown };

/** @throws LakefoldError when no request can have been carried out: STORE_UNAVAILABLE, UNSUPPORTED_OPERATION */
export async function conditionalPut(deps: ConditionalPutDeps, put: ConditionalPut): Promise<ConditionalPutOutcome> {
  put.signal?.throwIfAborted();
  const startedAt = instantOf(deps.clock);
  let mayHaveLanded = false;
  let cause: unknown;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const answer = await send(deps, put);
    if (answer.kind === 'written') return answer;
    const fault = s3FaultOf(answer.error);
    const missing = fault === 'absent' && put.ifMatch !== undefined;
    cause = translateS3Error(answer.error, { action: 'write', where: placeOf(deps, put), signal: put.signal });
    const definite = fault === 'unsent' || fault === 'refused' || (fault === 'absent' && !missing);
    if (definite && (fault !== 'unsent' || attempt === ATTEMPTS_MAX - 1)) return giveUp(mayHaveLanded, cause);
    mayHaveLanded ||= fault === 'lost' || fault === 'throttled';
    if (fault === 'precondition' || missing || fault === 'lost' || fault === 'throttled') {
      const found = await readBack(deps, put);
      if (found.kind !== 'open') return found;
    }
    try {
      await deps.clock.sleep(deps.random.unit() * Math.min(BACKOFF_MAX_MILLIS, BACKOFF_MILLIS * 2 ** attempt), put.signal);
      // Last before the next request: the machine may have slept in the pause.
      if (ageOf(deps.clock, startedAt) > TIME_MAX_MILLIS) break;
    } catch (reason) {
      return giveUp(mayHaveLanded, reason);
    }
  }
  return { kind: 'unknown', cause };
}

function giveUp(mayHaveLanded: boolean, cause: unknown): ConditionalPutOutcome {
  if (mayHaveLanded) return { kind: 'unknown', cause };
  throw cause;
}

async function send(
  deps: ConditionalPutDeps,
  put: ConditionalPut,
): Promise<{ readonly kind: 'written'; readonly etag: string } | { readonly kind: 'failed'; readonly error: unknown }> {
  const command = new PutObjectCommand({
    Bucket: deps.bucket,
    Key: put.key,
    Body: put.bytes,
    ContentLength: put.bytes.length,
    Metadata: { [IDENTITY_KEY]: encodeURIComponent(put.identity) },
    ...(put.ifMatch === undefined ? { IfNoneMatch: '*' } : { IfMatch: put.ifMatch }),
  });
  try {
    const answer = await deps.conditionalClient.send(command, requestOptions(put));
    return { kind: 'written', etag: answer.ETag ?? '' };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** `open`: nothing of ours is there and the condition may still hold, so the same request goes again. */
async function readBack(deps: ConditionalPutDeps, put: ConditionalPut): Promise<ConditionalPutOutcome | { readonly kind: 'open' }> {
  const object = { Bucket: deps.bucket, Key: put.key };
  try {
    const head = await deps.client.send(new HeadObjectCommand(object), requestOptions(put));
    const etag = head.ETag ?? '';
    const identity = head.Metadata?.[IDENTITY_KEY];
    const sameSize = head.ContentLength === put.bytes.length;
    if (identity === encodeURIComponent(put.identity) && sameSize) return { kind: 'written', etag };
    if (put.ifMatch === etag) return { kind: 'open' };
    if (identity !== undefined || !sameSize) return { kind: 'lost' };
    // Another store's copy may have dropped the metadata; the bytes of a commit name their writer too.
    const got = await deps.client.send(new GetObjectCommand({ ...object, IfMatch: etag }), requestOptions(put));
    const bytes = await got.Body?.transformToByteArray();
    return bytes !== undefined && bytesEqual(bytes, put.bytes) ? { kind: 'written', etag } : { kind: 'lost' };
  } catch (error) {
    if (s3FaultOf(error) === 'absent') return put.ifMatch === undefined ? { kind: 'open' } : { kind: 'lost' };
    return { kind: 'unknown', cause: translateS3Error(error, { action: 'read back', where: placeOf(deps, put), signal: put.signal }) };
  }
}

function placeOf(deps: ConditionalPutDeps, put: ConditionalPut): string {
  return `s3://${deps.bucket}/${put.key}`;
}

function requestOptions(put: ConditionalPut): { abortSignal?: AbortSignal } {
  return put.signal === undefined ? {} : { abortSignal: put.signal };
}
