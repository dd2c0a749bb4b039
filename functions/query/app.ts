/** Offline reads and training data over HTTP. */
import type { Batch } from '../../lib/core/batch.ts';
import { mapConcurrent } from '../../lib/core/concurrency.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../lib/core/limits.ts';
import { datasetDirectory, publishedNumbers } from '../../lib/features/training/dataset-files.ts';
import type { TrainingDeps } from '../../lib/features/training/build-rows.ts';
import { createTrainingDataset } from '../../lib/features/training/create-dataset.ts';
import { batchData, parseBatchRequest } from '../../lib/features/training/batch-data.ts';
import { parseTrainingRequest, type TrainingRequest } from '../../lib/features/training/request.ts';
import { type DatasetAt, readManifest } from '../../lib/features/training/stored-manifest.ts';
import { verifyTrainingDataset } from '../../lib/features/training/verify-dataset.ts';
import { parseFilter } from '../../lib/delta/filter/parse-filter.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { readGroupChanges } from '../../lib/features/history/read-changes.ts';
import { readGroup, type GroupRead } from '../../lib/features/history/read-rows.ts';
import { rightsIn } from '../http/access-guard.ts';
import { requireReadOfGroup, requireReadOfView } from '../http/feature-rights.ts';
import { answerJson } from '../http/answer.ts';
import { readJsonObject } from '../http/body.ts';
import { createHttpApp, type HttpApp, type HttpContext } from '../http/create-app.ts';
import { acceptedFormat, mediaTypeOf, rowsBody } from '../http/media.ts';
import { asOfMember, instantMember, integerMember, namesMember, onlyMembers, textMember } from '../http/members.ts';
import { PAGE_PARAMETERS, pageRequest, positionNumber, takePage } from '../http/pagination.ts';
import { queryParameters } from '../http/query-parameters.ts';
import { versionAction, versionedName } from '../http/resources.ts';
import { addQualityRoutes } from './quality-routes.ts';
import { datasetRows, datasetUrls } from './stored-dataset.ts';

export interface QueryDeps extends Omit<TrainingDeps, 'openGroup'> {
  readonly projects: Projects;
}

const PROJECT = '/v1/projects/:p';
const DATASETS = `${PROJECT}/feature-views/:fv/versions/:v/training-datasets`;
const READ_MEMBERS = ['asOf', 'minVersion', 'startTime', 'endTime', 'features', 'where', 'limit', 'bigintAs'];

export function createQueryApp(deps: QueryDeps): HttpApp {
  const app = createHttpApp(deps);
  app.post(`${PROJECT}/feature-groups/:fg/versions/:v/read`, (c) => read(deps, c));
  app.post(`${PROJECT}/feature-groups/:fg/versions/:v/changes`, (c) => changes(deps, c));
  addQualityRoutes(app, deps);
  app.post(DATASETS, async (c) => {
    const query = queryParameters(c.req.raw, ['wait']);
    query.integer('wait', { min: 0, max: 600 });
    const { project, name, version } = versionedName(c, 'featureView');
    const view = await deps.projects.view(project, name, version);
    requireReadOfView(c, 'readOffline', view.definition);
    const request = parseTrainingRequest(await readJsonObject(c.req.raw, { empty: 'object' }));
    await requireReadOfSpine(deps, c, request);
    const dataset = await createTrainingDataset(trainingDeps(deps, project), { project, view, request }, { signal: c.get('signal') });
    return answerJson(c, dataset, { status: 201 });
  });
  app.get(DATASETS, async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const at = await datasetAt(deps, c);
    const after = page.after === undefined ? 0 : positionNumber(page.after);
    const numbers = (await publishedNumbers(deps, datasetDirectory(at.project, at.view))).filter((number) => number > after);
    const { items, nextCursor } = await takePage(numbers, page, String);
    const manifests = await mapConcurrent(items, { concurrencyMax: STORE_READ_CONCURRENCY }, (number) => readManifest(deps, { ...at, number: String(number) }));
    return answerJson(c, { items: manifests, nextCursor });
  });
  app.get(`${DATASETS}/:n`, async (c) => {
    queryParameters(c.req.raw, []);
    return answerJson(c, await readManifest(deps, await datasetAt(deps, c)));
  });
  app.post(`${DATASETS}/:action`, async (c) => {
    const { version: number } = versionAction(c, ['verify']);
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureView');
    onlyMembers(await readJsonObject(c.req.raw, { empty: 'object' }), []);
    const view = await deps.projects.view(project, name, version);
    requireReadOfView(c, 'readOffline', view.definition);
    return answerJson(c, await verifyTrainingDataset(trainingDeps(deps, project), { project, view: view.definition, number }, { signal: c.get('signal') }));
  });
  app.post(`${PROJECT}/feature-views/:fv/versions/:v/batch-data`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureView');
    const format = acceptedFormat(c.req.raw);
    const request = parseBatchRequest(await readJsonObject(c.req.raw, { empty: 'object' }));
    const { definition: view } = await deps.projects.view(project, name, version);
    requireReadOfView(c, 'readOffline', view);
    await requireReadOfSpine(deps, c, request.rows);
    const batch = await batchData(trainingDeps(deps, project), { project, view, request }, { signal: c.get('signal') });
    return new Response(await rowsBody(deps.codec, { columns: batch.columns, batches: oneBatch(batch) }, { format }), {
      headers: { 'content-type': mediaTypeOf(format) },
    });
  });
  app.get(`${DATASETS}/:n/data`, async (c) => {
    const query = queryParameters(c.req.raw, ['split', 'urls']);
    const at = await datasetAt(deps, c);
    if (query.flag('urls') === true) return answerJson(c, await datasetUrls(deps, at, query.text('split')));
    return datasetRows(deps, at, { split: query.text('split'), raw: c.req.raw });
  });
  return app;
}

function trainingDeps(deps: QueryDeps, project: string): TrainingDeps {
  return { ...deps, openGroup: (name, version) => deps.projects.group(project, name, version) };
}

async function* oneBatch(batch: Batch): AsyncIterable<Batch> {
  yield batch;
}

async function read(deps: QueryDeps, c: HttpContext): Promise<Response> {
  queryParameters(c.req.raw, []);
  const { project, name, version } = versionedName(c, 'featureGroup');
  const format = acceptedFormat(c.req.raw);
  const body = await readJsonObject(c.req.raw, { empty: 'object' });
  onlyMembers(body, READ_MEMBERS);
  const group = await deps.projects.group(project, name, version);
  const asOf = asOfMember(body, 'asOf');
  const [minVersion, startTime, endTime, limit] = [
    integerMember(body, 'minVersion'),
    instantMember(body, 'startTime'),
    instantMember(body, 'endTime'),
    integerMember(body, 'limit'),
  ];
  const features = namesMember(body, 'features');
  const where = body['where'] ?? null;
  requireReadOfGroup(c, group.definition, { features, where });
  const bigintAs = textMember(body, 'bigintAs') ?? 'number';
  if (bigintAs !== 'number' && bigintAs !== 'string')
    throw new LakefoldError('INVALID_ARGUMENT', `expected number or string in bigintAs, found ${JSON.stringify(bigintAs)}`, { context: { field: 'bigintAs' } });
  const result = await readGroup(deps, group, {
    signal: c.get('signal'),
    ...(asOf === undefined ? {} : { asOf }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
    ...(features === undefined ? {} : { features }),
    ...(where === null ? {} : { where: parseFilter(where, group.columns) }),
    ...(limit === undefined ? {} : { limit }),
  });
  const headers = { 'content-type': mediaTypeOf(format), 'x-lakefold-version': String(result.version) };
  return new Response(await rowsBody(deps.codec, looseRows(result), { format, bigintAs }), { headers });
}

async function changes(deps: QueryDeps, c: HttpContext): Promise<Response> {
  queryParameters(c.req.raw, []);
  const { project, name, version } = versionedName(c, 'featureGroup');
  const format = acceptedFormat(c.req.raw);
  const body = await readJsonObject(c.req.raw, { empty: 'object' });
  onlyMembers(body, ['fromVersion', 'toVersion']);
  const [fromVersion, toVersion] = [integerMember(body, 'fromVersion'), integerMember(body, 'toVersion')];
  const group = await deps.projects.group(project, name, version);
  requireReadOfGroup(c, group.definition);
  const result = await readGroupChanges(group, {
    signal: c.get('signal'),
    ...(fromVersion === undefined ? {} : { fromVersion }),
    ...(toVersion === undefined ? {} : { toVersion }),
  });
  const headers = { 'content-type': mediaTypeOf(format), 'x-lakefold-version': String(result.version) };
  return new Response(await rowsBody(deps.codec, looseRows(result), { format, bigintAs: 'number' }), { headers });
}

/** A foreign writer may have left nulls where the definition has none. */
function looseRows({ columns, rows }: GroupRead): Parameters<typeof rowsBody>[1] {
  return { columns: columns.map((column) => ({ ...column, nullable: true })), batches: rows };
}

async function datasetAt(deps: QueryDeps, c: HttpContext): Promise<DatasetAt> {
  const { project, name, version } = versionedName(c, 'featureView');
  const { definition: view } = await deps.projects.view(project, name, version);
  requireReadOfView(c, 'readOffline', view);
  return { project, view, number: c.req.param('n') ?? '' };
}

/** Rows that come from a group are read there. */
async function requireReadOfSpine(deps: QueryDeps, c: HttpContext, { spine }: TrainingRequest): Promise<void> {
  if (spine.kind !== 'featureGroup' || rightsIn(c).principal === null) return;
  const { definition } = await deps.projects.group(c.req.param('p') ?? '', spine.name, spine.version);
  requireReadOfGroup(c, definition);
}
