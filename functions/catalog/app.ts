/** Definitions and history over HTTP: projects, feature groups, feature views, plan and apply, commits. */
import { mapConcurrent } from '../../lib/core/concurrency.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../lib/core/json.ts';
import { STORE_READ_CONCURRENCY } from '../../lib/core/limits.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { describeGroup, describeUnreadable, describeViewState } from '../../lib/features/definitions/describe.ts';
import { commitBodies, listCommits, readCommit } from '../../lib/features/history/commits.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { commitStatistics } from '../../lib/features/statistics/commit-statistics.ts';
import { listProjects } from '../../lib/registry/location.ts';
import { featureGroupOf, featureViewOf } from '../../lib/registry/state.ts';
import { ownProjectOf, rightsIn } from '../http/access-guard.ts';
import { answerJson } from '../http/answer.ts';
import { readJsonObject } from '../http/body.ts';
import { createHttpApp, type HttpApp, type HttpContext } from '../http/create-app.ts';
import { flagMember, namesMember, onlyMembers, textMember } from '../http/members.ts';
import { PAGE_PARAMETERS, pageRequest, positionNumber, takePage } from '../http/pagination.ts';
import { queryParameters } from '../http/query-parameters.ts';
import { requireReadOfGroup } from '../http/feature-rights.ts';
import { versionedName } from '../http/resources.ts';
import { addDiscoveryRoutes } from './discovery-routes.ts';
import { addEditRoutes } from './edit-routes.ts';
import { addReportRoutes } from './quality-routes.ts';

export interface CatalogDeps extends DeltaDeps {
  readonly projects: Projects;
}

const PROJECT = '/v1/projects/:p';

export function createCatalogApp(deps: CatalogDeps): HttpApp {
  const app = createHttpApp(deps);
  addProjectRoutes(app, deps);
  addGroupRoutes(app, deps);
  addViewRoutes(app, deps);
  addDefinitionRoutes(app, deps);
  addEditRoutes(app, deps);
  addDiscoveryRoutes(app, deps);
  addReportRoutes(app, deps);
  return app;
}

function addProjectRoutes(app: HttpApp, deps: CatalogDeps): void {
  const body = async (name: string): Promise<object> => {
    const { state } = await deps.projects.registry(name, { fresh: 'yes' });
    return { name, description: state.project.description, createdAt: state.project.createdAt };
  };
  app.post('/v1/projects', async (c) => {
    queryParameters(c.req.raw, []);
    const json = await readJsonObject(c.req.raw);
    onlyMembers(json, ['name', 'description']);
    const name = textMember(json, 'name') ?? '';
    const created = await deps.projects.create(name, { description: textMember(json, 'description') ?? null });
    return answerJson(c, await body(name), { status: created ? 201 : 200 });
  });
  app.get('/v1/projects', async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const own = ownProjectOf(c);
    const names = (await listProjects(deps)).filter((name) => name > (page.after ?? '') && (own === undefined || name === own));
    const { items, nextCursor } = await takePage(names, page, (name) => name);
    return answerJson(c, { items: await mapConcurrent(items, { concurrencyMax: STORE_READ_CONCURRENCY }, body), nextCursor });
  });
  app.get(PROJECT, async (c) => {
    queryParameters(c.req.raw, []);
    return answerJson(c, await body(c.req.param('p')));
  });
}

function addGroupRoutes(app: HttpApp, deps: CatalogDeps): void {
  const described = async (project: string, name: string, version: number): Promise<object> =>
    describeGroup(deps, await deps.projects.group(project, name, version));
  app.post(`${PROJECT}/feature-groups`, async (c) => {
    queryParameters(c.req.raw, []);
    const project = c.req.param('p');
    const definition = await readJsonObject(c.req.raw);
    rightsIn(c).require('create', resourceOf('feature-groups', definition));
    const created = await deps.projects.createGroup(project, definition);
    return withEtag(
      answerJson(c, await described(project, created.name, created.version), { status: created.existed ? 200 : 201 }),
      await etagOfGroup(deps, project, created),
    );
  });
  app.get(`${PROJECT}/feature-groups`, async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const { state } = await deps.projects.registry(c.req.param('p'), { fresh: 'yes' });
    const project = c.req.param('p');
    const sorted = state.featureGroups
      .filter((group) => group.status !== 'DELETED' && rightsIn(c).allows('describe', `feature-groups/${group.definition.name}`))
      .toSorted((a, b) => byNameAndVersion(a.definition, b.definition))
      .filter((group) => positionOf(group.definition) > (page.after ?? ''));
    const { items, nextCursor } = await takePage(sorted, page, (group) => positionOf(group.definition));
    const bodies = await mapConcurrent(items, { concurrencyMax: STORE_READ_CONCURRENCY }, async (group) => {
      try {
        return await described(project, group.definition.name, group.definition.version);
      } catch (error) {
        return describeUnreadable(deps, { project, state: group, definition: group.definition }, error);
      }
    });
    return answerJson(c, { items: bodies, nextCursor });
  });
  app.get(`${PROJECT}/feature-groups/:fg/versions/:v`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureGroup');
    return withEtag(answerJson(c, await described(project, name, version)), await etagOfGroup(deps, project, { name, version }));
  });
  app.get(`${PROJECT}/feature-groups/:fg/versions/:v/commits`, async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const { project, name, version } = versionedName(c, 'featureGroup');
    const group = await deps.projects.group(project, name, version);
    const { items, nextCursor } = await takePage(
      listCommits(deps, group, page.after === undefined ? {} : { before: positionNumber(page.after) }),
      page,
      (commit) => String(commit.version),
    );
    return answerJson(c, { items: await commitBodies(deps, group, items), nextCursor });
  });
  app.get(`${PROJECT}/feature-groups/:fg/versions/:v/commits/:n`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureGroup');
    const group = await deps.projects.group(project, name, version);
    const commit = await readCommit(deps, group, c.req.param('n'));
    const [body] = await commitBodies(deps, group, [commit]);
    return answerJson(c, { ...body, statistics: await commitStatistics(deps, group, commit.version) });
  });
}

function addViewRoutes(app: HttpApp, deps: CatalogDeps): void {
  const described = async (project: string, name: string, version: number): Promise<ReturnType<typeof describeViewState>> => {
    const { state } = await deps.projects.registry(project, { fresh: 'yes' });
    return describeViewState(state, featureViewOf(state, name, version));
  };
  app.post(`${PROJECT}/feature-views`, async (c) => {
    queryParameters(c.req.raw, []);
    const project = c.req.param('p');
    const definition = await readJsonObject(c.req.raw);
    rightsIn(c).require('create', resourceOf('feature-views', definition));
    if (rightsIn(c).principal !== null) await requireReadOfJoined(deps, c, definition);
    const created = await deps.projects.createView(project, definition);
    const body = await described(project, created.name, created.version);
    return withEtag(answerJson(c, body, { status: created.existed ? 200 : 201 }), body.etag);
  });
  app.get(`${PROJECT}/feature-views`, async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const { state } = await deps.projects.registry(c.req.param('p'), { fresh: 'yes' });
    const sorted = state.featureViews
      .filter((view) => view.status !== 'DELETED' && rightsIn(c).allows('describe', `feature-views/${view.definition.name}`))
      .toSorted((a, b) => byNameAndVersion(a.definition, b.definition))
      .filter((view) => positionOf(view.definition) > (page.after ?? ''));
    const { items, nextCursor } = await takePage(sorted, page, (view) => positionOf(view.definition));
    return answerJson(c, { items: items.map((view) => describeViewState(state, view)), nextCursor });
  });
  app.get(`${PROJECT}/feature-views/:fv/versions/:v`, async (c) => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureView');
    const body = await described(project, name, version);
    return withEtag(answerJson(c, body), body.etag);
  });
}

function addDefinitionRoutes(app: HttpApp, deps: CatalogDeps): void {
  // A colon within a path segment is a parameter to the router, so the verb is matched as one.
  app.post(`${PROJECT}/:action{definitions:[a-z]+}`, async (c) => {
    queryParameters(c.req.raw, []);
    const project = c.req.param('p');
    // Whoever applies definitions decides what there is: the right is on all of it.
    for (const action of ['create', 'update'] as const) for (const kind of ['feature-groups', 'feature-views']) rightsIn(c).require(action, `${kind}/*`);
    const body = await readJsonObject(c.req.raw);
    switch (c.req.param('action')) {
      case 'definitions:plan':
        return answerJson(c, await deps.projects.plan(project, body));
      case 'definitions:apply': {
        onlyMembers(body, ['planId', 'rewrite']);
        const planId = textMember(body, 'planId');
        if (planId === undefined) throw new LakefoldError('INVALID_ARGUMENT', 'expected planId, found none', { context: { field: 'planId' } });
        return answerJson(c, await deps.projects.apply(project, planId, { rewrite: flagMember(body, 'rewrite') ?? false }));
      }
      default:
        throw new LakefoldError('UNKNOWN_ROUTE', `expected a route of this service, found POST ${c.req.path}`);
    }
  });
  app.get(`${PROJECT}/definitions`, async (c) => {
    queryParameters(c.req.raw, []);
    const { state, revision } = await deps.projects.registry(c.req.param('p'), { fresh: 'yes' });
    const seen = <D extends Named>(kind: string, items: readonly { readonly status: string; readonly definition: D }[]): D[] =>
      items
        .filter(({ status, definition }) => status !== 'DELETED' && rightsIn(c).allows('describe', `${kind}/${definition.name}`))
        .map(({ definition }) => definition);
    return answerJson(c, {
      featureGroups: seen('feature-groups', state.featureGroups),
      featureViews: seen('feature-views', state.featureViews),
      revision,
    });
  });
}

/** What a definition would be, by the name it asks for; any name where it has none, which `create` then refuses. */
function resourceOf(kind: 'feature-groups' | 'feature-views', { name }: JsonObject): string {
  return `${kind}/${typeof name === 'string' ? name : '*'}`;
}

/** A view shows what its groups hold: whoever makes one must be allowed to read it there. */
async function requireReadOfJoined(deps: CatalogDeps, c: HttpContext, definition: JsonObject): Promise<void> {
  const { state } = await deps.projects.registry(c.req.param('p') ?? '', { fresh: 'yes' });
  const members = [...(Array.isArray(definition['joins']) ? (definition['joins'] as readonly Json[]) : []), definition['root'] ?? null].filter(isJsonObject);
  for (const member of members) {
    const name = member['featureGroup'] ?? member['name'];
    const features = namesMember(member, 'features');
    const groups = state.featureGroups.filter((group) => group.definition.name === name && group.status !== 'DELETED');
    for (const { definition: group } of groups) requireReadOfGroup(c, group, features === undefined ? {} : { features });
  }
}

interface Named {
  readonly name: string;
  readonly version: number;
}

function positionOf({ name, version }: Named): string {
  return `${name}/${String(version).padStart(10, '0')}`;
}

function byNameAndVersion(a: Named, b: Named): number {
  return positionOf(a) < positionOf(b) ? -1 : 1;
}

async function etagOfGroup(deps: CatalogDeps, project: string, { name, version }: Named): Promise<string> {
  const { state } = await deps.projects.registry(project);
  return `"r${featureGroupOf(state, name, version).revision}"`;
}

function withEtag(response: Response, etag: string): Response {
  response.headers.set('etag', etag);
  return response;
}
