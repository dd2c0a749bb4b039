/** Builds and publishes a training dataset: commit-pinned, content-hashed, immutable (P19). */
import { utf8 } from '../../core/bytes.ts';
import { hashOf, hashText, startPortableSha256 } from '../../core/hash.ts';
import { canonicalJson, type JsonObject, stringifyJson } from '../../core/json.ts';
import { joinPath } from '../../core/path.ts';
import { formatMillis } from '../../core/time.ts';
import { type Column, formatType } from '../../core/types.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { pathsOf } from '../../delta/write/removals.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FittedTransform } from '../../online/model-transform.ts';
import type { FeatureViewState } from '../../registry/definition.ts';
import { assertKept } from '../history/history-kept.ts';
import type { GroupRef, Warning } from '../ingest/receipt.ts';
import type { FeatureStatistics } from '../statistics/feature-statistics.ts';
import type { DatasetCounts, TrainingDeps } from './build-rows.ts';
import { claimNumber, datasetDirectory, type DatasetFile, describeFile, rowsHash, SPINE_FILE, splitLine, writeOnce } from './dataset-files.ts';
import { type JoinPlan, pinGroups, type Pin, type PinnedGroup } from './join-plan.ts';
import type { TrainingRequest } from './request.ts';
import { type SetRows, setRows } from './set-rows.ts';
import { writeTransformsCopy } from './transforms-copy.ts';
import { readSpine, type Spine, spineGroup } from './spine.ts';

export interface DatasetColumn {
  readonly name: string;
  readonly type: string;
  readonly role: 'spine' | 'label' | 'helper' | 'passThrough' | 'feature' | 'onDemand' | 'diagnostic';
  readonly featureGroup: string | null;
  readonly version: number | null;
  readonly feature: string | null;
}

export interface DatasetSplit {
  readonly name: string;
  readonly rows: number;
  readonly files: readonly DatasetFile[];
  /** Of features and labels as they stand in the files. */
  readonly statistics: readonly FeatureStatistics[];
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
  readonly transforms: readonly FittedTransform[];
  readonly schema: readonly DatasetColumn[];
  readonly counts: DatasetCounts;
  readonly splits: readonly DatasetSplit[];
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
  const spine = await readSpine({ ...deps, pinned, project }, view, request);
  const rows = await setRows(deps, { view, request, spine, pinned, transforms: request.transform ? 'fit' : 'none' }, options);
  try {
    return await publishSet(deps, { ...input, spine, pinned, rows, isSpineKept: rowsFrom === undefined }, options);
  } finally {
    await rows.close();
  }
}

interface PublishInput {
  readonly project: string;
  readonly view: FeatureViewState;
  readonly request: TrainingRequest;
  readonly createdBy?: string;
  readonly spine: Spine;
  readonly pinned: ReadonlyMap<string, PinnedGroup>;
  readonly rows: SetRows;
  /** Rows that only this request brought are kept, so that the set can be built again. */
  readonly isSpineKept: boolean;
}

async function publishSet(deps: TrainingDeps, input: PublishInput, options: RequestOptions): Promise<TrainingDataset> {
  const {
    view: { definition: view },
    request,
    project,
    spine,
    pinned,
    rows,
  } = input;
  const claim = await claimNumber(deps, datasetDirectory(project, view));
  await pinFiles(deps, [...pinned.values()], `${view.name}.${view.version}.${claim.number}`);
  if (input.isSpineKept)
    await writeOnce(deps, joinPath(claim.directory, SPINE_FILE), { bytes: spine.file ?? (await deps.codec.encode(spine.batch)), identity: claim.identity });
  const schema = datasetColumns({ view, spine, joins: rows.joins, columns: rows.columns });
  const { splits, contentHash } = await writeSplits(deps, { claim, rows, schema, request }, options);
  const pins = [...pinned.values()].map(({ pin }) => pin);
  const functions = view.onDemand.map(({ name, sourceHash }) => ({ name, sourceHash }));
  const written = splits.reduce((sum, split) => sum + split.rows, 0);
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
    transforms: rows.transforms,
    schema,
    counts: { spineRows: spine.batch.rowCount, rows: written, dropped: spine.batch.rowCount - written, joins: rows.joinCounts },
    splits,
    spineHash: rowsHash(spine.batch, deps.startSha256),
    queryHash: hashOf(utf8(canonicalJson({ view, pins, functions, request: request.shown }))),
    contentHash,
    writer: deps.engineInfo,
    warnings: rows.warnings,
  };
  // Before the set is published: whoever sees it may ask for vectors transformed by it.
  if (deps.control !== undefined) await writeTransformsCopy(deps.control, { project, ...dataset.featureView, trainingDataset: claim.number }, rows.transforms);
  await writeOnce(deps, joinPath(claim.directory, 'manifest.json'), { bytes: utf8(stringifyJson({ format: 1, ...dataset })), identity: claim.identity });
  deps.log.info('training_dataset.created', { view: `${view.name}/${view.version}`, trainingDataset: claim.number, rows: written });
  return dataset;
}

/** Columns whose statistics stand in the manifest; those of keys and times would tell rows, not features. */
const DESCRIBED: readonly DatasetColumn['role'][] = ['label', 'feature', 'onDemand'];

/** One file a split; the content is hashed on the way (P19). */
async function writeSplits(
  deps: DeltaDeps,
  of: {
    readonly claim: { readonly directory: string; readonly identity: string };
    readonly rows: SetRows;
    readonly schema: readonly DatasetColumn[];
    readonly request: TrainingRequest;
  },
  options: RequestOptions,
): Promise<{ readonly splits: readonly DatasetSplit[]; readonly contentHash: string }> {
  const { claim, rows, request } = of;
  const names = new Set(of.schema.filter(({ role }) => request.statistics && DESCRIBED.includes(role)).map(({ name }) => name));
  const described = rows.columns.filter(({ name }) => names.has(name));
  const content = (deps.startSha256 ?? startPortableSha256)();
  const splits: DatasetSplit[] = [];
  for (const { name, encode } of rows.splits) {
    const path = `${name}/part-00000.${request.format}`;
    content.update(utf8(splitLine(name)));
    const encoded = await encode({ described, onPiece: content.update, ...options });
    await writeOnce(deps, joinPath(claim.directory, path), { bytes: encoded.bytes, identity: claim.identity });
    splits.push({ name, rows: encoded.rows, files: [describeFile({ path, ...encoded }, deps.startSha256)], statistics: encoded.statistics });
  }
  return { splits, contentHash: hashText(content.digest()) };
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
    // A vacuum may have been at work before the pin stood.
    await assertKept(deps, group, snapshot);
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
