/** A published training dataset as it lies in the store: its manifest, and its rows in the format asked for. */
import type { Batch } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type JsonObject } from '../../lib/core/json.ts';
import { joinPath } from '../../lib/core/path.ts';
import { type Column, parseType } from '../../lib/core/types.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { datasetDirectory } from '../../lib/features/training/dataset-files.ts';
import { type DatasetAt, readManifest } from '../../lib/features/training/stored-manifest.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { acceptedFormat, mediaTypeOf, rowsBody, type RowsFormat } from '../http/media.ts';

type StoredDeps = Pick<DeltaDeps, 'store' | 'codec'>;

/**
 * The rows of one split by `Accept`; as stored where any type will do.
 * @throws LakefoldError INVALID_ARGUMENT for a split it does not have, NOT_ACCEPTABLE, FILE_MISSING
 */
export async function datasetRows(deps: StoredDeps, at: DatasetAt, request: { readonly split: string | undefined; readonly raw: Request }): Promise<Response> {
  const manifest = await readManifest(deps, at);
  const path = fileOf(manifest, request.split);
  const stored = /[^.]*$/.exec(path)?.[0] ?? '';
  const wanted = isAnyAccepted(request.raw) ? stored : acceptedFormat(request.raw);
  if (wanted !== stored && stored !== 'parquet')
    throw new LakefoldError(
      'NOT_ACCEPTABLE',
      `expected ${storedType(stored)}, which this training dataset is stored as, found ${JSON.stringify(request.raw.headers.get('accept'))}`,
    );
  const object = await deps.store.get(joinPath(datasetDirectory(at.project, at.view), at.number, path));
  if (object === undefined)
    throw new LakefoldError('FILE_MISSING', `expected ${path} of training dataset ${at.number}, found nothing there`, { context: { path } });
  const headers = { 'content-type': storedType(wanted) };
  if (!isRowsFormat(wanted) || wanted === stored) return new Response(new Uint8Array(object.bytes), { headers });
  const columns = columnsOf(manifest);
  return new Response(await rowsBody(deps.codec, { columns, batches: decoded(deps, object.bytes, columns) }, { format: wanted }), { headers });
}

/** Where the files of a split, or of all, are read without us. @throws LakefoldError UNSUPPORTED_OPERATION for a store whose addresses need a signature */
export async function datasetUrls(deps: StoredDeps, at: DatasetAt, split: string | undefined): Promise<JsonObject> {
  const manifest = await readManifest(deps, at);
  if (!deps.store.location.startsWith('file:'))
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a store of files for urls, found one at ${new URL(deps.store.location).protocol}//`, {
      context: { field: 'urls' },
    });
  const splits = split === undefined ? listOf(manifest, 'splits') : [splitNamed(manifest, split)];
  const folder = joinPath(datasetDirectory(at.project, at.view), at.number);
  return {
    urls: splits.flatMap((each) =>
      listOf(each, 'files').flatMap(({ path }) =>
        typeof path === 'string' ? [{ path, url: `${deps.store.location}/${folder}/${path}`, expiresAt: null }] : [],
      ),
    ),
  };
}

const TFRECORD_TYPE = 'application/x-tfrecord';

function isRowsFormat(format: string): format is RowsFormat {
  return ['ndjson', 'csv', 'parquet', 'arrow'].includes(format);
}

function storedType(format: string): string {
  return isRowsFormat(format) ? mediaTypeOf(format) : TFRECORD_TYPE;
}

function isAnyAccepted(request: Request): boolean {
  const accept = request.headers.get('accept')?.trim() ?? '';
  return accept === '' || accept.split(',').some((part) => ['*/*', 'application/*'].includes(part.split(';')[0]?.trim() ?? ''));
}

/** A split has one file. */
function fileOf(manifest: JsonObject, name: string | undefined): string {
  const path = listOf(splitNamed(manifest, name), 'files')[0]?.['path'];
  if (typeof path === 'string') return path;
  throw new LakefoldError('CORRUPT_STORE', 'expected a file of every split in the manifest of a training dataset, found none');
}

/** Without a name the only one: rows of several splits are never mixed. */
function splitNamed(manifest: JsonObject, name: string | undefined): JsonObject {
  const splits = listOf(manifest, 'splits');
  const chosen = name === undefined ? (splits.length === 1 ? splits[0] : undefined) : splits.find((candidate) => candidate['name'] === name);
  if (chosen !== undefined) return chosen;
  throw new LakefoldError(
    'INVALID_ARGUMENT',
    `expected one of the splits ${splits.map((candidate) => JSON.stringify(candidate['name'])).join(', ')}, found ${name === undefined ? 'none' : JSON.stringify(name)}`,
    { context: { field: 'split' } },
  );
}

function columnsOf(manifest: JsonObject): readonly Column[] {
  return listOf(manifest, 'schema').flatMap(({ name, type }) =>
    typeof name === 'string' && typeof type === 'string' ? [{ name, type: parseType(type), nullable: true }] : [],
  );
}

function listOf(json: JsonObject, member: string): readonly JsonObject[] {
  const value = json[member];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

async function* decoded(deps: StoredDeps, bytes: Uint8Array, columns: readonly Column[]): AsyncIterable<Batch> {
  for await (const { batch } of deps.codec.decode(bytesSource(bytes), { columns })) yield batch;
}
