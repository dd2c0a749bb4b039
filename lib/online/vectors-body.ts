/** Answers of `…/vector` and `…/vectors` (api.md, shapes.md), without `requestId`. */
import { LakefoldError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { formatInstant, formatMillis } from '../core/time.ts';
import { formatType } from '../core/types.ts';
import { toJson } from './json-output.ts';
import type { VectorRow, Vectors } from './vectors.ts';
import type { VectorsRequest } from './vector-request.ts';
import { isShown, shownType, type FeaturePlan, type ViewPlan } from './view-plan.ts';

export interface VectorsAnswer {
  readonly plan: ViewPlan;
  readonly request: VectorsRequest;
  readonly vectors: Vectors;
}

/** Body of `…/vectors`: members by entry. */
export function vectorsBody(answer: VectorsAnswer): JsonObject {
  const shown = shownFeatures(answer);
  const { rows } = answer.vectors;
  return {
    featureView: { ...answer.plan.view },
    features: rows.map((row) => featuresJson(answer, row, shown)),
    status: rows.map((row) => row.status),
    metadata: metadataJson(answer, shown, (part) => rows.map(part)),
    timings: timingsJson(answer.vectors),
  };
}

/**
 * Body of `…/vector`: the same of its one entry.
 * @throws LakefoldError FEATURE_VECTOR_INCOMPLETE when something is missing and `allowMissing` is false
 */
export function vectorBody(answer: VectorsAnswer): JsonObject {
  const shown = shownFeatures(answer);
  const [row] = answer.vectors.rows;
  if (row === undefined) throw new LakefoldError('INTERNAL', 'expected one row for one entry, found none');
  if (!answer.request.options.allowMissing && row.status !== 'COMPLETE') throw incomplete(answer, row, shown);
  return {
    featureView: { ...answer.plan.view },
    features: featuresJson(answer, row, shown),
    status: row.status,
    metadata: metadataJson(answer, shown, (part) => part(row)),
    timings: timingsJson(answer.vectors),
  };
}

/** Value of the header `x-lakefold-watermark`: `airport_delays/1=42, route_delays/1=17; age=0.8` (seconds). */
export function watermarkHeader(vectors: Vectors): string {
  const versions = vectors.watermarks.flatMap(({ featureGroup, watermark }) => (watermark === undefined ? [] : [`${featureGroup}=${watermark.version}`]));
  return [...(versions.length === 0 ? [] : [versions.join(', ')]), `age=${Math.round(vectors.watermarkAgeMillis / 100) / 10}`].join('; ');
}

interface ShownFeature {
  readonly position: number;
  readonly feature: FeaturePlan;
}

/** S2. */
function shownFeatures({ plan, request }: VectorsAnswer): readonly ShownFeature[] {
  return plan.features.map((feature, position) => ({ feature, position })).filter(({ feature }) => isShown(feature, request.options.includeHelpers));
}

function featuresJson({ request }: VectorsAnswer, row: VectorRow, shown: readonly ShownFeature[]): Json {
  const { bigintAs, format } = request.options;
  const values = shown.map(({ feature, position }) => toJson(shownType(feature), row.values[position] ?? null, { bigintAs }));
  return format === 'arrays' ? values : Object.fromEntries(shown.map(({ feature }, i) => [feature.name, values[i] ?? null]));
}

type PerRow = (part: (row: VectorRow) => Json) => Json;

/** Null when no part is asked for; parts not asked for are absent. */
function metadataJson({ request, vectors }: VectorsAnswer, shown: readonly ShownFeature[], perRow: PerRow): Json {
  const { names, types, statuses, eventTimes, versions, watermarks } = request.metadata;
  if (!(names || types || statuses || eventTimes || versions || watermarks)) return null;
  return {
    ...(names || types || versions ? { features: shown.map(({ feature }) => featureJson(feature, { types, versions: names || versions })) } : {}),
    ...(statuses ? { statuses: perRow((row) => shown.map(({ position }) => row.statuses[position] ?? 'ERROR')) } : {}),
    ...(eventTimes ? { eventTimes: perRow((row) => shown.map(({ position }) => instantJson(row.eventTimes[position]))) } : {}),
    ...(watermarks ? { watermarks: watermarksJson(vectors) } : {}),
  };
}

function featureJson(feature: FeaturePlan, parts: { readonly types: boolean; readonly versions: boolean }): JsonObject {
  return {
    name: feature.name,
    ...(parts.types ? { type: feature.transform === undefined ? feature.typeName : formatType(feature.transform.type) } : {}),
    ...(parts.versions ? { featureGroup: feature.group?.name ?? null, version: feature.group?.version ?? null } : {}),
  };
}

function instantJson(micros: bigint | undefined): Json {
  return micros === undefined ? null : formatInstant(micros);
}

function watermarksJson(vectors: Vectors): JsonObject {
  return Object.fromEntries(
    vectors.watermarks.map(({ featureGroup, watermark }) => [
      featureGroup,
      watermark === undefined ? null : { version: watermark.version, committedAt: formatMillis(watermark.committedAt) },
    ]),
  );
}

function timingsJson({ timings }: Vectors): JsonObject {
  return { totalMs: tenths(timings.totalMs), storeMs: tenths(timings.storeMs), storeRequests: timings.storeRequests };
}

function tenths(millis: number): number {
  return Math.round(millis * 10) / 10;
}

function incomplete({ plan }: VectorsAnswer, row: VectorRow, shown: readonly ShownFeature[]): LakefoldError {
  const missing = shown.filter(({ position }) => ['NOT_FOUND', 'EXPIRED', 'ERROR'].includes(row.statuses[position] ?? 'ERROR'));
  const errors = missing.map(({ feature, position }) => ({
    entry: 0,
    feature: feature.name,
    code: row.statuses[position] ?? 'ERROR',
    message: `${feature.name} is ${row.statuses[position] ?? 'ERROR'}`,
  }));
  return new LakefoldError(
    'FEATURE_VECTOR_INCOMPLETE',
    `expected every feature of ${plan.view.name}/${plan.view.version}, found ${missing.map(({ feature }) => feature.name).join(', ')} missing`,
    { errors },
  );
}
