/** Files that wait a day to be read by a request: larger than a request's body may be (storage.md §1 and §4, `upload/<project>`). */
import { toBase32, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import { UPLOAD_BYTES_MAX, UPLOAD_LIFETIME_MILLIS, UPLOADS_SWEPT_MAX } from '../../core/limits.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import { formatMillis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Control } from '../../ports/control.ts';
import type { ObjectStore, RequestOptions } from '../../ports/object-store.ts';
import type { Random } from '../../ports/random.ts';
import type { FileSource } from '../../ports/table-codec.ts';

export interface UploadDeps {
  readonly store: ObjectStore;
  readonly control: Control;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Upload {
  readonly uploadId: string;
  /** Bytes announced, and no more are taken. */
  readonly bytes: number;
  readonly contentType: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

const ID = /^up_[a-z2-7]{26}$/;

interface Announcement {
  readonly project: string;
  readonly bytes: number;
  readonly contentType: string;
  /** `UPLOAD_LIFETIME_MILLIS` unless given. */
  readonly lifetimeMillis?: number;
}

/**
 * Announces a file; older ones that expired are deleted on the way, `UPLOADS_SWEPT_MAX` at most.
 * @throws LakefoldError PAYLOAD_TOO_LARGE beyond `UPLOAD_BYTES_MAX`
 */
export async function announceUpload(
  deps: UploadDeps,
  { project, bytes, contentType, lifetimeMillis = UPLOAD_LIFETIME_MILLIS }: Announcement,
): Promise<Upload> {
  if (bytes > UPLOAD_BYTES_MAX)
    throw new LakefoldError('PAYLOAD_TOO_LARGE', `expected an upload of at most ${UPLOAD_BYTES_MAX} bytes, found ${bytes}`, {
      context: { limit: 'UPLOAD_BYTES_MAX', limitValue: UPLOAD_BYTES_MAX },
    });
  await sweepExpired(deps, project);
  const upload: Upload = {
    uploadId: `up_${toBase32(deps.random.bytes(16))}`,
    bytes,
    contentType,
    expiresAt: formatMillis(deps.clock.now() + lifetimeMillis),
  };
  const record = { bytes, contentType, expiresAt: deps.clock.now() + lifetimeMillis };
  await deps.control.put({ partition: partitionOf(project), sort: upload.uploadId, bytes: utf8(stringifyJson(record)) });
  return upload;
}

/** Keeps the bytes of an announced upload, all of them. Sent again, they must be the same. @throws LakefoldError INVALID_ARGUMENT, PAYLOAD_TOO_LARGE, ALREADY_EXISTS, STORE_UNAVAILABLE */
export async function keepUpload(deps: UploadDeps, at: { readonly project: string; readonly uploadId: string }, bytes: Uint8Array): Promise<void> {
  const announced = await announcedBytes(deps, at);
  if (bytes.length > announced)
    throw new LakefoldError('PAYLOAD_TOO_LARGE', `expected the ${announced} bytes announced, found ${bytes.length}`, { context: { bytesMax: announced } });
  if (bytes.length < announced) throw new LakefoldError('INVALID_ARGUMENT', `expected the ${announced} bytes announced, found ${bytes.length}: cut short?`);
  const outcome = await deps.store.createIfAbsent(pathOf(at), bytes, { identity: at.uploadId });
  if (outcome.kind === 'exists') throw new LakefoldError('ALREADY_EXISTS', `expected upload ${at.uploadId} to be sent once, found other bytes there`);
  if (outcome.kind === 'unknown')
    throw new LakefoldError('STORE_UNAVAILABLE', 'expected to store the upload, found its fate unknown', { cause: outcome.cause });
}

/** Deletes an upload before it expires; one that is not there is no fault. */
export async function dropUpload(deps: UploadDeps, at: { readonly project: string; readonly uploadId: string }): Promise<void> {
  if (!ID.test(at.uploadId)) return;
  await deps.store.delete(pathOf(at));
  await deps.control.delete(partitionOf(at.project), at.uploadId);
}

/** The file of an upload, read piece by piece. @throws LakefoldError INVALID_ARGUMENT where it is not there, expired or another project's */
export async function openUpload(
  deps: Pick<UploadDeps, 'store'>,
  at: { readonly project: string; readonly uploadId: string },
  options: RequestOptions = {},
): Promise<FileSource> {
  const path = ID.test(at.uploadId) ? pathOf(at) : undefined;
  const info = path === undefined ? undefined : await deps.store.head(path, options);
  if (path === undefined || info === undefined) throw notThere(at.uploadId);
  const read = async (range?: { readonly start: number; readonly end: number }): Promise<Uint8Array> => {
    const object = await deps.store.get(path, { ...options, ...(range === undefined ? {} : { range }) });
    if (object === undefined) throw notThere(at.uploadId);
    return object.bytes;
  };
  return { sizeBytes: info.sizeBytes, read: (start, end) => read({ start, end }), readAll: () => read() };
}

async function announcedBytes(deps: UploadDeps, { project, uploadId }: { readonly project: string; readonly uploadId: string }): Promise<number> {
  const record = ID.test(uploadId) ? await deps.control.get(partitionOf(project), uploadId, { consistent: true }) : undefined;
  const announced = record === undefined ? undefined : readRecord(record.bytes);
  if (announced === undefined || announced.expiresAt <= deps.clock.now()) throw notThere(uploadId);
  return announced.bytes;
}

function readRecord(bytes: Uint8Array): { readonly bytes: number; readonly expiresAt: number } | undefined {
  const json = parseJson(bytes);
  if (!isJsonObject(json) || typeof json['bytes'] !== 'number' || typeof json['expiresAt'] !== 'number') return undefined;
  return { bytes: json['bytes'], expiresAt: json['expiresAt'] };
}

async function sweepExpired(deps: UploadDeps, project: string): Promise<void> {
  const expired: string[] = [];
  for await (const record of deps.control.query(partitionOf(project))) {
    const announced = readRecord(record.bytes);
    if (announced === undefined || announced.expiresAt <= deps.clock.now()) expired.push(record.sort);
    if (expired.length >= UPLOADS_SWEPT_MAX) break;
  }
  // The file first: a record without one is swept again, a file without a record would stay.
  for (const uploadId of expired) {
    await dropUpload(deps, { project, uploadId });
  }
}

function partitionOf(project: string): string {
  return `upload/${project}`;
}

function pathOf({ project, uploadId }: { readonly project: string; readonly uploadId: string }): ObjectPath {
  return joinPath(project, '_uploads', uploadId, 'data');
}

function notThere(uploadId: string): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected an upload of this project that is there and has not expired, found ${JSON.stringify(uploadId)}`, {
    context: { field: 'uploadId' },
  });
}
