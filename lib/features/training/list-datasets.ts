/** The published training datasets of a project or of one view, as discovery sees them. */
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, type JsonObject, parseJson } from '../../core/json.ts';
import { DATASETS_DISCOVERED_MAX, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import type { ObjectStore } from '../../ports/object-store.ts';

export interface DatasetName {
  /** View name and version. */
  readonly name: string;
  readonly version: number;
  readonly number: number;
}

export interface DatasetSummary extends DatasetName {
  readonly description: string | null;
  /** Its features as the view names them. */
  readonly features: readonly string[];
  readonly createdAt: string | null;
  /** Where its spine came from: `{ source }`, `{ featureGroup }` or null. */
  readonly spine: JsonObject | null;
}

const MANIFEST = /^([a-z][a-z0-9_]*)\/([1-9]\d*)\/([1-9]\d*)\/manifest\.json$/;

/** Names of the published ones, by view, version and number: one LIST. @throws LakefoldError LIMIT_EXCEEDED beyond `DATASETS_DISCOVERED_MAX` */
export async function listDatasetNames(deps: { readonly store: ObjectStore }, project: string): Promise<readonly DatasetName[]> {
  const folder = `${project}/training-datasets/`;
  const names: DatasetName[] = [];
  for await (const { path } of deps.store.list(folder)) {
    const [, name, version, number] = MANIFEST.exec(path.slice(folder.length)) ?? [];
    if (name === undefined) continue;
    names.push({ name, version: Number(version), number: Number(number) });
    if (names.length > DATASETS_DISCOVERED_MAX)
      throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${DATASETS_DISCOVERED_MAX} training datasets to look through, found more`, {
        context: { limit: 'DATASETS_DISCOVERED_MAX', limitValue: DATASETS_DISCOVERED_MAX },
      });
  }
  return names.toSorted((a, b) => (a.name === b.name ? a.version - b.version || a.number - b.number : a.name < b.name ? -1 : 1));
}

/** What the manifests of `names` say, a GET each; one that can't be read is left out. */
export async function readSummaries(deps: { readonly store: ObjectStore }, project: string, names: readonly DatasetName[]): Promise<readonly DatasetSummary[]> {
  const read = await mapConcurrent(names, { concurrencyMax: STORE_READ_CONCURRENCY }, async (at): Promise<DatasetSummary | undefined> => {
    const object = await deps.store.get(joinPath(project, 'training-datasets', at.name, String(at.version), String(at.number), 'manifest.json'));
    const manifest = object === undefined ? null : parseJson(object.bytes);
    return isJsonObject(manifest) ? { ...at, ...summaryOf(manifest) } : undefined;
  });
  return read.filter((summary) => summary !== undefined);
}

function summaryOf(manifest: JsonObject): Omit<DatasetSummary, keyof DatasetName> {
  const request = isJsonObject(manifest['request']) ? manifest['request'] : {};
  const { description, spine } = request;
  const schema: readonly Json[] = Array.isArray(manifest['schema']) ? manifest['schema'] : [];
  return {
    description: typeof description === 'string' ? description : null,
    features: schema.flatMap((column) => (isJsonObject(column) && column['role'] === 'feature' && typeof column['name'] === 'string' ? [column['name']] : [])),
    createdAt: typeof manifest['createdAt'] === 'string' ? manifest['createdAt'] : null,
    spine: isJsonObject(spine) ? spine : null,
  };
}
