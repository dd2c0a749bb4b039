/** The manifest of a published training dataset: what every later reader knows of it. */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../core/json.ts';
import { joinPath } from '../../core/path.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { parseFittedTransforms, type TransformedViewDeps } from '../../online/transformed-views.ts';
import { datasetDirectory } from './dataset-files.ts';

export interface DatasetAt {
  readonly project: string;
  readonly view: { readonly name: string; readonly version: number };
  /** As the path has it. */
  readonly number: string;
}

/** The body of `GET …/training-datasets/{n}`. @throws LakefoldError UNKNOWN_TRAINING_DATASET */
export async function readManifest(deps: Pick<DeltaDeps, 'store'>, { project, view, number }: DatasetAt): Promise<JsonObject> {
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

/** Fitted transforms of published sets, read from their manifests. */
export function storedTransforms(deps: Pick<DeltaDeps, 'store'>): TransformedViewDeps['fittedTransforms'] {
  return async ({ project, name, version, trainingDataset }) =>
    parseFittedTransforms((await readManifest(deps, { project, view: { name, version }, number: String(trainingDataset) }))['transforms']);
}
