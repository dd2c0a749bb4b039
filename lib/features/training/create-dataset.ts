/** Builds and publishes a training dataset: commit-pinned, content-hashed, immutable (P19). */
import { type Batch, concatBatches, valueAt } from '../../core/batch.ts';
import { utf8 } from '../../core/bytes.ts';
import { hashOf } from '../../core/hash.ts';
import { canonicalJson, type JsonObject, stringifyJson } from '../../core/json.ts';
import { joinPath } from '../../core/path.ts';
import { formatMillis } from '../../core/time.ts';
import { type Column, formatType } from '../../core/types.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { pathsOf } from '../../delta/removals.ts';
import type { RelationDeps } from '../../engine/plan-relation.ts';
import type { Engine } from '../../ports/engine.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { functionOf, type FunctionTable } from '../../registry/collect-definitions.ts';
import type { FeatureViewState } from '../../registry/definition.ts';
import type { OpenGroup } from '../open-group.ts';
import type { GroupRef, Warning } from '../receipt.ts';
import { claimNumber, contentHash, datasetDirectory, type DatasetFile, describeFile, encodeRows, rowsHash, writeOnce } from './dataset-files.ts';
import { type JoinCounts, RowFinisher } from './finish-rows.ts';
import { type JoinPlan, pinGroups, planJoins, type Pin, type PinnedGroup } from './join-plan.ts';
import { joinSpine } from './join-spine.ts';
import type { TrainingRequest } from './request.ts';
import { readSpine, type Spine, type SpineDeps, spineGroup } from './spine.ts';

export interface TrainingDeps extends DeltaDeps, RelationDeps, Pick<SpineDeps, 'openSource'> {
  readonly openGroup: (name: string, version: number) => Promise<OpenGroup>;
  readonly engine: Engine;
  /** On-demand functions of the definitions module. */
  readonly functions: FunctionTable;
}

export interface DatasetColumn {
  readonly name: string;
  readonly type: string;
  readonly role: 'spine' | 'label' | 'helper' | 'passThrough' | 'feature' | 'onDemand' | 'diagnostic';
  readonly featureGroup: string | null;
  readonly version: number | null;
  readonly feature: string | null;
}

/** `<TrainingDataset>` of shapes.md. */
export interface TrainingDataset {
  readonly featureView: GroupRef;
  readonly trainingDataset: number;
  readonly status: 'READY';
  readonly createdAt: string;
  readonly createdBy: string | null;
  readonly request: JsonObject;
  readonly erased: boolean;
  readonly pins: readonly Pin[];
  readonly functions: readonly { readonly name: string; readonly sourceHash: string }[];
  readonly transforms: readonly never[];
  readonly schema: readonly DatasetColumn[];
  readonly counts: { readonly spineRows: number; readonly rows: number; readonly dropped: number; readonly joins: readonly JoinCounts[] };
  readonly splits: readonly { readonly name: string; readonly rows: number; readonly files: readonly DatasetFile[]; readonly statistics: readonly never[] }[];
  readonly spineHash: string;
  readonly queryHash: string;
  readonly contentHash: string;
  readonly writer: string;
  readonly warnings: readonly Warning[];
}

/** @throws LakefoldError what the spine, the joins, the pins and the functions may be at fault for (P1–P20) */
export async function createTrainingDataset(
  deps: TrainingDeps,
  input: { readonly project: string; readonly view: FeatureViewState; readonly request: TrainingRequest; readonly createdBy?: string },
  options: RequestOptions = {},
): Promise<TrainingDataset> {
  const {
    view: { definition: view },
    request,
    project,
  } = input;
  const rowsFrom = spineGroup(view, request);
  const pinned = await pinGroups(view, { pins: request.pins, asOfTime: request.asOfTime, rowsFrom }, deps.openGroup);
  const spine = await readSpine({ ...deps, pinned }, view, request);
  const { joins, warnings } = await planJoins(deps, view, pinned);
  const finisher = new RowFinisher({
    view,
    spineColumns: spine.batch.columns,
    joins,
    functions: new Map(view.onDemand.map((definition) => [definition.name, functionOf(deps.functions, definition)])),
    request,
  });
  const batch = await finishedRows(deps, { spine, joins, finisher }, options);
  const counts = { spineRows: spine.batch.rowCount, rows: batch.rowCount, dropped: finisher.dropped, joins: finisher.counts() };
  const claim = await claimNumber(deps, datasetDirectory(project, view));
  await pinFiles(deps, [...pinned.values()], `${view.name}.${view.version}.${claim.number}`);
  const { bytes, extension } = await encodeRows(deps, batch, request.format);
  const path = `data/part-00000.${extension}`;
  await writeOnce(deps, joinPath(claim.directory, path), { bytes, identity: claim.identity });
  const pins = [...pinned.values()].map(({ pin }) => pin);
  const functions = view.onDemand.map(({ name, sourceHash }) => ({ name, sourceHash }));
  const dataset: TrainingDataset = {
    featureView: { name: view.name, version: view.version },
    trainingDataset: claim.number,
    status: 'READY',
    createdAt: formatMillis(deps.clock.now()),
    createdBy: input.createdBy ?? null,
    request: request.shown,
    erased: false,
    pins,
    functions,
    transforms: [],
    schema: datasetColumns({ view, spine, joins, columns: finisher.columns }),
    counts,
    splits: [{ name: 'data', rows: batch.rowCount, files: [describeFile(path, batch.rowCount, bytes)], statistics: [] }],
    spineHash: rowsHash(spine.batch),
    queryHash: hashOf(utf8(canonicalJson({ view, pins, functions, request: request.shown }))),
    contentHash: contentHash([{ name: 'data', batch }]),
    writer: deps.engineInfo,
    warnings,
  };
  await writeOnce(deps, joinPath(claim.directory, 'manifest.json'), { bytes: utf8(stringifyJson({ format: 1, ...dataset })), identity: claim.identity });
  deps.log.info('training_dataset.created', { view: `${view.name}/${view.version}`, trainingDataset: claim.number, rows: batch.rowCount });
  return dataset;
}

async function finishedRows(
  deps: TrainingDeps,
  { spine, joins, finisher }: { readonly spine: Spine; readonly joins: readonly JoinPlan[]; readonly finisher: RowFinisher },
  options: RequestOptions,
): Promise<Batch> {
  const batches: Batch[] = [];
  let offset = 0;
  for await (const joined of joinSpine(deps, { spine, joins }, options)) {
    const labels = Array.from({ length: joined.rowCount }, (_, i) => labelAt(spine, offset + i));
    batches.push(finisher.finish(joined, labels));
    offset += joined.rowCount;
  }
  return concatBatches(finisher.columns, batches);
}

function labelAt(spine: Spine, row: number): bigint | null {
  const value = valueAt(spine.labelMicros, row);
  return typeof value === 'bigint' ? value : null;
}

// What the set was read from stays readable: vacuum keeps pinned files (storage.md §1).
async function pinFiles(deps: DeltaDeps, groups: readonly PinnedGroup[], datasetId: string): Promise<void> {
  for (const { group, snapshot } of groups) {
    const prefix = `${group.table.root}/`;
    const files = [...snapshot.files.values()].flatMap((file) =>
      pathsOf(group.table.root, file, deps.store.location).map((path) => ({ path: path.slice(prefix.length), size: path.endsWith('.bin') ? null : file.size })),
    );
    const path = joinPath(group.table.root, '_lakefold/pins', `${snapshot.version}.${datasetId}.json`);
    await writeOnce(deps, path, { bytes: utf8(stringifyJson({ files })), identity: deps.random.uuid() });
  }
}

function datasetColumns(of: {
  readonly view: FeatureViewState['definition'];
  readonly spine: Spine;
  readonly joins: readonly JoinPlan[];
  readonly columns: readonly Column[];
}): readonly DatasetColumn[] {
  const features = new Map(
    of.joins.flatMap((join) =>
      join.outputs.map(
        ({ name, column }) => [name, { featureGroup: join.definition.featureGroup, version: join.definition.version, feature: column.name }] as const,
      ),
    ),
  );
  const isPassThrough = new Set(of.spine.passThrough.map((column) => column.name));
  const isFunction = new Set(of.view.onDemand.map((definition) => definition.name));
  const roleOf = (name: string): DatasetColumn['role'] => {
    if (features.has(name)) return 'feature';
    if (isFunction.has(name)) return 'onDemand';
    if (name.startsWith('_')) return 'diagnostic';
    if (of.view.labels.includes(name)) return 'label';
    if (of.view.trainingHelpers.includes(name) || of.view.inferenceHelpers.includes(name)) return 'helper';
    return isPassThrough.has(name) ? 'passThrough' : 'spine';
  };
  return of.columns.map((column) => ({
    name: column.name,
    type: formatType(column.type),
    role: roleOf(column.name),
    ...(features.get(column.name) ?? { featureGroup: null, version: null, feature: null }),
  }));
}
