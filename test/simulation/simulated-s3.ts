/** A bucket behind S3's protocol as the SDK shows it: what the production adapter is put on. */
import type { S3Client } from '@aws-sdk/client-s3';
import { S3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { Random } from '../../lib/ports/random.ts';
import type { Stored } from './bucket.ts';
import { countFault, type NetworkFault, type Process, request } from './network.ts';

/** Tries of the SDK where it retries by itself. */
const SDK_ATTEMPTS = 3;

interface SentCommand {
  readonly verb: 'PUT' | 'GET' | 'HEAD' | 'DELETE' | 'LIST';
  readonly input: Readonly<Record<string, unknown>>;
}

class S3Fault extends Error {
  readonly $metadata: { readonly httpStatusCode?: number };

  constructor(name: string, httpStatusCode?: number) {
    super(name);
    this.name = name;
    this.$metadata = httpStatusCode === undefined ? {} : { httpStatusCode };
  }
}

/** The production adapter over the bucket, as one process has it. */
export function simulatedS3(process: Process, deps: { readonly clock: Clock; readonly random: Random }): ObjectStore {
  const once = { send: (command: SentCommand) => send(process, command), destroy: () => undefined };
  const retrying = { send: (command: SentCommand) => sendWithRetries(process, command, deps.clock), destroy: () => undefined };
  return new S3ObjectStore({
    client: retrying as unknown as S3Client,
    conditionalClient: once as unknown as S3Client,
    bucket: 'b',
    prefix: '',
    ...deps,
  });
}

async function sendWithRetries(process: Process, command: SentCommand, clock: Clock): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send(process, command);
    } catch (error) {
      const status = error instanceof S3Fault ? (error.$metadata.httpStatusCode ?? 500) : 500;
      if (attempt === SDK_ATTEMPTS || status < 500) throw error;
      await clock.sleep(100 * 2 ** attempt * process.world.dice.unit());
    }
  }
}

function send(process: Process, { verb, input }: SentCommand): Promise<unknown> {
  const { bucket, knobs } = process.world;
  const path = String(input['Key'] ?? input['Prefix']);
  const attempt = process.attempt;
  const base = { verb, path, errorOf: (fault: NetworkFault) => errorOf(process, fault) };
  switch (verb) {
    case 'PUT':
      return request(process, {
        ...base,
        isConditional: input['IfNoneMatch'] === '*' || input['IfMatch'] !== undefined,
        apply: () => {
          const metadata = input['Metadata'] as Readonly<Record<string, string>> | undefined;
          const object = { bytes: input['Body'] as Uint8Array, identity: metadata?.['lakefold-identity'] };
          if (input['IfMatch'] !== undefined && found(bucket.objects.get(path)).etag !== input['IfMatch']) throw new S3Fault('PreconditionFailed', 412);
          if (input['IfNoneMatch'] !== '*') return { ETag: bucket.overwrite(path, object, attempt).etag };
          const { isNew, stored } = bucket.create(path, object, attempt);
          if (!isNew) throw new S3Fault('PreconditionFailed', 412);
          return { ETag: stored.etag };
        },
      });
    case 'GET':
      return request(process, {
        ...base,
        apply: () => {
          const stored = found(bucket.objects.get(path));
          if (input['IfMatch'] !== undefined && stored.etag !== input['IfMatch']) throw new S3Fault('PreconditionFailed', 412);
          return bodyOf(process, stored, input['Range'] as string | undefined);
        },
      });
    case 'HEAD':
      return request(process, {
        ...base,
        apply: () => {
          const stored = found(bucket.objects.get(path));
          return { ...factsOf(stored), Metadata: stored.identity === undefined ? {} : { 'lakefold-identity': stored.identity } };
        },
      });
    case 'DELETE':
      return request(process, { ...base, apply: () => bucket.delete(path, attempt) });
    case 'LIST':
      return request(process, {
        ...base,
        apply: () => {
          const after = (input['ContinuationToken'] ?? input['StartAfter']) as string | undefined;
          const { keys, isTruncated } = bucket.page(path, after, knobs.pageSize);
          if (isTruncated) countFault(process.world, 'page');
          const Contents = keys.map((key) => {
            const stored = found(bucket.objects.get(key));
            return { Key: key, Size: stored.bytes.length, LastModified: new Date(stored.modifiedAt), ETag: stored.etag };
          });
          return { Contents, IsTruncated: isTruncated, NextContinuationToken: keys.at(-1) };
        },
      });
  }
}

function found(stored: Stored | undefined): Stored {
  if (stored === undefined) throw new S3Fault('NoSuchKey', 404);
  return stored;
}

function factsOf(stored: Stored): { readonly ContentLength: number; readonly LastModified: Date; readonly ETag: string } {
  return { ContentLength: stored.bytes.length, LastModified: new Date(stored.modifiedAt), ETag: stored.etag };
}

function bodyOf(process: Process, stored: Stored, range: string | undefined): object {
  const total = stored.bytes.length;
  const [, from, to] = range === undefined ? [] : (/^bytes=(\d*)-(\d*)$/.exec(range) ?? []);
  const start = range === undefined ? 0 : from === '' ? Math.max(0, total - Number(to)) : Number(from);
  const end = range === undefined || from === '' || to === '' ? total : Math.min(total, Number(to) + 1);
  if (range !== undefined && start >= total) throw new S3Fault('InvalidRange', 416);
  const isCut = !process.world.isCalm && process.world.dice.chance(process.world.knobs.before / 4);
  if (isCut) countFault(process.world, 'body');
  const transformToByteArray = async (): Promise<Uint8Array> => {
    if (isCut) throw new S3Fault('aborted');
    return stored.bytes.subarray(start, end);
  };
  return {
    ...factsOf(stored),
    ContentLength: end - start,
    ...(range === undefined ? {} : { ContentRange: `bytes ${start}-${end - 1}/${total}` }),
    Body: { transformToByteArray },
  };
}

function errorOf(process: Process, fault: NetworkFault): S3Fault {
  switch (fault) {
    case 'unsent':
      return new S3Fault('ECONNREFUSED');
    case 'contended':
      return new S3Fault('ConditionalRequestConflict', 409);
    case 'throttled':
      return new S3Fault('SlowDown', 503);
    case 'lost':
      return process.world.dice.chance(0.5) ? new S3Fault('TimeoutError') : new S3Fault('InternalError', 500);
  }
}
