/** Jobs over HTTP: what long work came to. */
import { type Job, readJob, readJobs } from '../../lib/features/jobs.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { answerJson } from '../http/answer.ts';
import type { HttpApp } from '../http/create-app.ts';
import { PAGE_PARAMETERS, pageRequest, takePage } from '../http/pagination.ts';
import { queryParameters } from '../http/query-parameters.ts';
import type { IngestAppDeps } from './app.ts';

const JOBS = '/v1/projects/:p/jobs';
const STATES = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;

export function addJobRoutes(app: HttpApp, deps: IngestAppDeps): void {
  app.get(JOBS, async (c) => {
    const query = queryParameters(c.req.raw, [...PAGE_PARAMETERS, 'state']);
    const page = pageRequest(query);
    const project = c.req.param('p');
    await deps.projects.registry(project);
    const state = query.word('state', STATES);
    const { items, nextCursor } = await takePage(jobsOf(deps, project, { after: page.after, state }), page, ({ id }) => id);
    return answerJson(c, { items, nextCursor });
  });
  app.get(`${JOBS}/:id`, async (c) => {
    queryParameters(c.req.raw, []);
    const project = c.req.param('p');
    await deps.projects.registry(project);
    return answerJson(c, await readJob(deps, project, c.req.param('id')));
  });
  app.post(`${JOBS}/:action{[^/]+:cancel}`, async (c) => {
    queryParameters(c.req.raw, []);
    const project = c.req.param('p');
    await deps.projects.registry(project);
    const id = c.req.param('action').slice(0, -':cancel'.length);
    const job = await readJob(deps, project, id);
    if (job.type === 'rows' && deps.queue !== undefined) return answerJson(c, await deps.queue.cancel(project, id));
    if (job.finishedAt === null)
      throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a job that can be cancelled, found ${job.id}: an erasure is repeated, never left half done`);
    return answerJson(c, job);
  });
}

async function* jobsOf(
  deps: IngestAppDeps,
  project: string,
  at: { readonly after: string | undefined; readonly state: Job['state'] | undefined },
): AsyncIterable<Job> {
  for await (const { job } of readJobs(deps, project, at.after === undefined ? {} : { after: at.after }))
    if (at.state === undefined || job.state === at.state) yield job;
}
