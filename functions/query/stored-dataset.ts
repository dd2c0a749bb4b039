/** A published training dataset as it lies in the store: its manifest, and its rows in the format asked for. */
import { type Batch, concatBatches } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../lib/core/json.ts';
import { joinPath } from '../../lib/core/path.ts';
import { type Column, parseType } from '../../lib/core/types.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { csvText, datasetDirectory } from '../../lib/features/training/dataset-files.ts';
import type { FeatureViewDefinition } from '../../lib/registry/definition.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { acceptedFormat, mediaTypeOf, ndjsonStream, started, type RowsFormat } from '../http/media.ts';

export interface DatasetAt {
  readonly project: string;
  readonly view: FeatureViewDefinition;
  /** As the path has it. */
  readonly number: string;
}

type StoredDeps = Pick<DeltaDeps, 'store' | 'codec'>;

/** The body of `GET …/training-datasets/{n}`. @throws LakefoldError UNKNOWN_TRAINING_DATASET */
export async function readManifest(deps: StoredDeps, { project, view, number }: DatasetAt): Promise<JsonObject> {
  const isNumber = /^[1-9]\d{0,8}$/.test(number);
  const object = isNumber ? await deps.store.get(joinPath(datasetDirectory(project, view), number, 'manifest.json')) : undefined;
  const manifest = object === undefined ? null : parseJson(object.bytes);
  if (!isJsonObject(manifest))
    throw new LakefoldError('UNKNOWN_TRAINING_DATASET', `expected a training dataset of ${view.name}/${view.version}, found ${JSON.stringify(number)}`, {
      context: { trainingDataset: number },
    });
  const { format: _format, ...dataset } = manifest;
  return dataset;
}

/**
 * The rows of one split by `Accept`; as stored where any type will do.
 * @throws LakefoldError INVALID_ARGUMENT for a split it does not have, NOT_ACCEPTABLE, FILE_MISSING
 */
export async function datasetRows(deps: StoredDeps, at: DatasetAt, request: { readonly split: string | undefined; readonly raw: Request }): Promise<Response> {
  const manifest = await readManifest(deps, at);
  const path = fileOf(manifest, request.split);
  const stored: RowsFormat = path.endsWith('.csv') ? 'csv' : path.endsWith('.ndjson') ? 'ndjson' : 'parquet';
  const wanted = isAnyAccepted(request.raw) ? stored : acceptedFormat(request.raw);
  if (wanted !== stored && stored !== 'parquet')
    throw new LakefoldError(
      'NOT_ACCEPTABLE',
      `expected ${mediaTypeOf(stored)}, which this training dataset is stored as, found ${JSON.stringify(request.raw.headers.get('accept'))}`,
    );
  const object = await deps.store.get(joinPath(datasetDirectory(at.project, at.view), at.number, path));
  if (object === undefined)
    throw new LakefoldError('FILE_MISSING', `expected ${path} of training dataset ${at.number}, found nothing there`, { context: { path } });
  const headers = { 'content-type': mediaTypeOf(wanted) };
  if (wanted === stored) return new Response(new Uint8Array(object.bytes), { headers });
  const columns = columnsOf(manifest);
  const rows = decoded(deps, object.bytes, columns);
  if (wanted === 'ndjson') return new Response(ndjsonStream(await started(rows)), { headers });
  const batches: Batch[] = [];
  for await (const batch of rows) batches.push(batch);
  return new Response(csvText(concatBatches(columns, batches)), { headers });
}

function isAnyAccepted(request: Request): boolean {
  const accept = request.headers.get('accept')?.trim() ?? '';
  return accept === '' || accept.split(',').some((part) => ['*/*', 'application/*'].includes(part.split(';')[0]?.trim() ?? ''));
}

function fileOf(manifest: JsonObject, split: string | undefined): string {
  const splits = listOf(manifest, 'splits');
  const chosen = split === undefined ? splits[0] : splits.find((candidate) => candidate['name'] === split);
  const path = chosen === undefined ? undefined : listOf(chosen, 'files')[0]?.['path'];
  if (typeof path === 'string') return path;
  throw new LakefoldError(
    'INVALID_ARGUMENT',
    `expected one of the splits ${splits.map((candidate) => JSON.stringify(candidate['name'])).join(', ')}, found ${JSON.stringify(split)}`,
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
