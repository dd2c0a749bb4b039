/** API keys and grants over HTTP (shapes.md). Whoever may use these routes can give any right of the project: `grant` is its administrator's. */
import { LakefoldError } from '../../lib/core/errors.ts';
import type { JsonObject } from '../../lib/core/json.ts';
import { GRANT_ITEMS_MAX, KEY_OVERLAP_MILLIS_MAX } from '../../lib/core/limits.ts';
import { duration, floorDiv } from '../../lib/core/time.ts';
import { createKey, describeKey, listKeys, revokeKey, rotateKey, type KeyDeps } from '../../lib/features/access/api-keys.ts';
import { ACTIONS, isAction, isResource, parseGrants, RESOURCE_FORMS } from '../../lib/features/access/grant.ts';
import { grantsDocument, putGrants } from '../../lib/features/access/project-grants.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { answerJson } from '../http/answer.ts';
import { readJsonObject } from '../http/body.ts';
import { createHttpApp, type HttpApp } from '../http/create-app.ts';
import { instantMember, namesMember, onlyMembers, textMember } from '../http/members.ts';
import { PAGE_PARAMETERS, pageRequest, takePage } from '../http/pagination.ts';
import { queryParameters } from '../http/query-parameters.ts';
import type { HttpDeps } from '../http/request-context.ts';

export interface AccessAppDeps extends HttpDeps, Pick<KeyDeps, 'control'> {
  readonly projects: Pick<Projects, 'registry' | 'revise'>;
}

const PROJECT = '/v1/projects/:p';
const KEYS = `${PROJECT}/api-keys`;
const NAME_MAX = 128;

export function createAccessApp(deps: AccessAppDeps): HttpApp {
  const app = createHttpApp(deps);
  addKeyRoutes(app, deps);
  app.get(`${PROJECT}/grants`, async (c) => {
    queryParameters(c.req.raw, []);
    const { state } = await deps.projects.registry(c.req.param('p'), { fresh: 'yes' });
    const body = grantsDocument(state);
    return answerJson(c, body, { headers: { etag: body.etag } });
  });
  app.put(`${PROJECT}/grants`, async (c) => {
    queryParameters(c.req.raw, []);
    const ifMatch = c.req.header('if-match');
    const body = await readJsonObject(c.req.raw);
    // What `GET` answers may be sent back as it is; the etag counts as a header only.
    onlyMembers(body, ['grants', 'etag', 'requestId']);
    const grants = parseGrants(body['grants']);
    if (ifMatch === undefined)
      throw new LakefoldError('PRECONDITION_FAILED', 'expected the header If-Match with the etag of GET …/grants, or *, found none', {
        context: { field: 'if-match' },
      });
    const put = await putGrants(deps, c.req.param('p'), { grants, ifMatch });
    return answerJson(c, put, { headers: { etag: put.etag } });
  });
  return app;
}

function addKeyRoutes(app: HttpApp, deps: AccessAppDeps): void {
  const known = async (project: string): Promise<string> => (await deps.projects.registry(project)).project;
  app.post(KEYS, async (c) => {
    queryParameters(c.req.raw, []);
    const project = await known(c.req.param('p'));
    const body = await readJsonObject(c.req.raw);
    onlyMembers(body, ['name', 'scopes', 'resources', 'expiresAt']);
    const name = textMember(body, 'name') ?? '';
    if (name === '' || name.length > NAME_MAX) throw invalid('name', `a name of 1 to ${NAME_MAX} characters`);
    const expiresAt = instantMember(body, 'expiresAt');
    const scopes = namesIn(body, 'scopes', { passes: isAction, expected: ACTIONS.join(', ') }).filter(isAction);
    const resources =
      body['resources'] === undefined || body['resources'] === null ? ['*'] : namesIn(body, 'resources', { passes: isResource, expected: RESOURCE_FORMS });
    const key = await createKey(deps, project, { name, scopes, resources, expiresAt: expiresAt === undefined ? null : Number(floorDiv(expiresAt, 1000n)) });
    return answerJson(c, key, { status: 201 });
  });
  app.get(KEYS, async (c) => {
    const page = pageRequest(queryParameters(c.req.raw, PAGE_PARAMETERS));
    const project = await known(c.req.param('p'));
    return answerJson(c, await takePage(listKeys(deps, project, page.after === undefined ? {} : { after: page.after }), page, ({ id }) => id));
  });
  app.get(`${KEYS}/:id`, async (c) => {
    queryParameters(c.req.raw, []);
    return answerJson(c, await describeKey(deps, await known(c.req.param('p')), c.req.param('id')));
  });
  app.delete(`${KEYS}/:id`, async (c) => {
    queryParameters(c.req.raw, []);
    await revokeKey(deps, await known(c.req.param('p')), c.req.param('id'));
    return new Response(null, { status: 204 });
  });
  app.post(`${KEYS}/:action{[^/]+:rotate}`, async (c) => {
    queryParameters(c.req.raw, []);
    const project = await known(c.req.param('p'));
    const body = await readJsonObject(c.req.raw, { empty: 'object' });
    onlyMembers(body, ['overlap']);
    const overlap = textMember(body, 'overlap');
    const overlapMillis = overlap === undefined ? 0 : Number(floorDiv(duration(overlap), 1000n));
    if (overlapMillis > KEY_OVERLAP_MILLIS_MAX) throw invalid('overlap', 'a duration of at most P30D');
    return answerJson(c, await rotateKey(deps, project, (c.req.param('action') ?? '').replace(/:rotate$/, ''), { overlapMillis }), { status: 201 });
  });
}

function namesIn(body: JsonObject, name: string, of: { readonly passes: (text: string) => boolean; readonly expected: string }): readonly string[] {
  const names = namesMember(body, name) ?? [];
  if (names.length > GRANT_ITEMS_MAX) throw invalid(name, `at most ${GRANT_ITEMS_MAX} of them`);
  const wrong = names.find((text) => !of.passes(text));
  if (wrong !== undefined) throw invalid(name, `${of.expected}, found ${JSON.stringify(wrong.slice(0, 80))},`);
  return names;
}

function invalid(field: string, expected: string): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in ${field}`, { context: { field } });
}
