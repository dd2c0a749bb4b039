/** Features of many rows to predict for, as training files have them: spine columns without labels, then features (T2, P18). */
import { type Batch, concatBatches, findVector } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';
import { parseFittedTransforms } from '../../online/transformed-views.ts';
import { buildRows, type TrainingDeps } from './build-rows.ts';
import { pinGroups } from './join-plan.ts';
import { parseTrainingRequest, type TrainingRequest } from './request.ts';
import { readSpine, type Spine, spineGroup } from './spine.ts';
import { readManifest } from './stored-manifest.ts';

export interface BatchRequest {
  readonly rows: TrainingRequest;
  /** Number of the set whose transforms are applied. */
  readonly trainingDataset: number | null;
}

const MEMBERS = ['startTime', 'endTime', 'spine', 'trainingDataset', 'asOfTime', 'pins'];

/** @throws LakefoldError UNKNOWN_FIELD, INVALID_ARGUMENT naming the member */
export function parseBatchRequest(body: JsonObject): BatchRequest {
  const { trainingDataset = null, ...rows } = body;
  const unknown = Object.keys(rows).find((key) => !MEMBERS.includes(key));
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected one of ${MEMBERS.join(', ')}, found ${JSON.stringify(unknown)}`, { context: { field: unknown } });
  if (trainingDataset !== null && (typeof trainingDataset !== 'number' || !Number.isSafeInteger(trainingDataset) || trainingDataset < 1))
    throw new LakefoldError('INVALID_ARGUMENT', `expected the number of a training dataset in trainingDataset, found ${JSON.stringify(trainingDataset)}`, {
      context: { field: 'trainingDataset' },
    });
  return { trainingDataset, rows: parseTrainingRequest(rows) };
}

/**
 * A row that brings a label time is answered as of it, any other as of `asOfTime` or now.
 * @throws LakefoldError INVALID_SPINE, UNSUPPORTED_OPERATION for a view without root, UNKNOWN_TRAINING_DATASET, ON_DEMAND_FAILED, FUNCTION_MISMATCH, NO_SUCH_COMMIT, HISTORY_EXPIRED
 */
export async function batchData(
  deps: TrainingDeps,
  input: { readonly project: string; readonly view: FeatureViewDefinition; readonly request: BatchRequest },
  options: RequestOptions = {},
): Promise<Batch> {
  const { project, request } = input;
  const set = request.trainingDataset === null ? undefined : await readManifest(deps, { project, view: input.view, number: String(request.trainingDataset) });
  const transforms = set === undefined ? 'none' : parseFittedTransforms(set['transforms']);
  const view = forPrediction(input.view, request.rows);
  const { asOfTime } = request.rows;
  const pinned = await pinGroups(view, { pins: request.rows.pins, asOfTime, rowsFrom: spineGroup(view, request.rows) }, deps.openGroup);
  const read = await readSpine({ ...deps, pinned, project }, view, request.rows, { missingLabel: asOfTime ?? deps.clock.nowMicros() });
  const spine = without(read, input.view.labels);
  const { splits } = await buildRows(deps, { view, request: request.rows, spine, pinned, transforms }, options);
  const batch = concatBatches(
    splits[0]?.batch.columns ?? [],
    splits.map((split) => split.batch),
  );
  const kept = batch.columns.filter(({ name }) => !input.view.trainingHelpers.includes(name));
  return withColumns(batch, kept);
}

/** Nobody knows a label yet, and a row may leave its label time to us; a group's rows are read without both. */
function forPrediction(view: FeatureViewDefinition, { spine }: TrainingRequest): FeatureViewDefinition {
  const optional = new Set([...view.labels, ...view.trainingHelpers]);
  const columns = view.spine.map((column) => ({ ...column, nullable: column.nullable || optional.has(column.name) || column.name === view.labelTime }));
  const isOfGroup = spine.kind === 'root' || spine.kind === 'featureGroup';
  return { ...view, spine: isOfGroup ? columns.filter(({ name }) => !optional.has(name)) : columns, labels: [] };
}

function without(spine: Spine, names: readonly string[]): Spine {
  return {
    ...spine,
    batch: withColumns(
      spine.batch,
      spine.batch.columns.filter(({ name }) => !names.includes(name)),
    ),
  };
}

function withColumns(batch: Batch, columns: Batch['columns']): Batch {
  return { ...batch, columns, vectors: columns.flatMap(({ name }) => findVector(batch, name) ?? []) };
}
