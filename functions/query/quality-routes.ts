/** Rows set aside, over HTTP. */
import { LakefoldError } from '../../lib/core/errors.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import type { Projects } from '../../lib/features/projects.ts';
import { QUARANTINE_COLUMNS, readQuarantine } from '../../lib/features/quarantine.ts';
import { readJsonObject } from '../http/body.ts';
import type { HttpApp } from '../http/create-app.ts';
import { NDJSON_TYPE, rowsBody } from '../http/media.ts';
import { instantMember, integerMember, onlyMembers, textMember } from '../http/members.ts';
import { queryParameters } from '../http/query-parameters.ts';
import { versionedName } from '../http/resources.ts';

const GROUP = '/v1/projects/:p/feature-groups/:fg/versions/:v';
const QUARANTINE_ROWS_DEFAULT = 100;

export function addQualityRoutes(app: HttpApp, deps: DeltaDeps & { readonly projects: Projects }): void {
  app.post(`${GROUP}/:quarantine{quarantine:read}`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureGroup');
    const body = await readJsonObject(c.req.raw, { empty: 'object' });
    onlyMembers(body, ['reportId', 'since', 'limit']);
    const limit = integerMember(body, 'limit') ?? QUARANTINE_ROWS_DEFAULT;
    if (limit < 1) throw new LakefoldError('INVALID_ARGUMENT', `expected a limit from 1, found ${limit}`, { context: { field: 'limit' } });
    const group = await deps.projects.group(project, name, version);
    const batches = readQuarantine(deps, group, {
      reportId: textMember(body, 'reportId'),
      since: instantMember(body, 'since'),
      limit,
      signal: c.get('signal'),
    });
    return new Response(await rowsBody(deps.codec, { columns: QUARANTINE_COLUMNS, batches }, { format: 'ndjson' }), {
      headers: { 'content-type': NDJSON_TYPE },
    });
  });
}
