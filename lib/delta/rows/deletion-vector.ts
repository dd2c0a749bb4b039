/**
 * Deletion vectors: which rows of a data file are deleted, and the files that hold several of them.
 *
 * File: byte 1 (version), then for each vector int32 size, the bitmap, CRC-32 of the bitmap; the envelope is big-endian.
 */
import { fromHex, toHex } from '../../core/bytes.ts';
import { crc32 } from '../../core/crc32.ts';
import { LakefoldError } from '../../core/errors.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import type { ObjectStore, RequestOptions } from '../../ports/object-store.ts';
import type { FileSource } from '../../ports/table-codec.ts';
import type { DeletionVectorDescriptor } from '../actions/actions.ts';
import { decodeLogPath, tableLocationOf } from '../actions/file-path.ts';
import { decodeRoaring, encodeRoaring } from './roaring.ts';
import { decodeZ85, encodeZ85 } from './z85.ts';

const FILE_VERSION = 1;
const ENCODED_UUID_LENGTH = 20;

/** Identity of a vector within its table; the empty text stands for none. */
export function dvUniqueId(descriptor: DeletionVectorDescriptor | undefined): string {
  if (descriptor === undefined) return '';
  return `${descriptor.storageType}${descriptor.pathOrInlineDv}${descriptor.offset === undefined ? '' : `@${descriptor.offset}`}`;
}

/** The descriptor of a vector in `<prefix>/deletion_vector_<uuid>.bin` of the table. */
export function descriptorFor(input: {
  readonly uuid: string;
  readonly prefix: string;
  readonly offset: number;
  readonly sizeInBytes: number;
  readonly cardinality: number;
}): DeletionVectorDescriptor {
  const uuid = fromHex(input.uuid.replaceAll('-', ''));
  return {
    storageType: 'u',
    pathOrInlineDv: input.prefix + encodeZ85(uuid),
    offset: input.offset,
    sizeInBytes: input.sizeInBytes,
    cardinality: input.cardinality,
  };
}

/**
 * The object a vector lies in; inline vectors (`i`) lie in none and must not be asked for.
 *
 * `location` is the store's; only absolute descriptors need it.
 * @throws LakefoldError DELETION_VECTOR_CORRUPT when the descriptor is none, PATH_OUTSIDE_TABLE for an absolute path elsewhere
 */
export function deletionVectorPath(root: string, descriptor: DeletionVectorDescriptor, location?: string): ObjectPath {
  switch (descriptor.storageType) {
    case 'i':
      throw new LakefoldError('INTERNAL', 'an inline deletion vector has no path');
    case 'p':
      return joinPath(root, decodeLogPath(descriptor.pathOrInlineDv, location === undefined ? undefined : tableLocationOf(location, root)));
    case 'u': {
      const text = descriptor.pathOrInlineDv;
      const uuid = text.length < ENCODED_UUID_LENGTH ? undefined : decodeZ85(text.slice(-ENCODED_UUID_LENGTH));
      if (uuid === undefined) throw corrupt(descriptor, 'a prefix and 20 characters of Z85', JSON.stringify(text));
      const hex = toHex(uuid);
      const dashed = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
      return joinPath(root, text.slice(0, -ENCODED_UUID_LENGTH), `deletion_vector_${dashed}.bin`);
    }
  }
}

/** The bytes of one file with all vectors, each of ascending positions below 2^32; `offsets` and `sizes` go into the descriptors. */
export function encodeDeletionVectorFile(vectors: readonly ArrayLike<number>[]): {
  readonly bytes: Uint8Array;
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
} {
  const bitmaps = vectors.map((positions) => encodeRoaring(positions));
  const bytes = new Uint8Array(bitmaps.reduce((sum, bitmap) => sum + bitmap.length + 8, 1));
  const view = new DataView(bytes.buffer);
  bytes[0] = FILE_VERSION;
  const offsets: number[] = [];
  let at = 1;
  for (const bitmap of bitmaps) {
    offsets.push(at);
    view.setInt32(at, bitmap.length);
    bytes.set(bitmap, at + 4);
    view.setUint32(at + 4 + bitmap.length, crc32(bitmap));
    at += bitmap.length + 8;
  }
  return { bytes, offsets, sizes: bitmaps.map((bitmap) => bitmap.length) };
}

/** What is wrong with a file of deletion vectors, each of which begins where the one before ends; undefined when nothing is. */
export async function deletionVectorFileFault(file: FileSource): Promise<string | undefined> {
  const { sizeBytes } = file;
  const [version] = await file.read(0, 1);
  if (version !== FILE_VERSION) return `expected format ${FILE_VERSION} in its first byte, found ${version ?? 'no byte'}`;
  for (let at = 1; at < sizeBytes;) {
    const head = await file.read(at, Math.min(at + 4, sizeBytes));
    const size = head.length < 4 ? -1 : new DataView(head.buffer, head.byteOffset, 4).getInt32(0);
    const end = at + size + 8;
    if (size < 0 || end > sizeBytes) return `expected a deletion vector within the ${sizeBytes} bytes at ${at}, found none`;
    const body = await file.read(at + 4, end);
    const expected = new DataView(body.buffer, body.byteOffset, body.length).getUint32(size);
    const found = crc32(body.subarray(0, size));
    if (found !== expected) return `expected CRC-32 ${expected} at ${at}, found ${found}`;
    at = end;
  }
  return undefined;
}

/**
 * Deleted row positions, ascending.
 *
 * @throws LakefoldError DELETION_VECTOR_CORRUPT, FILE_MISSING, PATH_OUTSIDE_TABLE
 */
export async function readDeletionVector(
  deps: { readonly store: ObjectStore },
  root: string,
  descriptor: DeletionVectorDescriptor,
  options: RequestOptions = {},
): Promise<Uint32Array> {
  const positions = await readPositions(deps, root, descriptor, options);
  if (positions.length !== descriptor.cardinality) throw corrupt(descriptor, `${descriptor.cardinality} positions`, String(positions.length));
  return positions;
}

/** As `readDeletionVector`, however many positions the descriptor says there are. */
export async function readPositions(
  deps: { readonly store: ObjectStore },
  root: string,
  descriptor: DeletionVectorDescriptor,
  options: RequestOptions = {},
): Promise<Uint32Array> {
  const bitmap =
    descriptor.storageType === 'i'
      ? inlineBitmap(descriptor)
      : await storedBitmap(deps.store, deletionVectorPath(root, descriptor, deps.store.location), descriptor, options);
  return decodeRoaring(bitmap);
}

function inlineBitmap(descriptor: DeletionVectorDescriptor): Uint8Array {
  const bytes = decodeZ85(descriptor.pathOrInlineDv);
  if (bytes === undefined || bytes.length < descriptor.sizeInBytes)
    throw corrupt(descriptor, `${descriptor.sizeInBytes} bytes of Z85`, JSON.stringify(descriptor.pathOrInlineDv));
  return bytes.subarray(0, descriptor.sizeInBytes);
}

async function storedBitmap(store: ObjectStore, path: ObjectPath, descriptor: DeletionVectorDescriptor, options: RequestOptions): Promise<Uint8Array> {
  const start = descriptor.offset ?? 1;
  const size = descriptor.sizeInBytes;
  const object = await store.get(path, { ...options, range: { start, end: start + size + 8 } });
  if (object === undefined) throw new LakefoldError('FILE_MISSING', `expected the deletion vector ${path}, found nothing there`, { context: { path } });
  const { bytes } = object;
  if (bytes.length !== size + 8) throw corrupt(descriptor, `${size + 8} bytes from ${start} of ${path}`, String(bytes.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getInt32(0) !== size) throw corrupt(descriptor, `size ${size} at ${start} of ${path}`, String(view.getInt32(0)));
  const bitmap = bytes.subarray(4, 4 + size);
  if (view.getUint32(4 + size) !== crc32(bitmap)) throw corrupt(descriptor, `CRC-32 ${view.getUint32(4 + size)} at ${start} of ${path}`, String(crc32(bitmap)));
  return bitmap;
}

function corrupt(descriptor: DeletionVectorDescriptor, expected: string, found: string): LakefoldError {
  return new LakefoldError('DELETION_VECTOR_CORRUPT', `expected ${expected}, found ${found}`, { context: { deletionVector: dvUniqueId(descriptor) } });
}
