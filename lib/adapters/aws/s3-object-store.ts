/** Objects in S3, or in what speaks its protocol and honours `If-None-Match: *`. */
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, S3ClientConfig } from '@aws-sdk/client-s3';
import { resolveByteRange } from '../../core/byte-range.ts';
import { isObjectPath, objectPath } from '../../core/path.ts';
import type { ObjectPath } from '../../core/path.ts';
import { epochMillis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  ByteRange,
  CreateOptions,
  CreateOutcome,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  ReplaceOutcome,
  RequestOptions,
  StoredObject,
} from '../../ports/object-store.ts';
import type { Random } from '../../ports/random.ts';
import { conditionalPut } from './s3-conditional-put.ts';
import { s3FaultOf, translateS3Error } from './s3-errors.ts';
import { purgeVersions } from './s3-versions.ts';

/** Tries of what may be repeated freely. */
const ATTEMPTS_MAX = 3;
/** Time to connect, and time without a byte either way, ms. The SDK's own default is to wait for ever. */
const CONNECT_MAX_MILLIS = 3000;
const SILENCE_MAX_MILLIS = 20_000;

export interface S3ObjectStoreOptions {
  /** Sends what may be repeated; retries by itself. */
  readonly client: S3Client;
  /** Sends conditional writes; must be made with `maxAttempts: 1`. */
  readonly conditionalClient: S3Client;
  readonly bucket: string;
  /** Keys begin with it and a `/`; empty for the whole bucket. */
  readonly prefix: string;
  readonly clock: Pick<Clock, 'now' | 'monotonicMillis' | 'sleep'>;
  readonly random: Pick<Random, 'unit'>;
}

/** Makes both clients from one group of settings: region, endpoint, credentials, path style. They share their connections. */
export function createS3ObjectStore(
  options: Omit<S3ObjectStoreOptions, 'client' | 'conditionalClient'> & { readonly settings: S3ClientConfig },
): S3ObjectStore {
  const { settings, ...rest } = options;
  const requestHandler = settings.requestHandler ?? { connectionTimeout: CONNECT_MAX_MILLIS, socketTimeout: SILENCE_MAX_MILLIS };
  const client = new S3Client({ maxAttempts: ATTEMPTS_MAX, ...settings, requestHandler });
  const conditionalClient = new S3Client({ ...settings, requestHandler: client.config.requestHandler, maxAttempts: 1 });
  return new S3ObjectStore({ ...rest, client, conditionalClient });
}

/** An `ObjectStore` below a prefix of a bucket. */
export class S3ObjectStore implements ObjectStore {
  readonly location: string;
  readonly #options: S3ObjectStoreOptions;
  readonly #base: string;

  /** @throws LakefoldError PATH_OUTSIDE_TABLE when the prefix is no path */
  constructor(options: S3ObjectStoreOptions) {
    this.#options = options;
    this.#base = options.prefix === '' ? '' : `${objectPath(options.prefix)}/`;
    this.location = `s3://${options.bucket}/${this.#base}`.replace(/\/$/, '');
  }

  /** Closes idle connections; the store must not be used afterwards. */
  close(): void {
    this.#options.client.destroy();
    this.#options.conditionalClient.destroy();
  }

  async get(path: ObjectPath, options: RequestOptions & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    const { range } = options;
    const isEmpty = range !== undefined && isEmptyRange(range);
    const got = isEmpty ? 'behind the end' : await this.#calling('read', path, options, () => this.#read(path, range, options));
    if (got !== 'behind the end') return got;
    // HTTP has no empty ranges, so the facts come from a HEAD.
    const info = await this.head(path, options);
    return info === undefined ? undefined : { ...info, bytes: new Uint8Array() };
  }

  async head(path: ObjectPath, options: RequestOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#calling('look at', path, options, async () => {
      try {
        const head = await this.#options.client.send(new HeadObjectCommand(this.#object(path)), abortable(options));
        return infoOf(path, { sizeBytes: head.ContentLength, modified: head.LastModified, etag: head.ETag });
      } catch (error) {
        if (s3FaultOf(error) === 'absent') return undefined;
        throw error;
      }
    });
  }

  async createIfAbsent(path: ObjectPath, bytes: Uint8Array, options: CreateOptions): Promise<CreateOutcome> {
    const outcome = await conditionalPut(this.#options, {
      key: this.#base + path,
      bytes,
      identity: options.identity,
      ifMatch: undefined,
      signal: options.signal,
    });
    if (outcome.kind === 'written') return { kind: 'created', etag: outcome.etag };
    return outcome.kind === 'lost' ? { kind: 'exists' } : outcome;
  }

  async replaceIfMatch(path: ObjectPath, bytes: Uint8Array, options: CreateOptions & { readonly ifMatch: string }): Promise<ReplaceOutcome> {
    const outcome = await conditionalPut(this.#options, {
      key: this.#base + path,
      bytes,
      identity: options.identity,
      ifMatch: options.ifMatch,
      signal: options.signal,
    });
    if (outcome.kind === 'written') return { kind: 'replaced', etag: outcome.etag };
    return outcome.kind === 'lost' ? { kind: 'changed' } : outcome;
  }

  async overwrite(path: ObjectPath, bytes: Uint8Array, options: RequestOptions = {}): Promise<void> {
    await this.#calling('overwrite', path, options, () =>
      this.#options.client.send(new PutObjectCommand({ ...this.#object(path), Body: bytes, ContentLength: bytes.length }), abortable(options)),
    );
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    let token: string | undefined;
    do {
      const continuation = token;
      const page = await this.#calling('list', prefix, options, () =>
        this.#options.client.send(
          new ListObjectsV2Command({
            Bucket: this.#options.bucket,
            Prefix: this.#base + prefix,
            // XML cannot hold every character of a key.
            EncodingType: 'url',
            ...(options.startAfter === undefined ? {} : { StartAfter: this.#base + options.startAfter }),
            ...(continuation === undefined ? {} : { ContinuationToken: continuation }),
          }),
          abortable(options),
        ),
      );
      for (const object of page.Contents ?? []) {
        const key = decodeURIComponent((object.Key ?? '').replaceAll('+', ' '));
        const path = key.slice(this.#base.length);
        // Consoles leave empty objects for folders, whose keys end with '/'.
        if (isObjectPath(path)) yield infoOf(path, { sizeBytes: object.Size, modified: object.LastModified, etag: object.ETag });
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(path: ObjectPath, options: RequestOptions = {}): Promise<void> {
    await this.#calling('delete', path, options, () => this.#options.client.send(new DeleteObjectCommand(this.#object(path)), abortable(options)));
  }

  async purgeVersions(prefix: string, options: RequestOptions = {}): Promise<void> {
    const { client, bucket } = this.#options;
    await this.#calling('delete old versions below', prefix, options, () => purgeVersions({ client, bucket, prefix: this.#base + prefix }, options));
  }

  async #read(path: ObjectPath, range: ByteRange | undefined, options: RequestOptions): Promise<StoredObject | undefined | 'behind the end'> {
    const command = new GetObjectCommand({ ...this.#object(path), ...(range === undefined ? {} : { Range: rangeHeader(range) }) });
    for (let attempt = 1; ; attempt += 1) {
      let got: GetObjectCommandOutput;
      try {
        got = await this.#options.client.send(command, abortable(options));
      } catch (error) {
        const fault = s3FaultOf(error);
        if (fault === 'absent') return undefined;
        if (fault === 'range') return 'behind the end';
        throw error;
      }
      try {
        const bytes = (await got.Body?.transformToByteArray()) ?? new Uint8Array();
        const whole = /\/(\d+)$/.exec(got.ContentRange ?? '')?.[1];
        return { ...infoOf(path, { sizeBytes: whole === undefined ? got.ContentLength : Number(whole), modified: got.LastModified, etag: got.ETag }), bytes };
      } catch (error) {
        // The SDK's own retries end where the body begins.
        if (attempt === ATTEMPTS_MAX || options.signal?.aborted === true) throw error;
      }
    }
  }

  #object(path: ObjectPath): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#base + path };
  }

  async #calling<Result>(action: string, path: string, options: RequestOptions, run: () => Promise<Result>): Promise<Result> {
    options.signal?.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      throw translateS3Error(error, { action, where: `s3://${this.#options.bucket}/${this.#base}${path}`, signal: options.signal });
    }
  }
}

/** @throws LakefoldError INVALID_ARGUMENT for what is no range */
function isEmptyRange(range: ByteRange): boolean {
  const { start, end } = resolveByteRange(range, Number.MAX_SAFE_INTEGER);
  return start === end;
}

function rangeHeader(range: ByteRange): string {
  return 'last' in range ? `bytes=-${range.last}` : `bytes=${range.start}-${range.end - 1}`;
}

function infoOf(
  path: ObjectPath,
  facts: { readonly sizeBytes: number | undefined; readonly modified: Date | undefined; readonly etag: string | undefined },
): ObjectInfo {
  // HTTP dates are whole seconds; a listing may be finer, and one object must not have two times.
  const modifiedAt = epochMillis(Math.floor((facts.modified?.getTime() ?? 0) / 1000) * 1000);
  return { path, sizeBytes: facts.sizeBytes ?? 0, modifiedAt, etag: facts.etag ?? '' };
}

function abortable(options: RequestOptions): { abortSignal?: AbortSignal } {
  return options.signal === undefined ? {} : { abortSignal: options.signal };
}
