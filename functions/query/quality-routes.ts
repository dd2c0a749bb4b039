/** Statistics, drift and rows set aside, over HTTP. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { instant } from '../../lib/core/time.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { QUARANTINE_COLUMNS, readQuarantine } from '../../lib/features/quality/quarantine.ts';
import { groupDrift } from '../../lib/features/statistics/group-drift.ts';
import { groupStatistics, type StatisticsRequest } from '../../lib/features/statistics/group-statistics.ts';
import { requireReadOfGroup, requireReadOfView } from '../http/feature-rights.ts';
import { answerJson } from '../http/answer.ts';
import { readJsonObject } from '../http/body.ts';
import type { HttpApp } from '../http/create-app.ts';
import { NDJSON_TYPE, rowsBody } from '../http/media.ts';
import { instantMember, integerMember, onlyMembers, textMember } from '../http/members.ts';
import { type QueryParameters, queryParameters } from '../http/query-parameters.ts';
import { versionedName } from '../http/resources.ts';
import { parseDriftRequest } from './drift-request.ts';

const GROUP = '/v1/projects/:p/feature-groups/:fg/versions/:v';
const QUARANTINE_ROWS_DEFAULT = 100;
const RANGE_PARAMETERS = ['from', 'to'] as const;
const WINDOW_PARAMETERS = ['version', 'startTime', 'endTime'] as const;
const STATISTICS_PARAMETERS = ['basis', ...RANGE_PARAMETERS, ...WINDOW_PARAMETERS, 'features'];
const VERSION = { min: 0, max: Number.MAX_SAFE_INTEGER };

export function addQualityRoutes(app: HttpApp, deps: DeltaDeps & { readonly projects: Projects }): void {
  app.get(`${GROUP}/statistics`, async (c) => {
    const query = queryParameters(c.req.raw, STATISTICS_PARAMETERS);
    const { project, name, version } = versionedName(c, 'featureGroup');
    const group = await deps.projects.group(project, name, version);
    const features = query.list('features');
    requireReadOfGroup(c, group.definition, { features });
    return answerJson(c, await groupStatistics(deps, group, statisticsRequest(query, c.get('signal')), { features }));
  });
  app.post(`${GROUP}/drift`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureGroup');
    const request = parseDriftRequest(await readJsonObject(c.req.raw), c.get('signal'));
    const group = await deps.projects.group(project, name, version);
    requireReadOfGroup(c, group.definition, { features: request.features });
    for (const sample of [request.target, request.reference]) {
      if (!('featureView' in sample)) continue;
      requireReadOfView(c, 'readOffline', (await deps.projects.view(project, sample.featureView.name, sample.featureView.version)).definition);
    }
    return answerJson(c, await groupDrift(deps, group, request));
  });
  app.post(`${GROUP}/:quarantine{quarantine:read}`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureGroup');
    const body = await readJsonObject(c.req.raw, { empty: 'object' });
    onlyMembers(body, ['reportId', 'since', 'limit']);
    const limit = integerMember(body, 'limit') ?? QUARANTINE_ROWS_DEFAULT;
    if (limit < 1) throw new LakefoldError('INVALID_ARGUMENT', `expected a limit from 1, found ${limit}`, { context: { field: 'limit' } });
    const group = await deps.projects.group(project, name, version);
    requireReadOfGroup(c, group.definition);
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

/** Parameters of the other basis are faults, not ignored. Without `basis` they tell which. */
function statisticsRequest(query: QueryParameters, signal: AbortSignal): StatisticsRequest {
  const isRange = RANGE_PARAMETERS.some((name) => query.text(name) !== undefined);
  const basis = query.word('basis', ['commits', 'snapshot'] as const) ?? (isRange ? 'commits' : 'snapshot');
  const other = (basis === 'commits' ? WINDOW_PARAMETERS : RANGE_PARAMETERS).find((name) => query.text(name) !== undefined);
  if (other !== undefined)
    throw new LakefoldError('INVALID_ARGUMENT', `expected no query parameter ${other} with basis=${basis}`, { context: { field: other } });
  if (basis === 'commits') return { basis, from: query.integer('from', VERSION), to: query.integer('to', VERSION) };
  const instantOf = (name: string): bigint | undefined => {
    const text = query.text(name);
    return text === undefined ? undefined : instant(text);
  };
  return { basis, version: query.integer('version', VERSION), startTime: instantOf('startTime'), endTime: instantOf('endTime'), signal };
}
