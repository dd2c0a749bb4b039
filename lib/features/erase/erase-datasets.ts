/**
 * Training datasets that hold rows of erased keys (semantics D3, step 6): found by reading their files, written again without the
 * rows, and flagged. Where no column tells whose a row is, the whole dataset's files go.
 */
import { type Batch, batchOfRows, concatBatches, takeRows } from '../../core/batch.ts';
import { utf8 } from '../../core/bytes.ts';
import { hashOf } from '../../core/hash.ts';
import { isJsonObject, type Json, type JsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import { type Column, parseType, type Value } from '../../core/types.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { indexIdentities } from '../../delta/snapshot/identity-index.ts';
import { parseFittedTransforms } from '../../online/transformed-views.ts';
import type { Control } from '../../ports/control.ts';
import { bytesSource } from '../../ports/table-codec.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';
import type { OpenGroup } from '../open-group.ts';
import { parseRows } from '../ingest/parse-rows.ts';
import type { GroupRef } from '../ingest/receipt.ts';
import { contentHash, describeFile, encodeRows, SPINE_FILE } from '../training/dataset-files.ts';
import { writeTransformsCopy } from '../training/transforms-copy.ts';
import { withoutLostValues } from './erase-fitted.ts';

export interface EraseDatasetsDeps extends DeltaDeps {
  /** Has a copy of what each set was fitted with. */
  readonly control: Pick<Control, 'put'>;
}

export interface ErasedDataset {
  readonly featureView: GroupRef;
  readonly trainingDataset: number;
  readonly rowsErased: number;
  readonly contentHash: string;
}

export interface DatasetErasure {
  readonly group: OpenGroup;
  readonly views: readonly FeatureViewDefinition[];
  /** Keys of whole entities and of records alike, without event times: a row that was built for the entity may show the record. */
  readonly keys: readonly (readonly Value[])[];
}

interface Stored {
  readonly directory: ObjectPath;
  readonly manifest: JsonObject;
}

/** Every published dataset that pins the group. Each is done whole before the next; a repeat finds what is left. */
export async function eraseDatasets(deps: EraseDatasetsDeps, erasure: DatasetErasure): Promise<readonly ErasedDataset[]> {
  const erased: ErasedDataset[] = [];
  const prefix = `${erasure.group.project}/training-datasets/`;
  const published = new Set<string>();
  const files: string[] = [];
  for await (const { path } of deps.store.list(prefix)) {
    if (path.endsWith('/manifest.json')) published.add(path.slice(0, -'/manifest.json'.length));
    else if (!path.endsWith('/claim.json')) files.push(path);
  }
  for (const directory of published) {
    const object = await deps.store.get(joinPath(directory, 'manifest.json'));
    const manifest = object === undefined ? null : parseJson(object.bytes);
    if (!isJsonObject(manifest) || !pinsGroup(manifest, erasure.group)) continue;
    const done = await eraseDataset(deps, { directory: joinPath(directory), manifest }, erasure);
    if (done !== undefined) erased.push(done);
  }
  // What a build of such a view left without publishing it nobody can read, and nothing tells what it holds.
  for (const path of files) {
    const [view = '', version = '', number = ''] = path.slice(prefix.length).split('/');
    if (!published.has(`${prefix}${view}/${version}/${number}`) && mayJoin(erasure, { name: view, version: Number(version) }))
      await deps.store.delete(joinPath(path));
  }
  return erased;
}

function mayJoin({ group: { definition }, views }: DatasetErasure, ref: GroupRef): boolean {
  const view = views.find(({ name, version }) => name === ref.name && version === ref.version);
  const isGroup = ({ name, version }: GroupRef): boolean => name === definition.name && version === definition.version;
  return (
    view === undefined || view.joins.some((join) => isGroup({ name: join.featureGroup, version: join.version })) || (view.root !== null && isGroup(view.root))
  );
}

function pinsGroup(manifest: JsonObject, { definition }: OpenGroup): boolean {
  return listOf(manifest, 'pins').some((pin) => pin['featureGroup'] === definition.name && pin['version'] === definition.version);
}

async function eraseDataset(deps: EraseDatasetsDeps, stored: Stored, erasure: DatasetErasure): Promise<ErasedDataset | undefined> {
  const { manifest } = stored;
  const columns = listOf(manifest, 'schema').flatMap(({ name, type }): Column[] =>
    typeof name === 'string' && typeof type === 'string' ? [{ name, type: parseType(type), nullable: true }] : [],
  );
  const keys = keyColumnsOf(manifest, columns, erasure);
  const splits: { readonly split: JsonObject; readonly path: string; readonly batch: Batch; readonly kept: Batch }[] = [];
  let isReadable = keys !== undefined;
  for (const split of listOf(manifest, 'splits')) {
    for (const { path } of listOf(split, 'files')) {
      if (typeof path !== 'string') continue;
      const batch = await readDatasetFile(deps, joinPath(stored.directory, path), columns);
      if (batch === 'absent') continue;
      if (batch === 'unknown' || keys === undefined) isReadable = false;
      else splits.push({ split, path, batch, kept: withoutKeys(batch, keys, erasure) });
    }
  }
  const rowsErased = splits.reduce((sum, { batch, kept }) => sum + batch.rowCount - kept.rowCount, 0);
  const hadSpine = await eraseSpine(deps, stored, isReadable ? erasure : undefined);
  if (!isReadable) return (await isEmptied(deps, stored)) ? undefined : emptyDataset(deps, stored, columns);
  const isNamed = hadSpine || namesKeys(manifest['request'], erasure);
  if (rowsErased === 0 && !isNamed) return undefined;
  return rewriteDataset(deps, { ...stored, manifest: isNamed ? withoutNames(manifest, erasure) : manifest }, { splits, rowsErased });
}

/**
 * The rows a set was built for go whole when one of them is of an erased key: the set will never be built again. So they do
 * without `erasure`, when nothing tells whose they are. True where there was one.
 */
async function eraseSpine(deps: DeltaDeps, { directory, manifest }: Stored, erasure: DatasetErasure | undefined): Promise<boolean> {
  const path = joinPath(directory, SPINE_FILE);
  const object = await deps.store.get(path);
  if (object === undefined) return false;
  const { columns } = await deps.codec.describe(bytesSource(object.bytes));
  const keys = erasure === undefined ? undefined : keyColumnsOf(manifest, columns, erasure);
  if (erasure !== undefined && keys !== undefined) {
    const batches: Batch[] = [];
    for await (const { batch } of deps.codec.decode(bytesSource(object.bytes), { columns })) batches.push(batch);
    const rows = concatBatches(columns, batches);
    if (withoutKeys(rows, keys, erasure).rowCount === rows.rowCount) return false;
  }
  await deps.store.delete(path);
  return true;
}

/** Whether an erasure emptied it before, its files too. */
async function isEmptied(deps: DeltaDeps, { directory, manifest }: Stored): Promise<boolean> {
  for (const split of listOf(manifest, 'splits')) {
    if (Number(split['rows']) > 0) return false;
    for (const { path, sha256 } of listOf(split, 'files')) {
      const object = typeof path === 'string' ? await deps.store.get(joinPath(directory, path)) : undefined;
      if (object !== undefined && hashOf(object.bytes, deps.startSha256) !== sha256) return false;
    }
  }
  return true;
}

/** Whether a filter of the request, say, names one of the keys. */
function namesKeys(json: Json | undefined, { keys }: DatasetErasure): boolean {
  const text = stringifyJson(json ?? null);
  return keys.some((key) => key.some((part) => typeof part === 'string' && text.includes(stringifyJson(part))));
}

function withoutNames(manifest: JsonObject, erasure: DatasetErasure): JsonObject {
  const request = manifest['request'] ?? null;
  if (!isJsonObject(request)) return manifest;
  const kept = Object.fromEntries(Object.entries(request).map(([name, value]) => [name, namesKeys(value, erasure) ? null : value]));
  return { ...manifest, request: kept };
}

/** Columns of the dataset that hold the group's key, once for each way it came there; undefined where a join's key is not shown. */
function keyColumnsOf(manifest: JsonObject, columns: readonly Column[], { group, views }: DatasetErasure): readonly (readonly string[])[] | undefined {
  const { definition } = group;
  const ref = refOf(manifest);
  const view = views.find(({ name, version }) => name === ref.name && version === ref.version);
  const has = (name: string | undefined): name is string => name !== undefined && columns.some((column) => column.name === name);
  const ways: (readonly string[])[] = [];
  if (definition.primaryKey.every(has)) ways.push(definition.primaryKey);
  if (view === undefined) return ways.length > 0 ? ways : undefined;
  for (const join of view.joins) {
    if (join.featureGroup !== definition.name || join.version !== definition.version) continue;
    const spineOf = new Map(Object.entries(join.on).map(([spine, key]) => [key, spine]));
    const names = definition.primaryKey.map((key) => spineOf.get(key) ?? key);
    if (join.via !== null || !names.every(has)) return undefined;
    ways.push(names);
  }
  return ways.length > 0 ? ways : undefined;
}

function withoutKeys(batch: Batch, ways: readonly (readonly string[])[], { group, keys }: DatasetErasure): Batch {
  const gone = new Set<number>();
  for (const names of ways) {
    const identities = names.map((name, i): Column => ({ name, type: group.keyColumns[i]?.type ?? { kind: 'string' }, nullable: true }));
    indexIdentities(batchOfRows(identities, keys), names)(batch).forEach((hit, row) => void (hit >= 0 && gone.add(row)));
  }
  if (gone.size === 0) return batch;
  return takeRows(
    batch,
    Array.from({ length: batch.rowCount }, (_, row) => row).filter((row) => !gone.has(row)),
  );
}

// The manifest first: a repeat that finds it done and a file not does the file again; the other way round it would miss the manifest.
async function rewriteDataset(
  deps: EraseDatasetsDeps,
  { directory, manifest }: Stored,
  {
    splits,
    rowsErased,
  }: { readonly splits: readonly { readonly split: JsonObject; readonly path: string; readonly kept: Batch }[]; readonly rowsErased: number },
): Promise<ErasedDataset> {
  const encoded = await Promise.all(splits.map(async ({ path, kept }) => ({ path, rows: kept.rowCount, bytes: await encodeAs(deps, path, kept) })));
  const shown = listOf(manifest, 'splits').map((split) => {
    const files = encoded.filter(({ path }) => listOf(split, 'files').some((file) => file['path'] === path));
    return {
      ...split,
      rows: sum(files, ({ rows }) => rows),
      files: files.map(({ path, rows, bytes }) => describeFile({ path, rows, bytes }, deps.startSha256)),
      statistics: [],
    };
  });
  const named = listOf(manifest, 'splits').map((split) => {
    const parts = splits.filter((part) => part.split['name'] === split['name']).map(({ kept }) => kept);
    return { name: textIn(split, 'name'), batch: concatBatches(parts[0]?.columns ?? [], parts) };
  });
  const hash = contentHash(named, deps.startSha256);
  const transforms = withoutLostValues(
    parseFittedTransforms(manifest['transforms']),
    splits.map(({ kept }) => kept),
  );
  const { featureView, trainingDataset } = refsOf(manifest);
  await writeTransformsCopy(deps.control, { project: directory.split('/')[0] ?? '', ...featureView, trainingDataset }, transforms);
  await replaceManifest(deps, directory, { ...manifest, transforms, erased: true, splits: shown, contentHash: hash, counts: countsOf(manifest, shown) });
  for (const { path, bytes } of encoded) await deps.store.overwrite(joinPath(directory, path), bytes);
  return { ...refsOf(manifest), rowsErased, contentHash: hash };
}

/** Rows that nobody can tell apart all go; the splits stay, without any. */
async function emptyDataset(deps: EraseDatasetsDeps, { directory, manifest }: Stored, columns: readonly Column[]): Promise<ErasedDataset> {
  const none = concatBatches(columns, []);
  const splits = listOf(manifest, 'splits').flatMap((split) =>
    listOf(split, 'files').flatMap(({ path }) => (typeof path === 'string' ? [{ split, path, kept: none }] : [])),
  );
  const rowsErased = sum(listOf(manifest, 'splits'), ({ rows }) => Number(rows));
  return rewriteDataset(deps, { directory, manifest }, { splits, rowsErased });
}

function countsOf(manifest: JsonObject, splits: readonly { readonly rows: number }[]): JsonObject {
  const counts = manifest['counts'];
  return { ...(isJsonObject(counts ?? null) ? (counts as JsonObject) : {}), rows: sum(splits, ({ rows }) => rows) };
}

async function replaceManifest(deps: DeltaDeps, directory: ObjectPath, manifest: object): Promise<void> {
  await deps.store.overwrite(joinPath(directory, 'manifest.json'), utf8(stringifyJson(manifest)));
}

async function readDatasetFile(deps: DeltaDeps, path: ObjectPath, columns: readonly Column[]): Promise<Batch | 'absent' | 'unknown'> {
  const object = await deps.store.get(path);
  if (object === undefined) return 'absent';
  if (path.endsWith('.parquet')) {
    const batches: Batch[] = [];
    for await (const { batch } of deps.codec.decode(bytesSource(object.bytes), { columns })) batches.push(batch);
    return concatBatches(columns, batches);
  }
  const format = path.endsWith('.csv') ? 'csv' : path.endsWith('.ndjson') ? 'ndjson' : undefined;
  if (format === undefined) return 'unknown';
  return (await parseRows(deps, { format, body: object.bytes }, { columns })).batch;
}

async function encodeAs(deps: DeltaDeps, path: string, batch: Batch): Promise<Uint8Array> {
  const format = (['csv', 'ndjson', 'arrow', 'tfrecord'] as const).find((each) => path.endsWith(`.${each}`)) ?? 'parquet';
  return encodeRows(deps, batch, format);
}

function refsOf(manifest: JsonObject): Pick<ErasedDataset, 'featureView' | 'trainingDataset'> {
  return { featureView: refOf(manifest), trainingDataset: Number(manifest['trainingDataset']) };
}

function refOf(manifest: JsonObject): GroupRef {
  const ref = manifest['featureView'] ?? null;
  return isJsonObject(ref) ? { name: textIn(ref, 'name'), version: Number(ref['version']) } : { name: '', version: 0 };
}

function listOf(json: JsonObject, member: string): readonly JsonObject[] {
  const value = json[member];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function textIn(json: JsonObject, member: string): string {
  const value = json[member];
  return typeof value === 'string' ? value : '';
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
