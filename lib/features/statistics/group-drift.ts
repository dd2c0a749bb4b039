/** `POST …/drift`: the samples it names, and what became of the features between them. */
import type { Batch } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { joinPath } from '../../core/path.ts';
import { type Column, parseType } from '../../core/types.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { bytesSource } from '../../ports/table-codec.ts';
import type { OpenGroup } from '../open-group.ts';
import { parseRows } from '../ingest/parse-rows.ts';
import { readGroup } from '../history/read-rows.ts';
import type { GroupRef } from '../ingest/receipt.ts';
import { datasetDirectory } from '../training/dataset-files.ts';
import { readManifest } from '../training/stored-manifest.ts';
import { rangeRows } from './commit-statistics.ts';
import { detectDrift, type DriftReport, type DriftRequest, type DriftSample } from './drift.ts';
import type { StatisticsRequest } from './group-statistics.ts';

/** The rows of a training dataset's split; of the only one where none is named. */
export interface DatasetSample {
  readonly featureView: GroupRef;
  readonly trainingDataset: number;
  readonly split?: string | undefined;
}

export type SampleRequest = StatisticsRequest | DatasetSample;

export interface GroupDriftRequest extends Omit<DriftRequest, 'target' | 'reference'> {
  readonly target: SampleRequest;
  readonly reference: SampleRequest;
}

/** @throws LakefoldError UNKNOWN_FEATURE, INVALID_ARGUMENT, NO_SUCH_COMMIT, HISTORY_EXPIRED, UNKNOWN_TRAINING_DATASET, UNSUPPORTED_OPERATION */
export async function groupDrift(deps: DeltaDeps, group: OpenGroup, request: GroupDriftRequest): Promise<DriftReport> {
  const [target, reference] = [await sampleOf(deps, group, request.target), await sampleOf(deps, group, request.reference)];
  return detectDrift({ ...request, target, reference });
}

async function sampleOf(deps: DeltaDeps, group: OpenGroup, request: SampleRequest): Promise<DriftSample> {
  if ('featureView' in request) return datasetSample(deps, group, request);
  if (request.basis === 'commits') {
    const { from, to } = request;
    const columnsOf = (names: readonly string[]): readonly Column[] => group.features.filter(({ name }) => names.includes(name));
    return { columns: group.features, read: (names) => rangeRows(deps, group, { from, to, columns: columnsOf(names) }) };
  }
  const { version, startTime, endTime, signal } = request;
  const read = async function* (names: readonly string[]): AsyncIterable<Batch> {
    const { rows } = await readGroup(deps, group, {
      features: names,
      ...(version === undefined ? {} : { asOf: { version } }),
      ...(startTime === undefined ? {} : { startTime }),
      ...(endTime === undefined ? {} : { endTime }),
      ...(signal === undefined ? {} : { signal }),
    });
    yield* rows;
  };
  return { columns: group.features, read };
}

interface DatasetColumnOf {
  readonly column: Column;
  /** The group's feature it holds, if it is one. */
  readonly feature: string | undefined;
}

async function datasetSample(deps: DeltaDeps, group: OpenGroup, request: DatasetSample): Promise<DriftSample> {
  const at = { project: group.project, view: request.featureView, number: String(request.trainingDataset) };
  const manifest = await readManifest(deps, at);
  const stored = listOf(manifest, 'schema').flatMap((entry) => storedColumn(group, entry));
  const named = namedColumns(stored);
  const path = splitFile(manifest, request.split);
  const read = async function* (names: readonly string[]): AsyncIterable<Batch> {
    const bytes = (await deps.store.get(joinPath(datasetDirectory(at.project, at.view), at.number, path)))?.bytes;
    if (bytes === undefined)
      throw new LakefoldError('FILE_MISSING', `expected ${path} of training dataset ${at.number}, found nothing there`, { context: { path } });
    const all = stored.map(({ column }) => column);
    for await (const batch of rowsOfFile(deps, bytes, { path, columns: all })) {
      const chosen = names.flatMap((name) => {
        const source = named.get(name);
        const vector = batch.vectors[batch.columns.findIndex((column) => column.name === source?.name)];
        return source === undefined || vector === undefined ? [] : [{ column: { ...source, name }, vector }];
      });
      yield { columns: chosen.map(({ column }) => column), vectors: chosen.map(({ vector }) => vector), rowCount: batch.rowCount };
    }
  };
  return { columns: [...named].map(([name, column]) => ({ ...column, name })), read };
}

function storedColumn(group: OpenGroup, { name, type, featureGroup, version, feature }: JsonObject): readonly DatasetColumnOf[] {
  if (typeof name !== 'string' || typeof type !== 'string') return [];
  const isOfGroup = featureGroup === group.definition.name && version === group.definition.version && typeof feature === 'string';
  return [{ column: { name, type: parseType(type), nullable: true }, feature: isOfGroup ? feature : undefined }];
}

// A column goes by its own name, and by that of the group's feature where no other holds the same.
function namedColumns(stored: readonly DatasetColumnOf[]): ReadonlyMap<string, Column> {
  const named = new Map(stored.map(({ column }) => [column.name, column]));
  for (const { column, feature } of stored) {
    if (feature === undefined || named.has(feature) || stored.filter((other) => other.feature === feature).length > 1) continue;
    named.set(feature, column);
  }
  return named;
}

function splitFile(manifest: JsonObject, split: string | undefined): string {
  const splits = listOf(manifest, 'splits');
  const found = split === undefined ? (splits.length === 1 ? splits[0] : undefined) : splits.find(({ name }) => name === split);
  const path = found === undefined ? undefined : listOf(found, 'files')[0]?.['path'];
  if (typeof path === 'string') return path;
  throw new LakefoldError(
    'INVALID_ARGUMENT',
    `expected one of the splits ${splits.map(({ name }) => JSON.stringify(name)).join(', ')}, found ${split === undefined ? 'none' : JSON.stringify(split)}`,
    { context: { field: 'split' } },
  );
}

async function* rowsOfFile(
  deps: DeltaDeps,
  bytes: Uint8Array,
  { path, columns }: { readonly path: string; readonly columns: readonly Column[] },
): AsyncIterable<Batch> {
  const format = /[^.]*$/.exec(path)?.[0] ?? '';
  switch (format) {
    case 'parquet':
      for await (const { batch } of deps.codec.decode(bytesSource(bytes), { columns })) yield batch;
      return;
    case 'ndjson':
    case 'csv':
      yield (await parseRows(deps, { format, body: bytes }, { columns })).batch;
      return;
    default:
      throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a training dataset in parquet, ndjson or csv as a sample, found ${format}`, {
        context: { format },
      });
  }
}

function listOf(json: JsonObject, member: string): readonly JsonObject[] {
  const value = json[member];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
