/** Writes over HTTP: rows, deletes, restores, publishing and packing of one feature group. */
import { sha256, toBase32, utf8, concatBytes } from '../../lib/core/bytes.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { FILE_BODY_BYTES_MAX, IDEMPOTENCY_WINDOW_MILLIS, JSON_BODY_BYTES_MAX } from '../../lib/core/limits.ts';
import { duration } from '../../lib/core/time.ts';
import type { Idempotency } from '../../lib/delta/write/write-outcome.ts';
import { eraseRows } from '../../lib/features/erase/erase-rows.ts';
import { parseErase } from '../../lib/features/erase/parse-erase.ts';
import { parseDelete } from '../../lib/features/history/parse-delete.ts';
import { ingestRows, validateOnly } from '../../lib/features/ingest/ingest-rows.ts';
import type { RowsFile, RowsRequest } from '../../lib/features/ingest/judge-rows.ts';
import { deleteRows, onlineState, optimizeRows, publishRows, restoreRows, vacuumRows } from '../../lib/features/history/manage-rows.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import type { Job } from '../../lib/features/jobs.ts';
import type { OpenGroup } from '../../lib/features/open-group.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { verifyGroup } from '../../lib/features/publish/verify-group.ts';
import { rightsIn } from '../http/access-guard.ts';
import { answerJson } from '../http/answer.ts';
import { addJobRoutes } from './job-routes.ts';
import type { RowsQueue } from './queued-rows.ts';
import { type Body, readBody, readJsonObject, readJsonObjectBody } from '../http/body.ts';
import { createHttpApp, type HttpApp, type HttpContext } from '../http/create-app.ts';
import { ARROW_TYPE, CSV_TYPE, NDJSON_TYPE, PARQUET_TYPE } from '../http/media.ts';
import { flagMember, integerMember, onlyMembers, textMember, textsMember } from '../http/members.ts';
import { type QueryParameters, queryParameters } from '../http/query-parameters.ts';
import { versionAction, versionedName } from '../http/resources.ts';
import { addUploadRoutes, uploadedRows, type UploadRouteDeps } from './upload-routes.ts';

export interface IngestAppDeps extends FeatureDeps, Pick<UploadRouteDeps, 'takesUploads'> {
  readonly projects: Projects;
  /** Carries out `mode=queued`; without it that is refused. */
  readonly queue?: RowsQueue;
  /** Whether this service may delete what a table was made of, as an erasure does. */
  readonly mayErase?: boolean;
  /** Whether it may append to the registry, as making a newly loaded generation current does. */
  readonly mayRebuild?: boolean;
}

const GROUP = '/v1/projects/:p/feature-groups/:fg/versions';
const JSON_TYPE = 'application/json';
const ROWS_TYPES = [JSON_TYPE, NDJSON_TYPE, CSV_TYPE, PARQUET_TYPE, ARROW_TYPE];
const ROW_PARAMETERS = ['operation', 'wait', 'mode', 'timezone', 'ignoreUnknown', 'allowEmpty'];
const ACTIONS = ['validate', 'publish', 'verify', 'restore', 'optimize', 'vacuum'];
const KEY_LENGTH_MAX = 128;

export function createIngestApp(deps: IngestAppDeps): HttpApp {
  const app = createHttpApp(deps);
  addUploadRoutes(app, deps);
  app.post(`${GROUP}/:v/:rows{rows(:[a-z]+)?}`, async (c) => {
    switch (c.req.param('rows')) {
      case 'rows':
        return ingest(deps, c);
      case 'rows:delete':
        return remove(deps, c);
      case 'rows:erase':
        return erase(deps, c);
      default:
        throw new LakefoldError('UNKNOWN_ROUTE', `expected a route of this service, found POST ${c.req.path}`);
    }
  });
  addJobRoutes(app, deps);
  app.get(`${GROUP}/:v/online`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureGroup');
    return answerJson(c, await onlineState(deps, await deps.projects.group(project, name, version)));
  });
  app.post(`${GROUP}/:action{[0-9]+:[a-z]+}`, async (c) => {
    const { version, action } = versionAction(c, ACTIONS);
    const { project, name, version: number } = versionedName(c, 'featureGroup', version);
    return act(deps, c, { action, group: await deps.projects.group(project, name, number) });
  });
  return app;
}

async function ingest(deps: IngestAppDeps, c: HttpContext): Promise<Response> {
  const { project, name, version } = versionedName(c, 'featureGroup');
  const query = queryParameters(c.req.raw, ROW_PARAMETERS);
  const group = await deps.projects.group(project, name, version);
  const queue = queueOf(deps, query);
  const body = await readBody(c.req.raw, { mediaTypes: ROWS_TYPES, bytesMax: bytesMaxOf(c) });
  const idempotency = idempotencyOf(group, c, body.bytes);
  const { principal } = rightsIn(c);
  const request = {
    ...(principal === null ? {} : { committedBy: principal }),
    ...(await rowsRequest(deps, c, { body, query })),
    wait: waitOf(group, query),
    allowEmpty: query.flag('allowEmpty') ?? false,
    ...(idempotency === undefined ? {} : { idempotency }),
  };
  if (queue === undefined) return answerJson(c, await ingestRows(deps, group, request));
  const { signal: _signal, ...queued } = request;
  return answerJob(c, await queue.add({ ...queued, project, name, version }));
}

/** The queue where the request asks for it. @throws LakefoldError UNSUPPORTED_OPERATION where there is none */
function queueOf({ queue }: IngestAppDeps, query: QueryParameters): RowsQueue | undefined {
  if (queue === undefined) refuseQueued(query);
  return query.word('mode', ['sync', 'queued'] as const) === 'queued' ? queue : undefined;
}

function answerJob(c: HttpContext, job: Job): Response {
  return answerJson(c, { job }, { status: 202, headers: { location: `/v1/projects/${c.req.param('p') ?? ''}/jobs/${job.id}`, 'retry-after': '1' } });
}

async function validate(deps: IngestAppDeps, c: HttpContext, group: OpenGroup): Promise<Response> {
  const query = queryParameters(c.req.raw, ROW_PARAMETERS);
  refuseQueued(query);
  const body = await readBody(c.req.raw, { mediaTypes: ROWS_TYPES, bytesMax: bytesMaxOf(c) });
  waitOf(group, query);
  query.flag('allowEmpty');
  return answerJson(c, await validateOnly(deps, group, await rowsRequest(deps, c, { body, query })));
}

async function rowsRequest(
  deps: IngestAppDeps,
  c: HttpContext,
  { body, query }: { readonly body: Body; readonly query: QueryParameters },
): Promise<RowsRequest & { readonly rows: RowsFile }> {
  const timezone = query.text('timezone');
  return {
    rows: (await uploadedRows(deps, c, body)) ?? rowsInput(body),
    operation: query.word('operation', ['upsert', 'append', 'overwrite'] as const) ?? 'upsert',
    ignoreUnknown: query.flag('ignoreUnknown') ?? false,
    signal: c.get('signal'),
    ...(timezone === undefined ? {} : { timezone }),
  };
}

function refuseQueued(query: QueryParameters): void {
  if ((query.word('mode', ['sync', 'queued'] as const) ?? 'sync') === 'queued')
    throw new LakefoldError('UNSUPPORTED_OPERATION', 'expected mode=sync, found queued, which this deployment does not have');
}

function bytesMaxOf(c: HttpContext): number {
  return (c.req.header('content-type') ?? '').toLowerCase().startsWith(JSON_TYPE) ? JSON_BODY_BYTES_MAX : FILE_BODY_BYTES_MAX;
}

function rowsInput(body: Body): RowsFile {
  switch (body.mediaType) {
    case NDJSON_TYPE:
      return { format: 'ndjson', body: body.bytes };
    case CSV_TYPE:
      return { format: 'csv', body: body.bytes };
    case PARQUET_TYPE:
      return { format: 'parquet', body: body.bytes };
    case ARROW_TYPE:
      return { format: 'arrow', body: body.bytes };
    default:
      return { format: 'json', body: body.bytes };
  }
}

async function remove(deps: IngestAppDeps, c: HttpContext): Promise<Response> {
  const { project, name, version } = versionedName(c, 'featureGroup');
  const query = queryParameters(c.req.raw, ['wait']);
  const group = await deps.projects.group(project, name, version);
  const { json, bytes } = await readJsonObjectBody(c.req.raw);
  const idempotency = idempotencyOf(group, c, bytes);
  const receipt = await deleteRows(deps, group, parseDelete(group, json), {
    wait: waitOf(group, query),
    signal: c.get('signal'),
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  return answerJson(c, receipt);
}

/** The erasure is carried out before the answer, which names a job that is finished: clients written for a slower service poll it once. */
async function erase(deps: IngestAppDeps, c: HttpContext): Promise<Response> {
  const { project, name, version } = versionedName(c, 'featureGroup');
  queryParameters(c.req.raw, []);
  if (deps.mayErase !== true)
    throw new LakefoldError(
      'UNSUPPORTED_OPERATION',
      'expected an erasure by the library or command, with rights to delete objects; this service has none and changed nothing',
    );
  const group = await deps.projects.group(project, name, version);
  const body = await readJsonObject(c.req.raw);
  const { state } = await deps.projects.registry(project, { fresh: 'yes' });
  const job = await eraseRows(deps, group, {
    ...parseErase(group, body),
    views: state.featureViews.map(({ definition }) => definition),
    signal: c.get('signal'),
  });
  return answerJob(c, job);
}

async function act(deps: IngestAppDeps, c: HttpContext, { action, group }: { readonly action: string; readonly group: OpenGroup }): Promise<Response> {
  if (action === 'validate') return validate(deps, c, group);
  const query = queryParameters(c.req.raw, action === 'restore' ? ['wait'] : []);
  const { json: body, bytes } = await readJsonObjectBody(c.req.raw, { empty: 'object' });
  switch (action) {
    case 'publish': {
      onlyMembers(body, ['rebuild', 'repair']);
      const rebuild = flagMember(body, 'rebuild') ?? false;
      const repair = flagMember(body, 'repair') ?? false;
      if (rebuild && deps.mayRebuild !== true)
        throw new LakefoldError(
          'UNSUPPORTED_OPERATION',
          'expected a rebuild by the library or command, with rights to change the registry; this service has none and changed nothing',
        );
      return answerJson(
        c,
        await publishRows(deps, group, { rebuild, repair, signal: c.get('signal'), ...(deps.mayRebuild === true ? {} : { tending: 'left' }) }),
      );
    }
    case 'verify': {
      onlyMembers(body, ['table', 'online']);
      const parts = { table: flagMember(body, 'table') ?? true, online: flagMember(body, 'online') ?? true };
      return answerJson(c, await verifyGroup(deps, group, { ...parts, signal: c.get('signal') }));
    }
    case 'restore': {
      onlyMembers(body, ['toVersion']);
      const toVersion = integerMember(body, 'toVersion');
      if (toVersion === undefined) throw new LakefoldError('INVALID_ARGUMENT', 'expected toVersion, found none', { context: { field: 'toVersion' } });
      const idempotency = idempotencyOf(group, c, bytes);
      return answerJson(
        c,
        await restoreRows(
          deps,
          group,
          { version: toVersion },
          { wait: waitOf(group, query), signal: c.get('signal'), ...(idempotency === undefined ? {} : { idempotency }) },
        ),
      );
    }
    case 'optimize': {
      onlyMembers(body, ['clusterBy', 'dryRun']);
      const clusterBy = textsMember(body, 'clusterBy');
      const dryRun = flagMember(body, 'dryRun') ?? false;
      return answerJson(c, await optimizeRows(deps, group, { dryRun, signal: c.get('signal'), ...(clusterBy === undefined ? {} : { clusterBy }) }));
    }
    default: {
      onlyMembers(body, ['retention', 'dryRun', 'force']);
      const retention = textMember(body, 'retention');
      return answerJson(
        c,
        await vacuumRows(group, {
          dryRun: flagMember(body, 'dryRun') ?? true,
          force: flagMember(body, 'force') ?? false,
          ...(retention === undefined ? {} : { retention }),
        }),
      );
    }
  }
}

function waitOf(group: OpenGroup, query: QueryParameters): 'commit' | 'online' {
  return query.word('wait', ['commit', 'online'] as const) ?? (group.definition.onlineEnabled ? 'online' : 'commit');
}

/** U9: a key, or a stream with its sequence; the body hash covers method, route, query and decoded bytes. */
function idempotencyOf(group: OpenGroup, c: HttpContext, body: Uint8Array): Idempotency | undefined {
  const key = c.req.header('idempotency-key');
  const stream = c.req.header('idempotency-stream');
  const sequence = c.req.header('idempotency-sequence');
  if (stream !== undefined || sequence !== undefined) {
    if (key !== undefined)
      throw new LakefoldError('INVALID_ARGUMENT', 'expected either Idempotency-Key or Idempotency-Stream with Idempotency-Sequence, found both');
    if (stream === undefined || !/^[A-Za-z0-9_.:/-]{1,128}$/.test(stream) || sequence === undefined || !/^\d{1,15}$/.test(sequence)) {
      throw new LakefoldError('INVALID_ARGUMENT', 'expected Idempotency-Stream (a name of at most 128 characters) with Idempotency-Sequence (a whole number)');
    }
    return { kind: 'stream', name: stream, sequence: Number(sequence) };
  }
  if (key === undefined) return undefined;
  if (key.length < 1 || key.length > KEY_LENGTH_MAX)
    throw new LakefoldError('INVALID_ARGUMENT', `expected an Idempotency-Key of 1 to ${KEY_LENGTH_MAX} characters, found ${key.length}`);
  const url = new URL(c.req.url);
  const bodyHash = toBase32(sha256(concatBytes([utf8(`${c.req.method}\n${url.pathname}\n${url.search}\n`), body])));
  const windowMillis = Math.min(Number(duration(group.definition.idempotencyRetention) / 1000n), IDEMPOTENCY_WINDOW_MILLIS);
  return { kind: 'request', key, bodyHash, windowMillis };
}
