/** Versions that a versioned bucket keeps behind its keys: an erasure leaves none (semantics D3, step 5). */
import { DeleteObjectsCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { LakefoldError } from '../../core/errors.ts';
import type { RequestOptions } from '../../ports/object-store.ts';

export interface VersionedKeys {
  readonly client: S3Client;
  readonly bucket: string;
  /** All keys that begin with it. */
  readonly prefix: string;
}

interface KeyVersion {
  readonly Key: string;
  readonly VersionId: string;
}

interface VersionPage {
  readonly noncurrent: readonly KeyVersion[];
  /** Marks of deleted objects that are the newest of their key. */
  readonly marks: readonly KeyVersion[];
}

/**
 * Deletes every version that is not its key's newest, then the marks of deleted objects, whose keys would still be listed. A mark goes
 * last: taken away while a version is behind it, it would bring that one back. An unversioned bucket has neither.
 * @throws LakefoldError STORE_UNAVAILABLE where a version may not be deleted; whatever the SDK rejects with
 */
export async function purgeVersions(keys: VersionedKeys, options: RequestOptions = {}): Promise<void> {
  for await (const { noncurrent } of versionPages(keys, options)) await deleteVersions(keys, noncurrent, options);
  for await (const { marks } of versionPages(keys, options)) await deleteVersions(keys, marks, options);
}

async function* versionPages({ client, bucket, prefix }: VersionedKeys, { signal }: RequestOptions): AsyncIterable<VersionPage> {
  let next: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } | undefined = {};
  while (next !== undefined) {
    signal?.throwIfAborted();
    // Keys come as the store has them: our own names need no escaping, and what we are given here is sent back as it is.
    const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...next });
    const page = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
    const versions = page.Versions ?? [];
    const marks = page.DeleteMarkers ?? [];
    yield {
      noncurrent: [...versions, ...marks].filter(({ IsLatest }) => IsLatest !== true).flatMap(named),
      marks: marks.filter(({ IsLatest }) => IsLatest === true).flatMap(named),
    };
    next =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? { KeyMarker: page.NextKeyMarker, ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }) }
        : undefined;
  }
}

function named({ Key, VersionId }: { readonly Key?: string | undefined; readonly VersionId?: string | undefined }): readonly KeyVersion[] {
  return Key === undefined || VersionId === undefined ? [] : [{ Key, VersionId }];
}

/** At most a page of them: 1,000 go in one request. */
async function deleteVersions({ client, bucket }: VersionedKeys, versions: readonly KeyVersion[], { signal }: RequestOptions): Promise<void> {
  if (versions.length === 0) return;
  const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: [...versions], Quiet: true } });
  const { Errors: faults = [] } = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
  const [first] = faults;
  if (first !== undefined)
    throw new LakefoldError(
      'STORE_UNAVAILABLE',
      `expected to delete ${versions.length} old versions of objects, ${faults.length} stay: ${first.Code ?? 'an unknown fault'}`,
      {
        context: { object: `s3://${bucket}/${first.Key ?? ''}`, fault: first.Code ?? null },
      },
    );
}
