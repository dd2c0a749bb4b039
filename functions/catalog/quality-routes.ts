/** Validation reports over HTTP. */
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { listReports, readReport } from '../../lib/features/quality/report-store.ts';
import { answerJson } from '../http/answer.ts';
import type { HttpApp } from '../http/create-app.ts';
import { PAGE_PARAMETERS, pageRequest, takePage } from '../http/pagination.ts';
import { queryParameters } from '../http/query-parameters.ts';
import { versionedName } from '../http/resources.ts';

const REPORTS = '/v1/projects/:p/feature-groups/:fg/versions/:v/validation-reports';

export function addReportRoutes(app: HttpApp, deps: DeltaDeps & { readonly projects: Projects }): void {
  app.get(REPORTS, async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const { project, name, version } = versionedName(c, 'featureGroup');
    const group = await deps.projects.group(project, name, version);
    const reports = listReports(deps, group, page.after === undefined ? {} : { before: page.after });
    const { items, nextCursor } = await takePage(reports, page, (report) => report.reportId ?? '');
    return answerJson(c, { items, nextCursor });
  });
  app.get(`${REPORTS}/:report`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureGroup');
    const group = await deps.projects.group(project, name, version);
    return answerJson(c, await readReport(deps, group, c.req.param('report')));
  });
}
