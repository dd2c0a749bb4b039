/** Builds a published training set again from its pins and compares the content (P19, `td verify`). */
import { type ErrorCode, isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { hashOf } from '../../core/hash.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { joinPath } from '../../core/path.ts';
import { bytesSource } from '../../ports/table-codec.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';
import { groupName } from '../open-group.ts';
import { buildRows, type TrainingDeps } from './build-rows.ts';
import { contentHash, datasetDirectory, SPINE_FILE } from './dataset-files.ts';
import { pinGroups, type PinnedGroup } from './join-plan.ts';
import { parseTrainingRequest, type TrainingRequest } from './request.ts';
import { readSpine, spineGroup } from './spine.ts';
import { readManifest } from './stored-manifest.ts';

/** What `POST …/{n}:verify` answers. */
export interface DatasetVerification {
  readonly equal: boolean;
  readonly expected: string;
  /** Hash of the rows as they come out now; null where they can't be built, or where it is a stored file that differs. */
  readonly actual: string | null;
  readonly reason: 'CONTENT_DIFFERS' | 'HISTORY_EXPIRED' | 'FUNCTION_CHANGED' | 'ERASED' | null;
}

/** Errors that say why a set can't be built again. */
const REASONS: Partial<Record<ErrorCode, NonNullable<DatasetVerification['reason']>>> = {
  HISTORY_EXPIRED: 'HISTORY_EXPIRED',
  UNKNOWN_FEATURE_GROUP: 'HISTORY_EXPIRED',
  FUNCTION_MISMATCH: 'FUNCTION_CHANGED',
  ON_DEMAND_FAILED: 'FUNCTION_CHANGED',
};

/** Changes nothing. @throws LakefoldError UNKNOWN_TRAINING_DATASET, CORRUPT_STORE, STORE_UNAVAILABLE */
export async function verifyTrainingDataset(
  deps: TrainingDeps,
  at: { readonly project: string; readonly view: FeatureViewDefinition; readonly number: string },
  options: RequestOptions = {},
): Promise<DatasetVerification> {
  const manifest = await readManifest(deps, at);
  const expected = manifest['contentHash'];
  if (typeof expected !== 'string') throw corrupt('contentHash', expected);
  const folder = joinPath(datasetDirectory(at.project, at.view), at.number);
  if (manifest['erased'] === true) return { equal: false, expected, actual: null, reason: 'ERASED' };
  try {
    const actual = await rebuiltHash({ ...deps, openSource: () => spineFile(deps, folder) }, { manifest, view: at.view }, options);
    if (actual !== expected) return { equal: false, expected, actual, reason: 'CONTENT_DIFFERS' };
  } catch (error) {
    const reason = isLakefoldError(error) ? (error.context['reason'] === 'ERASED' ? 'ERASED' : REASONS[error.code]) : undefined;
    if (reason === undefined) throw error;
    return { equal: false, expected, actual: null, reason };
  }
  const isWhole = await areFilesWhole(deps, folder, manifest);
  return isWhole ? { equal: true, expected, actual: expected, reason: null } : { equal: false, expected, actual: null, reason: 'CONTENT_DIFFERS' };
}

async function rebuiltHash(
  deps: TrainingDeps,
  { manifest, view }: { readonly manifest: JsonObject; readonly view: FeatureViewDefinition },
  options: RequestOptions,
): Promise<string> {
  const pins = listOf(manifest['pins']);
  const request = requestOf(manifest, pins);
  const groups = await pinGroups(view, { pins: request.pins, asOfTime: request.asOfTime, rowsFrom: spineGroup(view, request) }, deps.openGroup);
  const pinned = asPinned(groups, pins);
  const spine = await readSpine({ ...deps, pinned }, view, request);
  return contentHash(
    (await buildRows(deps, { view, request, spine, pinned, transforms: request.transform ? 'fit' : 'none' }, options)).splits,
    deps.startSha256,
  );
}

/** The request as it was sent, at the versions it was answered with; rows that were left out are read from beside the set. */
function requestOf(manifest: JsonObject, pins: readonly JsonObject[]): TrainingRequest {
  const shown = manifest['request'];
  if (!isJsonObject(shown)) throw corrupt('request', shown);
  const spine = shown['spine'] ?? null;
  const isKept = isJsonObject(spine) && spine['featureGroup'] === undefined;
  return parseTrainingRequest({
    ...shown,
    ...(isKept ? { spine: { source: SPINE_FILE, format: 'parquet' } } : {}),
    pins: Object.fromEntries(pins.map((pin) => [pinnedName(pin), pin['commitVersion'] ?? null])),
  });
}

/** Settings of a group that change in place count as they were. */
function asPinned(groups: ReadonlyMap<string, PinnedGroup>, pins: readonly JsonObject[]): ReadonlyMap<string, PinnedGroup> {
  return new Map(
    [...groups].map(([name, pinned]) => {
      const pin = pins.find((each) => pinnedName(each) === name);
      const definition = { ...pinned.group.definition, ttl: textOf(pin?.['ttl']), availabilityDelay: textOf(pin?.['availabilityDelay']) };
      return [name, { ...pinned, group: { ...pinned.group, definition } }] as const;
    }),
  );
}

async function spineFile(deps: Pick<TrainingDeps, 'store'>, folder: string): Promise<ReturnType<typeof bytesSource>> {
  const path = joinPath(folder, SPINE_FILE);
  const object = await deps.store.get(path);
  if (object === undefined) throw new LakefoldError('HISTORY_EXPIRED', `expected the rows a training set was built for at ${path}, found nothing there`);
  return bytesSource(object.bytes);
}

async function areFilesWhole(deps: Pick<TrainingDeps, 'store' | 'startSha256'>, folder: string, manifest: JsonObject): Promise<boolean> {
  for (const { path, sha256 } of listOf(manifest['splits']).flatMap((split) => listOf(split['files']))) {
    const object = typeof path === 'string' ? await deps.store.get(joinPath(folder, path)) : undefined;
    if (object === undefined || hashOf(object.bytes, deps.startSha256) !== sha256) return false;
  }
  return true;
}

function listOf(json: Json | undefined): readonly JsonObject[] {
  return Array.isArray(json) ? json.filter(isJsonObject) : [];
}

function pinnedName({ featureGroup, version }: JsonObject): string {
  return groupName({ name: textOf(featureGroup) ?? '', version: Number(version) });
}

function textOf(json: Json | undefined): string | null {
  return typeof json === 'string' ? json : null;
}

function corrupt(member: string, found: Json | undefined): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `expected ${member} in the manifest of a training dataset, found ${JSON.stringify(found) ?? 'nothing'}`);
}
