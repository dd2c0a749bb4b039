/** `PATCH` and `DELETE` of one definition. */
import { describeGroup, describeViewState } from '../../lib/features/definitions/describe.ts';
import { deleteGroup, deleteView, editGroup, editView, type DeleteOptions, type EditOptions } from '../../lib/features/definitions/edit-definitions.ts';
import { etagOf, featureGroupOf, featureViewOf } from '../../lib/registry/state.ts';
import { answerJson } from '../http/answer.ts';
import { readJsonObject } from '../http/body.ts';
import type { HttpApp, HttpContext } from '../http/create-app.ts';
import { queryParameters } from '../http/query-parameters.ts';
import { versionedName } from '../http/resources.ts';
import type { CatalogDeps } from './app.ts';

const GROUP = '/v1/projects/:p/feature-groups/:fg/versions/:v';
const VIEW = '/v1/projects/:p/feature-views/:fv/versions/:v';

export function addEditRoutes(app: HttpApp, deps: CatalogDeps): void {
  app.patch(GROUP, async (c) => {
    queryParameters(c.req.raw, []);
    const at = versionedName(c, 'featureGroup');
    await editGroup(deps, at, await readJsonObject(c.req.raw), matchOf(c));
    const { state } = await deps.projects.registry(at.project);
    const body = await describeGroup(deps, await deps.projects.group(at.project, at.name, at.version));
    return answerJson(c, body, { headers: { etag: etagOf(featureGroupOf(state, at.name, at.version)) } });
  });
  app.patch(VIEW, async (c) => {
    queryParameters(c.req.raw, []);
    const at = versionedName(c, 'featureView');
    await editView(deps, at, await readJsonObject(c.req.raw), matchOf(c));
    const { state } = await deps.projects.registry(at.project);
    const body = describeViewState(state, featureViewOf(state, at.name, at.version));
    return answerJson(c, body, { headers: { etag: body.etag } });
  });
  app.delete(GROUP, async (c) => {
    const options = deleteOptions(c);
    await deleteGroup(deps, versionedName(c, 'featureGroup'), options);
    return new Response(null, { status: 204 });
  });
  app.delete(VIEW, async (c) => {
    const options = deleteOptions(c);
    await deleteView(deps, versionedName(c, 'featureView'), options);
    return new Response(null, { status: 204 });
  });
}

function deleteOptions(c: HttpContext): DeleteOptions {
  const force = queryParameters(c.req.raw, ['force']).flag('force');
  return { ...matchOf(c), ...(force === undefined ? {} : { force }) };
}

function matchOf(c: HttpContext): EditOptions {
  const ifMatch = c.req.header('if-match');
  return ifMatch === undefined ? {} : { ifMatch };
}
