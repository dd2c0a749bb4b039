/** Files that are sent first and named by a request afterwards: `POST /uploads`, and the bytes themselves where this service takes them. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, parseJson } from '../../lib/core/json.ts';
import { SOURCE_BODY_BYTES_MAX, UPLOAD_BYTES_MAX } from '../../lib/core/limits.ts';
import { ROWS_FORMATS, type RowsFile } from '../../lib/features/ingest/judge-rows.ts';
import { announceUpload, keepUpload, openUpload, type UploadDeps } from '../../lib/features/ingest/uploads.ts';
import { answerJson } from '../http/answer.ts';
import { type Body, readBytes, readJsonObject } from '../http/body.ts';
import type { HttpApp, HttpContext } from '../http/create-app.ts';
import { integerMember, onlyMembers, textMember } from '../http/members.ts';
import { queryParameters } from '../http/query-parameters.ts';

export interface UploadRouteDeps extends UploadDeps {
  /** Whether this service takes the bytes of uploads itself. */
  readonly takesUploads?: boolean;
  readonly projects: { registry(project: string): Promise<unknown> };
}

const UPLOADS = '/v1/projects/:p/uploads';

export function addUploadRoutes(app: HttpApp, deps: UploadRouteDeps): void {
  app.post(UPLOADS, async (c) => {
    queryParameters(c.req.raw, []);
    if (deps.takesUploads !== true)
      throw new LakefoldError('UNSUPPORTED_OPERATION', 'expected rows in the body, found an upload, which this deployment does not take');
    const project = c.req.param('p') ?? '';
    await deps.projects.registry(project);
    const body = await readJsonObject(c.req.raw);
    onlyMembers(body, ['bytes', 'contentType']);
    const [bytes, contentType] = [integerMember(body, 'bytes'), textMember(body, 'contentType')];
    if (bytes === undefined) throw new LakefoldError('INVALID_ARGUMENT', 'expected the bytes of the upload, found none', { context: { field: 'bytes' } });
    const { uploadId, expiresAt } = await announceUpload(deps, { project, bytes, contentType: contentType ?? 'application/octet-stream' });
    const url = `${new URL(c.req.url).origin}/v1/projects/${project}/uploads/${uploadId}`;
    return answerJson(c, { uploadId, url, method: 'PUT', headers: {}, expiresAt }, { status: 201 });
  });
  if (deps.takesUploads !== true) return;
  app.put(`${UPLOADS}/:id`, async (c) => {
    queryParameters(c.req.raw, []);
    const [project, uploadId] = [c.req.param('p'), c.req.param('id')];
    await keepUpload(deps, { project, uploadId }, await readBytes(c.req.raw, UPLOAD_BYTES_MAX));
    return new Response(null, { status: 204 });
  });
}

/** `{"source":{"uploadId"},"format"}` in the place of rows; undefined where the body is rows itself. @throws LakefoldError INVALID_ARGUMENT, UNSUPPORTED_OPERATION, UNKNOWN_FIELD */
export async function uploadedRows(deps: UploadDeps, c: HttpContext, { mediaType, bytes }: Body): Promise<RowsFile | undefined> {
  if (mediaType !== 'application/json' || bytes.length > SOURCE_BODY_BYTES_MAX) return undefined;
  // Faults of rows are the rows' to name.
  const body = parseJson(bytes, { loneSurrogates: 'keep' });
  if (!isJsonObject(body) || body['source'] === undefined) return undefined;
  onlyMembers(body, ['source', 'format']);
  const { source } = body;
  if (!isJsonObject(source))
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected {"uploadId"} as source, found ${JSON.stringify(source)}, which this deployment does not read`, {
      context: { field: 'source' },
    });
  onlyMembers(source, ['uploadId']);
  const [uploadId, asked] = [textMember(source, 'uploadId'), textMember(body, 'format') ?? 'parquet'];
  const format = ROWS_FORMATS.find((candidate) => candidate === asked);
  if (uploadId === undefined) throw new LakefoldError('INVALID_ARGUMENT', 'expected uploadId in source, found none', { context: { field: 'source.uploadId' } });
  if (format === undefined)
    throw new LakefoldError('INVALID_ARGUMENT', `expected one of ${ROWS_FORMATS.join(', ')} as format, found ${JSON.stringify(asked)}`, {
      context: { field: 'format' },
    });
  const file = await openUpload(deps, { project: c.req.param('p') ?? '', uploadId }, { signal: c.get('signal') });
  return { format, body: await file.readAll() };
}
