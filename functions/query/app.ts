/** Offline reads and training data over HTTP. */
import { concatBatches, type Batch } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { joinPath } from '../../lib/core/path.ts';
import { csvText, datasetDirectory, publishedNumbers } from '../../lib/features/training/dataset-files.ts';
import { createTrainingDataset, type TrainingDeps } from '../../lib/features/training/create-dataset.ts';
import { parseTrainingRequest } from '../../lib/features/training/request.ts';
import { parseFilter } from '../../lib/features/parse-filter.ts';
import type { Projects } from '../../lib/features/projects.ts';
import { readGroup, type GroupRead } from '../../lib/features/read-rows.ts';
import { featureViewOf } from '../../lib/registry/state.ts';
import { parseJson, isJsonObject, type JsonObject } from '../../lib/core/json.ts';
import { answerJson } from '../http/answer.ts';
import { readJsonObject } from '../http/body.ts';
import { createHttpApp, type HttpApp, type HttpContext } from '../http/create-app.ts';
import { acceptedFormat, mediaTypeOf, ndjsonStream } from '../http/media.ts';
import { asOfMember, instantMember, integerMember, namesMember, onlyMembers, textMember } from '../http/members.ts';
import { PAGE_PARAMETERS, pageRequest, positionNumber, takePage } from '../http/pagination.ts';
import { queryParameters } from '../http/query-parameters.ts';
import { versionedName } from '../http/resources.ts';

export interface QueryDeps extends Omit<TrainingDeps, 'openGroup'> {
  readonly projects: Projects;
}

const PROJECT = '/v1/projects/:p';
const DATASETS = `${PROJECT}/feature-views/:fv/versions/:v/training-datasets`;
const READ_MEMBERS = ['asOf', 'minVersion', 'startTime', 'endTime', 'features', 'where', 'limit', 'bigintAs'];

export function createQueryApp(deps: QueryDeps): HttpApp {
  const app = createHttpApp(deps);
  app.post(`${PROJECT}/feature-groups/:fg/versions/:v/read`, (c) => read(deps, c));
  app.post(DATASETS, async (c) => {
    const query = queryParameters(c.req.raw, ['wait']);
    query.integer('wait', { min: 0, max: 600 });
    const { project, name, version } = versionedName(c, 'featureView');
    const view = featureViewOf((await deps.projects.registry(project)).state, name, version);
    const request = parseTrainingRequest(await readJsonObject(c.req.raw, { empty: 'object' }));
    const openGroup: TrainingDeps['openGroup'] = (group, groupVersion) => deps.projects.group(project, group, groupVersion);
    const dataset = await createTrainingDataset({ ...deps, openGroup }, { project, view, request }, { signal: c.get('signal') });
    return answerJson(c, dataset, { status: 201 });
  });
  app.get(DATASETS, async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const { project, name, version } = versionedName(c, 'featureView');
    const view = featureViewOf((await deps.projects.registry(project)).state, name, version).definition;
    const after = page.after === undefined ? 0 : positionNumber(page.after);
    const numbers = (await publishedNumbers(deps, datasetDirectory(project, view))).filter((number) => number > after);
    const { items, nextCursor } = await takePage(numbers, page, String);
    return answerJson(c, { items: await Promise.all(items.map((number) => readManifest(deps, { project, name, version, number }))), nextCursor });
  });
  app.get(`${DATASETS}/:n`, async (c) => {
    queryParameters(c.req.raw, []);
    return answerJson(c, await readManifest(deps, { ...versionedName(c, 'featureView'), number: c.req.param('n') }));
  });
  app.get(`${DATASETS}/:n/data`, async (c) => {
    const query = queryParameters(c.req.raw, ['split']);
    const at = { ...versionedName(c, 'featureView'), number: c.req.param('n') };
    const manifest = await readManifest(deps, at);
    return dataOf(deps, { at, manifest, split: query.text('split') });
  });
  return app;
}

async function read(deps: QueryDeps, c: HttpContext): Promise<Response> {
  queryParameters(c.req.raw, []);
  const { project, name, version } = versionedName(c, 'featureGroup');
  const format = acceptedFormat(c.req.raw);
  const body = await readJsonObject(c.req.raw, { empty: 'object' });
  onlyMembers(body, READ_MEMBERS);
  const group = await deps.projects.group(project, name, version);
  const asOf = asOfMember(body, 'asOf');
  const [minVersion, startTime, endTime, limit] = [integerMember(body, 'minVersion'), instantMember(body, 'startTime'), instantMember(body, 'endTime'), integerMember(body, 'limit')];
  const features = namesMember(body, 'features');
  const where = body['where'] ?? null;
  const bigintAs = textMember(body, 'bigintAs') ?? 'number';
  if (bigintAs !== 'number' && bigintAs !== 'string') throw new LakefoldError('INVALID_ARGUMENT', `expected number or string in bigintAs, found ${JSON.stringify(bigintAs)}`, { context: { field: 'bigintAs' } });
  const result = await readGroup(deps, group, {
    signal: c.get('signal'),
    ...(asOf === undefined ? {} : { asOf }), ...(minVersion === undefined ? {} : { minVersion }), ...(startTime === undefined ? {} : { startTime }), ...(endTime === undefined ? {} : { endTime }),
    ...(features === undefined ? {} : { features }), ...(where === null ? {} : { where: parseFilter(where, group.columns) }), ...(limit === undefined ? {} : { limit }),
  });
  const headers = { 'content-type': mediaTypeOf(format), 'x-lakefold-version': String(result.version) };
  return new Response(await rowsBody(deps, result, { format, bigintAs }), { headers });
}

async function rowsBody(deps: QueryDeps, { rows, columns }: GroupRead, { format, bigintAs }: { readonly format: ReturnType<typeof acceptedFormat>; readonly bigintAs: 'number' | 'string' }): Promise<ReadableStream<Uint8Array> | string | Uint8Array<ArrayBuffer>> {
  if (format === 'ndjson') return ndjsonStream(rows, { bigintAs });
  const batches: Batch[] = [];
  for await (const batch of rows) batches.push(batch);
  const whole = concatBatches(columns.map(({ name, type, nullable }) => ({ name, type, nullable })), batches);
  return format === 'csv' ? csvText(whole) : new Uint8Array(await deps.codec.encode(whole));
}

interface DatasetAt {
  readonly project: string;
  readonly name: string;
  readonly version: number;
  readonly number: number;
}

async function readManifest(deps: QueryDeps, at: DatasetAt): Promise<JsonObject> {
  const known = Number.isSafeInteger(at.number) && at.number > 0;
  const object = known ? await deps.store.get(joinPath(datasetDirectory(at.project, at), String(at.number), 'manifest.json')) : undefined;
  const manifest = object === undefined ? null : parseJson(object.bytes);
  if (!isJsonObject(manifest)) throw new LakefoldError('UNKNOWN_TRAINING_DATASET', `expected a training dataset of ${at.name}/${at.version}, found ${at.number}`, { context: { trainingDataset: at.number } });
  const { format: _format, ...dataset } = manifest;
  return dataset;
}

async function dataOf(deps: QueryDeps, { at, manifest, split }: { readonly at: DatasetAt; readonly manifest: JsonObject; readonly split: string | undefined }): Promise<Response> {
  const splits = Array.isArray(manifest['splits']) ? manifest['splits'].filter(isJsonObject) : [];
  const chosen = split === undefined ? splits[0] : splits.find((candidate) => candidate['name'] === split);
  const file = Array.isArray(chosen?.['files']) ? chosen['files'].find(isJsonObject) : undefined;
  const path = file?.['path'];
  if (typeof path !== 'string') throw new LakefoldError('INVALID_ARGUMENT', `expected one of the splits ${splits.map((candidate) => JSON.stringify(candidate['name'])).join(', ')}, found ${JSON.stringify(split)}`, { context: { field: 'split' } });
  const object = await deps.store.get(joinPath(datasetDirectory(at.project, at), String(at.number), path));
  if (object === undefined) throw new LakefoldError('FILE_MISSING', `expected ${path} of training dataset ${at.number}, found nothing there`, { context: { path } });
  const format = path.endsWith('.csv') ? 'csv' : path.endsWith('.ndjson') ? 'ndjson' : 'parquet';
  return new Response(new Uint8Array(object.bytes), { headers: { 'content-type': mediaTypeOf(format) } });
}
