/** A feature view as a program uses it: vectors for serving, point-in-time sets for training. */
import type { JsonObject } from '../core/json.ts';
import { formatInstant } from '../core/time.ts';
import { joinPath } from '../core/path.ts';
import { batchData, parseBatchRequest } from '../features/training/batch-data.ts';
import type { TrainingDeps } from '../features/training/build-rows.ts';
import { createTrainingDataset, type TrainingDataset } from '../features/training/create-dataset.ts';
import { datasetDirectory } from '../features/training/dataset-files.ts';
import { parseTrainingRequest } from '../features/training/request.ts';
import { type DatasetVerification, verifyTrainingDataset } from '../features/training/verify-dataset.ts';
import type { GroupRef } from '../features/ingest/receipt.ts';
import { toNative } from '../online/native-values.ts';
import type { VectorsRequest } from '../online/vector-request.ts';
import { getVectors, type VectorRow, type Vectors } from '../online/vectors.ts';
import { vectorBody } from '../online/vectors-body.ts';
import type { TransformedViews } from '../online/transformed-views.ts';
import { isShown, shownType, type ViewPlan } from '../online/view-plan.ts';
import type { WatermarkCache } from '../online/watermark-cache.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { FeatureViewState } from '../registry/definition.ts';
import { asJson, instantText, plainJson, type Where } from './native-input.ts';
import type { StoreDeps } from './open-store.ts';
import { rowBatch, type RowBatch } from './row-batch.ts';
import type { CompleteFeatures, Entry, Features, OptionalArgument, RequestParameters, SpineRow, WithParameters } from '../registry/row-types.ts';
import type { ViewName, ViewPlans } from './view-plans.ts';

export type FeatureStatus = VectorRow['statuses'][number];

export interface FeatureVector<F = Readonly<Record<string, unknown>>> {
  /** Values by feature name, in view order. */
  readonly features: F;
  readonly status: VectorRow['status'];
  readonly statuses: { readonly [Name in keyof F]: FeatureStatus };
  /** When each value became true, RFC 3339; null where no record stands behind it. */
  readonly eventTimes: { readonly [Name in keyof F]: string | null };
}

type Named = Readonly<Record<string, unknown>>;

export interface VectorOptions extends RequestOptions {
  /** False: a vector that misses something is an error, or in a batch a row status. True unless given. */
  readonly allowMissing?: boolean;
  readonly includeHelpers?: boolean;
  /** Reads strongly: what is published is seen. */
  readonly consistent?: boolean;
  /** Versions the answer must have seen, by `<group>/<version>`. */
  readonly minVersions?: Readonly<Record<string, number>>;
  /** Transforms features as in this training set of the view. */
  readonly trainingDataset?: number;
  /** How long to wait for `minVersions`, at most 5,000 ms. */
  readonly waitMs?: number;
}

type GivenParameters<V, Given> = WithParameters<V, VectorOptions, Given>;
type LookupOptions<V> = OptionalArgument<V, GivenParameters<V, RequestParameters<V>>>;
type BatchOptions<V> = OptionalArgument<V, GivenParameters<V, RequestParameters<V> | readonly RequestParameters<V>[]>>;

/** Nothing may be missing, so that nothing missing is in the type. */
interface Complete {
  readonly allowMissing: false;
}

/** Where a training set's rows come from; left out, the view's root. */
export type SpineInput<V> =
  | { readonly rows: readonly SpineRow<V>[] }
  | { readonly source: string; readonly format?: 'parquet' | 'csv' | 'ndjson' }
  | { readonly featureGroup: GroupRef; readonly startTime?: string | Date; readonly endTime?: string | Date; readonly where?: Where };

/** Named parts: by chance, whole values of `by` or strata of `stratify` at a time; or by label times `[start, end)`. */
export type SplitInput =
  | {
      readonly type: 'random';
      /** They sum to 1. */
      readonly fractions: Readonly<Record<string, number>>;
      readonly by?: string | null;
      readonly stratify?: string | null;
      readonly seed?: number;
    }
  | { readonly type: 'time'; readonly boundaries: Readonly<Record<string, readonly [start: string | Date, end: string | Date]>> };

export interface TrainingDatasetInput<V> {
  readonly spine?: SpineInput<V>;
  /** Of the root's rows, event times from here on. */
  readonly startTime?: string | Date;
  /** Of the root's rows, event times before this. */
  readonly endTime?: string | Date;
  /** Another column than the view's. */
  readonly labelTime?: string;
  /** Commit versions by `<group>/<version>`; the newest where none is named. */
  readonly pins?: Readonly<Record<string, number>>;
  readonly onInvalidRow?: 'error' | 'null';
  readonly onFunctionError?: 'error' | 'null';
  readonly dropMissing?: boolean;
  /** Over finished rows: those for which it is not true are left out and counted. */
  readonly where?: Where;
  readonly diagnostics?: boolean;
  /** Fits and applies the view's transforms; true unless given. */
  readonly transform?: boolean;
  readonly format?: 'parquet' | 'csv' | 'arrow' | 'tfrecord' | 'ndjson';
  readonly split?: SplitInput;
  readonly description?: string;
}

/** Rows to predict for; left out, those of the view's root over `[startTime, endTime)`. */
export interface BatchDataInput<V> {
  /** Labels and the label time may be left out of its rows. */
  readonly spine?: SpineInput<V> | { readonly rows: readonly Partial<SpineRow<V>>[] };
  readonly startTime?: string | Date;
  readonly endTime?: string | Date;
  /** Transforms features as in this training set. */
  readonly trainingDataset?: number;
  /** The groups as they stood then, and the time of rows that bring none. */
  readonly asOfTime?: string | Date;
  readonly pins?: Readonly<Record<string, number>>;
}

/** A training set and where its files are. */
export interface CreatedTrainingDataset extends TrainingDataset {
  /** URL of the folder that `splits[].files[].path` start from. */
  readonly location: string;
}

export interface ViewServing {
  readonly plans: ViewPlans;
  readonly transformed: TransformedViews;
  readonly watermarks: WatermarkCache;
}

export class FeatureViewHandle<V = unknown> {
  readonly #deps: StoreDeps;
  readonly #serving: ViewServing;
  readonly #name: () => Promise<ViewName>;

  constructor(deps: StoreDeps, serving: ViewServing, name: () => Promise<ViewName>) {
    this.#deps = deps;
    this.#serving = serving;
    this.#name = name;
  }

  /**
   * The newest features of one entry; what is missing is null and says why.
   * @throws LakefoldError UNKNOWN_ENTRY_KEY, MISSING_ENTRY_KEY, MISSING_REQUEST_PARAMETER, TYPE_MISMATCH, NOT_YET_PUBLISHED, STORE_UNAVAILABLE, FUNCTION_MISMATCH, FEATURE_VECTOR_INCOMPLETE
   */
  getFeatureVector(entry: Entry<V>, options: GivenParameters<V, RequestParameters<V>> & Complete): Promise<FeatureVector<CompleteFeatures<V>>>;
  getFeatureVector(entry: Entry<V>, ...options: LookupOptions<V>): Promise<FeatureVector<Features<V>>>;
  /** Keys of a join all of whose features are passed need not be given. */
  getFeatureVector(
    entry: Partial<Entry<V>>,
    options: GivenParameters<V, RequestParameters<V>> & { readonly passedFeatures: Partial<Features<V>> },
  ): Promise<FeatureVector<Features<V>>>;
  async getFeatureVector(entry: unknown, ...given: readonly unknown[]): Promise<unknown> {
    // As the signatures above say; which of them holds follows from `V`.
    const options = (given[0] ?? {}) as VectorOptions & { readonly requestParameters?: Named; readonly passedFeatures?: Named };
    const { requestParameters, passedFeatures } = options;
    const request = vectorsRequest([entry as Named], {
      options,
      requestParameters: requestParameters === undefined ? [] : [requestParameters],
      passedFeatures: passedFeatures === undefined ? [] : [passedFeatures],
    });
    const { plan, vectors } = await this.#lookUp(request, options);
    const vector = vectorsOf<V>(plan, { request, vectors })[0];
    // The body's maker refuses what is incomplete and may not be.
    if (vector === undefined || (options.allowMissing === false && vector.status !== 'COMPLETE')) vectorBody({ plan, request, vectors });
    return vector;
  }

  /** Vectors aligned with `entries`, duplicates and unknown entities included. @throws LakefoldError as `getFeatureVector`, LIMIT_EXCEEDED */
  getFeatureVectors(entries: readonly Entry<V>[], ...options: BatchOptions<V>): Promise<readonly FeatureVector<Features<V>>[]>;
  /** Keys of a join all of whose features are passed need not be given. */
  getFeatureVectors(
    entries: readonly Partial<Entry<V>>[],
    options: GivenParameters<V, RequestParameters<V> | readonly RequestParameters<V>[]> & { readonly passedFeatures: readonly Partial<Features<V>>[] },
  ): Promise<readonly FeatureVector<Features<V>>[]>;
  async getFeatureVectors(entries: unknown, ...given: readonly unknown[]): Promise<readonly FeatureVector<Features<V>>[]> {
    const options = (given[0] ?? {}) as VectorOptions & {
      readonly requestParameters?: Named | readonly Named[];
      readonly passedFeatures?: readonly Named[];
    };
    const { requestParameters = [], passedFeatures = [] } = options;
    const request = vectorsRequest(entries as readonly Named[], {
      options,
      requestParameters: isList(requestParameters) ? requestParameters : [requestParameters],
      passedFeatures,
    });
    const { plan, vectors } = await this.#lookUp(request, options);
    return vectorsOf<V>(plan, { request, vectors });
  }

  /**
   * What was true at each spine row's label time, pinned to commits, hashed, immutable.
   * @throws LakefoldError INVALID_SPINE, INVALID_LABEL_TIME, ON_DEMAND_FAILED, FUNCTION_MISMATCH, NO_SUCH_COMMIT, HISTORY_EXPIRED
   */
  async createTrainingDataset(input: TrainingDatasetInput<V> = {}, options: RequestOptions = {}): Promise<CreatedTrainingDataset> {
    const { deps, project, view } = await this.#open();
    const dataset = await createTrainingDataset(deps, { project, view, request: parseTrainingRequest(trainingBody(input)) }, options);
    return { ...dataset, location: `${deps.store.location}/${joinPath(datasetDirectory(project, view.definition), String(dataset.trainingDataset))}` };
  }

  /**
   * Builds a training set again from its pins and compares the content; changes nothing.
   * @throws LakefoldError UNKNOWN_TRAINING_DATASET
   */
  async verifyTrainingDataset(trainingDataset: number, options: RequestOptions = {}): Promise<DatasetVerification> {
    const { deps, project, view } = await this.#open();
    return verifyTrainingDataset(deps, { project, view: view.definition, number: String(trainingDataset) }, options);
  }

  /**
   * Features of rows to predict for: spine columns without labels, then features. A row with a label time is answered
   * as of it, any other as of `asOfTime` or now.
   * @throws LakefoldError INVALID_SPINE, UNKNOWN_TRAINING_DATASET, ON_DEMAND_FAILED, FUNCTION_MISMATCH, NO_SUCH_COMMIT, HISTORY_EXPIRED
   */
  async getBatchData(input: BatchDataInput<V> = {}, options: RequestOptions = {}): Promise<RowBatch> {
    const { deps, project, view } = await this.#open();
    const { asOfTime, ...rows } = input;
    const body = { ...trainingBody<V>(rows), ...(asOfTime === undefined ? {} : { asOfTime: instantText(asOfTime) }) };
    return rowBatch(await batchData(deps, { project, view: view.definition, request: parseBatchRequest(body) }, options));
  }

  async #open(): Promise<{ readonly deps: TrainingDeps; readonly project: string; readonly view: FeatureViewState }> {
    const { project, name, version } = await this.#name();
    const { projects } = this.#deps;
    const deps = { ...this.#deps, openGroup: (group: string, groupVersion: number) => projects.group(project, group, groupVersion) };
    return { deps, project, view: await projects.view(project, name, version) };
  }

  async #lookUp(request: VectorsRequest, options: RequestOptions): Promise<{ readonly plan: ViewPlan; readonly vectors: Vectors }> {
    const { plans, transformed, watermarks } = this.#serving;
    const { trainingDataset } = request.options;
    const name = await this.#name();
    const look = async (fresh: boolean): Promise<{ readonly plan: ViewPlan; readonly vectors: Vectors }> => {
      const base = await plans.plan(name, { fresh });
      const plan = trainingDataset === null ? base : await transformed.plan(base, { ...name, trainingDataset });
      return {
        plan,
        vectors: await getVectors({ ...this.#deps, watermarks }, { plan, request }, options.signal === undefined ? {} : { signal: options.signal }),
      };
    };
    const found = await look(false);
    // A payload of a schema we have not heard of: the definitions moved on, so they are asked for once.
    return found.vectors.hasUnknownSchema ? look(true) : found;
  }
}

function vectorsRequest(
  entries: readonly Named[],
  given: { readonly options: VectorOptions; readonly requestParameters: readonly Named[]; readonly passedFeatures: readonly Named[] },
): VectorsRequest {
  const { options: asked, requestParameters, passedFeatures } = given;
  return {
    entries,
    requestParameters,
    passedFeatures,
    options: {
      allowMissing: asked.allowMissing ?? true,
      format: 'objects',
      bigintAs: 'number',
      includeHelpers: asked.includeHelpers ?? false,
      trainingDataset: asked.trainingDataset ?? null,
      consistent: asked.consistent ?? false,
      minVersions: asked.minVersions ?? {},
      waitMs: asked.waitMs ?? 0,
    },
    metadata: { names: false, types: false, statuses: false, eventTimes: false, versions: false, watermarks: false },
  };
}

function vectorsOf<V>(
  plan: ViewPlan,
  { request, vectors }: { readonly request: VectorsRequest; readonly vectors: Vectors },
): readonly FeatureVector<Features<V>>[] {
  const shown = plan.features.flatMap((feature, position) => (isShown(feature, request.options.includeHelpers) ? [{ feature, position }] : []));
  return vectors.rows.map((row) => {
    const byName = (part: (at: { readonly feature: ViewPlan['features'][number]; readonly position: number }) => unknown): object =>
      Object.fromEntries(shown.map((at) => [at.feature.name, part(at)]));
    const vector = {
      features: byName(({ feature, position }) => toNative(shownType(feature), row.values[position] ?? null)),
      status: row.status,
      statuses: byName(({ position }) => row.statuses[position]),
      eventTimes: byName(({ position }) => (row.eventTimes[position] === undefined ? null : formatInstant(row.eventTimes[position] ?? 0n))),
    };
    // The plan was compiled from the definition that `V` is.
    return vector as FeatureVector<Features<V>>;
  });
}

function trainingBody<V>(input: Omit<TrainingDatasetInput<V>, 'spine'> & Pick<BatchDataInput<V>, 'spine' | 'trainingDataset'>): JsonObject {
  const { spine, startTime, endTime, where, split, ...others } = input;
  const body: Record<string, JsonObject[string]> = {};
  for (const [name, value] of Object.entries(others)) if (value !== undefined) body[name] = asJson(value);
  // What the manifest shows of them is JSON.
  if (where !== undefined) body['where'] = plainJson(where);
  if (split !== undefined) body['split'] = plainJson(split);
  if (spine !== undefined) body['spine'] = spineBody(spine);
  if (startTime !== undefined) body['startTime'] = instantText(startTime);
  if (endTime !== undefined) body['endTime'] = instantText(endTime);
  return body;
}

function spineBody<V>(spine: NonNullable<BatchDataInput<V>['spine']>): JsonObject {
  if ('rows' in spine) return { rows: asJson(spine.rows) };
  if ('source' in spine) return { source: spine.source, ...(spine.format === undefined ? {} : { format: spine.format }) };
  const {
    featureGroup: { name, version },
    startTime,
    endTime,
    where,
  } = spine;
  return {
    featureGroup: { name, version },
    ...(where === undefined ? {} : { where: asJson(where) }),
    ...(startTime === undefined ? {} : { startTime: instantText(startTime) }),
    ...(endTime === undefined ? {} : { endTime: instantText(endTime) }),
  };
}

function isList(given: Named | readonly Named[]): given is readonly Named[] {
  return Array.isArray(given);
}
